/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key.h - what tells one question from another: all that can make two answers differ.
 *
 * The same key names a question under way, an entry of the cache and a record of its dump. It is
 * always compared in full; the hashes only say where to look.
 */
#ifndef RINGDNS_WIRE_KEY_H
#define RINGDNS_WIRE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "ringdns/dns.h"

/* Padding is never looked at. The class is IN, always: no other one is forwarded. */
struct rd_key {
    uint64_t name_hash; /* keyed, of all but the type: what is known of a name lies together */
    uint64_t hash;      /* of all of it */
    uint16_t type;
    uint16_t incarnation; /* of the view's number: reloads may give it to another pool */
    uint8_t view;         /* the pool, by its stable number (fleet.h) */
    bool dnssec_ok, checking_disabled;
    struct rd_name name; /* lower case */
};

/* Fills in both hashes. An outsider who varies any part moves them in ways that he cannot know. */
void rd_key_hash(const struct rd_hash_key *hash_key, struct rd_key *key);
/* Another type of the same name: type and hash change, nothing else. */
void rd_key_retype(struct rd_key *key, uint16_t type);
bool rd_key_equal(const struct rd_key *a, const struct rd_key *b);
/* Copies what is meant: names are mostly far shorter than their room. */
void rd_key_copy(struct rd_key *to, const struct rd_key *from);

#endif
