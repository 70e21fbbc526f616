/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attempt.c - sending a question, once and again.
 *
 * Every UDP packet has a port and an ID of its own, and a reply to any of them counts until the
 * question's deadline. A time-out, a network error, a broken connection each lead to the next
 * attempt; which server that goes to is pool.c's business.
 *
 * One worker's thread. Not here: what a reply means (reply.c), probes (probe.c).
 */
#include "attempt.h"

#include <assert.h>

#include "compose.h"
#include "evidence.h"
#include "link.h"
#include "pool.h"
#include "probe.h"

/* A hedge costs this much of a credit that each first attempt adds the pool's percentage to. */
#define HEDGE_COST       100u
#define HEDGE_CREDIT_MAX (32 * HEDGE_COST)

/* A server that replies is heard more often than this. */
#define UNHEARD_NS (5 * RD_NS_PER_S)

/* How a message is to be sent. */
struct order {
    uint8_t server; /* in the fleet */
    bool tcp, fresh, plain, cookie, hedge, randomize;
};

/* A reload may have given its number to another pool, which is not to hear of QUESTION: then it is
 * one without servers. */
static const struct snapshot_pool *pool_of(const struct context *context,
                                           const struct question *question)
{
    static const struct snapshot_pool gone;
    const struct snapshot_pool *pool = &context->snapshot->pools[question->key.view];

    return pool->incarnation == question->key.incarnation ? pool : &gone;
}

static struct order order_for(const struct context *context, const struct snapshot_pool *pool,
                              uint8_t server)
{
    const struct upstream_plain *known = &context->upstream.servers[server].plain;
    bool plain = known->n == UPSTREAM_PLAIN_NAMES && context->now_ns < known->until_ns;

    return (struct order){.server = server,
                          .tcp = pool->tcp,
                          .plain = plain,
                          .cookie = pool->cookies && !plain,
                          .randomize = pool->randomize_case};
}

void attempt_arm(struct context *context, struct question *question, uint64_t due_ns)
{
    bool waits = question->stale && !question->stale_given;
    uint64_t stale_ns = waits ? question->asked_ns + ATTEMPT_STALE_NS : RD_NEVER;

    question->due_ns = due_ns < question->deadline_ns ? due_ns : question->deadline_ns;
    rd_timer_arm(&context->timers, &question->timer,
                 question->due_ns < stale_ns ? question->due_ns : stale_ns);
}

static bool has_other(const struct context *context, const struct question *question)
{
    return question->key.view != QUESTION_PROBE && pool_of(context, question)->n_servers > 1;
}

/* How long the attempt that leaves now is waited for: twice as long for each that is late already,
 * and for a connection that has to be made. */
static uint64_t timeout_ns(const struct context *context, const struct question *question,
                           const struct order *order)
{
    uint64_t ns = 2 * RD_NS_PER_US * context->upstream.servers[order->server].latency.p99_us;
    /* Slow names, which anybody can ask for, must not make all others wait for a dead server. */
    uint64_t most_ns = has_other(context, question) ? 2 * ATTEMPT_FIRST_NS : ATTEMPT_FIRST_MAX_NS;

    ns = ns < ATTEMPT_FIRST_NS ? ATTEMPT_FIRST_NS : ns > most_ns ? most_ns : ns;
    ns <<= order->tcp;
    for (unsigned i = 0; i < question->n_attempts; i++)
        ns <<= question->attempts[i].outcome == ATTEMPT_LATE;
    return ns;
}

static bool draw_port(struct context *context, struct question *question, struct attempt *attempt,
                      struct upstream_wait wait)
{
    uint32_t used[RD_ATTEMPTS];
    unsigned n = 0;

    for (unsigned i = 0; i < question->n_attempts; i++)
        if (!question->attempts[i].tcp)
            used[n++] = question->attempts[i].way;
    return upstream_draw(&context->upstream, attempt->server, context->now_ns, wait, used, n,
                         &attempt->way, &attempt->id);
}

static void count(struct context *context, const struct question *question,
                  const struct attempt *attempt)
{
    struct rd_upstream_stats *stats = &context->upstream.servers[attempt->server].stats;

    rd_stat_inc(&context->stats->upstream_sent);
    rd_stat_inc(attempt->tcp ? &stats->sent_tcp : &stats->sent);
    if (question->n_attempts > 0)
        rd_stat_inc(&stats->retries);
    if (attempt->plain)
        rd_stat_inc(&context->stats->upstream_plain);
}

