/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pool_policy.c - how equals are chosen from. Draws come from fixed seeds, so each test either
 * passes always or never; the bounds of chi-square are those of one failure in a thousand.
 */
#include "pool_scene.h"

#define DRAWS 100000u

/* For 1 to 15 degrees of freedom, at 0.001. */
static const double chi_square_bounds[] = {10.828, 13.816, 16.266, 18.467, 20.515,
                                           22.458, 24.322, 26.124, 27.877, 29.588,
                                           31.264, 32.909, 34.528, 36.123, 37.697};

static void assert_shares(const unsigned *counts, const double *shares, unsigned n)
{
    double total = 0, draws = 0, chi_square = 0;

    for (unsigned i = 0; i < n; i++) {
        total += shares[i];
        draws += counts[i];
    }
    for (unsigned i = 0; i < n; i++) {
        double expected = draws * shares[i] / total;

        chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    assert_true(chi_square < chi_square_bounds[n - 2]);
}

/* Questions for different names; COUNTS by place. */
static void count_choices(struct pool_scene *scene, unsigned draws, unsigned *counts)
{
    memset(counts, 0, RD_MAX_SERVERS * sizeof(*counts));
    for (unsigned i = 0; i < draws; i++) {
        int place;

        scene_name(scene, i);
        place = scene_choose(scene);
        assert_true(place >= 0);
        counts[place]++;
    }
}

/* What the policy fastest promises: one of 32 to any, else by the inverse square of the cost. */
static void fastest_shares(const double *costs, unsigned n, double *ret_shares)
{
    double total = 0;

    for (unsigned i = 0; i < n; i++)
        total += 1 / (costs[i] * costs[i]);
    for (unsigned i = 0; i < n; i++)
        ret_shares[i] = 1 / (32.0 * n) + 31 / (32.0 * total * costs[i] * costs[i]);
}

static void test_ordered_takes_the_first_that_is_left(void **state)
{
    struct pool_scene *scene = scene_new(RD_POLICY_ORDERED, 4, 1);

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(scene_choose(scene), 0);
    scene_down(scene, 0);
    assert_int_equal(scene_choose(scene), 1);
    scene_fill(scene, 1);
    assert_int_equal(scene_choose(scene), 2);
    scene_free(scene);
}

static void test_spread_keeps_to_the_weights(void **state)
{
    static const double weights[] = {1, 2, 3, 10, RD_MAX_WEIGHT};
    struct pool_scene *scene = scene_new(RD_POLICY_SPREAD, 5, 2);
    unsigned counts[RD_MAX_SERVERS];

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        scene->pool.servers[i].weight = (uint8_t)weights[i];
    count_choices(scene, DRAWS, counts);
    assert_shares(counts, weights, 5);
    scene_free(scene);
}

static void test_spread_shares_out_what_a_lost_server_had(void **state)
{
    static const double weights[] = {1, 1, 4};
    struct pool_scene *scene = scene_new(RD_POLICY_SPREAD, 4, 3);
    unsigned counts[RD_MAX_SERVERS];

    (void)state;
    scene->pool.servers[2].weight = 4;
    scene_down(scene, 3);
    count_choices(scene, DRAWS, counts);
    assert_int_equal(counts[3], 0);
    assert_shares(counts, weights, 3);
    scene_free(scene);
}

/* Neither at the first try nor, with another's first behind it, at the second. */
static void test_a_draw_is_among_the_lowest_tier_alone(void **state)
{
    static const double shares[] = {1, 1};
    struct pool_scene *scene = scene_new(RD_POLICY_SPREAD, 5, 17);
    unsigned counts[RD_MAX_SERVERS];

    (void)state;
    for (unsigned i = 2; i < 5; i++)
        scene->pool.servers[i].tier = (uint8_t)(i / 2);
    count_choices(scene, DRAWS, counts);
    assert_shares(counts, shares, 2);
    assert_int_equal(counts[2] + counts[3] + counts[4], 0);
    scene_attempt(scene, 0, false, ATTEMPT_LATE);
    count_choices(scene, 100, counts);
    assert_int_equal(counts[1], 100);
    scene_attempt(scene, 1, false, ATTEMPT_LATE);
    count_choices(scene, DRAWS, counts);
    assert_shares(counts + 2, shares, 2);
    assert_int_equal(counts[0] + counts[1] + counts[4], 0);
    scene_free(scene);
}

static void test_fastest_gives_by_the_inverse_square_of_the_cost(void **state)
{
    static const uint32_t medians_us[] = {500, 1000, 1500, 20000};
    static const uint32_t losses[] = {0, 0, LATENCY_ALL / 64, 0}; /* 1/64 of 400 ms: 6.25 ms */
    static const double costs[] = {500, 1000, 7750, 20000};
    struct pool_scene *scene = scene_new(RD_POLICY_FASTEST, 4, 4);
    unsigned counts[RD_MAX_SERVERS];
    double shares[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        scene_way(scene, i)->latency.median_us = medians_us[i];
        scene_way(scene, i)->latency.loss = losses[i];
    }
    fastest_shares(costs, 4, shares);
    count_choices(scene, DRAWS, counts);
    assert_shares(counts, shares, 4);
    scene_free(scene);
}

static void test_fastest_takes_the_unknown_for_fast_and_the_near_for_equal(void **state)
{
    static const double costs[] = {1000, 100, 100, 1000};
    struct pool_scene *scene = scene_new(RD_POLICY_FASTEST, 4, 5);
    unsigned counts[RD_MAX_SERVERS];
    double shares[4];

    (void)state;
    scene_way(scene, 1)->latency.median_us = 1;
    scene_way(scene, 2)->latency.median_us = 100;
    scene_way(scene, 3)->latency.median_us = 1000;
    fastest_shares(costs, 4, shares);
    count_choices(scene, DRAWS, counts);
    assert_shares(counts, shares, 4);
    scene_free(scene);
}

static void test_fastest_tries_the_slowest_now_and_then(void **state)
{
    static const double shares[] = {63, 1}; /* half of one in 32 */
    struct pool_scene *scene = scene_new(RD_POLICY_FASTEST, 2, 6);
    unsigned counts[RD_MAX_SERVERS];

    (void)state;
    scene_way(scene, 0)->latency.median_us = 100;
    scene_way(scene, 1)->latency.median_us = 4000000;
    scene_way(scene, 1)->latency.loss = LATENCY_ALL;
    count_choices(scene, DRAWS, counts);
    assert_shares(counts, shares, 2);
    scene_free(scene);
}

static void test_hash_gives_a_name_to_the_same_server_everywhere(void **state)
{
    struct pool_scene *one = scene_new(RD_POLICY_HASH, 5, 7);
    struct pool_scene *other = scene_new(RD_POLICY_HASH, 0, 8);

    (void)state;
    for (uint32_t n = 5; n-- > 0;)
        scene_add(other, n);
    for (unsigned i = 0; i < 5; i++)
        one->pool.servers[i].weight = other->pool.servers[4 - i].weight = (uint8_t)(1 + i * i);
    for (unsigned i = 0; i < 20000; i++) {
        scene_name(one, i);
        scene_name(other, i);
        assert_int_equal(scene_choose(one), 4 - scene_choose(other));
    }
    scene_free(one);
    scene_free(other);
}

/* So a change of the hash is seen: forwarders of two versions share servers. */
static void test_hash_gives_names_where_it_always_did(void **state)
{
    static const char places[] = "11232230220313032212331133322113";
    struct pool_scene *scene = scene_new(RD_POLICY_HASH, 4, 9);
    char found[33] = {0};

    (void)state;
    scene->pool.servers[3].weight = 3;
    for (unsigned i = 0; i < 32; i++) {
        scene_name(scene, i);
        found[i] = (char)('0' + scene_choose(scene));
    }
    assert_string_equal(found, places);
    scene_free(scene);
}

static void test_hash_moves_no_name_but_those_of_a_lost_server(void **state)
{
    struct pool_scene *scene = scene_new(RD_POLICY_HASH, 5, 10);
    static int before[20000];
    unsigned moved = 0;

    (void)state;
    scene->pool.servers[1].weight = 3;
    for (unsigned i = 0; i < 20000; i++) {
        scene_name(scene, i);
        before[i] = scene_choose(scene);
    }
    scene_down(scene, 2);
    for (unsigned i = 0; i < 20000; i++) {
        scene_name(scene, i);
        if (before[i] != 2)
            assert_int_equal(scene_choose(scene), before[i]);
        else
            moved += scene_choose(scene) != 2;
    }
    assert_in_range(moved, 20000 / 7 - 200, 20000 / 7 + 200);
    scene_free(scene);
}

/* A heavier server takes names from others, and none moves between those. */
static void test_hash_moves_names_only_to_a_server_that_weighs_more(void **state)
{
    struct pool_scene *scene = scene_new(RD_POLICY_HASH, 4, 11);

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        int before, after;

        scene_name(scene, i);
        scene->pool.servers[2].weight = 1;
        before = scene_choose(scene);
        scene->pool.servers[2].weight = 5;
        after = scene_choose(scene);
        if (after != 2)
            assert_int_equal(after, before);
    }
    scene_free(scene);
}

