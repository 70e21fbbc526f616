/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exchange.h - what workers have to do with each other's questions: who leads which, and letters.
 *
 * A question is asked once in the whole process (RFC 5452 section 5). The pending table says which
 * worker leads it; another worker that has clients for it writes to the leader (FOLLOW), and is
 * written to when there is an outcome, with all of it: not everything can be had from the cache.
 *
 * Shared by all workers; claims are compare-and-swaps in one cache line (pending.c says why that is
 * enough), letters are pushed onto a list that their receiver takes as a whole (base/mailbox.c).
 * Nobody ever waits: where there is no room the caller is told so, and asks by itself.
 */
#ifndef RINGDNS_EXCHANGE_H
#define RINGDNS_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/mailbox.h"
#include "io/io.h"
#include "ringdns/worker.h"
#include "wire/key.h"

enum letter_kind {
    LETTER_FOLLOW,  /* tell me when you have an outcome for KEY */
    LETTER_REPLY,   /* DATA is a tidied reply to KEY, as answers are made of */
    LETTER_FAILED,  /* there is none; EDE says why */
    LETTER_UNKNOWN, /* to FOLLOW: I do not ask that (any more) */
};

struct letter {
    struct rd_mail mail; /* first; letter_next */
    atomic_bool busy;    /* written; its writer may use it again when its reader has cleared this */
    uint8_t kind;        /* enum letter_kind */
    uint8_t from;        /* worker */
    bool trust_ad;       /* REPLY: of the pool that was asked */
    bool large;          /* RD_LETTER_BYTES were too few */
    int16_t ede;         /* FAILED */
    uint64_t flushes;    /* of the cache, when the question was asked */
    uint32_t len;
    struct rd_key key;
    uint8_t data[];
};

/* The one behind it in the list that exchange_take gave; NULL: the last. */
static inline struct letter *letter_next(const struct letter *letter)
{
    return (struct letter *)letter->mail.next;
}

/* What a letter says beside its key and data. */
struct letter_note {
    enum letter_kind kind;
    bool trust_ad;
    int ede;
    uint64_t flushes;
};

/* One claim: PENDING_MINE is to be released by the same worker. THEIRS names who has it, or is
 * about to, or had it a moment ago: if not, it answers UNKNOWN. FULL: the few places that this hash
 * may have are taken, or the worker itself leads another question with this hash; ask without a
 * claim. Any worker. */
enum pending { PENDING_MINE, PENDING_THEIRS, PENDING_FULL };
enum pending exchange_claim(struct rd_exchange *exchange, uint64_t hash, unsigned worker,
                            unsigned *ret_leader);
void exchange_release(struct rd_exchange *exchange, uint64_t hash, unsigned worker);

/* The worker's own doorbell, for others to ring; without one it is not rung. IO stays as long as
 * any worker runs. Main thread, before any worker runs. */
void exchange_register(struct rd_exchange *exchange, unsigned worker, struct io *io);

/* Writes a letter to worker TO and rings it where its box was empty. DATA of LEN bytes, at most
 * RD_DNS_TCP_BYTES, is copied; NULL with 0. Letters from one worker to another keep their order.
 * False: all letters of that size are under way (RD_LETTERS, RD_LARGE_LETTERS), or were a moment
 * ago. Worker FROM's thread. */
bool exchange_send(struct rd_exchange *exchange, unsigned from, unsigned to,
                   const struct letter_note *note, const struct rd_key *key, const uint8_t *data,
                   uint32_t len);
/* All letters to WORKER, oldest first, as a list by letter_next; NULL: none. Its thread. */
struct letter *exchange_take(struct rd_exchange *exchange, unsigned worker);
/* Gives a letter that was taken back to its writer; the caller calls letter_next before. */
void exchange_return(struct letter *letter);

#endif
