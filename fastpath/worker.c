/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.c - one thread: a turn, again and again.
 *
 * A worker shares nothing with the others but the fleet's health and the snapshot. What happens to
 * a query or a reply is not decided here.
 */
#include "worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "context.h"
#include "follow.h"
#include "probe.h"
#include "query.h"
#include "reply.h"

/* Connections that are accepted in a turn and whose events are not taken yet: what may have waited
 * at a listener (tcp_socket.c). */
#define STREAMS_UNTOLD 1024

struct rd_worker {
    struct context context;
    uint64_t next_probe_ns;
    uint64_t stop_ns; /* when patience with what is under way ends; 0: not stopping */
    struct io_message batch[RD_BATCH];
    /* Written by the main thread, or read by it: */
    _Atomic(const struct rd_snapshot *) published;
    _Atomic uint64_t generation; /* release: this worker uses no older snapshot */
    atomic_bool stop;
    struct rd_stats stats;
};

/* Clients' connections and links to upstreams share one table. What is accepted in one turn comes
 * on top until its event is taken, and another connection is closed for it. */
static uint32_t streams_of(const struct rd_worker_setup *setup)
{
    return setup->max_connections + RD_LINKS + STREAMS_UNTOLD;
}

static int open_io(struct rd_worker *worker, const struct io_ops *ops,
                   const struct rd_worker_setup *setup, struct rd_failure *ret_failure)
{
    const struct rd_config *config = &setup->snapshot->config;
    struct io_plan plan = {
        .listeners = config->listen.at,
        .n_listeners = config->listen.n,
        .worker = setup->index,
        .workers = setup->workers,
        .receive_buffer_bytes = (uint32_t)config->receive_buffer,
        .max_ports = setup->max_ports,
        .max_streams = streams_of(setup),
        .own_streams = RD_LINKS,
        .stream_buffers = RD_STREAM_BUFFERS,
        .large_buffers = RD_LARGE_BUFFERS,
        .buffers = RD_BUFFERS,
        .answer_buffers = RD_ANSWER_BUFFERS,
        .freebind = config->freebind,
        .stats = &worker->stats,
    };

    return ops->open(&plan, &worker->context.io, ret_failure);
}

int worker_new_on(const struct io_ops *ops, const struct rd_worker_setup *setup,
                  struct rd_worker **ret_worker, struct rd_failure *ret_failure)
{
    const struct rd_config *config = &setup->snapshot->config;
    struct rd_worker *worker = calloc(1, sizeof(*worker));
    struct context *context;
    int r;

    *ret_failure = (struct rd_failure){.step = "allocate the tables", .listener = -1};
    if (!worker)
        return -ENOMEM;
    context = &worker->context;
    context->stats = &worker->stats;
    context->fleet = setup->fleet;
    context->cache = setup->cache;
    context->writer = setup->cache ? rd_cache_writer(setup->cache, setup->index) : NULL;
    context->exchange = setup->exchange;
    context->worker = setup->index;
    memcpy(context->hash_key.bytes, setup->hash_key, sizeof(context->hash_key.bytes));
    rd_random_init(&context->random, setup->seed);
    atomic_init(&worker->published, setup->snapshot);
    r = inflight_init(&context->inflight, config->inflight_queries, config->inflight_waiters,
                      &worker->stats);
    if (r == 0)
        r = connections_init(&context->connections, setup->max_connections, streams_of(setup));
    if (r == 0)
        r = links_init(&context->links, streams_of(setup));
    if (r == 0)
        r = open_io(worker, ops, setup, ret_failure);
    if (r == 0)
        r = upstream_init(&context->upstream, context->io, &context->random, &worker->stats, setup);
    if (r < 0) {
        rd_worker_free(worker);
        return r;
    }
    if (context->exchange)
        exchange_register(context->exchange, setup->index, context->io);
    *ret_worker = worker;
    return 0;
}

