/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports.c - taking and giving back port handles, and their queue of events.
 *
 * Shape: see ports.h. The last handle given back is the first to be taken again: its lines are
 * still in the CPU's cache, and the generation makes early reuse harmless.
 * Thread: the worker's own.
 * Not here: closing descriptors.
 */
#include "io/ports.h"

#include <errno.h>
#include <stdlib.h>

int ports_init(struct ports *ports, uint32_t max)
{
    ports->max = max;
    ports->head = ports->tail = 0;
    ports->at = calloc(max + 1u, sizeof(*ports->at));
    ports->free = calloc(max + 1u, sizeof(*ports->free));
    ports->closed = calloc(max + 1u, sizeof(*ports->closed));
    if (ports->at == NULL || ports->free == NULL || ports->closed == NULL) {
        ports_deinit(ports);
        return -ENOMEM;
    }
    for (ports->n_free = 0; ports->n_free < max; ports->n_free++) {
        ports->at[ports->n_free].fd = -1;
        ports->free[ports->n_free] = max - 1 - ports->n_free;
    }
    return 0;
}

void ports_deinit(struct ports *ports)
{
    free(ports->at);
    free(ports->free);
    free(ports->closed);
    ports->at = NULL;
    ports->free = NULL;
    ports->closed = NULL;
}

int ports_take(struct ports *ports, int fd)
{
    struct port *port;
    uint32_t handle;

    if (ports->n_free == 0)
        return -EMFILE;
    handle = ports->free[--ports->n_free];
    port = &ports->at[handle];
    port->fd = fd;
    port->generation = (port->generation + 1) & ((1u << PORTS_GENERATION_BITS) - 1);
    port->state = PORT_OPEN;
    return (int)handle;
}

void ports_release(struct ports *ports, uint32_t port)
{
    ports->at[port].fd = -1;
    ports->at[port].state = PORT_FREE;
    ports->free[ports->n_free++] = port;
}

void ports_close(struct ports *ports, uint32_t port)
{
    ports->at[port].fd = -1;
    ports->at[port].state = PORT_CLOSING;
    ports->closed[ports->n_closed++] = port;
}

void ports_release_closed(struct ports *ports)
{
    while (ports->n_closed > 0)
        ports_release(ports, ports->closed[--ports->n_closed]);
}

bool ports_report(struct ports *ports, uint32_t port, enum io_event_kind kind, int error)
{
    if (ports->tail - ports->head == PORTS_EVENTS)
        return false;
    ports->events[ports->tail++ % PORTS_EVENTS] =
        (struct port_event){{port, (uint8_t)kind, IO_PORT, error}, ports->at[port].generation};
    return true;
}

unsigned ports_read(struct ports *ports, struct io_event *ret_events, unsigned max)
{
    unsigned n = 0;

    while (n < max && ports->head != ports->tail) {
        const struct port_event *waiting = &ports->events[ports->head++ % PORTS_EVENTS];

        if (ports_is_live(ports, waiting->event.port, waiting->generation))
            ret_events[n++] = waiting->event;
    }
    return n;
}

bool ports_is_network_error(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ENONET:
    case EMSGSIZE:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EACCES:
        return true;
    default:
        return false;
    }
}
