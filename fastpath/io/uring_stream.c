/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring_stream.c - TCP streams on the ring.
 *
 * Shape: a receive is for one chunk, into a buffer that the kernel takes when there is something to
 * receive; so a stream that is idle holds none. A write is over when its submission returns, as of
 * datagrams, and its completion says how much was taken; where the kernel takes no more, a poll
 * waits for it. Closing is a cancel of all that is under way and a close, in this order.
 * Thread: the worker's own.
 * Not here: messages and queues (stream*.c), the sockets' options (tcp_socket.c).
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "io/tcp_socket.h"
#include "io/uring.h"

static struct uring *uring_of(const struct streams *streams)
{
    return (struct uring *)streams->io;
}

static uint64_t tag_of(const struct streams *streams, enum uring_done kind, uint32_t place)
{
    return uring_tag(kind, streams->at[place].generation, place);
}

static void give(struct streams *streams, uint32_t number)
{
    uring_give(uring_of(streams), &number, 1);
}

void uring_stream_give(struct uring *uring, uint32_t number)
{
    struct buffers *buffers = &uring->base.buffers;

    if (number >= buffers->first_large) {
        buffers_give_large(buffers, number);
        return;
    }
    io_uring_buf_ring_add(uring->stream_home, buffers_at(buffers, number), RD_BUFFER_BYTES,
                          (unsigned short)(number - buffers->first_stream),
                          io_uring_buf_ring_mask(buffers->streams), 0);
    io_uring_buf_ring_advance(uring->stream_home, 1);
    buffers->n_idle_streams++;
    buffers->out--;
}

static void begin_read(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];
    struct io_uring_sqe *sqe;

    if (stream->busy & URING_BUSY_RECEIVE)
        return;
    sqe = streams->buffers->n_idle_streams > 0 ? uring_sqe(uring_of(streams)) : NULL;
    if (sqe == NULL) {
        rd_stat_inc(&streams->stats->io_no_buffers);
        streams_push(streams, STREAM_HUNGRY, place);
        return;
    }
    io_uring_prep_recv(sqe, stream->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = URING_STREAM_GROUP;
    sqe->user_data = tag_of(streams, URING_STREAM_RECEIVED, place);
    stream->busy |= URING_BUSY_RECEIVE;
}

/* False: no submission entry. */
static bool begin_write(struct streams *streams, uint32_t place)
{
    struct uring *uring = uring_of(streams);
    struct stream *stream = &streams->at[place];
    struct uring_write *write;
    struct io_uring_sqe *sqe;
    uint32_t bytes;

    if (stream->busy & (URING_BUSY_WRITE | URING_BUSY_POLL) || stream->first == STREAM_NONE)
        return true;
    if (uring->n_writes == URING_WRITES)
        uring_submit(uring);
    if (uring->n_writes == URING_WRITES)
        return false;
    sqe = uring_sqe(uring);
    if (sqe == NULL)
        return false;
    write = &uring->writes[uring->n_writes++];
    write->msg = (struct msghdr){.msg_iov = write->iovs};
    write->msg.msg_iovlen = streams_gather(streams, place, write->iovs, &bytes);
    io_uring_prep_sendmsg(sqe, stream->fd, &write->msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    sqe->user_data = tag_of(streams, URING_STREAM_WRITTEN, place);
    stream->sending = true;
    stream->busy |= URING_BUSY_WRITE;
    return true;
}

/* Waits until the kernel takes more. */
static void begin_poll(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];
    struct io_uring_sqe *sqe;

    if (!streams_stuck(streams, place))
        return;
    sqe = uring_sqe(uring_of(streams));
    if (sqe == NULL) {
        streams_push(streams, STREAM_UNWRITTEN, place);
        return;
    }
    io_uring_prep_poll_add(sqe, stream->fd, POLLOUT);
    sqe->user_data = tag_of(streams, URING_STREAM_WRITABLE, place);
    stream->busy |= URING_BUSY_POLL;
}

/* False: no submission entries. */
static bool begin_close(struct streams *streams, uint32_t place)
{
    struct uring *uring = uring_of(streams);
    const struct stream *stream = &streams->at[place];
    struct io_uring_sqe *sqe;

    if (io_uring_sq_space_left(&uring->ring) < 2)
        uring_submit(uring);
    if (io_uring_sq_space_left(&uring->ring) < 2)
        return false;
    if (stream->busy != URING_BUSY_CLOSE) {
        sqe = io_uring_get_sqe(&uring->ring);
        io_uring_prep_cancel_fd(sqe, stream->fd, IORING_ASYNC_CANCEL_ALL);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = uring_tag(URING_CANCELLED, 0, 0);
    }
    sqe = io_uring_get_sqe(&uring->ring);
    io_uring_prep_close(sqe, stream->fd);
    sqe->user_data = tag_of(streams, URING_STREAM_CLOSED, place);
    return true;
}

