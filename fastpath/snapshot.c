/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.c - compiles a configuration. Main thread; may allocate.
 */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "fleet.h"
#include "wire/cursor.h"

/* The one of a pool's own addresses that a server of TO's family sees. */
static union rd_address source_for(const struct rd_host_list *sources, const union rd_address *to)
{
    for (uint32_t i = 0; i < sources->n; i++)
        if (sources->at[i].any.sa_family == to->any.sa_family)
            return sources->at[i];
    return (union rd_address){.any.sa_family = AF_UNSPEC};
}

/* Under a key that everyone knows: the same address has the same mark everywhere. */
static uint64_t mark_of(const union rd_address *address)
{
    static const struct rd_hash_key key = {{0}};
    uint8_t bytes[18];

    rd_address_host(address, bytes);
    rd_put_u16(bytes + 16, rd_address_port(address));
    return rd_hash(&key, bytes, sizeof(bytes));
}

static int compile_server(struct rd_fleet *fleet, const struct rd_pool_config *config,
                          const struct rd_server_config *server, struct snapshot_pool *pool)
{
    union rd_address source = source_for(&config->source, &server->address);
    int number = fleet_hold(fleet, &server->address, &source);

    if (number < 0)
        return number;
    pool->servers[pool->n_servers++] =
        (struct snapshot_server){.number = (uint8_t)number,
                                 .weight = server->weight,
                                 .tier = server->tier,
                                 .incarnation = fleet->servers[number].incarnation,
                                 .mark = mark_of(&server->address),
                                 .address = server->address,
                                 .source = source};
    return 0;
}

static int compile_pool(struct rd_fleet *fleet, const struct rd_pool_config *config,
                        struct snapshot_pool *pool)
{
    pool->policy = (uint8_t)config->policy;
    pool->hedge = (uint8_t)config->hedge;
    pool->trust_ad = config->trust_ad;
    pool->tcp = config->transport == RD_TRANSPORT_TCP;
    pool->randomize_case = config->randomize_case;
    pool->cookies = config->cookies;
    pool->probe = config->probe;
    for (uint32_t i = 0; i < config->servers.n; i++) {
        int r = compile_server(fleet, config, &config->servers.at[i], pool);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Each pool under the number that its name has, or had a moment ago. */
static int compile_pools(struct rd_fleet *fleet, struct rd_snapshot *snapshot)
{
    const struct rd_config *config = &snapshot->config;

    for (uint32_t i = 0; i < config->n_pools; i++) {
        int view = fleet_hold_view(fleet, config->pools[i].name);
        int r;

        if (view < 0)
            return view;
        snapshot->views[snapshot->n_views++] = (uint8_t)view;
        snapshot->pools[view].incarnation = fleet->views[view].incarnation;
        r = compile_pool(fleet, &config->pools[i], &snapshot->pools[view]);
        if (r < 0)
            return r;
    }
    return 0;
}

int rd_snapshot_new(struct rd_fleet *fleet, const struct rd_config *config, uint64_t generation,
                    struct rd_snapshot **ret_snapshot)
{
    struct rd_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    int r;

    if (!snapshot)
        return -ENOMEM;
    snapshot->generation = generation;
    snapshot->config = *config;
    snapshot->nsid_len = (uint8_t)strlen(config->nsid);
    snapshot->server_id_len = (uint8_t)strlen(config->server_id);
    snapshot->version_len = (uint8_t)strlen(config->version_bind);
    rd_acl_init(&snapshot->access, config->access_allow.at, config->access_allow.n);
    snapshot->routes = routes_new(config);
    r = snapshot->routes ? compile_pools(fleet, snapshot) : -ENOMEM;
    if (r < 0) {
        rd_snapshot_free(fleet, snapshot);
        return r;
    }
    *ret_snapshot = snapshot;
    return 0;
}

void rd_snapshot_free(struct rd_fleet *fleet, struct rd_snapshot *snapshot)
{
    if (!snapshot)
        return;
    for (uint32_t i = 0; i < snapshot->n_views; i++) {
        const struct snapshot_pool *pool = &snapshot->pools[snapshot->views[i]];

        for (unsigned k = 0; k < pool->n_servers; k++)
            fleet_release(fleet, pool->servers[k].number);
        fleet_release_view(fleet, snapshot->views[i]);
    }
    routes_free(snapshot->routes);
    free(snapshot);
}

const struct rd_config *rd_snapshot_config(const struct rd_snapshot *snapshot)
{
    return &snapshot->config;
}

unsigned rd_snapshot_server(const struct rd_snapshot *snapshot, unsigned pool, unsigned server)
{
    return snapshot->pools[snapshot->views[pool]].servers[server].number;
}

unsigned rd_snapshot_view(const struct rd_snapshot *snapshot, unsigned pool,
                          uint16_t *ret_incarnation)
{
    unsigned view = snapshot->views[pool];

    *ret_incarnation = snapshot->pools[view].incarnation;
    return view;
}
