/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_suffix.c - a set of suffixes finds what a look at each of them, one after the other, finds.
 *
 * The first byte says how many entries follow; what is left are names to be looked up. A name is
 * the number of its labels, then each label in one byte, or in full behind RAW.
 */
#include <string.h>

#include "fuzz.h"
#include "policy/suffix.h"

#define ENTRIES_MAX 48
#define LOOKUPS_MAX 200
#define LABELS_MAX  12
#define RAW         0xe0
#define UNTOUCHED   77

struct input {
    const uint8_t *data;
    size_t left;
};

static uint8_t next(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

/* A label of few letters and of lengths around the bytes that are compared at once, so that many
 * differ only at their end. */
static uint8_t short_label(uint8_t code, uint8_t *label)
{
    static const uint8_t lengths[] = {1, 2, 6, 7, 8, 9, 16, 63};
    uint8_t len = lengths[code >> 2 & 7];

    memset(label, 'a' + (code & 3), len);
    if (code & 0x20)
        label[len - 1] = (uint8_t)('0' + (code >> 6));
    return len;
}

static uint8_t raw_label(struct input *input, uint8_t *label)
{
    uint8_t len = (uint8_t)(1 + next(input) % 63);

    for (uint8_t i = 0; i < len; i++) {
        label[i] = next(input);
        if (label[i] >= 'A' && label[i] <= 'Z')
            label[i] |= 0x20;
    }
    return len;
}

/* Puts a label in front of NAME; false: it has no room. */
static bool put_label(struct rd_name *name, const uint8_t *label, uint8_t len)
{
    if (name->len + len + 1 > RD_DNS_NAME_BYTES)
        return false;
    memmove(name->bytes + len + 1, name->bytes, name->len);
    name->bytes[0] = len;
    memcpy(name->bytes + 1, label, len);
    name->len = (uint8_t)(name->len + len + 1);
    return true;
}

static struct rd_name read_name(struct input *input)
{
    struct rd_name name = {.len = 1};
    uint8_t label[64];

    for (unsigned labels = next(input) % (LABELS_MAX + 1); labels > 0; labels--) {
        uint8_t code = next(input);
        uint8_t len = code >= RAW ? raw_label(input, label) : short_label(code, label);

        if (!put_label(&name, label, len))
            break;
    }
    return name;
}

/* Where in NAME the suffix begins; -1: NAME is neither at nor below it. */
static int suffix_at(const struct rd_name *name, const struct rd_name *suffix)
{
    for (int at = 0; at < name->len; at += name->bytes[at] + 1)
        if (name->len - at == suffix->len &&
            memcmp(name->bytes + at, suffix->bytes, suffix->len) == 0)
            return at;
    return -1;
}

static void look_up(const struct suffix_set *set, const struct suffix_entry *entries, uint32_t n,
                    const struct rd_name *name)
{
    uint32_t value = UNTOUCHED;
    uint8_t at = UNTOUCHED;
    int32_t found = suffix_set_find(set, name, &value, &at), expected = -1;
    int expected_at = -1;

    for (uint32_t i = 0; i < n; i++) {
        int place = suffix_at(name, &entries[i].suffix);

        if (place < 0 || (expected >= 0 && place >= expected_at))
            continue;
        expected = (int32_t)i;
        expected_at = place;
    }
    property(found == expected);
    property(value == (found < 0 ? UNTOUCHED : entries[found].value));
    property(at == (found < 0 ? UNTOUCHED : expected_at));
}

/* NAME, what is above it, and a name below. */
static void look_up_around(const struct suffix_set *set, const struct suffix_entry *entries,
                           uint32_t n, struct rd_name name, uint8_t code)
{
    struct rd_name below = name;
    uint8_t label[64];

    if (put_label(&below, label, short_label(code, label)))
        look_up(set, entries, n, &below);
    while (name.len > 1) {
        uint8_t step = (uint8_t)(name.bytes[0] + 1);

        look_up(set, entries, n, &name);
        name.len = (uint8_t)(name.len - step);
        memmove(name.bytes, name.bytes + step, name.len);
    }
    look_up(set, entries, n, &name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    static struct suffix_entry entries[ENTRIES_MAX];
    uint32_t n = next(&input) % (ENTRIES_MAX + 1);
    struct suffix_set *set;

    for (uint32_t i = 0; i < n; i++)
        entries[i] = (struct suffix_entry){read_name(&input), 1000 + i};
    set = suffix_set_new(entries, n);
    property(set);
    for (uint32_t i = 0; i < n; i++)
        look_up_around(set, entries, n, entries[i].suffix, (uint8_t)i);
    for (unsigned i = 0; i < LOOKUPS_MAX && input.left > 0; i++)
        look_up_around(set, entries, n, read_name(&input), (uint8_t)i);
    suffix_set_free(set);
    return 0;
}
