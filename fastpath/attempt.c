/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attempt.c - choosing a server, sending a question, retransmission.
 *
 * Every packet has a port and an ID of its own, and a reply to any of them counts until the
 * question's deadline. Which server: the one that this question was sent to least, then by a draw
 * weighted with the speed of those that are not down, so that a slow one is still heard from.
 */
#include "attempt.h"

#include <assert.h>

#include "ringdns/dns.h"
#include "wire/cursor.h"
#include "wire/edns.h"

/* Of a server that was never heard: as fast as any, so that it is tried. */
#define UNKNOWN_US 1000u
#define FASTEST_US 100u
/* No pool has this number: a probe is never taken for a client's question. */
#define PROBE_VIEW        RD_MAX_POOLS
#define PROBE_PATIENCE_NS RD_NS_PER_S

static unsigned attempts_at(const struct question *question, uint8_t server)
{
    unsigned n = 0;

    for (unsigned i = 0; i < question->n_attempts; i++)
        n += question->attempts[i].server == server;
    return n;
}

/* The fewest packets that any server of POOL (up ones only, unless DOWN) had of this question. */
static unsigned fewest_attempts(const struct context *context, const struct question *question,
                                const struct snapshot_pool *pool, bool down)
{
    unsigned fewest = RD_ATTEMPTS_PER_SERVER;

    for (unsigned i = 0; i < pool->n_servers; i++) {
        unsigned n = attempts_at(question, pool->servers[i].number);

        if (n < fewest && fleet_is_down(context->fleet, pool->servers[i].number) == down)
            fewest = n;
    }
    return fewest;
}

static uint32_t weight_of(const struct context *context, uint8_t server)
{
    uint64_t us = context->upstream.servers[server].latency.smoothed_us;
    uint64_t weight;

    us = us == 0 ? UNKNOWN_US : us < FASTEST_US ? FASTEST_US : us;
    /* The square: a server twice as slow gets a quarter. The slowest (4 s) still has a share. */
    weight = (1ull << 44) / (us * us);
    return weight > UINT32_MAX / RD_MAX_SERVERS ? UINT32_MAX / RD_MAX_SERVERS
                                                : (uint32_t)weight + 1;
}

/* A server that is up, of those with the fewest attempts; -1: none. */
static int choose_up(struct context *context, const struct question *question,
                     const struct snapshot_pool *pool)
{
    unsigned fewest = fewest_attempts(context, question, pool, false);
    uint32_t weights[RD_MAX_SERVERS], total = 0, draw;

    if (fewest >= RD_ATTEMPTS_PER_SERVER)
        return -1;
    for (unsigned i = 0; i < pool->n_servers; i++) {
        uint8_t server = pool->servers[i].number;
        bool usable =
            !fleet_is_down(context->fleet, server) && attempts_at(question, server) == fewest;

        weights[i] = usable ? weight_of(context, server) : 0;
        total += weights[i];
    }
    draw = rd_random_below(&context->random, total);
    for (unsigned i = 0; i < pool->n_servers; i++) {
        if (draw < weights[i])
            return pool->servers[i].number;
        draw -= weights[i];
    }
    return -1;
}

/* The server that was heard last, of those that are down and have the fewest attempts; -1: none. */
static int choose_least_bad(const struct context *context, const struct question *question,
                            const struct snapshot_pool *pool)
{
    unsigned fewest = fewest_attempts(context, question, pool, true);
    uint64_t latest = 0;
    int best = -1;

    if (fewest >= RD_ATTEMPTS_PER_SERVER)
        return -1;
    for (unsigned i = 0; i < pool->n_servers; i++) {
        uint8_t server = pool->servers[i].number;
        uint64_t heard = context->upstream.servers[server].last_reply_ns;

        if (!fleet_is_down(context->fleet, server) || attempts_at(question, server) != fewest)
            continue;
        if (best < 0 || heard > latest) {
            best = server;
            latest = heard;
        }
    }
    return best;
}

