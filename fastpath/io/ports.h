/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports.h - the handles of upstream sockets, and the events that wait for them.
 *
 * Shape: a fixed table with a stack of free handles. Each opening gives its handle a new
 * generation; whatever comes late carries the old one and is thrown away.
 * Thread: the worker's own.
 * Not here: the sockets' receiving and sending.
 */
#ifndef RINGDNS_FASTPATH_IO_PORTS_H
#define RINGDNS_FASTPATH_IO_PORTS_H

#include "io/io.h"

#define PORTS_GENERATION_BITS 24
#define PORTS_EVENTS          1024 /* waiting to be read; more are counted and lost */

enum port_state { PORT_FREE, PORT_OPEN, PORT_CLOSING };

struct port {
    int fd;
    uint32_t generation;
    uint8_t state; /* enum port_state; CLOSING: the kernel still has something of it */
};

struct port_event {
    struct io_event event;
    uint32_t generation;
};

struct ports {
    struct port *at;
    uint32_t *free;
    uint32_t *closed;
    uint32_t max, n_free, n_closed;
    uint32_t head, tail; /* of events, free-running */
    struct port_event events[PORTS_EVENTS];
};

/* 0 or -ENOMEM. */
int ports_init(struct ports *ports, uint32_t max);
void ports_deinit(struct ports *ports);

/* A handle for FD, or -EMFILE: all are in use. */
int ports_take(struct ports *ports, int fd);
/* Gives a handle back: nothing of it is left in the kernel. */
void ports_release(struct ports *ports, uint32_t port);
/* The same at the next ports_release_closed: messages of it may be in the caller's hands. */
void ports_close(struct ports *ports, uint32_t port);
void ports_release_closed(struct ports *ports);

/* Queues an event. False: the queue is full. */
bool ports_report(struct ports *ports, uint32_t port, enum io_event_kind kind, int error);
/* Up to MAX events, those of closed ports left out. */
unsigned ports_read(struct ports *ports, struct io_event *ret_events, unsigned max);

/* Whether a receive failed because of what the network said, not because of us. */
bool ports_is_network_error(int error);

/* Whether what carries GENERATION belongs to the present life of PORT. */
static inline bool ports_is_live(const struct ports *ports, uint32_t port, uint32_t generation)
{
    return ports->at[port].state == PORT_OPEN && ports->at[port].generation == generation;
}

#endif
