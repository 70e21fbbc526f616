/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_name.c - names in wire form and in presentation form.
 *
 * The first byte says where in the rest the name is; the rest is taken for a text as well.
 */
#include <string.h>

#include "fuzz.h"
#include "wire/known.h"
#include "wire/name.h"

/* To text and back is the same name, and the text is clean. */
static void check_text(const struct rd_name *name)
{
    char text[RD_NAME_TEXT_BYTES];
    struct rd_name back;
    size_t len = rd_name_to_text(name, text);

    property(len == strlen(text) && len < sizeof(text));
    for (size_t i = 0; i < len; i++)
        property(text[i] > ' ' && text[i] < 0x7f);
    property(rd_name_from_text(text, &back));
    property(back.len == name->len && memcmp(back.bytes, name->bytes, name->len) == 0);
}

/* Reading and spelling gives back the bytes. */
static void check_spelling(const struct rd_name *spelled, const uint8_t *at, size_t left)
{
    struct rd_name name, lowered = *spelled;
    struct rd_name_case upper;
    uint8_t back[RD_DNS_NAME_BYTES];

    property(rd_name_read(at, left, 0, &name, &upper) == spelled->len);
    rd_name_spell(&name, &upper, back);
    property(memcmp(back, at, name.len) == 0);
    rd_name_lower(&lowered);
    property(lowered.len == name.len && memcmp(lowered.bytes, name.bytes, name.len) == 0);
    property(rd_name_matches(&name, at) && rd_name_equal(&name, spelled));
}

static void check_wire(const uint8_t *data, size_t size, size_t offset)
{
    struct rd_name name, unused;
    uint8_t expected[255];
    size_t expected_len, taken = rd_name_unpack(data, size, offset, &name);

    property(rd_name_unpack(data, size, offset, NULL) == taken);
    property(slow_name(data, size, offset, expected, &expected_len) == taken);
    if (taken) {
        property(name.len == expected_len && memcmp(name.bytes, expected, expected_len) == 0);
        check_text(&name);
    }
    if (taken && taken == name.len)
        check_spelling(&name, data + offset, size - offset);
    else
        property(rd_name_read(data, size, offset, &unused, NULL) == 0);
}

/* What is known of names changes nothing, for names in their order and any bounds. */
static void check_known(const uint8_t *data, size_t size)
{
    static struct known known;

    known.names = KNOWN_FROM;
    for (size_t at = 12; at < size; at++) {
        size_t bound = at + 1 + data[at] % 32;

        bound = bound < size ? bound : size;
        property(known_name(&known, data, bound, at) == rd_name_unpack(data, bound, at, NULL));
        property(known_name(&known, data, size, at) == rd_name_unpack(data, size, at, NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[2048];
    struct rd_name name;

    if (size == 0 || size > sizeof(text))
        return 0;
    check_wire(data + 1, size - 1, data[0]);
    check_known(data + 1, size - 1);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (rd_name_from_text(text, &name))
        check_text(&name);
    return 0;
}
