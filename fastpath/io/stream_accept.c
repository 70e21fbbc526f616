/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_accept.c - connections that come: taken in, turned away, and tried again later.
 *
 * Shape: where no descriptor is left, the reserve is given up; the next connection then finds room,
 * is closed at once, and the reserve is taken again. So clients learn that they are not served
 * instead of waiting for nothing, and one is let in as soon as there is room.
 * Thread: the worker's own.
 * Not here: asking the kernel for connections.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/stream.h"
#include "io/tcp_socket.h"

#define RETRY_NS (10 * RD_NS_PER_MS)

static void turn_away(struct streams *streams, int fd)
{
    rd_stat_inc(&streams->stats->connections_refused);
    tcp_reset(fd);
    close(fd);
}

/* Whether there is a reserve; anything does that takes a descriptor. */
static bool keep_reserve(struct streams *streams)
{
    if (streams->reserve < 0)
        streams->reserve = eventfd(0, EFD_CLOEXEC);
    return streams->reserve >= 0;
}

void streams_accepted(struct streams *streams, int fd, const union rd_address *peer)
{
    union rd_address asked = {0};
    uint32_t place;

    if (!streams->listening) {
        close(fd);
        return;
    }
    if (peer == NULL && !tcp_peer(fd, &asked)) {
        close(fd);
        return;
    }
    place = keep_reserve(streams) ? streams_take(streams, fd, peer ? peer : &asked, false)
                                  : STREAM_NONE;
    if (place == STREAM_NONE) {
        turn_away(streams, fd);
        keep_reserve(streams);
        return;
    }
    tcp_prepare(fd);
    if (streams->driver->adopt(streams, place) == 0) {
        streams_report(streams, place, IO_STREAM_ACCEPTED);
        return;
    }
    rd_stat_inc(&streams->stats->io_errors);
    streams_close(streams, place);
}

/* What is wrong with one connection says nothing about the next one. */
static bool is_of_one(int error)
{
    return error == ECONNABORTED || error == EPROTO || error == EINTR || error == EAGAIN;
}

void streams_accept_failed(struct streams *streams, uint32_t listener, int error, uint64_t now_ns)
{
    if (!streams->listening)
        return;
    if ((streams->paused & 1ull << listener) == 0) {
        streams->n_paused++;
        streams->work++;
    }
    streams->paused |= 1ull << listener;
    if (error == 0 || is_of_one(error)) {
        streams->accept_retry_ns = now_ns;
        return;
    }
    rd_stat_inc(&streams->stats->io_errors);
    streams->accept_retry_ns = now_ns + RETRY_NS;
    if ((error == EMFILE || error == ENFILE) && streams->reserve >= 0) {
        close(streams->reserve);
        streams->reserve = -1;
    }
}

uint64_t streams_accept_again(struct streams *streams, uint64_t now_ns, uint64_t deadline_ns)
{
    uint64_t paused = streams->paused;

    if (now_ns < streams->accept_retry_ns)
        return deadline_ns < streams->accept_retry_ns ? deadline_ns : streams->accept_retry_ns;
    streams->work -= streams->n_paused;
    streams->paused = streams->n_paused = 0;
    for (; streams->listening && paused != 0; paused &= paused - 1)
        streams->driver->accept(streams, (uint32_t)__builtin_ctzll(paused));
    return deadline_ns;
}
