/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_io.c - io.h in memory: one worker's sockets in the world of sim.h.
 *
 * It is as unkind as io.h allows: sending waits for the turn, port handles are reused at once and
 * lowest first, buffers are watched (buffers.c), and every call that breaks the table's rules is
 * noted (sim_broken). One thread.
 */
#include "sim/sim_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/buffers.h"

#define EVENTS 1024

struct port {
    bool open;
    uint16_t local_port;
    union rd_address server;
};

struct sim_io {
    struct io io;
    struct sim *sim;
    struct io_plan plan;
    union rd_address *listeners;
    bool started, unlistened, woken;
    bool idle; /* at its last turn there was nothing to do */
    uint64_t deadline_ns;
    struct port *ports;
    struct sim_buffers receive, answer;
    struct sim_datagram *first, **last; /* the sockets' queues, in order of arrival */
    unsigned n_queued_clients;
    struct io_message *outbox;
    unsigned n_outbox;
    struct io_event events[EVENTS];
    unsigned n_events;
    uint64_t dropped;
};

static struct sim_io *sim_io_of(struct io *io)
{
    return (struct sim_io *)io;
}

static unsigned family_index(const union rd_address *address)
{
    return address->any.sa_family == AF_INET6;
}

/* Whose buffer MSG says it has. */
static struct sim_buffers *buffers_of(struct sim_io *io, const struct io_message *msg)
{
    return sim_buffers_own(&io->answer, msg) ? &io->answer : &io->receive;
}

/* Arrivals. */

static bool listener_takes(const union rd_address *listener, const union rd_address *to)
{
    union rd_address any = {.any.sa_family = to->any.sa_family};

    if (rd_address_equal(listener, to))
        return true;
    any.v4.sin_port = to->v4.sin_port;
    return rd_address_equal(listener, &any);
}

static int find_listener(const struct sim_io *io, const union rd_address *to)
{
    for (uint32_t i = 0; i < io->plan.n_listeners; i++) {
        if (listener_takes(&io->listeners[i], to))
            return (int)i;
    }
    return -1;
}

static bool wildcard(const union rd_address *listener)
{
    union rd_address any = {.any.sa_family = listener->any.sa_family};

    any.v4.sin_port = listener->v4.sin_port;
    return rd_address_equal(listener, &any);
}

bool sim_io_listens(const struct sim_io *io, const union rd_address *to)
{
    return !io->unlistened && find_listener(io, to) >= 0;
}

static void enqueue(struct sim_io *io, struct sim_datagram *datagram, enum io_origin origin,
                    uint32_t handle)
{
    datagram->origin = (uint8_t)origin;
    datagram->handle = handle;
    datagram->next = NULL;
    *io->last = datagram;
    io->last = &datagram->next;
}

static void note_event(struct sim_io *io, uint32_t port, enum io_event_kind kind, int error)
{
    if (io->n_events < EVENTS)
        io->events[io->n_events++] = (struct io_event){port, (uint8_t)kind, error};
}

static bool arrive_port(struct sim_io *io, struct sim_datagram *datagram)
{
    uint16_t local_port = rd_address_port(&datagram->to);

    for (uint32_t i = 0; i < io->plan.max_ports && i < io->sim->handles_used; i++) {
        struct port *port = &io->ports[i];

        if (!port->open || port->local_port != local_port ||
            !rd_address_equal(&port->server, &datagram->from))
            continue;
        if (datagram->error) {
            note_event(io, i, IO_PORT_ERROR, datagram->error);
            free(datagram);
        } else {
            enqueue(io, datagram, IO_PORT, i);
        }
        return true;
    }
    return false;
}

bool sim_io_arrive(struct sim_io *io, struct sim_datagram *datagram)
{
    int listener = find_listener(io, &datagram->to);

    if (listener < 0)
        return arrive_port(io, datagram);
    if (io->unlistened)
        return false;
    if (io->n_queued_clients >= io->sim->listener_room) {
        io->dropped++;
        free(datagram);
        return true;
    }
    io->n_queued_clients++;
    enqueue(io, datagram, IO_CLIENT, (uint32_t)listener);
    return true;
}

/* Takes the first datagram out of the queue into the buffer of MSG. */
static void receive(struct sim_io *io, struct io_message *msg)
{
    struct sim_datagram *datagram = io->first;

    io->first = datagram->next;
    if (!io->first)
        io->last = &io->first;
    msg->origin = datagram->origin;
    msg->cut = datagram->len > msg->cap;
    msg->len = msg->cut ? msg->cap : datagram->len;
    memcpy(msg->data, datagram->bytes, msg->len);
    if (msg->origin == IO_PORT) {
        msg->port = datagram->handle;
    } else {
        io->n_queued_clients--;
        msg->path.peer = datagram->from;
        msg->path.way = datagram->handle;
        if (wildcard(&io->listeners[datagram->handle]))
            msg->path.local = datagram->to;
    }
    free(datagram);
}

