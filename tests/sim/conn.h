/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conn.h - a TCP connection in the world of sim.h: between a client and a listener, or between a
 * worker and an upstream.
 *
 * Its far end, the client's or the upstream's, is played by the test with what is declared here;
 * its near end is the worker's (sim_stream.c). Both ends' kernels are in struct sim_conn. Bytes
 * arrive in order and none is lost; each write is a segment. What the far end sends is always
 * taken, only the worker's sending has a window. One thread. Not here: retransmission, time-outs of
 * the kernel, acknowledgements.
 */
#ifndef RINGDNS_TESTS_CONN_H
#define RINGDNS_TESTS_CONN_H

#include "sim/sim.h"

/* Bytes, first in first out. */
struct sim_bytes {
    uint8_t *at;
    size_t n, room;
};

void sim_bytes_add(struct sim_bytes *bytes, const void *from, size_t n);
/* Removes the first N. */
void sim_bytes_take(struct sim_bytes *bytes, size_t n);
/* Whether a whole message stands in front, behind its two bytes of length. */
bool sim_bytes_message(const struct sim_bytes *bytes, uint32_t *ret_len);

/* What the near end is: nothing yet, a connection that waits to be accepted, a stream of a worker,
 * or over. */
enum sim_near { SIM_NEAR_NONE, SIM_NEAR_WAITS, SIM_NEAR_STREAM, SIM_NEAR_CLOSED };

struct sim_conn {
    struct sim *sim;
    unsigned index;            /* in the world's list */
    unsigned holds;            /* segments under way, the worker's stream, and who else holds it */
    struct sim_client *client; /* whose the far end is: one of these two */
    struct sim_upstream *upstream;
    union rd_address near, far;
    uint64_t latency_ns; /* each way */
    uint32_t window; /* bytes under way to the far end or unread there, then no more are taken */

    /* What the far end has seen: */
    struct sim_log messages; /* whole ones; of an upstream's connection, the queries */
    unsigned heard;          /* how many there were, those too that are in no log */
    uint64_t connected_ns;   /* 0: not yet, as below */
    uint64_t ended_ns;       /* the worker's FIN */
    uint64_t reset_ns;       /* the worker's RST; without connected_ns: refused */
    struct sim_bytes rest;   /* read, of a message that is not whole yet */

    /* The far end's own: */
    uint64_t established_ns; /* from when it can write; RD_NEVER: not yet known */
    uint64_t written_ns;     /* when the last write is done */
    uint64_t closed_ns;      /* when it closes; RD_NEVER: not yet decided */
    bool paused;
    struct sim_bytes unread;
    uint32_t outstanding; /* bytes that count against the window */

    /* The near end's (sim_stream.c): */
    enum sim_near state;
    bool dead;    /* an RST has come or gone: whatever else comes is not heard */
    bool fin;     /* the far end's FIN has come */
    bool stalled; /* the window is full and more is queued */
    struct sim_io *io;
    struct sim_conn *next; /* that waits to be accepted */
    uint32_t place;        /* in the worker's table */
    struct sim_bytes arrived;
    uint64_t arrived_ns; /* the last segment; 0: none yet */
};

/* CLIENT, which may be one that the world does not know, begins a connection to the listener TO,
 * from a port of its own. Owned by the world: until the world's end, or in a forgetful world until
 * the client has closed it, the worker's end is over, nothing is under way and nobody holds it. A
 * connection to an upstream goes when the worker's end is over, and the upstream has closed it or
 * got an RST, or never had it. */
struct sim_conn *sim_connect(struct sim *sim, struct sim_client *client,
                             const union rd_address *to);
/* CONN lives at least until it is released; once for each hold. */
void sim_conn_hold(struct sim_conn *conn);
void sim_conn_release(struct sim_conn *conn);
/* The connection that UPSTREAM accepted as its NUMBERth, from 0; NULL: there are not so many. Not
 * in a forgetful world. */
struct sim_conn *sim_upstream_conn(const struct sim_upstream *upstream, unsigned number);

/* The far end writes bytes as they are, DELAY_NS from now or when the connection stands. What is
 * written after a close is lost. */
void sim_conn_send(struct sim_conn *conn, const void *bytes, size_t len, uint64_t delay_ns);
/* The same with the length in front. LEN: at most 65,535. */
void sim_conn_send_message(struct sim_conn *conn, const void *bytes, size_t len, uint64_t delay_ns);
/* FIN, DELAY_NS from now and behind everything that was written; it goes on reading. */
void sim_conn_end(struct sim_conn *conn, uint64_t delay_ns);
/* FIN likewise, and it reads no more: what comes later is answered by RST. */
void sim_conn_close(struct sim_conn *conn, uint64_t delay_ns);
/* RST likewise. */
void sim_conn_reset(struct sim_conn *conn, uint64_t delay_ns);
/* Whether the far end reads; it does at first. What it left unread comes when it reads again. */
void sim_conn_read(struct sim_conn *conn, bool on);

/* Of the world and the workers' side: */

/* A connection of which nobody knows yet. */
struct sim_conn *sim_conn_new(struct sim *sim, const union rd_address *near,
                              const union rd_address *far, uint64_t latency_ns);
/* A port for the end that begins a connection. */
uint16_t sim_conn_port(const struct sim *sim);
/* A segment of LEN bytes on CONN, still zero, to be filled and posted. INWARD: to the worker. */
struct sim_datagram *sim_segment_new(struct sim_conn *conn, enum sim_segment kind, bool inward,
                                     size_t len);
/* The worker's end sends it, without bytes. */
void sim_conn_tell(struct sim_conn *conn, enum sim_segment kind);
/* A segment has arrived at the end it was for; it stays the caller's. */
void sim_conn_arrive(const struct sim_datagram *segment);
void sim_conns_free(struct sim *sim);

#endif
