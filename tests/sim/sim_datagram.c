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

/* Who has a port: 0 nobody, else a test, or a worker from 1 above the handle. */
#define RESERVED    UINT32_MAX
#define HANDLE_BITS 24
#define HANDLE_MASK ((1u << HANDLE_BITS) - 1)

static unsigned family_index(const union rd_address *address)
{
    return address->any.sa_family == AF_INET6;
}

/* Arrivals. */

bool is_wildcard(const union rd_address *listener)
{
    union rd_address any = {.any.sa_family = listener->any.sa_family};

    any.v4.sin_port = listener->v4.sin_port;
    return rd_address_equal(listener, &any);
}

static bool listener_takes(const union rd_address *listener, const union rd_address *to)
{
    if (listener->v4.sin_port != to->v4.sin_port || listener->any.sa_family != to->any.sa_family)
        return false;
    return rd_address_equal(listener, to) || is_wildcard(listener);
}

int find_listener(const struct sim_io *io, const union rd_address *to)
{
    for (uint32_t i = 0; i < io->plan.n_listeners; i++) {
        if (listener_takes(&io->listeners[i], to))
            return (int)i;
    }
    return -1;
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
    if (io->n_events - io->first_event < PORT_EVENTS)
        note_event(io, IO_PORT, port, kind, error);
}

static uint32_t *owner_of(const struct sim *sim, const union rd_address *address)
{
    return &sim->port_owners[family_index(address)][rd_address_port(address)];
}

void sim_reserve_port(struct sim *sim, sa_family_t family, uint16_t port)
{
    uint32_t *owner = &sim->port_owners[family == AF_INET6][port];

    if (!*owner)
        *owner = RESERVED;
}

bool sim_port_arrive(struct sim *sim, struct sim_datagram *datagram)
{
    uint32_t owner = *owner_of(sim, &datagram->to), handle = owner & HANDLE_MASK;
    struct sim_io *io;

    if (owner == 0 || owner == RESERVED)
        return false;
    io = sim->ios[(owner >> HANDLE_BITS) - 1];
    if (!io || !rd_address_equal(&io->ports[handle].server, &datagram->from))
        return false;
    if (datagram->error) {
        note_port(io, handle, IO_PORT_ERROR, datagram->error);
        sim_datagram_free(datagram);
    } else {
        io->ports[handle].n_queued++;
        enqueue(io, datagram, IO_PORT, handle);
    }
    return true;
}

void sim_listener_arrive(struct sim_io *io, struct sim_datagram *datagram)
{
    int listener = find_listener(io, &datagram->to);

    if (io->n_queued_clients >= io->sim->listener_room) {
        io->dropped++;
        sim_datagram_free(datagram);
        return;
    }
    io->n_queued_clients++;
    enqueue(io, datagram, IO_CLIENT, (uint32_t)listener);
}

static void tell_taken(const struct sim_io *io, const struct io_message *msg,
                       const struct sim_datagram *datagram)
{
    const struct sim_watch *watch = io->sim->watch;

    if (watch && watch->taken)
        watch->taken(watch->context, io->plan.worker, msg, &datagram->from, datagram->tag);
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
        io->ports[msg->port].n_queued--;
    } else {
        io->n_queued_clients--;
        msg->path.peer = datagram->from;
        msg->path.way = datagram->handle;
        if (is_wildcard(&io->listeners[datagram->handle]))
            msg->path.local = datagram->to;
    }
    tell_taken(io, msg, datagram);
    sim_datagram_free(datagram);
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

/* Why the system opens no port to TO, as a positive errno; 0: it does. */
static int port_error(const struct sim *sim, const union rd_address *to)
{
    if (sim->port_error)
        return sim->port_error;
    for (unsigned i = 0; i < sim->n_upstreams; i++) {
        if (sim->upstreams[i]->port_error && rd_address_equal(&sim->upstreams[i]->address, to))
            return sim->upstreams[i]->port_error;
    }
    return 0;
}

int port_open(struct io *handle, const union rd_address *to, const union rd_address *from)
{
    struct sim_io *io = sim_io_of(handle);
    struct sim *sim = io->sim;
    uint32_t *owner = owner_of(sim, from), port;
    int error = port_error(sim, to);

    if (!io->started)
        sim_broken(sim, "port_open: not started");
    if (from->any.sa_family != to->any.sa_family)
        sim_broken(sim, "port_open: from another family");
    if (error)
        return -error;
    if (*owner)
        return -EADDRINUSE;
    if (!places_any(&io->port_places))
        return -EMFILE;
    port = places_take(&io->port_places);
    *owner = (io->plan.worker + 1) << HANDLE_BITS | port;
    io->ports[port] = (struct port){.open = true,
                                    .from = source_address(sim, from),
                                    .server = *to,
                                    .opened_ns = sim->now_ns,
                                    .opened = io->ports[port].opened + 1};
    if (++sim->ports_open > sim->ports_peak)
        sim->ports_peak = sim->ports_open;
    if (port >= sim->handles_used)
        sim->handles_used = port + 1;
    return (int)port;
}

static void forget_arrivals(struct sim_io *io, uint32_t port)
{
    struct sim_datagram **at = &io->first;

    while (*at && io->ports[port].n_queued > 0) {
        struct sim_datagram *datagram = *at;

        if (datagram->origin == IO_PORT && datagram->handle == port) {
            *at = datagram->next;
            sim_datagram_free(datagram);
            io->ports[port].n_queued--;
        } else {
            at = &datagram->next;
        }
    }
    if (!*at)
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
    *owner_of(io->sim, &io->ports[port].from) = 0;
    io->ports[port].open = false;
    io->resting[io->n_resting++] = port;
    io->sim->ports_open--;
}

void rest_is_over(struct sim_io *io)
{
    while (io->n_resting > 0)
        places_give(&io->port_places, io->resting[--io->n_resting]);
}

void free_datagrams(struct sim_io *io)
{
    while (io->first) {
        struct sim_datagram *datagram = io->first;

        io->first = datagram->next;
        sim_datagram_free(datagram);
    }
}

uint64_t sim_port_opened(const struct sim_io *io, uint32_t port, uint32_t *ret_number)
{
    *ret_number = 0;
    if (!io || port >= io->plan.max_ports || !io->ports[port].open)
        return 0;
    *ret_number = io->ports[port].opened;
    return io->ports[port].opened_ns;
}
