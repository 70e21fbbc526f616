/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscall.c - the back end of plain system calls: its life and its turn. For kernels and
 * containers that forbid io_uring, for sanitizers, and as the control in benchmarks.
 *
 * Shape: a turn asks epoll which sockets have something, recv reads those. Sockets are
 * level-triggered, so what is not read is reported again; the doorbell is edge-triggered and never
 * read.
 * Thread: see io.h.
 * Not here: receiving and sending (syscall_packets.c).
 */
#include "io/syscall.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

/* A bound for waits without a deadline, so that there is always one. */
#define WAIT_MAX_NS (3600 * RD_NS_PER_S)

static int watch(int epoll, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* epoll_pwait2 is of Linux 5.11; seccomp filters that are older forbid it. */
static int wait_for(int epoll, struct epoll_event *ready, int max, uint64_t left_ns)
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
    int n;

    /* What was left from the last turn is reported anew, if it is still true. */
    if (deadline_ns > sys->now_ns && (sys->next_ready == sys->n_ready || sys->n_home == 0)) {
        now_ns = rd_clock_now();
        left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        if (left_ns > WAIT_MAX_NS)
            left_ns = WAIT_MAX_NS;
    }
    sys->next_ready = sys->n_ready = 0;
    if (sys->n_home == 0) {
        syscall_pause(sys);
        wait_for(sys->epoll_doorbell, sys->ready, 1, left_ns);
    } else {
        sys->paused = false;
        n = wait_for(sys->epoll, sys->ready, SYSCALL_READY, left_ns);
        sys->n_ready = n > 0 ? (unsigned)n : 0;
    }
    sys->now_ns = rd_clock_now();
    return sys->now_ns;
}

static unsigned events(struct io *io, struct io_event *ret_events, unsigned max)
{
    return ports_read(&((struct syscall_io *)io)->ports, ret_events, max);
}

static bool alloc(struct io *io, struct io_message *ret_msg)
{
    struct syscall_io *sys = (struct syscall_io *)io;
    uint32_t number;

    if (!buffers_take(&sys->buffers, &number))
        return false;
    ret_msg->data = buffers_at(&sys->buffers, number);
    ret_msg->len = 0;
    ret_msg->cap = RD_BUFFER_BYTES;
    ret_msg->buffer = number;
    ret_msg->cut = false;
    return true;
}

static void drop(struct io *io, const struct io_message *msgs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        syscall_give((struct syscall_io *)io, msgs[i].buffer);
}

static void unlisten(struct io *io)
{
    struct syscall_io *sys = (struct syscall_io *)io;

    for (uint32_t i = 0; i < sys->n_listeners; i++)
        epoll_ctl(sys->epoll, EPOLL_CTL_DEL, sys->listeners[i].fd, NULL);
}

static int port_open(struct io *io, const union rd_address *to, uint16_t local_port)
{
    struct syscall_io *sys = (struct syscall_io *)io;
    int fd, port, error;

    if (sys->ports.n_free == 0)
        return -EMFILE;
    fd = port_socket(to, local_port);
    if (fd < 0)
        return fd;
    port = ports_take(&sys->ports, fd);
    error = watch(sys->epoll, fd, EPOLLIN,
                  syscall_tag(SYSCALL_PORT, sys->ports.at[port].generation, (uint32_t)port));
    if (error == 0)
        return port;
    close(fd);
    ports_release(&sys->ports, (uint32_t)port);
    return error;
}

static void port_close(struct io *io, uint32_t port)
{
    struct syscall_io *sys = (struct syscall_io *)io;

    if (sys->ports.at[port].state != PORT_OPEN)
        return;
    rd_stat_add(&sys->stats->dropped_port, socket_drops(sys->ports.at[port].fd));
    close(sys->ports.at[port].fd);
    ports_release(&sys->ports, port);
}

static void wake(struct io *io)
{
    static const uint64_t one = 1;
    int saved = errno;

    /* A full counter has been noticed already. */
    if (write(((struct syscall_io *)io)->doorbell, &one, sizeof(one)) < 0)
        errno = saved;
}

