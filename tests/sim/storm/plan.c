/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan.c - plan.h. Every draw is a statement of its own: the order of evaluation is the compiler's.
 */
#include "sim/storm/plan.h"

#include <stdio.h>
#include <string.h>

#include "ringdns/cache.h"

const char *const storm_fault_names[STORM_FAULTS] = {
#define FAULT(name, most, help) #name,
#include "sim/storm/faults.def"
};

const char *const storm_fault_helps[STORM_FAULTS] = {
#define FAULT(name, most, help) help,
#include "sim/storm/faults.def"
};

static const uint32_t most_ppm[STORM_FAULTS] = {
#define FAULT(name, most, help) most,
#include "sim/storm/faults.def"
};

/* With bursts of 64 queries: whatever comes then, no table is full. */
#define CALM_PAUSE_NS (30 * RD_NS_PER_MS)

static bool draw_half(struct sim *sim)
{
    return sim_random_below(sim, 2) == 0;
}

/* One of N choices. */
static uint32_t pick(struct sim *sim, const uint32_t *choices, unsigned n)
{
    return choices[sim_random_below(sim, n)];
}
#define PICK(sim, ...)                                                                             \
    pick(sim, (const uint32_t[]){__VA_ARGS__},                                                     \
         (unsigned)(sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)))

/* From MOST down to about a hundredth of it, each power of two with the same share. */
static uint32_t draw_scaled(struct sim *sim, uint32_t most)
{
    uint32_t scale = sim_random_below(sim, 7);
    uint32_t rest = sim_random_below(sim, most / 2 + 1);

    return (most - rest) >> scale;
}

static void draw_people(struct sim *sim, struct storm_plan *plan)
{
    plan->workers = PICK(sim, 1, 2, 2, 2, 2, 3, 3, 4);
    plan->names = PICK(sim, 1, 20, 100, 400, 1000, 3000);
    plan->clients = PICK(sim, 1, 16, 256, 1024);
    plan->popularity = PICK(sim, 0, 50, 100);
    plan->burst_most = PICK(sim, 4, 16, 32, 64, 128);
    plan->pause_ns = PICK(sim, 1, 30, 2000, 12000, 75000) * RD_NS_PER_MS * plan->burst_most / 64;
    plan->clump_ns = PICK(sim, 0, 0, 0, 200, 5000, 100000) * RD_NS_PER_US;
    plan->tcp_ppm = PICK(sim, 0, 10000, 50000, 200000);
    plan->max_ports = PICK(sim, 4096, 4096, 4096, 24);
}

static void draw_servers(struct sim *sim, struct storm_plan *plan)
{
    plan->pools = PICK(sim, 1, 2);
    for (unsigned pool = 0; pool < plan->pools; pool++) {
        plan->servers[pool] = PICK(sim, 1, 2, 3, STORM_MAX_SERVERS);
        for (unsigned i = 0; i < STORM_MAX_SERVERS; i++)
            plan->latency_ns[pool][i] = PICK(sim, 20, 200, 1000, 10000, 40000) * RD_NS_PER_US;
    }
}

static void allow(struct rd_config *config, const char *address, uint8_t bits)
{
    struct rd_prefix *prefix = &config->access_allow.at[config->access_allow.n++];
    union rd_address host = sim_address(address, 0);

    rd_address_host(&host, prefix->bytes);
    prefix->bits = bits;
}

/* What the operator wrote about tables and sizes. */
static void draw_tables(struct sim *sim, struct rd_config *config)
{
    config->max_answer = PICK(sim, 512, 1232, 1232, 4096);
    config->inflight_queries = PICK(sim, 16, 256, 4096, 4096);
    config->inflight_waiters = PICK(sim, 16, 256, 8192, 8192);
    config->inflight_upstream = PICK(sim, 64, 16384);
    config->ports_per_upstream = PICK(sim, RD_PORTS_MIN, 16, 128);
    config->tcp_connections = PICK(sim, 16, 64, 256);
    config->tcp_per_prefix = PICK(sim, 4, 256);
    config->tcp_pipeline = PICK(sim, 1, 8, 100);
    config->tcp_unsent = 64 << 10;
    config->tcp_idle = PICK(sim, 1000, 10000);
    config->tcp_message = PICK(sim, 500, 5000);
    config->tcp_upstream_idle = PICK(sim, 500, 5000);
    config->tcp_per_worker = PICK(sim, 1, 2);
    config->tcp_per_upstream = PICK(sim, 1, 16);
}

