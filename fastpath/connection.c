/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection.c - what is decided about clients' TCP connections.
 *
 * The order of things: a turn gives messages first, then events, then timers. A stream's BEGUN
 * comes behind the messages before the one that has begun, so the next message of that stream is
 * the one that was awaited, and connection_begin ends its deadline.
 *
 * What is unsent is asked for, not told: answers wait in context->out until a flush, and the io
 * takes them with its next turn. So a connection counts as idle as soon as its last query ends, and
 * whoever is about to close it flushes and looks. One that turns out to have bytes unsent is busy
 * until IO_STREAM_DRAINED, which the io owes for them.
 *
 * A connection's timer is always armed, for the earliest thing that can be due or sooner. It is not
 * moved for each query: it fires, and then it is looked at what is due. One thread.
 */
#include "connection.h"

#include <errno.h>

#include "base/clock.h"
#include "connection_table.h"
#include "context.h"

/* At most so many go for one that comes. Two: so a prefix gets down to a cap that was lowered. */
#define EVICTIONS 2

static uint64_t idle_timeout_ns(const struct context *context)
{
    return context->snapshot->config.tcp_idle * RD_NS_PER_MS;
}

static uint64_t message_timeout_ns(const struct context *context)
{
    return context->snapshot->config.tcp_message * RD_NS_PER_MS;
}

static void forget(struct context *context, struct connection *connection)
{
    rd_timer_cancel(&context->timers, &connection->timer);
    connection_remove(&context->connections, connection);
    rd_stat_set(&context->stats->connections, context->connections.n);
}

/* COUNTER may be NULL. */
static void close_stream(struct context *context, struct connection *connection, bool reset,
                         _Atomic uint64_t *counter)
{
    context->io->ops->stream_close(context->io, connection->stream, reset);
    forget(context, connection);
    if (counter)
        rd_stat_inc(counter);
}

/* Makes sure that the timer fires DUE_NS at the latest. */
static void fire_by(struct context *context, struct connection *connection, uint64_t due_ns)
{
    if (!rd_timer_armed(&connection->timer) || connection->timer.due_ns > due_ns)
        rd_timer_arm(&context->timers, &connection->timer, due_ns);
}

/* How many bytes are unsent, beside what is in context->out; with any, it is not idle. */
static uint32_t look(struct context *context, struct connection *connection)
{
    uint32_t unsent = context->io->ops->stream_unsent(context->io, connection->stream);

    /* More may have been added than was taken since: then it looks as if nothing was. A client of
     * which that is true at every look, and never drains, reads too slowly for what it asks. */
    if (connection->unsent == 0 || unsent < connection->unsent)
        connection->taken_ns = context->now_ns;
    connection->unsent = unsent;
    if (unsent > 0)
        connection_set_busy(&context->connections, connection);
    return unsent;
}

/* If it has nothing to do, it is idle from now on. */
static void settle(struct context *context, struct connection *connection)
{
    if (connection->under_way > 0 || connection->begun || connection->unsent > 0)
        return;
    connection->idle_ns = context->now_ns;
    connection_set_idle(&context->connections, connection);
    fire_by(context, connection, context->now_ns + idle_timeout_ns(context));
}

/* Closes one from which nothing more is awaited, once it has all that it is to get. */
static bool close_if_done(struct context *context, struct connection *connection)
{
    if ((!connection->ended && !context->stopping) || connection->under_way > 0)
        return false;
    context_flush(context);
    if (look(context, connection) > 0)
        return false;
    close_stream(context, connection, false, NULL);
    return true;
}

static void stop_reading(struct context *context, struct connection *connection)
{
    connection->paused = true;
    context->io->ops->stream_read(context->io, connection->stream, false);
    rd_stat_inc(&context->stats->connections_paused);
}

