/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscall_packets.c - recvmmsg and sendmmsg, up to 64 datagrams a call.
 *
 * Shape: recv goes along the sockets that the turn found ready; send sends at once, in runs per
 * socket, so that nothing waits for the turn.
 * Thread: the worker's own.
 * Not here: waiting (syscall.c).
 */
#include <errno.h>

#include "io/syscall.h"

/* Replies are spread over many ports: a port rarely holds more, and preparing costs for each. */
#define PORT_BATCH 4
#define REACH_MIN  4

/* Reads up to MAX datagrams from a socket into IN. Their number, or negative errno. */
static int read_batch(struct syscall_io *sys, int fd, bool named, bool wildcard, unsigned max)
{
    struct syscall_batch *in = &sys->in;
    int n;

    for (unsigned i = 0; i < max; i++) {
        struct msghdr *header = &in->msgs[i].msg_hdr;

        in->buffers[i] = sys->home[sys->n_home - 1 - i];
        in->iovs[i] =
            (struct iovec){buffers_at(&sys->base.buffers, in->buffers[i]), RD_BUFFER_BYTES};
        header->msg_iov = &in->iovs[i];
        header->msg_iovlen = 1;
        header->msg_name = named ? &in->peers[i] : NULL;
        header->msg_namelen = named ? (socklen_t)sizeof(in->peers[i]) : 0;
        header->msg_control = wildcard ? in->controls[i] : NULL;
        header->msg_controllen = wildcard ? PKTINFO_BYTES : 0;
    }
    n = recvmmsg(fd, in->msgs, max, MSG_DONTWAIT, NULL);
    if (n < 0)
        return -errno;
    sys->n_home -= (uint32_t)n;
    sys->base.buffers.out += (uint32_t)n;
    return n;
}

