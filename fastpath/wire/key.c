/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key.c - hashing and comparing keys. Pure, any thread.
 */
#include "wire/key.h"

#include <stddef.h>
#include <string.h>

/* The finalizer of MurmurHash3 (public domain): a bijection that spreads every bit. What goes in is
 * secret, so what comes out for another type of a name is as hard to guess as for another name. */
static uint64_t spread(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

void rd_key_hash(const struct rd_hash_key *hash_key, struct rd_key *key)
{
    uint8_t material[RD_DNS_NAME_BYTES + 4];
    uint8_t *rest = material + key->name.len;

    memcpy(material, key->name.bytes, key->name.len);
    rest[0] = key->view;
    rest[1] = (uint8_t)(key->dnssec_ok << 1 | key->checking_disabled);
    memcpy(rest + 2, &key->incarnation, 2);
    key->name_hash = rd_hash(hash_key, material, key->name.len + 4u);
    rd_key_retype(key, key->type);
}

void rd_key_retype(struct rd_key *key, uint16_t type)
{
    key->type = type;
    key->hash = spread(key->name_hash + type);
}

bool rd_key_equal(const struct rd_key *a, const struct rd_key *b)
{
    return a->hash == b->hash && a->type == b->type && a->view == b->view &&
           a->incarnation == b->incarnation && a->dnssec_ok == b->dnssec_ok &&
           a->checking_disabled == b->checking_disabled && a->name.len == b->name.len &&
           memcmp(a->name.bytes, b->name.bytes, a->name.len) == 0;
}

void rd_key_copy(struct rd_key *to, const struct rd_key *from)
{
    memcpy(to, from, offsetof(struct rd_key, name.bytes));
    memcpy(to->name.bytes, from->name.bytes, from->name.len);
}
