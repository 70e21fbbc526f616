/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring_receive.c - completions become messages, and receives that ended are armed again.
 *
 * Shape: recv walks the completion queue in place; what is left stays there. A multishot receive
 * ends by an error, an empty datagram, a full completion queue or a lack of buffers; it is then
 * queued and armed by the next turn, after the buffers have gone home.
 * Thread: the worker's own.
 * Not here: waiting (uring.c).
 */
#include <errno.h>

#include "io/uring.h"

/* After so many failures in a row a source is armed every 10 ms only. */
#define FAILURES_MAX 4
#define RETRY_NS     (10 * RD_NS_PER_MS)

bool uring_arm(struct uring *uring, uint32_t source)
{
    struct io_uring_sqe *sqe = uring_sqe(uring);

    if (sqe == NULL)
        return false;
    if (source < uring->base.n_listeners) {
        io_uring_prep_recvmsg_multishot(sqe, (int)source, &uring->shapes[source].shape, 0);
        sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
        sqe->user_data = uring_tag(URING_QUERY, 0, source);
    } else {
        const struct port *port = &uring->base.ports.at[source - uring->base.n_listeners];

        io_uring_prep_recv_multishot(sqe, port->fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        /* A fresh port has nothing to read yet. */
        sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
        sqe->user_data = uring_tag(URING_REPLY, port->generation, source - uring->base.n_listeners);
    }
    sqe->buf_group = URING_BUFFER_GROUP;
    uring->sources[source].armed = true;
    return true;
}

void uring_arm_later(struct uring *uring, uint32_t source)
{
    if (uring->sources[source].queued)
        return;
    uring->sources[source].queued = true;
    uring->queue[(uring->queue_head + uring->n_queued++) % uring->queue_size] = source;
}

static bool is_wanted(const struct uring *uring, uint32_t source)
{
    if (source < uring->base.n_listeners)
        return uring->listening;
    return uring->base.ports.at[source - uring->base.n_listeners].state == PORT_OPEN;
}

/* False: not done, try at another turn. */
static bool arm_one(struct uring *uring, uint32_t source)
{
    struct uring_source *state = &uring->sources[source];

    if (source >= uring->base.n_listeners && !state->retired &&
        uring->base.ports.at[source - uring->base.n_listeners].state == PORT_CLOSING)
        return uring_port_retire(uring, source - uring->base.n_listeners);
    if (state->armed || !is_wanted(uring, source))
        return true;
    if (state->failures >= FAILURES_MAX && uring->now_ns < uring->retry_ns)
        return false;
    if (!uring_arm(uring, source))
        return false;
    rd_stat_inc(&uring->base.stats->io_rearmed);
    return true;
}

void uring_arm_queued(struct uring *uring)
{
    uint32_t n = uring->n_queued;

    /* A receive that is armed without a buffer ends at once: first those that are to be sent. */
    if (uring->n_taken > 0 && uring->n_home <= uring->base.buffers.received / 8)
        uring_submit(uring);
    if (uring->n_home == 0)
        return;
    while (n-- > 0) {
        uint32_t source = uring->queue[uring->queue_head];

        uring->queue_head = (uring->queue_head + 1) % uring->queue_size;
        uring->n_queued--;
        uring->sources[source].queued = false;
        if (!arm_one(uring, source))
            uring_arm_later(uring, source);
    }
}

static void failed(struct uring *uring, struct uring_source *state)
{
    rd_stat_inc(&uring->base.stats->io_errors);
    if (state->failures < FAILURES_MAX)
        state->failures++;
    if (state->failures == FAILURES_MAX)
        uring->retry_ns = uring->now_ns + RETRY_NS;
}

/* A receive is over; RESULT says why. */
static void ended(struct uring *uring, uint32_t source, int result)
{
    struct uring_source *state = &uring->sources[source];
    bool wanted = is_wanted(uring, source);

    state->armed = false;
    if (result == -ENOBUFS)
        rd_stat_inc(&uring->base.stats->io_no_buffers);
    else if (result < 0 && wanted) {
        bool network = source >= uring->base.n_listeners && ports_is_network_error(-result);

        if (!network)
            failed(uring, state);
        else if (!ports_report(&uring->base.ports, source - uring->base.n_listeners, IO_PORT_ERROR,
                               -result))
            rd_stat_inc(&uring->base.stats->io_errors);
    }
    if (wanted)
        uring_arm_later(uring, source);
    else if (source >= uring->base.n_listeners)
        uring_port_settle(uring, source - uring->base.n_listeners);
}

static bool take_query(struct uring *uring, uint32_t listener, int result, uint32_t flags,
                       struct io_message *msg)
{
    const struct uring_listener *shape = &uring->shapes[listener];
    const struct io_uring_recvmsg_out *out;
    uint32_t number = flags >> IORING_CQE_BUFFER_SHIFT;
    uint8_t *base;

    if (!(flags & IORING_CQE_F_MORE))
        ended(uring, listener, result);
    if (!(flags & IORING_CQE_F_BUFFER))
        return false;
    uring->n_home--;
    uring->base.buffers.out++;
    if (result < (int)shape->offset) {
        uring_give(uring, &number, 1);
        return false;
    }
    uring->sources[listener].failures = 0;
    base = buffers_at(&uring->base.buffers, number);
    out = (const struct io_uring_recvmsg_out *)(const void *)base;
    msg->data = base + shape->offset;
    msg->len = (uint32_t)result - shape->offset;
    msg->cap = RD_BUFFER_BYTES - shape->offset;
    msg->buffer = number;
    msg->port = 0;
    msg->origin = IO_CLIENT;
    msg->cut = (out->flags & MSG_TRUNC) != 0;
    msg->path.way = listener;
    msg->path.via = IO_UDP;
    memset(&msg->path.peer, 0, sizeof(msg->path.peer));
    memcpy(&msg->path.peer, base + sizeof(*out), shape->name_bytes);
    if (shape->shape.msg_controllen > 0)
        pktinfo_read(&uring->base.listeners[listener],
                     base + sizeof(*out) + shape->shape.msg_namelen, out->controllen,
                     &msg->path.local);
    else
        memset(&msg->path.local, 0, sizeof(msg->path.local));
    return true;
}

/* An empty datagram comes without a buffer, but is one that the reply's life has to see. */
static bool take_empty(struct uring *uring, uint32_t port, struct io_message *msg)
{
    if (!buffers_take(&uring->base.buffers, &msg->buffer)) {
        rd_stat_inc(&uring->base.stats->io_no_buffers);
        return false;
    }
    msg->data = buffers_at(&uring->base.buffers, msg->buffer);
    msg->len = 0;
    msg->cap = RD_BUFFER_BYTES;
    msg->port = port;
    msg->origin = IO_PORT;
    msg->cut = false;
    return true;
}

static bool take_reply(struct uring *uring, const struct io_uring_cqe *cqe, struct io_message *msg)
{
    uint32_t port = (uint32_t)cqe->user_data;
    uint32_t generation = (uint32_t)(cqe->user_data >> 32) & 0xffffff;
    uint32_t number = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    bool live = ports_is_live(&uring->base.ports, port, generation);

    if (!(cqe->flags & IORING_CQE_F_MORE))
        ended(uring, uring->base.n_listeners + port, cqe->res);
    if (!(cqe->flags & IORING_CQE_F_BUFFER))
        return live && cqe->res == 0 && take_empty(uring, port, msg);
    uring->n_home--;
    uring->base.buffers.out++;
    if (!live || cqe->res < 0) {
        uring_give(uring, &number, 1);
        return false;
    }
    uring->sources[uring->base.n_listeners + port].failures = 0;
    msg->data = buffers_at(&uring->base.buffers, number);
    msg->len = (uint32_t)cqe->res;
    msg->cap = RD_BUFFER_BYTES;
    msg->buffer = number;
    msg->port = port;
    msg->origin = IO_PORT;
    /* Without a header the kernel cannot say so; one that fits exactly is taken for longer. */
    msg->cut = msg->len == RD_BUFFER_BYTES;
    return true;
}

/* A packet to an upstream was refused. */
static void not_asked(struct uring *uring, const struct io_uring_cqe *cqe)
{
    uint32_t port = (uint32_t)cqe->user_data;

    rd_stat_inc(&uring->base.stats->upstream_send_failed);
    if (ports_is_live(&uring->base.ports, port, (uint32_t)(cqe->user_data >> 32) & 0xffffff) &&
        !ports_report(&uring->base.ports, port, IO_SEND_FAILED, -cqe->res))
        rd_stat_inc(&uring->base.stats->io_errors);
}

static void take_other(struct uring *uring, const struct io_uring_cqe *cqe)
{
    uint32_t number = (uint32_t)cqe->user_data;

    switch (cqe->user_data >> 56) {
    case URING_WAKE:
        if (!(cqe->flags & IORING_CQE_F_MORE))
            uring->doorbell_armed = false;
        break;
    case URING_ANSWERED:
        rd_stat_inc(&uring->base.stats->answers_lost_send);
        break;
    case URING_ASKED:
        not_asked(uring, cqe);
        break;
    case URING_CLOSED:
        if (cqe->res < 0)
            rd_stat_inc(&uring->base.stats->io_errors);
        uring->sources[uring->base.n_listeners + number].closed = true;
        uring_port_settle(uring, number);
        break;
    case URING_CANCELLED:
        /* Nothing to cancel: the receive had ended by itself, its completion says so. */
        break;
    default:
        uring_stream_done(uring, cqe);
    }
}

unsigned uring_recv(struct io *io, struct io_message *msgs, unsigned max)
{
    struct uring *uring = (struct uring *)io;
    struct streams *streams = &uring->base.streams;
    const struct io_uring_cqe *cqe;
    unsigned n = 0, seen = 0;
    unsigned head;

    /* Neither may keep the other out. */
    if (streams_have_work(streams))
        n = streams_recv(streams, msgs, (max + 1) / 2);
    io_uring_for_each_cqe(&uring->ring, head, cqe)
    {
        if (n == max)
            break;
        seen++;
        if (cqe->user_data >> 56 == URING_QUERY)
            n += take_query(uring, (uint32_t)cqe->user_data, cqe->res, cqe->flags, &msgs[n]);
        else if (cqe->user_data >> 56 == URING_REPLY)
            n += take_reply(uring, cqe, &msgs[n]);
        else
            take_other(uring, cqe);
    }
    io_uring_cq_advance(&uring->ring, seen);
    uring->arrived += seen;
    if (streams_have_work(streams))
        n += streams_recv(streams, msgs + n, max - n);
    return n;
}
