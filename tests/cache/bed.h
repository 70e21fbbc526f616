/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bed.h - a cache, numbered names, and messages that tell which name they are for.
 */
#ifndef RINGDNS_TESTS_CACHE_BED_H
#define RINGDNS_TESTS_CACHE_BED_H

#include <stdio.h>
#include <string.h>

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "cache/cache.h"
#include "wire/cursor.h"

#define BED_SMALL 70u /* bytes of an answer with one address */

static const struct rd_hash_key bed_hash_key = {{1, 2, 3}};

struct bed {
    struct rd_cache *cache;
    struct rd_cache_writer *writer;
    uint64_t now_ns;
    uint8_t message[RD_CACHE_MESSAGE_BYTES];
    uint8_t got[RD_CACHE_MESSAGE_BYTES];
    struct rd_cache_entry entry;
};

static inline void bed_open(struct bed *bed, uint64_t bytes, unsigned workers)
{
    struct rd_cache_setup setup = {.bytes = bytes, .workers = workers};

    memcpy(setup.hash_key, &bed_hash_key, sizeof(setup.hash_key));
    assert_int_equal(rd_cache_new(&setup, &bed->cache), 0);
    bed->writer = rd_cache_writer(bed->cache, 0);
    bed->now_ns = 1000000000;
}

/* The key of A for the name with NUMBER, under example. */
static inline struct rd_key bed_key(unsigned number)
{
    struct rd_key key = {.type = RD_TYPE_A};
    char text[64];

    snprintf(text, sizeof(text), "name%07u.example.com", number);
    assert_true(rd_name_from_text(text, &key.name));
    rd_key_hash(&bed_hash_key, &key);
    return key;
}

/* LEN bytes: a header, KEY's question, and bytes that come from TAG. */
static inline void bed_fill(uint8_t *message, const struct rd_key *key, uint32_t len, uint32_t tag)
{
    uint32_t at = RD_DNS_HEADER_BYTES + key->name.len;

    memset(message, 0, RD_DNS_HEADER_BYTES);
    memcpy(message + RD_DNS_HEADER_BYTES, key->name.bytes, key->name.len);
    for (; at < len; at++)
        message[at] = (uint8_t)((tag + at) * 2654435761u >> 24);
}

static inline enum rd_cache_stored bed_store_as(struct bed *bed, const struct rd_key *key,
                                                enum rd_cache_kind kind, uint32_t len, uint32_t tag)
{
    struct rd_cache_entry entry = {
        .stored_ns = bed->now_ns,
        .lifetime_s = 3600,
        .len = (uint16_t)len,
        .n_ttls = 1,
        .ttls = {(uint16_t)(tag & 0xffff)},
    };

    bed_fill(bed->message, key, len, tag);
    return rd_cache_store(bed->writer, key, kind, &entry, bed->message, bed->now_ns,
                          rd_cache_flushes(bed->cache));
}

static inline enum rd_cache_stored bed_store(struct bed *bed, const struct rd_key *key,
                                             uint32_t len, uint32_t tag)
{
    return bed_store_as(bed, key, RD_CACHE_ANSWER, len, tag);
}

static inline enum rd_cache_found bed_fetch_as(struct bed *bed, const struct rd_key *key,
                                               enum rd_cache_kind kind)
{
    return rd_cache_fetch(bed->cache, key, kind, bed->got, sizeof(bed->got), &bed->entry);
}

static inline bool bed_has(struct bed *bed, const struct rd_key *key)
{
    return bed_fetch_as(bed, key, RD_CACHE_ANSWER) == RD_CACHE_HIT;
}

/* KEY has the message of LEN bytes that was made with TAG. */
static inline void bed_assert_has(struct bed *bed, const struct rd_key *key,
                                  enum rd_cache_kind kind, uint32_t len, uint32_t tag)
{
    bed_fill(bed->message, key, len, tag);
    assert_int_equal(bed_fetch_as(bed, key, kind), RD_CACHE_HIT);
    assert_int_equal(bed->entry.len, len);
    assert_memory_equal(bed->got, bed->message, len);
    assert_int_equal(bed->entry.n_ttls, 1);
    assert_int_equal(bed->entry.ttls[0], tag & 0xffff);
}

#endif
