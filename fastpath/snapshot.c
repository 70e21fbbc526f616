/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.c - compiles a configuration. Main thread; may allocate.
 */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "fleet.h"

static int compile_pool(struct rd_fleet *fleet, const struct rd_pool_config *config,
                        struct snapshot_pool *pool)
{
    pool->trust_ad = config->trust_ad;
    for (uint32_t i = 0; i < config->servers.n; i++) {
        int number = fleet_hold(fleet, &config->servers.at[i]);

        if (number < 0)
            return number;
        pool->servers[pool->n_servers++] =
            (struct snapshot_server){.number = (uint8_t)number,
                                     .incarnation = fleet->servers[number].incarnation,
                                     .address = config->servers.at[i]};
    }
    return 0;
}

int rd_snapshot_new(struct rd_fleet *fleet, const struct rd_config *config, uint64_t generation,
                    struct rd_snapshot **ret_snapshot)
{
    struct rd_snapshot *snapshot = calloc(1, sizeof(*snapshot));

    if (!snapshot)
        return -ENOMEM;
    snapshot->generation = generation;
    snapshot->config = *config;
    snapshot->nsid_len = (uint8_t)strlen(config->nsid);
    snapshot->server_id_len = (uint8_t)strlen(config->server_id);
    snapshot->version_len = (uint8_t)strlen(config->version_bind);
    rd_acl_init(&snapshot->access, config->access_allow.at, config->access_allow.n);
    for (uint32_t i = 0; i < config->n_pools; i++) {
        int r = compile_pool(fleet, &config->pools[i], &snapshot->pools[i]);

        if (r < 0) {
            rd_snapshot_free(fleet, snapshot);
            return r;
        }
    }
    *ret_snapshot = snapshot;
    return 0;
}

void rd_snapshot_free(struct rd_fleet *fleet, struct rd_snapshot *snapshot)
{
    if (!snapshot)
        return;
    for (uint32_t i = 0; i < snapshot->config.n_pools; i++)
        for (unsigned k = 0; k < snapshot->pools[i].n_servers; k++)
            fleet_release(fleet, snapshot->pools[i].servers[k].number);
    free(snapshot);
}
