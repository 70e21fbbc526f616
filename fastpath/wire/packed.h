/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packed.h - names compared where they stand in a message, compressed or not, for the files of
 * this folder.
 *
 * The message was walked: every name in it is sound, so nothing is checked here. Two names that
 * lead to the same bytes are the same, which a look at their pointers tells; a typical reply needs
 * no more.
 */
#ifndef RINGDNS_WIRE_PACKED_H
#define RINGDNS_WIRE_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/cursor.h"

/* The same name, in any spelling of either. Bounded by the labels and pointers of both. */
bool packed_compare(const uint8_t *data, size_t a, size_t b);

/* The same, and cheap where A is a pointer to B, as owners mostly are. No sum is a pointer whose B
 * is too far for one. */
static inline bool packed_same(const uint8_t *data, size_t a, size_t b)
{
    if (data[a] >= 0xc0 && rd_get_u16(data + a) == 0xc000u + b)
        return true;
    return packed_compare(data, a, b);
}

/* How many labels the name at AT has; 0: it is the root. */
int packed_labels(const uint8_t *data, size_t at);

/* How many labels the name at AT has more than the one at ABOVE, if it is that name or below it;
 * else -1. */
int packed_depth(const uint8_t *data, size_t at, size_t above);

/* Whether the DNAME at offset ABOVE, with its TARGET, makes the name AT, that is below ABOVE by
 * DEPTH labels, the name RESULT (RFC 6672 section 2.2). */
bool packed_substitutes(const uint8_t *data, size_t at, int depth, size_t target, size_t result);

#endif
