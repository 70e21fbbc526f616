/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring.c - the io_uring back end: its life and its turn.
 *
 * Shape: one io_uring_enter per turn submits everything that was queued and reaps what has come.
 * The ring is made by the worker's own thread, as SINGLE_ISSUER asks; the memory and the sockets
 * are made by main, while it may.
 * Thread: see io.h.
 * Not here: completions (uring_receive.c), sends (uring_send.c), ports (uring_port.c),
 * streams (uring_stream.c), making and unmaking the ring (uring_ring.c).
 */
#include "io/uring.h"

#include <errno.h>
#include <stdlib.h>

/* Waiting for many completions saves a wake-up for each; but a doorbell is noticed only at the end
 * of such a wait, so it is short, and used only where several datagrams come in that time. */
#define BUSY_WAIT_NS  (100 * RD_NS_PER_US)
#define BUSY_WAIT_FOR 32
#define BUSY_LOAD     (12 * 16)
/* A load that is older than this says nothing. */
#define LOAD_STALE_NS (2 * RD_NS_PER_MS)
/* A bound for waits without a deadline, so that there is always one. */
#define WAIT_MAX_NS (3600 * RD_NS_PER_S)

void uring_give(struct uring *uring, const uint32_t *numbers, uint32_t n)
{
    int added = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (!buffers_is_received(&uring->base.buffers, numbers[i])) {
            if (buffers_is_rare(&uring->base.buffers, numbers[i]))
                uring_stream_give(uring, numbers[i]);
            else
                buffers_give(&uring->base.buffers, numbers[i]);
            continue;
        }
        io_uring_buf_ring_add(uring->home, buffers_at(&uring->base.buffers, numbers[i]),
                              RD_BUFFER_BYTES, (unsigned short)numbers[i], uring->mask, added++);
    }
    io_uring_buf_ring_advance(uring->home, added);
    uring->n_home += (uint32_t)added;
    uring->base.buffers.out -= (uint32_t)added;
}

void uring_settle(struct uring *uring)
{
    if (io_uring_sq_ready(&uring->ring) > 0)
        return;
    uring_give(uring, uring->taken, uring->n_taken);
    uring->n_taken = 0;
    uring->n_writes = 0;
}

void uring_submit(struct uring *uring)
{
    io_uring_submit(&uring->ring);
    uring_settle(uring);
}

struct io_uring_sqe *uring_sqe(struct uring *uring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

    if (sqe != NULL)
        return sqe;
    uring_submit(uring);
    return io_uring_get_sqe(&uring->ring);
}

/* Smooths the number of completions that come in BUSY_WAIT_NS. */
static void measure(struct uring *uring, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns - uring->window_ns;
    uint64_t load;

    if (elapsed_ns < BUSY_WAIT_NS)
        return;
    load = uring->arrived * 16 * BUSY_WAIT_NS / elapsed_ns;
    uring->load =
        elapsed_ns > LOAD_STALE_NS ? (uint32_t)load : (uint32_t)((3 * uring->load + load) / 4);
    uring->arrived = 0;
    uring->window_ns = now_ns;
}

static void wait(struct uring *uring, uint64_t deadline_ns)
{
    struct io_uring_cqe *cqe;
    struct __kernel_timespec timeout;
    uint64_t now_ns = rd_clock_now();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    bool busy = uring->load >= BUSY_LOAD;
    uint64_t most_ns = busy ? BUSY_WAIT_NS : WAIT_MAX_NS;

    if (left_ns == 0) {
        io_uring_submit_and_get_events(&uring->ring);
        return;
    }
    if (left_ns > most_ns)
        left_ns = most_ns;
    timeout.tv_sec = (long long)(left_ns / RD_NS_PER_S);
    timeout.tv_nsec = (long long)(left_ns % RD_NS_PER_S);
    /* A time-out, a signal or a full backlog are all the same here: the turn is over. */
    io_uring_submit_and_wait_timeout(&uring->ring, &cqe, busy ? BUSY_WAIT_FOR : 1, &timeout, NULL);
}

static uint64_t turn(struct io *io, uint64_t deadline_ns)
{
    struct uring *uring = (struct uring *)io;

    if (uring->n_queued > 0) {
        uring_arm_queued(uring);
        /* What still fails is tried again in time. */
        if (uring->n_queued > 0 && uring->n_home > 0 && uring->retry_ns < deadline_ns)
            deadline_ns = uring->retry_ns;
    }
    if (streams_have_work(&uring->base.streams))
        deadline_ns = uring_stream_tend(uring, deadline_ns);
    if (!uring->doorbell_armed)
        uring_arm_doorbell(uring);
    if (socket_io_has_events(&uring->base))
        deadline_ns = 0;
    if (deadline_ns <= uring->now_ns || io_uring_cq_ready(&uring->ring) > 0)
        io_uring_submit_and_get_events(&uring->ring);
    else
        wait(uring, deadline_ns);
    uring_settle(uring);
    if (io_uring_cq_has_overflow(&uring->ring))
        rd_stat_inc(&uring->base.stats->io_overflows);
    uring->now_ns = rd_clock_now();
    measure(uring, uring->now_ns);
    return uring->now_ns;
}

