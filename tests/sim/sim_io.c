/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_io.c - io.h in memory: one worker's sockets in the world of sim.h.
 *
 * It is as unkind as io.h allows: sending waits for the turn, handles are reused at once and lowest
 * first, buffers are watched (buffers.c), and every call that breaks the table's rules is noted
 * (sim_broken). One thread.
 * Not here: datagrams (sim_datagram.c) and streams (sim_stream.c).
 */
#include <stdlib.h>

#include "sim/sim_socket.h"

/* Events. */

static void make_room(struct sim_io *io)
{
    if (io->first_event > io->events_room / 2) {
        io->n_events -= io->first_event;
        memmove(io->events, io->events + io->first_event, io->n_events * sizeof(*io->events));
        io->first_event = 0;
        return;
    }
    io->events_room = 2 * io->events_room + 64;
    io->events = realloc(io->events, io->events_room * sizeof(*io->events));
    if (!io->events)
        abort();
}

void note_event(struct sim_io *io, enum io_origin origin, uint32_t port, enum io_event_kind kind,
                int error)
{
    if (io->n_events == io->events_room)
        make_room(io);
    io->events[io->n_events++] = (struct io_event){port, (uint8_t)kind, (uint8_t)origin, error};
}

static bool is_of(const struct io_event *event, enum io_origin origin, uint32_t port)
{
    return event->port == port && event->origin == origin;
}

void forget_events(struct sim_io *io, enum io_origin origin, uint32_t port)
{
    unsigned kept = io->first_event;

    for (unsigned i = io->first_event; i < io->n_events; i++) {
        if (!is_of(&io->events[i], origin, port))
            io->events[kept++] = io->events[i];
    }
    io->n_events = kept;
}

void forget_event(struct sim_io *io, enum io_origin origin, uint32_t port, enum io_event_kind kind)
{
    unsigned kept = io->first_event;

    for (unsigned i = io->first_event; i < io->n_events; i++) {
        if (!is_of(&io->events[i], origin, port) || io->events[i].kind != kind)
            io->events[kept++] = io->events[i];
    }
    io->n_events = kept;
}

static void trace_event(struct sim *sim, const struct io_event *event)
{
    uint64_t words[] = {sim->now_ns, event->port, event->kind, event->origin,
                        (uint32_t)event->error};

    sim_trace(sim, words, sizeof(words));
}

static struct io_event take_event(struct sim_io *io)
{
    struct io_event event = io->events[io->first_event++];

    if (io->first_event == io->n_events)
        io->first_event = io->n_events = 0; /* mostly there is one */
    return event;
}

/* One by one: what a stream's event changes may bring the next event, or take one back. */
static unsigned take_events(struct io *handle, struct io_event *events, unsigned max)
{
    struct sim_io *io = sim_io_of(handle);
    unsigned n = 0;

    while (n < max && io->n_events > io->first_event) {
        struct io_event *event = &events[n++];

        *event = take_event(io);
        trace_event(io->sim, event);
        if (event->origin != IO_PORT)
            stream_told(io, event);
    }
    return n;
}

/* Messages. */

struct sim_buffers *buffers_of(struct sim_io *io, const struct io_message *msg)
{
    for (unsigned i = 0; i < BUFFER_KINDS; i++) {
        if (sim_buffers_own(&io->buffers[i], msg))
            return &io->buffers[i];
    }
    return &io->buffers[RECEIVE]; /* which does not own it either, and says so */
}

static unsigned recv_messages(struct io *handle, struct io_message *msgs, unsigned max)
{
    struct sim_io *io = sim_io_of(handle);
    unsigned n = receive_datagrams(io, msgs, max);
    bool no_buffer = n < max && io->first;

    n += receive_streams(io, msgs + n, max - n, &no_buffer);
    if (no_buffer)
        rd_stat_inc(&io->plan.stats->io_no_buffers);
    return n;
}

static bool for_stream(const struct io_message *msg)
{
    return msg->origin == IO_STREAM || (msg->origin == IO_CLIENT && msg->path.via == IO_TCP);
}