/* Sends in MSG's buffer. False: there is no way; MSG is still the caller's. */
static bool send_to(struct context *context, struct question *question, const struct order *order,
                    struct io_message *msg)
{
    struct attempt *attempt = &question->attempts[question->n_attempts];
    struct upstream_wait wait = {inflight_index(&context->inflight, question),
                                 question->n_attempts};

    assert(question->n_attempts < RD_ATTEMPTS);
    *attempt = (struct attempt){
        .sent_ns = context->now_ns,
        .server = order->server,
        .incarnation = (uint8_t)context->upstream.servers[order->server].incarnation,
        .tcp = order->tcp,
        .plain = order->plain,
        .cookie = order->cookie,
        .hedge = order->hedge,
        .awaited = true,
        .spelling = order->randomize ? rd_random_u32(&context->random) : 0,
    };
    if (order->tcp
            ? !link_draw(context, order->server, wait, order->fresh, &attempt->way, &attempt->id)
            : !draw_port(context, question, attempt, wait))
        return false;
    msg->len =
        compose_question(&question->key, attempt, &context->upstream.servers[order->server].cookie,
                         msg->data, msg->cap);
    msg->origin = order->tcp ? IO_STREAM : IO_PORT;
    msg->port = order->tcp ? link_at(&context->links, attempt->way)->stream : attempt->way;
    count(context, question, attempt);
    question->n_attempts++;
    context_send(context, msg);
    return true;
}

/* The same in GIVEN's buffer, or where that is NULL in one of its own. */
static bool send_in(struct context *context, struct question *question, const struct order *order,
                    const struct io_message *given)
{
    struct io_message msg;

    if (given)
        msg = *given;
    else if (!context_alloc(context, RD_COMPOSE_BYTES, &msg))
        return false;
    if (send_to(context, question, order, &msg))
        return true;
    if (!given)
        context_drop(context, &msg);
    return false;
}

/* There is no way to SERVER. That may be our own shortage of ports; if it was not heard of for
 * long, it is more likely that there is no route, which is as good as no reply. */
static void pass_over(struct context *context, struct question *question, uint8_t server)
{
    question->out_of_reach |= 1ull << server;
    if (context->now_ns - context->upstream.servers[server].last_reply_ns < UNHEARD_NS)
        return;
    if (fleet_timed_out(context->fleet, server, probe_name_hash(&question->key.name),
                        context->now_ns))
        probe_server(context, server);
}

/* By what pool_choose said, negated. */
static const enum attempt_result none_left[] = {[-POOL_SPENT] = ATTEMPT_SPENT,
                                                [-POOL_DOWN] = ATTEMPT_DOWN,
                                                [-POOL_CAPPED] = ATTEMPT_CAPPED,
                                                [-POOL_LOOPING] = ATTEMPT_LOOPING};

/* The first attempt's timer: its time-out, or before that the moment to ask a second server. */
static void arm_first(struct context *context, struct question *question,
                      const struct snapshot_pool *pool, uint8_t server, uint64_t wait_ns)
{
    uint32_t p95_us = context->upstream.servers[server].latency.p95_us;

    question->timeout_ns = context->now_ns + wait_ns;
    if (context->hedge_credit[question->key.view] < HEDGE_CREDIT_MAX)
        context->hedge_credit[question->key.view] += pool->hedge;
    question->hedge_armed = p95_us > 0 && p95_us * RD_NS_PER_US < wait_ns;
    attempt_arm(context, question,
                question->hedge_armed ? context->now_ns + p95_us * RD_NS_PER_US
                                      : question->timeout_ns);
}

enum attempt_result attempt_send(struct context *context, struct question *question,
                                 const struct io_message *given)
{
    const struct snapshot_pool *pool = pool_of(context, question);
    struct order order;
    uint64_t wait_ns;

    if (pool->n_servers == 0)
        return ATTEMPT_NO_POOL;
    if (question->n_attempts == RD_ATTEMPTS)
        return ATTEMPT_SPENT;
    question->out_of_reach = 0;
    for (unsigned tries = 1;; tries++) {
        int chosen = pool_choose(context, pool, question, pool->tcp);

        if (chosen < 0)
            return question->out_of_reach ? ATTEMPT_NO_PORT : none_left[-chosen];
        order = order_for(context, pool, pool->servers[chosen].number);
        wait_ns = timeout_ns(context, question, &order);
        if (send_in(context, question, &order, given))
            break;
        if (tries == pool->n_servers)
            return ATTEMPT_NO_PORT;
        pass_over(context, question, order.server);
    }
    if (order.tcp)
        rd_stat_inc(&context->stats->upstream_tcp_always);
    question->hedge_armed = false;
    if (pool->hedge > 0 && question->n_attempts == 1)
        arm_first(context, question, pool, order.server, wait_ns);
    else
        attempt_arm(context, question, context->now_ns + wait_ns);
    return ATTEMPT_SENT;
}

