/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats.h - a worker's counters, generated from stats.def.
 *
 * One writer, the worker itself; any thread reads. Relaxed atomics without a lock prefix: each
 * value is whole, no two of them are of the same instant.
 */
#ifndef RINGDNS_STATS_H
#define RINGDNS_STATS_H

#include <stdatomic.h>
#include <stdint.h>

struct rd_stats {
#define STAT(field, ...) _Atomic uint64_t field;
#define UPSTREAM_STAT(...)
#include "ringdns/stats.def"
};

/* Round-trip times are counted in buckets by their upper bound: 2^(I + 7) microseconds, 128 us for
 * the first and 4.2 s for the last but one; the last takes all that is above. */
#define RD_RTT_BUCKETS     17u
#define RD_RTT_BOUND_US(i) (128ull << (i))

/* What one worker has counted of one upstream, since its number was given to it. */
struct rd_upstream_stats {
#define STAT(...)
#define UPSTREAM_STAT(field, ...) _Atomic uint64_t field;
#include "ringdns/stats.def"
    _Atomic uint64_t rtt[RD_RTT_BUCKETS];
    _Atomic uint64_t rtt_sum_us;
};

static inline void rd_stat_add(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static inline void rd_stat_inc(_Atomic uint64_t *counter)
{
    rd_stat_add(counter, 1);
}

static inline void rd_stat_set(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline uint64_t rd_stat_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
