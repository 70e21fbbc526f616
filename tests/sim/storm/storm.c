/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * storm.c - storm.h: a forwarder is set up, gets its weather, is left in peace, asked once more and
 * stopped.
 */
#include "sim/storm/storm.h"

#include <stdlib.h>
#include <string.h>

#include "sim/sim_io.h"
#include "sim/storm/audit.h"
#include "sim/storm/crowd.h"
#include "sim/storm/hands.h"
#include "sim/storm/oracle.h"
#include "sim/storm/servers.h"
#include "sim/storm/tale.h"
#include "sim/storm/weather.h"
#include "worker.h"

/* Turns between two full accounts. */
#define BOOKS_EVERY 1000
/* Longer than failures are remembered, so that all is well again after that. */
#define PEACE_NS (700 * RD_NS_PER_S)
/* Longer than questions, connections and links live. */
#define REST_NS (30 * RD_NS_PER_S)
/* How many names each worker is asked for in the end. */
#define LAST_NAMES 32
#define STOP_NS    (5 * RD_NS_PER_S)

bool storm_chance(struct storm *storm, enum storm_fault fault)
{
    uint32_t ppm = storm->plan.fault_ppm[fault];

    if (ppm == 0 || storm->over || sim_random_below(storm->sim, 1000000) >= ppm)
        return false;
    storm->faults[fault]++;
    tale_fault(storm, fault);
    return true;
}

uint64_t storm_span(struct storm *storm, uint64_t most_ns)
{
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(most_ns | 1);
    uint32_t shift = sim_random_below(storm->sim, bits);
    uint64_t span = sim_random(storm->sim) % (most_ns | 1);

    return (span >> shift) + 1;
}

/* Who is told of what the workers do. */

static void taken(void *context, unsigned worker, const struct io_message *msg,
                  const union rd_address *from, uint32_t tag)
{
    struct storm *storm = context;

    tale_taken(storm, worker, msg, from, tag);
    if (msg->origin == IO_CLIENT)
        oracle_query(storm->oracle, worker, msg);
    else
        oracle_reply(storm->oracle, worker, msg, from, (enum storm_origin)tag);
}

static void sent(void *context, unsigned worker, const struct io_message *msg,
                 const union rd_address *to)
{
    struct storm *storm = context;

    tale_sent(storm, worker, msg, to);
    audit_turn(storm, worker);
    if (msg->origin == IO_CLIENT) {
        storm->seats[worker].answers++;
        storm->sent[msg->len > 3 ? msg->data[3] & 15 : 0]++;
        oracle_answer(storm->oracle, worker, msg);
        return;
    }
    oracle_ask(storm->oracle, worker, msg, to);
}

static void closed(void *context, unsigned worker, uint32_t stream, bool by_peer)
{
    struct storm *storm = context;

    /* What a peer has reset the worker may call idle until it hears of that, in its next turn. */
    storm->seats[worker].closed_quiet += by_peer || !oracle_awaits(storm->oracle, worker, stream);
    oracle_closed(storm->oracle, worker, stream);
}

static bool turn(void *context)
{
    struct storm_seat *seat = context;
    struct storm *storm = seat->storm;
    bool running = rd_worker_turn(storm->workers[seat->worker]);

    audit_after_turn(storm, seat->worker);
    if (++storm->turns % BOOKS_EVERY == 0)
        audit_books(storm);
    return running;
}

/* Setting up. */

static void configure(struct storm *storm)
{
    struct rd_config *config = &storm->config;

    *config = storm->plan.config;
    storm->listeners[0] = sim_address("10.53.0.1", RD_DNS_PORT);
    storm->listeners[1] = sim_address("fd53::1", RD_DNS_PORT);
    config->listen.n = 2;
    config->listen.at[0] = storm->listeners[0];
    config->listen.at[1] = storm->listeners[1];
    servers_open(storm);
}

static void open_oracle(struct storm *storm)
{
    const struct rd_config *config = &storm->config;
    struct oracle_rules rules = {
        .min_ttl_s = (uint32_t)(config->cache_min_ttl / 1000),
        .max_ttl_s = (uint32_t)(config->cache_max_ttl / 1000),
        .negative_ttl_s = (uint32_t)(config->cache_negative_ttl / 1000),
        .stale_ns = config->cache_stale * RD_NS_PER_MS,
        .cut = config->cache_nxdomain_cut,
        .calm = storm->plan.calm,
        .max_answer = (uint32_t)config->max_answer,
        .clock_slack_ns = storm->plan.fault_ppm[STORM_FREEZE] ? 2 * RD_NS_PER_S : 0,
        .storm = storm,
    };

    storm->oracle = oracle_new(&rules);
}

static bool open_shared(struct storm *storm, struct rd_worker_setup *setup)
{
    struct rd_cache_setup cache = {.bytes = storm->plan.cache_bytes,
                                   .workers = storm->plan.workers};

    sim_random_bytes(storm->sim, setup->hash_key, sizeof(setup->hash_key));
    memcpy(cache.hash_key, setup->hash_key, sizeof(cache.hash_key));
    storm->fleet = rd_fleet_new();
    if (!storm->fleet || rd_cache_new(&cache, &storm->cache) < 0)
        return false;
    if (storm->plan.workers > 1)
        storm->exchange = rd_exchange_new(storm->plan.workers, storm->config.inflight_queries);
    setup->fleet = storm->fleet;
    setup->cache = storm->cache;
    setup->exchange = storm->exchange;
    if (rd_snapshot_new(storm->fleet, &storm->config, 1, &storm->snapshots[0]) < 0)
        return false;
    storm->n_snapshots = 1;
    setup->snapshot = storm->snapshots[0];
    return true;
}

