/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fetch.c - reading: the only part of the cache that each query passes.
 *
 * Shape: look through the two buckets of a key, copy the newest entry that fits, then find out
 * whether what was copied was whole all the while (table.c says why that is enough). The name is
 * compared last, in the caller's copy, which is in the processor's cache by then.
 * Thread: any. Bounded: a bucket that changes again and again is taken for empty.
 * Not here: whether an entry is fresh.
 */
#include <string.h>

#include "cache/whole.h"

#define TRIES          3u
#define PREFETCH_LINES 3u

struct search {
    const struct table *table;
    const struct rd_key *key;
    uint64_t what, floor_ns;
    uint16_t tag;
    uint32_t wrong; /* a bit per slot of both buckets: another key with the same hashes */
    struct bucket *pair[2];
    uint64_t versions[2];
    /* The newest so far; REF is 0 while there is none. */
    uint32_t ref;
    unsigned which, slot;
    struct entry_head head;
};

void rd_cache_prefetch(const struct rd_cache *cache, uint64_t name_hash)
{
    struct bucket *pair[2];

    if (!cache)
        return;
    table_pair(&cache->table, name_hash, pair);
    __builtin_prefetch(pair[0]);
    __builtin_prefetch(pair[1]);
}

static bool prefetch_tagged(const struct table *table, const struct bucket *bucket, unsigned half,
                            uint64_t matches)
{
    bool found = false;

    for (; matches; matches &= matches - 1) {
        uint32_t ref = bucket_ref(bucket, half * 4 + (unsigned)__builtin_ctzll(matches) / 16);

        for (unsigned line = 0; line < PREFETCH_LINES; line++)
            __builtin_prefetch((const void *)(table_entry(table, ref) + line * 8));
        found = true;
    }
    return found;
}

bool rd_cache_prefetch_entries(const struct rd_cache *cache, const struct rd_key *key)
{
    uint16_t answer = table_tag(key, RD_CACHE_ANSWER), name = table_tag(key, RD_CACHE_NAME);
    struct bucket *pair[2];
    bool found = false;

    if (!cache)
        return false;
    table_pair(&cache->table, key->name_hash, pair);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t tags = bucket_tags(pair[i / 2], i % 2);
        uint64_t matches = table_match(tags, answer) | table_match(tags, name);

        if (matches)
            found |= prefetch_tagged(&cache->table, pair[i / 2], i % 2, matches);
    }
    return found;
}

/* The entry in SLOT, if it may be the one that is looked for and is newer than what was found. */
static void consider(struct search *search, unsigned which, unsigned slot)
{
    uint32_t ref = bucket_ref(search->pair[which], slot);
    struct entry_head head;

    if (search->wrong >> (which * BUCKET_SLOTS + slot) & 1 ||
        !table_head(search->table, ref, &head))
        return;
    if (head.name_hash != search->key->name_hash || (head.what & ENTRY_WHAT_KEY) != search->what ||
        entry_name_len(head.sizes) != search->key->name.len || head.stored_ns < search->floor_ns)
        return;
    if (search->ref && search->head.stored_ns >= head.stored_ns)
        return;
    search->ref = ref;
    search->which = which;
    search->slot = slot;
    search->head = head;
}

static void look(struct search *search)
{
    search->ref = 0;
    for (unsigned which = 0; which < 2; which++) {
        const struct bucket *bucket = search->pair[which];

        search->versions[which] = bucket_begin(bucket);
        if (search->versions[which] & 1)
            continue;
        for (unsigned half = 0; half < 2; half++) {
            uint64_t matches = table_match(bucket_tags(bucket, half), search->tag);

            for (; matches; matches &= matches - 1)
                consider(search, which, half * 4 + (unsigned)__builtin_ctzll(matches) / 16);
        }
    }
}

/* Whether what was seen in that bucket was whole. Behind a fence. */
static bool whole(const struct search *search, unsigned which)
{
    return (search->versions[which] & 1) == 0 &&
           bucket_same(search->pair[which], search->versions[which]);
}

/* Copies what was found; only its name, to the start of DATA or of SPARE, when ROOM is too small
 * for the message. Returns where the name is. */
static const uint8_t *copy(const struct search *search, uint8_t *data, uint32_t room,
                           uint8_t *spare, uint16_t *ret_ttls)
{
    const entry_word *at = table_entry(search->table, search->ref);
    uint64_t sizes = search->head.sizes;
    uint32_t name_at = entry_name_at(sizes), len = entry_len(sizes);

    entry_read_ttls(at, sizes, ret_ttls);
    if (len == 0 || len > room) {
        entry_read_text(at, name_at + entry_name_len(sizes), spare, ENTRY_NAME_ROOM);
        return spare + name_at;
    }
    entry_read_text(at, len, data, room);
    return data + name_at;
}

/* One look at everything: MISS may mean that it is to be done again, as *RET_AGAIN says. LAST: a
 * bucket in which nothing was to be seen does not count any more. */
static enum rd_cache_found attempt(struct search *search, bool last, uint8_t *data, uint32_t room,
                                   struct rd_cache_entry *ret_entry, bool *ret_again)
{
    uint8_t spare[ENTRY_NAME_ROOM];
    const uint8_t *name = NULL;
    bool both;

    look(search);
    if (search->ref)
        name = copy(search, data, room, spare, ret_entry->ttls);
    bucket_fence();
    both = whole(search, 0) && whole(search, 1);
    *ret_again = !both;
    if (!search->ref || !(both || (last && whole(search, search->which))))
        return RD_CACHE_MISS;
    if (memcmp(name, search->key->name.bytes, search->key->name.len) != 0) {
        search->wrong |= 1u << (search->which * BUCKET_SLOTS + search->slot);
        *ret_again = true;
        return RD_CACHE_MISS;
    }
    bucket_use(search->pair[search->which], search->slot);
    entry_unpack(&search->head, ret_entry);
    return ret_entry->len > room ? RD_CACHE_ROOM : RD_CACHE_HIT;
}

enum rd_cache_found rd_cache_fetch(struct rd_cache *cache, const struct rd_key *key,
                                   enum rd_cache_kind kind, uint8_t *data, uint32_t room,
                                   struct rd_cache_entry *ret_entry)
{
    enum rd_cache_found found = RD_CACHE_MISS;
    uint32_t wrong = 0;
    bool again = cache != NULL;
    struct search search;

    if (!cache)
        return RD_CACHE_MISS;
    search.table = &cache->table;
    search.key = key;
    search.what = entry_key_of(key, kind);
    search.floor_ns = cache_floor(cache);
    search.tag = table_tag(key, kind);
    search.wrong = 0;
    table_pair(&cache->table, key->name_hash, search.pair);
    /* Each other key with the same hashes is worth a try more, and there are at most 16. */
    for (unsigned try = 0; again && found == RD_CACHE_MISS && try < TRIES;
         try += wrong == search.wrong) {
        wrong = search.wrong;
        found = attempt(&search, try + 1 == TRIES, data, room, ret_entry, &again);
    }
    return found;
}
