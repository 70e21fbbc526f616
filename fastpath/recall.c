/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recall.c - from an entry of the cache to what a client gets.
 *
 * The entry is copied into the buffer that the query came in, so the copy is the answer: TTLs are
 * counted down where they stand, addresses are turned, and answer.c puts the client's own into the
 * header. One worker's thread.
 */
#include "recall.h"

#include <string.h>

#include "answer.h"
#include "base/clock.h"
#include "wire/cursor.h"

/* How long all clients get a stale answer at once when asking has failed (RFC 8767 section 5). */
#define RECHECK_NS (30 * RD_NS_PER_S)
/* What records of a stale answer live. */
#define STALE_TTL 30u
/* A failure this long after the end of the last one is no longer in a row with it. */
#define FAILURE_MEMORY_NS (300 * RD_NS_PER_S)
/* More in a row make no difference. */
#define FAILURES_COUNTED 16
/* Lives shorter than this are not worth a refresh before their end. */
#define PREFETCH_LEAST_S 10u
/* What our OPT may take beyond the message. */
#define OPT_ROOM 512u
/* TTL, RDLENGTH: from a record's TTL to its RDATA. */
#define TTL_TO_RDATA 6u

void recall_prefetch(const struct context *context, const struct rd_key *key)
{
    if (context->cache)
        rd_cache_prefetch(context->cache, key->name_hash);
}

bool recall_prefetch_entries(const struct context *context, const struct rd_key *key)
{
    return context->cache && rd_cache_prefetch_entries(context->cache, key);
}

/* An entry's copy in MSG's buffer, a larger one if need be: with room for our OPT, since by TCP
 * nothing may be cut. */
static bool fetch(struct context *context, const struct rd_key *key, enum rd_cache_kind kind,
                  struct io_message *msg, struct rd_cache_entry *ret_entry)
{
    uint32_t room = msg->cap > OPT_ROOM ? msg->cap - OPT_ROOM : 0;
    enum rd_cache_found found =
        rd_cache_fetch(context->cache, key, kind, msg->data, room, ret_entry);
    struct io_message larger;

    if (found == RD_CACHE_ROOM) {
        if (!context_alloc(context, ret_entry->len + OPT_ROOM, &larger))
            return false;
        context_drop(context, msg);
        *msg = larger;
        found = rd_cache_fetch(context->cache, key, kind, msg->data, msg->cap, ret_entry);
    }
    if (found != RD_CACHE_HIT)
        return false;
    msg->len = ret_entry->len;
    return true;
}

/* What another worker stored in this turn may be a little younger than our clock. */
static uint64_t age_ns(const struct context *context, const struct rd_cache_entry *entry)
{
    return context->now_ns > entry->stored_ns ? context->now_ns - entry->stored_ns : 0;
}

static bool is_fresh(const struct context *context, const struct rd_cache_entry *entry)
{
    return age_ns(context, entry) < entry->lifetime_s * RD_NS_PER_S;
}

/* Ended, and not too long ago. */
static bool is_usable(const struct context *context, const struct rd_cache_entry *entry)
{
    uint64_t stale_ns = context->snapshot->config.cache_stale * RD_NS_PER_MS;

    return age_ns(context, entry) < entry->lifetime_s * RD_NS_PER_S + stale_ns;
}

static void count_down(uint8_t *data, const struct rd_cache_entry *entry, uint32_t seconds)
{
    for (unsigned i = 0; i < entry->n_ttls; i++) {
        uint8_t *at = data + entry->ttls[i];
        uint32_t ttl = rd_get_u32(at);

        rd_put_u32(at, ttl > seconds ? ttl - seconds : 0);
    }
}

static void set_ttls(uint8_t *data, const struct rd_cache_entry *entry, uint32_t ttl)
{
    for (unsigned i = 0; i < entry->n_ttls; i++)
        rd_put_u32(data + entry->ttls[i], ttl);
}

/* Another address comes first: the RDATA of the RRset change places, nothing else. Spread by a
 * multiplication, since clients ask for A and AAAA in turn. */
