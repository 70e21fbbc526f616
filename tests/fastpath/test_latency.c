/* SPDX-License-Identifier: BSD-2-Clause */
/* test_latency.c - a server's speed and loss, held against sorted lists and counted ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "latency.h"

#define WAIT_US 400000u

static void samples(struct latency *latency, unsigned n, uint64_t us)
{
    for (unsigned i = 0; i < n; i++)
        latency_sample(latency, us * RD_NS_PER_US);
}

static void settle(struct latency *latency, unsigned n)
{
    while (n-- > 0)
        latency_settle(latency);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Never under it, and over it by a bucket's width at most. */
static void assert_bounds(uint32_t percentile_us, uint32_t exact_us)
{
    assert_in_range(percentile_us, exact_us, exact_us + exact_us / 4);
}

/* Over four orders of magnitude, alike in each. */
static void test_percentiles_are_those_of_the_sorted_samples(void **state)
{
    static const uint8_t seed[32] = {1};
    static const unsigned sizes[] = {100, 101, 255, 1000, 4000};
    static uint32_t sorted[4000];
    struct rd_random random;

    (void)state;
    rd_random_init(&random, seed);
    for (unsigned k = 0; k < 5; k++) {
        struct latency latency = {0};
        unsigned n = sizes[k];

        for (unsigned i = 0; i < n; i++) {
            sorted[i] = 100u << rd_random_below(&random, 13);
            sorted[i] += rd_random_below(&random, sorted[i]);
            samples(&latency, 1, sorted[i]);
        }
        qsort(sorted, n, sizeof(sorted[0]), compare);
        latency_settle(&latency);
        assert_bounds(latency.median_us, sorted[n - 1 - n / 2]);
        assert_bounds(latency.p95_us, sorted[n - 1 - n / 20]);
        assert_bounds(latency.p99_us, sorted[n - 1 - n / 100]);
    }
}

static void test_every_length_is_bounded(void **state)
{
    (void)state;
    for (uint32_t us = 1; us < 4000000; us += 1 + us / 50) {
        struct latency latency = {0};

        samples(&latency, 1, us);
        latency_settle(&latency);
        assert_bounds(latency.median_us, us);
    }
}

static void test_few_samples_make_a_median_but_no_percentile(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 99, 500000);
    latency_settle(&latency);
    assert_bounds(latency.median_us, 500000);
    assert_int_equal(latency.p95_us, 0);
    assert_int_equal(latency.p99_us, 0);
    samples(&latency, 1, 500000);
    latency_settle(&latency);
    assert_bounds(latency.p95_us, 500000);
    assert_bounds(latency.p99_us, 500000);
}

static void test_a_handful_of_slow_ones_is_not_the_percentile(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 995, 100);
    samples(&latency, 5, 2000000);
    latency_settle(&latency);
    assert_bounds(latency.p99_us, 100);
}

static void test_until_the_first_median_there_is_a_mean(void **state)
{
    struct latency latency = {0};

    (void)state;
    assert_int_equal(latency_cost(&latency, WAIT_US), 0);
    samples(&latency, 1, 1234);
    assert_int_equal(latency_cost(&latency, WAIT_US), 1234);
    samples(&latency, 1, 3234);
    assert_int_equal(latency_cost(&latency, WAIT_US), 2234);
    samples(&latency, 98, 1000);
    assert_in_range(latency_cost(&latency, WAIT_US), 1024, 1124);
    latency_settle(&latency);
    assert_bounds(latency_cost(&latency, WAIT_US), 1000);
}

/* What a resolver had to fetch first says nothing of the way to it. */
static void test_the_cost_is_the_medians_not_the_means(void **state)
{
    struct latency latency = {0};

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        samples(&latency, 7, 2000);
        samples(&latency, 3, 300000);
    }
    latency_settle(&latency);
    assert_bounds(latency_cost(&latency, WAIT_US), 2000);
}

static void test_a_change_shows_within_seconds_of_traffic(void **state)
{
    struct latency latency = {0};

    (void)state;
    for (unsigned i = 0; i < 240; i++) { /* a minute of 4,000 a second */
        samples(&latency, 1000, 400000);
        latency_settle(&latency);
    }
    for (unsigned i = 0; i < 20; i++) { /* 5 s */
        samples(&latency, 1000, 2000);
        latency_settle(&latency);
    }
    assert_bounds(latency.median_us, 2000);
    for (unsigned i = 0; i < 80; i++) {
        samples(&latency, 1000, 2000);
        latency_settle(&latency);
    }
    assert_bounds(latency.p99_us, 2000);
}

/* The one question in 32 that is sent to find out. */
static void test_a_change_shows_with_little_traffic_too(void **state)
{
    struct latency latency = {0};

    (void)state;
    for (unsigned i = 0; i < 2400; i++) {
        samples(&latency, 1000, 400000);
        latency_settle(&latency);
    }
    for (unsigned i = 0; i < 120; i++) {
        samples(&latency, 25, 2000);
        latency_settle(&latency);
    }
    assert_bounds(latency.median_us, 2000);
}

static void test_a_burst_between_two_settles_is_held(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 2 * 65536, 1000);
    samples(&latency, 100, 5000);
    latency_settle(&latency);
    assert_bounds(latency.median_us, 1000);
    assert_bounds(latency.p99_us, 1000);
}

