/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.h - looking into the cache by name, in views that the caller names one by one.
 */
#ifndef RINGDNS_CACHE_WALK_H
#define RINGDNS_CACHE_WALK_H

#include "ringdns/cache.h"

struct rd_cache_view {
    uint8_t view;
    uint16_t incarnation;
};

/* As rd_cache_find and rd_cache_flush in ringdns/cache.h, in these N views. Main thread. */
void rd_cache_find_views(struct rd_cache *cache, const struct rd_cache_view *views, unsigned n,
                         const struct rd_name *name, rd_cache_visit *visit, void *context);
uint64_t rd_cache_flush_views(struct rd_cache *cache, const struct rd_cache_view *views, unsigned n,
                              const struct rd_name *name);

#endif
