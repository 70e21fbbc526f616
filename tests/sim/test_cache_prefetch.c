/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_prefetch.c - an answer that is wanted in the last tenth of its life is asked for
 * again, so that nobody has to wait for the next one.
 */
#include "base/timer.h"
#include "sim/zone.h"

static const struct ask A = {.name = "www.example.com", .edns = true};

/* A kept answer of TTL_S; when it came. */
static uint64_t begin(struct scene *scene, uint32_t ttl_s)
{
    scene->config.cache_prefetch = true;
    zone_address(ttl_s);
    return hear(scene, &A).left_ns;
}

/* At AT_NS the kept answer is given; whether the server was asked behind it. */
static bool refreshed_at(struct scene *scene, uint64_t at_ns)
{
    unsigned asked = zone_asked(scene, A.name);
    struct heard heard = hear_at(scene, at_ns, &A);

    assert_at_once(&heard);
    assert_int_equal(heard.rcode, RD_NOERROR);
    sim_run_for(scene->sim, 50 * MS);
    return zone_asked(scene, A.name) != asked;
}

static void test_it_is_asked_in_the_last_tenth_only(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 300);

    assert_false(refreshed_at(scene, stored_ns + S));
    assert_false(refreshed_at(scene, stored_ns + 200 * S));
    assert_false(refreshed_at(scene, stored_ns + 270 * S - 1));
    assert_true(refreshed_at(scene, stored_ns + 271 * S));
    assert_int_equal(SCENE_STAT(scene, cache_prefetched), 1);
}

static void test_the_last_moment_is_early_enough(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 300);

    assert_true(refreshed_at(scene, stored_ns + 300 * S - 1));
}

static void test_the_client_gets_the_old_one_the_next_one_the_new_one(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 300);
    struct heard heard = hear_at(scene, stored_ns + 280 * S, &A);

    assert_address(&heard, 1, 20);
    assert_at_once(&heard);
    sim_run_for(scene->sim, 11 * MS);
    heard = hear(scene, &A);
    assert_address(&heard, 2, 300);
    assert_at_once(&heard);
    assert_int_equal(scene->client->answers.n, 3);
}

static void test_while_it_is_under_way_the_old_one_serves(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 300);

    zone.delay_ns = 350 * MS;
    zone_wait_until(scene, stored_ns + 280 * S);
    for (unsigned i = 0; i < 100; i++) {
        struct heard heard = hear(scene, &A);

        assert_int_equal(heard.serial, 1);
        assert_at_once(&heard);
        sim_run_for(scene->sim, MS);
    }
    assert_int_equal(zone_asked(scene, A.name), 2);
    assert_int_equal(SCENE_STAT(scene, cache_prefetched), 1);
    assert_int_equal(SCENE_STAT(scene, cache_misses), 1);
}

/* Also when it ends meanwhile: then they wait for the refresh. */
static void test_who_comes_after_its_end_waits_for_the_refresh(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 300);
    struct heard heard;

    zone.delay_ns = 200 * MS;
    heard = hear_at(scene, stored_ns + 300 * S - 100 * MS, &A);
    assert_int_equal(heard.serial, 1);
    heard = hear_at(scene, stored_ns + 300 * S, &A);
    assert_int_equal(heard.serial, 2);
    assert_in_range(heard.waited_ns, 110 * MS, 120 * MS);
    assert_int_equal(zone_asked(scene, A.name), 2);
}

static void test_a_refresh_that_brings_ttl_0_ends_the_old_answer(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 300);

    zone_wait_until(scene, stored_ns + 280 * S);
    zone_address(0);
    for (unsigned i = 0; i < 100; i++) {
        hear(scene, &A);
        sim_run_for(scene->sim, 100 * MS);
    }
    /* The first hit; then nothing is kept any more, and each is asked for by itself. */
    assert_int_equal(SCENE_STAT(scene, cache_prefetched), 1);
    assert_int_equal(heard_by(scene->client, 101).serial, 101);
}

