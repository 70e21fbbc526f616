/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.h - unguessable numbers for query IDs and source ports (RFC 5452 section 4.5).
 *
 * ChaCha20 expanded a block of 1 KiB at a time; the first 32 bytes of each block become the next
 * key and bytes are wiped as they are handed out, so past draws cannot be worked out from memory.
 * Seeded once by the owner: the system's randomness in service, a test's seed in the simulation.
 * One thread each.
 */
#ifndef RINGDNS_BASE_RANDOM_H
#define RINGDNS_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct rd_random {
    uint8_t key[32];
    uint8_t block[1024 - 32];
    size_t left; /* bytes of block not handed out, at its end */
};

void rd_random_init(struct rd_random *random, const uint8_t seed[32]);
/* Wipes the state. */
void rd_random_deinit(struct rd_random *random);
uint16_t rd_random_u16(struct rd_random *random);
uint32_t rd_random_u32(struct rd_random *random);
/* Uniform in 0 .. BOUND - 1, without bias; BOUND of 0 gives 0. */
uint32_t rd_random_below(struct rd_random *random, uint32_t bound);

#endif
