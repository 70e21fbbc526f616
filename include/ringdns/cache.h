/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache.h - what the control plane does with the cache: make it, look into it, flush, save, load.
 *
 * All of it works on the live table: workers go on reading and writing meanwhile, and never wait
 * for it.
 */
#ifndef RINGDNS_CACHE_H
#define RINGDNS_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "ringdns/dns.h"

struct rd_cache;
struct rd_snapshot;

/* The largest message that is kept; a larger one is answered all the same. */
#define RD_CACHE_MESSAGE_BYTES 16384

enum rd_cache_kind {
    RD_CACHE_ANSWER,  /* the answer to name and type, or that there are no such records */
    RD_CACHE_NAME,    /* that the name does not exist, for whatever type; its type is 0 */
    RD_CACHE_FAILURE, /* that name and type could not be resolved (RFC 9520) */
};

enum rd_cache_pages { RD_PAGES_SMALL, RD_PAGES_TRANSPARENT, RD_PAGES_HUGE };

struct rd_cache_setup {
    uint64_t bytes; /* index and entries together; 0: nothing is kept */
    bool populate;  /* touch all of it now */
    unsigned workers;
    uint8_t hash_key[16]; /* as the workers have it */
};

struct rd_cache_info {
    uint64_t bytes, index_bytes, entry_bytes; /* mapped: all, and its two parts */
    uint64_t slots, entries;                  /* of the index; in use, expired ones included */
    uint64_t used_bytes;                      /* of entry_bytes, what holds live or dead entries */
    uint32_t segment_bytes, segments, segments_free, segments_new, segments_main;
    enum rd_cache_pages pages;
};

/* Main thread. The least size for WORKERS, and the largest of all. */
uint64_t rd_cache_least_bytes(unsigned workers);
#define RD_CACHE_MOST_BYTES (32ull << 30)

/* Main thread. 0: *RET_CACHE is the caller's. -ENOMEM: not as much memory, or address space.
 * -EINVAL: BYTES is not 0 and under rd_cache_least_bytes, or over RD_CACHE_MOST_BYTES. */
int rd_cache_new(const struct rd_cache_setup *setup, struct rd_cache **ret_cache);
/* Main thread, when no worker is left. NULL is allowed. */
void rd_cache_free(struct rd_cache *cache);
void rd_cache_info(const struct rd_cache *cache, struct rd_cache_info *ret_info);

/* An entry as the control plane sees it: a copy. */
struct rd_cache_record {
    struct rd_name name; /* lower case */
    uint16_t type;
    uint8_t kind; /* enum rd_cache_kind */
    uint8_t view; /* the pool's stable number */
    uint16_t incarnation;
    bool dnssec_ok, checking_disabled;
    uint8_t level; /* of a failure: how often in a row, from 0 */
    bool trust_ad;
    uint64_t stored_ns;                      /* boot-time clock */
    uint32_t lifetime_s;                     /* fresh for so long */
    uint16_t len;                            /* of the message; 0: none, as a failure may */
    uint8_t message[RD_CACHE_MESSAGE_BYTES]; /* with TTLs as of STORED_NS */
};

/* Called with each entry; false ends the walk. */
typedef bool rd_cache_visit(void *context, const struct rd_cache_record *record);

/* Any thread that is no worker's, also beside the main thread: it only reads. Every entry that
 * stays where it is meanwhile is visited once; one that moves may be visited twice or not at all.
 * Time is proportional to the size of the index. */
void rd_cache_walk(struct rd_cache *cache, rd_cache_visit *visit, void *context);
/* Main thread. What is known of NAME (lower case) in the views of SNAPSHOT. */
void rd_cache_find(struct rd_cache *cache, const struct rd_snapshot *snapshot,
                   const struct rd_name *name, rd_cache_visit *visit, void *context);
/* Main thread. Removes what is known of NAME; the number of entries. What is being asked at this
 * moment is not kept when it comes. */
uint64_t rd_cache_flush(struct rd_cache *cache, const struct rd_snapshot *snapshot,
                        const struct rd_name *name);
/* The same at and below NAME. Time is proportional to the size of the index. */
uint64_t rd_cache_flush_suffix(struct rd_cache *cache, const struct rd_name *name);
/* Main thread. From now on nothing that was asked before NOW_NS is answered from here. */
void rd_cache_flush_all(struct rd_cache *cache, uint64_t now_ns);

/* Main thread, before the workers run. Puts RECORD in; it is validated in full first (a file is not
 * to be believed): its message is one that a worker would keep, as it would keep it. False: it is
 * not sound, or there is no room, or it is a failure: those last minutes and begin anew. */
bool rd_cache_load(struct rd_cache *cache, const struct rd_cache_record *record);

#endif