/* Nobody waited when it was asked; who joins it has as much right to the stale answer. */
static void joins_a_refresh_that_fails(struct scene *scene, const struct zone *failure)
{
    uint64_t stored_ns;
    struct heard heard;

    scene->config.cache_stale = 86400000;
    stored_ns = begin(scene, 300);
    zone = *failure;
    heard = hear_at(scene, stored_ns + 300 * S - 10 * MS, &A);
    assert_int_equal(heard.serial, 1);
    heard = hear_at(scene, stored_ns + 300 * S + 10 * MS, &A);
    assert_address(&heard, 1, 30);
    assert_int_equal(heard.ede, RD_EDE_STALE_ANSWER);
    assert_in_range(heard.waited_ns, 0, 1800 * MS + RD_TIMER_TICK_NS);
}

static void test_who_joins_a_refresh_without_an_answer_gets_the_stale_one(void **state)
{
    joins_a_refresh_that_fails(*state, &(struct zone){.silent = true});
}

static void test_and_so_does_who_joins_one_that_fails(void **state)
{
    joins_a_refresh_that_fails(*state, &(struct zone){.flags = RD_SERVFAIL, .delay_ns = 100 * MS});
}

static void test_lives_under_ten_seconds_are_left_alone(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 9);

    assert_false(refreshed_at(scene, stored_ns + 9 * S - 1));
}

static void test_ten_seconds_are_not(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 10);

    assert_false(refreshed_at(scene, stored_ns + 9 * S - 1));
    assert_true(refreshed_at(scene, stored_ns + 9500 * MS));
}

static void test_denials_are_refreshed_too(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns;
    struct heard heard;

    scene->config.cache_prefetch = true;
    zone_denial(RD_NXDOMAIN, 100, 100);
    stored_ns = hear(scene, &A).left_ns;
    heard = hear_at(scene, stored_ns + 95 * S, &A);
    assert_int_equal(heard.rcode, RD_NXDOMAIN);
    assert_int_equal(heard.ttl_s[RD_AUTHORITY][0], 5);
    sim_run_for(scene->sim, 50 * MS);
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_NXDOMAIN);
    assert_int_equal(heard.ttl_s[RD_AUTHORITY][0], 100);
    assert_at_once(&heard);
}

static void test_a_refresh_that_fails_takes_nothing_away(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 300);

    zone = (struct zone){.flags = RD_SERVFAIL};
    assert_true(refreshed_at(scene, stored_ns + 280 * S));
    for (uint32_t s = 281; s < 300; s++) {
        struct heard heard = hear_at(scene, stored_ns + s * S, &A);

        assert_address(&heard, 1, 300 - s);
        assert_int_equal(heard.ede, RD_EDE_NONE);
        assert_at_once(&heard);
    }
}

/* That the name is gone is kept beside the answer, which stays until its end. */
static void test_a_refresh_that_finds_the_name_gone_is_the_last_one(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 300);

    zone_denial(RD_NXDOMAIN, 100, 100);
    assert_true(refreshed_at(scene, stored_ns + 280 * S));
    assert_false(refreshed_at(scene, stored_ns + 281 * S));
    assert_false(refreshed_at(scene, stored_ns + 299 * S));
    assert_int_equal(hear_at(scene, stored_ns + 300 * S, &A).rcode, RD_NXDOMAIN);
    assert_int_equal(zone_asked(scene, A.name), 2);
}

/* 5 s, then 10 s more. */
static void test_while_a_failure_is_remembered_it_is_not_asked_again(void **state)
{
    struct scene *scene = *state;
    uint64_t failed_ns = begin(scene, 300) + 272 * S;

    zone = (struct zone){.flags = RD_SERVFAIL};
    assert_true(refreshed_at(scene, failed_ns));
    assert_false(refreshed_at(scene, failed_ns + S));
    assert_false(refreshed_at(scene, failed_ns + 4900 * MS));
    assert_true(refreshed_at(scene, failed_ns + 5100 * MS));
    assert_false(refreshed_at(scene, failed_ns + 10500 * MS));
    assert_true(refreshed_at(scene, failed_ns + 15200 * MS));
}

