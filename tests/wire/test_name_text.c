/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_name_text.c - presentation form, both ways (RFC 1035 section 5.1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/name.h"

static void assert_text(const char *wire, size_t len, const char *expected)
{
    char text[RD_NAME_TEXT_BYTES];
    struct rd_name name = {.len = (uint8_t)len}, back;

    memcpy(name.bytes, wire, len);
    assert_int_equal(rd_name_to_text(&name, text), strlen(expected));
    assert_string_equal(text, expected);
    assert_true(rd_name_from_text(text, &back));
    assert_int_equal(back.len, len);
    assert_memory_equal(back.bytes, wire, len);
}

#define assert_wire_text(wire, text) assert_text(wire, sizeof(wire) - 1, text)

static void assert_reads(const char *text, const char *wire, size_t len)
{
    struct rd_name name;

    assert_true(rd_name_from_text(text, &name));
    assert_int_equal(name.len, len);
    assert_memory_equal(name.bytes, wire, len);
}

static void assert_refused(const char *text)
{
    struct rd_name name, before;

    memset(&name, 0x66, sizeof(name));
    before = name;
    assert_false(rd_name_from_text(text, &name));
    assert_memory_equal(&name, &before, sizeof(name));
}

static void test_a_plain_name(void **state)
{
    (void)state;
    assert_wire_text("\3WwW\7example\0", "WwW.example.");
    assert_wire_text("\4_tcp\3a-b\0", "_tcp.a-b.");
}

static void test_the_root(void **state)
{
    (void)state;
    assert_wire_text("\0", ".");
}

static void test_dot_and_backslash_in_a_label(void **state)
{
    (void)state;
    assert_wire_text("\3a.b\1\\\0", "a\\.b.\\\\.");
}

static void test_bytes_that_do_not_print(void **state)
{
    (void)state;
    assert_wire_text("\6a\0\n \177\377\0", "a\\000\\010\\032\\127\\255.");
}

static void test_characters_of_master_files(void **state)
{
    (void)state;
    assert_wire_text("\6();@$\"\0", "\\040\\041\\059\\064\\036\\034.");
}

static void test_every_byte_comes_back(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        struct rd_name name = {.len = 3, .bytes = {1, (uint8_t)byte, 0}}, back;
        char text[RD_NAME_TEXT_BYTES];

        rd_name_to_text(&name, text);
        for (const char *at = text; *at; at++)
            assert_in_range(*at, 0x21, 0x7e);
        assert_true(rd_name_from_text(text, &back));
        assert_int_equal(back.bytes[1], byte);
    }
}

static void test_the_longest_text_fits(void **state)
{
    struct rd_name name = {.len = 255};
    char text[RD_NAME_TEXT_BYTES];

    (void)state;
    memset(name.bytes, 0xff, sizeof(name.bytes));
    name.bytes[0] = name.bytes[64] = name.bytes[128] = 63;
    name.bytes[192] = 61;
    name.bytes[254] = 0;
    assert_int_equal(rd_name_to_text(&name, text), 4 * 250 + 4);
}

static void test_the_closing_dot_may_be_missing(void **state)
{
    (void)state;
    assert_reads("www.example", "\3www\7example\0", 13);
    assert_reads("a\\.", "\2a.\0", 4);
}

static void test_escapes_by_character_and_by_number(void **state)
{
    (void)state;
    assert_reads("\\a\\097\\@.b", "\3aa@\1b\0", 7);
    assert_reads("\\000\\255", "\2\0\377\0", 4);
}

static void test_bad_escapes_are_refused(void **state)
{
    (void)state;
    assert_refused("a\\");
    assert_refused("\\256");
    assert_refused("\\999.b");
    assert_refused("\\1");
    assert_refused("\\12");
    assert_refused("\\12x");
}

static void test_empty_labels_are_refused(void **state)
{
    (void)state;
    assert_refused("");
    assert_refused("..");
    assert_refused(".a");
    assert_refused("a..b");
    assert_refused("a..");
}

static void test_a_label_of_63_not_of_64(void **state)
{
    char text[65];
    struct rd_name name;

    (void)state;
    memset(text, 'x', 64);
    text[63] = '\0';
    assert_true(rd_name_from_text(text, &name));
    assert_int_equal(name.len, 65);
    text[63] = 'x';
    text[64] = '\0';
    assert_refused(text);
}

static void test_a_name_of_255_not_of_256(void **state)
{
    char text[300];
    struct rd_name name;

    (void)state;
    for (size_t i = 0; i < 127; i++)
        memcpy(text + 2 * i, "x.", 3);
    assert_true(rd_name_from_text(text, &name));
    assert_int_equal(name.len, 255);
    memcpy(text + 2 * 126, "xy.", 4);
    assert_refused(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plain_name),
        cmocka_unit_test(test_the_root),
        cmocka_unit_test(test_dot_and_backslash_in_a_label),
        cmocka_unit_test(test_bytes_that_do_not_print),
        cmocka_unit_test(test_characters_of_master_files),
        cmocka_unit_test(test_every_byte_comes_back),
        cmocka_unit_test(test_the_longest_text_fits),
        cmocka_unit_test(test_the_closing_dot_may_be_missing),
        cmocka_unit_test(test_escapes_by_character_and_by_number),
        cmocka_unit_test(test_bad_escapes_are_refused),
        cmocka_unit_test(test_empty_labels_are_refused),
        cmocka_unit_test(test_a_label_of_63_not_of_64),
        cmocka_unit_test(test_a_name_of_255_not_of_256),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