int rd_worker_new(const struct rd_worker_setup *setup, struct rd_worker **ret_worker,
                  struct rd_failure *ret_failure)
{
    const struct io_ops *ops = setup->io == RD_IO_SYSCALL ? &io_syscall_ops : &io_uring_ops;

    return worker_new_on(ops, setup, ret_worker, ret_failure);
}

void rd_worker_free(struct rd_worker *worker)
{
    if (!worker)
        return;
    upstream_deinit(&worker->context.upstream);
    if (worker->context.io)
        worker->context.io->ops->close(worker->context.io);
    inflight_deinit(&worker->context.inflight);
    connections_deinit(&worker->context.connections);
    links_deinit(&worker->context.links);
    rd_random_deinit(&worker->context.random);
    free(worker);
}

/* Takes up the newest snapshot; from the release on, the older one is the main thread's. */
static void adopt(struct rd_worker *worker)
{
    struct context *context = &worker->context;
    const struct rd_snapshot *newest =
        atomic_load_explicit(&worker->published, memory_order_acquire);

    if (newest == context->snapshot)
        return;
    context->snapshot = newest;
    upstream_adopt(&context->upstream, newest);
    rd_cache_keep_stale(context->cache, newest->config.cache_stale * RD_NS_PER_MS);
    worker->next_probe_ns = context->now_ns;
    atomic_store_explicit(&worker->generation, newest->generation, memory_order_release);
}

int rd_worker_start(struct rd_worker *worker, struct rd_failure *ret_failure)
{
    struct context *context = &worker->context;
    int r = context->io->ops->start(context->io, ret_failure);

    if (r < 0)
        return r;
    context->now_ns = context->io->ops->turn(context->io, 0);
    context->upstream.tended_ns = context->now_ns;
    rd_timer_wheel_init(&context->timers, context->now_ns);
    adopt(worker);
    return 0;
}

/* Replies first: they free what the queries behind them need. The number of replies. */
static unsigned partition(struct io_message *msgs, unsigned n)
{
    unsigned replies = 0;

    for (unsigned i = 0; i < n; i++) {
        if (msgs[i].origin == IO_CLIENT)
            continue;
        if (i != replies) {
            struct io_message query = msgs[replies];

            msgs[replies] = msgs[i];
            msgs[i] = query;
        }
        replies++;
    }
    return replies;
}

/* One by one: a stream's handle dies when its end is taken, and what comes before that end must not
 * find it dead. All of them: the next turn may sleep, and does not know of those that are left. */
static void take_events(struct context *context)
{
    struct io_event event;

    while (context->io->ops->events(context->io, &event, 1) == 1) {
        if (event.origin == IO_CLIENT) {
            connection_event(context, &event);
        } else if (event.origin == IO_STREAM) {
            link_event(context, &event);
        } else {
            if (event.kind == IO_PORT_ERROR)
                rd_stat_inc(&context->stats->ports_errors);
            attempt_port_error(context, event.port);
        }
    }
}

static void take_timers(struct context *context)
{
    for (unsigned i = 0; i < RD_TIMEOUTS_A_TURN; i++) {
        struct rd_timer *timer = rd_timer_expire(&context->timers, context->now_ns);

        if (!timer)
            return;
        if (timer->kind == TIMER_QUESTION)
            reply_timeout(context, timer);
        else if (timer->kind == TIMER_CONNECTION)
            connection_timeout(context, timer);
        else
            link_timeout(context, timer);
    }
}

/* What is done now and then, whether anything comes or not. */
static void tend(struct rd_worker *worker)
{
    struct context *context = &worker->context;

    bool due = upstream_tend(&context->upstream, context->now_ns);

    if (due || context->now_ns >= worker->next_probe_ns)
        worker->next_probe_ns = probe_tend(context);
}