/* The question as it goes upstream: our own header and OPT, nothing of the client's (RFC 6891). */
static uint32_t compose(const struct question *question, uint16_t id, uint8_t *data, uint32_t cap)
{
    const struct question_key *key = &question->key;
    struct rd_writer writer = rd_writer_at(data, cap, 0);
    uint16_t flags = RD_DNS_RD;

    /* Without DO, AD asks whether the answer was validated (RFC 6840 section 5.7). */
    if (!key->dnssec_ok)
        flags |= RD_DNS_AD;
    if (key->checking_disabled)
        flags |= RD_DNS_CD;
    rd_writer_u16(&writer, id);
    rd_writer_u16(&writer, flags);
    rd_writer_u16(&writer, 1);
    rd_writer_u32(&writer, 0);
    rd_writer_u16(&writer, 1);
    rd_writer_bytes(&writer, key->name.bytes, key->name.len);
    rd_writer_u16(&writer, key->type);
    rd_writer_u16(&writer, key->class);
    rd_edns_close(&writer, rd_edns_open(&writer, RD_EDNS_UPSTREAM_BYTES, 0, key->dnssec_ok));
    return (uint32_t)rd_writer_offset(&writer);
}

static uint64_t first_timeout_ns(const struct context *context, uint8_t server)
{
    uint64_t ns = 2 * RD_NS_PER_US * context->upstream.servers[server].latency.p99_us;

    return ns < ATTEMPT_FIRST_NS       ? ATTEMPT_FIRST_NS
           : ns > ATTEMPT_FIRST_MAX_NS ? ATTEMPT_FIRST_MAX_NS
                                       : ns;
}

static void arm(struct context *context, struct question *question, uint64_t due_ns)
{
    rd_timer_arm(&context->timers, &question->timer,
                 due_ns < question->deadline_ns ? due_ns : question->deadline_ns);
}

/* Sends to SERVER in MSG's buffer. False: no port; MSG is still the caller's. */
static bool send_to(struct context *context, struct question *question, uint8_t server,
                    struct io_message *msg)
{
    struct attempt *attempt = &question->attempts[question->n_attempts];
    uint32_t used[RD_ATTEMPTS];
    struct upstream_wait wait = {inflight_index(&context->inflight, question),
                                 question->n_attempts};

    for (unsigned i = 0; i < question->n_attempts; i++)
        used[i] = question->attempts[i].port;
    if (!upstream_draw(&context->upstream, server, context->now_ns, wait, used,
                       question->n_attempts, &attempt->port, &attempt->id))
        return false;
    attempt->sent_ns = context->now_ns;
    attempt->server = server;
    attempt->failed = false;
    attempt->timed_out = false;
    question->n_attempts++;
    msg->len = compose(question, attempt->id, msg->data, msg->cap);
    msg->origin = IO_PORT;
    msg->port = attempt->port;
    rd_stat_inc(&context->stats->upstream_sent);
    context_send(context, msg);
    return true;
}

/* Asks SERVER for the root's name servers, which any resolver knows: a question of our own that no
 * client waits for. It is found by the reply alone, so its key is never looked up. */
static void probe(struct context *context, uint8_t server)
{
    static const struct question_key root = {
        .type = RD_TYPE_NS, .class = RD_CLASS_IN, .view = PROBE_VIEW, .name = {.len = 1}};
    struct question *question;
    struct io_message msg;

    if (context->stopping || !fleet_probe(context->fleet, server, context->now_ns))
        return;
    question = inflight_lead(&context->inflight, &root);
    if (!question)
        return;
    question->deadline_ns = context->now_ns + PROBE_PATIENCE_NS;
    if (context_alloc(context, &msg)) {
        if (send_to(context, question, server, &msg)) {
            arm(context, question, question->deadline_ns);
            return;
        }
        context_drop(context, &msg);
    }
    inflight_end(&context->inflight, question);
}

static void probe_down(struct context *context, const struct snapshot_pool *pool)
{
    for (unsigned i = 0; i < pool->n_servers; i++)
        if (fleet_is_down(context->fleet, pool->servers[i].number))
            probe(context, pool->servers[i].number);
}

