/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * known.h - validating the names of a message of many records, for the files of this folder.
 *
 * Names share their ends through pointers, so that a hostile message of 64 KiB can have over a
 * megabyte of them. What was found behind a pointer is noted: each label is looked at once.
 */
#ifndef RINGDNS_WIRE_KNOWN_H
#define RINGDNS_WIRE_KNOWN_H

#include <stddef.h>
#include <stdint.h>

#include "wire/name.h"

#define KNOWN_OFFSETS 0x4000 /* where pointers reach */
#define KNOWN_FROM    256    /* names that are validated each by itself, before any is noted */

struct known {
    unsigned names; /* so far, 0 at first. The rest need not be initialized */
    struct known_end {
        uint8_t bytes;    /* of the name from here on, 0: not known */
        uint8_t pointers; /* in it */
        uint16_t next;    /* where the first of these goes to, 0: there is none */
    } at[KNOWN_OFFSETS];
};

/* What rd_name_unpack says of the name at OFFSET. Names come in the order in which they stand in
 * the message; LEN is its length, or where the record ends they belong to. */
size_t known_unpack(struct known *known, const uint8_t *data, size_t len, size_t offset);

/* The same; KNOWN NULL: nothing is noted. */
static inline size_t known_name(struct known *known, const uint8_t *data, size_t len, size_t offset)
{
    return known ? known_unpack(known, data, len, offset) : rd_name_unpack(data, len, offset, NULL);
}

#endif
