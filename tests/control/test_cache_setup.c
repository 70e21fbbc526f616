/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_setup.c - a cache that is too small is an error with its place; sizes for people.
 */
#include "cache_setup.h"
#include "config_text.h"

/* As the program does it when file and command line are read. */
static void check(const char *text, unsigned workers)
{
    assert_true(load(text));
    config.workers = workers;
    cache_check(&config, &given, &errors);
}

static void test_too_small_a_cache_is_an_error_with_its_place(void **state)
{
    (void)state;
    check("cache:\n  size: 4095\n", 2);
    assert_int_equal(errors.n, 1);
    assert_non_null(strstr(errors.lines[0], "f:2:9: cache.size: found 4095 bytes; allowed: 0, or "
                                            "at least "));
    assert_non_null(strstr(errors.lines[0], " for 2 workers"));
}

static void test_the_least_depends_on_the_workers(void **state)
{
    char text[64];

    (void)state;
    for (unsigned workers = 1; workers <= RD_MAX_WORKERS; workers *= 4) {
        uint64_t least = rd_cache_least_bytes(workers);

        snprintf(text, sizeof(text), "cache: {size: %llu}\n", (unsigned long long)least);
        check(text, workers);
        assert_int_equal(errors.n, 0);
        snprintf(text, sizeof(text), "cache: {size: %llu}\n", (unsigned long long)least - 1);
        check(text, workers);
        assert_int_equal(errors.n, 1);
    }
}

static void test_no_cache_and_the_default_are_good(void **state)
{
    (void)state;
    check("cache: {size: 0}\n", RD_MAX_WORKERS);
    assert_int_equal(errors.n, 0);
    check("", RD_MAX_WORKERS);
    assert_int_equal(errors.n, 0);
    check("", 0); /* as many as there are CPUs */
    assert_int_equal(errors.n, 0);
}

static void test_sizes_are_readable(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0 bytes"},
                 {1023, "1023 bytes"},
                 {1536, "1.5 KiB"},
                 {512 << 20, "512 MiB"},
                 {UINT64_C(32) << 30, "32 GiB"}};
    char text[CACHE_BYTES_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(cache_bytes_format(cases[i].bytes, text), cases[i].text);
}

#define TEST(name) cmocka_unit_test_teardown(name, clear_errors)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_too_small_a_cache_is_an_error_with_its_place),
        TEST(test_the_least_depends_on_the_workers),
        TEST(test_no_cache_and_the_default_are_good),
        TEST(test_sizes_are_readable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
