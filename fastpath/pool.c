/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.c - choosing a server: a pass finds those of the best rank, then the pool's policy decides
 * among them. A question's first message, with servers that are well, has a shorter pass.
 *
 * Not here: when to ask (attempt.c), health (fleet.c), speed (latency.c).
 */
#include "pool.h"

#include <assert.h>

/* Asking a server that does not reply costs this: attempts wait no less for it. */
#define WAIT_US 400000u
/* Of a server that was never heard: as fast as any, so that it is tried. */
#define UNKNOWN_US 1000u
/* Faster than this is a matter of our own load. */
#define FASTEST_US 100u
/* One question in so many goes to any server, so that a slow one's recovery is seen. */
#define EXPLORE_BITS 5

/* Sets of places in a pool, as bits: the servers that are equally good to ask, and what became of
 * the others. */
struct ballot {
    uint32_t rank; /* the smaller the better */
    uint32_t best, down, capped, looping;
};
static_assert(RD_MAX_SERVERS <= 32, "a place is a bit");

static bool has_room(const struct context *context, uint8_t number)
{
    const struct upstream_server *server = &context->upstream.servers[number];

    return server->outstanding - server->late < server->cap;
}

static bool is_well(const struct context *context, uint8_t number)
{
    return fleet_state(context->fleet, number, context->now_ns) == RD_SERVER_UP &&
           has_room(context, number);
}

/* How much of QUESTION server NUMBER has had; -1: it gets no more of it by this transport. */
static int count_attempts(const struct question *question, uint8_t number, bool tcp)
{
    int attempts = 0, alike = 0;

    for (unsigned i = 0; i < question->n_attempts; i++) {
        const struct attempt *attempt = &question->attempts[i];

        if (attempt->server != number)
            continue;
        if (attempt->outcome == ATTEMPT_FAILED)
            return -1;
        attempts += attempt->outcome != ATTEMPT_VOID;
        alike += attempt->tcp == tcp;
    }
    return alike < RD_ATTEMPTS_PER_SERVER ? attempts : -1;
}

static uint32_t rank_of(int attempts, enum rd_server_state state, uint8_t tier)
{
    return (uint32_t)attempts << 16 | (uint32_t)(state != RD_SERVER_UP) << 8 | tier;
}

static void enter(struct ballot *ballot, uint32_t rank, uint32_t place)
{
    if (rank > ballot->rank)
        return;
    if (rank < ballot->rank)
        ballot->best = 0;
    ballot->rank = rank;
    ballot->best |= place;
}

static struct ballot hold_ballot(const struct context *context, const struct snapshot_pool *pool,
                                 const struct question *question, bool tcp)
{
    struct ballot ballot = {.rank = UINT32_MAX};

    for (uint32_t i = 0; i < pool->n_servers; i++) {
        const struct snapshot_server *server = &pool->servers[i];
        enum rd_server_state state = fleet_state(context->fleet, server->number, context->now_ns);
        int attempts = count_attempts(question, server->number, tcp);

        if (attempts < 0 || question->out_of_reach >> server->number & 1)
            continue;
        if (state == RD_SERVER_LOOPING)
            ballot.looping |= 1u << i;
        else if (state == RD_SERVER_DOWN)
            ballot.down |= 1u << i;
        else if (!has_room(context, server->number))
            ballot.capped |= 1u << i;
        else
            enter(&ballot, rank_of(attempts, state, server->tier), 1u << i);
    }
    return ballot;
}

static int first_of(uint32_t places)
{
    return __builtin_ctz(places);
}

/* One of PLACES by WEIGHTS, which make TOTAL. The bias of 27 bits is one in millions, and no secret
 * hangs on it. */
static int draw(uint32_t places, const uint64_t *weights, uint64_t total, uint32_t random)
{
    uint64_t point = ((random >> EXPLORE_BITS) * total) >> (32 - EXPLORE_BITS);

    for (; (places & (places - 1)) != 0; places &= places - 1) {
        uint64_t weight = weights[first_of(places)];

        if (point < weight)
            break;
        point -= weight;
    }
    return first_of(places);
}

static int draw_by_weight(struct context *context, const struct snapshot_pool *pool,
                          uint32_t places)
{
    uint64_t weights[RD_MAX_SERVERS], total = 0;

    for (uint32_t rest = places; rest != 0; rest &= rest - 1) {
        int place = first_of(rest);

        total += weights[place] = pool->servers[place].weight;
    }
    return draw(places, weights, total, rd_random_u32(&context->random));
}

/* The square: a server twice as slow gets a quarter. The slowest still has a share. */
static uint64_t speed_of(const struct context *context, uint8_t number)
{
    uint64_t us = latency_cost(&context->upstream.servers[number].latency, WAIT_US);

    us = us == 0 ? UNKNOWN_US : us < FASTEST_US ? FASTEST_US : us;
    return (1ull << 44) / (us * us) + 1;
}

static int draw_by_speed(struct context *context, const struct snapshot_pool *pool, uint32_t places)
{
    uint32_t random = rd_random_u32(&context->random);
    bool explore = random % (1u << EXPLORE_BITS) == 0;
    uint64_t weights[RD_MAX_SERVERS], total = 0;

    for (uint32_t rest = places; rest != 0; rest &= rest - 1) {
        int place = first_of(rest);

        total += weights[place] = explore ? 1 : speed_of(context, pool->servers[place].number);
    }
    return draw(places, weights, total, random);
}

/* -log2(HASH / 2^64) in units of 2^-32. For 0 <= t <= 1 log2(1 + t) is t + t(1 - t)q(t), exact at
 * both ends; q is interpolated at five Chebyshev nodes, good to 4 parts in 100,000. */
