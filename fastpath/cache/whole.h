/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whole.h - the cache's parts put together, for the files of this folder.
 */
#ifndef RINGDNS_CACHE_WHOLE_H
#define RINGDNS_CACHE_WHOLE_H

#include "base/hash.h"
#include "cache/log.h"
#include "cache/memory.h"
#include "cache/table.h"

struct rd_cache_writer {
    alignas(64) struct rd_cache *cache;
    struct log_share share;
    uint64_t now_ns;               /* the latest stored_ns so far */
    _Atomic uint64_t storing_ns;   /* the same for who flushes all */
    _Atomic uint64_t put, removed; /* entries; only this writer writes them */
};

struct rd_cache {
    struct table table;
    struct memory memory;
    struct rd_hash_key hash_key;
    uint32_t largest_words; /* an entry */
    unsigned n_writers;
    struct segment *segments;
    _Atomic uint64_t *births_ns;
    struct rd_cache_writer *writers;       /* of the workers, and of the main thread */
    alignas(64) _Atomic uint64_t floor_ns; /* what was stored before is not found */
    _Atomic uint64_t flushes;              /* of names */
    _Atomic uint64_t stale_ns;             /* for how long behind its lifetime an entry is of use */
    struct log log;
};

static inline uint64_t cache_floor(const struct rd_cache *cache)
{
    return atomic_load_explicit(&cache->floor_ns, memory_order_relaxed);
}

/* A counter that one thread writes. */
static inline void count_one(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* Does a share of the work that makes room, in proportion to WORDS that are about to be stored. */
void reclaim_some(struct rd_cache_writer *writer, uint32_t words);

#endif
