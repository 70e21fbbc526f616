/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash.h - keyed hashing (SipHash-2-4), so that nobody outside can aim for one bucket.
 */
#ifndef RINGDNS_BASE_HASH_H
#define RINGDNS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct rd_hash_key {
    uint8_t bytes[16];
};

/* The hash of LEN bytes. Pure. */
uint64_t rd_hash(const struct rd_hash_key *key, const void *bytes, size_t len);

#endif
