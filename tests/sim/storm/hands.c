/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hands.c - hands.h. What fails for a while has an event for its end; a second fault of a kind that
 * lasts already is none.
 */
#include "sim/storm/hands.h"

#include <errno.h>
#include <string.h>

#include "sim/storm/oracle.h"
#include "sim/storm/servers.h"
#include "sim/storm/truth.h"

#define SPELL_NS (RD_NS_PER_S)      /* how long the machine fails at most */
#define DEATH_NS (60 * RD_NS_PER_S) /* and an upstream */

uint64_t hands_clock(const struct storm *storm)
{
    return storm->sim->frozen ? storm->sim->frozen_ns : storm->sim->now_ns;
}

/* When it will be over; the oracle is told that anything may go wrong until then. */
static uint64_t trouble(struct storm *storm, uint64_t most_ns)
{
    uint64_t lasts_ns = storm_span(storm, most_ns);

    oracle_trouble(storm->oracle, NULL, 0, storm->sim->now_ns + lasts_ns);
    return lasts_ns;
}

/* The same of ports or buffers. */
static uint64_t scarcity(struct storm *storm)
{
    uint64_t lasts_ns = trouble(storm, SPELL_NS), until_ns = storm->sim->now_ns + lasts_ns;

    if (storm->scarce_ns < until_ns)
        storm->scarce_ns = until_ns;
    return lasts_ns;
}

/* The machine. */

static void let_go(struct sim *sim, void *context, uint64_t worker)
{
    (void)context;
    sim->workers[worker].held = false;
}

static void hold(struct storm *storm)
{
    unsigned worker = sim_random_below(storm->sim, storm->plan.workers);

    if (storm->sim->workers[worker].held)
        return;
    storm->sim->workers[worker].held = true;
    sim_at(storm->sim, trouble(storm, SPELL_NS), let_go, storm, worker);
}

static void thaw(struct sim *sim, void *context, uint64_t argument)
{
    (void)context;
    (void)argument;
    sim->frozen = false;
}

static void freeze(struct storm *storm)
{
    if (storm->sim->frozen)
        return;
    storm->sim->frozen = true;
    storm->sim->frozen_ns = storm->sim->now_ns;
    sim_at(storm->sim, trouble(storm, SPELL_NS), thaw, storm, 0);
}

static void give_buffers(struct sim *sim, void *context, uint64_t argument)
{
    (void)context;
    (void)argument;
    sim->buffers_most = 0;
}

static void take_buffers(struct storm *storm)
{
    if (storm->sim->buffers_most)
        return;
    storm->sim->buffers_most = 1 + sim_random_below(storm->sim, 32);
    sim_at(storm->sim, scarcity(storm), give_buffers, storm, 0);
}

static void give_ports(struct sim *sim, void *context, uint64_t argument)
{
    (void)context;
    (void)argument;
    sim->port_error = sim->stream_error = 0;
}

static void take_ports(struct storm *storm)
{
    static const int errors[] = {EMFILE, EADDRNOTAVAIL, ENOBUFS};
    int error = errors[sim_random_below(storm->sim, 3)];

    if (storm->sim->port_error)
        return;
    storm->sim->port_error = storm->sim->stream_error = error;
    sim_at(storm->sim, scarcity(storm), give_ports, storm, 0);
}

/* Upstreams. */

static void unblock(struct sim *sim, void *context, uint64_t number)
{
    (void)context;
    sim->upstreams[number]->send_error = 0;
}

static void block(struct storm *storm)
{
    static const int errors[] = {ENOBUFS, ENETUNREACH, EPERM, EHOSTUNREACH};
    unsigned number = sim_random_below(storm->sim, storm->sim->n_upstreams);
    int error = errors[sim_random_below(storm->sim, 4)];

    if (storm->sim->upstreams[number]->send_error)
        return;
    storm->sim->upstreams[number]->send_error = error;
    sim_at(storm->sim, trouble(storm, SPELL_NS), unblock, storm, number);
}

static void kill(struct storm *storm)
{
    unsigned pool = sim_random_below(storm->sim, storm->plan.pools);
    unsigned number = sim_random_below(storm->sim, storm->plan.servers[pool]);
    bool stall = sim_random_below(storm->sim, 2);
    uint64_t lasts_ns = trouble(storm, DEATH_NS);

    servers_die(storm, pool, number, storm->sim->now_ns + lasts_ns, stall);
}