static void fill(const struct syscall_io *sys, unsigned i, struct io_message *msg)
{
    const struct syscall_batch *in = &sys->in;

    msg->data = in->iovs[i].iov_base;
    msg->len = in->msgs[i].msg_len;
    msg->cap = RD_BUFFER_BYTES;
    msg->buffer = in->buffers[i];
    msg->cut = (in->msgs[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
}

/* Twice what was there, so that a burst is soon read in full calls and a quiet hour is cheap. What
 * is left in a socket is reported again. */
static void adapt_reach(struct syscall_io *sys, unsigned n)
{
    unsigned reach = 2 * n;

    sys->reach = reach < REACH_MIN ? REACH_MIN : reach > SYSCALL_BATCH ? SYSCALL_BATCH : reach;
}

static unsigned read_listener(struct syscall_io *sys, uint32_t way, struct io_message *msgs,
                              unsigned max)
{
    const struct listener *listener = &sys->base.listeners[way];
    int n = read_batch(sys, listener->fd, true, listener->wildcard,
                       max < sys->reach ? max : sys->reach);

    if (n < 0) {
        if (n != -EAGAIN && n != -EINTR)
            rd_stat_inc(&sys->base.stats->io_errors);
        return 0;
    }
    adapt_reach(sys, (unsigned)n);
    for (unsigned i = 0; i < (unsigned)n; i++) {
        struct msghdr *header = &sys->in.msgs[i].msg_hdr;

        fill(sys, i, &msgs[i]);
        msgs[i].port = 0;
        msgs[i].origin = IO_CLIENT;
        msgs[i].path.way = way;
        msgs[i].path.via = IO_UDP;
        memset(&msgs[i].path, 0, offsetof(struct io_path, way));
        memcpy(&msgs[i].path.peer, header->msg_name, header->msg_namelen);
        if (listener->wildcard)
            pktinfo_read(listener, header->msg_control, header->msg_controllen,
                         &msgs[i].path.local);
    }
    return (unsigned)n;
}

static unsigned read_port(struct syscall_io *sys, uint32_t port, struct io_message *msgs,
                          unsigned max)
{
    int n = read_batch(sys, sys->base.ports.at[port].fd, false, false, max);

    if (n < 0) {
        if (n == -EAGAIN || n == -EINTR)
            return 0;
        if (!ports_is_network_error(-n) || !ports_report(&sys->base.ports, port, IO_PORT_ERROR, -n))
            rd_stat_inc(&sys->base.stats->io_errors);
        return 0;
    }
    for (unsigned i = 0; i < (unsigned)n; i++) {
        fill(sys, i, &msgs[i]);
        msgs[i].port = port;
        msgs[i].origin = IO_PORT;
    }
    return (unsigned)n;
}

unsigned syscall_recv(struct io *io, struct io_message *msgs, unsigned max)
{
    struct syscall_io *sys = (struct syscall_io *)io;
    struct streams *streams = &sys->base.streams;
    unsigned n = 0;

    /* Neither may keep the other out. */
    if (streams_have_work(streams))
        n = streams_recv(streams, msgs, (max + 1) / 2);
    while (n < max && sys->next_ready < sys->n_ready) {
        uint64_t data = sys->ready[sys->next_ready].data.u64;
        uint32_t number = (uint32_t)data;
        unsigned room = max - n < SYSCALL_BATCH ? max - n : SYSCALL_BATCH;

        if (data >> 56 == SYSCALL_CALM) {
            sys->next_ready++;
            syscall_stream_ready(sys, 0);
            continue;
        }
        if (sys->n_home == 0) {
            syscall_pause(sys);
            break;
        }
        if (room > sys->n_home)
            room = sys->n_home;
        sys->next_ready++;
        if (data >> 56 == SYSCALL_LISTENER)
            n += read_listener(sys, number, &msgs[n], room);
        else if (ports_is_live(&sys->base.ports, number, (uint32_t)(data >> 32) & 0xffffff))
            n += read_port(sys, number, &msgs[n], room < PORT_BATCH ? room : PORT_BATCH);
    }
    if (streams_have_work(streams))
        n += streams_recv(streams, msgs + n, max - n);
    return n;
}

static void prepare(struct syscall_io *sys, unsigned i, const struct io_message *msg)
{
    struct syscall_batch *out = &sys->out;
    struct msghdr *header = &out->msgs[i].msg_hdr;

    out->iovs[i] = (struct iovec){msg->data, msg->len};
    *header = (struct msghdr){.msg_iov = &out->iovs[i], .msg_iovlen = 1};
    if (msg->origin == IO_PORT)
        return;
    out->peers[i] = msg->path.peer;
    header->msg_name = &out->peers[i];
    header->msg_namelen = rd_address_len(&out->peers[i]);
    if (msg->path.local.any.sa_family == AF_UNSPEC)
        return;
    header->msg_control = out->controls[i];
    header->msg_controllen = pktinfo_write(&msg->path.local, out->controls[i]);
}

static void lose(struct syscall_io *sys, const struct io_message *msg, int error)
{
    if (msg->origin == IO_CLIENT) {
        rd_stat_inc(&sys->base.stats->answers_lost_send);
        return;
    }
    rd_stat_inc(&sys->base.stats->upstream_send_failed);
    if (!ports_report(&sys->base.ports, msg->port, IO_SEND_FAILED, error))
        rd_stat_inc(&sys->base.stats->io_errors);
}

/* Sends N messages through one socket; each that the kernel refuses is lost, the others go on. */
static void send_run(struct syscall_io *sys, int fd, const struct io_message *msgs, unsigned n)
{
    unsigned sent = 0;
    int result;

    for (unsigned i = 0; i < n; i++)
        prepare(sys, i, &msgs[i]);
    while (sent < n) {
        result = sendmmsg(fd, &sys->out.msgs[sent], n - sent, MSG_DONTWAIT);
        if (result > 0)
            sent += (unsigned)result;
        else if (result == 0 || errno != EINTR)
            lose(sys, &msgs[sent++], result == 0 ? EAGAIN : errno);
    }
    for (unsigned i = 0; i < n; i++)
        syscall_give(sys, msgs[i].buffer);
}

static bool is_same_socket(const struct io_message *a, const struct io_message *b)
{
    if (a->origin != b->origin)
        return false;
    return a->origin == IO_PORT ? a->port == b->port
                                : a->path.way == b->path.way && a->path.via == b->path.via;
}

void syscall_send(struct io *io, const struct io_message *msgs, unsigned n)
{
    struct syscall_io *sys = (struct syscall_io *)io;
    unsigned from = 0, to;

    for (; from < n; from = to) {
        const struct io_message *first = &msgs[from];
        int fd;

        if (streams_is_for(first)) {
            streams_send(&sys->base.streams, first);
            to = from + 1;
            continue;
        }
        fd = first->origin == IO_PORT ? sys->base.ports.at[first->port].fd
                                      : sys->base.listeners[first->path.way].fd;
        for (to = from + 1;
             to < n && to - from < SYSCALL_BATCH && is_same_socket(first, &msgs[to]);)
            to++;
        send_run(sys, fd, first, to - from);
    }
}
