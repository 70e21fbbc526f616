/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - segments: opening, filling, sealing, and the gate before their queues.
 *
 * Shape: chains by index; a segment is in one place at a time: never used, in a writer's stock,
 * open, sealed and waiting, in a queue, or being emptied.
 * Thread: see log.h.
 * Not here: emptying (reclaim.c).
 */
#include "cache/log.h"

static const struct chain no_chain = {LOG_NONE, LOG_NONE, 0};

void log_init(struct log *log, struct segment *segments, _Atomic uint64_t *births_ns,
              uint32_t n_segments, uint32_t segment_words)
{
    log->segments = segments;
    log->births_ns = births_ns;
    log->n_segments = n_segments;
    log->segment_words = segment_words;
    log->fresh = 0;
    log->queues[LOG_NEW] = log->queues[LOG_MAIN] = no_chain;
    atomic_init(&log->gate, 0);
    atomic_init(&log->said_fresh, 0);
    atomic_init(&log->said_queued[LOG_NEW], 0);
    atomic_init(&log->said_queued[LOG_MAIN], 0);
}

void log_share_init(struct log_share *share)
{
    *share = (struct log_share){
        .open = {LOG_NONE, LOG_NONE},
        .sealed = {no_chain, no_chain},
        .reclaim.segment = LOG_NONE,
    };
}

/* -- chains and the gate ---------------------------------------------------------------------- */

static void chain_append(struct log *log, struct chain *chain, uint32_t segment)
{
    log->segments[segment].next = LOG_NONE;
    if (chain->n++ == 0)
        chain->first = segment;
    else
        log->segments[chain->last].next = segment;
    chain->last = segment;
}

static uint32_t chain_take(struct log *log, struct chain *chain)
{
    uint32_t segment = chain->first;

    if (segment != LOG_NONE) {
        chain->first = log->segments[segment].next;
        chain->n--;
    }
    return segment;
}

bool log_enter(struct log *log)
{
    uint32_t nobody = 0;

    return atomic_compare_exchange_strong_explicit(&log->gate, &nobody, 1, ORDER_GATE_TAKE,
                                                   memory_order_relaxed);
}

void log_leave(struct log *log)
{
    atomic_store_explicit(&log->said_fresh, log->fresh, memory_order_relaxed);
    for (unsigned kind = 0; kind < 2; kind++)
        atomic_store_explicit(&log->said_queued[kind], log->queues[kind].n, memory_order_relaxed);
    atomic_store_explicit(&log->gate, 0, ORDER_GATE_GIVE);
}

void log_hand_over(struct log *log, struct log_share *share)
{
    for (unsigned kind = 0; kind < 2; kind++)
        while (share->sealed[kind].n)
            chain_append(log, &log->queues[kind], chain_take(log, &share->sealed[kind]));
}

void log_stock(struct log *log, struct log_share *share)
{
    while (share->n_stock < LOG_STOCK && log->fresh < log->n_segments)
        share->stock[share->n_stock++] = log->fresh++;
}

uint32_t log_take_oldest(struct log *log, enum log_kind kind)
{
    return chain_take(log, &log->queues[kind]);
}

/* -- filling ---------------------------------------------------------------------------------- */

static void seal(struct log *log, struct log_share *share, enum log_kind kind, uint64_t now_ns)
{
    uint32_t segment = share->open[kind];

    atomic_store_explicit(&log->segments[segment].sealed_ns, now_ns, memory_order_relaxed);
    chain_append(log, &share->sealed[kind], segment);
    share->open[kind] = LOG_NONE;
}

static bool open_from_stock(struct log *log, struct log_share *share, enum log_kind kind,
                            uint64_t now_ns)
{
    uint32_t segment;

    if (share->n_stock == 0)
        return false;
    segment = share->stock[--share->n_stock];
    log_fill(log, segment, log_first_word(segment));
    atomic_store_explicit(&log->births_ns[segment], kind == LOG_MAIN ? now_ns | LOG_LATER : now_ns,
                          memory_order_relaxed);
    share->open[kind] = segment;
    /* From here on its words are written again: table.c. */
    atomic_thread_fence(FENCE_REUSE);
    return true;
}

bool log_room(struct log *log, struct log_share *share, enum log_kind kind, uint32_t words,
              uint64_t now_ns, uint32_t *ret_ref)
{
    uint32_t segment = share->open[kind];

    if (segment != LOG_NONE && log_filled(log, segment) + words > log->segment_words)
        seal(log, share, kind, now_ns);
    if (share->open[kind] == LOG_NONE && !open_from_stock(log, share, kind, now_ns))
        return false;
    segment = share->open[kind];
    *ret_ref = log_ref(log, segment, log_filled(log, segment));
    return true;
}

void log_commit(struct log *log, struct log_share *share, enum log_kind kind, uint32_t words)
{
    uint32_t segment = share->open[kind];

    log_fill(log, segment, log_filled(log, segment) + words);
}
