/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.c - writing: an entry goes to the writer's open segment, then a slot refers to it.
 *
 * Shape: nothing waits. What cannot be done now is not done; an answer that is not kept costs a
 * question more.
 * Thread: each writer's own.
 * Not here: making room (reclaim.c), why the order of steps is what it is (table.c).
 */
#include "cache/whole.h"

/* Whether what was asked at ASKED_NS, after FLUSHES, is not to be kept. */
static bool flushed(const struct rd_cache *cache, uint64_t asked_ns, uint64_t flushes)
{
    return asked_ns < cache_floor(cache) ||
           flushes != atomic_load_explicit(&cache->flushes, memory_order_relaxed);
}

/* Has the slot of PLACE refer to REF, unless there was a flush. */
static enum rd_cache_stored publish(struct rd_cache_writer *writer, const struct place *place,
                                    uint16_t tag, uint32_t ref, uint64_t asked_ns, uint64_t flushes)
{
    struct rd_cache *cache = writer->cache;
    bool late;

    atomic_store_explicit(&writer->storing_ns, writer->now_ns, memory_order_relaxed);
    if (!place_take(place))
        return RD_CACHE_BUSY;
    atomic_thread_fence(FENCE_FLUSH);
    late = flushed(cache, asked_ns, flushes);
    if (!late)
        place_set(place, tag, ref);
    place_give(place);
    return late ? RD_CACHE_FLUSHED : RD_CACHE_STORED;
}

/* Two writers had stored the same key: the one that was not replaced goes, if that can be now. */
static void forget_other(struct rd_cache_writer *writer, const struct place *place,
                         struct place *other)
{
    if (other->bucket == NULL)
        return;
    if (other->bucket == place->bucket)
        other->version += 2;
    if (place_empty(other))
        count_one(&writer->removed);
}

enum rd_cache_stored rd_cache_store(struct rd_cache_writer *writer, const struct rd_key *key,
                                    enum rd_cache_kind kind, const struct rd_cache_entry *entry,
                                    const uint8_t *message, uint64_t asked_ns, uint64_t flushes)
{
    struct entry_head head = entry_head_of(key, kind, entry);
    uint32_t words = entry_words(head.sizes), ref;
    struct rd_cache *cache;
    struct place place, other;
    enum rd_cache_stored stored;

    if (!writer || words > writer->cache->largest_words || entry->len > RD_CACHE_MESSAGE_BYTES)
        return RD_CACHE_TOO_LARGE;
    assert(entry->len == 0 || entry->len >= RD_DNS_HEADER_BYTES + key->name.len);
    cache = writer->cache;
    if (entry->stored_ns > writer->now_ns)
        writer->now_ns = entry->stored_ns;
    if (flushed(cache, asked_ns, flushes))
        return RD_CACHE_FLUSHED;
    reclaim_some(writer, words);
    if (!log_room(&cache->log, &writer->share, LOG_NEW, words, writer->now_ns, &ref))
        return RD_CACHE_FULL;
    if (!table_choose(&cache->table, key, kind, &place, &other))
        return RD_CACHE_BUSY;
    entry_write(&cache->table.data[ref], &head, entry->len ? message : key->name.bytes,
                entry->ttls);
    stored = publish(writer, &place, table_tag(key, kind), ref, asked_ns, flushes);
    if (stored != RD_CACHE_STORED)
        return stored;
    log_commit(&cache->log, &writer->share, LOG_NEW, words);
    count_one(&writer->put);
    if (place.ref)
        count_one(&writer->removed);
    forget_other(writer, &place, &other);
    return RD_CACHE_STORED;
}
