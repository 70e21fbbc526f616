/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_name.c - names read, unpacked, compared and spelled (RFC 1035, RFC 4343, RFC 9267).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/name.h"

/* Data whose end is known to the sanitizers. */
struct data {
    uint8_t *bytes;
    size_t len;
};

static struct data data_of(const void *bytes, size_t len)
{
    struct data data = {malloc(len ? len : 1), len};

    memcpy(data.bytes, bytes, len);
    return data;
}

#define DATA(text) data_of(text, sizeof(text) - 1)

/* rd_name_read of a whole string literal. */
static size_t read_all(struct data data, struct rd_name *name, struct rd_name_case *name_case)
{
    size_t taken = rd_name_read(data.bytes, data.len, 0, name, name_case);

    free(data.bytes);
    return taken;
}

static size_t unpack_at(struct data data, size_t offset, struct rd_name *name)
{
    size_t validated = rd_name_unpack(data.bytes, data.len, offset, NULL);
    size_t taken = rd_name_unpack(data.bytes, data.len, offset, name);

    assert_int_equal(validated, taken);
    free(data.bytes);
    return taken;
}

#define assert_name(name, wire)                                                                    \
    do {                                                                                           \
        assert_int_equal((name)->len, sizeof(wire) - 1);                                           \
        assert_memory_equal((name)->bytes, wire, sizeof(wire) - 1);                                \
    } while (0)

/* N labels of LEN bytes each, all BYTE, and the root if CLOSED; the length. */
static size_t put_labels(uint8_t *at, unsigned n, uint8_t len, uint8_t byte, bool closed)
{
    size_t total = 0;

    for (unsigned i = 0; i < n; i++) {
        at[total] = len;
        memset(at + total + 1, byte, len);
        total += len + 1u;
    }
    if (closed)
        at[total++] = 0;
    return total;
}

/* -- rd_name_read ---------------------------------------------------------------------------- */

static void test_read_lowers_and_remembers_the_spelling(void **state)
{
    struct rd_name name;
    struct rd_name_case upper;

    (void)state;
    assert_int_equal(read_all(DATA("\3WwW\7examPle\0"), &name, &upper), 13);
    assert_name(&name, "\3www\7example\0");
    /* W is byte 1 and 3, P is byte 9. */
    assert_int_equal(upper.bits[0], 1u << 1 | 1u << 3);
    assert_int_equal(upper.bits[1], 1u << 1);
    for (size_t i = 2; i < sizeof(upper.bits); i++)
        assert_int_equal(upper.bits[i], 0);
}

static void test_read_takes_the_root(void **state)
{
    struct rd_name name;

    (void)state;
    assert_int_equal(read_all(DATA("\0rest"), &name, NULL), 1);
    assert_name(&name, "\0");
}

