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
    uint32_t question; /* index in the in-flight table; of what is over: when it was sent */
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
    uint8_t wrong;  /* replies with an ID that was never used here */
    uint32_t place; /* in its server's pool, while not retired */
    uint16_t
        ids[RD_PORT_QUESTIONS]; /* of what is awaited, no order; behind them, up to ASKED, of
                                 * what is over, so that a late reply is not taken for a guess */
    struct upstream_wait waits[RD_PORT_QUESTIONS];
};

/* A forger who hits port and ID so often in a row needs no more help: the server has given cookies
 * up. */
#define UPSTREAM_COOKIE_MISSING 16

/* DNS cookies with one server (RFC 7873). */
struct upstream_cookie {
    uint8_t client[8];  /* ours, drawn for this server */
    uint8_t server[32]; /* what it gave last */
    uint8_t server_len; /* 0: none yet */
    bool known;         /* it returns ours, so a reply without it is not its */
    uint8_t missing;    /* replies in a row that had none */
};

/* Whether a server wants to be asked without EDNS. One refusal proves nothing: it may be forged. */
#define UPSTREAM_PLAIN_NAMES 3
struct upstream_plain {
    uint32_t names[UPSTREAM_PLAIN_NAMES]; /* hashes of names that worked so alone */
    uint32_t n;
    uint64_t until_ns; /* asked without EDNS before this */
};

struct upstream_server {
    union rd_address address, source;
    uint32_t incarnation;
    uint32_t n_ports, target_ports;
    uint32_t n_open;       /* ports, retired ones included */
    uint32_t *pool;        /* handles of ports that are not retired */
    uint32_t outstanding;  /* attempts that wait for a reply, time-outs included */
    uint32_t late;         /* of these, those whose own time-out is over: the cap is not theirs */
    uint32_t asked_lately; /* since the last upstream_tend, as the next two */
    uint32_t replied_lately, timed_out_lately;
    uint64_t late_suffixes;   /* whose names timed out lately: a bit for each, by hash */
    uint32_t n_late_suffixes; /* bits that are set */
    uint32_t cap;           /* the most that may be outstanding (in-flight.per-upstream at most) */
    uint64_t last_reply_ns; /* 0: none yet */
    struct latency latency;
    struct upstream_cookie cookie;
    struct upstream_plain plain;
    uint32_t links[RD_LINKS_PER_SERVER]; /* indices of its TCP connections (link.h), no order */
    uint32_t n_links;
    struct rd_upstream_stats stats;
};

struct upstream {
    struct io *io;
    struct rd_stats *stats;
    struct rd_random *random;
    uint32_t ports_per_server, max_ports, n_open;
    uint32_t cap_max; /* the option in-flight.per-upstream */
    uint32_t share;   /* of max_ports, for each server: one that is slow starves no other */
    struct upstream_port *ports; /* by io handle */
    uint64_t tended_ns;
    bool restless; /* ports were open, or something outstanding, when it was tended */
    uint32_t n_drawable;
    uint16_t drawable[65536]; /* the local ports that may be used */
    struct upstream_server servers[RD_MAX_UPSTREAMS];
};

/* However badly a server does, this part of the option may be under way: slow names of a few
 * domains must not keep all others out. */
#define UPSTREAM_CAP_PART 8
/* So many different suffixes must have timed out for it to be the server's fault. */
#define UPSTREAM_CAP_SUFFIXES 8
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
enum upstream_match {
    UPSTREAM_AWAITED,
    UPSTREAM_LATE,  /* the ID was used on this port, and what it was for is over */
    UPSTREAM_WRONG, /* it never was: somebody guesses */
};

/* Whose reply this is, by port and ID. UPSTREAM_AWAITED: *RET_WAIT, valid until the next call. */
enum upstream_match upstream_match(const struct upstream *upstream, uint32_t port, uint16_t id,
                                   const struct upstream_wait **ret_wait);
/* Counts a reply with a wrong ID at PORT. True: that is one too many (RD_WRONG_IDS); nothing more
 * is asked from there. */
bool upstream_guessed(struct upstream *upstream, uint32_t port);
/* Nobody waits any more for what was sent at SENT_NS (0: a reply came). Does nothing if nobody did.
 */
void upstream_forget(struct upstream *upstream, uint32_t port, uint16_t id, uint64_t sent_ns);
/* A reply with ID came to PORT that is late (upstream_match): its server is alive, and slow. The
 * server. */
uint8_t upstream_late(struct upstream *upstream, uint32_t port, uint16_t id, uint64_t now_ns);
/* A reply of SERVER was accepted, RTT_NS after it was asked; 0: its time says nothing. */
void upstream_replied(struct upstream *upstream, uint8_t server, uint64_t now_ns, uint64_t rtt_ns);

/* SERVER did not answer in time, for a name below the suffix with hash SUFFIX. */
void upstream_timed_out(struct upstream *upstream, uint8_t server, uint32_t suffix);

/* Retires old ports, fits the pools' sizes and the caps to the load. False: it is not time yet. */
bool upstream_tend(struct upstream *upstream, uint64_t now_ns);

#endif
