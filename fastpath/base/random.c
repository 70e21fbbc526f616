/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.c - a generator with fast key erasure over libsodium's ChaCha20.
 *
 * Why not randombytes_buf(): it makes a system call for each draw. A block here is one call of
 * the stream cipher for 496 query IDs. One thread each; nothing here reads the system's
 * randomness, the seed comes from the owner.
 *
 * crypto_stream_chacha20() works at any time. sodium_init(), which control's main calls before
 * workers start, lets it choose the vectorised code of this CPU instead of the portable one; the
 * output is the same.
 */
#include "base/random.h"

#include <assert.h>
#include <endian.h>
#include <sodium.h>
#include <string.h>

static_assert(sizeof(((struct rd_random *)0)->key) == crypto_stream_chacha20_KEYBYTES,
              "ChaCha20's key");
static_assert(offsetof(struct rd_random, block) == sizeof(((struct rd_random *)0)->key),
              "the next key and the block are one piece of key stream");

/* A key serves for one block, so the nonce need not change. */
static void refill(struct rd_random *random)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    uint8_t key[sizeof(random->key)];

    memcpy(key, random->key, sizeof(key));
    crypto_stream_chacha20((uint8_t *)random, sizeof(random->key) + sizeof(random->block), nonce,
                           key);
    sodium_memzero(key, sizeof(key));
    random->left = sizeof(random->block);
}

/* What is left of a block and too short is thrown away. */
static void draw(struct rd_random *random, void *ret_bytes, size_t len)
{
    uint8_t *from;

    if (random->left < len)
        refill(random);
    from = random->block + sizeof(random->block) - random->left;
    memcpy(ret_bytes, from, len);
    memset(from, 0, len);
    random->left -= len;
}

void rd_random_init(struct rd_random *random, const uint8_t seed[32])
{
    memcpy(random->key, seed, sizeof(random->key));
    memset(random->block, 0, sizeof(random->block));
    random->left = 0;
}

void rd_random_deinit(struct rd_random *random)
{
    sodium_memzero(random, sizeof(*random));
}

uint16_t rd_random_u16(struct rd_random *random)
{
    uint16_t value;

    draw(random, &value, sizeof(value));
    return le16toh(value);
}

uint32_t rd_random_u32(struct rd_random *random)
{
    uint32_t value;

    draw(random, &value, sizeof(value));
    return le32toh(value);
}

/* The upper half of draw * BOUND, less the draws that would give some results once more than
 * others (Lemire, "Fast random integer generation in an interval", 2019). */
uint32_t rd_random_below(struct rd_random *random, uint32_t bound)
{
    uint64_t product;
    uint32_t surplus;

    if (bound == 0)
        return 0;
    surplus = (uint32_t)-bound % bound; /* 2^32 modulo BOUND */
    do
        product = (uint64_t)rd_random_u32(random) * bound;
    while ((uint32_t)product < surplus);
    return (uint32_t)(product >> 32);
}
