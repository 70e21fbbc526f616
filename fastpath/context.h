/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * context.h - all that one worker owns, as the stages of a turn see it. One thread.
 */
#ifndef RINGDNS_CONTEXT_H
#define RINGDNS_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/timer.h"
#include "cache/cache.h"
#include "connection.h"
#include "exchange.h"
#include "fleet.h"
#include "inflight.h"
#include "io/io.h"
#include "link.h"
#include "ringdns/limits.h"
#include "ringdns/stats.h"
#include "snapshot.h"
#include "upstream.h"

/* A timer's kind: what it is embedded in. */
enum timer_kind { TIMER_QUESTION, TIMER_CONNECTION, TIMER_LINK };

struct context {
    struct io *io;
    struct rd_stats *stats;
    struct rd_fleet *fleet;
    struct rd_cache *cache;             /* NULL: nothing is kept */
    struct rd_cache_writer *writer;     /* to it */
    struct rd_exchange *exchange;       /* NULL: there is no other worker */
    unsigned worker;                    /* which one this is */
    const struct rd_snapshot *snapshot; /* of this turn */
    uint64_t now_ns;                    /* of this turn */
    bool stopping;                      /* new queries are dropped */
    struct rd_hash_key hash_key;
    struct rd_random random;
    struct rd_timer_wheel timers;
    struct inflight inflight;
    struct upstream upstream;
    struct connections connections;
    struct links links;
    uint32_t hedge_credit[RD_MAX_VIEWS]; /* attempt.c */
    uint32_t turned;                     /* recall.c: addresses, so far */
    uint64_t refresh_ns;                 /* ask.c: no refresh is tried before */
    uint32_t n_out, n_drop;
    struct io_message out[RD_BATCH];   /* to be sent with the batch */
    struct io_message drop[RD_BATCH];  /* to be given back with the batch */
    uint8_t scratch[RD_DNS_TCP_BYTES]; /* where a reply is rebuilt */
};

/* Sends what was collected, gives back what was dropped. */
static inline void context_flush(struct context *context)
{
    if (context->n_out > 0)
        context->io->ops->send(context->io, context->out, context->n_out);
    if (context->n_drop > 0)
        context->io->ops->drop(context->io, context->drop, context->n_drop);
    context->n_out = 0;
    context->n_drop = 0;
}

/* Takes MSG's buffer. */
static inline void context_send(struct context *context, const struct io_message *msg)
{
    if (context->n_out == RD_BATCH)
        context_flush(context);
    context->out[context->n_out++] = *msg;
}

/* Takes MSG's buffer. */
static inline void context_drop(struct context *context, const struct io_message *msg)
{
    if (context->n_drop == RD_BATCH)
        context_flush(context);
    context->drop[context->n_drop++] = *msg;
}

/* A buffer of at least BYTES that was not received; what is collected may be sent for it. */
static inline bool context_alloc(struct context *context, uint32_t bytes,
                                 struct io_message *ret_msg)
{
    if (context->io->ops->alloc(context->io, bytes, ret_msg))
        return true;
    context_flush(context);
    return context->io->ops->alloc(context->io, bytes, ret_msg);
}

#endif
