/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan.h - all that the seed of a storm decides before it begins: who is there, how large the
 * tables are, what the configuration says, how likely each fault is. Plain numbers, no state.
 */
#ifndef RINGDNS_TESTS_STORM_PLAN_H
#define RINGDNS_TESTS_STORM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "ringdns/config.h"
#include "sim/sim.h"

enum storm_fault {
#define FAULT(name, most, help) STORM_##name,
#include "sim/storm/faults.def"
    STORM_FAULTS
};

extern const char *const storm_fault_names[STORM_FAULTS];
extern const char *const storm_fault_helps[STORM_FAULTS];

#define STORM_MAX_WORKERS 4
#define STORM_MAX_SERVERS 6

struct storm_plan {
    unsigned queries; /* that clients send of their own accord, retransmissions not counted */
    unsigned workers;
    unsigned pools;      /* 1 or 2: names of the second zone go to the second */
    unsigned servers[2]; /* of each pool */
    uint64_t latency_ns[2][STORM_MAX_SERVERS]; /* each way */
    unsigned names;                            /* in all zones together */
    unsigned clients;                          /* endpoints: address and port */
    uint32_t popularity; /* of the first names over the last, in percent: 0: all alike */
    unsigned burst_most; /* queries that come at one instant */
    uint64_t clump_ns;   /* the network delivers at multiples of this only; 0: at any time */
    uint64_t pause_ns;   /* between bursts, about */
    uint32_t tcp_ppm;    /* of a burst's queries, those that come by TCP */
    uint64_t cache_bytes;
    unsigned max_ports;
    bool calm; /* no fault at all: then no client is told of any */
    uint32_t fault_ppm[STORM_FAULTS];
    struct rd_config config; /* without pools and listeners */
};

/* Draws from the chance of SIM, which is new. QUERIES: as in the plan. */
void storm_plan_draw(struct sim *sim, unsigned queries, struct storm_plan *ret_plan);
/* The same without any fault. */
void storm_plan_calm(struct storm_plan *plan);

#endif