static void kill_all(struct storm *storm)
{
    uint64_t until_ns = storm->sim->now_ns + trouble(storm, DEATH_NS);
    bool stall = sim_random_below(storm->sim, 2);

    for (unsigned pool = 0; pool < storm->plan.pools; pool++)
        for (unsigned i = 0; i < storm->plan.servers[pool]; i++)
            servers_die(storm, pool, i, until_ns, stall);
}

/* The operator. */

static void to_wire(const char *text, struct rd_name *ret_name)
{
    ret_name->len = 0;
    while (*text) {
        size_t label = strcspn(text, ".");

        ret_name->bytes[ret_name->len++] = (uint8_t)label;
        memcpy(ret_name->bytes + ret_name->len, text, label);
        ret_name->len = (uint8_t)(ret_name->len + label);
        text += label + (text[label] == '.');
    }
    ret_name->bytes[ret_name->len++] = 0;
}

static void flush(struct storm *storm)
{
    uint32_t how = sim_random_below(storm->sim, 8);
    char text[TRUTH_NAME_BYTES];
    struct rd_name name;

    truth_name(storm, sim_random_below(storm->sim, storm->plan.names), text);
    to_wire(text, &name);
    oracle_flush(storm->oracle, how == 0 ? NULL : name.bytes, how < 4);
    if (how == 0)
        rd_cache_flush_all(storm->cache, hands_clock(storm));
    else if (how < 4)
        rd_cache_flush_suffix(storm->cache, &name);
    else
        rd_cache_flush(storm->cache, storm->snapshots[storm->n_snapshots - 1], &name);
}

/* Those before the newest that every worker uses are free of it. */
static void free_snapshots(struct storm *storm)
{
    uint64_t oldest = UINT64_MAX;

    for (unsigned i = 0; i < storm->plan.workers; i++) {
        uint64_t used = rd_worker_generation(storm->workers[i]);

        oldest = used < oldest ? used : oldest;
    }
    for (unsigned i = 0; i < storm->n_snapshots && i + 1 < oldest; i++) {
        rd_snapshot_free(storm->fleet, storm->snapshots[i]);
        storm->snapshots[i] = NULL;
    }
}

void hands_publish(struct storm *storm)
{
    struct rd_snapshot *snapshot = NULL;

    if (rd_snapshot_new(storm->fleet, &storm->config, storm->n_snapshots + 1, &snapshot) < 0) {
        sim_broken(storm->sim, "no room or memory for a configuration");
        return;
    }
    storm->snapshots[storm->n_snapshots++] = snapshot;
    oracle_reload(storm->oracle);
    for (unsigned i = 0; i < storm->plan.workers; i++)
        rd_worker_publish(storm->workers[i], snapshot);
    free_snapshots(storm);
}

/* One of a pool's servers is left out, or all are back. */
static void change_servers(struct storm *storm)
{
    unsigned pool = sim_random_below(storm->sim, storm->plan.pools);
    unsigned missing = sim_random_below(storm->sim, storm->plan.servers[pool] + 1);
    struct rd_server_list *list = &storm->config.pools[pool].servers;

    list->n = 0;
    for (unsigned i = 0; i < storm->plan.servers[pool]; i++)
        if (i != missing || storm->plan.servers[pool] == 1)
            list->at[list->n++] = (struct rd_server_config){storm->servers[pool][i]->address, 1, 0};
}

static void reload(struct storm *storm)
{
    struct rd_config *config = &storm->config;

    if (storm->n_snapshots == STORM_SNAPSHOTS)
        return;
    if (sim_random_below(storm->sim, 2) == 0)
        change_servers(storm);
    config->cache_prefetch = sim_random_below(storm->sim, 2);
    config->cache_rotate = sim_random_below(storm->sim, 2);
    config->pools[0].policy = (enum rd_policy)sim_random_below(storm->sim, 4);
    config->pools[0].randomize_case = sim_random_below(storm->sim, 2);
    /* A server that comes or goes leaves questions under way without one. */
    oracle_trouble(storm->oracle, NULL, 0, storm->sim->now_ns);
    hands_publish(storm);
}

void hands_stir(struct storm *storm)
{
    static const struct {
        enum storm_fault fault;
        void (*happen)(struct storm *storm);
    } all[] = {
        {STORM_HOLD, hold},        {STORM_FREEZE, freeze},    {STORM_BUFFERS, take_buffers},
        {STORM_SEND, block},       {STORM_PORTS, take_ports}, {STORM_DIE, kill},
        {STORM_DIE_ALL, kill_all}, {STORM_FLUSH, flush},      {STORM_RELOAD, reload},
    };

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (storm_chance(storm, all[i].fault))
            all[i].happen(storm);
}
