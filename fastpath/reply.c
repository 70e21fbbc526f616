/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply.c - match, validate, answer everyone who waits; in that order.
 *
 * Every check looks at the reply alone and at what was asked; only when all of them hold does
 * anything change. The reply's buffer carries the last answer; the others are copied from it first.
 */
#include "reply.h"

#include "answer.h"
#include "attempt.h"
#include "wire/message.h"

/* Which question MSG's bytes answer, fully validated; NULL: none, and the reason is counted. */
static struct question *accept_reply(struct context *context, const struct io_message *msg,
                                     struct rd_message *wire, unsigned *ret_attempt)
{
    struct rd_stats *stats = context->stats;
    const struct upstream_wait *wait;
    struct question *question;
    _Atomic uint64_t *reason = &stats->replies_bad_header;

    if (!rd_message_header(msg->data, msg->len, wire) || !(wire->flags & RD_DNS_QR) ||
        wire->flags & RD_DNS_OPCODE)
        goto bad;
    reason = &stats->replies_bad_unknown_id;
    wait = upstream_match(&context->upstream, msg->port, wire->id);
    if (!wait)
        goto bad;
    reason = &stats->replies_bad_oversize;
    if (msg->cut || msg->len > RD_EDNS_UPSTREAM_BYTES)
        goto bad;
    reason = &stats->replies_bad_question;
    question = inflight_at(&context->inflight, wait->question);
    if (rd_message_question(msg->data, msg->len, wire, NULL, NULL) != RD_WIRE_OK ||
        wire->qtype != question->key.type || wire->qclass != question->key.class ||
        wire->question_end != RD_DNS_HEADER_BYTES + question->key.name.len + 4 ||
        !rd_name_matches(&question->key.name, msg->data + RD_DNS_HEADER_BYTES))
        goto bad;
    reason = &stats->replies_bad_malformed;
    if (rd_message_sections(msg->data, msg->len, wire) != RD_WIRE_OK || wire->tsig)
        goto bad;
    *ret_attempt = wait->attempt;
    return question;
bad:
    rd_stat_inc(reason);
    return NULL;
}

/* SERVFAIL to all who wait. MSG: a buffer for the last one, which is taken; NULL: none. */
static void fail(struct context *context, struct question *question, int ede,
                 _Atomic uint64_t *counter, struct io_message *msg)
{
    struct answer_question asked = {&question->key.name, question->key.type, question->key.class};
    struct client client;

    attempt_forget(context, question);
    while (inflight_leave(&context->inflight, question, &client)) {
        struct io_message other;

        rd_stat_inc(counter);
        if (msg && question->n_waiters == 0) {
            answer_error(context, &asked, &client, RD_SERVFAIL, ede, msg);
            msg = NULL;
        } else if (context_alloc(context, &other)) {
            answer_error(context, &asked, &client, RD_SERVFAIL, ede, &other);
        } else {
            rd_stat_inc(&context->stats->answers_lost_buffer);
        }
    }
    if (msg)
        context_drop(context, msg);
    inflight_end(&context->inflight, question);
}

static void answer_all(struct context *context, struct question *question,
                       const struct rd_message *wire, struct io_message *msg)
{
    struct answer_source source = {
        .data = msg->data,
        .wire = wire,
        .name = &question->key.name,
        .trust_ad = question->trust_ad,
    };
    struct client client;
    bool taken = false;

    attempt_forget(context, question);
    while (inflight_leave(&context->inflight, question, &client)) {
        struct io_message other;

        if (question->n_waiters == 0) {
            answer_reply(context, &source, &client, msg);
            taken = true;
        } else if (context_alloc(context, &other)) {
            answer_reply(context, &source, &client, &other);
        } else {
            rd_stat_inc(&context->stats->answers_lost_buffer);
        }
    }
    if (!taken)
        context_drop(context, msg);
    inflight_end(&context->inflight, question);
}

void reply_batch(struct context *context, struct io_message *msgs, unsigned n)
{
    if (n == 0)
        return;
    rd_stat_add(&context->stats->replies_received, n);
    for (unsigned i = 0; i < n; i++) {
        struct rd_message wire;
        unsigned attempt;
        struct question *question = accept_reply(context, &msgs[i], &wire, &attempt);

        if (!question) {
            context_drop(context, &msgs[i]);
            continue;
        }
        rd_stat_inc(&context->stats->replies_accepted);
        attempt_replied(context, question, attempt);
        /* BADVERS, BADCOOKIE and the like are about our OPT, which no client has to do with. */
        if (wire.edns.present && wire.edns.extended_rcode != 0)
            fail(context, question, RD_EDE_OTHER, &context->stats->failed_reply, &msgs[i]);
        else
            answer_all(context, question, &wire, &msgs[i]);
    }
}

static bool all_failed(const struct question *question)
{
    for (unsigned i = 0; i < question->n_attempts; i++)
        if (!question->attempts[i].failed)
            return false;
    return true;
}

void reply_timeouts(struct context *context)
{
    for (unsigned i = 0; i < RD_TIMEOUTS_A_TURN; i++) {
        struct rd_timer *timer = rd_timer_expire(&context->timers, context->now_ns);
        struct question *question = (struct question *)timer;

        if (!timer)
            return;
        if (context->now_ns < question->deadline_ns)
            attempt_again(context, question);
        else if (all_failed(question))
            fail(context, question, RD_EDE_NETWORK_ERROR, &context->stats->failed_network, NULL);
        else
            fail(context, question, RD_EDE_NO_REACHABLE_AUTHORITY, &context->stats->failed_timeout,
                 NULL);
    }
}

void reply_abandon(struct context *context)
{
    /* Every question has a timer, and none is due later than its deadline. */
    uint64_t end_ns = context->now_ns + 2 * ATTEMPT_PATIENCE_NS;
    struct rd_timer *timer;

    while ((timer = rd_timer_expire(&context->timers, end_ns)))
        fail(context, (struct question *)timer, RD_EDE_NOT_READY, &context->stats->failed_timeout,
             NULL);
}