/* Half the caps, so that a busy connection does not stop and go with each message. */
static void read_again(struct context *context, struct connection *connection)
{
    const struct rd_config *config = &context->snapshot->config;

    if (!connection->paused || connection->ended ||
        connection->under_way > config->tcp_pipeline / 2 ||
        connection->unsent >= config->tcp_unsent / 2)
        return;
    connection->paused = false;
    context->io->ops->stream_read(context->io, connection->stream, true);
    /* The client could not go on meanwhile. It gains this time once per message: the pause was for
     * the message before. */
    if (connection->begun) {
        connection->begun_ns = context->now_ns;
        fire_by(context, connection, context->now_ns + message_timeout_ns(context));
    }
}

/* Closes the one of LIST that has been idle longest. False: none is idle. Those that are found to
 * have bytes unsent leave the list, so each is met once. */
static bool evict(struct context *context, const struct connection_list *list)
{
    struct connection *connection;

    context_flush(context);
    while ((connection = connection_oldest(&context->connections, list))) {
        if (look(context, connection) > 0)
            continue;
        close_stream(context, connection, false, &context->stats->connections_evicted);
        return true;
    }
    return false;
}

/* Whether one more may come of the prefix KEY. */
static bool make_room(struct context *context, const struct prefix_key *key)
{
    const struct connections *connections = &context->connections;

    for (unsigned i = 0; i < EVICTIONS; i++) {
        const struct connection_prefix *prefix = prefix_find(connections, key);

        if (!prefix || prefix->n < context->snapshot->config.tcp_per_prefix)
            break;
        if (!evict(context, &prefix->idle)) {
            if (i == 0)
                return false;
            break;
        }
    }
    return connections->n < connections->max || evict(context, &connections->idle);
}

static void accepted(struct context *context, uint32_t stream)
{
    const union rd_address *peer = context->io->ops->stream_peer(context->io, stream);
    struct prefix_key key = prefix_key_of(&context->hash_key, peer);
    struct connection *connection;

    if (context->stopping || !make_room(context, &key)) {
        context->io->ops->stream_close(context->io, stream, true);
        rd_stat_inc(&context->stats->connections_refused);
        return;
    }
    connection = connection_add(&context->connections, stream, &key);
    rd_timer_init(&connection->timer);
    connection->timer.kind = TIMER_CONNECTION;
    settle(context, connection);
    context->io->ops->stream_read(context->io, stream, true);
    rd_stat_inc(&context->stats->connections_accepted);
    rd_stat_set(&context->stats->connections, context->connections.n);
}

/* The time of a message that has begun already is not extended. */
static void begun(struct context *context, struct connection *connection)
{
    if (connection->begun || connection->ended)
        return;
    connection->begun = true;
    connection->begun_ns = context->now_ns;
    connection_set_busy(&context->connections, connection);
    fire_by(context, connection, context->now_ns + message_timeout_ns(context));
}

/* All was taken; what is unsent now came later. */
static void drained(struct context *context, struct connection *connection)
{
    connection->unsent = 0;
    look(context, connection);
    if (close_if_done(context, connection))
        return;
    read_again(context, connection);
    settle(context, connection);
}

/* The rest of a message, if one had begun, never comes. */
static void ended(struct context *context, struct connection *connection)
{
    connection->ended = true;
    connection->begun = false;
    close_if_done(context, connection);
}

/* Of connections that end by themselves, those whose buffers were needed elsewhere. */
static void count_end(struct context *context, int error)
{
    if (error == ETIMEDOUT)
        rd_stat_inc(&context->stats->connections_slow);
    else if (error == ENOBUFS)
        rd_stat_inc(&context->stats->connections_lost);
}

void connection_event(struct context *context, const struct io_event *event)
{
    struct connection *connection = connection_find(&context->connections, event->port);

    if (event->kind == IO_STREAM_ACCEPTED) {
        accepted(context, event->port);
        return;
    }
    if (!connection)
        return;
    switch (event->kind) {
    case IO_STREAM_BEGUN:
        begun(context, connection);
        break;
    case IO_STREAM_DRAINED:
        drained(context, connection);
        break;
    case IO_STREAM_ENDED:
        ended(context, connection);
        break;
    case IO_STREAM_CLOSED:
        count_end(context, event->error);
        forget(context, connection);
        break;
    default:
        break;
    }
}