enum attempt_result attempt_send(struct context *context, struct question *question,
                                 const struct io_message *given)
{
    const struct snapshot_pool *pool = &context->snapshot->pools[question->key.view];
    struct io_message msg;
    uint64_t timeout_ns;
    int server;

    assert(question->key.view != PROBE_VIEW);
    if (question->n_attempts == RD_ATTEMPTS)
        return ATTEMPT_SPENT;
    probe_down(context, pool);
    server = choose_up(context, question, pool);
    if (server < 0) {
        server = choose_least_bad(context, question, pool);
        if (server < 0)
            return ATTEMPT_SPENT;
        if (!fleet_last_hope(context->fleet, (unsigned)server, context->now_ns))
            return ATTEMPT_DOWN;
    }
    if (given)
        msg = *given;
    else if (!context_alloc(context, &msg))
        return ATTEMPT_NO_PORT;
    timeout_ns = first_timeout_ns(context, (uint8_t)server) << question->n_attempts;
    if (!send_to(context, question, (uint8_t)server, &msg)) {
        if (!given)
            context_drop(context, &msg);
        return ATTEMPT_NO_PORT;
    }
    arm(context, question, context->now_ns + timeout_ns);
    return ATTEMPT_SENT;
}

/* A question counts once against a server, however often it was sent there; a probe decides. */
static void blame(struct context *context, const struct question *question, unsigned index)
{
    uint8_t server = question->attempts[index].server;

    if (question->key.view == PROBE_VIEW) {
        if (fleet_lost(context->fleet, server))
            rd_stat_inc(&context->stats->servers_down);
        return;
    }
    for (unsigned i = 0; i < question->n_attempts; i++)
        if (i != index && question->attempts[i].server == server && question->attempts[i].timed_out)
            return;
    if (fleet_timed_out(context->fleet, server))
        probe(context, server);
}

/* Attempts whose time is over speak against their server, unless it was heard from since. */
static void note_timeouts(struct context *context, struct question *question)
{
    for (unsigned i = 0; i < question->n_attempts; i++) {
        struct attempt *attempt = &question->attempts[i];
        struct upstream_server *server = &context->upstream.servers[attempt->server];

        if (attempt->timed_out || context->now_ns - attempt->sent_ns < ATTEMPT_FIRST_NS)
            continue;
        attempt->timed_out = true;
        latency_penalty(&server->latency, context->now_ns - attempt->sent_ns);
        if (attempt->sent_ns > server->last_reply_ns)
            blame(context, question, i);
    }
}

void attempt_again(struct context *context, struct question *question)
{
    note_timeouts(context, question);
    switch (attempt_send(context, question, NULL)) {
    case ATTEMPT_SENT:
        rd_stat_inc(&context->stats->upstream_resent);
        break;
    case ATTEMPT_NO_PORT:
    case ATTEMPT_DOWN:
        arm(context, question, context->now_ns + ATTEMPT_FIRST_NS);
        break;
    case ATTEMPT_SPENT:
        arm(context, question, question->deadline_ns);
        break;
    }
}

void attempt_replied(struct context *context, struct question *question, unsigned index)
{
    const struct attempt *attempt = &question->attempts[index];

    upstream_replied(&context->upstream, attempt->server, context->now_ns,
                     context->now_ns - attempt->sent_ns);
    if (fleet_replied(context->fleet, attempt->server))
        rd_stat_inc(&context->stats->servers_up);
}

void attempt_forget(struct context *context, struct question *question)
{
    /* The deadline may come before an attempt's own time-out does. */
    if (context->now_ns >= question->deadline_ns)
        note_timeouts(context, question);
    rd_timer_cancel(&context->timers, &question->timer);
    for (unsigned i = 0; i < question->n_attempts; i++)
        upstream_forget(&context->upstream, question->attempts[i].port, question->attempts[i].id);
}

void attempt_port_error(struct context *context, uint32_t handle)
{
    const struct upstream_port *port = &context->upstream.ports[handle];

    for (unsigned i = 0; i < port->n_waits; i++) {
        const struct upstream_wait *wait = &port->waits[i];

        inflight_at(&context->inflight, wait->question)->attempts[wait->attempt].failed = true;
    }
}
