/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_entry.h - one entry of the cache for people: as a line, and in full as JSON.
 */
#ifndef RINGDNS_CONTROL_CACHE_ENTRY_H
#define RINGDNS_CONTROL_CACHE_ENTRY_H

#include <jansson.h>
#include <stdio.h>

#include "cache_views.h"

/* What entries are looked at with. */
struct cache_look {
    struct cache_views views;
    uint64_t now_ns; /* boot-time clock */
    uint64_t stale_ms;
};

/* As the newest configuration has it, now. Main thread. */
void cache_look_read(const struct rd_snapshot *snapshot, struct cache_look *ret_look);

enum cache_state {
    CACHE_FRESH,   /* answers queries */
    CACHE_STALE,   /* may be used where nothing fresh is to be had (RFC 8767) */
    CACHE_EXPIRED, /* of no use any more */
};

/* *RET_S: how many seconds it is fresh yet, or how many have passed since. */
enum cache_state cache_state(const struct rd_cache_record *record, uint64_t now_ns,
                             uint64_t stale_ms, uint64_t *ret_s);

/* Names the fields of cache_entry_line. */
extern const char cache_entry_heading[];
/* Writes RECORD as one line of words with blanks between. */
void cache_entry_line(const struct rd_cache_record *record, const struct cache_look *look,
                      FILE *out);

/* RECORD with the records of its message, TTLs as they are now. The result is the caller's. NULL:
 * no memory. */
json_t *cache_entry_json(const struct rd_cache_record *record, const struct cache_look *look);

#endif
