/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit_cache.c - audit.h: what a walk through the cache finds. A key has one entry, as many are
 * there as are counted, and what would be written to a file can be put into another cache.
 *
 * Not here: what clients are told out of the cache (oracle.h).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/storm/audit.h"
#include "sim/storm/reading.h"

#define LOADED       64 /* entries that are put into another cache */
#define LOADED_BYTES (4u << 20)

struct finds {
    struct storm *storm;
    uint64_t *keys; /* their hashes */
    size_t n, room;
    struct rd_cache *other;
    unsigned loaded, found; /* in the other one */
    bool failed;
};

static uint64_t hash_of(const struct rd_cache_record *record)
{
    struct {
        uint16_t type, incarnation;
        uint8_t kind, view, dnssec_ok, checking_disabled;
    } key = {record->type, record->incarnation, record->kind,
             record->view, record->dnssec_ok,   record->checking_disabled};

    static_assert(sizeof(key) == 8, "no padding is hashed");
    return reading_hash(reading_hash(5, &key, sizeof(key)), record->name.bytes, record->name.len);
}

/* What does not change on the way to a file and back. */
static bool is_same(const struct rd_cache_record *a, const struct rd_cache_record *b)
{
    return hash_of(a) == hash_of(b) && a->stored_ns == b->stored_ns &&
           a->lifetime_s == b->lifetime_s && a->trust_ad == b->trust_ad && a->len == b->len &&
           memcmp(a->message, b->message, a->len) == 0;
}

static bool visit(void *context, const struct rd_cache_record *record)
{
    struct finds *finds = context;

    if (finds->n == finds->room) {
        finds->room = 2 * finds->room + 256;
        finds->keys = realloc(finds->keys, finds->room * sizeof(*finds->keys));
        if (!finds->keys)
            abort();
    }
    finds->keys[finds->n++] = hash_of(record);
    /* Type 0 is nobody's; a file has it for names alone. */
    if (record->kind == RD_CACHE_FAILURE || record->lifetime_s == 0 || finds->loaded == LOADED ||
        (record->kind == RD_CACHE_ANSWER && record->type == 0))
        return true;
    finds->failed |= !rd_cache_load(finds->other, record);
    finds->loaded++;
    return true;
}

struct twin {
    const struct rd_cache_record *record;
    bool found;
};

static bool visit_twin(void *context, const struct rd_cache_record *record)
{
    struct twin *twin = context;

    twin->found |= is_same(twin->record, record);
    return !twin->found;
}

/* Whether what was put in is what came out. */
static bool visit_loaded(void *context, const struct rd_cache_record *record)
{
    struct finds *finds = context;
    const struct rd_snapshot *snapshot = finds->storm->snapshots[finds->storm->n_snapshots - 1];
    struct twin twin = {.record = record};

    rd_cache_find(finds->storm->cache, snapshot, &record->name, visit_twin, &twin);
    finds->found += twin.found;
    return true;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *one = a, *other = b;

    return *one < *other ? -1 : *one > *other;
}

static void look(struct finds *finds)
{
    struct sim *sim = finds->storm->sim;
    struct rd_cache_info info;

    rd_cache_info(finds->storm->cache, &info);
    rd_cache_walk(finds->storm->cache, visit, finds);
    rd_cache_walk(finds->other, visit_loaded, finds);
    if (finds->n > 0)
        qsort(finds->keys, finds->n, sizeof(*finds->keys), compare);
    for (size_t i = 1; i < finds->n; i++)
        if (finds->keys[i] == finds->keys[i - 1])
            sim_broken(sim, "cache: a key has two entries");
    if (finds->n > info.entries)
        sim_broken(sim, "cache: %zu entries, and %" PRIu64 " are counted", finds->n, info.entries);
    if (finds->failed)
        sim_broken(sim, "cache: an entry cannot be put into another cache");
    if (!finds->failed && finds->found != finds->loaded)
        sim_broken(sim, "cache: of %u entries put into another cache %u are the same",
                   finds->loaded, finds->found);
}

void audit_cache(struct storm *storm)
{
    struct rd_cache_setup setup = {.bytes = LOADED_BYTES, .workers = 1};
    struct finds finds = {.storm = storm};

    if (!storm->cache)
        return;
    if (rd_cache_new(&setup, &finds.other) < 0)
        abort();
    look(&finds);
    rd_cache_free(finds.other);
    free(finds.keys);
}
