/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eviction.c - segments in two queues, strict LRU, plain FIFO.
 *
 * The first follows fastpath/cache/log.c and reclaim.c with one writer, step by step and under the
 * same names. Sizes are in entries here; LEAST is what 64 words are of entries of 14.
 */
#include "model/eviction.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENTS     128u
#define STOCK        2u
#define SHARE        9u
#define LEAST        4u
#define SAMPLE       200u
#define SAMPLE_LOOKS 800u
#define NONE         UINT32_MAX

enum kind { NEW, MAIN };

struct chain {
    uint32_t first, last, n;
};

struct segment {
    uint32_t filled, next;
    uint64_t sealed;
};

struct evicting {
    enum eviction eviction;
    uint32_t capacity;
    uint64_t now;
    uint32_t *at;   /* of a name: where its entry is, NONE: nowhere */
    uint32_t *name; /* of an entry */
    bool *used;     /* of an entry */
    /* Segments. */
    struct segment segments[SEGMENTS];
    uint32_t segment_size, fresh;
    struct chain queues[2], sealed[2];
    uint32_t open[2], stock[STOCK], n_stock;
    uint32_t emptied, walked, kept;
    /* LRU: entries in a ring, the place behind the last one is its head. */
    uint32_t *older, *newer;
    /* LRU and FIFO. */
    uint32_t count, hand;
};

static void *array(uint32_t n, size_t size)
{
    void *at = calloc(n, size);

    if (!at)
        abort();
    return at;
}

struct evicting *evicting_new(enum eviction eviction, uint32_t capacity, uint32_t names)
{
    struct evicting *cache = array(1, sizeof(*cache));

    cache->eviction = eviction;
    cache->segment_size = capacity / SEGMENTS;
    cache->capacity = cache->segment_size * SEGMENTS;
    cache->at = array(names, sizeof(*cache->at));
    memset(cache->at, 0xff, names * sizeof(*cache->at));
    cache->name = array(capacity, sizeof(*cache->name));
    cache->used = array(capacity, sizeof(*cache->used));
    cache->older = array(capacity + 1, sizeof(*cache->older));
    cache->newer = array(capacity + 1, sizeof(*cache->newer));
    cache->older[cache->capacity] = cache->newer[cache->capacity] = cache->capacity;
    cache->open[NEW] = cache->open[MAIN] = cache->emptied = NONE;
    return cache;
}

void evicting_free(struct evicting *cache)
{
    free(cache->at);
    free(cache->name);
    free(cache->used);
    free(cache->older);
    free(cache->newer);
    free(cache);
}

static bool is_at(const struct evicting *cache, uint32_t entry)
{
    return cache->at[cache->name[entry]] == entry;
}

static void put(struct evicting *cache, uint32_t name, uint32_t entry)
{
    cache->name[entry] = name;
    cache->used[entry] = false;
    cache->at[name] = entry;
}

/* -- segments: log.c -------------------------------------------------------------------------- */

static void chain_append(struct evicting *cache, struct chain *chain, uint32_t segment)
{
    if (chain->n++ == 0)
        chain->first = segment;
    else
        cache->segments[chain->last].next = segment;
    chain->last = segment;
}

static uint32_t chain_take(struct evicting *cache, struct chain *chain)
{
    uint32_t segment = chain->first;

    if (chain->n == 0)
        return NONE;
    chain->first = cache->segments[segment].next;
    chain->n--;
    return segment;
}

static void hand_over(struct evicting *cache)
{
    for (unsigned kind = NEW; kind <= MAIN; kind++)
        while (cache->sealed[kind].n)
            chain_append(cache, &cache->queues[kind], chain_take(cache, &cache->sealed[kind]));
}

/* Where an entry goes, NONE if there is no room. */
static uint32_t room(struct evicting *cache, enum kind kind)
{
    uint32_t segment = cache->open[kind];

    if (segment != NONE && cache->segments[segment].filled == cache->segment_size) {
        cache->segments[segment].sealed = cache->now;
        chain_append(cache, &cache->sealed[kind], segment);
        cache->open[kind] = segment = NONE;
    }
    if (segment == NONE) {
        if (cache->n_stock == 0)
            return NONE;
        cache->open[kind] = segment = cache->stock[--cache->n_stock];
    }
    return segment * cache->segment_size + cache->segments[segment].filled++;
}

/* -- segments: reclaim.c ---------------------------------------------------------------------- */

struct worth {
    uint64_t used, live, age;
};

