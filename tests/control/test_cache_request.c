/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_request.c - the arguments of the commands about the cache.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache_request.h"

static struct cache_request request;

static void assert_reads(const char *first, const char *second, const char *name, bool suffix)
{
    struct control_arguments arguments = {second ? 2 : 1, {first, second}};
    char text[RD_NAME_TEXT_BYTES];

    memset(&request, 0xff, sizeof(request));
    assert_null(cache_request_read(&arguments, true, &request));
    rd_name_to_text(&request.name, text);
    assert_string_equal(text, name);
    assert_int_equal(request.suffix, suffix);
}

static void assert_refuses(unsigned n, const char *first, const char *second, bool suffix_allowed,
                           const char *part)
{
    struct control_arguments arguments = {n, {first, second}};
    json_t *error = cache_request_read(&arguments, suffix_allowed, &request);
    const char *text = json_string_value(json_object_get(error, "error"));

    assert_non_null(text);
    assert_non_null(strstr(text, part));
    json_decref(error);
}

static void test_a_name_is_read_in_lower_case(void **state)
{
    (void)state;
    assert_reads("WWW.Example", NULL, "www.example.", false);
    assert_reads("www.example.", NULL, "www.example.", false);
    assert_reads(".", NULL, ".", false);
    assert_reads("a\\032b.\\065", NULL, "a\\032b.a.", false);
    assert_reads("-x", NULL, "-x.", false);
}

static void test_the_suffix_flag_may_stand_anywhere(void **state)
{
    (void)state;
    assert_reads("a.example", "--suffix", "a.example.", true);
    assert_reads("--suffix", "a.example", "a.example.", true);
}

static void test_a_name_that_is_none_is_told_with_what_is_allowed(void **state)
{
    static const char *const names[] = {"a..b", ".a", "\\256", "a\\", "a\\1x"};
    char label[70];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_refuses(1, names[i], NULL, true, "is no name; allowed: labels of 1 to 63 bytes");
    memset(label, 'x', 64);
    label[64] = '\0';
    assert_refuses(1, label, NULL, true, "is no name");
}

static void test_too_much_and_too_little_is_told(void **state)
{
    (void)state;
    assert_refuses(1, "--suffix", NULL, true, "no name; allowed: NAME");
    assert_refuses(2, "a", "b", true, "more than one name");
    assert_refuses(1, "--sufix", NULL, true, "unknown option --sufix; there is --suffix");
    assert_refuses(2, "a", "--suffix", false, "more than one name");
    assert_refuses(1, "--suffix", NULL, false, "unknown option --suffix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_is_read_in_lower_case),
        cmocka_unit_test(test_the_suffix_flag_may_stand_anywhere),
        cmocka_unit_test(test_a_name_that_is_none_is_told_with_what_is_allowed),
        cmocka_unit_test(test_too_much_and_too_little_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
