/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packed.c - two names at a time, label by label through their pointers. Pure, any thread.
 *
 * What a name costs is added up on the side and spent when it was looked at.
 */
#include "wire/packed.h"

#include <string.h>

#define POINTER_BYTES 2

/* Where the label is that the name at AT goes on with. */
static size_t resolve(const uint8_t *data, size_t at, size_t *work)
{
    for (; data[at] >= 0xc0; *work += POINTER_BYTES)
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

static bool same_names(const uint8_t *data, size_t a, size_t b, size_t *work)
{
    for (;;) {
        a = resolve(data, a, work);
        b = resolve(data, b, work);
        if (a == b)
            return true;
        *work += data[a] + 1u;
        if (!same_label(data + a, data + b))
            return false;
        if (data[a] == 0)
            return true;
        a += data[a] + 1u;
        b += data[b] + 1u;
    }
}

bool packed_compare(struct packed *names, size_t a, size_t b)
{
    size_t work = 0;

    if (names->data[a] >= 0xc0)
        a = rd_get_u16(names->data + a) & 0x3fffu;
    if (names->left == 0)
        return false;
    if (a == names->last_a && b == names->last_b)
        return names->last_same;
    names->last_a = a;
    names->last_b = b;
    names->last_same = same_names(names->data, a, b, &work);
    packed_spend(names, work);
    return names->last_same && names->left > 0;
}

static size_t next_label(const uint8_t *data, size_t at, size_t *work)
{
    *work += data[at] + 1u;
    return resolve(data, at + data[at] + 1u, work);
}

int packed_labels(struct packed *names, size_t at)
{
    size_t work = 0;
    int labels = 0;

    for (at = resolve(names->data, at, &work); names->data[at] != 0; labels++)
        at = next_label(names->data, at, &work);
    packed_spend(names, work);
    return labels;
}

static size_t skip_labels(struct packed *names, size_t at, int labels)
{
    size_t work = 0;

    for (at = resolve(names->data, at, &work); labels > 0; labels--)
        at = next_label(names->data, at, &work);
    packed_spend(names, work);
    return at;
}

int packed_depth(struct packed *names, size_t at, size_t above)
{
    int depth;

    if (names->left == 0)
        return -1;
    depth = packed_labels(names, at) - packed_labels(names, above);
    return depth >= 0 && packed_same(names, skip_labels(names, at, depth), above) ? depth : -1;
}

bool packed_substitutes(struct packed *names, size_t at, int depth, size_t target, size_t result)
{
    const uint8_t *data = names->data;
    size_t work = 0;

    for (; depth > 0; depth--) {
        at = resolve(data, at, &work);
        result = resolve(data, result, &work);
        if (!same_label(data + at, data + result))
            break;
        work += data[at] + 1u;
        at += data[at] + 1u;
        result += data[result] + 1u;
    }
    packed_spend(names, work);
    return depth == 0 && packed_same(names, target, result);
}

bool packed_unpack(struct packed *names, size_t at, struct rd_name *ret_name)
{
    const uint8_t *data = names->data;
    size_t work = 0, len = 0, label;

    if (names->left == 0)
        return false;
    do {
        at = resolve(data, at, &work);
        label = data[at] + 1u;
        memcpy(ret_name->bytes + len, data + at, label);
        len += label;
        at += label;
    } while (label > 1);
    ret_name->len = (uint8_t)len;
    packed_spend(names, work + len);
    return names->left > 0;
}
