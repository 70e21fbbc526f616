/* SPDX-License-Identifier: BSD-2-Clause */
/* test_cache_two.c - two workers with one cache: what one of them learns the other one knows. */
#include "base/timer.h"
#include "sim/zone.h"

static const struct ask A = {.name = "www.example.com", .edns = true};

#define SEEDS 10

/* Asks at once, one client at each worker by turns: NUMBER is of the pair. */
static void ask_both(struct scene *scene, unsigned number)
{
    for (unsigned worker = 0; worker < SCENE_WORKERS; worker++)
        scene_ask(scene, scene_client_of(scene, worker, number), &A);
}

static struct heard heard_at(struct scene *scene, unsigned worker, unsigned number)
{
    return heard_by(scene_client_of(scene, worker, number), 1);
}

/* Runs ONE in worlds of their own, with different orders of turns. */
static void each_seed(void (*one)(struct scene *scene))
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static struct scene scene;

        zone_open(&scene, seed);
        scene.n_workers = SCENE_WORKERS;
        scene.config.cache_stale = 86400000;
        one(&scene);
        assert_string_equal(scene.sim->broken, "");
        scene_close(&scene);
    }
}

static void answer_is_known(struct scene *scene)
{
    ask_both(scene, 0);
    sim_run_for(scene->sim, 100 * S);
    ask_both(scene, 1);
    sim_run_for(scene->sim, 0);
    for (unsigned worker = 0; worker < SCENE_WORKERS; worker++) {
        struct heard heard = heard_at(scene, worker, 1);

        assert_int_equal(heard.serial, 1);
        assert_int_equal(heard.ttl_s[RD_ANSWER][0], 201); /* it came 10 ms after the beginning */
    }
    assert_int_equal(SCENE_SUM(scene, cache_stored), 1);
}

static void test_an_answer_is_known_to_both(void **state)
{
    (void)state;
    each_seed(answer_is_known);
}

static void failure_is_known(struct scene *scene)
{
    struct heard heard;
    unsigned asked;

    zone = (struct zone){.flags = RD_SERVFAIL};
    scene_ask(scene, scene_client_of(scene, 0, 0), &A);
    sim_run_for(scene->sim, S);
    asked = zone_asked(scene, A.name);
    ask_both(scene, 1);
    sim_run_for(scene->sim, S);
    for (unsigned worker = 0; worker < SCENE_WORKERS; worker++) {
        heard = heard_at(scene, worker, 1);
        assert_failed(&heard, RD_EDE_CACHED_ERROR);
    }
    assert_int_equal(zone_asked(scene, A.name), asked);
}

static void test_a_failure_is_known_to_both(void **state)
{
    (void)state;
    each_seed(failure_is_known);
}

/* An address of TTL 60 that has ended. */
static void let_end(struct scene *scene)
{
    zone_address(60);
    scene_ask(scene, scene_client_of(scene, 0, 100), &A);
    sim_run_for(scene->sim, 100 * S);
}

static void assert_stale(const struct heard *heard)
{
    assert_address(heard, 1, 30);
    assert_int_equal(heard->ede, RD_EDE_STALE_ANSWER);
}

static void followers_get_the_stale_answer(struct scene *scene)
{
    uint64_t asked_ns;

    let_end(scene);
    zone.silent = true;
    asked_ns = scene->sim->now_ns;
    ask_both(scene, 0);
    sim_run_for(scene->sim, 2 * S);
    ask_both(scene, 1);
    sim_run_for(scene->sim, 1500 * MS);
    ask_both(scene, 2);
    sim_run_for(scene->sim, 100 * MS);
    for (unsigned worker = 0; worker < SCENE_WORKERS; worker++) {
        struct heard heard = heard_at(scene, worker, 0);

        assert_stale(&heard);
        assert_in_range(heard.left_ns - asked_ns, 1800 * MS, 1800 * MS + 2 * RD_TIMER_TICK_NS);
        heard = heard_at(scene, worker, 1);
        assert_stale(&heard);
        assert_int_equal(heard.left_ns - asked_ns, 2 * S);
        heard = heard_at(scene, worker, 2);
        assert_stale(&heard);
        assert_int_equal(heard.left_ns - asked_ns, 3500 * MS);
    }
    assert_in_range(zone_asked(scene, A.name), 2, 1 + RD_ATTEMPTS_PER_SERVER);
}

static void test_clients_of_both_get_the_stale_answer_in_time(void **state)
{
    (void)state;
    each_seed(followers_get_the_stale_answer);
}

static void failure_makes_stale(struct scene *scene)
{
    unsigned asked;

    let_end(scene);
    zone = (struct zone){.flags = RD_SERVFAIL, .delay_ns = 100 * MS};
    ask_both(scene, 0);
    sim_run_for(scene->sim, S);
    asked = zone_asked(scene, A.name);
    ask_both(scene, 1);
    sim_run_for(scene->sim, 0);
    for (unsigned worker = 0; worker < SCENE_WORKERS; worker++) {
        struct heard heard = heard_at(scene, worker, 0);

        assert_stale(&heard);
        heard = heard_at(scene, worker, 1);
        assert_stale(&heard);
    }
    assert_int_equal(zone_asked(scene, A.name), asked);
}