static unsigned recv_messages(struct io *handle, struct io_message *msgs, unsigned max)
{
    struct sim_io *io = sim_io_of(handle);
    unsigned n = 0;

    while (n < max && io->first) {
        if (!sim_buffers_take(&io->receive, &msgs[n])) {
            rd_stat_inc(&io->plan.stats->io_no_buffers);
            break;
        }
        receive(io, &msgs[n++]);
    }
    return n;
}

static unsigned take_events(struct io *handle, struct io_event *events, unsigned max)
{
    struct sim_io *io = sim_io_of(handle);
    unsigned n = io->n_events < max ? io->n_events : max;

    memcpy(events, io->events, n * sizeof(*events));
    memmove(io->events, io->events + n, (io->n_events - n) * sizeof(*events));
    io->n_events -= n;
    return n;
}

/* Sending. */

static void transmit_port(struct sim_io *io, const struct io_message *msg)
{
    struct sim *sim = io->sim;
    const struct port *port = &io->ports[msg->port];
    union rd_address from = family_index(&port->server) ? sim->host6 : sim->host4;
    uint64_t latency_ns = 0;

    from.v4.sin_port = htons(port->local_port);
    for (unsigned i = 0; i < sim->n_upstreams; i++) {
        const struct sim_upstream *upstream = sim->upstreams[i];

        if (!rd_address_equal(&upstream->address, &port->server))
            continue;
        if (upstream->send_error) {
            rd_stat_inc(&io->plan.stats->upstream_send_failed);
            note_event(io, msg->port, IO_SEND_FAILED, upstream->send_error);
            return;
        }
        latency_ns = upstream->latency_ns;
    }
    sim_carry(sim, &from, &port->server, msg->data, msg->len, 0, latency_ns);
}

static void transmit(struct sim_io *io, const struct io_message *msg)
{
    if (msg->origin == IO_PORT)
        transmit_port(io, msg);
    else
        sim_carry(io->sim,
                  msg->path.local.any.sa_family ? &msg->path.local : &io->listeners[msg->path.way],
                  &msg->path.peer, msg->data, msg->len, 0, io->sim->client_latency_ns);
    sim_buffers_sent(buffers_of(io, msg), msg);
}

static void submit(struct sim_io *io)
{
    for (unsigned i = 0; i < io->n_outbox; i++)
        transmit(io, &io->outbox[i]);
    io->n_outbox = 0;
}

static bool may_leave(struct sim_io *io, const struct io_message *msg)
{
    if (msg->origin == IO_PORT ? msg->port < io->plan.max_ports && io->ports[msg->port].open
                               : msg->path.way < io->plan.n_listeners)
        return true;
    sim_broken(io->sim, "send: no such port or way");
    return false;
}

static void send_messages(struct io *handle, const struct io_message *msgs, unsigned n)
{
    struct sim_io *io = sim_io_of(handle);

    for (unsigned i = 0; i < n; i++) {
        if (!may_leave(io, &msgs[i]))
            sim_buffers_give(buffers_of(io, &msgs[i]), &msgs[i]);
        else if (sim_buffers_queue(buffers_of(io, &msgs[i]), &msgs[i]))
            io->outbox[io->n_outbox++] = msgs[i];
    }
}

static bool alloc_message(struct io *handle, struct io_message *ret_msg)
{
    struct sim_io *io = sim_io_of(handle);

    if (sim_buffers_take(&io->answer, ret_msg))
        return true;
    submit(io);
    return sim_buffers_take(&io->answer, ret_msg);
}

static void drop_messages(struct io *handle, const struct io_message *msgs, unsigned n)
{
    struct sim_io *io = sim_io_of(handle);

    for (unsigned i = 0; i < n; i++)
        sim_buffers_give(buffers_of(io, &msgs[i]), &msgs[i]);
}

/* Ports. */

