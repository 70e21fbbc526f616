/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upstream.h - one worker's way to the servers: random ports and IDs, what each port waits for, and
 * what this worker has learnt of each server's speed.
 *
 * A reply must come from the server's address to the very port that asked (both ends: the kernel
 * filters a connected socket) and carry an ID that this port waits for (RFC 5452 section 9). Each
 * server has a pool of ports that grows with its load; each port asks a random number of questions,
 * is retired, and closes when it waits for nothing more.
 *
 * One worker each.
 */
#ifndef RINGDNS_UPSTREAM_H
#define RINGDNS_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "io/io.h"
#include "latency.h"
#include "ringdns/limits.h"
#include "ringdns/worker.h"
#include "snapshot.h"

/* What a port waits for: an attempt of a question. */
struct upstream_wait {
    uint32_t question; /* index in the in-flight table */
    uint8_t attempt;
};

struct upstream_port {
    uint64_t opened_ns;
    uint8_t server;
    bool open;
    bool retired;  /* asks nothing more; closes when nothing is awaited */
    uint8_t asked; /* in its life */
    uint8_t limit; /* when to retire */
    uint8_t n_waits;
    uint32_t place;                  /* in its server's pool, while not retired */
    uint16_t ids[RD_PORT_QUESTIONS]; /* of what is awaited, no order */
    struct upstream_wait waits[RD_PORT_QUESTIONS];
};

struct upstream_server {
    union rd_address address;
    uint32_t incarnation;
    uint32_t n_ports, target_ports;
    uint32_t n_open;        /* ports, retired ones included */
    uint32_t *pool;         /* handles of ports that are not retired */
    uint32_t outstanding;   /* attempts that wait for a reply, time-outs included */
    uint32_t asked_lately;  /* since the last upstream_tend */
    uint64_t last_reply_ns; /* 0: none yet */
    struct latency latency;
};

struct upstream {
    struct io *io;
    struct rd_stats *stats;
    struct rd_random *random;
    uint32_t ports_per_server, max_ports, n_open;
    uint32_t share; /* of max_ports, for each server: one that is slow starves no other */
    struct upstream_port *ports; /* by io handle */
    uint64_t tended_ns;
    uint32_t n_drawable;
    uint16_t drawable[65536]; /* the local ports that may be used */
    struct upstream_server servers[RD_MAX_UPSTREAMS];
};

/* How often upstream_tend is worth calling while ports are open. */
#define UPSTREAM_TEND_NS (250 * 1000000ull)

/* IO and RANDOM outlive UPSTREAM. 0 or -ENOMEM. */
int upstream_init(struct upstream *upstream, struct io *io, struct rd_random *random,
                  struct rd_stats *stats, const struct rd_worker_setup *setup);
void upstream_deinit(struct upstream *upstream);
/* Closes every port, whatever it waits for. */
void upstream_close(struct upstream *upstream);

/* Takes up the servers of SNAPSHOT; ports to an address that a number had before retire. */
void upstream_adopt(struct upstream *upstream, const struct rd_snapshot *snapshot);

/* A port and an unused ID on it to ask SERVER from, both drawn at random, for the attempt that WAIT
 * names. None of the N ports at USED, which earlier attempts left from: whoever has found one out
 * shall not gain by a retransmission. False: no port could be had. */
bool upstream_draw(struct upstream *upstream, uint8_t server, uint64_t now_ns,
                   struct upstream_wait wait, const uint32_t *used, unsigned n, uint32_t *ret_port,
                   uint16_t *ret_id);
/* Whose reply this is, by port and ID; NULL: nobody's. Valid until the next call. */
const struct upstream_wait *upstream_match(const struct upstream *upstream, uint32_t port,
                                           uint16_t id);
/* Nobody waits for this any more. Does nothing if nobody did. */
void upstream_forget(struct upstream *upstream, uint32_t port, uint16_t id);
/* A reply of SERVER was accepted, RTT_NS after it was asked. */
void upstream_replied(struct upstream *upstream, uint8_t server, uint64_t now_ns, uint64_t rtt_ns);

/* Retires old ports, fits the pools' sizes to the load. Does nothing before its time. */
void upstream_tend(struct upstream *upstream, uint64_t now_ns);

#endif