static void test_read_lowers_letters_alone(void **state)
{
    uint8_t wire[1 + 32 + 1] = {32};

    (void)state;
    for (unsigned block = 0; block < 256; block += 32) {
        struct rd_name name;

        for (unsigned i = 0; i < 32; i++)
            wire[1 + i] = (uint8_t)(block + i);
        assert_int_equal(rd_name_read(wire, sizeof(wire), 0, &name, NULL), sizeof(wire));
        for (unsigned i = 0; i < 32; i++) {
            unsigned byte = block + i;

            assert_int_equal(name.bytes[1 + i], byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
        }
    }
}

static void test_read_keeps_nul_and_dot_within_a_label(void **state)
{
    struct rd_name name;

    (void)state;
    assert_int_equal(read_all(DATA("\3A\0.\4test\0"), &name, NULL), 10);
    assert_name(&name, "\3a\0.\4test\0");
}

static void test_read_takes_a_label_of_63_not_of_64(void **state)
{
    uint8_t wire[70];
    struct rd_name name;

    (void)state;
    put_labels(wire, 1, 63, 'X', true);
    assert_int_equal(rd_name_read(wire, sizeof(wire), 0, &name, NULL), 65);
    put_labels(wire, 1, 64, 'X', true);
    assert_int_equal(rd_name_read(wire, sizeof(wire), 0, &name, NULL), 0);
}

static void test_read_takes_a_name_of_255_not_of_256(void **state)
{
    uint8_t wire[300];
    size_t len = put_labels(wire, 127, 1, 'X', true);
    struct rd_name name;
    struct rd_name_case upper;

    (void)state;
    assert_int_equal(len, 255);
    assert_int_equal(rd_name_read(wire, len, 0, &name, &upper), 255);
    assert_int_equal(name.len, 255);
    assert_int_equal(upper.bits[31], 0x2a); /* bytes 249, 251 and 253 */
    len = put_labels(wire, 126, 1, 'X', false);
    len += put_labels(wire + len, 1, 2, 'X', true);
    assert_int_equal(len, 256);
    assert_int_equal(rd_name_read(wire, len, 0, &name, NULL), 0);
}

static void test_read_refuses_what_ends_early(void **state)
{
    static const char wire[] = "\3www\7example";
    struct rd_name name;

    (void)state;
    for (size_t len = 0; len < sizeof(wire) - 1; len++)
        assert_int_equal(read_all(data_of(wire, len), &name, NULL), 0);
    assert_int_equal(rd_name_read((const uint8_t *)wire, 4, 5, &name, NULL), 0);
}

static void test_read_refuses_pointers_and_unknown_labels(void **state)
{
    struct rd_name name;

    (void)state;
    assert_int_equal(read_all(DATA("\1a\xc0\0\0"), &name, NULL), 0);
    assert_int_equal(read_all(DATA("\1a\x40\0\0"), &name, NULL), 0);
    assert_int_equal(read_all(DATA("\1a\x80\0\0"), &name, NULL), 0);
}

/* Every length has another last word. */
static void test_read_case_and_spell_give_back_every_length(void **state)
{
    (void)state;
    for (uint8_t len = 1; len <= 63; len++) {
        uint8_t wire[65], spelled[65];
        struct rd_name name;
        struct rd_name_case upper;

        put_labels(wire, 1, len, 'q', true);
        for (uint8_t i = 1; i <= len; i++)
            wire[i] = (uint8_t)((i * 7 % 3 ? 'a' : 'A') + i % 26);
        assert_int_equal(rd_name_read(wire, len + 2u, 0, &name, &upper), len + 2);
        memset(spelled, 0x77, sizeof(spelled));
        rd_name_spell(&name, &upper, spelled);
        assert_memory_equal(spelled, wire, len + 2u);
        if (len < 63)
            assert_int_equal(spelled[len + 2], 0x77);
    }
}

/* -- rd_name_unpack --------------------------------------------------------------------------- */

#define HEADER "............"

static void test_unpack_keeps_the_spelling(void **state)
{
    struct rd_name name;

    (void)state;
    assert_int_equal(unpack_at(DATA("\3WwW\7Example\0"), 0, &name), 13);
    assert_name(&name, "\3WwW\7Example\0");
}

static void test_unpack_follows_pointers(void **state)
{
    struct rd_name name;

    (void)state;
    assert_int_equal(unpack_at(DATA(HEADER "\7example\0\3www\xc0\x0c"), 21, &name), 6);
    assert_name(&name, "\3www\7example\0");
    assert_int_equal(unpack_at(DATA(HEADER "\3com\0\1b\xc0\x0c\1a\xc0\x11\xc0\x15"), 25, &name), 2);
    assert_name(&name, "\1a\1b\3com\0");
}

static void test_unpack_refuses_a_pointer_to_itself(void **state)
{
    struct rd_name name;

    (void)state;
    assert_int_equal(unpack_at(DATA(HEADER "\xc0\x0c"), 12, &name), 0);
    assert_int_equal(unpack_at(DATA(HEADER "\1a\xc0\x0e"), 12, &name), 0);
}

static void test_unpack_refuses_a_pointer_to_its_own_part(void **state)
{
    struct rd_name name;

    (void)state;
    assert_int_equal(unpack_at(DATA(HEADER "\1a\xc0\x0c"), 12, &name), 0);
    /* Down to 12, whose labels run into the pointer again. */
    assert_int_equal(unpack_at(DATA(HEADER "\1a\1b\xc0\x0c"), 14, &name), 0);
}

static void test_unpack_refuses_a_pointer_forward(void **state)
{
    struct rd_name name;

    (void)state;
    assert_int_equal(unpack_at(DATA(HEADER "\xc0\x0e\1a\0"), 12, &name), 0);
    assert_int_equal(unpack_at(DATA(HEADER "\xc0\x7f"), 12, &name), 0);
    /* Down from 16 to 12, and from there up again to 15, which is still below 16. */
    assert_int_equal(unpack_at(DATA(HEADER "\xc0\x0f.\0\xc0\x0c"), 16, &name), 0);
    /* Two that point at each other. */
    assert_int_equal(unpack_at(DATA(HEADER "\xc0\x0e\xc0\x0c"), 14, &name), 0);
}

static void test_unpack_refuses_a_pointer_into_the_header(void **state)
{
    struct rd_name name;

    (void)state;
    assert_int_equal(unpack_at(DATA("\0\0\0\0\0\0\0\0\0\0\0\0\xc0\x0b"), 12, &name), 0);
    assert_int_equal(unpack_at(DATA("\0\0\0\0\0\0\0\0\0\0\0\0\xc0\x00"), 12, &name), 0);
}

static void test_unpack_refuses_what_ends_early(void **state)
{
    static const char wire[] = HEADER "\7example\0\3www\xc0\x0c";
    struct rd_name name;

    (void)state;
    for (size_t len = 0; len < sizeof(wire) - 1; len++)
        assert_int_equal(unpack_at(data_of(wire, len), 21, &name), 0);
}

static void test_unpack_refuses_unknown_labels(void **state)
{
    uint8_t wire[70];
    struct rd_name name;

    (void)state;
    put_labels(wire, 1, 64, 'a', true);
    assert_int_equal(unpack_at(data_of(wire, sizeof(wire)), 0, &name), 0);
    assert_int_equal(unpack_at(DATA("\x80\0\0"), 0, &name), 0);
}

static void test_unpack_takes_a_name_of_255_not_of_256(void **state)
{
    uint8_t wire[12 + 400];
    size_t base, at;
    struct rd_name name;

    (void)state;
    memset(wire, 0, 12);
    base = 12 + put_labels(wire + 12, 126, 1, 'x', true); /* 253 bytes */
    at = base + put_labels(wire + base, 1, 1, 'y', false);
    memcpy(wire + at, "\xc0\x0c", 2);
    assert_int_equal(rd_name_unpack(wire, at + 2, base, &name), 4);
    assert_int_equal(name.len, 255);
    at = base + put_labels(wire + base, 1, 2, 'y', false);
    memcpy(wire + at, "\xc0\x0c", 2);
    assert_int_equal(rd_name_unpack(wire, at + 2, base, &name), 0);
}

/* A pointer to a pointer to a pointer ...: all strictly down. */
static void test_unpack_gives_up_after_many_pointers(void **state)
{
    uint8_t wire[12 + 1 + 2 * 1000] = {0};
    struct rd_name name;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        unsigned to = i == 0 ? 12 : 13 + 2 * (i - 1);

        wire[13 + 2 * i] = (uint8_t)(0xc0 | to >> 8);
        wire[14 + 2 * i] = (uint8_t)to;
    }
    assert_int_equal(rd_name_unpack(wire, sizeof(wire), 13 + 2 * 126, &name), 2);
    assert_name(&name, "\0");
    assert_int_equal(rd_name_unpack(wire, sizeof(wire), 13 + 2 * 127, &name), 0);
    assert_int_equal(rd_name_unpack(wire, sizeof(wire), 13 + 2 * 999, &name), 0);
}