static bool may_leave(const struct sim_io *io, const struct io_message *msg)
{
    if (for_stream(msg) ? stream_may_get(io, msg) : datagram_may_leave(io, msg))
        return true;
    sim_broken(io->sim, "send: no such port or way");
    return false;
}

static const union rd_address *receiver(const struct sim_io *io, const struct io_message *msg)
{
    if (for_stream(msg))
        return stream_target(io, msg);
    return msg->origin == IO_PORT ? &io->ports[msg->port].server : &msg->path.peer;
}

static void tell_sent(const struct sim_io *io, const struct io_message *msg)
{
    const struct sim_watch *watch = io->sim->watch;

    if (watch && watch->sent)
        watch->sent(watch->context, io->plan.worker, msg, receiver(io, msg));
}

static void send_message(struct sim_io *io, const struct io_message *msg)
{
    struct sim_buffers *buffers = buffers_of(io, msg);

    if (!may_leave(io, msg)) {
        sim_buffers_give(buffers, msg);
        return;
    }
    if (!sim_buffers_queue(buffers, msg))
        return;
    tell_sent(io, msg);
    if (for_stream(msg))
        stream_send(io, msg);
    else
        io->outbox[io->n_outbox++] = *msg;
}

static void send_messages(struct io *handle, const struct io_message *msgs, unsigned n)
{
    struct sim_io *io = sim_io_of(handle);

    for (unsigned i = 0; i < n; i++)
        send_message(io, &msgs[i]);
}

void submit(struct sim_io *io)
{
    submit_datagrams(io);
    submit_streams(io);
}

static bool alloc_message(struct io *handle, uint32_t bytes, struct io_message *ret_msg)
{
    struct sim_io *io = sim_io_of(handle);
    struct sim_buffers *buffers = &io->buffers[bytes > RD_BUFFER_BYTES ? LARGE : ANSWER];

    if (bytes > 65535)
        sim_broken(io->sim, "alloc: more than a message can have");
    if (sim_buffers_take(buffers, ret_msg))
        return true;
    submit(io);
    return sim_buffers_take(buffers, ret_msg);
}

static void drop_messages(struct io *handle, const struct io_message *msgs, unsigned n)
{
    struct sim_io *io = sim_io_of(handle);

    for (unsigned i = 0; i < n; i++)
        sim_buffers_give(buffers_of(io, &msgs[i]), &msgs[i]);
}

/* Life. */

static void open_buffers(struct sim_io *io)
{
    const struct io_plan *plan = &io->plan;
    const uint32_t n[] = {plan->buffers, plan->answer_buffers, plan->stream_buffers,
                          plan->large_buffers};
    /* Of a stream's, two bytes are its length's: io.h promises no room. */
    const uint32_t bytes[] = {RD_BUFFER_BYTES, RD_BUFFER_BYTES, RD_BUFFER_BYTES - 2, 65535};
    uint32_t first = 0;

    for (unsigned i = 0; i < BUFFER_KINDS; first += n[i++])
        sim_buffers_init(&io->buffers[i], io->sim, first, n[i], bytes[i]);
}

static void open_tables(struct sim_io *io)
{
    const struct io_plan *plan = &io->plan;
    size_t n_buffers =
        plan->buffers + plan->answer_buffers + plan->stream_buffers + plan->large_buffers;

    io->listeners = calloc(plan->n_listeners + 1, sizeof(*io->listeners));
    io->ports = calloc(plan->max_ports + 1, sizeof(*io->ports));
    io->resting = calloc(plan->max_ports + 1, sizeof(*io->resting));
    io->streams = calloc(plan->max_streams + 1, sizeof(*io->streams));
    io->outbox = calloc(n_buffers + 1, sizeof(*io->outbox));
    if (!io->listeners || !io->ports || !io->resting || !io->streams || !io->outbox)
        abort();
    places_init(&io->port_places, plan->max_ports);
    places_init(&io->stream_places, plan->max_streams);
    open_buffers(io);
    for (uint32_t i = 0; i < plan->n_listeners; i++)
        io->listeners[i] = plan->listeners[i];
}

