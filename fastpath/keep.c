/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keep.c - from an accepted reply to an entry of the cache.
 *
 * What a reply may say is wire/tidy.c's business; here it gets a key and a lifetime. One worker's
 * thread.
 */
#include "keep.h"

#include <assert.h>
#include <string.h>

static_assert(RD_TIDY_TTLS <= RD_CACHE_TTLS, "what was tidied fits into an entry");

/* A failure is remembered so long, twice as long after each further one (RFC 9520 section 3.2). */
#define FAILURE_S      5u
#define FAILURE_MOST_S 300u

static uint32_t seconds(uint64_t ms)
{
    return (uint32_t)(ms / 1000);
}

static struct rd_tidy_limits limits_of(const struct rd_config *config)
{
    return (struct rd_tidy_limits){
        .min_ttl = seconds(config->cache_min_ttl),
        .max_ttl = seconds(config->cache_max_ttl),
        .negative_ttl = seconds(config->cache_negative_ttl),
    };
}

/* Up to the configured share shorter, so that what came together does not end together. */
static uint32_t lifetime(struct context *context, uint32_t ttl)
{
    uint64_t most = (uint64_t)ttl * context->snapshot->config.cache_jitter / 100;

    if (most == 0)
        return ttl;
    return ttl - rd_random_below(&context->random, (uint32_t)most + 1);
}

static _Atomic uint64_t *counter_of(struct rd_stats *stats, enum rd_cache_stored stored)
{
    switch (stored) {
    case RD_CACHE_STORED:
        return &stats->cache_stored;
    case RD_CACHE_TOO_LARGE:
        return &stats->cache_refused_large;
    case RD_CACHE_BUSY:
        return &stats->cache_refused_busy;
    case RD_CACHE_FULL:
        return &stats->cache_refused_room;
    case RD_CACHE_FLUSHED:
        break;
    }
    return &stats->cache_refused_flushed;
}

static void store(struct context *context, const struct question *question, enum rd_cache_kind kind,
                  const struct rd_cache_entry *entry, const uint8_t *message)
{
    struct rd_key key;
    enum rd_cache_stored stored;

    rd_key_copy(&key, &question->key);
    if (kind == RD_CACHE_NAME)
        rd_key_retype(&key, 0);
    stored = rd_cache_store(context->writer, &key, kind, entry, message, question->asked_ns,
                            question->flushes);
    rd_stat_inc(counter_of(context->stats, stored));
}

/* What was known of QUESTION by KIND is over, and nothing takes its place. */
static void store_end(struct context *context, const struct question *question,
                      enum rd_cache_kind kind)
{
    struct rd_cache_entry entry = {.stored_ns = context->now_ns};

    store(context, question, kind, &entry, NULL);
}

static bool is_known(struct context *context, const struct question *question,
                     enum rd_cache_kind kind)
{
    struct rd_cache_entry entry;
    struct rd_key key;

    rd_key_copy(&key, &question->key);
    if (kind == RD_CACHE_NAME)
        rd_key_retype(&key, 0);
    return rd_cache_fetch(context->cache, &key, kind, context->scratch, sizeof(context->scratch),
                          &entry) == RD_CACHE_HIT &&
           entry.lifetime_s > 0;
}

/* An answer that is not kept puts an end to an older one all the same, which would be refreshed
 * again and again, and given stale as if there were none. */
static void supersede(struct context *context, const struct question *question)
{
    static const enum rd_cache_kind kinds[] = {RD_CACHE_ANSWER, RD_CACHE_NAME};

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (is_known(context, question, kinds[i]))
            store_end(context, question, kinds[i]);
}

