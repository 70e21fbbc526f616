/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd.h - the clients of a storm: who asks what, and when; who asks again, by which way, and who
 * does not behave.
 *
 * A client is an endpoint, address and port. It remembers its last queries, so that it knows what
 * to ask again; what may come back is the oracle's business. One thread.
 */
#ifndef RINGDNS_TESTS_STORM_CROWD_H
#define RINGDNS_TESTS_STORM_CROWD_H

#include "sim/storm/storm.h"

/* Makes plan.clients of them, who say nothing yet. */
void crowd_open(struct storm *storm);
void crowd_close(struct storm *storm);
/* They begin to ask, in bursts, until plan.queries have been asked. */
void crowd_start(struct storm *storm);
/* All that they wanted to ask has been asked. */
bool crowd_is_done(const struct storm *storm);
/* How many queries have been sent, retransmissions and duplicates by clients included. */
uint64_t crowd_sent(const struct storm *storm);
/* Every client that still has a connection ends it. */
void crowd_hang_up(struct storm *storm);
/* Now: every worker is asked for up to NAMES names, an A each, once. */
void crowd_ask_around(struct storm *storm, unsigned names);

/* struct sim_watch's answered and heard; CONTEXT is the struct storm. */
void crowd_answered(void *context, const struct sim_datagram *datagram);
void crowd_heard(void *context, struct sim_conn *conn, const uint8_t *bytes, size_t len);

#endif
