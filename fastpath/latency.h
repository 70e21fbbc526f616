/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency.h - how fast a server answers: a smoothed mean for choosing, and a 99th percentile for
 * knowing when to stop waiting. One worker each.
 */
#ifndef RINGDNS_LATENCY_H
#define RINGDNS_LATENCY_H

#include <stdint.h>

/* Four buckets to each doubling, from 1 us to over 4 s. */
#define LATENCY_BUCKETS 96u

/* All zero: nothing is known. */
struct latency {
    uint32_t smoothed_us; /* 0: nothing is known */
    uint32_t p99_us;      /* 0: nothing is known; an upper bound by one bucket's width */
    uint32_t samples;
    uint32_t lately;                     /* samples and penalties since it was settled */
    uint16_t histogram[LATENCY_BUCKETS]; /* halved now and then, so that old days fade */
};

/* A reply took RTT_NS. */
void latency_sample(struct latency *latency, uint64_t rtt_ns);
/* No reply came within WAITED_NS: worsens the mean alone, for that is all it tells. */
void latency_penalty(struct latency *latency, uint64_t waited_ns);
/* Works the percentile out anew; without news since the last time, lets the mean fade: what was
 * slow long ago deserves another try. Costs a pass over the buckets. Meant to be called at regular
 * intervals. */
void latency_settle(struct latency *latency);

#endif