static void draw_cache(struct sim *sim, struct storm_plan *plan)
{
    struct rd_config *config = &plan->config;
    uint32_t size = PICK(sim, 0, 1, 2, 2, 8, 8);

    if (size == 1)
        plan->cache_bytes = rd_cache_least_bytes(plan->workers);
    else
        plan->cache_bytes = (uint64_t)size << 20;
    if (plan->cache_bytes && plan->cache_bytes < rd_cache_least_bytes(plan->workers))
        plan->cache_bytes = rd_cache_least_bytes(plan->workers);
    config->cache_size = plan->cache_bytes;
    config->cache_min_ttl = PICK(sim, 0, 0, 0, 5000);
    config->cache_max_ttl = PICK(sim, 86400000, 86400000, 60000);
    config->cache_negative_ttl = PICK(sim, 3600000, 3600000, 10000);
    config->cache_jitter = PICK(sim, 0, 0, 20);
    config->cache_rotate = draw_half(sim);
    config->cache_nxdomain_cut = draw_half(sim);
    config->cache_stale = PICK(sim, 0, 60000, 86400000);
    config->cache_stale_mode = draw_half(sim) ? RD_STALE_IMMEDIATE : RD_STALE_ON_FAILURE;
    config->cache_prefetch = draw_half(sim);
}

static void draw_pools(struct sim *sim, struct storm_plan *plan)
{
    for (unsigned i = 0; i < plan->pools; i++) {
        struct rd_pool_config *pool = &plan->config.pools[i];

        pool->policy = (enum rd_policy)PICK(sim, RD_POLICY_FASTEST, RD_POLICY_ORDERED,
                                            RD_POLICY_SPREAD, RD_POLICY_HASH);
        pool->transport =
            (enum rd_transport)PICK(sim, RD_TRANSPORT_AUTO, RD_TRANSPORT_AUTO, RD_TRANSPORT_AUTO,
                                    RD_TRANSPORT_AUTO, RD_TRANSPORT_AUTO, RD_TRANSPORT_TCP);
        pool->randomize_case = draw_half(sim);
        pool->cookies = draw_half(sim);
        pool->hedge = PICK(sim, 0, 0, 10);
        pool->probe.len = 1;
    }
    plan->config.n_pools = plan->pools;
}

/* What the forwarder says of itself, and whose word it takes. From what the next draw will be, so
 * that it takes none. */
static void choose_identity(const struct sim *sim, struct storm_plan *plan)
{
    uint64_t bits = sim->random[0];

    if (bits & 1)
        snprintf(plan->config.nsid, sizeof(plan->config.nsid), "ns1.example");
    if (bits & 2) {
        snprintf(plan->config.version_bind, sizeof(plan->config.version_bind), "storm");
        snprintf(plan->config.server_id, sizeof(plan->config.server_id), "ns1");
    }
    for (unsigned i = 0; i < plan->pools; i++)
        plan->config.pools[i].trust_ad = bits >> (2 + i) & 1;
    plan->config.cache_without_recursion = bits >> 4 & 1;
    if (bits >> 5 & 1) {
        plan->config.local_localhost = plan->config.local_test = true;
        plan->config.local_invalid = plan->config.local_home_arpa = true;
        plan->config.local_private_reverse = RD_SWITCH_YES;
    }
}

static void draw_faults(struct sim *sim, struct storm_plan *plan)
{
    plan->calm = sim_random_below(sim, 12) == 0;
    for (unsigned i = 0; i < STORM_FAULTS; i++) {
        bool happens = draw_half(sim);
        uint32_t ppm = draw_scaled(sim, most_ppm[i]);

        plan->fault_ppm[i] = happens && !plan->calm ? ppm : 0;
    }
    if (plan->calm)
        storm_plan_calm(plan);
}

void storm_plan_calm(struct storm_plan *plan)
{
    struct rd_config *config = &plan->config;

    plan->calm = true;
    memset(plan->fault_ppm, 0, sizeof(plan->fault_ppm));
    plan->clump_ns = 0;
    if (plan->pause_ns < CALM_PAUSE_NS * plan->burst_most / 64)
        plan->pause_ns = CALM_PAUSE_NS * plan->burst_most / 64;
    /* Tables that are full are trouble, too. */
    plan->max_ports = 4096;
    config->inflight_queries = 4096;
    config->inflight_waiters = 8192;
    config->inflight_upstream = 16384;
    config->tcp_connections = 256;
    for (unsigned i = 0; i < plan->pools; i++)
        config->pools[i].transport = RD_TRANSPORT_AUTO; /* a link takes so many questions only */
}

void storm_plan_draw(struct sim *sim, unsigned queries, struct storm_plan *ret_plan)
{
    struct rd_config *config = &ret_plan->config;

    memset(ret_plan, 0, sizeof(*ret_plan));
    ret_plan->queries = queries;
    draw_people(sim, ret_plan);
    draw_servers(sim, ret_plan);
    draw_tables(sim, config);
    draw_cache(sim, ret_plan);
    draw_pools(sim, ret_plan);
    config->loop_probe = draw_half(sim);
    allow(config, "10.1.0.0", 96 + 16);
    allow(config, "2001:db8:1::", 48);
    draw_faults(sim, ret_plan);
    choose_identity(sim, ret_plan);
}
