/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c - probes of health and probes for loops.
 *
 * Health: a server that is suspect or down is asked for the root's name servers, which any resolver
 * knows, or for a random name below one that the operator gives; any reply will do. Loops: a name
 * that nobody else can know is asked of each server; when a client asks us for it, that server
 * leads back to us (RFC 1035 knows no other way: a query carries no path).
 *
 * One worker's thread.
 */
#include "probe.h"

#include <string.h>

#include "attempt.h"
#include "base/clock.h"
#include "route.h"

#define PATIENCE_NS RD_NS_PER_S
/* A loop does not come and go often; one that was found is looked at more closely. */
#define LOOP_NS       (60 * RD_NS_PER_S)
#define LOOP_AGAIN_NS (5 * RD_NS_PER_S)
#define TOKEN_DIGITS  16

static uint32_t hash_from(const struct rd_name *name, unsigned at)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; at < name->len; at++)
        hash = (hash ^ name->bytes[at]) * 16777619u;
    return hash;
}

uint32_t probe_name_hash(const struct rd_name *name)
{
    return hash_from(name, 0);
}

uint32_t probe_suffix_hash(const struct rd_name *name)
{
    unsigned last = 0, before = 0;

    for (unsigned at = 0; name->bytes[at] != 0; at += name->bytes[at] + 1u) {
        before = last;
        last = at;
    }
    return hash_from(name, before);
}

/* Writes TOKEN as a label of hexadecimal digits, at AT. */
static void write_label(uint64_t token, uint8_t *at)
{
    *at++ = TOKEN_DIGITS;
    for (int shift = 60; shift >= 0; shift -= 4)
        *at++ = (uint8_t) "0123456789abcdef"[token >> shift & 15];
}

/* The label of TOKEN in front of SUFFIX; SUFFIX alone if there is no room. */
static void name_below(struct rd_name *name, uint64_t token, const struct rd_name *suffix)
{
    unsigned room = TOKEN_DIGITS + 1;

    if (suffix->len + room > RD_DNS_NAME_BYTES)
        room = 0;
    else
        write_label(token, name->bytes);
    memcpy(name->bytes + room, suffix->bytes, suffix->len);
    name->len = (uint8_t)(suffix->len + room);
}

static uint64_t draw_token(struct context *context)
{
    uint64_t high = rd_random_u32(&context->random);

    return high << 32 | rd_random_u32(&context->random) | 1; /* never 0 */
}

static void ask_health(struct context *context, const struct snapshot_pool *pool, uint8_t server)
{
    struct rd_key key = {.type = RD_TYPE_NS, .view = QUESTION_PROBE, .name = {.len = 1}};

    if (context->stopping || !fleet_probe(context->fleet, server, context->now_ns))
        return;
    if (pool->probe.len > 1) {
        key.type = RD_TYPE_A;
        name_below(&key.name, draw_token(context), &pool->probe);
    }
    attempt_probe(context, pool, server, &key, PATIENCE_NS);
}

/* A probe is never looked up by its key, so the hash has room for a loop probe's token; 0 for a
 * probe of health. */
static uint64_t token_of(const struct question *probe)
{
    return probe->key.hash;
}

static void ask_loop(struct context *context, const struct snapshot_pool *pool, uint8_t server)
{
    static const struct rd_name suffix = {sizeof("\12loop-probe\7ringdns"),
                                          "\12loop-probe\7ringdns"};
    struct rd_key key = {.type = RD_TYPE_TXT, .view = QUESTION_PROBE, .hash = draw_token(context)};
    bool looping = fleet_state(context->fleet, server, context->now_ns) == RD_SERVER_LOOPING;

    if (!fleet_loop_probe(context->fleet, server, context->now_ns,
                          looping ? LOOP_AGAIN_NS : LOOP_NS))
        return;
    name_below(&key.name, key.hash, &suffix);
    fleet_loop_sent(context->fleet, server, key.hash);
    attempt_probe(context, pool, server, &key, PATIENCE_NS);
}

void probe_server(struct context *context, uint8_t server)
{
    for (unsigned view = 0; view < RD_MAX_VIEWS; view++) {
        const struct snapshot_pool *pool = &context->snapshot->pools[view];

        for (unsigned i = 0; i < pool->n_servers; i++) {
            if (pool->servers[i].number != server)
                continue;
            ask_health(context, pool, server);
            return;
        }
    }
}

void probe_replied(struct context *context, const struct question *question)
{
    if (token_of(question) != 0)
        fleet_loop_clear(context->fleet, question->attempts[0].server, token_of(question),
                         context->now_ns);
}

void probe_lost(struct context *context, const struct question *question)
{
    if (token_of(question) == 0 &&
        fleet_lost(context->fleet, question->attempts[0].server, context->now_ns))
        rd_stat_inc(&context->stats->servers_down);
}

bool probe_came_back(struct context *context, const struct rd_name *name)
{
    uint64_t token = 0;

    if (name->bytes[0] != TOKEN_DIGITS)
        return false;
    for (unsigned i = 1; i <= TOKEN_DIGITS; i++) {
        uint8_t digit = name->bytes[i];

        if (digit >= '0' && digit <= '9')
            token = token << 4 | (uint64_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            token = token << 4 | (uint64_t)(digit - 'a' + 10);
        else
            return false;
    }
    if (!fleet_loop_awaits(context->fleet, token))
        return false;
    if (fleet_loop_seen(context->fleet, token, context->now_ns))
        rd_stat_inc(&context->stats->servers_looping);
    return true;
}

/* What SERVER of POOL is to be asked. LOOPS: whether it leads back to us, too. False: it is well.
 */
static bool tend_server(struct context *context, const struct snapshot_pool *pool, uint8_t server,
                        bool loops)
{
    enum rd_server_state state = fleet_state(context->fleet, server, context->now_ns);

    if (state == RD_SERVER_DOWN || state == RD_SERVER_SUSPECT)
        ask_health(context, pool, server);
    if (loops)
        ask_loop(context, pool, server);
    return state == RD_SERVER_UP;
}

uint64_t probe_tend(struct context *context)
{
    static const struct rd_name root = {1, {0}};
    const struct rd_snapshot *snapshot = context->snapshot;
    unsigned any = snapshot->views[route_find(snapshot->routes, &root, RD_TYPE_NS).pool];
    uint64_t loops_ns = RD_NEVER;
    bool ailing = false;

    if (context->stopping)
        return RD_NEVER;
    if (!snapshot->config.loop_probe)
        fleet_loop_forget(context->fleet, context->now_ns);
    for (unsigned view = 0; view < RD_MAX_VIEWS; view++) {
        const struct snapshot_pool *pool = &snapshot->pools[view];
        /* A server for the names of a narrower route may well send all others to us. */
        bool loops = snapshot->config.loop_probe && view == any;

        for (unsigned i = 0; i < pool->n_servers; i++) {
            uint8_t server = pool->servers[i].number;
            uint64_t due_ns;

            ailing |= !tend_server(context, pool, server, loops);
            due_ns = loops ? fleet_loop_due(context->fleet, server) : RD_NEVER;
            loops_ns = due_ns < loops_ns ? due_ns : loops_ns;
        }
    }
    return ailing ? context->now_ns + FLEET_PROBE_NS : loops_ns;
}
