/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upstreams.h - what the operator is told of one upstream, as JSON.
 */
#ifndef RINGDNS_CONTROL_UPSTREAMS_H
#define RINGDNS_CONTROL_UPSTREAMS_H

#include <jansson.h>
#include <stdint.h>

#include "ringdns/worker.h"

/* A server in its place in a pool, and what is known of it. Borrows all that it points to. */
struct upstream {
    const struct rd_pool_config *pool;
    const struct rd_server_config *server; /* one of POOL's */
    struct rd_server_info info;
    const struct rd_upstream_stats *const *stats; /* of each worker */
    unsigned n_stats;
};

/* One instant on both clocks, in nanoseconds: health is timed by the boot-time clock, which does
 * not jump, and people read the other one. */
struct upstreams_clock {
    uint64_t boot_ns;
    int64_t wall_ns; /* since 1970, UTC */
};

/* {"pool", "policy", "address", "source", "weight", "tier", "state", "since", "for_s", "counters",
 * "rtt"}: about 1.5 KB of text. Null where there is nothing to tell: "source" where the system
 * chooses, "since" and "for_s" where the state is the first one, the RTT's mean and percentiles
 * where nothing was measured; a percentile among the longest times has no bound and is null too.
 * Pure. The result is the caller's. NULL: no memory. */
json_t *upstream_json(const struct upstream *upstream, const struct upstreams_clock *now);

#endif
