/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_bed.h - entries of a cache, made by hand, and a real cache to put them in.
 */
#ifndef RINGDNS_TESTS_CONTROL_CACHE_BED_H
#define RINGDNS_TESTS_CONTROL_CACHE_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache_entry.h"

#define S_NS UINT64_C(1000000000)

enum { BED_NOW_S = 100000, BED_STALE_S = 3600 };

static const struct cache_look bed_look = {
    .views = {.n = 2,
              .at = {{.pool = "default", .view = 0, .incarnation = 7},
                     {.pool = "corp", .view = 5, .incarnation = 1}}},
    .now_ns = BED_NOW_S * S_NS,
    .stale_ms = BED_STALE_S * 1000,
};

static inline struct rd_cache *bed_cache(void)
{
    struct rd_cache_setup setup = {.bytes = rd_cache_least_bytes(1), .workers = 1};
    struct rd_cache *cache;

    assert_int_equal(rd_cache_new(&setup, &cache), 0);
    return cache;
}

static inline void bed_put(struct rd_cache_record *record, const void *bytes, size_t len)
{
    assert_true(record->len + len <= sizeof(record->message));
    memcpy(record->message + record->len, bytes, len);
    record->len = (uint16_t)(record->len + len);
}

static inline void bed_put16(struct rd_cache_record *record, unsigned value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};

    bed_put(record, bytes, sizeof(bytes));
}

/* Something of NAME in the pool default, stored AGE_S ago; no message yet. */
static inline void bed_record(struct rd_cache_record *record, enum rd_cache_kind kind,
                              const char *name, uint16_t type, uint32_t lifetime_s, uint64_t age_s)
{
    memset(record, 0, sizeof(*record));
    record->kind = (uint8_t)kind;
    record->type = type;
    record->incarnation = 7;
    record->lifetime_s = lifetime_s;
    record->stored_ns = bed_look.now_ns - age_s * S_NS;
    assert_true(rd_name_from_text(name, &record->name));
}

/* Header and question; QTYPE may differ from the entry's, which has none for a whole name. */
static inline void bed_message(struct rd_cache_record *record, unsigned rcode, uint16_t qtype)
{
    bed_put16(record, 0);
    bed_put16(record, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA | rcode);
    bed_put16(record, 1);
    bed_put(record, "\0\0\0\0\0", 6);
    bed_put(record, record->name.bytes, record->name.len);
    bed_put16(record, qtype);
    bed_put16(record, RD_CLASS_IN);
}

/* One more record, of the question's name. SECTION: 0 answer, 1 authority, 2 additional. */
static inline void bed_rr(struct rd_cache_record *record, unsigned section, uint16_t type,
                          uint32_t ttl, const void *rdata, size_t len)
{
    record->message[7 + 2 * section]++;
    bed_put16(record, 0xc00c);
    bed_put16(record, type);
    bed_put16(record, RD_CLASS_IN);
    bed_put16(record, ttl >> 16);
    bed_put16(record, ttl & 0xffff);
    bed_put16(record, (unsigned)len);
    bed_put(record, rdata, len);
}

/* An answer with one address, stored AGE_S ago with a TTL of LIFETIME_S. */
static inline void bed_address(struct rd_cache_record *record, const char *name,
                               uint32_t lifetime_s, uint64_t age_s)
{
    bed_record(record, RD_CACHE_ANSWER, name, RD_TYPE_A, lifetime_s, age_s);
    bed_message(record, RD_NOERROR, RD_TYPE_A);
    bed_rr(record, 0, RD_TYPE_A, lifetime_s, "\xc0\x00\x02\x01", 4);
}

/* SOA of the question's name: names that point to it, then five numbers. */
#define BED_SOA                                                                                    \
    "\xc0\x0c\x05"                                                                                 \
    "admin\xc0\x0c\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05"

/* The SOA of a denial, which says itself for how long. */
static inline void bed_soa(struct rd_cache_record *record, uint32_t ttl)
{
    bed_rr(record, 1, RD_TYPE_SOA, ttl, BED_SOA, sizeof(BED_SOA) - 1);
    record->len -= 4;
    bed_put16(record, ttl >> 16);
    bed_put16(record, ttl & 0xffff);
}

/* That there is no such name. */
static inline void bed_no_name(struct rd_cache_record *record, const char *name,
                               uint32_t lifetime_s, uint64_t age_s)
{
    bed_record(record, RD_CACHE_NAME, name, 0, lifetime_s, age_s);
    bed_message(record, RD_NXDOMAIN, RD_TYPE_A);
    bed_soa(record, lifetime_s);
}

/* That the name has no addresses. */
static inline void bed_no_data(struct rd_cache_record *record, const char *name,
                               uint32_t lifetime_s, uint64_t age_s)
{
    bed_record(record, RD_CACHE_ANSWER, name, RD_TYPE_A, lifetime_s, age_s);
    bed_message(record, RD_NOERROR, RD_TYPE_A);
    bed_soa(record, lifetime_s);
}

static inline void bed_failure(struct rd_cache_record *record, const char *name, uint8_t level,
                               uint32_t lifetime_s, uint64_t age_s)
{
    bed_record(record, RD_CACHE_FAILURE, name, RD_TYPE_A, lifetime_s, age_s);
    record->level = level;
}

static inline bool bed_count(void *context, const struct rd_cache_record *record)
{
    unsigned *n = context;

    (void)record;
    (*n)++;
    return true;
}

static inline unsigned bed_entries(struct rd_cache *cache)
{
    unsigned n = 0;

    rd_cache_walk(cache, bed_count, &n);
    return n;
}

struct bed_wanted {
    struct rd_name name;
    struct rd_cache_record *ret_record;
    unsigned n;
};

static inline bool bed_match(void *context, const struct rd_cache_record *record)
{
    struct bed_wanted *wanted = context;

    if (record->name.len == wanted->name.len &&
        memcmp(record->name.bytes, wanted->name.bytes, record->name.len) == 0) {
        *wanted->ret_record = *record;
        wanted->n++;
    }
    return true;
}

/* The one entry of NAME. */
static inline void bed_find(struct rd_cache *cache, const char *name,
                            struct rd_cache_record *ret_record)
{
    struct bed_wanted wanted = {.ret_record = ret_record};

    assert_true(rd_name_from_text(name, &wanted.name));
    rd_cache_walk(cache, bed_match, &wanted);
    assert_int_equal(wanted.n, 1);
}

#endif