static struct rd_cache_entry entry_of(const struct context *context, const struct rd_tidy *tidy,
                                      const struct rd_message *wire, uint32_t len)
{
    struct rd_cache_entry entry = {
        .stored_ns = context->now_ns,
        .len = (uint16_t)len,
        .n_ttls = tidy->n_ttls,
        .rotate_first = tidy->rotate_first,
        .rotate_n = tidy->rotate_n,
        .denies = tidy->finding != RD_FINDS_RECORDS,
        .has_opt = wire->opt != 0,
    };

    memcpy(entry.ttls, tidy->ttls, tidy->n_ttls * sizeof(tidy->ttls[0]));
    return entry;
}

/* Why it is not kept; NULL: it is. */
static _Atomic uint64_t *refusal(struct rd_stats *stats, const struct rd_tidy *tidy, uint32_t len)
{
    if (tidy->finding == RD_FINDS_NOTHING)
        return &stats->cache_refused_content;
    if (tidy->too_many || len > RD_CACHE_MESSAGE_BYTES)
        return &stats->cache_refused_large;
    return tidy->least_ttl == 0 ? &stats->cache_refused_ttl : NULL;
}

static void keep(struct context *context, const struct question *question,
                 const struct rd_tidy *tidy, const struct rd_message *wire,
                 const struct io_message *msg)
{
    bool of_name = tidy->finding == RD_FINDS_NO_NAME && !tidy->behind_alias;
    _Atomic uint64_t *refused = refusal(context->stats, tidy, msg->len);
    struct rd_cache_entry entry;

    if (question->failures > 0) /* the row is over, whether this is kept or not */
        store_end(context, question, RD_CACHE_FAILURE);
    if (refused) {
        rd_stat_inc(refused);
        supersede(context, question);
        return;
    }
    entry = entry_of(context, tidy, wire, msg->len);
    entry.lifetime_s = lifetime(context, tidy->least_ttl);
    entry.trust_ad = question->trust_ad;
    store(context, question, of_name ? RD_CACHE_NAME : RD_CACHE_ANSWER, &entry, msg->data);
}

static bool tidy_up(struct context *context, const struct question *question,
                    struct rd_message *wire, struct io_message *msg, struct rd_tidy *ret_tidy)
{
    struct rd_tidy_limits limits = limits_of(&context->snapshot->config);
    uint16_t answers = wire->count[RD_ANSWER];

    msg->len = rd_tidy(msg->data, msg->len, msg->cap, wire, &question->key.name, &limits,
                       context->scratch, ret_tidy);
    if (msg->len == 0 || wire->count[RD_ANSWER] != answers)
        rd_stat_inc(&context->stats->replies_trimmed);
    return msg->len > 0;
}

static uint32_t backoff(unsigned failures)
{
    uint32_t s = FAILURE_S;

    while (failures-- > 0 && s < FAILURE_MOST_S)
        s *= 2;
    return s < FAILURE_MOST_S ? s : FAILURE_MOST_S;
}

/* MSG: what a server said of it, NULL: nothing. */
static void remember(struct context *context, const struct question *question,
                     const struct rd_message *wire, const struct io_message *msg)
{
    struct rd_cache_entry entry = {
        .stored_ns = context->now_ns,
        .lifetime_s = backoff(question->failures),
        .level = question->failures,
    };

    if (msg && msg->len <= RD_CACHE_MESSAGE_BYTES) {
        entry.len = (uint16_t)msg->len;
        entry.has_opt = wire->opt != 0;
        entry.denies = rd_edns_is_bogus(&wire->edns);
    }
    store(context, question, RD_CACHE_FAILURE, &entry, entry.len > 0 ? msg->data : NULL);
}

bool keep_answer(struct context *context, const struct question *question, struct rd_message *wire,
                 struct io_message *msg)
{
    struct rd_tidy tidy;

    if (!tidy_up(context, question, wire, msg, &tidy))
        return false;
    if (!context->cache)
        return true;
    if ((wire->flags & RD_DNS_RCODE) == RD_SERVFAIL)
        remember(context, question, wire, msg);
    else
        keep(context, question, &tidy, wire, msg);
    return true;
}

void keep_failure(struct context *context, const struct question *question)
{
    if (context->cache)
        remember(context, question, NULL, NULL);
}
