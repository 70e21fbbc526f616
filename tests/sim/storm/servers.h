/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers.h - the upstreams of a storm: the truth (truth.h), spoilt by the faults of an upstream;
 * and those who would be one, the forgers.
 */
#ifndef RINGDNS_TESTS_STORM_SERVERS_H
#define RINGDNS_TESTS_STORM_SERVERS_H

#include "sim/storm/storm.h"

/* How long a message that has gone wrong is trouble for its question: nobody waits for an answer
 * longer than that. */
#define SERVERS_PATIENCE_NS (4 * RD_NS_PER_S)

/* Makes all of plan.servers, 198.51.100.1 .. for the first pool and 203.0.113.1 .. for the second,
 * and fills storm->servers and, in storm->config, the route and the pools' names, servers and
 * probes; what else they say stays. */
void servers_open(struct storm *storm);
/* Gives back what servers_open has taken; nothing may arrive at them any more. Does nothing where
 * that was not called. */
void servers_close(struct storm *storm);

/* Server NUMBER of POOL answers nothing until UNTIL_NS: STALL: without a word; else there are ICMP
 * errors, and new connections are refused. Those that are open are silent in any case. The later
 * end counts where it is dead already; SIM's now revives it. */
void servers_die(struct storm *storm, unsigned pool, unsigned number, uint64_t until_ns,
                 bool stall);

#endif
