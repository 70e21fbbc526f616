/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_admin.c - looking into the cache in the views of a snapshot, which the cache itself does
 * not know. Main thread.
 */
#include "cache/walk.h"
#include "snapshot.h"

static unsigned views_of(const struct rd_snapshot *snapshot, struct rd_cache_view *ret_views)
{
    for (unsigned i = 0; i < snapshot->n_views; i++) {
        uint8_t view = snapshot->views[i];

        ret_views[i] = (struct rd_cache_view){view, snapshot->pools[view].incarnation};
    }
    return snapshot->n_views;
}

void rd_cache_find(struct rd_cache *cache, const struct rd_snapshot *snapshot,
                   const struct rd_name *name, rd_cache_visit *visit, void *context)
{
    struct rd_cache_view views[RD_MAX_POOLS];

    rd_cache_find_views(cache, views, views_of(snapshot, views), name, visit, context);
}

uint64_t rd_cache_flush(struct rd_cache *cache, const struct rd_snapshot *snapshot,
                        const struct rd_name *name)
{
    struct rd_cache_view views[RD_MAX_POOLS];

    return rd_cache_flush_views(cache, views, views_of(snapshot, views), name);
}
