/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reclaim.c - emptying segments, a few entries with each one that is stored.
 *
 * Shape: a writer that runs short of empty segments takes the head of a queue and walks it. An
 * entry that no slot refers to is dead. One that was asked for since it was put there moves to the
 * writer's open MAIN segment; any other loses its slot. At most seven eighths of a segment move, so
 * each one that is emptied gains an eighth at least; the walk goes nine times as fast as entries
 * come in, so it gains more than they take.
 * Thread: a worker's, or main.
 * Not here: the gate and the queues (log.c); why the words may be written again (table.c).
 */
#include "cache/whole.h"

#define SHARE           9u   /* words walked for each one stored */
#define LEAST           64u  /* words walked in any case */
#define AHEAD           128u /* words whose buckets are asked for before they are needed */
#define SAMPLE          200u
#define SAMPLE_LOOKS    800u
#define SAMPLE_TOGETHER 16u
#define NS_PER_SECOND   1000000000ull

/* -- which one goes --------------------------------------------------------------------------- */

struct worth {
    uint64_t used, live, age_us;
};

/* Entries that are looked at together, so that their buckets come from memory at the same time. */
struct looks {
    unsigned n;
    uint32_t refs[SAMPLE_TOGETHER];
    uint64_t hashes[SAMPLE_TOGETHER];
};

/* The next entries of SEGMENT from *AT on. */
static void collect(const struct rd_cache_writer *writer, uint32_t segment, uint32_t end,
                    uint32_t *at, struct looks *ret_looks)
{
    const struct table *table = &writer->cache->table;
    struct bucket *pair[2];
    struct entry_head head;

    ret_looks->n = 0;
    while (ret_looks->n < SAMPLE_TOGETHER && *at < end) {
        uint32_t ref = log_ref(&writer->cache->log, segment, *at);

        if (!table_head(table, ref, &head)) {
            *at = end;
            return;
        }
        table_pair(table, head.name_hash, pair);
        __builtin_prefetch(pair[0]);
        __builtin_prefetch(pair[1]);
        ret_looks->refs[ret_looks->n] = ref;
        ret_looks->hashes[ret_looks->n++] = head.name_hash;
        *at += entry_words(head.sizes);
    }
}

/* SEGMENT may be somebody else's by now: then this is a wrong guess, and no more than that. */
static struct worth worth_of(const struct rd_cache_writer *writer, uint32_t segment)
{
    const struct log *log = &writer->cache->log;
    uint32_t at = log_first_word(segment), end = log_filled(log, segment);
    uint64_t sealed_ns =
        atomic_load_explicit(&log->segments[segment].sealed_ns, memory_order_relaxed);
    uint64_t age_ns = writer->now_ns > sealed_ns ? writer->now_ns - sealed_ns : 0;
    struct worth worth = {.age_us = age_ns / 1024 + 1};
    struct looks looks = {.n = 1};

    for (unsigned n = 0; n < SAMPLE_LOOKS && worth.live < SAMPLE && looks.n > 0; n += looks.n) {
        collect(writer, segment, end, &at, &looks);
        for (unsigned i = 0; i < looks.n; i++) {
            struct place place;

            if (table_slot_of(&writer->cache->table, looks.hashes[i], looks.refs[i], &place) !=
                TABLE_FOUND)
                continue;
            worth.live++;
            worth.used += bucket_used(place.bucket, place.slot);
        }
    }
    worth.live += worth.live == 0;
    return worth;
}

/* The head that is asked for less often; if they are equal, that of MAIN. But what has been in MAIN
 * for less time than the other had to show its worth stays. */
static enum log_kind lesser(const struct rd_cache_writer *writer, const uint32_t heads[2])
{
    struct worth fresh = worth_of(writer, heads[LOG_NEW]), main = worth_of(writer, heads[LOG_MAIN]);

    if (main.age_us < fresh.age_us)
        return LOG_NEW;
    return fresh.used * main.live * main.age_us < main.used * fresh.live * fresh.age_us ? LOG_NEW
                                                                                        : LOG_MAIN;
}

static void begin(struct rd_cache_writer *writer, uint32_t segment)
{
    struct reclaim *reclaim = &writer->share.reclaim;

    reclaim->segment = segment;
    reclaim->at = reclaim->ahead = log_first_word(segment);
    reclaim->end = log_filled(&writer->cache->log, segment);
    reclaim->kept = 0;
}

/* Takes the head of a queue. Begins inside the gate and leaves it; sampling is done outside. */
static bool choose(struct rd_cache_writer *writer)
{
    struct log *log = &writer->cache->log;
    uint32_t heads[2] = {log->queues[LOG_NEW].first, log->queues[LOG_MAIN].first}, segment;
    uint32_t n_main = log->queues[LOG_MAIN].n, n_new = log->queues[LOG_NEW].n;
    enum log_kind kind = n_main == 0 ? LOG_NEW : LOG_MAIN;

    if (n_new && n_main && n_main * 10 <= log->n_segments * 9) {
        log_leave(log);
        kind = lesser(writer, heads);
        if (!log_enter(log))
            return false;
    }
    segment = log_take_oldest(log, kind);
    log_leave(log);
    if (segment != LOG_NONE)
        begin(writer, segment);
    return segment != LOG_NONE;
}

