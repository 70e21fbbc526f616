/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash.c - SipHash-2-4 by libsodium. Any thread; needs no sodium_init(), there is one
 * implementation only.
 */
#include "base/hash.h"

#include <assert.h>
#include <endian.h>
#include <sodium.h>

static_assert(sizeof(struct rd_hash_key) == crypto_shorthash_KEYBYTES, "SipHash's key");
static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "SipHash-2-4 gives 64 bits");

uint64_t rd_hash(const struct rd_hash_key *key, const void *bytes, size_t len)
{
    uint64_t hash;

    crypto_shorthash((unsigned char *)&hash, bytes, len, key->bytes);
    return le64toh(hash);
}