static void begin_stop(struct rd_worker *worker)
{
    struct context *context = &worker->context;

    if (worker->stop_ns != 0 || !atomic_load_explicit(&worker->stop, memory_order_relaxed))
        return;
    context->stopping = true;
    worker->stop_ns = context->now_ns + ATTEMPT_PATIENCE_NS + RD_NS_PER_S / 10;
    context->io->ops->unlisten(context->io);
    connections_stop(context);
}

/* When the next turn must come, whatever else happens. */
static uint64_t deadline_of(struct rd_worker *worker)
{
    struct context *context = &worker->context;
    uint64_t deadline_ns = rd_timer_next(&context->timers);

    if ((context->upstream.n_open > 0 || context->upstream.restless ||
         rd_slab_used(&context->links.slab) > 0) &&
        context->upstream.tended_ns + UPSTREAM_TEND_NS < deadline_ns)
        deadline_ns = context->upstream.tended_ns + UPSTREAM_TEND_NS;
    if (worker->next_probe_ns < deadline_ns)
        deadline_ns = worker->next_probe_ns;
    return deadline_ns;
}

bool rd_worker_turn(struct rd_worker *worker)
{
    struct context *context = &worker->context;
    const struct io_ops *ops = context->io->ops;
    unsigned n, replies;

    context->now_ns = ops->turn(context->io, deadline_of(worker));
    adopt(worker);
    begin_stop(worker);
    follow_letters(context);
    n = ops->recv(context->io, worker->batch, RD_BATCH);
    replies = partition(worker->batch, n);
    reply_batch(context, worker->batch, replies);
    query_batch(context, worker->batch + replies, n - replies);
    take_events(context);
    take_timers(context);
    tend(worker);
    context_flush(context);
    rd_stat_inc(&worker->stats.turns);
    return worker->stop_ns == 0 ||
           (rd_slab_used(&context->inflight.waiters) > 0 && context->now_ns < worker->stop_ns);
}

/* Ends what is under way. A question's end may arm other timers, but no question's. */
static void abandon(struct context *context)
{
    /* No question's timer is due later than its deadline. */
    uint64_t end_ns = context->now_ns + 2 * ATTEMPT_PATIENCE_NS;
    struct rd_timer *timer;

    while ((timer = rd_timer_expire(&context->timers, end_ns)))
        if (timer->kind == TIMER_QUESTION)
            reply_abandon(context, timer);
}

void rd_worker_finish(struct rd_worker *worker)
{
    struct context *context = &worker->context;

    abandon(context);
    context_flush(context);
    /* What was sent last leaves with this turn. */
    context->io->ops->turn(context->io, 0);
    connections_close(context);
    links_close(context);
    upstream_close(&context->upstream);
    context->io->ops->stop(context->io);
}

int rd_worker_run(struct rd_worker *worker, struct rd_failure *ret_failure)
{
    int r = rd_worker_start(worker, ret_failure);

    if (r < 0)
        return r;
    while (rd_worker_turn(worker))
        ;
    rd_worker_finish(worker);
    return 0;
}

void rd_worker_publish(struct rd_worker *worker, const struct rd_snapshot *snapshot)
{
    atomic_store_explicit(&worker->published, snapshot, memory_order_release);
    worker->context.io->ops->wake(worker->context.io);
}

uint64_t rd_worker_generation(const struct rd_worker *worker)
{
    return atomic_load_explicit(&worker->generation, memory_order_acquire);
}

void rd_worker_stop(struct rd_worker *worker)
{
    atomic_store_explicit(&worker->stop, true, memory_order_relaxed);
    worker->context.io->ops->wake(worker->context.io);
}

const struct rd_stats *rd_worker_stats(struct rd_worker *worker)
{
    struct io *io = worker->context.io;

    rd_stat_set(&worker->stats.dropped_listener, io->ops->dropped(io));
    return &worker->stats;
}

const struct rd_upstream_stats *rd_worker_upstream_stats(const struct rd_worker *worker,
                                                         unsigned number)
{
    return &worker->context.upstream.servers[number].stats;
}