static void test_without_the_option_nothing_is_asked(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns = begin(scene, 300);

    scene->config.cache_prefetch = false;
    scene_publish(scene);
    assert_false(refreshed_at(scene, stored_ns + 299 * S));
}

static void test_a_refresh_that_finds_no_room_costs_the_client_nothing(void **state)
{
    struct scene *scene = *state;
    uint64_t stored_ns;

    scene->config.inflight_queries = 16;
    stored_ns = begin(scene, 300);
    zone_wait_until(scene, stored_ns + 280 * S);
    zone.delay_ns = 300 * MS;
    for (uint16_t i = 0; i < 16; i++)
        scene_ask(scene, scene_client(scene, 9),
                  &(struct ask){.name = "other.test", .type = (uint16_t)(300 + i)});
    sim_run_for(scene->sim, MS);
    assert_false(refreshed_at(scene, stored_ns + 280 * S + 10 * MS));
    sim_run_for(scene->sim, S);
    assert_true(refreshed_at(scene, stored_ns + 285 * S));
}

/* Each worker finds the same answer in its last tenth, in one instant. */
static void two_workers(uint64_t seed)
{
    static struct scene scene;
    uint64_t stored_ns;

    zone_open(&scene, seed);
    scene.n_workers = SCENE_WORKERS;
    stored_ns = begin(&scene, 300);
    zone.delay_ns = 300 * MS;
    zone_wait_until(&scene, stored_ns + 280 * S);
    for (unsigned i = 0; i < 40; i++) {
        scene_ask(&scene, scene_client_of(&scene, i % 2, i / 2), &A);
        if (i % 10 == 9)
            sim_run_for(scene.sim, MS);
    }
    sim_run_for(scene.sim, S);
    assert_int_equal(scene.sim->answers, 41);
    assert_int_equal(zone_asked(&scene, A.name), 2);
    assert_int_equal(SCENE_SUM(&scene, cache_misses), 1);
    for (unsigned i = 0; i < 40; i++) {
        struct heard heard = heard_by(scene_client_of(&scene, i % 2, i / 2), 1);

        assert_address(&heard, 1, 20);
    }
    scene_close(&scene);
}

static void test_of_two_workers_one_asks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        two_workers(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ZONE_TEST(test_it_is_asked_in_the_last_tenth_only),
        ZONE_TEST(test_the_last_moment_is_early_enough),
        ZONE_TEST(test_the_client_gets_the_old_one_the_next_one_the_new_one),
        ZONE_TEST(test_while_it_is_under_way_the_old_one_serves),
        ZONE_TEST(test_a_refresh_that_brings_ttl_0_ends_the_old_answer),
        ZONE_TEST(test_who_comes_after_its_end_waits_for_the_refresh),
        ZONE_TEST(test_who_joins_a_refresh_without_an_answer_gets_the_stale_one),
        ZONE_TEST(test_and_so_does_who_joins_one_that_fails),
        ZONE_TEST(test_lives_under_ten_seconds_are_left_alone),
        ZONE_TEST(test_ten_seconds_are_not),
        ZONE_TEST(test_denials_are_refreshed_too),
        ZONE_TEST(test_a_refresh_that_fails_takes_nothing_away),
        ZONE_TEST(test_a_refresh_that_finds_the_name_gone_is_the_last_one),
        ZONE_TEST(test_while_a_failure_is_remembered_it_is_not_asked_again),
        ZONE_TEST(test_without_the_option_nothing_is_asked),
        ZONE_TEST(test_a_refresh_that_finds_no_room_costs_the_client_nothing),
        cmocka_unit_test(test_of_two_workers_one_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