static bool alloc(struct io *io, uint32_t bytes, struct io_message *ret_msg)
{
    struct uring *uring = (struct uring *)io;

    if (socket_io_alloc(io, bytes, ret_msg))
        return true;
    if (streams_have_work(&uring->base.streams))
        uring_stream_flush(uring);
    else if (uring->n_taken > 0)
        uring_submit(uring);
    return socket_io_alloc(io, bytes, ret_msg) || socket_io_alloc_hard(io, bytes, ret_msg);
}

static void drop(struct io *io, const struct io_message *msgs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        uring_give((struct uring *)io, &msgs[i].buffer, 1);
}

static void unlisten(struct io *io)
{
    struct uring *uring = (struct uring *)io;
    struct io_uring_sqe *sqe;

    uring->listening = false;
    uring_stream_unlisten(uring);
    for (uint32_t i = 0; i < uring->base.n_listeners; i++) {
        if (!uring->sources[i].armed || (sqe = uring_sqe(uring)) == NULL)
            continue;
        io_uring_prep_cancel64(sqe, uring_tag(URING_QUERY, 0, i), 0);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = uring_tag(URING_CANCELLED, 0, 0);
    }
}

static void shape_listener(const struct listener *listener, struct uring_listener *ret_shape)
{
    bool v6 = listener->address.any.sa_family == AF_INET6;
    size_t info =
        v6 ? CMSG_SPACE(sizeof(struct in6_pktinfo)) : CMSG_SPACE(sizeof(struct in_pktinfo));

    ret_shape->name_bytes = rd_address_len(&listener->address);
    /* The control message behind the name has to be aligned. */
    ret_shape->shape.msg_namelen = (ret_shape->name_bytes + 7) / 8 * 8;
    ret_shape->shape.msg_controllen = listener->wildcard ? info : 0;
    ret_shape->offset = (uint32_t)(sizeof(struct io_uring_recvmsg_out) +
                                   ret_shape->shape.msg_namelen + ret_shape->shape.msg_controllen);
}

static void close_all(struct io *io)
{
    struct uring *uring = (struct uring *)io;

    socket_io_close(&uring->base);
    free(uring->shapes);
    free(uring->sources);
    free(uring->queue);
    free(uring);
}

static int open_all(const struct io_plan *plan, struct io **ret_io, struct rd_failure *ret_failure)
{
    uint32_t sources = plan->n_listeners + plan->max_ports;
    struct uring *uring = calloc(1, sizeof(*uring));
    int error;

    *ret_failure = (struct rd_failure){"allocate memory", -1};
    if (uring == NULL)
        return -ENOMEM;
    error = socket_io_open(plan, &io_uring_ops, &uring_stream_driver, &uring->base, ret_failure);
    if (error < 0) {
        free(uring);
        return error;
    }
    uring->queue_size = sources + 1;
    uring->shapes = calloc(plan->n_listeners + 1u, sizeof(*uring->shapes));
    uring->sources = calloc(sources + 1u, sizeof(*uring->sources));
    uring->queue = calloc(uring->queue_size, sizeof(*uring->queue));
    if (!uring->shapes || !uring->sources || !uring->queue) {
        close_all(&uring->base.io);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < plan->n_listeners; i++)
        shape_listener(&uring->base.listeners[i], &uring->shapes[i]);
    *ret_io = &uring->base.io;
    return 0;
}

const struct io_ops io_uring_ops = {
    .open = open_all,
    .close = close_all,
    .start = uring_start,
    .stop = uring_stop,
    .turn = turn,
    .recv = uring_recv,
    .events = socket_io_events,
    .alloc = alloc,
    .send = uring_send,
    .drop = drop,
    .unlisten = unlisten,
    .port_open = uring_port_open,
    .port_close = uring_port_close,
    .stream_open = uring_stream_open,
    .stream_read = socket_io_stream_read,
    .stream_close = socket_io_stream_close,
    .stream_peer = socket_io_stream_peer,
    .stream_unsent = socket_io_stream_unsent,
    .wake = socket_io_wake,
    .dropped = socket_io_dropped,
};
