/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket_io.h - what a back end over the kernel's sockets consists of, whichever way it calls the
 * kernel: listeners, buffers, port handles, a doorbell.
 *
 * Shape: embedded as a back end's first member; the functions that need no more than this go into
 * its table as they are.
 * Thread: see io.h.
 * Not here: receiving, sending and waiting.
 */
#ifndef RINGDNS_FASTPATH_IO_SOCKET_IO_H
#define RINGDNS_FASTPATH_IO_SOCKET_IO_H

#include "io/buffers.h"
#include "io/io.h"
#include "io/ports.h"
#include "io/socket.h"

struct socket_io {
    struct io io; /* first: an io is this */
    struct rd_stats *stats;
    struct buffers buffers;
    struct ports ports;
    uint32_t n_listeners;
    struct listener *listeners;
    int doorbell; /* an eventfd that is never read: its edges count */
};

/* Makes all of it, and binds the listeners. 0, or negative errno with *RET_FAILURE and nothing left
 * open. */
int socket_io_open(const struct io_plan *plan, const struct io_ops *ops, struct socket_io *base,
                   struct rd_failure *ret_failure);
void socket_io_close(struct socket_io *base);

/* As alloc of the table, from what is home. */
bool socket_io_alloc(struct io *io, struct io_message *ret_msg);
unsigned socket_io_events(struct io *io, struct io_event *ret_events, unsigned max);
void socket_io_wake(struct io *io);
uint64_t socket_io_dropped(struct io *io);

/* Buffers that are not home. */
uint32_t socket_io_buffers_out(const struct io *io);

#endif
