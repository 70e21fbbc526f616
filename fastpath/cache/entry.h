/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * entry.h - how an entry lies in memory: words of 8 bytes, each read and written as a whole.
 *
 * Shape: four words of head, the message, the offsets of its TTLs (16 bits each, directly behind
 * it), zeros up to a whole word. Where there is no message the key's name stands instead of it.
 * The head says how long all of it is, so a segment can be walked from its start.
 * Thread: any. A reader may see words of two entries mixed; all here is safe on such, and whether
 * it was is found out afterwards (table.c).
 */
#ifndef RINGDNS_CACHE_ENTRY_H
#define RINGDNS_CACHE_ENTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "cache/orders.h"

typedef _Atomic uint64_t entry_word;

#define ENTRY_HEAD_WORDS 4u
/* Of a message and of all the TTLs that it may have. */
#define ENTRY_MOST_WORDS (ENTRY_HEAD_WORDS + (RD_CACHE_MESSAGE_BYTES + 2u * RD_CACHE_TTLS + 7) / 8)

/* The head as it lies. SIZES: lifetime_s 32 bits, len 16, n_ttls 8, length of the name 8. WHAT: the
 * lower 44 bits tell keys apart, the rest is of the entry. */
struct entry_head {
    uint64_t name_hash, stored_ns, sizes, what;
};

#define ENTRY_WHAT_KEY          ((1ull << 44) - 1)
#define ENTRY_KIND_SHIFT        40
#define ENTRY_DNSSEC_OK         (1ull << 42)
#define ENTRY_CD                (1ull << 43)
#define ENTRY_TRUST_AD          (1ull << 44)
#define ENTRY_HAS_OPT           (1ull << 45)
#define ENTRY_DENIES            (1ull << 46)
#define ENTRY_FIRST_SHIFT       48 /* rotate_first; of a failure: level */
#define ENTRY_ROTATE_SHIFT      56
#define ENTRY_VIEW_SHIFT        32
#define ENTRY_INCARNATION_SHIFT 16

static inline uint64_t entry_load(const entry_word *word)
{
    return atomic_load_explicit(word, ORDER_READ_WORD);
}

static inline void entry_put(entry_word *word, uint64_t value)
{
    atomic_store_explicit(word, value, ORDER_WRITE_WORD);
}

static inline uint32_t entry_lifetime(uint64_t sizes)
{
    return (uint32_t)(sizes >> 32);
}

static inline uint16_t entry_len(uint64_t sizes)
{
    return (uint16_t)(sizes >> 16);
}

static inline uint8_t entry_n_ttls(uint64_t sizes)
{
    return (uint8_t)(sizes >> 8);
}

static inline uint8_t entry_name_len(uint64_t sizes)
{
    return (uint8_t)sizes;
}

/* Bytes of the message, or of the name in its place. */
static inline uint32_t entry_text_bytes(uint64_t sizes)
{
    uint16_t len = entry_len(sizes);

    return len ? len : entry_name_len(sizes);
}

/* Where in that the name begins. */
static inline uint32_t entry_name_at(uint64_t sizes)
{
    return entry_len(sizes) ? RD_DNS_HEADER_BYTES : 0;
}

static inline uint32_t entry_words(uint64_t sizes)
{
    return ENTRY_HEAD_WORDS + (entry_text_bytes(sizes) + 2u * entry_n_ttls(sizes) + 7) / 8;
}

static inline enum rd_cache_kind entry_kind(uint64_t what)
{
    return (enum rd_cache_kind)(what >> ENTRY_KIND_SHIFT & 3);
}

/* What an entry of KEY and KIND has in its WHAT; the type of RD_CACHE_NAME is 0. */
static inline uint64_t entry_key_of(const struct rd_key *key, enum rd_cache_kind kind)
{
    return (kind == RD_CACHE_NAME ? 0u : key->type) |
           (uint64_t)key->incarnation << ENTRY_INCARNATION_SHIFT |
           (uint64_t)key->view << ENTRY_VIEW_SHIFT | (uint64_t)kind << ENTRY_KIND_SHIFT |
           (key->dnssec_ok ? ENTRY_DNSSEC_OK : 0) | (key->checking_disabled ? ENTRY_CD : 0);
}

/* The head that stands for ENTRY under KEY and KIND. */
struct entry_head entry_head_of(const struct rd_key *key, enum rd_cache_kind kind,
                                const struct rd_cache_entry *entry);
/* Back again, all but the TTLs' offsets. */
void entry_unpack(const struct entry_head *head, struct rd_cache_entry *ret_entry);

/* Writes the whole entry from AT on, entry_words(HEAD->sizes) of them. TEXT is what HEAD says: the
 * message or the name. */
void entry_write(entry_word *at, const struct entry_head *head, const uint8_t *text,
                 const uint16_t *ttls);

/* Copies the first BYTES of the text of the entry at AT to TO, where ROOM bytes may be written. */
void entry_read_text(const entry_word *at, uint32_t bytes, uint8_t *to, uint32_t room);
/* The offsets of the TTLs. */
void entry_read_ttls(const entry_word *at, uint64_t sizes, uint16_t *ret_ttls);

/* Room for the start of a text, up to the end of its name, in whole words. */
#define ENTRY_NAME_ROOM (RD_DNS_HEADER_BYTES + RD_DNS_NAME_BYTES + 8u)

/* The name of the entry at AT is NAME; SIZES is of its head. */
bool entry_name_is(const entry_word *at, uint64_t sizes, const struct rd_name *name);

#endif
