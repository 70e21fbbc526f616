/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache.h - answers, shared by all workers: what a worker does with them.
 *
 * Whole messages, so that an answer from here costs one copy. Reading never waits and never writes
 * but one bit; writing gives up where it would have to wait (table.h says how, log.h where the
 * bytes lie). What may be kept and for how long is decided by the caller.
 */
#ifndef RINGDNS_CACHE_CACHE_H
#define RINGDNS_CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "ringdns/cache.h"
#include "wire/key.h"

/* Records in a message that is kept; one with more is answered and not kept. */
#define RD_CACHE_TTLS 255

/* What stands beside a message. All but MESSAGE and TTL offsets fit into four words. */
struct rd_cache_entry {
    uint64_t stored_ns;  /* when it came, boot-time clock */
    uint32_t lifetime_s; /* fresh until stored_ns + lifetime_s; 0: what was known is over */
    uint16_t len;        /* of the message, at most RD_CACHE_MESSAGE_BYTES; 0: none */
    uint8_t n_ttls;
    uint8_t level;                  /* of a failure: how often in a row, from 0 */
    uint8_t rotate_first, rotate_n; /* the TTLs of an A or AAAA RRset that may be turned */
    bool trust_ad;                  /* its AD bit may be believed */
    bool denies;  /* says that there is no such name, or no such record; of a failure: that it is
                   * final, so that no stale answer is given instead */
    bool has_opt; /* it ends with an OPT: extended errors to be passed on */
    uint16_t ttls[RD_CACHE_TTLS]; /* offsets of the TTLs, without that of the OPT */
};

enum rd_cache_found {
    RD_CACHE_MISS,
    RD_CACHE_HIT,  /* fresh or not: that is the caller's to say */
    RD_CACHE_ROOM, /* there is one; *RET_ENTRY says its len, which is over the given room */
};

/* One for each worker, and one for the main thread (number WORKERS). One thread each. */
struct rd_cache_writer;
struct rd_cache_writer *rd_cache_writer(struct rd_cache *cache, unsigned number);

/* Asks for the memory that looking for any key with NAME_HASH reads first. CACHE may be one that
 * keeps nothing, here and everywhere. */
void rd_cache_prefetch(const struct rd_cache *cache, uint64_t name_hash);
/* Asks for the entries that this key may have, of any kind; what was asked for before is here by
 * now. False: there is none. */
bool rd_cache_prefetch_entries(const struct rd_cache *cache, const struct rd_key *key);

/* Copies the entry of KEY and KIND out: its message to DATA, of ROOM bytes, and *RET_ENTRY. The key
 * is compared in full. Of several (two writers may have met) the newest. Any thread; bounded. What
 * was stored at or before the last flush of everything is not found. */
enum rd_cache_found rd_cache_fetch(struct rd_cache *cache, const struct rd_key *key,
                                   enum rd_cache_kind kind, uint8_t *data, uint32_t room,
                                   struct rd_cache_entry *ret_entry);

enum rd_cache_stored {
    RD_CACHE_STORED,
    RD_CACHE_TOO_LARGE, /* for this cache, or it keeps nothing */
    RD_CACHE_BUSY,      /* somebody else changes the same bucket */
    RD_CACHE_FULL,      /* no room could be made in time */
    RD_CACHE_FLUSHED,   /* it was asked for before a flush */
};

/* Puts an entry in, in the place of the one that has its key and kind. The work for making room is
 * spread over the calls. MESSAGE is ENTRY->len bytes, its question KEY's in lower case. ASKED_NS:
 * when its question was asked; FLUSHES: what rd_cache_flushes said then. */
enum rd_cache_stored rd_cache_store(struct rd_cache_writer *writer, const struct rd_key *key,
                                    enum rd_cache_kind kind, const struct rd_cache_entry *entry,
                                    const uint8_t *message, uint64_t asked_ns, uint64_t flushes);
/* The number of flushes so far. */
uint64_t rd_cache_flushes(const struct rd_cache *cache);

/* For so long behind its lifetime an entry may still be of use: one that is older does not survive
 * when room is made. Any thread. */
void rd_cache_keep_stale(struct rd_cache *cache, uint64_t ns);

#endif
