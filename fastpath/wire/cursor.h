/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cursor.h - reading and writing big-endian fields with a sticky error: go on, check once at the
 * end. A failed cursor reads zeros and moves no further; a full writer writes nothing more.
 */
#ifndef RINGDNS_WIRE_CURSOR_H
#define RINGDNS_WIRE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rd_cursor {
    const uint8_t *start, *at, *end;
    bool failed;
};

struct rd_writer {
    uint8_t *start, *at, *end;
    bool full;
};

static inline uint16_t rd_get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t rd_get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void rd_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void rd_put_u32(uint8_t *at, uint32_t value)
{
    rd_put_u16(at, (uint16_t)(value >> 16));
    rd_put_u16(at + 2, (uint16_t)value);
}

static inline struct rd_cursor rd_cursor_at(const uint8_t *data, size_t len, size_t offset)
{
    bool failed = offset > len;

    return (struct rd_cursor){data, data + (failed ? len : offset), data + len, failed};
}

static inline size_t rd_cursor_offset(const struct rd_cursor *cursor)
{
    return (size_t)(cursor->at - cursor->start);
}

static inline size_t rd_cursor_left(const struct rd_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* The next LEN bytes, or NULL when there are not as many. */
static inline const uint8_t *rd_cursor_take(struct rd_cursor *cursor, size_t len)
{
    const uint8_t *bytes = cursor->at;

    if (cursor->failed || rd_cursor_left(cursor) < len) {
        cursor->failed = true;
        return NULL;
    }
    cursor->at += len;
    return bytes;
}

static inline uint8_t rd_cursor_u8(struct rd_cursor *cursor)
{
    const uint8_t *bytes = rd_cursor_take(cursor, 1);

    return bytes ? bytes[0] : 0;
}

static inline uint16_t rd_cursor_u16(struct rd_cursor *cursor)
{
    const uint8_t *bytes = rd_cursor_take(cursor, 2);

    return bytes ? rd_get_u16(bytes) : 0;
}

static inline uint32_t rd_cursor_u32(struct rd_cursor *cursor)
{
    const uint8_t *bytes = rd_cursor_take(cursor, 4);

    return bytes ? rd_get_u32(bytes) : 0;
}

static inline struct rd_writer rd_writer_at(uint8_t *data, size_t cap, size_t offset)
{
    bool full = offset > cap;

    return (struct rd_writer){data, data + (full ? cap : offset), data + cap, full};
}

static inline size_t rd_writer_offset(const struct rd_writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

/* Room for LEN bytes, or NULL when it is not there. */
static inline uint8_t *rd_writer_take(struct rd_writer *writer, size_t len)
{
    uint8_t *bytes = writer->at;

    if (writer->full || (size_t)(writer->end - writer->at) < len) {
        writer->full = true;
        return NULL;
    }
    writer->at += len;
    return bytes;
}

static inline void rd_writer_u8(struct rd_writer *writer, uint8_t value)
{
    uint8_t *bytes = rd_writer_take(writer, 1);

    if (bytes)
        bytes[0] = value;
}

static inline void rd_writer_u16(struct rd_writer *writer, uint16_t value)
{
    uint8_t *bytes = rd_writer_take(writer, 2);

    if (bytes)
        rd_put_u16(bytes, value);
}

static inline void rd_writer_u32(struct rd_writer *writer, uint32_t value)
{
    rd_writer_u16(writer, (uint16_t)(value >> 16));
    rd_writer_u16(writer, (uint16_t)value);
}

static inline void rd_writer_bytes(struct rd_writer *writer, const void *bytes, size_t len)
{
    uint8_t *to = rd_writer_take(writer, len);

    if (to && len)
        memcpy(to, bytes, len);
}

#endif
