/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hands.h - the machine under a storm's forwarder, and the hands at its controls: CPU, clock,
 * buffers and sockets that fail for a while, upstreams that die, flushes and reloads.
 */
#ifndef RINGDNS_TESTS_STORM_HANDS_H
#define RINGDNS_TESTS_STORM_HANDS_H

#include "sim/storm/storm.h"

/* What of it happens now, by the chances of the plan. */
void hands_stir(struct storm *storm);
/* Compiles storm->config and publishes it; older snapshots that nobody uses any more are freed. */
void hands_publish(struct storm *storm);
/* The clock as the process sees it. */
uint64_t hands_clock(const struct storm *storm);

#endif
