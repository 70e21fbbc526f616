/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_random.c - the stream is ChaCha20's, keys are erased, and no range is skewed.
 *
 * The vectors: RFC 8439 appendix A.1 for the zero key, openssl enc -chacha20 for the second key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/random.h"

static const uint8_t zero_seed[32];

static struct rd_random zero_seeded(void)
{
    struct rd_random random;

    rd_random_init(&random, zero_seed);
    return random;
}

/* The next draws take these bytes. */
static struct rd_random with_bytes(const uint8_t *bytes, size_t len)
{
    struct rd_random random = zero_seeded();

    memcpy(random.block + sizeof(random.block) - len, bytes, len);
    random.left = len;
    return random;
}

static void test_draws_are_the_key_stream_behind_the_next_key(void **state)
{
    struct rd_random random = zero_seeded();

    (void)state;
    assert_int_equal(rd_random_u16(&random), 0x41da);
    assert_int_equal(rd_random_u16(&random), 0x7c59);
    assert_int_equal(rd_random_u32(&random), 0x8d485751);
}

static void test_the_first_bytes_of_a_block_are_the_next_key(void **state)
{
    static const uint8_t key[32] = {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90,
                                    0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28,
                                    0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a,
                                    0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7};
    struct rd_random random = zero_seeded();

    (void)state;
    rd_random_u16(&random);
    assert_memory_equal(random.key, key, sizeof(key));
}

static void test_the_second_block_is_made_with_the_second_key(void **state)
{
    struct rd_random random = zero_seeded();

    (void)state;
    for (unsigned i = 0; i < (1024 - 32) / 4; i++)
        rd_random_u32(&random);
    assert_int_equal(random.left, 0);
    assert_int_equal(rd_random_u32(&random), 0x28adbdaf);
}

static void test_drawn_bytes_are_wiped(void **state)
{
    static const uint8_t zeros[1024 - 32];
    struct rd_random random = zero_seeded();

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        rd_random_u32(&random);
    assert_int_equal(random.left, sizeof(random.block) - 400);
    assert_memory_equal(random.block, zeros, 400);
}

static void test_a_rest_too_short_is_thrown_away(void **state)
{
    static const uint8_t rest[2] = {0xff, 0xff};
    struct rd_random random = with_bytes(rest, sizeof(rest));

    (void)state;
    assert_int_equal(rd_random_u32(&random), 0x7c5941da);
}

static void test_deinit_wipes_everything(void **state)
{
    static const struct rd_random wiped;
    struct rd_random random = zero_seeded();

    (void)state;
    rd_random_u32(&random);
    rd_random_deinit(&random);
    assert_memory_equal(&random, &wiped, sizeof(random));
}

static void test_another_seed_gives_other_numbers(void **state)
{
    static const uint8_t seed[32] = {1};
    struct rd_random a = zero_seeded(), b;

    (void)state;
    rd_random_init(&b, seed);
    assert_int_not_equal(rd_random_u32(&a), rd_random_u32(&b));
}

static void test_below_nothing_and_below_one_are_zero(void **state)
{
    struct rd_random random = zero_seeded();

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(rd_random_below(&random, 0), 0);
        assert_int_equal(rd_random_below(&random, 1), 0);
    }
}

/* 2^32 is 1 more than a multiple of 3: one of the 2^32 draws, 0, is one too many. */
static void test_below_draws_again_where_it_would_be_skewed(void **state)
{
    static const uint8_t draws[8] = {0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    struct rd_random random = with_bytes(draws, sizeof(draws));

    (void)state;
    assert_int_equal(rd_random_below(&random, 3), 2);
    assert_int_equal(random.left, 0);
}

/* Modulo alone would give each number of the lower third twice as often. */
static void test_below_three_quarters_of_the_range_is_even(void **state)
{
    struct rd_random random = zero_seeded();
    unsigned thirds[3] = {0};

    (void)state;
    for (unsigned i = 0; i < 30000; i++)
        thirds[rd_random_below(&random, 0xc0000000u) >> 30]++;
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(thirds[i], 9600, 10400); /* five deviations of 82 */
}

/* Chi-square with 99 degrees of freedom: 4 deviations above 99 are 155. */
static void test_below_a_hundred_is_even(void **state)
{
    struct rd_random random = zero_seeded();
    unsigned counts[100] = {0};
    unsigned sum = 0;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t drawn = rd_random_below(&random, 100);

        assert_in_range(drawn, 0, 99);
        counts[drawn]++;
    }
    for (unsigned i = 0; i < 100; i++) {
        int off = (int)counts[i] - 1000;

        sum += (unsigned)(off * off);
    }
    assert_in_range(sum / 1000, 50, 155);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws_are_the_key_stream_behind_the_next_key),
        cmocka_unit_test(test_the_first_bytes_of_a_block_are_the_next_key),
        cmocka_unit_test(test_the_second_block_is_made_with_the_second_key),
        cmocka_unit_test(test_drawn_bytes_are_wiped),
        cmocka_unit_test(test_a_rest_too_short_is_thrown_away),
        cmocka_unit_test(test_deinit_wipes_everything),
        cmocka_unit_test(test_another_seed_gives_other_numbers),
        cmocka_unit_test(test_below_nothing_and_below_one_are_zero),
        cmocka_unit_test(test_below_draws_again_where_it_would_be_skewed),
        cmocka_unit_test(test_below_three_quarters_of_the_range_is_even),
        cmocka_unit_test(test_below_a_hundred_is_even),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