static void test_hash_keeps_to_the_weights(void **state)
{
    static const double weights[][RD_MAX_SERVERS] = {
        {1, 1}, {1, 2, 3, 4}, {1, 99, 100}, {5, 100, 7, 1, 1, 60, 33, 2}};
    static const unsigned sizes[] = {2, 4, 3, 8};
    unsigned counts[RD_MAX_SERVERS];

    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        struct pool_scene *scene = scene_new(RD_POLICY_HASH, sizes[k], 12);

        for (unsigned i = 0; i < sizes[k]; i++)
            scene->pool.servers[i].weight = (uint8_t)weights[k][i];
        count_choices(scene, 400000, counts);
        assert_shares(counts, weights[k], sizes[k]);
        scene_free(scene);
    }
}

static void test_hash_of_a_full_pool_of_equals_is_even(void **state)
{
    struct pool_scene *scene = scene_new(RD_POLICY_HASH, RD_MAX_SERVERS, 13);
    double weights[RD_MAX_SERVERS];
    unsigned counts[RD_MAX_SERVERS];

    (void)state;
    for (unsigned i = 0; i < RD_MAX_SERVERS; i++) {
        scene->pool.servers[i].weight = RD_MAX_WEIGHT;
        weights[i] = 1;
    }
    count_choices(scene, DRAWS, counts);
    assert_shares(counts, weights, RD_MAX_SERVERS);
    scene_free(scene);
}

