/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailbox.h - what many threads leave for one: a list, pushed onto by compare-and-swap and taken as
 * a whole. It is bounded by the objects that there are, for it has no memory of its own.
 *
 * No object is taken off alone, so an address that comes back while a push looks away (ABA) does
 * no harm: what is pushed then stands in front of it all the same.
 */
#ifndef RINGDNS_BASE_MAILBOX_H
#define RINGDNS_BASE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

/* Embedded in what is sent. Whoever holds the object may read and write it: it needs no atomics. */
struct rd_mail {
    struct rd_mail *next;
};

/* Zeroed: empty. To be alone in its cache line: all senders write it. */
struct rd_mailbox {
    _Atomic(struct rd_mail *) newest;
};

/* Any thread. What it wrote into the object before, the receiver sees. The object is the
 * receiver's from here on. True: the box was empty, so the receiver may be asleep; ring it. */
bool rd_mailbox_push(struct rd_mailbox *box, struct rd_mail *mail);
/* The receiver's thread. All there is, oldest first (those of one sender in its order); NULL:
 * empty. One that is rung has nothing to fear if it takes after it was woken. */
struct rd_mail *rd_mailbox_take(struct rd_mailbox *box);

#endif