static struct worth worth_of(const struct evicting *cache, uint32_t segment)
{
    struct worth worth = {.age = cache->now - cache->segments[segment].sealed + 1};
    uint32_t first = segment * cache->segment_size;

    for (uint32_t i = 0; i < cache->segments[segment].filled; i++) {
        if (i == SAMPLE_LOOKS || worth.live == SAMPLE)
            break;
        if (is_at(cache, first + i)) {
            worth.live++;
            worth.used += cache->used[first + i];
        }
    }
    worth.live += worth.live == 0;
    return worth;
}

static enum kind choose(const struct evicting *cache)
{
    const struct chain *fresh = &cache->queues[NEW], *main = &cache->queues[MAIN];
    struct worth a, b;

    if (fresh->n == 0 || main->n == 0 || main->n > SEGMENTS / 10 * 9)
        return main->n == 0 ? NEW : MAIN;
    a = worth_of(cache, fresh->first);
    b = worth_of(cache, main->first);
    if (a.used + b.used == 0)
        return a.age > b.age ? NEW : MAIN;
    return a.used * b.live * b.age < b.used * a.live * a.age ? NEW : MAIN;
}

static bool provide(struct evicting *cache)
{
    uint32_t before = cache->n_stock;

    hand_over(cache);
    while (cache->n_stock < STOCK && cache->fresh < SEGMENTS)
        cache->stock[cache->n_stock++] = cache->fresh++;
    if (cache->n_stock != before)
        return true;
    cache->emptied = chain_take(cache, &cache->queues[choose(cache)]);
    cache->walked = cache->kept = 0;
    return cache->emptied != NONE;
}

static void settle(struct evicting *cache, uint32_t entry)
{
    uint32_t name = cache->name[entry], to;

    if (!is_at(cache, entry))
        return;
    cache->at[name] = NONE;
    if (!cache->used[entry] || cache->kept + 1 > cache->segment_size / 8 * 7)
        return;
    to = room(cache, MAIN);
    if (to == NONE)
        return;
    put(cache, name, to);
    cache->kept++;
}

static uint32_t walk(struct evicting *cache, uint32_t left)
{
    struct segment *segment = &cache->segments[cache->emptied];

    for (; left && cache->walked < segment->filled; left--)
        settle(cache, cache->emptied * cache->segment_size + cache->walked++);
    if (cache->walked == segment->filled) {
        segment->filled = 0;
        cache->stock[cache->n_stock++] = cache->emptied;
        cache->emptied = NONE;
    }
    return left;
}

static void store_in_segment(struct evicting *cache, uint32_t name)
{
    uint32_t left = SHARE + LEAST, entry;

    while (left && cache->n_stock < STOCK) {
        if (cache->emptied != NONE)
            left = walk(cache, left);
        else if (!provide(cache))
            break;
    }
    entry = room(cache, NEW);
    if (entry != NONE)
        put(cache, name, entry);
}

/* -- the two others --------------------------------------------------------------------------- */

static void unlink_entry(struct evicting *cache, uint32_t entry)
{
    cache->newer[cache->older[entry]] = cache->newer[entry];
    cache->older[cache->newer[entry]] = cache->older[entry];
}

/* The head's older one is the newest, its newer one the oldest. */
static void link_newest(struct evicting *cache, uint32_t entry)
{
    uint32_t head = cache->capacity, newest = cache->older[head];

    cache->older[entry] = newest;
    cache->newer[entry] = head;
    cache->newer[newest] = entry;
    cache->older[head] = entry;
}

/* A place for an entry: one never used, else that of the oldest. */
static uint32_t place(struct evicting *cache)
{
    uint32_t entry;

    if (cache->count < cache->capacity)
        return cache->count++;
    if (cache->eviction == EVICTION_LRU) {
        entry = cache->newer[cache->capacity];
        unlink_entry(cache, entry);
    } else {
        entry = cache->hand++ % cache->capacity;
    }
    cache->at[cache->name[entry]] = NONE;
    return entry;
}

bool evicting_ask(struct evicting *cache, uint32_t name)
{
    uint32_t entry = cache->at[name];
    bool hit = entry != NONE;

    cache->now++;
    if (cache->eviction == EVICTION_SEGMENTS) {
        if (hit)
            cache->used[entry] = true;
        else
            store_in_segment(cache, name);
        return hit;
    }
    if (hit && cache->eviction == EVICTION_LRU)
        unlink_entry(cache, entry);
    if (!hit) {
        entry = place(cache);
        put(cache, name, entry);
    }
    if (cache->eviction == EVICTION_LRU)
        link_newest(cache, entry);
    return hit;
}
