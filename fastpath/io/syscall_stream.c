/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscall_stream.c - TCP streams by plain system calls.
 *
 * Shape: level-triggered epoll, one receive for each report. What is not wanted now is no longer
 * watched once it has been reported in vain, so a stream that is answered in step needs no change
 * of what is watched; an end that epoll reports unasked closes the stream.
 * Thread: the worker's own.
 * Not here: messages and queues (stream*.c), the sockets' options (tcp_socket.c).
 */
#include <errno.h>
#include <unistd.h>

#include "io/syscall.h"
#include "io/tcp_socket.h"

static struct syscall_io *syscall_of(const struct streams *streams)
{
    return (struct syscall_io *)streams->io;
}

static uint64_t tag_of(const struct streams *streams, uint32_t place)
{
    return syscall_tag(SYSCALL_STREAM, streams->at[place].generation, place);
}

static void give(struct streams *streams, uint32_t number)
{
    syscall_give(syscall_of(streams), number);
}

void syscall_stream_give(struct syscall_io *sys, uint32_t number)
{
    struct buffers *buffers = &sys->base.buffers;

    if (number >= buffers->first_large) {
        buffers_give_large(buffers, number);
        return;
    }
    sys->stream_home[buffers->n_idle_streams++] = number;
    buffers->out--;
}

/* Watches for EVENTS; busy says what is watched. */
static void watch(struct streams *streams, uint32_t place, uint32_t events)
{
    struct stream *stream = &streams->at[place];
    struct epoll_event event = {.events = events, .data.u64 = tag_of(streams, place)};

    if (stream->busy == events)
        return;
    if (epoll_ctl(syscall_of(streams)->epoll_calm, EPOLL_CTL_MOD, stream->fd, &event) < 0)
        rd_stat_inc(&streams->stats->io_errors);
    stream->busy = (uint8_t)events;
}

static void hunger(struct streams *streams, uint32_t place)
{
    rd_stat_inc(&streams->stats->io_no_buffers);
    streams_push(streams, STREAM_HUNGRY, place);
    watch(streams, place, streams->at[place].busy & ~(uint32_t)EPOLLIN);
}

static void begin_read(struct streams *streams, uint32_t place)
{
    if (streams->buffers->n_idle_streams == 0)
        hunger(streams, place);
    else
        watch(streams, place, streams->at[place].busy | (uint32_t)EPOLLIN);
}

static void shut(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];

    close(stream->fd);
    stream->fd = -1;
    stream->busy = 0;
}

static int adopt(struct streams *streams, uint32_t place)
{
    return syscall_watch(syscall_of(streams)->epoll_calm, streams->at[place].fd, 0,
                         tag_of(streams, place));
}

static void watch_listener(struct syscall_io *sys, uint32_t listener, uint32_t events)
{
    struct epoll_event event = {.events = events,
                                .data.u64 = syscall_tag(SYSCALL_ACCEPT, 0, listener)};

    if (epoll_ctl(sys->epoll_calm, EPOLL_CTL_MOD, sys->base.listeners[listener].tcp, &event) < 0)
        rd_stat_inc(&sys->base.stats->io_errors);
}

static void accept_again(struct streams *streams, uint32_t listener)
{
    watch_listener(syscall_of(streams), listener, EPOLLIN);
}

int syscall_stream_listen(struct syscall_io *sys)
{
    int error = 0;

    for (uint32_t i = 0; error == 0 && i < sys->base.n_listeners; i++)
        if (sys->base.listeners[i].tcp >= 0)
            error = syscall_watch(sys->epoll_calm, sys->base.listeners[i].tcp, EPOLLIN,
                                  syscall_tag(SYSCALL_ACCEPT, 0, i));
    return error;
}

void syscall_stream_unlisten(struct syscall_io *sys)
{
    sys->base.streams.listening = false;
    for (uint32_t i = 0; i < sys->base.n_listeners; i++) {
        if (sys->base.listeners[i].tcp < 0)
            continue;
        epoll_ctl(sys->epoll_calm, EPOLL_CTL_DEL, sys->base.listeners[i].tcp, NULL);
        tcp_unlisten(sys->base.listeners[i].tcp);
    }
}

int syscall_stream_open(struct io *io, const union rd_address *to, const union rd_address *from)
{
    struct streams *streams = &((struct syscall_io *)io)->base.streams;
    uint32_t place;
    int fd, error;

    if (!streams_any(streams, STREAM_IDLE))
        return -EMFILE;
    fd = tcp_socket(to, from, SOCK_NONBLOCK);
    if (fd < 0)
        return fd;
    place = streams_take(streams, fd, to, true);
    error = adopt(streams, place);
    if (error < 0) {
        streams_close(streams, place);
        return error;
    }
    if (connect(fd, &to->any, rd_address_len(to)) < 0 && errno != EINPROGRESS)
        streams_fail(streams, place, errno);
    else
        watch(streams, place, EPOLLOUT);
    return (int)streams_handle(streams, place);
}

