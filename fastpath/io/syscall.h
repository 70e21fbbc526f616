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
enum syscall_ready {
    SYSCALL_LISTENER,
    SYSCALL_PORT,
    SYSCALL_CALM, /* something behind epoll_calm */
    SYSCALL_DOORBELL,
    SYSCALL_ACCEPT, /* the number is the listener's */
    SYSCALL_STREAM, /* the number is the place */
};

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
    int epoll;      /* the sockets of datagrams, and EPOLL_CALM */
    int epoll_calm; /* the doorbell and TCP: while no buffer is home, datagrams must not wake us */
    bool paused;
    uint32_t *stream_home; /* as HOME, of streams; buffers.n_idle_streams of them */
    uint64_t now_ns;
    struct epoll_event ready[SYSCALL_READY], calm[SYSCALL_READY];
    unsigned n_ready, next_ready;
    unsigned reach; /* datagrams that the next read of a listener prepares for */
    struct syscall_batch in, out;
};

static inline uint64_t syscall_tag(enum syscall_ready kind, uint32_t generation, uint32_t number)
{
    return (uint64_t)kind << 56 | (uint64_t)generation << 32 | number;
}

/* syscall_stream.c */
void syscall_stream_give(struct syscall_io *sys, uint32_t number);

/* Gives a buffer back to where it belongs. */
static inline void syscall_give(struct syscall_io *sys, uint32_t number)
{
    struct buffers *buffers = &sys->base.buffers;

    if (!buffers_is_received(buffers, number)) {
        if (buffers_is_rare(buffers, number))
            syscall_stream_give(sys, number);
        else
            buffers_give(buffers, number);
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

/* syscall.c */
/* Adds a descriptor to an epoll. 0 or negative errno. */
int syscall_watch(int epoll, int fd, uint32_t events, uint64_t data);
/* As epoll_wait. */
int syscall_wait(int epoll, struct epoll_event *ready, int max, uint64_t left_ns);

/* syscall_stream.c */
extern const struct stream_driver syscall_stream_driver;
/* Does what waits: writes, reads, accepts. When the next turn must come, at most DEADLINE_NS. */
uint64_t syscall_stream_tend(struct syscall_io *sys, uint64_t deadline_ns);
/* Waits for LEFT_NS at most, and looks at what is ready behind epoll_calm. */
void syscall_stream_ready(struct syscall_io *sys, uint64_t left_ns);
/* As alloc of the table, after writing what is queued. */
bool syscall_stream_alloc(struct io *io, uint32_t bytes, struct io_message *ret_msg);
int syscall_stream_open(struct io *io, const union rd_address *to, const union rd_address *from);
/* Watches the listeners for connections. 0 or negative errno. */
int syscall_stream_listen(struct syscall_io *sys);
void syscall_stream_unlisten(struct syscall_io *sys);

/* syscall_packets.c */
unsigned syscall_recv(struct io *io, struct io_message *msgs, unsigned max);
void syscall_send(struct io *io, const struct io_message *msgs, unsigned n);

#endif
