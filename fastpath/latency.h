/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency.h - how fast a server answers, and how often not at all: a median and a loss for
 * choosing, percentiles for knowing when to stop waiting. One worker each.
 */
#ifndef RINGDNS_LATENCY_H
#define RINGDNS_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

/* Four buckets to each doubling, from 1 us to over 4 s. */
#define LATENCY_BUCKETS 96u
/* A loss of all. */
#define LATENCY_ALL 65536u

/* All zero: nothing is known. Percentiles are upper bounds, too high by one bucket's width (a
 * quarter) at most. */
struct latency {
    uint32_t median_us; /* 0: nothing is known; before the first latency_settle the mean */
    uint32_t p95_us;    /* 0: nothing is known yet; of 100 samples or more */
    uint32_t p99_us;    /* the same */
    uint32_t loss;      /* share of questions without a reply, smoothed, of LATENCY_ALL */
    uint32_t samples;   /* in the histogram */
    uint32_t lately;    /* samples and penalties since it was settled */
    bool settled;       /* once at least */
    uint8_t age;        /* how often it was settled since the histogram was halved */
    uint8_t quiet;      /* how often in a row without news */
    uint16_t histogram[LATENCY_BUCKETS];
};

/* A reply took RTT_NS. */
void latency_sample(struct latency *latency, uint64_t rtt_ns);
/* No reply came: that worsens the loss alone, for it is all that is known. */
void latency_penalty(struct latency *latency);
/* Works the percentiles out anew. Old samples count less and less; without news since the last
 * time, median and loss fade too: what was slow long ago deserves another try. Costs a pass over
 * the buckets. Meant to be called four times a second. */
void latency_settle(struct latency *latency);

/* What asking this server costs in expectation, in microseconds: its median, and for what it loses
 * the wait until another is asked (WAIT_US). 0: nothing is known. */
static inline uint32_t latency_cost(const struct latency *latency, uint32_t wait_us)
{
    return latency->median_us + (uint32_t)((uint64_t)latency->loss * wait_us / LATENCY_ALL);
}

#endif