static uint64_t dropped(struct io *io)
{
    struct syscall_io *sys = (struct syscall_io *)io;

    return listeners_dropped(sys->listeners, sys->n_listeners);
}

uint32_t syscall_buffers_out(const struct io *io)
{
    return ((const struct syscall_io *)io)->buffers.out;
}

static void stop(struct io *io)
{
    struct syscall_io *sys = (struct syscall_io *)io;

    for (uint32_t i = 0; i < sys->ports.max; i++)
        port_close(io, i);
    if (sys->epoll >= 0)
        close(sys->epoll);
    if (sys->epoll_doorbell >= 0)
        close(sys->epoll_doorbell);
    sys->epoll = sys->epoll_doorbell = -1;
    sys->next_ready = sys->n_ready = 0;
}

static int watch_all(struct syscall_io *sys)
{
    uint64_t bell = syscall_tag(SYSCALL_DOORBELL, 0, 0);
    int error = 0;

    sys->epoll = epoll_create1(EPOLL_CLOEXEC);
    sys->epoll_doorbell = epoll_create1(EPOLL_CLOEXEC);
    if (sys->epoll < 0 || sys->epoll_doorbell < 0)
        return -errno;
    for (uint32_t i = 0; error == 0 && i < sys->n_listeners; i++)
        error =
            watch(sys->epoll, sys->listeners[i].fd, EPOLLIN, syscall_tag(SYSCALL_LISTENER, 0, i));
    if (error == 0)
        error = watch(sys->epoll, sys->doorbell, EPOLLIN | EPOLLET, bell);
    if (error == 0)
        error = watch(sys->epoll_doorbell, sys->doorbell, EPOLLIN | EPOLLET, bell);
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

    listeners_close(sys->listeners, sys->n_listeners);
    if (sys->doorbell >= 0)
        close(sys->doorbell);
    buffers_deinit(&sys->buffers);
    ports_deinit(&sys->ports);
    free(sys->listeners);
    free(sys->home);
    free(sys);
}

static int allocate(struct syscall_io *sys, const struct io_plan *plan)
{
    int error = buffers_init(&sys->buffers, plan->buffers, plan->answer_buffers);

    if (error == 0)
        error = ports_init(&sys->ports, plan->max_ports);
    if (error < 0)
        return error;
    sys->listeners = calloc(plan->n_listeners + 1u, sizeof(*sys->listeners));
    sys->home = calloc(sys->buffers.received, sizeof(*sys->home));
    if (sys->listeners == NULL || sys->home == NULL)
        return -ENOMEM;
    for (sys->n_home = 0; sys->n_home < sys->buffers.received; sys->n_home++)
        sys->home[sys->n_home] = sys->n_home;
    sys->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return sys->doorbell < 0 ? -errno : 0;
}

static int open_all(const struct io_plan *plan, struct io **ret_io, struct rd_failure *ret_failure)
{
    struct syscall_io *sys = calloc(1, sizeof(*sys));
    struct rd_failure failure = {"allocate memory", -1};
    int error = -ENOMEM;

    if (sys != NULL) {
        sys->io.ops = &io_syscall_ops;
        sys->stats = plan->stats;
        sys->epoll = sys->epoll_doorbell = sys->doorbell = -1;
        error = allocate(sys, plan);
    }
    if (error == 0)
        error = listeners_open(plan, sys->listeners, &failure);
    if (error < 0) {
        if (sys != NULL)
            close_all(&sys->io);
        *ret_failure = failure;
        return error;
    }
    sys->n_listeners = plan->n_listeners;
    *ret_io = &sys->io;
    return 0;
}

const struct io_ops io_syscall_ops = {
    .open = open_all,
    .close = close_all,
    .start = start,
    .stop = stop,
    .turn = turn,
    .recv = syscall_recv,
    .events = events,
    .alloc = alloc,
    .send = syscall_send,
    .drop = drop,
    .unlisten = unlisten,
    .port_open = port_open,
    .port_close = port_close,
    .wake = wake,
    .dropped = dropped,
};
