/* SPDX-License-Identifier: BSD-2-Clause */
/* test_latency.c - a server's speed: mean and percentile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "latency.h"

static void samples(struct latency *latency, unsigned n, uint64_t us)
{
    for (unsigned i = 0; i < n; i++)
        latency_sample(latency, us * RD_NS_PER_US);
}

static void test_the_first_sample_is_the_mean(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 1, 1234);
    assert_int_equal(latency.smoothed_us, 1234);
}

static void test_the_mean_follows(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 1, 100000);
    samples(&latency, 100, 1000);
    assert_in_range(latency.smoothed_us, 1000, 1100);
    samples(&latency, 100, 50000);
    assert_in_range(latency.smoothed_us, 49000, 50000);
}

static void test_a_penalty_worsens_the_mean_but_not_the_percentile(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 200, 1000);
    latency_settle(&latency);
    uint32_t p99_us = latency.p99_us;

    latency_penalty(&latency, 400 * RD_NS_PER_MS);
    latency_settle(&latency);
    assert_true(latency.smoothed_us > 40000);
    assert_int_equal(latency.p99_us, p99_us);
}

static void test_few_samples_make_no_percentile(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 99, 500000);
    latency_settle(&latency);
    assert_int_equal(latency.p99_us, 0);
}

/* An upper bound, too high by a bucket's width at most: a quarter of a doubling. */
static void test_the_percentile_bounds_all_but_one_in_a_hundred(void **state)
{
    static const uint64_t slow_us[] = {3, 5, 90, 1000, 65535, 65536, 800000, 3900000};

    (void)state;
    for (unsigned i = 0; i < sizeof(slow_us) / sizeof(slow_us[0]); i++) {
        struct latency latency = {0};

        samples(&latency, 985, 2);
        samples(&latency, 15, slow_us[i]);
        latency_settle(&latency);
        assert_in_range(latency.p99_us, slow_us[i], slow_us[i] + slow_us[i] / 4);
    }
}

static void test_a_handful_of_slow_ones_is_not_the_percentile(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 995, 100);
    samples(&latency, 5, 2000000);
    latency_settle(&latency);
    assert_in_range(latency.p99_us, 100, 125);
}

static void test_old_days_fade(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 4000, 500000);
    samples(&latency, 40000, 1000);
    latency_settle(&latency);
    assert_in_range(latency.p99_us, 1000, 1250);
}

static void test_the_absurdly_slow_is_held_at_four_seconds(void **state)
{
    struct latency latency = {0};

    (void)state;
    latency_sample(&latency, UINT64_MAX);
    assert_int_equal(latency.smoothed_us, 4000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_sample_is_the_mean),
        cmocka_unit_test(test_the_mean_follows),
        cmocka_unit_test(test_a_penalty_worsens_the_mean_but_not_the_percentile),
        cmocka_unit_test(test_few_samples_make_no_percentile),
        cmocka_unit_test(test_the_percentile_bounds_all_but_one_in_a_hundred),
        cmocka_unit_test(test_a_handful_of_slow_ones_is_not_the_percentile),
        cmocka_unit_test(test_old_days_fade),
        cmocka_unit_test(test_the_absurdly_slow_is_held_at_four_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
