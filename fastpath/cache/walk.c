/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.c - looking through the cache and removing from it, while the workers go on.
 *
 * Shape: bucket by bucket, slot by slot; what is handed out is a copy that was whole. A removal
 * raises the number of flushes before it looks, so that a worker whose question is older does not
 * put in again what was just removed (table.c).
 * Thread: main, which may wait for a worker that is in a bucket; none waits for it.
 * Not here: which views there are.
 */
#include "cache/walk.h"

#include <sched.h>
#include <string.h>

#include "cache/whole.h"

/* A slot and what it refers to. */
struct found {
    struct place place;
    struct entry_head head;
    struct rd_name name;
};

/* Whether an entry is meant. */
typedef bool match(const struct found *found, const void *wanted);

static uint64_t settled_version(const struct bucket *bucket)
{
    uint64_t version;

    while ((version = bucket_begin(bucket)) & 1)
        sched_yield();
    return version;
}

static void read_message(const entry_word *at, const struct found *found,
                         struct rd_cache_record *record)
{
    record->len = entry_len(found->head.sizes);
    entry_read_text(at, record->len, record->message, sizeof(record->message));
}

static void read_name(const entry_word *at, struct found *found)
{
    uint8_t text[ENTRY_NAME_ROOM];
    uint32_t from = entry_name_at(found->head.sizes);

    found->name.len = entry_name_len(found->head.sizes);
    entry_read_text(at, from + found->name.len, text, sizeof(text));
    memcpy(found->name.bytes, text + from, found->name.len);
}

/* What SLOT refers to, with its message if RECORD is not NULL. False: nothing. */
static bool read_slot(const struct table *table, struct bucket *bucket, unsigned slot,
                      struct found *ret_found, struct rd_cache_record *record)
{
    for (;;) {
        uint64_t version = settled_version(bucket);
        uint32_t ref = bucket_ref(bucket, slot);
        bool sound = ref != 0 && table_head(table, ref, &ret_found->head);

        ret_found->place = (struct place){bucket, version, slot, ref};
        if (sound) {
            read_name(table_entry(table, ref), ret_found);
            if (record)
                read_message(table_entry(table, ref), ret_found, record);
        }
        bucket_fence();
        if (bucket_same(bucket, version))
            return sound;
    }
}

/* RECORD's message is there already. */
static void fill_record(const struct found *found, struct rd_cache_record *record)
{
    uint64_t what = found->head.what;
    struct rd_cache_entry entry;

    entry_unpack(&found->head, &entry);
    record->name.len = found->name.len;
    memcpy(record->name.bytes, found->name.bytes, found->name.len);
    record->type = (uint16_t)what;
    record->kind = (uint8_t)entry_kind(what);
    record->view = (uint8_t)(what >> ENTRY_VIEW_SHIFT);
    record->incarnation = (uint16_t)(what >> ENTRY_INCARNATION_SHIFT);
    record->dnssec_ok = what & ENTRY_DNSSEC_OK;
    record->checking_disabled = what & ENTRY_CD;
    record->level = entry.level;
    record->trust_ad = entry.trust_ad;
    record->stored_ns = entry.stored_ns;
    record->lifetime_s = entry.lifetime_s;
}

/* Visits what MATCH means in BUCKET; a NULL match means all. False: the visitor has enough. */
static bool visit_bucket(struct rd_cache *cache, struct bucket *bucket, match *is_meant,
                         const void *wanted, rd_cache_visit *visit, void *context)
{
    struct rd_cache_record record;
    struct found found;

    if (settled_version(bucket) == 0)
        return true;
    for (unsigned slot = 0; slot < BUCKET_SLOTS; slot++) {
        if (!read_slot(&cache->table, bucket, slot, &found, &record) ||
            found.head.stored_ns < cache_floor(cache) || (is_meant && !is_meant(&found, wanted)))
            continue;
        fill_record(&found, &record);
        if (!visit(context, &record))
            return false;
    }
    return true;
}

void rd_cache_walk(struct rd_cache *cache, rd_cache_visit *visit, void *context)
{
    if (!cache)
        return;
    for (uint32_t i = 0; i < cache->table.n_buckets; i++)
        if (!visit_bucket(cache, &cache->table.buckets[i], NULL, NULL, visit, context))
            return;
}

/* -- removing --------------------------------------------------------------------------------- */

/* From here on nothing is kept that was asked for before. */
static void raise_flushes(struct rd_cache *cache)
{
    atomic_fetch_add_explicit(&cache->flushes, 1, memory_order_release);
    atomic_thread_fence(FENCE_FLUSH);
}

