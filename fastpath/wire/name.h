/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name.h - domain names (RFC 1035 section 3.1 and 4.1.4, RFC 9267).
 *
 * In wire form a name is labels of 1 to 63 bytes behind their lengths, closed by the root's zero,
 * at most 255 bytes in all. Any byte may stand in a label; lengths are compared, never strings.
 * ASCII letters are the same in both cases, no other bytes are (RFC 4343).
 */
#ifndef RINGDNS_WIRE_NAME_H
#define RINGDNS_WIRE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringdns/dns.h"

/* Which letters of a name are written in upper case: bit (i % 8) of byte i / 8 for byte i of the
 * name. With the lower-case name it gives back a client's spelling. */
struct rd_name_case {
    uint8_t bits[32];
};

/* Reads the uncompressed name at OFFSET of DATA, as a question has it: lower-cased into *RET_NAME,
 * its spelling into *RET_CASE (NULL: not wanted; all 32 bytes are written). A compression pointer
 * is an error here. The bytes read, or 0: malformed, nothing was written that may be used. */
size_t rd_name_read(const uint8_t *data, size_t len, size_t offset, struct rd_name *ret_name,
                    struct rd_name_case *ret_case);

/* Reads the name at OFFSET, following compression: pointers go strictly down, to an offset that is
 * lower than where the part they stand in began, and not into the header. The spelling is kept.
 * RET_NAME may be NULL: validated only.
 * The bytes that the name takes at OFFSET (a pointer is 2), or 0: malformed. */
size_t rd_name_unpack(const uint8_t *data, size_t len, size_t offset, struct rd_name *ret_name);

/* Whether the uncompressed name at AT (of at least NAME->len readable bytes) is NAME, which is in
 * lower case, in any spelling. Constant work for a given length. */
bool rd_name_matches(const struct rd_name *name, const uint8_t *at);

/* The same name, in any spelling of either. */
bool rd_name_equal(const struct rd_name *a, const struct rd_name *b);

/* Writes NAME, which is in lower case, at AT in the spelling of CASE; NAME->len bytes. */
void rd_name_spell(const struct rd_name *name, const struct rd_name_case *name_case, uint8_t *at);

#endif
