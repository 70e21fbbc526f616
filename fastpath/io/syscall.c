/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscall.c - the back end of plain system calls: its life and its turn. For kernels and
 * containers that forbid io_uring, for sanitizers, and as the control in benchmarks.
 *
 * Shape: a turn asks epoll which sockets have something, recv reads those. Sockets are
 * level-triggered, so what is not read is reported again; the doorbell is edge-triggered and never
 * read. TCP and the doorbell are behind an epoll of their own, that the first one watches.
 * Thread: see io.h.
 * Not here: receiving and sending (syscall_packets.c, syscall_stream.c).
 */
#include "io/syscall.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

/* A bound for waits without a deadline, so that there is always one. */
#define WAIT_MAX_NS (3600 * RD_NS_PER_S)

int syscall_watch(int epoll, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* epoll_pwait2 is of Linux 5.11; seccomp filters that are older forbid it. */
int syscall_wait(int epoll, struct epoll_event *ready, int max, uint64_t left_ns)
{
    static _Atomic bool is_old;
    struct timespec timeout = {(time_t)(left_ns / RD_NS_PER_S), (long)(left_ns % RD_NS_PER_S)};
    int n;

    if (!is_old) {
        n = epoll_pwait2(epoll, ready, max, &timeout, NULL);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM))
            return n;
        is_old = true;
    }
    return epoll_wait(epoll, ready, max, (int)((left_ns + RD_NS_PER_MS - 1) / RD_NS_PER_MS));
}

static uint64_t turn(struct io *io, uint64_t deadline_ns)
{
    struct syscall_io *sys = (struct syscall_io *)io;
    uint64_t left_ns = 0;
    uint64_t now_ns;
    int n = 0;

    if (sys->base.ports.n_closed > 0)
        ports_release_closed(&sys->base.ports);
    if (streams_have_work(&sys->base.streams))
        deadline_ns = syscall_stream_tend(sys, deadline_ns);
    /* The round is finished first: asked again, epoll would begin with the same busy socket, and
     * those behind it would never be read. */
    if (sys->next_ready < sys->n_ready && sys->n_home > 0)
        return sys->now_ns = rd_clock_now();
    if (socket_io_has_events(&sys->base))
        deadline_ns = 0;
    if (deadline_ns > sys->now_ns) {
        now_ns = rd_clock_now();
        left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        if (left_ns > WAIT_MAX_NS)
            left_ns = WAIT_MAX_NS;
    }
    sys->next_ready = sys->n_ready = 0;
    if (sys->n_home == 0) {
        syscall_pause(sys);
        syscall_stream_ready(sys, left_ns);
    } else {
        sys->paused = false;
        n = syscall_wait(sys->epoll, sys->ready, SYSCALL_READY, left_ns);
        sys->n_ready = n > 0 ? (unsigned)n : 0;
    }
    sys->now_ns = rd_clock_now();
    return sys->now_ns;
}

static bool alloc(struct io *io, uint32_t bytes, struct io_message *ret_msg)
{
    return socket_io_alloc(io, bytes, ret_msg) || syscall_stream_alloc(io, bytes, ret_msg) ||
           socket_io_alloc_hard(io, bytes, ret_msg);
}

static void drop(struct io *io, const struct io_message *msgs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        syscall_give((struct syscall_io *)io, msgs[i].buffer);
}

static void unlisten(struct io *io)
{
    struct syscall_io *sys = (struct syscall_io *)io;

    if (sys->base.streams.listening)
        syscall_stream_unlisten(sys);
    for (uint32_t i = 0; i < sys->base.n_listeners; i++)
        epoll_ctl(sys->epoll, EPOLL_CTL_DEL, sys->base.listeners[i].fd, NULL);
}

static int port_open(struct io *io, const union rd_address *to, const union rd_address *from)
{
    struct syscall_io *sys = (struct syscall_io *)io;
    int fd, port, error;

    if (sys->base.ports.n_free == 0)
        return -EMFILE;
    fd = port_socket(to, from);
    if (fd < 0)
        return fd;
    port = ports_take(&sys->base.ports, fd);
    error = syscall_watch(
        sys->epoll, fd, EPOLLIN,
        syscall_tag(SYSCALL_PORT, sys->base.ports.at[port].generation, (uint32_t)port));
    if (error == 0)
        return port;
    close(fd);
    ports_release(&sys->base.ports, (uint32_t)port);
    return error;
}

