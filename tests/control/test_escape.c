/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_escape.c - foreign text cannot command a terminal or forge a line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "escape.h"

static void test_printable_ascii_stays(void **state)
{
    char all[96], out[96];

    (void)state;
    for (int i = 0; i < 95; i++)
        all[i] = (char)(' ' + i);
    all[95] = '\0';
    assert_string_equal(escape_text(all, 95, out, sizeof(out)), all);
}

static void test_everything_else_is_shown_as_hex(void **state)
{
    char out[64];

    (void)state;
    assert_string_equal(escape_text("a\nb\x1b[1m\x7f\xc3\xa9\0z", 12, out, sizeof(out)),
                        "a\\x0ab\\x1b[1m\\x7f\\xc3\\xa9\\x00z");
}

static void test_what_does_not_fit_is_marked(void **state)
{
    char out[16];

    (void)state;
    for (size_t size = 8; size <= sizeof(out); size++) {
        memset(out, '#', sizeof(out));
        escape_text("\n0123456789abcdef", 17, out, size);
        assert_true(strlen(out) < size);
        assert_string_equal(out + strlen(out) - 3, "...");
        assert_true(size == sizeof(out) || out[size] == '#');
    }
    assert_string_equal(escape_text("1234567", 7, out, 8), "1234567");
    assert_string_equal(escape_text("12345678", 8, out, 8), "1234...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printable_ascii_stays),
        cmocka_unit_test(test_everything_else_is_shown_as_hex),
        cmocka_unit_test(test_what_does_not_fit_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
