/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ask.c - who asks a question, and what becomes of one that cannot be asked.
 *
 * Between a worker's look into the cache and its claim another worker's answer may have come, so it
 * looks once more when it has the claim. One worker's thread.
 */
#include "ask.h"

#include "answer.h"
#include "attempt.h"
#include "follow.h"
#include "settle.h"

/* How long no refresh is tried when one could not be sent: hits must not pay for it each time. */
#define REFRESH_PAUSE_NS (100 * RD_NS_PER_MS)

/* Why a question could not be sent. */
static void settle_unsent(struct context *context, struct question *question,
                          enum attempt_result result, struct io_message *msg)
{
    struct rd_stats *stats = context->stats;

    switch (result) {
    case ATTEMPT_DOWN:
    case ATTEMPT_SPENT:
        settle_failed(context, question, RD_EDE_NO_REACHABLE_AUTHORITY, &stats->failed_down, msg);
        return;
    case ATTEMPT_CAPPED:
        settle_failed(context, question, RD_EDE_NOT_READY, &stats->failed_cap, msg);
        return;
    case ATTEMPT_LOOPING:
        settle_failed(context, question, RD_EDE_NO_REACHABLE_AUTHORITY, &stats->failed_loop, msg);
        return;
    case ATTEMPT_NO_POOL:
        settle_failed(context, question, RD_EDE_NOT_READY, &stats->failed_route, msg);
        return;
    case ATTEMPT_NO_PORT:
    case ATTEMPT_SENT: /* it is not called with this */
        settle_failed(context, question, RD_EDE_NETWORK_ERROR, &stats->failed_ports, msg);
    }
}

static void drop(struct context *context, struct io_message *msg)
{
    if (msg)
        context_drop(context, msg);
}

/* Whether another worker has put an answer into the cache since this one looked; then QUESTION is
 * over. */
static bool is_known(struct context *context, struct question *question)
{
    if (question->n_waiters > 0)
        return settle_recalled(context, question);
    if (recall_wants_refresh(context, &question->key, &question->failures))
        return false;
    settle_dropped(context, question);
    return true;
}

void ask_question(struct context *context, struct question *question, struct io_message *msg)
{
    bool followed = question->following;
    enum attempt_result result;

    switch (follow_claim(context, question)) {
    case FOLLOW_OTHER:
        drop(context, msg);
        if (!followed)
            rd_stat_inc(&context->stats->queries_followed);
        return;
    case FOLLOW_NOBODY:
        drop(context, msg);
        settle_dropped(context, question);
        return;
    case FOLLOW_LEAD:
        break;
    }
    if (question->claimed && is_known(context, question)) {
        drop(context, msg);
        return;
    }
    result = attempt_send(context, question, msg);
    if (result == ATTEMPT_SENT) {
        rd_stat_inc(question->n_waiters > 0 ? &context->stats->queries_led
                                            : &context->stats->cache_prefetched);
        return;
    }
    if (question->n_waiters == 0)
        context->refresh_ns = context->now_ns + REFRESH_PAUSE_NS;
    settle_unsent(context, question, result, msg);
}

static struct question *open_question(struct context *context, const struct rd_key *key)
{
    struct question *question = inflight_lead(&context->inflight, key);

    if (!question)
        return NULL;
    question->asked_ns = context->now_ns;
    question->flushes = rd_cache_flushes(context->cache);
    question->deadline_ns = context->now_ns + ATTEMPT_PATIENCE_NS;
    question->trust_ad = context->snapshot->pools[key->view].trust_ad;
    return question;
}

/* For want of room here: the stale answer, or SERVFAIL. */
static void turn_away(struct context *context, const struct rd_key *key,
                      const struct client *client, const struct recalled *recalled,
                      _Atomic uint64_t *counter, struct io_message *msg)
{
    struct answer_question asked = {&key->name, key->type, RD_CLASS_IN};

    if (recalled->stale && recall_stale(context, key, recalled->stale, client, msg))
        return;
    rd_stat_inc(counter);
    answer_error(context, &asked, client, RD_SERVFAIL, RD_EDE_NOT_READY, msg);
}

void ask_for(struct context *context, const struct rd_key *key, const struct client *client,
             const struct recalled *recalled, struct io_message *msg)
{
    struct question *question = open_question(context, key);

    if (!question) {
        turn_away(context, key, client, recalled, &context->stats->failed_slots, msg);
        return;
    }
    question->stale = recalled->stale;
    question->failures = recalled->failures;
    if (inflight_join(&context->inflight, question, client) != INFLIGHT_JOINED) {
        inflight_end(&context->inflight, question);
        turn_away(context, key, client, recalled, &context->stats->failed_waiters, msg);
        return;
    }
    ask_question(context, question, msg);
}

void ask_refresh(struct context *context, const struct rd_key *key)
{
    struct question *question;
    uint8_t failures;

    if (context->now_ns < context->refresh_ns || context->stopping ||
        inflight_find(&context->inflight, key) || !recall_wants_refresh(context, key, &failures))
        return;
    question = open_question(context, key);
    if (!question)
        return;
    question->failures = failures;
    ask_question(context, question, NULL);
}
