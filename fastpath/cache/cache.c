/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache.c - making the cache, and what it says of itself.
 *
 * Shape: one mapping, the index in front and the data behind it. The size of a segment follows from
 * that of the cache; what does not make a whole segment goes to the index.
 * Thread: main, but for the small questions at the end.
 * Not here: reading (fetch.c), writing (store.c), looking into it (walk.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/whole.h"

#define SLOT_BYTES (sizeof(struct bucket) / BUCKET_SLOTS)
/* Of data for each slot: a small entry has 104 to 120 bytes, and a table with two places for each
 * key can be filled to nine tenths before entries are lost for want of a slot. */
#define DATA_PER_SLOT 95u
#define LEAST_BYTES   (1u << 20)

static uint64_t index_bytes_for(uint64_t data_bytes)
{
    uint64_t bytes = data_bytes / DATA_PER_SLOT * SLOT_BYTES;

    return (bytes + sizeof(struct bucket)) / sizeof(struct bucket) * sizeof(struct bucket);
}

/* A segment and its share of the index. */
static uint64_t whole_bytes(uint32_t segment_bytes)
{
    return segment_bytes + index_bytes_for(segment_bytes);
}

uint64_t rd_cache_least_bytes(unsigned workers)
{
    uint64_t bytes = (workers + 1ull) * LOG_NEEDED * whole_bytes(LOG_LEAST_SEGMENT);

    return bytes > LEAST_BYTES ? bytes : LEAST_BYTES;
}

static uint32_t segment_bytes_for(uint64_t bytes, unsigned writers)
{
    uint64_t n = LOG_SEGMENTS > LOG_PER_WRITER * writers ? LOG_SEGMENTS : LOG_PER_WRITER * writers;
    uint32_t segment = LOG_LEAST_SEGMENT;

    while (segment < LOG_MOST_SEGMENT && bytes / (2 * segment) >= n)
        segment *= 2;
    return segment;
}

static void lay_out(struct rd_cache *cache, uint32_t n_segments, uint32_t segment_bytes)
{
    struct memory *memory = &cache->memory;
    size_t data_bytes = (size_t)n_segments * segment_bytes;
    size_t n_buckets = (memory->bytes - data_bytes) / sizeof(struct bucket);
    uint32_t largest = segment_bytes / 4 / 8;

    log_init(&cache->log, cache->segments, cache->births_ns, n_segments, segment_bytes / 8);
    cache->table = (struct table){
        .buckets = (struct bucket *)(void *)memory->at,
        .n_buckets = (uint32_t)n_buckets,
        .data = (entry_word *)(void *)(memory->at + n_buckets * sizeof(struct bucket)),
        .data_words = data_bytes / 8,
        .births_ns = cache->births_ns,
        .part_shift = (unsigned)__builtin_ctz(segment_bytes / 8),
    };
    cache->largest_words = largest < ENTRY_MOST_WORDS ? largest : ENTRY_MOST_WORDS;
}

/* The workers get their stock at once: one that has its first entry when all is full must not have
 * to empty a whole segment before there is room for it. */
static void init_writers(struct rd_cache *cache)
{
    log_enter(&cache->log);
    for (unsigned i = 0; i < cache->n_writers; i++) {
        struct rd_cache_writer *writer = &cache->writers[i];

        writer->cache = cache;
        log_share_init(&writer->share);
        if (i + 1 < cache->n_writers)
            log_stock(&cache->log, &writer->share);
    }
    log_leave(&cache->log);
}

static void *lines(size_t bytes)
{
    void *at = aligned_alloc(64, (bytes + 63) / 64 * 64);

    return at ? memset(at, 0, bytes) : NULL;
}

int rd_cache_new(const struct rd_cache_setup *setup, struct rd_cache **ret_cache)
{
    unsigned writers = setup->workers + 1;
    uint32_t segment_bytes = segment_bytes_for(setup->bytes, writers);
    uint32_t n_segments = (uint32_t)(setup->bytes / whole_bytes(segment_bytes));
    struct rd_cache *cache;

    if (setup->bytes == 0) {
        *ret_cache = NULL;
        return 0;
    }
    if (setup->bytes < rd_cache_least_bytes(setup->workers) || setup->bytes > RD_CACHE_MOST_BYTES)
        return -EINVAL;
    cache = lines(sizeof(*cache));
    if (!cache)
        return -ENOMEM;
    cache->n_writers = writers;
    cache->writers = lines(writers * sizeof(*cache->writers));
    cache->segments = calloc(n_segments, sizeof(*cache->segments));
    cache->births_ns = calloc(n_segments, sizeof(*cache->births_ns));
    if (!cache->writers || !cache->segments || !cache->births_ns ||
        memory_map(&cache->memory, setup->bytes, setup->populate) != 0) {
        rd_cache_free(cache);
        return -ENOMEM;
    }
    memcpy(cache->hash_key.bytes, setup->hash_key, sizeof(cache->hash_key.bytes));
    lay_out(cache, n_segments, segment_bytes);
    init_writers(cache);
    *ret_cache = cache;
    return 0;
}

void rd_cache_free(struct rd_cache *cache)
{
    if (!cache)
        return;
    memory_unmap(&cache->memory);
    free(cache->births_ns);
    free(cache->segments);
    free(cache->writers);
    free(cache);
}

static uint32_t said(const _Atomic uint32_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

/* Below zero for who mostly removes what others put in; the sum over all is right. */
static uint64_t entries_of(const struct rd_cache_writer *writer)
{
    return atomic_load_explicit(&writer->put, memory_order_relaxed) -
           atomic_load_explicit(&writer->removed, memory_order_relaxed);
}

void rd_cache_info(const struct rd_cache *cache, struct rd_cache_info *ret_info)
{
    struct rd_cache_info info = {0};

    if (cache) {
        const struct log *log = &cache->log;

        info.bytes = cache->memory.bytes;
        info.segments = log->n_segments;
        info.segment_bytes = log->segment_words * 8;
        info.entry_bytes = (uint64_t)info.segments * info.segment_bytes;
        info.slots = (uint64_t)cache->table.n_buckets * BUCKET_SLOTS;
        info.index_bytes = info.slots * SLOT_BYTES;
        info.segments_free = log->n_segments - said(&log->said_fresh);
        info.segments_new = said(&log->said_queued[LOG_NEW]);
        info.segments_main = said(&log->said_queued[LOG_MAIN]);
        info.pages = cache->memory.pages;
        for (unsigned i = 0; i < cache->n_writers; i++)
            info.entries += entries_of(&cache->writers[i]);
        for (uint32_t i = 0; i < log->n_segments; i++)
            info.used_bytes += log_filled(log, i) * 8ull;
    }
    *ret_info = info;
}

struct rd_cache_writer *rd_cache_writer(struct rd_cache *cache, unsigned number)
{
    return cache ? &cache->writers[number] : NULL;
}

uint64_t rd_cache_flushes(const struct rd_cache *cache)
{
    return cache ? atomic_load_explicit(&cache->flushes, memory_order_acquire) : 0;
}

void rd_cache_keep_stale(struct rd_cache *cache, uint64_t ns)
{
    if (cache)
        atomic_store_explicit(&cache->stale_ns, ns, memory_order_relaxed);
}
