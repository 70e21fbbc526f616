/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring_port.c - the life of an upstream's socket on the ring.
 *
 * Shape: closing is a cancel and a close in the next submission. The handle stays taken until both
 * the receive's last completion and the close's have come, so that no completion can be mistaken.
 * Thread: the worker's own.
 * Not here: the sockets' options (socket.c).
 */
#include <errno.h>
#include <unistd.h>

#include "io/uring.h"

int uring_port_open(struct io *io, const union rd_address *to, const union rd_address *from)
{
    struct uring *uring = (struct uring *)io;
    struct uring_source *state;
    int fd, port;

    if (uring->base.ports.n_free == 0)
        return -EMFILE;
    fd = port_socket(to, from);
    if (fd < 0)
        return fd;
    port = ports_take(&uring->base.ports, fd);
    state = &uring->sources[uring->base.n_listeners + (uint32_t)port];
    state->armed = state->retired = state->closed = false;
    state->failures = 0;
    if (!uring_arm(uring, uring->base.n_listeners + (uint32_t)port))
        uring_arm_later(uring, uring->base.n_listeners + (uint32_t)port);
    return port;
}

bool uring_port_retire(struct uring *uring, uint32_t port)
{
    const struct port *closing = &uring->base.ports.at[port];
    struct uring_source *state = &uring->sources[uring->base.n_listeners + port];
    struct io_uring_sqe *sqe;

    if (io_uring_sq_space_left(&uring->ring) < 2)
        uring_submit(uring);
    if (io_uring_sq_space_left(&uring->ring) < 2)
        return false;
    if (state->armed) {
        sqe = io_uring_get_sqe(&uring->ring);
        io_uring_prep_cancel64(sqe, uring_tag(URING_REPLY, closing->generation, port), 0);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = uring_tag(URING_CANCELLED, 0, 0);
    }
    sqe = io_uring_get_sqe(&uring->ring);
    io_uring_prep_close(sqe, closing->fd);
    sqe->user_data = uring_tag(URING_CLOSED, closing->generation, port);
    state->retired = true;
    return true;
}

void uring_port_close(struct io *io, uint32_t port)
{
    struct uring *uring = (struct uring *)io;
    struct port *closing = &uring->base.ports.at[port];

    if (closing->state != PORT_OPEN)
        return;
    rd_stat_add(&uring->base.stats->dropped_port, socket_drops(closing->fd));
    closing->state = PORT_CLOSING;
    if (!uring_port_retire(uring, port))
        uring_arm_later(uring, uring->base.n_listeners + port);
}

void uring_port_settle(struct uring *uring, uint32_t port)
{
    const struct uring_source *state = &uring->sources[uring->base.n_listeners + port];

    if (uring->base.ports.at[port].state == PORT_CLOSING && !state->armed && state->closed)
        ports_release(&uring->base.ports, port);
}
