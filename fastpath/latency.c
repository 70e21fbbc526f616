/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency.c - a mean by exponential smoothing (RFC 6298's alpha) and a logarithmic histogram.
 */
#include "latency.h"

#include "base/clock.h"

#define SMOOTHING    8
#define FADE         16
#define FADE_SAMPLES 4096u
#define WORST_US     4000000u
/* Below this many samples one slow reply would be the percentile. */
#define SETTLE_SAMPLES 100u

static uint32_t in_us(uint64_t ns)
{
    uint64_t us = ns / RD_NS_PER_US;

    return us == 0 ? 1 : us > WORST_US ? WORST_US : (uint32_t)us;
}

/* Two bits behind the leading one choose among the four buckets of a doubling. */
static uint32_t bucket_of(uint32_t us)
{
    uint32_t doubling, bucket;

    if (us < 4)
        return us;
    doubling = 31u - (uint32_t)__builtin_clz(us);
    bucket = doubling * 4 + ((us >> (doubling - 2)) & 3);
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The largest value of BUCKET. */
static uint32_t bucket_top(uint32_t bucket)
{
    uint32_t doubling = bucket / 4;

    if (bucket < 8)
        return bucket;
    return (uint32_t)(((uint64_t)(4 + bucket % 4 + 1) << (doubling - 2)) - 1);
}

static void smooth(struct latency *latency, uint32_t us)
{
    latency->lately++;
    if (latency->smoothed_us == 0)
        latency->smoothed_us = us;
    else
        latency->smoothed_us += (uint32_t)(((int64_t)us - latency->smoothed_us) / SMOOTHING);
    if (latency->smoothed_us == 0)
        latency->smoothed_us = 1;
}

void latency_sample(struct latency *latency, uint64_t rtt_ns)
{
    uint32_t us = in_us(rtt_ns);

    smooth(latency, us);
    latency->histogram[bucket_of(us)]++;
    if (++latency->samples < FADE_SAMPLES)
        return;
    latency->samples = 0;
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++) {
        latency->histogram[i] /= 2;
        latency->samples += latency->histogram[i];
    }
}

void latency_penalty(struct latency *latency, uint64_t waited_ns)
{
    smooth(latency, in_us(waited_ns));
}

void latency_settle(struct latency *latency)
{
    uint32_t above = latency->samples / 100;

    if (latency->lately == 0)
        latency->smoothed_us -= latency->smoothed_us / FADE;
    latency->lately = 0;
    if (latency->samples < SETTLE_SAMPLES)
        return;
    for (uint32_t i = LATENCY_BUCKETS; i-- > 0;) {
        if (latency->histogram[i] > above) {
            latency->p99_us = bucket_top(i);
            return;
        }
        above -= latency->histogram[i];
    }
}
