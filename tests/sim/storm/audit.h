/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit.h - what must add up in a storm: each query is counted once and ends in one way, nothing
 * is lost, nothing grows.
 */
#ifndef RINGDNS_TESTS_STORM_AUDIT_H
#define RINGDNS_TESTS_STORM_AUDIT_H

#include "sim/storm/storm.h"

/* Within WORKER's turn: its gauges are within its tables. Tells the oracle of what ran short. */
void audit_turn(struct storm *storm, unsigned worker);
/* After it: also what can be said of a whole turn. */
void audit_after_turn(struct storm *storm, unsigned worker);
/* The same of clients' connections. */
void audit_streams(struct storm *storm, unsigned worker);
/* The full account, when no worker is in a turn. */
void audit_books(struct storm *storm);
/* Nothing is under way, no probe of our own either. */
bool audit_is_at_rest(struct storm *storm);
/* The full account at rest, and that it is one. */
void audit_rest(struct storm *storm);
/* All servers have been well for long: none is thought to be down. */
void audit_servers(struct storm *storm);
/* What a walk through the cache finds, when no worker is in a turn. */
void audit_cache(struct storm *storm);
/* When all workers have finished. */
void audit_end(struct storm *storm);

#endif
