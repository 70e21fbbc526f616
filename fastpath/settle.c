/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settle.c - telling everyone the outcome of a question.
 *
 * Each answer is made for its client, the last one in the reply's own buffer. One worker's thread.
 * Not here: what the outcome is (reply.c), what is kept of it (keep.c).
 */
#include "settle.h"

#include "answer.h"
#include "attempt.h"
#include "connection.h"
#include "follow.h"
#include "recall.h"

/* What our OPT may take beyond the reply's own size. */
#define OPT_ROOM 512u

/* Nothing can be said to CLIENT for want of a buffer. */
static void lose(struct context *context, const struct client *client)
{
    rd_stat_inc(&context->stats->answers_lost_buffer);
    if (client->path.via == IO_TCP)
        connection_abort(context, &client->path, &context->stats->connections_lost);
}

/* What an answer to CLIENT may need at most, of a reply of LEN bytes. */
static uint32_t answer_bytes(const struct context *context, const struct client *client,
                             uint32_t len)
{
    if (client->path.via == IO_UDP)
        return (uint32_t)context->snapshot->config.max_answer;
    return len + OPT_ROOM < RD_DNS_TCP_BYTES ? len + OPT_ROOM : RD_DNS_TCP_BYTES;
}

static void end(struct context *context, struct question *question)
{
    follow_release(context, question);
    inflight_end(&context->inflight, question);
}

void settle_answered(struct context *context, struct question *question, const uint8_t *data,
                     uint32_t len, const struct rd_message *wire, struct io_message *msg)
{
    struct answer_source source = {
        .data = data,
        .wire = wire,
        .name = &question->key.name,
        .trust_ad = question->trust_ad,
        .ede = RD_EDE_NONE,
    };
    struct client client;

    attempt_forget(context, question);
    follow_tell_reply(context, question, data, len);
    while (inflight_leave(&context->inflight, question, &client)) {
        uint32_t bytes = answer_bytes(context, &client, len);
        struct io_message other;

        if (msg && question->n_waiters == 0 && msg->cap >= bytes) {
            answer_reply(context, &source, &client, msg);
            msg = NULL;
        } else if (context_alloc(context, bytes, &other)) {
            answer_reply(context, &source, &client, &other);
        } else {
            lose(context, &client);
        }
    }
    if (msg)
        context_drop(context, msg);
    end(context, question);
}

/* The stale answer in MSG, or SERVFAIL. */
static void answer_without(struct context *context, const struct question *question,
                           const struct client *client, int ede, _Atomic uint64_t *counter,
                           struct io_message *msg)
{
    struct answer_question asked = {&question->key.name, question->key.type, RD_CLASS_IN};

    if (question->stale && recall_stale(context, &question->key, question->stale, client, msg))
        return;
    rd_stat_inc(counter);
    answer_error(context, &asked, client, RD_SERVFAIL, ede, msg);
}

void settle_failed(struct context *context, struct question *question, int ede,
                   _Atomic uint64_t *counter, struct io_message *msg)
{
    struct client client;

    attempt_forget(context, question);
    follow_tell_failed(context, question, ede);
    while (inflight_leave(&context->inflight, question, &client)) {
        struct io_message other;

        if (msg && question->n_waiters == 0) {
            answer_without(context, question, &client, ede, counter, msg);
            msg = NULL;
        } else if (context_alloc(context, (uint32_t)context->snapshot->config.max_answer, &other)) {
            answer_without(context, question, &client, ede, counter, &other);
        } else {
            rd_stat_inc(counter);
            lose(context, &client);
        }
    }
    if (msg)
        context_drop(context, msg);
    end(context, question);
}

void settle_dropped(struct context *context, struct question *question)
{
    attempt_forget(context, question);
    end(context, question);
}

/* Takes one who waits, and a buffer for what he gets. */
static bool next_waiter(struct context *context, struct question *question,
                        struct client *ret_client, struct io_message *ret_msg)
{
    if (question->n_waiters == 0 ||
        !context_alloc(context, (uint32_t)context->snapshot->config.max_answer, ret_msg))
        return false;
    return inflight_leave(&context->inflight, question, ret_client);
}

/* It was not there for CLIENT: he waits on. */
static void wait_on(struct context *context, struct question *question, const struct client *client,
                    struct io_message *msg)
{
    context_drop(context, msg);
    inflight_join(&context->inflight, question, client); /* there is room, he was there */
}

bool settle_recalled(struct context *context, struct question *question)
{
    struct recalled recalled;
    struct io_message msg;
    struct client client;
    struct rd_key key;

    rd_key_copy(&key, &question->key);
    if (!recall_prefetch_entries(context, &key))
        return false;
    while (next_waiter(context, question, &client, &msg))
        if (recall_client(context, &key, &client, &msg, false, &recalled) == RECALL_MISS) {
            wait_on(context, question, &client, &msg);
            return false;
        }
    if (question->n_waiters > 0)
        return false; /* out of buffers: the others are asked for */
    settle_dropped(context, question);
    return true;
}

void settle_stale(struct context *context, struct question *question)
{
    struct io_message msg;
    struct client client;

    question->stale_given = true;
    while (next_waiter(context, question, &client, &msg))
        if (!recall_stale(context, &question->key, question->stale, &client, &msg)) {
            wait_on(context, question, &client, &msg);
            question->stale = 0;
            question->stale_given = false;
            return;
        }
}
