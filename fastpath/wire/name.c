/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name.c - names in wire form, read, compared and spelled eight bytes at a time.
 *
 * A name's letters are handled without looking at where its labels begin: a length byte is at most
 * 63, which is below 'A'. So one branch-free pass over the whole name is enough, after a walk that
 * touches the length bytes alone. Pure functions, any thread. Text forms are in name_text.c.
 */
#include "wire/name.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

static_assert(RD_DNS_LABEL_BYTES < 'A', "a length byte is never taken for a letter");

#define EACH_BYTE(value) ((value)*0x0101010101010101ull)

/* A name has at most 127 labels, and pointers without a label between them save nothing. */
#define POINTERS_MAX 127

/* The last LEFT bytes of a name, fewer than eight, in pieces of 4, 2 and 1: a memcpy of that length
 * would be a call, and its bytes would have to reach memory before they are loaded as a word. */
static uint64_t load_tail(const uint8_t *at, size_t left)
{
    uint64_t word = 0;
    uint32_t four;
    uint16_t two;
    unsigned shift = 0;

    if (left & 4) {
        memcpy(&four, at, sizeof(four));
        word = le32toh(four);
        at += 4;
        shift = 32;
    }
    if (left & 2) {
        memcpy(&two, at, sizeof(two));
        word |= (uint64_t)le16toh(two) << shift;
        at += 2;
        shift += 16;
    }
    if (left & 1)
        word |= (uint64_t)*at << shift;
    return word;
}

static void store_tail(uint8_t *at, uint64_t word, size_t left)
{
    if (left & 4) {
        uint32_t four = htole32((uint32_t)word);

        memcpy(at, &four, sizeof(four));
        at += 4;
        word >>= 32;
    }
    if (left & 2) {
        uint16_t two = htole16((uint16_t)word);

        memcpy(at, &two, sizeof(two));
        at += 2;
        word >>= 16;
    }
    if (left & 1)
        *at = (uint8_t)word;
}

/* The next eight bytes, the first of them lowest; what is behind LEFT is zero. */
static uint64_t load(const uint8_t *at, size_t left)
{
    uint64_t word;

    if (left < sizeof(word))
        return load_tail(at, left);
    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

static void store(uint8_t *at, uint64_t word, size_t left)
{
    if (left < sizeof(word)) {
        store_tail(at, word, left);
        return;
    }
    word = htole64(word);
    memcpy(at, &word, sizeof(word));
}

/* 0x80 in each byte that holds 'A' to 'Z', else 0. With the top bits taken off no sum carries
 * into the next byte. */
static uint64_t upper_mask(uint64_t word)
{
    uint64_t low = word & EACH_BYTE(0x7full);
    uint64_t from_a = low + EACH_BYTE(0x80ull - 'A');
    uint64_t behind_z = low + EACH_BYTE(0x7full - 'Z');

    return (from_a ^ behind_z) & ~word & EACH_BYTE(0x80ull);
}

static uint64_t lower(uint64_t word)
{
    return word | upper_mask(word) >> 2;
}

/* Bit i of the result is the top bit of byte i. The products fall on different bits each. */
static uint8_t gather(uint64_t mask)
{
    return (uint8_t)((mask >> 7) * 0x0102040810204080ull >> 56);
}

/* 0x20 in byte i if bit i is set. */
static uint64_t spread(uint8_t bits)
{
    uint64_t each = EACH_BYTE((uint64_t)bits) & 0x8040201008040201ull;

    return (each + EACH_BYTE(0x7full)) >> 2 & EACH_BYTE(0x20ull);
}

/* The length of the uncompressed name at OFFSET, or 0. */
static size_t measure(const uint8_t *data, size_t len, size_t offset)
{
    size_t at = offset;

    while (at < len) {
        uint8_t label = data[at];

        if (label > RD_DNS_LABEL_BYTES)
            return 0;
        at += label + 1u;
        if (at - offset > RD_DNS_NAME_BYTES)
            return 0;
        if (label == 0)
            return at - offset;
    }
    return 0;
}

size_t rd_name_read(const uint8_t *data, size_t len, size_t offset, struct rd_name *ret_name,
                    struct rd_name_case *ret_case)
{
    size_t total = measure(data, len, offset);
    struct rd_name_case upper = {{0}};

    for (size_t i = 0; i < total; i += 8) {
        uint64_t word = load(data + offset + i, total - i);

        store(ret_name->bytes + i, lower(word), total - i);
        upper.bits[i / 8] = gather(upper_mask(word));
    }
    ret_name->len = (uint8_t)total;
    if (ret_case)
        *ret_case = upper;
    return total;
}

/* Follows the pointer at AT, that stands in the part of a name which began at *PART. The offset
 * it goes to, a new part's beginning; or 0: malformed. */
static size_t follow(const uint8_t *data, size_t len, size_t at, size_t *part)
{
    size_t to;

    if (at + 1 >= len)
        return 0;
    to = (size_t)(data[at] & 0x3f) << 8 | data[at + 1];
    if (to < RD_DNS_HEADER_BYTES || to >= *part)
        return 0;
    *part = to;
    return to;
}

size_t rd_name_unpack(const uint8_t *data, size_t len, size_t offset, struct rd_name *ret_name)
{
    size_t at = offset, part = offset, total = 0, taken = 0;
    unsigned pointers = 0;

    while (at < len) {
        uint8_t label = data[at];

        if (label >= 0xc0) {
            if (!taken)
                taken = at + 2 - offset;
            at = follow(data, len, at, &part);
            if (at == 0 || ++pointers > POINTERS_MAX)
                return 0;
            continue;
        }
        if (label > RD_DNS_LABEL_BYTES || total + label + 1 > RD_DNS_NAME_BYTES ||
            at + label >= len)
            return 0;
        if (ret_name)
            memcpy(ret_name->bytes + total, data + at, label + 1u);
        total += label + 1u;
        at += label + 1u;
        if (label)
            continue;
        if (ret_name)
            ret_name->len = (uint8_t)total;
        return taken ? taken : at - offset;
    }
    return 0;
}

bool rd_name_matches(const struct rd_name *name, const uint8_t *at)
{
    uint64_t difference = 0;

    for (size_t i = 0; i < name->len; i += 8)
        difference |= load(name->bytes + i, name->len - i) ^ lower(load(at + i, name->len - i));
    return difference == 0;
}

bool rd_name_equal(const struct rd_name *a, const struct rd_name *b)
{
    uint64_t difference = 0;

    if (a->len != b->len)
        return false;
    for (size_t i = 0; i < a->len; i += 8)
        difference |= lower(load(a->bytes + i, a->len - i)) ^ lower(load(b->bytes + i, a->len - i));
    return difference == 0;
}

void rd_name_lower(struct rd_name *name)
{
    for (size_t i = 0; i < name->len; i += 8)
        store(name->bytes + i, lower(load(name->bytes + i, name->len - i)), name->len - i);
}

void rd_name_spell(const struct rd_name *name, const struct rd_name_case *name_case, uint8_t *at)
{
    for (size_t i = 0; i < name->len; i += 8) {
        uint64_t word = load(name->bytes + i, name->len - i);

        store(at + i, word & ~spread(name_case->bits[i / 8]), name->len - i);
    }
}
