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

static int allocate(const struct io_plan *plan, struct socket_io *base)
{
    int error = buffers_init(&base->buffers, plan->buffers, plan->answer_buffers);

    if (error == 0)
        error = ports_init(&base->ports, plan->max_ports);
    if (error < 0)
        return error;
    base->listeners = calloc(plan->n_listeners + 1u, sizeof(*base->listeners));
    if (base->listeners == NULL)
        return -ENOMEM;
    base->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return base->doorbell < 0 ? -errno : 0;
}

int socket_io_open(const struct io_plan *plan, const struct io_ops *ops, struct socket_io *base,
                   struct rd_failure *ret_failure)
{
    struct rd_failure failure = {"allocate memory", -1};
    int error;

    base->io.ops = ops;
    base->stats = plan->stats;
    base->doorbell = -1;
    error = allocate(plan, base);
    if (error == 0)
        error = listeners_open(plan, base->listeners, &failure);
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
    free(base->listeners);
}

bool socket_io_alloc(struct io *io, struct io_message *ret_msg)
{
    struct socket_io *base = (struct socket_io *)io;
    uint32_t number;

    if (!buffers_take(&base->buffers, &number))
        return false;
    ret_msg->data = buffers_at(&base->buffers, number);
    ret_msg->len = 0;
    ret_msg->cap = RD_BUFFER_BYTES;
    ret_msg->buffer = number;
    ret_msg->cut = false;
    return true;
}

unsigned socket_io_events(struct io *io, struct io_event *ret_events, unsigned max)
{
    return ports_read(&((struct socket_io *)io)->ports, ret_events, max);
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