/* -- comparing -------------------------------------------------------------------------------- */

static struct rd_name name_of(const char *wire, size_t len)
{
    struct rd_name name = {.len = (uint8_t)len};

    memcpy(name.bytes, wire, len);
    return name;
}

#define NAME(text) name_of(text, sizeof(text) - 1)

static void test_matches_in_any_spelling(void **state)
{
    struct rd_name name = NAME("\3www\7example\0");

    (void)state;
    assert_true(rd_name_matches(&name, (const uint8_t *)"\3www\7example\0"));
    assert_true(rd_name_matches(&name, (const uint8_t *)"\3WWW\7EXAMPLE\0"));
    assert_true(rd_name_matches(&name, (const uint8_t *)"\3wWw\7ExAmPlE\0"));
    assert_false(rd_name_matches(&name, (const uint8_t *)"\3www\7exampld\0"));
    assert_false(rd_name_matches(&name, (const uint8_t *)"\3www\6exampl\0\0"));
}

/* Each byte against each other byte, at each place of a word: only letters have two spellings. */
static void test_matches_letters_and_nothing_else_in_two_spellings(void **state)
{
    (void)state;
    for (unsigned place = 1; place <= 9; place++) {
        for (unsigned a = 0; a < 256; a++) {
            struct rd_name name = NAME("\12..........\0");

            name.bytes[place] = (uint8_t)(a >= 'A' && a <= 'Z' ? a + 32 : a);
            for (unsigned b = 0; b < 256; b++) {
                struct rd_name other = NAME("\12..........\0");
                bool letter = (a | 32) >= 'a' && (a | 32) <= 'z' && a < 128;

                other.bytes[place] = (uint8_t)b;
                assert_int_equal(rd_name_matches(&name, other.bytes),
                                 a == b || (letter && (a ^ b) == 32));
                assert_int_equal(rd_name_equal(&name, &other), a == b || (letter && (a ^ b) == 32));
            }
        }
    }
}