static int port_open(struct io *handle, const union rd_address *to, uint16_t local_port)
{
    struct sim_io *io = sim_io_of(handle);
    uint8_t *taken = &io->sim->ports_taken[family_index(to)][local_port];

    if (!io->started)
        sim_broken(io->sim, "port_open: not started");
    if (io->sim->port_error)
        return -io->sim->port_error;
    if (*taken)
        return -EADDRINUSE;
    for (uint32_t i = 0; i < io->plan.max_ports; i++) {
        if (io->ports[i].open)
            continue;
        *taken = 1;
        io->ports[i] = (struct port){true, local_port, *to};
        if (++io->sim->ports_open > io->sim->ports_peak)
            io->sim->ports_peak = io->sim->ports_open;
        if (i >= io->sim->handles_used)
            io->sim->handles_used = i + 1;
        return (int)i;
    }
    return -EMFILE;
}

static void forget_arrivals(struct sim_io *io, uint32_t port)
{
    struct sim_datagram **at = &io->first;

    while (*at) {
        struct sim_datagram *datagram = *at;

        if (datagram->origin == IO_PORT && datagram->handle == port) {
            *at = datagram->next;
            free(datagram);
        } else {
            at = &datagram->next;
        }
    }
    io->last = at;
}

static void forget_events(struct sim_io *io, uint32_t port)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < io->n_events; i++) {
        if (io->events[i].port != port)
            io->events[kept++] = io->events[i];
    }
    io->n_events = kept;
}

static void port_close(struct io *handle, uint32_t port)
{
    struct sim_io *io = sim_io_of(handle);

    if (port >= io->plan.max_ports || !io->ports[port].open) {
        sim_broken(io->sim, "port_close: no such port");
        return;
    }
    submit(io); /* what was sent from it was sent before */
    forget_arrivals(io, port);
    forget_events(io, port);
    io->sim->ports_taken[family_index(&io->ports[port].server)][io->ports[port].local_port] = 0;
    io->ports[port].open = false;
    io->sim->ports_open--;
}

/* Life. */

static int open_io(const struct io_plan *plan, struct io **ret_io, struct rd_failure *ret_failure)
{
    struct sim_io *io = calloc(1, sizeof(*io));

    if (!io || !sim_current || plan->worker >= SIM_MAX_WORKERS)
        abort();
    *io = (struct sim_io){
        .io.ops = &sim_io_ops,
        .sim = sim_current,
        .plan = *plan,
        .deadline_ns = RD_NEVER,
        .listeners = calloc(plan->n_listeners + 1, sizeof(*io->listeners)),
        .ports = calloc(plan->max_ports + 1, sizeof(*io->ports)),
        .outbox = calloc(plan->buffers + plan->answer_buffers + 1, sizeof(*io->outbox))};
    if (!io->listeners || !io->ports || !io->outbox)
        abort();
    sim_buffers_init(&io->receive, io->sim, 0, plan->buffers);
    sim_buffers_init(&io->answer, io->sim, plan->buffers, plan->answer_buffers);
    io->last = &io->first;
    for (uint32_t i = 0; i < plan->n_listeners; i++)
        io->listeners[i] = plan->listeners[i];
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
    for (uint32_t i = 0; i < io->plan.max_ports; i++) {
        if (io->ports[i].open)
            port_close(handle, i);
    }
    sim_buffers_all_home(&io->receive);
    sim_buffers_all_home(&io->answer);
    io->started = false;
}

static void close_io(struct io *handle)
{
    struct sim_io *io = sim_io_of(handle);

    if (io->started)
        sim_broken(io->sim, "close: not stopped");
    while (io->first) {
        struct sim_datagram *datagram = io->first;

        io->first = datagram->next;
        free(datagram);
    }
    io->sim->ios[io->plan.worker] = NULL;
    free(io->listeners);
    free(io->ports);
    sim_buffers_deinit(&io->receive);
    sim_buffers_deinit(&io->answer);
    free(io->outbox);
    free(io);
}

static void unlisten(struct io *handle)
{
    sim_io_of(handle)->unlistened = true;
}

static void wake(struct io *handle)
{
    sim_io_of(handle)->woken = true;
}

static uint64_t dropped(struct io *handle)
{
    return sim_io_of(handle)->dropped;
}

static uint64_t turn(struct io *handle, uint64_t deadline_ns)
{
    struct sim_io *io = sim_io_of(handle);

    if (!io->started)
        sim_broken(io->sim, "turn: not started");
    submit(io);
    sim_deliver_due(io->sim);
    io->idle = !io->first && !io->n_events && !io->woken && deadline_ns > io->sim->now_ns;
    io->woken = false;
    io->deadline_ns = deadline_ns;
    return io->sim->now_ns;
}

bool sim_io_busy(const struct sim_io *io)
{
    return !io->idle || io->n_outbox || io->first || io->n_events || io->woken;
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
    .wake = wake,
    .dropped = dropped,
};
