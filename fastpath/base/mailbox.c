/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailbox.c - a push links the object before the newest one and swaps it in; a take swaps the whole
 * list for nothing and turns it round. Any thread pushes, one takes. Ringing is the caller's.
 *
 * Orders: push releases what its sender wrote, the link included; take acquires it. That holds for
 * every object of the list and not for the newest alone: each later push is a read-modify-write,
 * and so carries on the release sequences of those before it. A failed compare-and-swap reads only
 * the pointer, never through it: relaxed.
 *
 * No ring is lost: all pushes and takes are ordered in the one word. A push that finds the box not
 * empty comes before the take that empties it, and so does the first push onto that list, which
 * rings.
 */
#include "base/mailbox.h"

#include <stddef.h>

bool rd_mailbox_push(struct rd_mailbox *box, struct rd_mail *mail)
{
    struct rd_mail *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);

    do {
        mail->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&box->newest, &newest, mail,
                                                    memory_order_release, memory_order_relaxed));
    return !newest;
}

struct rd_mail *rd_mailbox_take(struct rd_mailbox *box)
{
    struct rd_mail *oldest = NULL, *mail;

    /* It is looked at every turn, and mostly empty: a look leaves the line where it is. */
    if (!atomic_load_explicit(&box->newest, memory_order_relaxed))
        return NULL;
    mail = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
    while (mail) {
        struct rd_mail *next = mail->next;

        mail->next = oldest;
        oldest = mail;
        mail = next;
    }
    return oldest;
}