static uint64_t negative_log2(uint64_t hash)
{
    static const int64_t q[] = {1901184765, -1187856971, 790707039, -417478697, 110343133};
    unsigned zeros = (unsigned)__builtin_clzll(hash | 1);
    int64_t t = (int64_t)((hash | 1) << zeros << 1 >> 32);
    int64_t curve = q[4];

    for (int i = 3; i >= 0; i--)
        curve = q[i] + (int64_t)(((__int128)curve * t) >> 32);
    curve = (int64_t)(((__int128)curve * ((t * ((1ll << 32) - t)) >> 32)) >> 32);
    return ((uint64_t)(zeros + 1) << 32) - (uint64_t)(t + curve);
}

/* Every bit of A and B counts in every bit of it (the finalizer of MurmurHash3). */
static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = a ^ b;

    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdull;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ull;
    return x ^ (x >> 33);
}

/* Weighted rendezvous hashing: each server draws an exponential lot for the name, at a rate that is
 * its weight, and the smallest wins; who is not there takes nothing with it but its own names. No
 * secret key: forwarders and restarts shall agree. */
static int pick_by_hash(const struct snapshot_pool *pool, const struct rd_name *name,
                        uint32_t places)
{
    static const struct rd_hash_key open_key;
    uint64_t hash = rd_hash(&open_key, name->bytes, name->len), best_lot = 0, best_weight = 0;
    int best = 0;

    for (; places != 0; places &= places - 1) {
        const struct snapshot_server *server = &pool->servers[first_of(places)];
        uint64_t lot = negative_log2(mix(hash, server->mark));

        if (best_weight == 0 || lot * best_weight < best_lot * server->weight) {
            best = first_of(places);
            best_lot = lot;
            best_weight = server->weight;
        }
    }
    return best;
}

/* One of PLACES, which are equally good, by the pool's policy. */
static int pick(struct context *context, const struct snapshot_pool *pool,
                const struct question *question, uint32_t places)
{
    if (pool->policy == RD_POLICY_ORDERED || (places & (places - 1)) == 0)
        return first_of(places);
    if (pool->policy == RD_POLICY_FASTEST)
        return draw_by_speed(context, pool, places);
    if (pool->policy == RD_POLICY_SPREAD)
        return draw_by_weight(context, pool, places);
    return pick_by_hash(pool, &question->key.name, places);
}

/* Of the servers DOWN: the one with the least of this question, and of these the one that was heard
 * last. Their caps are full of time-outs and do not matter. */
static int last_hope(const struct context *context, const struct snapshot_pool *pool,
                     const struct question *question, bool tcp, uint32_t down)
{
    int fewest = 0, best = -1;
    uint64_t latest_ns = 0;

    for (; down != 0; down &= down - 1) {
        const struct snapshot_server *server = &pool->servers[first_of(down)];
        int attempts = count_attempts(question, server->number, tcp);
        uint64_t heard_ns = context->upstream.servers[server->number].last_reply_ns;

        if (best < 0 || attempts < fewest || (attempts == fewest && heard_ns > latest_ns)) {
            best = first_of(down);
            fewest = attempts;
            latest_ns = heard_ns;
        }
    }
    return fleet_last_hope(context->fleet, pool->servers[best].number, context->now_ns) ? best
                                                                                        : POOL_DOWN;
}

/* Or could not be. */
static bool was_asked(const struct question *question, uint8_t number)
{
    if (question->out_of_reach >> number & 1)
        return true;
    for (unsigned i = 0; i < question->n_attempts; i++)
        if (question->attempts[i].server == number)
            return true;
    return false;
}

/* The servers of the lowest tier of those that are well and have had nothing of QUESTION. */
static inline __attribute__((always_inline)) uint32_t find_untried(const struct context *context,
                                                                   const struct snapshot_pool *pool,
                                                                   const struct question *question)
{
    const struct snapshot_server *server = pool->servers, *end = server + pool->n_servers;
    uint32_t lowest = UINT32_MAX, found = 0;

    for (uint32_t place = 1; server < end; server++, place <<= 1) {
        uint8_t number = server->number;

        if (server->tier > lowest || !is_well(context, number) || was_asked(question, number))
            continue;
        found = server->tier < lowest ? place : found | place;
        lowest = server->tier;
    }
    return found;
}

__attribute__((noinline)) static int choose_any(struct context *context,
                                                const struct snapshot_pool *pool,
                                                const struct question *question, bool tcp)
{
    struct ballot ballot = hold_ballot(context, pool, question, tcp);

    if (ballot.best != 0)
        return pick(context, pool, question, ballot.best);
    if (ballot.capped != 0)
        return POOL_CAPPED;
    if (ballot.down != 0)
        return last_hope(context, pool, question, tcp, ballot.down);
    return ballot.looping != 0 ? POOL_LOOPING : POOL_SPENT;
}

/* Apart from the short cut below, which then needs no stack. */
__attribute__((noinline)) static int choose(struct context *context,
                                            const struct snapshot_pool *pool,
                                            const struct question *question, bool tcp)
{
    uint32_t untried = find_untried(context, pool, question);

    return untried != 0 ? pick(context, pool, question, untried)
                        : choose_any(context, pool, question, tcp);
}

int pool_choose(struct context *context, const struct snapshot_pool *pool,
                const struct question *question, bool tcp)
{
    if (question->n_attempts > 0)
        return choose_any(context, pool, question, tcp);
    if (pool->n_servers == 1 && is_well(context, pool->servers[0].number))
        return 0;
    return choose(context, pool, question, tcp);
}

int pool_hedge(struct context *context, const struct snapshot_pool *pool,
               const struct question *question)
{
    uint32_t places = find_untried(context, pool, question);

    return places != 0 ? pick(context, pool, question, places) : POOL_SPENT;
}