static void rotate(struct context *context, uint8_t *data, const struct rd_cache_entry *entry,
                   uint16_t type)
{
    unsigned n = entry->rotate_n, bytes = type == RD_TYPE_A ? 4 : 16;
    uint32_t draw = ++context->turned * 0x9e3779b1u;
    unsigned by = (unsigned)((uint64_t)draw * n >> 32);
    uint8_t turned[UINT8_MAX][16];

    for (unsigned i = 0; i < n; i++) {
        const uint8_t *from = data + entry->ttls[entry->rotate_first + (i + by) % n];

        memcpy(turned[i], from + TTL_TO_RDATA, bytes);
    }
    for (unsigned i = 0; i < n; i++)
        memcpy(data + entry->ttls[entry->rotate_first + i] + TTL_TO_RDATA, turned[i], bytes);
}

/* Gives what stands in MSG's buffer. */
static void give(struct context *context, const struct rd_key *key,
                 const struct rd_cache_entry *entry, const struct client *client, int ede,
                 struct io_message *msg)
{
    struct answer_question question = {&key->name, key->type, RD_CLASS_IN};
    struct answer_kept kept = {&question, entry->trust_ad, entry->has_opt, ede};

    if (entry->rotate_n > 1 && context->snapshot->config.cache_rotate)
        rotate(context, msg->data, entry, key->type);
    answer_kept(context, &kept, client, msg);
}

static bool is_late(const struct context *context, const struct rd_cache_entry *entry)
{
    return context->snapshot->config.cache_prefetch && entry->lifetime_s >= PREFETCH_LEAST_S &&
           age_ns(context, entry) >= entry->lifetime_s * (RD_NS_PER_S / 10) * 9;
}

static enum recall give_fresh(struct context *context, const struct rd_key *key,
                              const struct rd_cache_entry *entry, const struct client *client,
                              struct io_message *msg)
{
    uint64_t age = age_ns(context, entry);
    bool late = is_late(context, entry);

    rd_stat_inc(entry->denies ? &context->stats->cache_hits_negative : &context->stats->cache_hits);
    count_down(msg->data, entry, (uint32_t)(age / RD_NS_PER_S));
    give(context, key, entry, client, RD_EDE_NONE, msg);
    return late ? RECALL_REFRESH : RECALL_ANSWERED;
}

/* Fetches under the key that KIND has: of a name that does not exist the type is no part. */
static bool fetch_kind(struct context *context, struct rd_key *key, enum rd_cache_kind kind,
                       struct io_message *msg, struct rd_cache_entry *ret_entry)
{
    uint16_t type = key->type;
    uint64_t hash = key->hash;
    bool found;

    if (kind == RD_CACHE_NAME)
        rd_key_retype(key, 0);
    found = fetch(context, key, kind, msg, ret_entry) && ret_entry->lifetime_s > 0;
    key->type = type;
    key->hash = hash;
    return found;
}

static void give_stale(struct context *context, const struct rd_key *key,
                       const struct rd_cache_entry *entry, const struct client *client,
                       struct io_message *msg)
{
    bool no_name = (msg->data[3] & RD_DNS_RCODE) == RD_NXDOMAIN;

    rd_stat_inc(&context->stats->cache_hits_stale);
    msg->data[3] &= (uint8_t)~RD_DNS_AD;
    set_ttls(msg->data, entry, STALE_TTL);
    give(context, key, entry, client, no_name ? RD_EDE_STALE_NXDOMAIN : RD_EDE_STALE_ANSWER, msg);
}

bool recall_stale(struct context *context, const struct rd_key *key, uint8_t stale,
                  const struct client *client, struct io_message *msg)
{
    struct rd_cache_entry entry;
    struct rd_key copy;

    rd_key_copy(&copy, key);
    if (!fetch_kind(context, &copy, (enum rd_cache_kind)(stale - 1), msg, &entry))
        return false;
    if (is_fresh(context, &entry)) /* that the name is gone was found by another question since */
        give_fresh(context, key, &entry, client, msg);
    else
        give_stale(context, key, &entry, client, msg);
    return true;
}

/* That it failed, with what the server said of it. */
static void give_failure(struct context *context, const struct rd_key *key,
                         const struct rd_cache_entry *entry, const struct client *client,
                         struct io_message *msg)
{
    struct answer_question question = {&key->name, key->type, RD_CLASS_IN};

