/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_client.h - a client with several TCP connections at a time. Each lives in one of the ways
 * below for a number of queries, then another one takes its place.
 *
 * Shape: a thread each, with a poll loop over its connections.
 */
#ifndef RINGDNS_TESTS_STRESS_TCP_CLIENT_H
#define RINGDNS_TESTS_STRESS_TCP_CLIENT_H

#include <stdbool.h>

#include "asker.h"

#define TCP_CLIENT_CONNECTIONS 6
#define TCP_CLIENT_WINDOW      24  /* queries under way on a connection */
#define TCP_CLIENT_UNREAD      200 /* the same, where nothing is read */
#define TCP_CLIENT_IN_BYTES    (66 << 10)
#define TCP_CLIENT_OUT_BYTES   2048

enum tcp_manner {
    TCP_CLOSES,   /* reads all answers, then closes */
    TCP_ENDS,     /* closes its half behind the last query, reads all answers and the end */
    TCP_DRIPS,    /* ends, and writes byte by byte */
    TCP_RESETS,   /* with queries under way */
    TCP_BREAKS,   /* ends in the middle of a query */
    TCP_NO_READS, /* asks and asks, and reads nothing */
    TCP_MANNERS,
};

struct tcp_connection {
    int fd; /* -1: none */
    enum tcp_manner manner;
    unsigned left;      /* queries to be asked */
    unsigned n_waiting; /* for answers, the queries with these numbers */
    unsigned waiting[TCP_CLIENT_UNREAD];
    bool ended;        /* nothing more is written */
    uint64_t until_ns; /* TCP_NO_READS: when it goes; 0: not yet known */
    uint32_t in_len, out_len, out_at;
    uint8_t in[TCP_CLIENT_IN_BYTES], out[TCP_CLIENT_OUT_BYTES];
};

struct tcp_client {
    struct asker asker;
    union rd_address listener;
    uint32_t random;
    unsigned planned; /* queries of all connections until now */
    unsigned lives[TCP_MANNERS];
    atomic_uint *done; /* counts the clients that are through */
    pthread_t thread;
    struct tcp_connection connections[TCP_CLIENT_CONNECTIONS];
};

/* Asks TOTAL queries of LISTENER in a thread of its own; *DONE is incremented at its end. */
void tcp_client_start(struct tcp_client *client, unsigned number, unsigned total,
                      const union rd_address *listener, atomic_uint *done);
/* Ends it; fails where a query was not answered that had to be. */
void tcp_client_join(struct tcp_client *client);

#endif
