/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency.c - a logarithmic histogram of the last seconds, and a loss by exponential smoothing.
 *
 * A median rather than a mean: what a resolver has to fetch first takes it hundreds of times longer
 * than what it knows, and says nothing of the server. The histogram is halved every two seconds
 * where there are samples enough, so a change shows within seconds at any rate.
 */
#include "latency.h"

#include <string.h>

#include "base/clock.h"

#define LOSS_SMOOTHING 32
#define MEDIAN_FADE    16
#define LOSS_FADE      8
#define WORST_US       4000000u
/* Below this many samples one slow reply would be the percentile. */
#define PERCENTILE_SAMPLES 100u
/* The histogram is halved every so many times that it is settled, if there are so many samples. */
#define HALVE_SETTLES 8
#define HALVE_SAMPLES 256u
/* And at once at this many: a bucket holds 65,535. */
#define MOST_SAMPLES 32768u
/* Without news for so many times, new samples shall not be outnumbered by old ones. */
#define FORGET_SETTLES 16

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

static void halve(struct latency *latency)
{
    latency->age = 0;
    latency->samples = 0;
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++) {
        latency->histogram[i] /= 2;
        latency->samples += latency->histogram[i];
    }
}

/* Until there is a median: a server that has just been met must not seem fast for want of one. */
static void average(struct latency *latency, uint32_t us)
{
    latency->median_us = (uint32_t)(latency->median_us +
                                    ((int64_t)us - latency->median_us) / (int64_t)latency->samples);
}

void latency_sample(struct latency *latency, uint64_t rtt_ns)
{
    uint32_t us = in_us(rtt_ns);

    latency->lately++;
    latency->loss -= (latency->loss + LOSS_SMOOTHING - 1) / LOSS_SMOOTHING;
    latency->histogram[bucket_of(us)]++;
    latency->samples++;
    if (!latency->settled)
        average(latency, us);
    if (latency->samples == MOST_SAMPLES)
        halve(latency);
}

void latency_penalty(struct latency *latency)
{
    latency->lately++;
    latency->loss += (LATENCY_ALL - latency->loss) / LOSS_SMOOTHING;
}

/* The time that at most ABOVE samples exceed, of what is counted from *BUCKET down; *COUNTED are in
 * the buckets over it. Both move on, so that ever larger ABOVE cost one pass together. */
static uint32_t percentile(const struct latency *latency, uint32_t above, uint32_t *bucket,
                           uint32_t *counted)
{
    while (*bucket > 0 && *counted + latency->histogram[*bucket] <= above)
        *counted += latency->histogram[(*bucket)--];
    return bucket_top(*bucket);
}

static void fade(struct latency *latency)
{
    latency->median_us -= latency->median_us / MEDIAN_FADE;
    latency->loss -= (latency->loss + LOSS_FADE - 1) / LOSS_FADE;
    if (latency->quiet < FORGET_SETTLES && ++latency->quiet == FORGET_SETTLES) {
        memset(latency->histogram, 0, sizeof(latency->histogram));
        latency->samples = 0;
    }
}

void latency_settle(struct latency *latency)
{
    uint32_t bucket = LATENCY_BUCKETS - 1, counted = 0;

    if (latency->lately == 0) {
        fade(latency);
        return;
    }
    latency->lately = 0;
    latency->quiet = 0;
    if (latency->samples == 0)
        return;
    if (latency->samples >= PERCENTILE_SAMPLES) {
        latency->p99_us = percentile(latency, latency->samples / 100, &bucket, &counted);
        latency->p95_us = percentile(latency, latency->samples / 20, &bucket, &counted);
    }
    latency->median_us = percentile(latency, latency->samples / 2, &bucket, &counted);
    latency->settled = true;
    if (latency->age < HALVE_SETTLES)
        latency->age++;
    if (latency->age == HALVE_SETTLES && latency->samples >= HALVE_SAMPLES)
        halve(latency);
}