/* One receive into one buffer. */
static void receive(struct streams *streams, uint32_t place)
{
    struct syscall_io *sys = syscall_of(streams);
    struct buffers *buffers = streams->buffers;
    uint32_t buffer = sys->stream_home[buffers->n_idle_streams - 1];
    ssize_t n =
        recv(streams->at[place].fd, buffers_at(buffers, buffer), RD_BUFFER_BYTES, MSG_DONTWAIT);

    if (n > 0) {
        buffers->n_idle_streams--;
        buffers->out++;
        streams_received(streams, place, buffer, (uint32_t)n);
    } else if (n == 0) {
        streams_ended(streams, place);
    } else if (errno != EAGAIN && errno != EINTR) {
        streams_fail(streams, place, errno);
    }
}

/* Writes until all is gone or the kernel takes no more. */
static void write_queue(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];
    struct iovec iovs[2 * STREAM_GATHER];
    struct msghdr msg = {.msg_iov = iovs};
    uint32_t bytes;
    ssize_t n;

    while (stream->first != STREAM_NONE) {
        msg.msg_iovlen = streams_gather(streams, place, iovs, &bytes);
        n = sendmsg(stream->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            streams_sent(streams, place, (uint32_t)n);
        } else if (errno == EAGAIN) {
            if (!streams_stuck(streams, place))
                return;
            break;
        } else if (errno != EINTR) {
            streams_fail(streams, place, errno);
            return;
        }
    }
    watch(streams, place,
          stream->first != STREAM_NONE ? stream->busy | (uint32_t)EPOLLOUT
                                       : stream->busy & ~(uint32_t)EPOLLOUT);
}

static void write_all(struct syscall_io *sys)
{
    struct streams *streams = &sys->base.streams;

    while (streams_any(streams, STREAM_UNWRITTEN)) {
        uint32_t place = streams->lists[STREAM_UNWRITTEN].first;

        streams_remove(streams, STREAM_BY_WRITE, place);
        /* One that the kernel takes nothing for is reported in time. */
        if (!(streams->at[place].busy & EPOLLOUT))
            write_queue(streams, place);
    }
}

bool syscall_stream_alloc(struct io *io, uint32_t bytes, struct io_message *ret_msg)
{
    write_all((struct syscall_io *)io);
    return socket_io_alloc(io, bytes, ret_msg);
}

uint64_t syscall_stream_tend(struct syscall_io *sys, uint64_t deadline_ns)
{
    struct streams *streams = &sys->base.streams;

    write_all(sys);
    streams_feed(streams);
    if (streams->n_paused > 0)
        deadline_ns = streams_accept_again(streams, sys->now_ns, deadline_ns);
    return streams_can_go_on(streams) ? 0 : deadline_ns;
}

static void accept_some(struct syscall_io *sys, uint32_t listener)
{
    for (unsigned i = 0; i < STREAM_ACCEPTS; i++) {
        union rd_address peer = {0};
        socklen_t len = sizeof(peer);
        int fd = accept4(sys->base.listeners[listener].tcp, &peer.any, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            streams_accepted(&sys->base.streams, fd, &peer);
            continue;
        }
        if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED || errno == EPROTO)
            return;
        streams_accept_failed(&sys->base.streams, listener, errno, sys->now_ns);
        watch_listener(sys, listener, 0);
        return;
    }
}

static void connected(struct streams *streams, uint32_t place)
{
    int error = tcp_error(streams->at[place].fd);

    if (error != 0) {
        streams_fail(streams, place, error);
        return;
    }
    watch(streams, place, 0);
    streams_connected(streams, place);
}

static void step(struct streams *streams, uint32_t place, uint32_t events)
{
    struct stream *stream = &streams->at[place];
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;

    if (stream->state == STREAM_CONNECTING) {
        connected(streams, place);
        return;
    }
    if (events & EPOLLOUT)
        write_queue(streams, place);
    if (!streams_is_open(stream) || (!broken && !(events & EPOLLIN)))
        return;
    if (streams_wants(stream) && streams->buffers->n_idle_streams > 0) {
        receive(streams, place);
    } else if (broken) {
        int error = tcp_error(stream->fd);

        streams_fail(streams, place, error != 0 ? error : ECONNRESET);
    } else if (streams_wants(stream)) {
        hunger(streams, place);
    } else {
        watch(streams, place, stream->busy & ~(uint32_t)EPOLLIN);
    }
}

void syscall_stream_ready(struct syscall_io *sys, uint64_t left_ns)
{
    struct streams *streams = &sys->base.streams;
    int n = syscall_wait(sys->epoll_calm, sys->calm, SYSCALL_READY, left_ns);

    for (int i = 0; i < n; i++) {
        uint64_t data = sys->calm[i].data.u64;
        uint32_t number = (uint32_t)data;

        if (data >> 56 == SYSCALL_ACCEPT && streams->listening)
            accept_some(sys, number);
        else if (data >> 56 == SYSCALL_STREAM && streams->at[number].fd >= 0 &&
                 data == tag_of(streams, number))
            step(streams, number, sys->calm[i].events);
    }
}

const struct stream_driver syscall_stream_driver = {
    .socket_flags = SOCK_NONBLOCK,
    .give = give,
    .read = begin_read,
    .shut = shut,
    .adopt = adopt,
    .accept = accept_again,
};