/* Attempt INDEX is over for its port or link. */
static void release(struct context *context, struct question *question, unsigned index)
{
    struct attempt *attempt = &question->attempts[index];

    if (!attempt->awaited)
        return;
    context->upstream.servers[attempt->server].late -= attempt->outcome == ATTEMPT_LATE;
    if (attempt->sent_ns == context->now_ns)
        context_flush(context); /* it is in the batch, perhaps, and its port may close now */
    if (attempt->tcp)
        link_forget(context, attempt->way, attempt->id);
    else
        upstream_forget(&context->upstream, attempt->way, attempt->id,
                        attempt->replied ? 0 : attempt->sent_ns);
    attempt->awaited = false;
}

void attempt_end(struct context *context, struct question *question, unsigned index,
                 enum attempt_outcome outcome)
{
    release(context, question, index);
    question->attempts[index].outcome = (uint8_t)outcome;
}

/* Whether SERVER has had as much of QUESTION by UDP or TCP as it may. */
static bool is_spent(const struct question *question, uint8_t server, bool tcp)
{
    unsigned n = 0;

    for (unsigned i = 0; i < question->n_attempts; i++)
        n += question->attempts[i].tcp == tcp && question->attempts[i].server == server;
    return n >= RD_ATTEMPTS_PER_SERVER;
}

/* Reloads may have given the number to another server meanwhile. */
static bool is_same_server(const struct context *context, const struct attempt *attempt)
{
    return (uint8_t)context->upstream.servers[attempt->server].incarnation == attempt->incarnation;
}

/* How the server of OLD is asked once more. */
static struct order order_again(const struct context *context, const struct question *question,
                                const struct attempt *old)
{
    struct order order = order_for(context, pool_of(context, question), old->server);

    order.tcp = old->tcp;
    order.plain |= old->plain;
    order.hedge = old->hedge;
    return order;
}

/* Sends ORDER in the place of attempt INDEX. */
static bool replace(struct context *context, struct question *question, unsigned index,
                    struct order *order)
{
    order->cookie &= !order->plain;
    if (question->n_attempts == RD_ATTEMPTS || is_spent(question, order->server, order->tcp) ||
        !send_in(context, question, order, NULL))
        return false;
    attempt_end(context, question, index, ATTEMPT_VOID);
    question->hedge_armed = false;
    attempt_arm(context, question, context->now_ns + timeout_ns(context, question, order));
    return true;
}

bool attempt_other_way(struct context *context, struct question *question, unsigned index,
                       enum attempt_way way)
{
    struct order order;

    if (question->key.view == QUESTION_PROBE ||
        !is_same_server(context, &question->attempts[index]))
        return false;
    order = order_again(context, question, &question->attempts[index]);
    order.tcp |= way == ATTEMPT_BY_TCP;
    order.plain |= way == ATTEMPT_PLAIN;
    return replace(context, question, index, &order);
}

bool attempt_probe(struct context *context, const struct snapshot_pool *pool, unsigned server,
                   const struct rd_key *key, uint64_t patience_ns)
{
    struct order order = order_for(context, pool, (uint8_t)server);
    struct question *question = inflight_lead(&context->inflight, key);

    if (!question)
        return false;
    order.cookie = false; /* whatever it says, it is alive */
    question->deadline_ns = context->now_ns + patience_ns;
    if (!send_in(context, question, &order, NULL)) {
        inflight_end(&context->inflight, question);
        return false;
    }
    attempt_arm(context, question, question->deadline_ns);
    return true;
}

/* The first server is later than it nearly always is: asks another one too, if that is not asked
 * too often. */
static void hedge(struct context *context, struct question *question)
{
    const struct snapshot_pool *pool = pool_of(context, question);
    struct order order;
    int second;

    question->hedge_armed = false;
    attempt_arm(context, question, question->timeout_ns);
    if (question->n_attempts == RD_ATTEMPTS ||
        context->hedge_credit[question->key.view] < HEDGE_COST)
        return;
    second = pool_hedge(context, pool, question);
    if (second < 0)
        return;
    order = order_for(context, pool, pool->servers[second].number);
    order.hedge = true;
    if (!send_in(context, question, &order, NULL))
        return;
    context->hedge_credit[question->key.view] -= HEDGE_COST;
    rd_stat_inc(&context->stats->upstream_hedged);
}

