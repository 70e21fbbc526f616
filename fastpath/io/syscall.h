/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscall.h - the structures of the back end of plain system calls, for its files and its tests.
 *
 * Thread: the worker's own.
 * Not here: the contract (io.h).
 */
#ifndef RINGDNS_FASTPATH_IO_SYSCALL_H
#define RINGDNS_FASTPATH_IO_SYSCALL_H

#include <sys/epoll.h>

#include "io/socket_io.h"

#define SYSCALL_BATCH 64  /* datagrams in one system call */
#define SYSCALL_READY 128 /* sockets reported at a time */

/* What epoll reports: a socket's kind, generation and number, as in uring's completions. */
enum syscall_ready { SYSCALL_LISTENER, SYSCALL_PORT, SYSCALL_DOORBELL };

/* The arrays that recvmmsg and sendmmsg want, made once. */
struct syscall_batch {
    struct mmsghdr msgs[SYSCALL_BATCH];
    struct iovec iovs[SYSCALL_BATCH];
    union rd_address peers[SYSCALL_BATCH];
    uint8_t controls[SYSCALL_BATCH][PKTINFO_BYTES];
    uint32_t buffers[SYSCALL_BATCH];
};

struct syscall_io {
    struct socket_io base;
    uint32_t *home; /* receive buffers that are home */
    uint32_t n_home;
    int epoll;          /* every socket and the doorbell */
    int epoll_doorbell; /* the doorbell alone: while no buffer is home, sockets must not wake us */
    bool paused;
    uint64_t now_ns;
    struct epoll_event ready[SYSCALL_READY];
    unsigned n_ready, next_ready;
    unsigned reach; /* datagrams that the next read of a listener prepares for */
    struct syscall_batch in, out;
};

static inline uint64_t syscall_tag(enum syscall_ready kind, uint32_t generation, uint32_t number)
{
    return (uint64_t)kind << 56 | (uint64_t)generation << 32 | number;
}

/* Gives a buffer back to where it belongs. */
static inline void syscall_give(struct syscall_io *sys, uint32_t number)
{
    if (!buffers_is_received(&sys->base.buffers, number)) {
        buffers_give(&sys->base.buffers, number);
        return;
    }
    sys->home[sys->n_home++] = number;
    sys->base.buffers.out--;
}

/* Counts the beginning of a pause for want of buffers. */
static inline void syscall_pause(struct syscall_io *sys)
{
    if (!sys->paused)
        rd_stat_inc(&sys->base.stats->io_no_buffers);
    sys->paused = true;
}

/* syscall_packets.c */
unsigned syscall_recv(struct io *io, struct io_message *msgs, unsigned max);
void syscall_send(struct io *io, const struct io_message *msgs, unsigned n);

#endif