static uint64_t empty_bucket(struct rd_cache *cache, struct bucket *bucket, match *is_meant,
                             const void *wanted)
{
    struct rd_cache_writer *writer = &cache->writers[cache->n_writers - 1];
    uint64_t removed = 0;
    struct found found;

    if (settled_version(bucket) == 0)
        return 0;
    for (unsigned slot = 0; slot < BUCKET_SLOTS;) {
        bool meant =
            read_slot(&cache->table, bucket, slot, &found, NULL) && is_meant(&found, wanted);

        if (!meant) {
            slot++;
        } else if (place_empty(&found.place)) {
            count_one(&writer->removed);
            removed += found.head.stored_ns >= cache_floor(cache);
            slot++;
        }
    }
    return removed;
}

/* At or below the name WANTED. */
static bool is_within(const struct found *found, const void *wanted)
{
    const struct rd_name *name = &found->name, *suffix = wanted;
    unsigned at = 0;

    while (name->len - at > suffix->len)
        at += name->bytes[at] + 1u;
    return name->len - at == suffix->len &&
           memcmp(name->bytes + at, suffix->bytes, suffix->len) == 0;
}

uint64_t rd_cache_flush_suffix(struct rd_cache *cache, const struct rd_name *name)
{
    uint64_t removed = 0;

    if (!cache)
        return 0;
    raise_flushes(cache);
    for (uint32_t i = 0; i < cache->table.n_buckets; i++)
        removed += empty_bucket(cache, &cache->table.buckets[i], is_within, name);
    return removed;
}

/* A worker that looks at the floor too early to see it has said before when its entry was stored;
 * so the floor goes above that (table.c). */
void rd_cache_flush_all(struct rd_cache *cache, uint64_t now_ns)
{
    uint64_t floor_ns = now_ns + 1;

    if (!cache)
        return;
    if (floor_ns < cache_floor(cache))
        floor_ns = cache_floor(cache);
    atomic_store_explicit(&cache->floor_ns, floor_ns, memory_order_relaxed);
    raise_flushes(cache);
    for (unsigned i = 0; i + 1 < cache->n_writers; i++) {
        uint64_t ns = atomic_load_explicit(&cache->writers[i].storing_ns, memory_order_relaxed);

        if (ns >= floor_ns)
            floor_ns = ns + 1;
    }
    atomic_store_explicit(&cache->floor_ns, floor_ns, memory_order_relaxed);
}

/* -- by name ---------------------------------------------------------------------------------- */

/* The keys of NAME in N views: each with and without DO and CD. */
struct keys {
    const struct rd_cache_view *views;
    unsigned n, next;
    struct rd_key key;
    struct bucket *pair[2];
};

static bool next_key(const struct rd_cache *cache, struct keys *keys)
{
    const struct rd_cache_view *view = &keys->views[keys->next / 4];

    if (keys->next == keys->n * 4)
        return false;
    keys->key.view = view->view;
    keys->key.incarnation = view->incarnation;
    keys->key.dnssec_ok = keys->next & 1;
    keys->key.checking_disabled = keys->next & 2;
    keys->next++;
    rd_key_hash(&cache->hash_key, &keys->key);
    table_pair(&cache->table, keys->key.name_hash, keys->pair);
    return true;
}

/* That of the key WANTED, of whatever type. */
static bool is_named(const struct found *found, const void *wanted)
{
    const struct rd_key *key = wanted;
    uint64_t differs = found->head.what ^ entry_key_of(key, RD_CACHE_ANSWER);

    return found->head.name_hash == key->name_hash &&
           (differs & ENTRY_WHAT_KEY & ~(3ull << ENTRY_KIND_SHIFT) & ~0xffffull) == 0 &&
           found->name.len == key->name.len &&
           memcmp(found->name.bytes, key->name.bytes, key->name.len) == 0;
}

void rd_cache_find_views(struct rd_cache *cache, const struct rd_cache_view *views, unsigned n,
                         const struct rd_name *name, rd_cache_visit *visit, void *context)
{
    struct keys keys = {.views = views, .n = n, .key.name = *name};

    while (cache && next_key(cache, &keys))
        for (unsigned i = 0; i < 2; i++)
            if (!visit_bucket(cache, keys.pair[i], is_named, &keys.key, visit, context))
                return;
}

uint64_t rd_cache_flush_views(struct rd_cache *cache, const struct rd_cache_view *views, unsigned n,
                              const struct rd_name *name)
{
    struct keys keys = {.views = views, .n = n, .key.name = *name};
    uint64_t removed = 0;

    if (!cache)
        return 0;
    raise_flushes(cache);
    while (next_key(cache, &keys))
        for (unsigned i = 0; i < 2; i++)
            removed += empty_bucket(cache, keys.pair[i], is_named, &keys.key);
    return removed;
}