/* Fills the stock from what was never used; else a segment to be emptied. False: neither. */
static bool provide(struct rd_cache_writer *writer)
{
    struct log *log = &writer->cache->log;
    struct log_share *share = &writer->share;
    uint32_t before = share->n_stock;

    if (!log_enter(log))
        return false;
    log_hand_over(log, share);
    log_stock(log, share);
    if (share->n_stock == before)
        return choose(writer);
    log_leave(log);
    return true;
}

/* -- walking ---------------------------------------------------------------------------------- */

static bool of_use(const struct rd_cache_writer *writer, const struct entry_head *head)
{
    const struct rd_cache *cache = writer->cache;
    uint64_t age_ns = writer->now_ns > head->stored_ns ? writer->now_ns - head->stored_ns : 0;
    uint64_t life_ns = entry_lifetime(head->sizes) * NS_PER_SECOND;

    if (entry_kind(head->what) != RD_CACHE_FAILURE)
        life_ns += atomic_load_explicit(&cache->stale_ns, memory_order_relaxed);
    return head->stored_ns >= cache_floor(cache) && age_ns < life_ns;
}

/* Copies the entry to the open MAIN segment and has its slot refer to that. */
static bool keep(struct rd_cache_writer *writer, const struct place *place, uint32_t words,
                 uint32_t to)
{
    struct table *table = &writer->cache->table;

    for (uint32_t i = 0; i < words; i++)
        entry_put(&table->data[to + i], entry_load(&table->data[place->ref + i]));
    if (!place_swing(place, to))
        return false;
    log_commit(&writer->cache->log, &writer->share, LOG_MAIN, words);
    return true;
}

/* Words of MAIN that keeping an entry of WORDS takes: when it does not fit into the open segment,
 * what is left there is lost. */
static uint32_t cost_of(const struct rd_cache_writer *writer, uint32_t words)
{
    const struct log *log = &writer->cache->log;
    uint32_t open = writer->share.open[LOG_MAIN], left = 0;

    if (open != LOG_NONE)
        left = log->segment_words - log_filled(log, open);
    return left < words ? words + left : words;
}

/* Deals with the entry at the walk's place. False: it is not known yet what becomes of it. */
static bool settle(struct rd_cache_writer *writer, const struct entry_head *head)
{
    struct rd_cache *cache = writer->cache;
    const struct reclaim *reclaim = &writer->share.reclaim;
    uint32_t ref = log_ref(&cache->log, reclaim->segment, reclaim->at);
    uint32_t words = entry_words(head->sizes), cost = cost_of(writer, words), to;
    struct place place;

    switch (table_slot_of(&cache->table, head->name_hash, ref, &place)) {
    case TABLE_NONE:
        return true;
    case TABLE_BUSY:
        return false;
    case TABLE_FOUND:
        break;
    }
    if (bucket_used(place.bucket, place.slot) && of_use(writer, head) &&
        reclaim->kept + cost <= cache->log.segment_words / 8 * 7 &&
        log_room(&cache->log, &writer->share, LOG_MAIN, words, writer->now_ns, &to)) {
        if (!keep(writer, &place, words, to))
            return false;
        writer->share.reclaim.kept += cost;
        return true;
    }
    if (!place_empty(&place))
        return false;
    count_one(&writer->removed);
    return true;
}

/* Asks for the buckets of the entries that come next. */
static void look_ahead(struct rd_cache_writer *writer)
{
    const struct rd_cache *cache = writer->cache;
    struct reclaim *reclaim = &writer->share.reclaim;
    struct bucket *pair[2];
    struct entry_head head;

    while (reclaim->ahead < reclaim->end && reclaim->ahead < reclaim->at + AHEAD) {
        if (!table_head(&cache->table, log_ref(&cache->log, reclaim->segment, reclaim->ahead),
                        &head))
            return;
        table_pair(&cache->table, head.name_hash, pair);
        __builtin_prefetch(pair[0]);
        __builtin_prefetch(pair[1]);
        reclaim->ahead += entry_words(head.sizes);
    }
}

static void end(struct rd_cache_writer *writer)
{
    struct log_share *share = &writer->share;

    log_fill(&writer->cache->log, share->reclaim.segment, 0);
    share->stock[share->n_stock++] = share->reclaim.segment;
    share->reclaim.segment = LOG_NONE;
}

/* Walks up to WORDS; what is left of them. None are if the walk cannot go on now. */
static uint32_t walk(struct rd_cache_writer *writer, uint32_t words)
{
    struct reclaim *reclaim = &writer->share.reclaim;
    struct rd_cache *cache = writer->cache;
    struct entry_head head;

    while (reclaim->at < reclaim->end) {
        uint32_t ref = log_ref(&cache->log, reclaim->segment, reclaim->at), size;

        look_ahead(writer);
        if (words == 0 || !table_head(&cache->table, ref, &head) || !settle(writer, &head))
            return 0;
        size = entry_words(head.sizes);
        reclaim->at += size;
        words -= size < words ? size : words;
    }
    end(writer);
    return words;
}

void reclaim_some(struct rd_cache_writer *writer, uint32_t words)
{
    struct log_share *share = &writer->share;
    uint32_t left = words * SHARE + LEAST;

    while (left && share->n_stock < LOG_STOCK) {
        if (share->reclaim.segment != LOG_NONE)
            left = walk(writer, left);
        else if (!provide(writer))
            return;
    }
}