static void test_a_failure_gives_both_the_stale_answer(void **state)
{
    (void)state;
    each_seed(failure_makes_stale);
}

/* Nobody waited for the refresh that is followed, so its leader knows of no stale answer. */
static void failed_refresh_makes_stale(struct scene *scene)
{
    struct heard heard;

    scene->config.cache_prefetch = true;
    zone_address(60);
    scene_ask(scene, scene_client_of(scene, 0, 100), &A);
    sim_run_for(scene->sim, 60 * S);
    zone = (struct zone){.flags = RD_SERVFAIL, .ede = RD_EDE_NETWORK_ERROR, .delay_ns = 100 * MS};
    scene_ask(scene, scene_client_of(scene, 0, 0), &A); /* it ends in 10 ms */
    sim_run_for(scene->sim, 50 * MS);
    assert_int_equal(SCENE_SUM(scene, cache_prefetched), 1);
    scene_ask(scene, scene_client_of(scene, 1, 0), &A);
    sim_run_for(scene->sim, S);
    assert_int_equal(SCENE_SUM(scene, queries_followed), 1);
    heard = heard_at(scene, 1, 0);
    assert_stale(&heard);
}

static void test_who_follows_a_refresh_that_fails_gets_the_stale_answer(void **state)
{
    (void)state;
    each_seed(failed_refresh_makes_stale);
}

/* The one that follows has waiters no longer, yet what comes late is known to it. */
static void late_answer_is_known(struct scene *scene)
{
    struct heard heard;

    let_end(scene);
    zone.delay_ns = 2300 * MS;
    ask_both(scene, 0);
    sim_run_for(scene->sim, 2400 * MS);
    zone.silent = true;
    ask_both(scene, 1);
    sim_run_for(scene->sim, MS);
    for (unsigned worker = 0; worker < SCENE_WORKERS; worker++) {
        heard = heard_at(scene, worker, 0);
        assert_stale(&heard);
        heard = heard_at(scene, worker, 1);
        assert_true(heard.serial > 1);
        assert_int_equal(heard.ede, RD_EDE_NONE);
    }
}

static void test_a_late_answer_is_known_to_both(void **state)
{
    (void)state;
    each_seed(late_answer_is_known);
}

static void refreshed_once(struct scene *scene)
{
    struct heard heard;

    scene->config.cache_stale_mode = RD_STALE_IMMEDIATE;
    let_end(scene);
    zone.delay_ns = 300 * MS;
    for (unsigned i = 0; i < 10; i++) {
        ask_both(scene, i);
        sim_run_for(scene->sim, 10 * MS);
    }
    for (unsigned i = 0; i < 20; i++) {
        heard = heard_at(scene, i % 2, i / 2);
        assert_stale(&heard);
    }
    sim_run_for(scene->sim, S);
    assert_int_equal(zone_asked(scene, A.name), 2);
    ask_both(scene, 10);
    sim_run_for(scene->sim, 0);
    for (unsigned worker = 0; worker < SCENE_WORKERS; worker++) {
        heard = heard_at(scene, worker, 10);
        assert_int_equal(heard.serial, 2);
    }
}

static void test_immediate_mode_refreshes_once(void **state)
{
    (void)state;
    each_seed(refreshed_once);
}

/* Mostly hits, now and then a worker's turn comes late; every query is answered once. */
static void busy_hours(struct scene *scene)
{
    char name[] = "a.test";
    unsigned asked = 0;

    zone_address(40);
    scene->config.cache_prefetch = true;
    for (unsigned i = 0; i < 4000; i++) {
        name[0] = (char)('a' + sim_random_below(scene->sim, 20));
        zone.silent = sim_random_below(scene->sim, 20) == 0;
        scene_ask(scene, scene_client(scene, i % 50),
                  &(struct ask){.name = name, .id = (uint16_t)i, .edns = true});
        asked++;
        sim_run_for(scene->sim, sim_random_below(scene->sim, 400) * MS);
    }
    sim_run_for(scene->sim, 6 * S);
    assert_int_equal(scene->sim->answers, asked);
    assert_true(SCENE_SUM(scene, cache_hits) > asked / 2);
    assert_true(SCENE_SUM(scene, cache_prefetched) > 0);
}

static void test_busy_hours(void **state)
{
    (void)state;
    each_seed(busy_hours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_is_known_to_both),
        cmocka_unit_test(test_a_failure_is_known_to_both),
        cmocka_unit_test(test_clients_of_both_get_the_stale_answer_in_time),
        cmocka_unit_test(test_a_failure_gives_both_the_stale_answer),
        cmocka_unit_test(test_who_follows_a_refresh_that_fails_gets_the_stale_answer),
        cmocka_unit_test(test_a_late_answer_is_known_to_both),
        cmocka_unit_test(test_immediate_mode_refreshes_once),
        cmocka_unit_test(test_busy_hours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
