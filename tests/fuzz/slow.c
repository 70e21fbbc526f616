/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slow.c - the second opinion: message and name once more, in another shape.
 *
 * Names by recursion, records by a written-out pattern per type. Only the fuzz targets use it.
 */
#include <string.h>

#include "fuzz.h"

#define MAX_POINTERS 127

static unsigned u16(const uint8_t *at)
{
    return at[0] * 256u + at[1];
}

/* The part of a name that begins at PART; appends to NAME. The bytes it takes, or 0. */
static size_t name_part(const uint8_t *data, size_t limit, size_t part, unsigned pointers,
                        uint8_t *name, size_t *len)
{
    for (size_t at = part; at < limit;) {
        if (data[at] / 64 == 3) {
            size_t to;

            if (at + 2 > limit || pointers == MAX_POINTERS)
                return 0;
            to = u16(data + at) - 0xc000;
            if (to < 12 || to >= part || !name_part(data, limit, to, pointers + 1, name, len))
                return 0;
            return at + 2 - part;
        }
        if (data[at] / 64 != 0)
            return 0;
        for (unsigned i = 0; i <= data[at]; i++) {
            if (at + i >= limit || *len == 255)
                return 0;
            name[(*len)++] = data[at + i];
        }
        if (data[at] == 0)
            return at + 1 - part;
        at += data[at] + 1u;
    }
    return 0;
}

size_t slow_name(const uint8_t *data, size_t limit, size_t offset, uint8_t *name,
                 size_t *ret_name_len)
{
    *ret_name_len = 0;
    return name_part(data, limit, offset, 0, name, ret_name_len);
}

size_t slow_effort(const uint8_t *data, size_t at)
{
    if (data[at] >= 0xc0)
        return 2 + slow_effort(data, u16(data + at) - 0xc000);
    return data[at] == 0 ? 1 : data[at] + 1u + slow_effort(data, at + data[at] + 1u);
}

/* What RDATA is made of: a digit is that many bytes, n a name, s a string, S strings to the end,
 * * anything to the end. */
static const struct {
    const char *pattern;
    uint8_t types[12]; /* the rest is 0 */
} patterns[] = {
    {"n", {2, 3, 4, 5, 7, 8, 9, 12, 23, 39}},
    {"2n", {15, 18, 21, 36, 107}},
    {"nn", {14, 17, 58}},
    {"nn992", {6}},
    {"n*", {30, 47}},
    {"2n*", {64, 65}},
    {"99n*", {24, 46}},
    {"2nn", {26}},
    {"6n", {33}},
    {"4sssn", {35}},
    {"s", {19}},
    {"ss", {13}},
    {"sss", {27}},
    {"sS", {16, 20, 99}},
    {"4", {1}},
    {"6", {105, 108}},
    {"8", {109}},
    {"55", {104, 106}},
    {"88", {28, 29}},
    {"5*", {11}},
};

static const char *pattern_of(unsigned type)
{
    for (size_t i = 0; type != 0 && i < sizeof(patterns) / sizeof(patterns[0]); i++)
        for (size_t j = 0; j < sizeof(patterns[i].types); j++)
            if (patterns[i].types[j] == type)
                return patterns[i].pattern;
    return "*";
}

/* The bytes that one letter of a pattern takes at AT; more than are left: it does not fit. */
static size_t piece(char letter, const uint8_t *data, size_t at, size_t end)
{
    uint8_t name[255];
    size_t name_len, taken;

    switch (letter) {
    case 'n':
        taken = slow_name(data, end, at, name, &name_len);
        return taken ? taken : end - at + 1;
    case 's':
        return at < end ? 1u + data[at] : 1;
    case 'S':
        taken = 0;
        while (at + taken < end)
            taken += 1u + data[at + taken];
        return taken;
    case '*':
        return end - at;
    default:
        return (size_t)(letter - '0');
    }
}

static bool rdata_fits(unsigned type, const uint8_t *data, size_t at, size_t end)
{
    for (const char *letter = pattern_of(type); *letter; letter++) {
        size_t taken = piece(*letter, data, at, end);

        if (taken > end - at)
            return false;
        at += taken;
    }
    return at == end;
}

size_t slow_expand(unsigned type, const uint8_t *data, size_t at, size_t end, uint8_t *expanded)
{
    size_t len = 0;

    for (const char *letter = pattern_of(type); *letter; letter++) {
        size_t taken = piece(*letter, data, at, end), name_len = 0;

        if (*letter == 'n')
            slow_name(data, end, at, expanded + len, &name_len);
        else
            memcpy(expanded + len, data + at, taken);
        len += *letter == 'n' ? name_len : taken;
        at += taken;
    }
    return len;
}

int slow_options(const uint8_t *options, size_t len)
{
    int count = 0;

    for (size_t at = 0; at != len; count++) {
        if (len - at < 4 || len - at - 4 < u16(options + at + 2))
            return -1;
        at += 4 + u16(options + at + 2);
    }
    return count;
}

int slow_option(const uint8_t *options, size_t len, unsigned code, unsigned least,
                size_t *ret_offset)
{
    for (size_t at = 0; at < len; at += 4 + u16(options + at + 2)) {
        if (u16(options + at) != code || u16(options + at + 2) < least)
            continue;
        *ret_offset = at + 4;
        return (int)u16(options + at + 2);
    }
    return -1;
}

/* The record at START; where it ends, or 0. */
static size_t record(const uint8_t *data, size_t len, size_t start, int section,
                     struct slow_message *message)
{
    uint8_t name[255];
    size_t name_len, at = start + slow_name(data, len, start, name, &name_len), end;

    if (at == start || len - at < 10 || len - at - 10 < u16(data + at + 8))
        return 0;
    end = at + 10 + u16(data + at + 8);
    if (u16(data + at) == 41) {
        bool alone = message->opt == 0 && section == 2 && at == start + 1;

        message->opt = start;
        message->opt_end = end;
        return alone && (data[at + 5] != 0 || slow_options(data + at + 10, end - at - 10) >= 0)
                   ? end
                   : 0;
    }
    message->soa |= section == 1 && u16(data + at) == 6;
    message->ns |= section == 1 && u16(data + at) == 2;
    if (section == 2 && u16(data + at) == 250)
        message->signature = true;
    if (section == 2 && u16(data + at) == 24 && end - at >= 12 && u16(data + at + 10) == 0)
        message->signature = true;
    return u16(data + at + 2) != 1 || rdata_fits(u16(data + at), data, at + 10, end) ? end : 0;
}

bool slow_walk(const uint8_t *data, size_t len, struct slow_message *ret_message)
{
    uint8_t name[255];
    size_t name_len, at;

    memset(ret_message, 0, sizeof(*ret_message));
    if (len < 12 || u16(data + 4) != 1)
        return false;
    at = 12 + slow_name(data, len, 12, name, &name_len);
    if (at != 12 + name_len || at == 12 || len - at < 4)
        return false; /* shorter than its own length: compressed */
    at += 4;
    for (int section = 0; section < 3; section++) {
        for (unsigned i = u16(data + 6 + 2 * section); i > 0; i--) {
            at = record(data, len, at, section, ret_message);
            if (at == 0)
                return false;
        }
        ret_message->end[section] = at;
    }
    return at == len;
}