void attempt_again(struct context *context, struct question *question)
{
    if (question->hedge_armed) {
        hedge(context, question);
        return;
    }
    evidence_of_time(context, question);
    switch (attempt_send(context, question, NULL)) {
    case ATTEMPT_SENT:
        rd_stat_inc(&context->stats->upstream_resent);
        break;
    case ATTEMPT_NO_PORT:
    case ATTEMPT_DOWN:
    case ATTEMPT_CAPPED:
        attempt_arm(context, question, context->now_ns + ATTEMPT_FIRST_NS);
        break;
    default:
        attempt_arm(context, question, question->deadline_ns);
        break;
    }
}

void attempt_replied(struct context *context, struct question *question, unsigned index)
{
    struct attempt *attempt = &question->attempts[index];
    uint64_t rtt_ns = context->now_ns - attempt->sent_ns;

    attempt->replied = true;
    if (!evidence_counts(context, question, attempt))
        rtt_ns = 0; /* connecting is in it */
    else if (rtt_ns == 0)
        rtt_ns = 1;
    upstream_replied(&context->upstream, attempt->server, context->now_ns, rtt_ns);
    if (attempt->tcp)
        link_replied(context, attempt->way);
    if (fleet_replied(context->fleet, attempt->server, context->now_ns))
        rd_stat_inc(&context->stats->servers_up);
}

bool attempt_is_by_tcp(const struct question *question, uint8_t server)
{
    for (unsigned i = 0; i < question->n_attempts; i++)
        if (question->attempts[i].awaited && question->attempts[i].tcp &&
            question->attempts[i].server == server)
            return true;
    return false;
}

void attempt_forget(struct context *context, struct question *question)
{
    /* The deadline may come before an attempt's own time-out does. */
    if (context->now_ns >= question->deadline_ns)
        evidence_of_time(context, question);
    rd_timer_cancel(&context->timers, &question->timer);
    for (unsigned i = 0; i < question->n_attempts; i++)
        release(context, question, i);
}

/* Brings the next attempt forward, where there is another server for it. */
static void hurry(struct context *context, struct question *question)
{
    if (question->key.view == QUESTION_PROBE ||
        question->hurried + 1 >= pool_of(context, question)->n_servers)
        return;
    question->hurried++;
    question->hedge_armed = false;
    attempt_arm(context, question, context->now_ns);
}

void attempt_port_error(struct context *context, uint32_t handle)
{
    const struct upstream_port *port = &context->upstream.ports[handle];

    for (unsigned i = 0; i < port->n_waits; i++) {
        struct question *question = inflight_at(&context->inflight, port->waits[i].question);
        struct attempt *attempt = &question->attempts[port->waits[i].attempt];

        if (attempt->outcome != ATTEMPT_WAITING)
            continue;
        evidence_against(context, question, port->waits[i].attempt);
        attempt->outcome = ATTEMPT_BROKEN;
        hurry(context, question);
    }
}

void attempt_port_guessed(struct context *context, uint32_t handle)
{
    const struct upstream_port *port = &context->upstream.ports[handle];

    /* From the end: what is asked in another way leaves the list. */
    for (unsigned i = port->n_waits; i-- > 0;) {
        struct upstream_wait wait = port->waits[i];
        struct question *question = inflight_at(&context->inflight, wait.question);

        if (attempt_other_way(context, question, wait.attempt, ATTEMPT_BY_TCP))
            rd_stat_inc(&context->stats->upstream_tcp_forged);
        else /* at least whoever guesses has to find it again */
            attempt_other_way(context, question, wait.attempt, ATTEMPT_ELSEWHERE);
    }
}

void attempt_link_lost(struct context *context, struct question *question, unsigned index,
                       bool proven)
{
    struct attempt *attempt = &question->attempts[index];
    struct order order;

    context->upstream.servers[attempt->server].late -= attempt->outcome == ATTEMPT_LATE;
    attempt->awaited = false;
    attempt->outcome = ATTEMPT_BROKEN;
    if (question->key.view == QUESTION_PROBE)
        return;
    order = order_again(context, question, attempt);
    order.fresh = true;
    if (proven && !question->renewed && replace(context, question, index, &order)) {
        question->renewed = true;
        return;
    }
    evidence_against(context, question, index);
    question->hedge_armed = false;
    attempt_arm(context, question, context->now_ns);
}