static void shut(struct streams *streams, uint32_t place)
{
    streams->at[place].busy |= URING_BUSY_CLOSE;
    if (!begin_close(streams, place))
        streams_push(streams, STREAM_UNWRITTEN, place);
}

int uring_stream_open(struct io *io, const union rd_address *to, const union rd_address *from)
{
    struct uring *uring = (struct uring *)io;
    struct streams *streams = &uring->base.streams;
    struct io_uring_sqe *sqe;
    uint32_t place;
    int fd;

    if (streams->used == streams->max || !streams_any(streams, STREAM_IDLE))
        return -EMFILE;
    fd = tcp_socket(to, from, 0);
    if (fd < 0)
        return fd;
    sqe = uring_sqe(uring);
    if (sqe == NULL) {
        close(fd);
        return -EAGAIN;
    }
    place = streams_take(streams, fd, to, true);
    io_uring_prep_connect(sqe, fd, &streams->at[place].peer.any, rd_address_len(to));
    sqe->user_data = tag_of(streams, URING_STREAM_CONNECTED, place);
    streams->at[place].busy = URING_BUSY_CONNECT;
    return (int)streams_handle(streams, place);
}

void uring_stream_accept(struct uring *uring, uint32_t listener)
{
    struct io_uring_sqe *sqe = uring_sqe(uring);

    if (sqe == NULL) {
        streams_accept_failed(&uring->base.streams, listener, EAGAIN, uring->now_ns);
        return;
    }
    io_uring_prep_multishot_accept(sqe, uring->base.listeners[listener].tcp, NULL, NULL,
                                   SOCK_CLOEXEC);
    sqe->user_data = uring_tag(URING_ACCEPTED, 0, listener);
    uring->accepting |= 1ull << listener;
}

static void accept_again(struct streams *streams, uint32_t listener)
{
    uring_stream_accept(uring_of(streams), listener);
}

void uring_stream_unlisten(struct uring *uring)
{
    struct io_uring_sqe *sqe;

    if (!uring->base.streams.listening)
        return;
    uring->base.streams.listening = false;
    for (uint32_t i = 0; i < uring->base.n_listeners; i++) {
        if (uring->base.listeners[i].tcp < 0)
            continue;
        tcp_unlisten(uring->base.listeners[i].tcp);
        if ((uring->accepting & 1ull << i) == 0 || (sqe = uring_sqe(uring)) == NULL)
            continue;
        io_uring_prep_cancel64(sqe, uring_tag(URING_ACCEPTED, 0, i), 0);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = uring_tag(URING_CANCELLED, 0, 0);
    }
}

static void write_all(struct streams *streams)
{
    while (streams_any(streams, STREAM_UNWRITTEN)) {
        uint32_t place = streams->lists[STREAM_UNWRITTEN].first;

        if (!(streams_is_open(&streams->at[place]) ? begin_write(streams, place)
                                                   : begin_close(streams, place)))
            return;
        streams_remove(streams, STREAM_BY_WRITE, place);
    }
}

uint64_t uring_stream_tend(struct uring *uring, uint64_t deadline_ns)
{
    struct streams *streams = &uring->base.streams;

    write_all(streams);
    streams_feed(streams);
    if (streams->n_paused > 0)
        deadline_ns = streams_accept_again(streams, uring->now_ns, deadline_ns);
    /* What is to be sent holds buffers, and gives them back in this turn. */
    if (streams_can_go_on(streams) || streams_any(streams, STREAM_UNWRITTEN) ||
        (uring->n_taken > 0 &&
         (streams_any(streams, STREAM_STARVED) || streams_any(streams, STREAM_STARVED_LARGE) ||
          streams_any(streams, STREAM_HUNGRY))))
        return 0;
    return deadline_ns;
}

static void accepted(struct uring *uring, const struct io_uring_cqe *cqe)
{
    uint32_t listener = (uint32_t)cqe->user_data;

    if (cqe->res >= 0)
        streams_accepted(&uring->base.streams, cqe->res, NULL);
    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    uring->accepting &= ~(1ull << listener);
    streams_accept_failed(&uring->base.streams, listener, cqe->res < 0 ? -cqe->res : 0,
                          uring->now_ns);
}

