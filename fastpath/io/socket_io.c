/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket_io.c - the common part of the back ends over sockets.
 *
 * Thread: see io.h.
 * Not here: what differs (uring*.c, syscall*.c).
 */
#include "io/socket_io.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/tcp_socket.h"

static int allocate(const struct io_plan *plan, const struct stream_driver *driver,
                    struct socket_io *base)
{
    int error = buffers_init(&base->buffers, plan);

    if (error == 0)
        error = ports_init(&base->ports, plan->max_ports);
    if (error == 0)
        error = streams_init(&base->streams, plan, &base->buffers, &base->io, driver);
    if (error < 0)
        return error;
    base->listeners = calloc(plan->n_listeners + 1u, sizeof(*base->listeners));
    if (base->listeners == NULL)
        return -ENOMEM;
    base->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return base->doorbell < 0 ? -errno : 0;
}

int socket_io_open(const struct io_plan *plan, const struct io_ops *ops,
                   const struct stream_driver *driver, struct socket_io *base,
                   struct rd_failure *ret_failure)
{
    struct rd_failure failure = {"allocate memory", -1};
    int error;

    base->io.ops = ops;
    base->stats = plan->stats;
    base->doorbell = -1;
    error = allocate(plan, driver, base);
    if (error == 0)
        error = listeners_open(plan, driver->socket_flags, base->listeners, &failure);
    if (error < 0) {
        socket_io_close(base);
        *ret_failure = failure;
        return error;
    }
    base->n_listeners = plan->n_listeners;
    return 0;
}

void socket_io_close(struct socket_io *base)
{
    listeners_close(base->listeners, base->n_listeners);
    if (base->doorbell >= 0)
        close(base->doorbell);
    buffers_deinit(&base->buffers);
    ports_deinit(&base->ports);
    streams_deinit(&base->streams);
    free(base->listeners);
}

bool socket_io_alloc_large(struct io *io, struct io_message *ret_msg)
{
    struct buffers *buffers = &((struct socket_io *)io)->buffers;
    uint32_t number;

    if (!buffers_take_large(buffers, &number))
        return false;
    ret_msg->data = buffers_large_at(buffers, number);
    ret_msg->len = 0;
    /* What has two bytes of length in front cannot be longer. */
    ret_msg->cap = UINT16_MAX;
    ret_msg->buffer = number;
    ret_msg->cut = false;
    return true;
}

bool socket_io_alloc_hard(struct io *io, uint32_t bytes, struct io_message *ret_msg)
{
    if (bytes <= RD_BUFFER_BYTES)
        return false;
    streams_relieve(&((struct socket_io *)io)->streams, STREAM_NONE);
    return socket_io_alloc_large(io, ret_msg);
}

/* Apart, so that the way without streams needs no frame. */
static __attribute__((noinline)) unsigned all_events(struct socket_io *base,
                                                     struct io_event *ret_events, unsigned max)
{
    unsigned n = ports_read(&base->ports, ret_events, max);

    return n + streams_events(&base->streams, ret_events + n, max - n);
}

unsigned socket_io_events(struct io *io, struct io_event *ret_events, unsigned max)
{
    struct socket_io *base = (struct socket_io *)io;

    if (streams_any(&base->streams, STREAM_EVENTFUL))
        return all_events(base, ret_events, max);
    return ports_read(&base->ports, ret_events, max);
}

void socket_io_stream_read(struct io *io, uint32_t stream, bool on)
{
    struct streams *streams = &((struct socket_io *)io)->streams;
    uint32_t place = streams_find(streams, stream);

    if (place != STREAM_NONE)
        streams_read(streams, place, on);
}

void socket_io_stream_close(struct io *io, uint32_t stream, bool reset)
{
    struct streams *streams = &((struct socket_io *)io)->streams;
    uint32_t place = streams_find(streams, stream);

    if (place == STREAM_NONE)
        return;
    /* Of one that is lost the descriptor may be another's by now. */
    if (reset && streams->at[place].state != STREAM_LOST)
        tcp_reset(streams->at[place].fd);
    streams_close(streams, place);
}

const union rd_address *socket_io_stream_peer(struct io *io, uint32_t stream)
{
    return &((struct socket_io *)io)->streams.at[io_stream_place(stream)].peer;
}

uint32_t socket_io_stream_unsent(struct io *io, uint32_t stream)
{
    return ((struct socket_io *)io)->streams.at[io_stream_place(stream)].unsent;
}

void socket_io_wake(struct io *io)
{
    static const uint64_t one = 1;
    int saved = errno;

    /* A full counter has been noticed already. */
    if (write(((struct socket_io *)io)->doorbell, &one, sizeof(one)) < 0)
        errno = saved;
}

uint64_t socket_io_dropped(struct io *io)
{
    struct socket_io *base = (struct socket_io *)io;

    return listeners_dropped(base->listeners, base->n_listeners);
}

uint32_t socket_io_buffers_out(const struct io *io)
{
    return ((const struct socket_io *)io)->buffers.out;
}
