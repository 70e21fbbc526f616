/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * floor.h - a ring, its buffers and its turns, for programs that move packets without a thought.
 *
 * Shape: what fastpath/io/uring does per packet and nothing else, so that a floor shows what the
 * kernel costs: the same flags, buffers, receives, sends and waits. Sockets are known to the ring
 * by their place in the table that was registered; 0 faces the clients.
 * Thread: one, that of main.
 * Not here: errors that are lived through. A floor that cannot go on says why and exits.
 */
#ifndef RINGDNS_BENCH_FLOOR_H
#define RINGDNS_BENCH_FLOOR_H

#include <liburing.h>
#include <netinet/in.h>
#include <stdint.h>

#include "ringdns/limits.h"

enum {
    FLOOR_SOCKETS = 1025,
    FLOOR_BUFFERS = RD_BUFFERS,
    FLOOR_BUFFER_BYTES = RD_BUFFER_BYTES,
};

/* How long a turn waits. For one completion when little comes; else for COUNT or NS nanoseconds,
 * whichever is first. */
struct floor_wait {
    unsigned count;
    unsigned ns;
    unsigned busy; /* completions in 100 us from which on COUNT are waited for; 0: always */
};

/* That of the forwarder. */
#define FLOOR_WAIT_ADAPTIVE ((struct floor_wait){.count = 32, .ns = 100 * 1000, .busy = 12})

struct floor {
    struct io_uring ring;
    struct io_uring_buf_ring *home; /* the kernel takes received buffers from here */
    unsigned char *buffers;
    struct msghdr shape; /* says how much room a client's address needs */
    struct floor_wait wait;
    uint64_t window_ns;     /* since when ARRIVED counts */
    unsigned arrived, load; /* completions; in 100 us, smoothed, in sixteenths */
    unsigned
        held[FLOOR_BUFFERS]; /* their sends are queued; the kernel is done with them after it */
    unsigned held_count;
    unsigned ended[FLOOR_SOCKETS]; /* sockets whose multishot receive ended */
    unsigned ended_count;
};

/* A query: DATA lies in its buffer, with room up to END. */
struct floor_query {
    const struct sockaddr_in *client; /* in the buffer too, until the next turn */
    unsigned char *data, *end;
    unsigned len;
};

/* The ring, its buffers and a receive for each of COUNT sockets. */
void floor_open(struct floor *f, const int *fds, unsigned count);
/* Sockets of 127.0.0.1. A port of 0 leaves that end open. */
int floor_socket(int local_port, int remote_port);
/* Zeroed, never freed. */
void *floor_pages(size_t bytes);
/* Calls for each datagram: QUERY with what socket 0 got, REPLY (of CONTEXT) with what the others
 * did. Either may send from the buffer. Never returns. */
typedef void floor_query_fn(struct floor *f, void *context, const struct floor_query *query);
typedef void floor_reply_fn(struct floor *f, void *context, unsigned socket, unsigned char *data,
                            unsigned len);
_Noreturn void floor_run(struct floor *f, floor_query_fn *query, floor_reply_fn *reply,
                         void *context);

/* DATA must stay until the next turn; so must CLIENT, which is NULL where the socket is connected.
 */
void floor_send(struct floor *f, unsigned socket, const void *data, size_t len,
                const struct sockaddr_in *client);

_Noreturn void floor_die(const char *what, int error);
/* A number from 1 to MAX, or the end. */
int floor_number(const char *text, int max);

#endif