static void port_close(struct io *io, uint32_t port)
{
    struct syscall_io *sys = (struct syscall_io *)io;

    if (sys->base.ports.at[port].state != PORT_OPEN)
        return;
    rd_stat_add(&sys->base.stats->dropped_port, socket_drops(sys->base.ports.at[port].fd));
    close(sys->base.ports.at[port].fd);
    ports_close(&sys->base.ports, port);
}

static void stop(struct io *io)
{
    struct syscall_io *sys = (struct syscall_io *)io;

    for (uint32_t i = 0; i < sys->base.ports.max; i++)
        port_close(io, i);
    ports_release_closed(&sys->base.ports);
    streams_close_all(&sys->base.streams);
    if (sys->epoll >= 0)
        close(sys->epoll);
    if (sys->epoll_calm >= 0)
        close(sys->epoll_calm);
    sys->epoll = sys->epoll_calm = -1;
    sys->next_ready = sys->n_ready = 0;
}

static int watch_all(struct syscall_io *sys)
{
    uint64_t bell = syscall_tag(SYSCALL_DOORBELL, 0, 0);
    int error = 0;

    sys->epoll = epoll_create1(EPOLL_CLOEXEC);
    sys->epoll_calm = epoll_create1(EPOLL_CLOEXEC);
    if (sys->epoll < 0 || sys->epoll_calm < 0)
        return -errno;
    for (uint32_t i = 0; error == 0 && i < sys->base.n_listeners; i++)
        error = syscall_watch(sys->epoll, sys->base.listeners[i].fd, EPOLLIN,
                              syscall_tag(SYSCALL_LISTENER, 0, i));
    if (error == 0)
        error =
            syscall_watch(sys->epoll, sys->epoll_calm, EPOLLIN, syscall_tag(SYSCALL_CALM, 0, 0));
    if (error == 0)
        error = syscall_watch(sys->epoll_calm, sys->base.doorbell, EPOLLIN | EPOLLET, bell);
    if (error == 0)
        error = syscall_stream_listen(sys);
    return error;
}

static int start(struct io *io, struct rd_failure *ret_failure)
{
    int error = watch_all((struct syscall_io *)io);

    if (error == 0) {
        ((struct syscall_io *)io)->now_ns = rd_clock_now();
        return 0;
    }
    stop(io);
    *ret_failure = (struct rd_failure){"set up epoll", -1};
    return error;
}

static void close_all(struct io *io)
{
    struct syscall_io *sys = (struct syscall_io *)io;

    socket_io_close(&sys->base);
    free(sys->home);
    free(sys->stream_home);
    free(sys);
}

static int open_all(const struct io_plan *plan, struct io **ret_io, struct rd_failure *ret_failure)
{
    struct syscall_io *sys = calloc(1, sizeof(*sys));
    int error;

    *ret_failure = (struct rd_failure){"allocate memory", -1};
    if (sys == NULL)
        return -ENOMEM;
    error = socket_io_open(plan, &io_syscall_ops, &syscall_stream_driver, &sys->base, ret_failure);
    if (error < 0) {
        free(sys);
        return error;
    }
    sys->epoll = sys->epoll_calm = -1;
    sys->reach = SYSCALL_BATCH;
    sys->home = calloc(sys->base.buffers.received, sizeof(*sys->home));
    sys->stream_home = calloc(sys->base.buffers.streams + 1u, sizeof(*sys->stream_home));
    if (sys->home == NULL || sys->stream_home == NULL) {
        close_all(&sys->base.io);
        return -ENOMEM;
    }
    for (sys->n_home = 0; sys->n_home < sys->base.buffers.received; sys->n_home++)
        sys->home[sys->n_home] = sys->n_home;
    for (uint32_t i = 0; i < sys->base.buffers.streams; i++)
        sys->stream_home[i] = sys->base.buffers.first_stream + i;
    sys->base.buffers.n_idle_streams = sys->base.buffers.streams;
    *ret_io = &sys->base.io;
    return 0;
}

const struct io_ops io_syscall_ops = {
    .open = open_all,
    .close = close_all,
    .start = start,
    .stop = stop,
    .turn = turn,
    .recv = syscall_recv,
    .events = socket_io_events,
    .alloc = alloc,
    .send = syscall_send,
    .drop = drop,
    .unlisten = unlisten,
    .port_open = port_open,
    .port_close = port_close,
    .stream_open = syscall_stream_open,
    .stream_read = socket_io_stream_read,
    .stream_close = socket_io_stream_close,
    .stream_peer = socket_io_stream_peer,
    .stream_unsent = socket_io_stream_unsent,
    .wake = socket_io_wake,
    .dropped = socket_io_dropped,
};