static int open_io(const struct io_plan *plan, struct io **ret_io, struct rd_failure *ret_failure)
{
    struct sim_io *io = calloc(1, sizeof(*io));

    if (!io || !sim_current || plan->worker >= SIM_MAX_WORKERS)
        abort();
    *io = (struct sim_io){
        .io.ops = &sim_io_ops, .sim = sim_current, .plan = *plan, .deadline_ns = RD_NEVER};
    open_tables(io);
    io->last = &io->first;
    io->last_waiting = &io->waiting;
    (void)ret_failure; /* nothing fails in memory */
    io->sim->ios[plan->worker] = io;
    if (plan->worker >= io->sim->n_ios)
        io->sim->n_ios = plan->worker + 1;
    *ret_io = &io->io;
    return 0;
}

static int start(struct io *handle, struct rd_failure *ret_failure)
{
    (void)ret_failure;
    sim_io_of(handle)->started = true;
    return 0;
}

static void stop(struct io *handle)
{
    struct sim_io *io = sim_io_of(handle);

    submit(io);
    refuse_waiting(io);
    stop_streams(io);
    for (uint32_t i = 0; i < io->plan.max_ports; i++) {
        if (io->ports[i].open)
            port_close(handle, i);
    }
    for (unsigned i = 0; i < BUFFER_KINDS; i++)
        sim_buffers_all_home(&io->buffers[i]);
    io->started = false;
}

static void close_io(struct io *handle)
{
    struct sim_io *io = sim_io_of(handle);

    if (io->started)
        sim_broken(io->sim, "close: not stopped");
    free_datagrams(io);
    for (uint32_t i = 0; i < io->streams_used; i++)
        free(io->streams[i].queue);
    io->sim->ios[io->plan.worker] = NULL;
    free(io->listeners);
    free(io->ports);
    free(io->resting);
    free(io->streams);
    places_deinit(&io->port_places);
    places_deinit(&io->stream_places);
    free(io->events);
    for (unsigned i = 0; i < BUFFER_KINDS; i++)
        sim_buffers_deinit(&io->buffers[i]);
    free(io->outbox);
    free(io);
}

static void unlisten(struct io *handle)
{
    sim_io_of(handle)->unlistened = true;
    refuse_waiting(sim_io_of(handle));
}

static void wake(struct io *handle)
{
    sim_io_of(handle)->woken = true;
}

static uint64_t dropped(struct io *handle)
{
    return sim_io_of(handle)->dropped;
}

/* Something can be taken or sent. What waits for a buffer to come home is nobody's turn. */
static bool has_work(const struct sim_io *io)
{
    return (io->first && sim_buffers_any(&io->buffers[RECEIVE])) ||
           io->n_events > io->first_event || io->n_outbox || io->streams_pending || io->woken ||
           streams_ready(io);
}

static uint64_t turn(struct io *handle, uint64_t deadline_ns)
{
    struct sim_io *io = sim_io_of(handle);
    uint64_t now_ns;

    if (!io->started)
        sim_broken(io->sim, "turn: not started");
    submit(io);
    rest_is_over(io);
    sim_deliver_due(io->sim);
    now_ns = io->sim->frozen ? io->sim->frozen_ns : io->sim->now_ns;
    io->idle = !has_work(io) && deadline_ns > now_ns;
    io->woken = false;
    io->deadline_ns = deadline_ns;
    return now_ns;
}

bool sim_io_busy(const struct sim_io *io, uint64_t now_ns)
{
    return !io->idle || io->deadline_ns <= now_ns || has_work(io);
}

uint64_t sim_io_deadline(const struct sim_io *io)
{
    return io->deadline_ns;
}

const struct io_ops sim_io_ops = {
    .open = open_io,
    .close = close_io,
    .start = start,
    .stop = stop,
    .turn = turn,
    .recv = recv_messages,
    .events = take_events,
    .alloc = alloc_message,
    .send = send_messages,
    .drop = drop_messages,
    .unlisten = unlisten,
    .port_open = port_open,
    .port_close = port_close,
    .stream_open = stream_open,
    .stream_read = stream_read,
    .stream_close = stream_close,
    .stream_peer = stream_peer,
    .stream_unsent = stream_unsent,
    .wake = wake,
    .dropped = dropped,
};
