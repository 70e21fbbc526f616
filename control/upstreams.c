/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upstreams.c - an upstream's place, health, counters and round-trip times as a JSON object.
 *
 * Counters are added up over the workers: with many of both, each worker's own would make the
 * document larger than anyone reads.
 * Threads: any, no state.
 * Not here: where it all comes from (answers.c), the table for people (upstreams_text.c).
 */
#include "upstreams.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "address.h"
#include "config_schema.h"
#include "escape.h"
#include "stats_text.h"

enum { NS_PER_S = 1000000000, TIME_BYTES = 32 };

static const char *const state_names[] = {
    [RD_SERVER_UP] = "up",     [RD_SERVER_DEGRADED] = "degraded", [RD_SERVER_SUSPECT] = "suspect",
    [RD_SERVER_DOWN] = "down", [RD_SERVER_LOOPING] = "looping",
};

/* JSON takes UTF-8 only, and names of pools and interfaces are whatever they are. */
static json_t *text_json(const char *text)
{
    char shown[4 * ADDRESS_TEXT_BYTES];

    return json_string(escape_text(text, strlen(text), shown, sizeof(shown)));
}

static json_t *address_json(const union rd_address *address)
{
    char text[ADDRESS_TEXT_BYTES];

    return text_json(address_format(address, text));
}

/* The host alone: 10.0.0.7, fe80::1%eth0. */
static json_t *source_json(const union rd_address *source)
{
    char text[ADDRESS_TEXT_BYTES], *host = text;

    if (source->any.sa_family == AF_UNSPEC)
        return json_null();
    address_format(source, text);
    *strrchr(text, ':') = '\0';
    if (*host == '[') {
        host++;
        host[strlen(host) - 1] = '\0';
    }
    return text_json(host);
}

/* As the configuration's file has it. */
static json_t *policy_json(enum rd_policy policy)
{
    const struct config_option *option = &config_options[CONFIG_POOL_policy];
    char text[32] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    if (!out)
        return NULL;
    option->kind->print(option, &policy, 0, out);
    fclose(out);
    return text_json(text);
}

/* RFC 3339 in UTC, whole seconds. The wall clock may be set to less than the machine's age. */
static json_t *time_json(int64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    char text[TIME_BYTES];
    struct tm utc;

    if (wall_ns < 0 || !gmtime_r(&seconds, &utc) ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return json_null();
    return json_string(text);
}

/* How long it has been so. A worker may have written SINCE_NS after NOW was read. */
static uint64_t age_ns(uint64_t since_ns, const struct upstreams_clock *now)
{
    return since_ns < now->boot_ns ? now->boot_ns - since_ns : 0;
}

/* Bucket I's upper bound in microseconds; the last one has none. */
static json_t *bound_json(unsigned i)
{
    return i < RD_RTT_BUCKETS - 1 ? json_integer((json_int_t)RD_RTT_BOUND_US(i)) : json_null();
}

/* The bound of the bucket in which the PERCENT-th part of COUNT measured times ends. */
static json_t *percentile_json(const uint64_t buckets[RD_RTT_BUCKETS], uint64_t count,
                               unsigned percent)
{
    /* COUNT * PERCENT / 100, rounded up, in parts that do not overflow. */
    uint64_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100, seen = 0;
    unsigned i = 0;

    if (count == 0)
        return json_null();
    while (i < RD_RTT_BUCKETS - 1 && (seen += buckets[i]) < rank)
        i++;
    return bound_json(i);
}

static json_t *rtt_json(const struct rd_upstream_stats *const *stats, unsigned n)
{
    uint64_t buckets[RD_RTT_BUCKETS] = {0}, count = 0, sum_us = 0;
    json_t *pairs = json_array(), *mean;

    for (unsigned worker = 0; worker < n; worker++) {
        sum_us += rd_stat_get(&stats[worker]->rtt_sum_us);
        for (unsigned i = 0; i < RD_RTT_BUCKETS; i++)
            buckets[i] += rd_stat_get(&stats[worker]->rtt[i]);
    }
    for (unsigned i = 0; i < RD_RTT_BUCKETS; i++) {
        count += buckets[i];
        json_array_append_new(pairs, json_pack("[o, I]", bound_json(i), (json_int_t)buckets[i]));
    }
    mean = count > 0 ? json_integer((json_int_t)(sum_us / count)) : json_null();
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "count", (json_int_t)count, "mean_us", mean,
                     "median_us", percentile_json(buckets, count, 50), "p95_us",
                     percentile_json(buckets, count, 95), "p99_us",
                     percentile_json(buckets, count, 99), "buckets", pairs);
}

json_t *upstream_json(const struct upstream *upstream, const struct upstreams_clock *now)
{
    const struct rd_pool_config *pool = upstream->pool;
    const struct rd_server_config *server = upstream->server;
    const struct rd_server_info *info = &upstream->info;
    uint64_t for_ns = age_ns(info->since_ns, now);
    bool first = info->since_ns == 0;

    return json_pack("{s:o, s:o, s:o, s:o, s:i, s:i, s:s, s:o, s:o, s:o, s:o}", "pool",
                     text_json(pool->name), "policy", policy_json(pool->policy), "address",
                     address_json(&server->address), "source", source_json(&info->source), "weight",
                     (int)server->weight, "tier", (int)server->tier, "state",
                     state_names[info->state], "since",
                     first ? json_null() : time_json(now->wall_ns - (int64_t)for_ns), "for_s",
                     first ? json_null() : json_integer((json_int_t)(for_ns / NS_PER_S)),
                     "counters", stats_json_upstream(upstream->stats, upstream->n_stats), "rtt",
                     rtt_json(upstream->stats, upstream->n_stats));
}