bool connection_begin(struct context *context, const struct io_path *path)
{
    const struct rd_config *config = &context->snapshot->config;
    struct connection *connection = connection_find(&context->connections, path->way);

    if (!connection)
        return false;
    connection->begun = false;
    connection->under_way++;
    connection_set_busy(&context->connections, connection);
    look(context, connection);
    if (!connection->paused &&
        (connection->under_way >= config->tcp_pipeline || connection->unsent >= config->tcp_unsent))
        stop_reading(context, connection);
    return true;
}

void connection_end(struct context *context, const struct io_path *path)
{
    struct connection *connection = connection_find(&context->connections, path->way);

    /* With nothing under way PATH is so old that its handle has come round. */
    if (!connection || connection->under_way == 0)
        return;
    connection->under_way--;
    look(context, connection);
    if (close_if_done(context, connection))
        return;
    read_again(context, connection);
    settle(context, connection);
    /* Its answer may be the first that the client does not read. */
    fire_by(context, connection, context->now_ns + message_timeout_ns(context));
}

void connection_abort(struct context *context, const struct io_path *path,
                      _Atomic uint64_t *counter)
{
    struct connection *connection = connection_find(&context->connections, path->way);

    if (connection)
        close_stream(context, connection, true, counter);
}

/* When the client has been too slow; RD_NEVER: nothing is awaited of it. The rest of a message
 * cannot come while nothing is read. */
static uint64_t slow_at(const struct context *context, const struct connection *connection)
{
    uint64_t since_ns = RD_NEVER;

    if (connection->unsent > 0)
        since_ns = connection->taken_ns;
    if (connection->begun && !connection->paused && connection->begun_ns < since_ns)
        since_ns = connection->begun_ns;
    return since_ns == RD_NEVER ? RD_NEVER : since_ns + message_timeout_ns(context);
}

static uint64_t idle_until(const struct context *context, const struct connection *connection)
{
    return connection->idle ? connection->idle_ns + idle_timeout_ns(context) : RD_NEVER;
}

void connection_timeout(struct context *context, struct rd_timer *timer)
{
    struct connection *connection = (struct connection *)timer;
    uint64_t slow_ns, idle_ns, next_ns;

    context_flush(context);
    look(context, connection);
    if (close_if_done(context, connection))
        return;
    if (!connection->idle)
        settle(context, connection);
    slow_ns = slow_at(context, connection);
    idle_ns = idle_until(context, connection);
    if (slow_ns <= context->now_ns) {
        close_stream(context, connection, true, &context->stats->connections_slow);
    } else if (idle_ns <= context->now_ns) {
        close_stream(context, connection, false, &context->stats->connections_idle);
    } else {
        next_ns = slow_ns < idle_ns ? slow_ns : idle_ns;
        if (next_ns == RD_NEVER)
            next_ns = context->now_ns + message_timeout_ns(context);
        rd_timer_arm(&context->timers, &connection->timer, next_ns);
    }
}

uint16_t connection_keepalive(const struct context *context)
{
    const struct connections *connections = &context->connections;
    uint64_t units = context->snapshot->config.tcp_idle / 100;

    if (context->stopping || (uint64_t)connections->n * 8 > (uint64_t)connections->max * 7)
        return 0;
    return units < UINT16_MAX ? (uint16_t)units : UINT16_MAX;
}

void connections_stop(struct context *context)
{
    for (uint32_t i = 0; i < context->connections.places; i++)
        if (context->connections.at[i].open)
            close_if_done(context, &context->connections.at[i]);
}

void connections_close(struct context *context)
{
    for (uint32_t i = 0; i < context->connections.places; i++)
        if (context->connections.at[i].open)
            close_stream(context, &context->connections.at[i], false, NULL);
}