    rd_stat_inc(&context->stats->cache_hits_failure);
    if (entry->len > 0)
        give(context, key, entry, client, RD_EDE_CACHED_ERROR, msg);
    else
        answer_error(context, &question, client, RD_SERVFAIL, RD_EDE_CACHED_ERROR, msg);
}

/* How often asking has failed in a row, by ENTRY, the last failure. */
static uint8_t failures_of(const struct context *context, const struct rd_cache_entry *entry)
{
    uint64_t memory_ns = entry->lifetime_s * RD_NS_PER_S + FAILURE_MEMORY_NS;

    if (entry->lifetime_s == 0 || age_ns(context, entry) >= memory_ns)
        return 0;
    return (uint8_t)(entry->level < FAILURES_COUNTED ? entry->level + 1 : FAILURES_COUNTED);
}

/* No fresh answer; whether asking failed lately, and what to do then. */
static enum recall after_failure(struct context *context, struct rd_key *key,
                                 const struct client *client, struct io_message *msg,
                                 struct recalled *recalled)
{
    struct rd_cache_entry entry;

    if (!fetch(context, key, RD_CACHE_FAILURE, msg, &entry) || entry.lifetime_s == 0)
        return RECALL_MISS;
    recalled->failures = failures_of(context, &entry);
    if (entry.denies && is_fresh(context, &entry))
        recalled->stale = 0;
    if (recalled->stale && age_ns(context, &entry) < RECHECK_NS &&
        recall_stale(context, key, recalled->stale, client, msg))
        return RECALL_ANSWERED;
    if (recalled->stale || !is_fresh(context, &entry))
        return RECALL_MISS;
    give_failure(context, key, &entry, client, msg);
    return RECALL_ANSWERED;
}

enum recall recall_client(struct context *context, struct rd_key *key, const struct client *client,
                          struct io_message *msg, bool fresh_only, struct recalled *ret_recalled)
{
    static const enum rd_cache_kind kinds[] = {RD_CACHE_ANSWER, RD_CACHE_NAME};
    uint64_t stale_ns = 0;
    enum recall recall;

    *ret_recalled = (struct recalled){0};
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct rd_cache_entry entry;

        if (!fetch_kind(context, key, kinds[i], msg, &entry))
            continue;
        if (is_fresh(context, &entry))
            return give_fresh(context, key, &entry, client, msg);
        if (!is_usable(context, &entry) || entry.stored_ns < stale_ns)
            continue;
        stale_ns = entry.stored_ns;
        ret_recalled->stale = (uint8_t)(kinds[i] + 1);
    }
    if (fresh_only)
        return RECALL_MISS;
    recall = after_failure(context, key, client, msg, ret_recalled);
    if (recall == RECALL_MISS && ret_recalled->stale &&
        context->snapshot->config.cache_stale_mode == RD_STALE_IMMEDIATE &&
        recall_stale(context, key, ret_recalled->stale, client, msg))
        return RECALL_REFRESH;
    return recall;
}

/* An entry in the scratch room, where its message is not looked at. */
static bool peek(struct context *context, const struct rd_key *key, enum rd_cache_kind kind,
                 struct rd_cache_entry *ret_entry)
{
    return rd_cache_fetch(context->cache, key, kind, context->scratch, sizeof(context->scratch),
                          ret_entry) == RD_CACHE_HIT;
}

bool recall_wants_refresh(struct context *context, const struct rd_key *key, uint8_t *ret_failures)
{
    struct rd_cache_entry entry;
    struct rd_key of_name;

    *ret_failures = 0;
    if (peek(context, key, RD_CACHE_FAILURE, &entry)) {
        if (is_fresh(context, &entry))
            return false;
        *ret_failures = failures_of(context, &entry);
    }
    if (peek(context, key, RD_CACHE_ANSWER, &entry) && is_fresh(context, &entry) &&
        !is_late(context, &entry))
        return false;
    /* A refresh may have found out that the name is gone: the answer stays until its end. */
    rd_key_copy(&of_name, key);
    rd_key_retype(&of_name, 0);
    return !peek(context, &of_name, RD_CACHE_NAME, &entry) || !is_fresh(context, &entry) ||
           is_late(context, &entry);
}
