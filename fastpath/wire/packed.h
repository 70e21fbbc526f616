/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packed.h - names compared where they stand in a message, compressed or not, for the files of
 * this folder.
 *
 * The message was walked: every name in it is sound, so nothing is checked here. Two names that
 * lead to the same bytes are the same, which a look at their pointers tells; a typical reply needs
 * no more. A hostile one may have thousands of names that differ in their last label, so there is
 * an end to the work: go on, and check once that it was not reached.
 */
#ifndef RINGDNS_WIRE_PACKED_H
#define RINGDNS_WIRE_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/cursor.h"
#include "wire/name.h"

/* Bytes of names that are looked at in one message before it is too much: no sound server's reply
 * comes near. A pointer counts as two. */
#define PACKED_WORK (256 * 1024u)

/* Names of one message, and what looking at them may still cost. */
struct packed {
    const uint8_t *data;
    unsigned left;         /* bytes; 0: spent, and from then on none is found the same */
    size_t last_a, last_b; /* compared last: thousands of owners may be the same two */
    bool last_same;
};

static inline struct packed packed_in(const uint8_t *data)
{
    return (struct packed){.data = data, .left = PACKED_WORK};
}

static inline void packed_spend(struct packed *names, size_t bytes)
{
    names->left = names->left > bytes ? names->left - (unsigned)bytes : 0;
}

/* The same name, in any spelling of either. */
bool packed_compare(struct packed *names, size_t a, size_t b);

/* The same, and free where A is a pointer to B, as owners mostly are. No sum is a pointer whose B
 * is too far for one. */
static inline bool packed_same(struct packed *names, size_t a, size_t b)
{
    if (names->data[a] >= 0xc0 && rd_get_u16(names->data + a) == 0xc000u + b)
        return true;
    return packed_compare(names, a, b);
}

/* How many labels the name at AT has; 0: it is the root. */
int packed_labels(struct packed *names, size_t at);

/* How many labels the name at AT has more than the one at ABOVE, if it is that name or below it;
 * else -1. */
int packed_depth(struct packed *names, size_t at, size_t above);

/* Whether the DNAME at offset ABOVE, with its TARGET, makes the name AT, that is below ABOVE by
 * DEPTH labels, the name RESULT (RFC 6672 section 2.2). */
bool packed_substitutes(struct packed *names, size_t at, int depth, size_t target, size_t result);

/* The whole name at AT, in its spelling. False: spent, it is not whole. */
bool packed_unpack(struct packed *names, size_t at, struct rd_name *ret_name);

#endif