static bool open_worker(struct storm *storm, struct rd_worker_setup *setup, unsigned index)
{
    struct rd_failure failure;

    setup->index = index;
    sim_random_bytes(storm->sim, setup->seed, sizeof(setup->seed));
    if (worker_new_on(&sim_io_ops, setup, &storm->workers[index], &failure) < 0 ||
        rd_worker_start(storm->workers[index], &failure) < 0)
        return false;
    storm->seats[index] = (struct storm_seat){.storm = storm, .worker = index};
    sim_worker_add(storm->sim, turn, &storm->seats[index]);
    return true;
}

static bool open_workers(struct storm *storm)
{
    struct rd_worker_setup setup = {.workers = storm->plan.workers,
                                    .io = RD_IO_SYSCALL,
                                    .max_ports = storm->plan.max_ports,
                                    .max_connections = storm->config.tcp_connections,
                                    .ports_avoid = &storm->avoid};

    if (!open_shared(storm, &setup))
        return false;
    for (unsigned i = 0; i < storm->plan.workers; i++)
        if (!open_worker(storm, &setup, i))
            return false;
    return true;
}

struct storm *storm_new(uint64_t seed, unsigned queries, FILE *tale)
{
    struct storm *storm = calloc(1, sizeof(*storm));

    if (!storm)
        abort();
    storm->seed = seed;
    storm->tale = tale;
    storm->sim = sim_new(seed);
    storm->sim->forgetful = true;
    storm->watch = (struct sim_watch){.context = storm,
                                      .carry = weather_carry,
                                      .arrive = tale ? tale_arrive : NULL,
                                      .taken = taken,
                                      .sent = sent,
                                      .closed = closed,
                                      .answered = crowd_answered,
                                      .heard = crowd_heard};
    storm_plan_draw(storm->sim, queries, &storm->plan);
    configure(storm);
    open_oracle(storm);
    crowd_open(storm);
    storm->sim->watch = &storm->watch;
    tale_plan(storm);
    if (!open_workers(storm))
        sim_broken(storm->sim, "no memory for the forwarder");
    return storm;
}

/* Its life. */

static bool has_asked(void *context)
{
    return crowd_is_done(context);
}

static bool is_at_rest(void *context)
{
    return audit_is_at_rest(context);
}

static bool has_stopped(void *context)
{
    const struct storm *storm = context;

    return !sim_workers_running(storm->sim);
}

/* PEACE_NS pass, and what was under way is over; probes come and go for ever. */
static void rest(struct storm *storm, uint64_t peace_ns)
{
    sim_run_for(storm->sim, peace_ns);
    sim_run_until(storm->sim, is_at_rest, storm, storm->sim->now_ns + 10 * REST_NS);
    if (!storm->sim->broken[0])
        audit_rest(storm);
}

/* All has gone by, and everything must be as on the first day. */
static void ask_once_more(struct storm *storm)
{
    rest(storm, PEACE_NS);
    audit_cache(storm);
    for (int i = 0; i < 2; i++) { /* a server that was down is probed when there is traffic */
        storm->peace = i > 0;
        crowd_ask_around(storm, LAST_NAMES);
        rest(storm, REST_NS);
    }
    audit_servers(storm);
}

/* In the middle of questions: who was heard gets an answer. */
static void stop(struct storm *storm)
{
    uint64_t order_ns;

    crowd_ask_around(storm, LAST_NAMES);
    sim_run_for(storm->sim, storm->sim->client_latency_ns + 1);
    order_ns = storm->sim->now_ns;

    for (unsigned i = 0; i < storm->plan.workers; i++)
        rd_worker_stop(storm->workers[i]);
    if (!sim_run_until(storm->sim, has_stopped, storm, order_ns + STOP_NS))
        sim_broken(storm->sim, "a worker does not stop");
    for (unsigned i = 0; i < storm->plan.workers; i++)
        rd_worker_finish(storm->workers[i]);
    audit_end(storm);
}

void storm_run(struct storm *storm)
{
    struct sim *sim = storm->sim;

    if (sim->broken[0])
        return;
    crowd_start(storm);
    sim_run_until(sim, has_asked, storm, UINT64_MAX);
    storm->over = true;
    crowd_hang_up(storm);
    sim_run_for(sim, RD_NS_PER_S); /* the machine is well again after that */
    ask_once_more(storm);
    if (!sim->broken[0])
        stop(storm);
}

void storm_free(struct storm *storm)
{
    for (unsigned i = 0; i < storm->plan.workers; i++)
        rd_worker_free(storm->workers[i]);
    for (unsigned i = 0; i < storm->n_snapshots; i++)
        if (storm->snapshots[i])
            rd_snapshot_free(storm->fleet, storm->snapshots[i]);
    rd_exchange_free(storm->exchange);
    rd_cache_free(storm->cache);
    rd_fleet_free(storm->fleet);
    oracle_free(storm->oracle);
    crowd_close(storm);
    servers_close(storm);
    sim_free(storm->sim);
    free(storm);
}
