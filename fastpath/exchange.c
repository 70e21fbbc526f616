/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exchange.c - a desk for each worker: the box that others push onto, its doorbell, and the letters
 * that it writes. Claims are pending.c's.
 *
 * A writer uses its letters in turn: a ring, with a cursor that only it moves. A letter is the
 * writer's until it is pushed, the receiver's until that clears busy, and then the writer's again.
 * Both hand-overs order all of its bytes: the push by the mailbox (release and acquire there), the
 * return by busy, which the receiver stores with release after its last look and the writer loads
 * with acquire before it writes again. Nothing else of a letter is ever in two hands.
 *
 * The desk has three cache lines: one that everybody writes, one that everybody reads, one that its
 * owner writes. Letters begin in lines of their own.
 */
#include "exchange.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/slab.h"
#include "pending.h"

/* Letters that a writer looks at when all were out the last time: its receivers are slow, and a
 * look at every one is dear. */
#define LOOK_WHEN_OUT 16

struct store {
    struct rd_slab letters;
    uint32_t cursor; /* the next one to be tried */
    uint32_t look;   /* how many to try */
};

struct desk {
    alignas(64) struct rd_mailbox box; /* any worker writes */
    alignas(64) struct io *io;         /* any worker reads; NULL: not to be rung */
    alignas(64) struct store small;    /* its own worker alone */
    struct store large;
};

struct rd_exchange {
    alignas(64) struct pending_table pending;
    unsigned workers;
    struct desk desks[];
};

static_assert(offsetof(struct letter, mail) == 0, "a mail is its letter");

static size_t letter_bytes(size_t data)
{
    return (sizeof(struct letter) + data + 63) / 64 * 64;
}

static int store_init(struct store *store, size_t data, uint32_t count)
{
    store->look = count;
    return rd_slab_init(&store->letters, letter_bytes(data), count);
}

static int desk_init(struct desk *desk)
{
    int error = store_init(&desk->small, RD_LETTER_BYTES, RD_LETTERS);

    if (error < 0)
        return error;
    return store_init(&desk->large, RD_DNS_TCP_BYTES, RD_LARGE_LETTERS);
}

struct rd_exchange *rd_exchange_new(unsigned workers, uint32_t questions)
{
    size_t bytes = sizeof(struct rd_exchange) + workers * sizeof(struct desk);
    struct rd_exchange *exchange = aligned_alloc(alignof(struct rd_exchange), bytes);
    int error;

    assert(workers >= 1 && workers <= RD_MAX_WORKERS);
    if (!exchange)
        return NULL;
    memset(exchange, 0, bytes);
    exchange->workers = workers;
    error = pending_init(&exchange->pending, 2 * (uint64_t)workers * questions);
    for (unsigned i = 0; i < workers && error == 0; i++)
        error = desk_init(&exchange->desks[i]);
    if (error < 0) {
        rd_exchange_free(exchange);
        return NULL;
    }
    return exchange;
}

void rd_exchange_free(struct rd_exchange *exchange)
{
    if (!exchange)
        return;
    for (unsigned i = 0; i < exchange->workers; i++) {
        rd_slab_deinit(&exchange->desks[i].small.letters);
        rd_slab_deinit(&exchange->desks[i].large.letters);
    }
    pending_deinit(&exchange->pending);
    free(exchange);
}

enum pending exchange_claim(struct rd_exchange *exchange, uint64_t hash, unsigned worker,
                            unsigned *ret_leader)
{
    return pending_claim(&exchange->pending, hash, worker, ret_leader);
}

void exchange_release(struct rd_exchange *exchange, uint64_t hash, unsigned worker)
{
    pending_release(&exchange->pending, hash, worker);
}

void exchange_register(struct rd_exchange *exchange, unsigned worker, struct io *io)
{
    assert(worker < exchange->workers);
    exchange->desks[worker].io = io;
}

/* The next one in turn that is back; NULL: none of those looked at. */
static struct letter *free_letter(struct store *store)
{
    for (uint32_t i = 0; i < store->look; i++) {
        struct letter *letter = rd_slab_at(&store->letters, store->cursor);

        store->cursor = (store->cursor + 1) % store->letters.count;
        if (!atomic_load_explicit(&letter->busy, memory_order_acquire)) {
            store->look = store->letters.count;
            return letter;
        }
    }
    store->look = LOOK_WHEN_OUT;
    return NULL;
}

static void ring(const struct desk *desk)
{
    if (desk->io)
        desk->io->ops->wake(desk->io);
}

bool exchange_send(struct rd_exchange *exchange, unsigned from, unsigned to,
                   const struct letter_note *note, const struct rd_key *key, const uint8_t *data,
                   uint32_t len)
{
    const bool large = len > RD_LETTER_BYTES;
    struct desk *own = &exchange->desks[from], *other = &exchange->desks[to];
    struct letter *letter;

    assert(from < exchange->workers && to < exchange->workers && len <= RD_DNS_TCP_BYTES);
    letter = free_letter(large ? &own->large : &own->small);
    if (!letter)
        return false;
    atomic_store_explicit(&letter->busy, true, memory_order_relaxed); /* the push publishes it */
    letter->kind = (uint8_t)note->kind;
    letter->from = (uint8_t)from;
    letter->trust_ad = note->trust_ad;
    letter->large = large;
    letter->ede = (int16_t)note->ede;
    letter->flushes = note->flushes;
    letter->len = len;
    rd_key_copy(&letter->key, key);
    if (len)
        memcpy(letter->data, data, len);
    if (rd_mailbox_push(&other->box, &letter->mail))
        ring(other);
    return true;
}

struct letter *exchange_take(struct rd_exchange *exchange, unsigned worker)
{
    return (struct letter *)rd_mailbox_take(&exchange->desks[worker].box);
}

void exchange_return(struct letter *letter)
{
    assert(atomic_load_explicit(&letter->busy, memory_order_relaxed));
    atomic_store_explicit(&letter->busy, false, memory_order_release);
}
