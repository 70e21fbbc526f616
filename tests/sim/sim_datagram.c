/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_datagram.c - a worker's listeners and ports: UDP in the world of sim.h.
 *
 * Port handles are reused at once and lowest first. One thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "sim/sim_socket.h"

#define PORT_EVENTS 1024 /* more are lost, as in the other back ends */

static unsigned family_index(const union rd_address *address)
{
    return address->any.sa_family == AF_INET6;
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

int find_listener(const struct sim_io *io, const union rd_address *to)
{
    for (uint32_t i = 0; i < io->plan.n_listeners; i++) {
        if (listener_takes(&io->listeners[i], to))
            return (int)i;
    }
    return -1;
}

bool is_wildcard(const union rd_address *listener)
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

static void note_port(struct sim_io *io, uint32_t port, enum io_event_kind kind, int error)
{
    if (io->n_events < PORT_EVENTS)
        note_event(io, IO_PORT, port, kind, error);
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
            note_port(io, i, IO_PORT_ERROR, datagram->error);
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
        if (is_wildcard(&io->listeners[datagram->handle]))
            msg->path.local = datagram->to;
    }
    free(datagram);
}

unsigned receive_datagrams(struct sim_io *io, struct io_message *msgs, unsigned max)
{
    unsigned n = 0;

    while (n < max && io->first && sim_buffers_take(&io->buffers[RECEIVE], &msgs[n]))
        receive(io, &msgs[n++]);
    return n;
}

/* Sending. */

static void transmit_port(struct sim_io *io, const struct io_message *msg)
{
    struct sim *sim = io->sim;
    const struct port *port = &io->ports[msg->port];
    uint64_t latency_ns = 0;

    for (unsigned i = 0; i < sim->n_upstreams; i++) {
        const struct sim_upstream *upstream = sim->upstreams[i];

        if (!rd_address_equal(&upstream->address, &port->server))
            continue;
        if (upstream->send_error) {
            rd_stat_inc(&io->plan.stats->upstream_send_failed);
            note_port(io, msg->port, IO_SEND_FAILED, upstream->send_error);
            return;
        }
        latency_ns = upstream->latency_ns;
    }
    sim_carry(sim, &port->from, &port->server, msg->data, msg->len, 0, latency_ns);
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

void submit_datagrams(struct sim_io *io)
{
    for (unsigned i = 0; i < io->n_outbox; i++)
        transmit(io, &io->outbox[i]);
    io->n_outbox = 0;
}

bool datagram_may_leave(const struct sim_io *io, const struct io_message *msg)
{
    if (msg->origin == IO_PORT)
        return msg->port < io->plan.max_ports && io->ports[msg->port].open;
    return msg->path.way < io->plan.n_listeners;
}

/* Ports. */

union rd_address source_address(const struct sim *sim, const union rd_address *from)
{
    union rd_address source = *from;

    if (is_wildcard(from)) {
        source = family_index(from) ? sim->host6 : sim->host4;
        source.v4.sin_port = from->v4.sin_port;
    }
    return source;
}

int port_open(struct io *handle, const union rd_address *to, const union rd_address *from)
{
    uint16_t local_port = rd_address_port(from);
    struct sim_io *io = sim_io_of(handle);
    uint8_t *taken = &io->sim->ports_taken[family_index(to)][local_port];

    if (!io->started)
        sim_broken(io->sim, "port_open: not started");
    if (from->any.sa_family != to->any.sa_family)
        sim_broken(io->sim, "port_open: from another family");
    if (io->sim->port_error)
        return -io->sim->port_error;
    for (unsigned i = 0; i < io->sim->n_upstreams; i++)
        if (rd_address_equal(&io->sim->upstreams[i]->address, to) &&
            io->sim->upstreams[i]->port_error)
            return -io->sim->upstreams[i]->port_error;
    if (*taken)
        return -EADDRINUSE;
    for (uint32_t i = 0; i < io->plan.max_ports; i++) {
        if (io->ports[i].open || io->ports[i].resting)
            continue;
        *taken = 1;
        io->ports[i] = (struct port){true, false, local_port, source_address(io->sim, from), *to};
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

void port_close(struct io *handle, uint32_t port)
{
    struct sim_io *io = sim_io_of(handle);

    if (port >= io->plan.max_ports || !io->ports[port].open) {
        sim_broken(io->sim, "port_close: no such port");
        return;
    }
    submit_datagrams(io); /* what was sent from it was sent before */
    forget_arrivals(io, port);
    forget_events(io, IO_PORT, port);
    io->sim->ports_taken[family_index(&io->ports[port].server)][io->ports[port].local_port] = 0;
    io->ports[port].open = false;
    io->ports[port].resting = true;
    io->resting = true;
    io->sim->ports_open--;
}

void free_datagrams(struct sim_io *io)
{
    while (io->first) {
        struct sim_datagram *datagram = io->first;

        io->first = datagram->next;
        free(datagram);
    }
}
