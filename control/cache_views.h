/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_views.h - the pools whose answers the cache holds, by name and by the numbers in its keys.
 */
#ifndef RINGDNS_CONTROL_CACHE_VIEWS_H
#define RINGDNS_CONTROL_CACHE_VIEWS_H

#include "ringdns/cache.h"
#include "ringdns/worker.h"

/* A copy, so that it may outlive its snapshot. */
struct cache_views {
    unsigned n;
    struct cache_view {
        char pool[RD_TEXT_BYTES + 1];
        uint16_t incarnation;
        uint8_t view;
    } at[RD_MAX_POOLS];
};

void cache_views_read(const struct rd_snapshot *snapshot, struct cache_views *ret_views);

/* The index of the pool that RECORD is of; -1: one that is no longer there. */
int cache_views_find(const struct cache_views *views, const struct rd_cache_record *record);
/* The index of the pool that is named by LEN bytes of NAME; -1: there is none. */
int cache_views_named(const struct cache_views *views, const char *name, size_t len);

#endif
