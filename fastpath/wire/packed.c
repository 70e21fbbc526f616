/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packed.c - two names at a time, label by label through their pointers. Pure, any thread.
 */
#include "wire/packed.h"

/* Where the label is that the name at AT goes on with. */
static size_t resolve(const uint8_t *data, size_t at)
{
    while (data[at] >= 0xc0)
        at = rd_get_u16(data + at) & 0x3fffu;
    return at;
}

static uint8_t lower(uint8_t byte)
{
    return (uint8_t)(byte - 'A') < 26 ? byte | 0x20 : byte;
}

/* The labels at A and B, lengths and all. */
static bool same_label(const uint8_t *a, const uint8_t *b)
{
    if (*a != *b)
        return false;
    for (unsigned i = 1; i <= *a; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool packed_compare(const uint8_t *data, size_t a, size_t b)
{
    for (;;) {
        a = resolve(data, a);
        b = resolve(data, b);
        if (a == b)
            return true;
        if (!same_label(data + a, data + b))
            return false;
        if (data[a] == 0)
            return true;
        a += data[a] + 1u;
        b += data[b] + 1u;
    }
}

int packed_labels(const uint8_t *data, size_t at)
{
    int labels = 0;

    for (at = resolve(data, at); data[at] != 0; at = resolve(data, at + data[at] + 1u))
        labels++;
    return labels;
}

static size_t skip_labels(const uint8_t *data, size_t at, int labels)
{
    for (at = resolve(data, at); labels > 0; labels--)
        at = resolve(data, at + data[at] + 1u);
    return at;
}

int packed_depth(const uint8_t *data, size_t at, size_t above)
{
    int depth = packed_labels(data, at) - packed_labels(data, above);

    return depth >= 0 && packed_same(data, skip_labels(data, at, depth), above) ? depth : -1;
}

bool packed_substitutes(const uint8_t *data, size_t at, int depth, size_t target, size_t result)
{
    for (; depth > 0; depth--) {
        at = resolve(data, at);
        result = resolve(data, result);
        if (!same_label(data + at, data + result))
            return false;
        at += data[at] + 1u;
        result += data[result] + 1u;
    }
    return packed_same(data, target, result);
}
