/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - the index: where the entries of a key lie. What is written here says how; table.c why
 * that is safe.
 *
 * Shape: buckets of one cache line with eight slots each. All that is known of one name lies in the
 * same two buckets, so looking for another type of it costs no other lines.
 * Thread: any, by the protocol in table.c.
 */
#ifndef RINGDNS_CACHE_TABLE_H
#define RINGDNS_CACHE_TABLE_H

#include <assert.h>
#include <stdalign.h>

#include "cache/entry.h"

#define BUCKET_SLOTS 8u

struct bucket {
    alignas(64) _Atomic uint64_t version; /* odd: a writer is in it */
    _Atomic uint64_t used;    /* a bit per slot: asked for since it was put in or last looked at */
    _Atomic uint64_t tags[2]; /* 16 bits per slot, 0: none */
    _Atomic uint32_t refs[BUCKET_SLOTS]; /* the entry's first word, counted from the first of all
                                            data; 0: an empty slot */
};

static_assert(sizeof(struct bucket) == 64, "a bucket is one cache line");

struct table {
    struct bucket *buckets;
    uint32_t n_buckets; /* at least 2 */
    entry_word *data;
    uint64_t data_words;
    const _Atomic uint64_t *births_ns; /* of each part of the data, when its entries began */
    unsigned part_shift;               /* words to parts */
};

/* A slot that is to be changed, if its bucket is still what it was. */
struct place {
    struct bucket *bucket;
    uint64_t version; /* of the bucket when it was looked at: even */
    unsigned slot;
    uint32_t ref; /* what it holds; 0: nothing */
};

static inline void table_pair(const struct table *table, uint64_t name_hash,
                              struct bucket *ret_pair[2])
{
    uint64_t n = table->n_buckets;
    uint32_t first = (uint32_t)((name_hash & UINT32_MAX) * n >> 32);
    uint32_t second = (uint32_t)((name_hash >> 32) * n >> 32);

    if (second == first)
        second = first + 1 == n ? 0 : first + 1;
    ret_pair[0] = &table->buckets[first];
    ret_pair[1] = &table->buckets[second];
}

/* A name that does not exist has one tag, whatever the type that is asked for; an answer and a
 * failure share theirs, so that a miss compares two tags and not three. */
static inline uint16_t table_tag(const struct rd_key *key, enum rd_cache_kind kind)
{
    uint64_t hash = kind == RD_CACHE_NAME ? key->name_hash * 0x9e3779b97f4a7c15ull : key->hash;
    uint16_t tag = (uint16_t)(hash >> 40);

    return tag ? tag : 1;
}

/* The highest bit of 16 for each slot whose tag may be TAG: those that have it, and now and then
 * one above such a slot. WORD is one of tags[2]. */
static inline uint64_t table_match(uint64_t word, uint16_t tag)
{
    uint64_t differs = word ^ tag * 0x0001000100010001ull;

    return (differs - 0x0001000100010001ull) & ~differs & 0x8000800080008000ull;
}

/* The version to look under: odd, if there is nothing to be seen now. */
static inline uint64_t bucket_begin(const struct bucket *bucket)
{
    return atomic_load_explicit(&bucket->version, ORDER_VERSION_FIRST);
}

/* Between the last word that was read and bucket_same. */
static inline void bucket_fence(void)
{
    atomic_thread_fence(FENCE_BEFORE_SECOND);
}

static inline bool bucket_same(const struct bucket *bucket, uint64_t version)
{
    return atomic_load_explicit(&bucket->version, ORDER_VERSION_SECOND) == version;
}

static inline uint64_t bucket_tags(const struct bucket *bucket, unsigned half)
{
    return atomic_load_explicit(&bucket->tags[half], ORDER_READ_WORD);
}

static inline uint32_t bucket_ref(const struct bucket *bucket, unsigned slot)
{
    return atomic_load_explicit(&bucket->refs[slot], ORDER_READ_WORD);
}

static inline bool bucket_used(const struct bucket *bucket, unsigned slot)
{
    return atomic_load_explicit(&bucket->used, memory_order_relaxed) >> slot & 1;
}

/* Remembers that the slot was asked for. Writes only what is news. */
static inline void bucket_use(struct bucket *bucket, unsigned slot)
{
    if (!bucket_used(bucket, slot))
        atomic_fetch_or_explicit(&bucket->used, 1ull << slot, memory_order_relaxed);
}

static inline const entry_word *table_entry(const struct table *table, uint32_t ref)
{
    return table->data + ref;
}

/* The head of the entry at REF. False: that cannot be one; it lies across the end of the data or
 * its lengths do not go together. True says no more than that it can be read. */
bool table_head(const struct table *table, uint32_t ref, struct entry_head *ret_head);

enum table_seen { TABLE_FOUND, TABLE_NONE, TABLE_BUSY };

/* The slot that refers to the entry at REF, which has NAME_HASH. Busy: a bucket is being changed,
 * so it is not known. NONE is final: an entry that lost its slot never gets one again. */
enum table_seen table_slot_of(const struct table *table, uint64_t name_hash, uint32_t ref,
                              struct place *ret_place);
/* The slot for an entry of KEY and KIND: its own, or an empty one, or that of the least worth.
 * *RET_OTHER is a second one that has the same key, when two writers met; its bucket is NULL if
 * there is none. False: a bucket is being changed. */
bool table_choose(const struct table *table, const struct rd_key *key, enum rd_cache_kind kind,
                  struct place *ret_place, struct place *ret_other);

/* Takes the bucket of PLACE. False: it changed since it was looked at, or somebody has it. */
bool place_take(const struct place *place);
/* In a bucket that was taken: what its slot holds from now on; TAG and REF 0: nothing. */
void place_set(const struct place *place, uint16_t tag, uint32_t ref);
/* Lets the bucket go. */
void place_give(const struct place *place);
/* All of it; the tag stays. False: nothing was changed. */
bool place_swing(const struct place *place, uint32_t ref);
bool place_empty(const struct place *place);

#endif
