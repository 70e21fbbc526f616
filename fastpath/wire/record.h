/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - a resource record where it stands in a message (RFC 1035 section 3.2.1), for the
 * files of this folder.
 *
 * Reading one checks nothing: the message was walked (rd_message_sections said OK), or comes from
 * one that was.
 */
#ifndef RINGDNS_WIRE_RECORD_H
#define RINGDNS_WIRE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "wire/cursor.h"

#define RECORD_BYTES 10 /* type, class, TTL, RDLENGTH: what stands between owner and RDATA */
#define RECORD_LEAST 11 /* and the root as owner */

#define TYPE_RRSIG 46

/* Offsets are from the message's start. */
struct record {
    size_t start, rdata, end;
    uint16_t type, class;
    uint32_t ttl;
};

/* Offset of what closes the name at AT: the root's zero, or a pointer. */
static inline size_t record_name_end(const uint8_t *data, size_t at)
{
    while (data[at] != 0 && data[at] < 0xc0)
        at += data[at] + 1u;
    return at;
}

/* Offset behind the bytes that the name at AT takes there. */
static inline size_t record_skip_name(const uint8_t *data, size_t at)
{
    at = record_name_end(data, at);
    return at + (data[at] == 0 ? 1 : 2);
}

static inline struct record record_at(const uint8_t *data, size_t start)
{
    const uint8_t *fields = data + record_skip_name(data, start);
    size_t rdata = (size_t)(fields - data) + RECORD_BYTES;

    return (struct record){
        .start = start,
        .rdata = rdata,
        .end = rdata + rd_get_u16(fields + 8),
        .type = rd_get_u16(fields),
        .class = rd_get_u16(fields + 2),
        .ttl = rd_get_u32(fields + 4),
    };
}

/* Where its TTL stands. */
static inline size_t record_ttl(const struct record *record)
{
    return record->rdata - 6;
}

#endif