/* The second choice for a name is where it goes when its server is gone. */
static void test_hash_retries_at_the_next_best(void **state)
{
    struct pool_scene *asked = scene_new(RD_POLICY_HASH, 4, 14);
    struct pool_scene *down = scene_new(RD_POLICY_HASH, 4, 15);

    (void)state;
    scene_down(down, 1);
    for (unsigned i = 0; i < 2000; i++) {
        scene_name(asked, i);
        scene_name(down, i);
        asked->question.n_attempts = 0;
        if (scene_choose(asked) != 1)
            continue;
        scene_attempt(asked, 1, false, ATTEMPT_LATE);
        assert_int_equal(scene_choose(asked), scene_choose(down));
        assert_int_equal(scene_hedge(asked), scene_choose(down));
    }
    scene_free(asked);
    scene_free(down);
}

static void test_a_hedge_goes_by_the_policy(void **state)
{
    struct pool_scene *scene = scene_new(RD_POLICY_FASTEST, 3, 16);
    unsigned counts[RD_MAX_SERVERS] = {0};
    static const double costs[] = {1000, 3000};
    double shares[2];

    (void)state;
    scene_way(scene, 1)->latency.median_us = 1000;
    scene_way(scene, 2)->latency.median_us = 3000;
    scene_attempt(scene, 0, false, ATTEMPT_WAITING);
    for (unsigned i = 0; i < DRAWS; i++)
        counts[scene_hedge(scene)]++;
    fastest_shares(costs, 2, shares);
    assert_int_equal(counts[0], 0);
    assert_shares(counts + 1, shares, 2);
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordered_takes_the_first_that_is_left),
        cmocka_unit_test(test_spread_keeps_to_the_weights),
        cmocka_unit_test(test_spread_shares_out_what_a_lost_server_had),
        cmocka_unit_test(test_a_draw_is_among_the_lowest_tier_alone),
        cmocka_unit_test(test_fastest_gives_by_the_inverse_square_of_the_cost),
        cmocka_unit_test(test_fastest_takes_the_unknown_for_fast_and_the_near_for_equal),
        cmocka_unit_test(test_fastest_tries_the_slowest_now_and_then),
        cmocka_unit_test(test_hash_gives_a_name_to_the_same_server_everywhere),
        cmocka_unit_test(test_hash_gives_names_where_it_always_did),
        cmocka_unit_test(test_hash_moves_no_name_but_those_of_a_lost_server),
        cmocka_unit_test(test_hash_moves_names_only_to_a_server_that_weighs_more),
        cmocka_unit_test(test_hash_keeps_to_the_weights),
        cmocka_unit_test(test_hash_of_a_full_pool_of_equals_is_even),
        cmocka_unit_test(test_hash_retries_at_the_next_best),
        cmocka_unit_test(test_a_hedge_goes_by_the_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