static void test_a_penalty_raises_the_loss_alone(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 200, 1000);
    latency_settle(&latency);
    uint32_t median_us = latency.median_us, p99_us = latency.p99_us;

    latency_penalty(&latency);
    latency_settle(&latency);
    assert_int_equal(latency.median_us, median_us);
    assert_int_equal(latency.p99_us, p99_us);
    assert_int_equal(latency.loss, LATENCY_ALL / 32);
    assert_int_equal(latency_cost(&latency, WAIT_US), median_us + WAIT_US / 32);
}

/* Every N-th question is lost: the loss hovers about the share. */
static void test_the_loss_is_the_share_of_what_is_lost(void **state)
{
    static const unsigned each[] = {2, 4, 10, 50};

    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        struct latency latency = {0};
        uint64_t sum = 0;

        for (unsigned i = 0; i < 10000; i++) {
            if (i % each[k] == 0)
                latency_penalty(&latency);
            else
                samples(&latency, 1, 1000);
            sum += latency.loss;
        }
        assert_in_range(sum / 10000, LATENCY_ALL / each[k] * 97 / 100,
                        LATENCY_ALL / each[k] * 103 / 100);
    }
}

static void test_the_loss_ends_at_all_and_at_nothing(void **state)
{
    struct latency latency = {0};

    (void)state;
    for (unsigned i = 0; i < 10000; i++)
        latency_penalty(&latency);
    assert_in_range(latency.loss, LATENCY_ALL * 99 / 100, LATENCY_ALL);
    assert_in_range(latency_cost(&latency, WAIT_US), WAIT_US * 99 / 100, WAIT_US);
    samples(&latency, 10000, 1);
    assert_int_equal(latency.loss, 0);
}

static void test_without_news_median_and_loss_fade(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 1000, 400000);
    for (unsigned i = 0; i < 1000; i++)
        latency_penalty(&latency);
    latency_settle(&latency);
    uint32_t p99_us = latency.p99_us;

    settle(&latency, 40); /* 10 s */
    assert_in_range(latency.median_us, 1, 400000 / 10);
    assert_in_range(latency.loss, 0, LATENCY_ALL / 100);
    settle(&latency, 1000);
    assert_in_range(latency.median_us, 1, 100);
    assert_int_equal(latency.loss, 0);
    assert_int_equal(latency.p99_us, p99_us);
}

static void test_with_news_nothing_fades(void **state)
{
    struct latency latency = {0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        samples(&latency, 1, 50000);
        latency_settle(&latency);
    }
    assert_bounds(latency.median_us, 50000);
}

static void test_after_a_silence_new_samples_alone_count(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 4000, 400000);
    latency_settle(&latency);
    settle(&latency, 16);
    samples(&latency, 1, 2000);
    latency_settle(&latency);
    assert_bounds(latency.median_us, 2000);
}

static void test_short_silences_forget_nothing(void **state)
{
    struct latency latency = {0};

    (void)state;
    samples(&latency, 4000, 50000);
    for (unsigned i = 0; i < 3; i++) {
        latency_settle(&latency);
        settle(&latency, 15);
        samples(&latency, 1, 2000);
    }
    latency_settle(&latency);
    assert_bounds(latency.median_us, 50000);
}

static void test_the_absurdly_slow_is_held_at_four_seconds(void **state)
{
    struct latency latency = {0};

    (void)state;
    latency_sample(&latency, UINT64_MAX);
    assert_int_equal(latency_cost(&latency, WAIT_US), 4000000);
    latency_settle(&latency);
    assert_bounds(latency.median_us, 4000000);
}

static void test_no_time_at_all_is_a_microsecond(void **state)
{
    struct latency latency = {0};

    (void)state;
    latency_sample(&latency, 0);
    assert_int_equal(latency_cost(&latency, WAIT_US), 1);
    latency_settle(&latency);
    assert_int_equal(latency_cost(&latency, WAIT_US), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles_are_those_of_the_sorted_samples),
        cmocka_unit_test(test_every_length_is_bounded),
        cmocka_unit_test(test_few_samples_make_a_median_but_no_percentile),
        cmocka_unit_test(test_a_handful_of_slow_ones_is_not_the_percentile),
        cmocka_unit_test(test_until_the_first_median_there_is_a_mean),
        cmocka_unit_test(test_the_cost_is_the_medians_not_the_means),
        cmocka_unit_test(test_a_change_shows_within_seconds_of_traffic),
        cmocka_unit_test(test_a_change_shows_with_little_traffic_too),
        cmocka_unit_test(test_a_burst_between_two_settles_is_held),
        cmocka_unit_test(test_a_penalty_raises_the_loss_alone),
        cmocka_unit_test(test_the_loss_is_the_share_of_what_is_lost),
        cmocka_unit_test(test_the_loss_ends_at_all_and_at_nothing),
        cmocka_unit_test(test_without_news_median_and_loss_fade),
        cmocka_unit_test(test_with_news_nothing_fades),
        cmocka_unit_test(test_after_a_silence_new_samples_alone_count),
        cmocka_unit_test(test_short_silences_forget_nothing),
        cmocka_unit_test(test_the_absurdly_slow_is_held_at_four_seconds),
        cmocka_unit_test(test_no_time_at_all_is_a_microsecond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