static void received(struct streams *streams, uint32_t place, const struct io_uring_cqe *cqe)
{
    struct stream *stream = &streams->at[place];
    uint32_t buffer = STREAM_NONE;

    if (cqe->flags & IORING_CQE_F_BUFFER) {
        buffer = streams->buffers->first_stream + (cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        streams->buffers->n_idle_streams--;
        streams->buffers->out++;
    }
    if (streams_is_open(stream) && cqe->res > 0) {
        streams_received(streams, place, buffer, (uint32_t)cqe->res);
        return;
    }
    if (buffer != STREAM_NONE)
        give(streams, buffer);
    if (!streams_is_open(stream))
        return;
    if (cqe->res == 0) {
        streams_ended(streams, place);
    } else if (cqe->res == -ENOBUFS) {
        rd_stat_inc(&streams->stats->io_no_buffers);
        if (stream->reading)
            streams_push(streams, STREAM_HUNGRY, place);
    } else if (cqe->res != -EINTR && cqe->res != -EAGAIN) {
        streams_fail(streams, place, -cqe->res);
    } else if (stream->reading) {
        begin_read(streams, place);
    }
}

static void written(struct streams *streams, uint32_t place, int result)
{
    struct stream *stream = &streams->at[place];

    stream->sending = false;
    if (!streams_is_open(stream)) {
        streams_sent_last(streams, place, result > 0 ? (uint32_t)result : 0);
        return;
    }
    if (result == -EAGAIN) {
        begin_poll(streams, place);
        return;
    }
    if (result < 0 && result != -EINTR) {
        streams_fail(streams, place, -result);
        return;
    }
    if (result > 0)
        streams_sent(streams, place, (uint32_t)result);
    if (stream->first != STREAM_NONE)
        streams_push(streams, STREAM_UNWRITTEN, place);
}

static void connected(struct streams *streams, uint32_t place, int result)
{
    if (streams->at[place].state != STREAM_CONNECTING)
        return;
    if (result == 0)
        streams_connected(streams, place);
    else
        streams_fail(streams, place, -result);
}

static void closed(struct streams *streams, uint32_t place, int result)
{
    streams->at[place].fd = -1;
    if (result < 0)
        rd_stat_inc(&streams->stats->io_errors);
}

/* Something that was under way for a stream is over. */
static void step(struct streams *streams, uint32_t place, const struct io_uring_cqe *cqe)
{
    uint8_t *busy = &streams->at[place].busy;

    switch (cqe->user_data >> 56) {
    case URING_STREAM_RECEIVED:
        *busy &= (uint8_t)~URING_BUSY_RECEIVE;
        received(streams, place, cqe);
        break;
    case URING_STREAM_WRITTEN:
        *busy &= (uint8_t)~URING_BUSY_WRITE;
        written(streams, place, cqe->res);
        break;
    case URING_STREAM_WRITABLE:
        *busy &= (uint8_t)~URING_BUSY_POLL;
        written(streams, place, 0);
        break;
    case URING_STREAM_CONNECTED:
        *busy &= (uint8_t)~URING_BUSY_CONNECT;
        connected(streams, place, cqe->res);
        break;
    default:
        *busy &= (uint8_t)~URING_BUSY_CLOSE;
        closed(streams, place, cqe->res);
    }
    streams_settle(streams, place);
}

void uring_stream_flush(struct uring *uring)
{
    struct io_uring_cqe *cqe;
    unsigned head;

    write_all(&uring->base.streams);
    uring_submit(uring);
    io_uring_for_each_cqe(&uring->ring, head, cqe)
    {
        if (cqe->user_data >> 56 != URING_STREAM_WRITTEN)
            continue;
        step(&uring->base.streams, (uint32_t)cqe->user_data, cqe);
        cqe->user_data = uring_tag(URING_CANCELLED, 0, 0); /* it has been looked at */
    }
}

void uring_stream_done(struct uring *uring, const struct io_uring_cqe *cqe)
{
    uint32_t number = (uint32_t)cqe->user_data;

    if (cqe->user_data >> 56 == URING_ACCEPTED)
        accepted(uring, cqe);
    else if (cqe->user_data >> 56 > URING_ACCEPTED && cqe->user_data >> 56 <= URING_STREAM_CLOSED)
        step(&uring->base.streams, number, cqe);
    else
        rd_stat_inc(&uring->base.stats->io_errors);
}

static int adopt(struct streams *streams, uint32_t place)
{
    (void)streams;
    (void)place;
    return 0;
}

const struct stream_driver uring_stream_driver = {
    .give = give,
    .read = begin_read,
    .shut = shut,
    .adopt = adopt,
    .accept = accept_again,
};