static void test_matches_reads_no_further_than_the_name(void **state)
{
    (void)state;
    for (uint8_t len = 1; len <= 40; len++) {
        struct rd_name name = {.len = 0};
        struct data exact;

        name.len = (uint8_t)put_labels(name.bytes, 1, len, 'a', true);
        exact = data_of(name.bytes, name.len);
        assert_true(rd_name_matches(&name, exact.bytes));
        exact.bytes[name.len - 2] = 'b';
        assert_false(rd_name_matches(&name, exact.bytes));
        free(exact.bytes);
    }
}

static void test_equal_looks_at_lengths(void **state)
{
    struct rd_name a = NAME("\1a\1b\0"), b = NAME("\1A\1B\0"), shorter = NAME("\1a\0");
    struct rd_name other_labels = NAME("\3a\1b\0");

    (void)state;
    assert_true(rd_name_equal(&a, &b));
    assert_false(rd_name_equal(&a, &shorter));
    assert_false(rd_name_equal(&a, &other_labels));
}

static void test_nul_in_a_label_is_not_its_end(void **state)
{
    struct rd_name with_nul = NAME("\3a\0b\4test\0"), other = NAME("\3a\0c\4test\0");

    (void)state;
    assert_false(rd_name_equal(&with_nul, &other));
    assert_false(rd_name_matches(&with_nul, other.bytes));
}

static void test_lower_changes_letters_and_no_bytes_behind(void **state)
{
    struct rd_name name = NAME("\5A[@Z{\0");

    (void)state;
    name.bytes[name.len] = 'Q';
    rd_name_lower(&name);
    assert_name(&name, "\5a[@z{\0");
    assert_int_equal(name.bytes[name.len], 'Q');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_lowers_and_remembers_the_spelling),
        cmocka_unit_test(test_read_takes_the_root),
        cmocka_unit_test(test_read_lowers_letters_alone),
        cmocka_unit_test(test_read_keeps_nul_and_dot_within_a_label),
        cmocka_unit_test(test_read_takes_a_label_of_63_not_of_64),
        cmocka_unit_test(test_read_takes_a_name_of_255_not_of_256),
        cmocka_unit_test(test_read_refuses_what_ends_early),
        cmocka_unit_test(test_read_refuses_pointers_and_unknown_labels),
        cmocka_unit_test(test_read_case_and_spell_give_back_every_length),
        cmocka_unit_test(test_unpack_keeps_the_spelling),
        cmocka_unit_test(test_unpack_follows_pointers),
        cmocka_unit_test(test_unpack_refuses_a_pointer_to_itself),
        cmocka_unit_test(test_unpack_refuses_a_pointer_to_its_own_part),
        cmocka_unit_test(test_unpack_refuses_a_pointer_forward),
        cmocka_unit_test(test_unpack_refuses_a_pointer_into_the_header),
        cmocka_unit_test(test_unpack_refuses_what_ends_early),
        cmocka_unit_test(test_unpack_refuses_unknown_labels),
        cmocka_unit_test(test_unpack_takes_a_name_of_255_not_of_256),
        cmocka_unit_test(test_unpack_gives_up_after_many_pointers),
        cmocka_unit_test(test_matches_in_any_spelling),
        cmocka_unit_test(test_matches_letters_and_nothing_else_in_two_spellings),
        cmocka_unit_test(test_matches_reads_no_further_than_the_name),
        cmocka_unit_test(test_equal_looks_at_lengths),
        cmocka_unit_test(test_nul_in_a_label_is_not_its_end),
        cmocka_unit_test(test_lower_changes_letters_and_no_bytes_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
