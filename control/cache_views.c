/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_views.c - a key has a pool's number, people and files know its name.
 *
 * Thread: main; a copy may be read by any.
 * Not here: who gives out the numbers (fastpath/fleet.c).
 */
#include "cache_views.h"

#include <stdio.h>
#include <string.h>

#include "ringdns/config.h"

void cache_views_read(const struct rd_snapshot *snapshot, struct cache_views *ret_views)
{
    const struct rd_config *config = rd_snapshot_config(snapshot);

    ret_views->n = config->n_pools;
    for (unsigned i = 0; i < config->n_pools; i++) {
        struct cache_view *view = &ret_views->at[i];

        snprintf(view->pool, sizeof(view->pool), "%s", config->pools[i].name);
        view->view = (uint8_t)rd_snapshot_view(snapshot, i, &view->incarnation);
    }
}

int cache_views_find(const struct cache_views *views, const struct rd_cache_record *record)
{
    for (unsigned i = 0; i < views->n; i++)
        if (views->at[i].view == record->view && views->at[i].incarnation == record->incarnation)
            return (int)i;
    return -1;
}

int cache_views_named(const struct cache_views *views, const char *name, size_t len)
{
    for (unsigned i = 0; i < views->n; i++)
        if (strlen(views->at[i].pool) == len && memcmp(views->at[i].pool, name, len) == 0)
            return (int)i;
    return -1;
}
