/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket_io.h - what a back end over the kernel's sockets consists of, whichever way it calls the
 * kernel: listeners, buffers, port handles, streams, a doorbell.
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
#include "io/stream.h"

struct socket_io {
    struct io io; /* first: an io is this */
    struct rd_stats *stats;
    struct buffers buffers;
    struct ports ports;
    struct streams streams;
    uint32_t n_listeners;
    struct listener *listeners;
    int doorbell; /* an eventfd that is never read: its edges count */
};

/* Makes all of it, and binds the listeners; those for connections do not block where the DRIVER
 * wants it. 0, or negative errno with *RET_FAILURE and nothing left
 * open. */
int socket_io_open(const struct io_plan *plan, const struct io_ops *ops,
                   const struct stream_driver *driver, struct socket_io *base,
                   struct rd_failure *ret_failure);
void socket_io_close(struct socket_io *base);

unsigned socket_io_events(struct io *io, struct io_event *ret_events, unsigned max);
void socket_io_stream_read(struct io *io, uint32_t stream, bool on);
void socket_io_stream_close(struct io *io, uint32_t stream, bool reset);
const union rd_address *socket_io_stream_peer(struct io *io, uint32_t stream);
uint32_t socket_io_stream_unsent(struct io *io, uint32_t stream);
void socket_io_wake(struct io *io);
uint64_t socket_io_dropped(struct io *io);

bool socket_io_alloc_large(struct io *io, struct io_message *ret_msg);
/* When nothing else has helped: a client that does not read what it asked for makes room. */
bool socket_io_alloc_hard(struct io *io, uint32_t bytes, struct io_message *ret_msg);

/* Whether events wait to be read. */
static inline bool socket_io_has_events(const struct socket_io *base)
{
    return base->ports.head != base->ports.tail || streams_any(&base->streams, STREAM_EVENTFUL);
}

/* As alloc of the table, from what is home. */
static inline bool socket_io_alloc(struct io *io, uint32_t bytes, struct io_message *ret_msg)
{
    struct buffers *buffers = &((struct socket_io *)io)->buffers;
    uint32_t number;

    if (bytes > RD_BUFFER_BYTES)
        return socket_io_alloc_large(io, ret_msg);
    if (!buffers_take(buffers, &number))
        return false;
    ret_msg->data = buffers_at(buffers, number);
    ret_msg->len = 0;
    ret_msg->cap = RD_BUFFER_BYTES;
    ret_msg->buffer = number;
    ret_msg->cut = false;
    return true;
}

/* Buffers that are not home. */
uint32_t socket_io_buffers_out(const struct io *io);

#endif
