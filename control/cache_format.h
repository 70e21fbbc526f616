/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_format.h - the cache's file, byte by byte; for cache_save.c and cache_load.c.
 *
 * A head, its pools, entries, an end. Numbers are in the order of the machine that wrote it, which
 * the head tells. An entry is followed by its name and its message. The hash is over all before it.
 */
#ifndef RINGDNS_CONTROL_CACHE_FORMAT_H
#define RINGDNS_CONTROL_CACHE_FORMAT_H

#include <assert.h>
#include <stdint.h>

#include "ringdns/limits.h"

#define CACHE_FORMAT_MAGIC   "ringdns\x1a"
#define CACHE_FORMAT_ORDER   UINT32_C(0x01020304)
#define CACHE_FORMAT_VERSION 1 /* a change of anything here is another one */

enum { CACHE_FORMAT_HASH = 32 };

struct cache_format_head {
    char magic[8];
    uint32_t order, version;
    int64_t saved_wall_ns; /* since 1970, UTC */
    uint32_t n_pools;
    uint32_t zero;
};

struct cache_format_pool {
    char name[RD_TEXT_BYTES]; /* zeros behind it */
};

enum { CACHE_FORMAT_DO = 1, CACHE_FORMAT_CD = 2, CACHE_FORMAT_AD = 4, CACHE_FORMAT_FLAGS = 7 };

struct cache_format_entry {
    uint64_t age_ns; /* when the file was written */
    uint32_t lifetime_s;
    uint16_t type;
    uint16_t len; /* of the message */
    uint8_t kind; /* enum rd_cache_kind; failures are not saved */
    uint8_t pool, flags;
    uint8_t zero;
    uint8_t name_len;
    uint8_t zeros[3];
};

struct cache_format_end {
    uint64_t n;
    uint8_t hash[CACHE_FORMAT_HASH];
};

static_assert(sizeof(CACHE_FORMAT_MAGIC) == 8 + 1, "with a NUL that is not written");
static_assert(sizeof(struct cache_format_head) == 32, "no padding");
static_assert(sizeof(struct cache_format_pool) == 64, "no padding");
static_assert(sizeof(struct cache_format_entry) == 24, "no padding");
static_assert(sizeof(struct cache_format_end) == 40, "no padding");

#endif
