/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * storm.h - a whole forwarder in bad weather: workers, clients, upstreams, network and somebody at
 * the controls, all of one seed, and everything that the forwarder says is checked.
 *
 * The parts: plan.h (what the seed decides), crowd.h (clients), truth.h and servers.h (upstreams),
 * weather.h (the network and forgers), hands.h (the machine and the operator), oracle.h (what each
 * client may be told), audit.h (what must add up), tale.h (the readable trace).
 *
 * One thread. The first rule that is broken ends a storm (sim_broken); its text says which.
 */
#ifndef RINGDNS_TESTS_STORM_H
#define RINGDNS_TESTS_STORM_H

#include <stdio.h>

#include "ringdns/cache.h"
#include "ringdns/worker.h"
#include "sim/sim.h"
#include "sim/storm/plan.h"

#define STORM_SNAPSHOTS 64 /* that are published in one storm */

struct crowd;
struct oracle;

/* Why a datagram's bytes are as they are: its tag. */
enum storm_origin {
    STORM_GENUINE, /* an upstream's own, as it sent it, or what the network made of it */
    STORM_FORGED,  /* somebody else's, whose guess of the ID is wrong */
    STORM_LUCKY,   /* somebody else's, whose guess is right */
};

/* Where a worker sits. */
struct storm_seat {
    struct storm *storm;
    unsigned worker;
    /* Of its worker, as of the last turn (audit.c): */
    uint64_t answers, answers_before; /* to clients */
    uint64_t slots_full, waiters_full, idle, links, accepted;
    unsigned closed_quiet;  /* connections that awaited nothing, closed in this turn */
    uint64_t left, left_ns; /* the gauges that had nothing under way behind them, and since when */
};

struct storm {
    uint64_t seed;
    struct sim *sim;
    struct sim_watch watch;
    struct storm_plan plan;
    struct rd_config config;       /* that was published last */
    union rd_address listeners[2]; /* IPv4, IPv6 */
    struct rd_fleet *fleet;
    struct rd_cache *cache;       /* NULL: nothing is kept */
    struct rd_exchange *exchange; /* NULL for one worker */
    struct rd_snapshot *snapshots[STORM_SNAPSHOTS];
    unsigned n_snapshots;
    struct rd_worker *workers[STORM_MAX_WORKERS];
    struct storm_seat seats[STORM_MAX_WORKERS];
    struct rd_port_list avoid;
    struct sim_upstream *servers[2][STORM_MAX_SERVERS];
    struct crowd *crowd;
    struct oracle *oracle;
    uint64_t turns;
    uint64_t shortages[STORM_MAX_WORKERS], lacks[STORM_MAX_WORKERS]; /* audit.c */
    uint64_t scarce_ns;            /* until then ports or buffers are short; 0: never yet */
    bool over;                     /* no fault happens any more, */
    bool peace;                    /* and all is as before the first one */
    FILE *tale;                    /* NULL: nobody reads along */
    uint64_t faults[STORM_FAULTS]; /* how often each has happened */
    uint64_t sent[16];             /* by RCODE, what workers sent to clients */
    uint64_t answers[16];          /* by RCODE, that clients got */
};

/* A forwarder of SEED that has had no query yet. TALE: who reads along, or NULL. Never NULL. */
struct storm *storm_new(uint64_t seed, unsigned queries, FILE *tale);
/* Its whole life, once; storm->sim->broken says what was wrong, if anything. */
void storm_run(struct storm *storm);
void storm_free(struct storm *storm);

/* For its parts: */

/* Whether FAULT happens at this opportunity; counts it and tells the tale. */
bool storm_chance(struct storm *storm, enum storm_fault fault);
/* 1 .. MOST_NS, small ones as likely as large ones: each power of two has the same share. */
uint64_t storm_span(struct storm *storm, uint64_t most_ns);

#endif
