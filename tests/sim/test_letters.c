/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_letters.c - two workers with one question when something is in the way: no letter left, a
 * worker that gets no turn, one that is stopped. Everybody is answered all the same, once.
 */
#include <stdio.h>

#include "base/timer.h"
#include "sim/zone.h"

static const struct ask A = {.name = "www.example.com", .edns = true};

/* More names than there are letters. */
#define NAMES 1500
static_assert(NAMES > 2 * RD_LETTERS, "letters must run out");

/* The clients by way of each worker, from their first question on: one that has stopped has none.
 */
static struct sim_client *askers[SCENE_WORKERS];

static void open_two(struct scene *scene, uint64_t seed, uint32_t ttl_s)
{
    memset(askers, 0, sizeof(askers));
    zone_open(scene, seed);
    scene->n_workers = SCENE_WORKERS;
    scene->config.inflight_queries = 8192;
    scene->config.inflight_waiters = 8192;
    zone_address(ttl_s);
    zone.delay_ns = 300 * MS;
}

/* WORKER gets no turn until it is let go. */
static void hold(struct scene *scene, unsigned worker, bool held)
{
    scene->sim->workers[worker].held = held;
}

static struct sim_client *asker(struct scene *scene, unsigned worker)
{
    for (unsigned i = 0; i < SCENE_WORKERS && !askers[SCENE_WORKERS - 1]; i++)
        askers[i] = scene_client_of(scene, i, 0);
    return askers[worker];
}

/* N names of TYPE at one instant, by way of WORKER. */
static void ask_names(struct scene *scene, unsigned worker, uint16_t type, unsigned n)
{
    char name[32];

    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "n%u.test", i);
        scene_ask(scene, asker(scene, worker),
                  &(struct ask){.name = name, .type = type, .id = (uint16_t)i});
    }
}

/* By now each of N names was answered by RCODE, once, at both workers. */
static void assert_all_answered(struct scene *scene, unsigned n, uint8_t rcode)
{
    struct rd_message message;

    assert_string_equal(scene->sim->broken, "");
    for (unsigned worker = 0; worker < SCENE_WORKERS; worker++) {
        const struct sim_log *log = &asker(scene, worker)->answers;
        static bool seen[NAMES];

        assert_int_equal(log->n, n);
        memset(seen, 0, sizeof(seen));
        for (unsigned i = 0; i < n; i++) {
            packet_parse(log->at[i].bytes, log->at[i].len, &message, NULL);
            assert_int_equal(message.flags & RD_DNS_RCODE, rcode);
            assert_false(seen[message.id]);
            seen[message.id] = true;
        }
    }
}

static void no_letter_to_the_leader(uint32_t ttl_s)
{
    static struct scene scene;

    open_two(&scene, 1, ttl_s);
    ask_names(&scene, 0, RD_TYPE_A, NAMES);
    sim_run_for(scene.sim, 10 * MS);
    hold(&scene, 0, true);
    ask_names(&scene, 1, RD_TYPE_A, NAMES);
    sim_run_for(scene.sim, 10 * MS);
    assert_int_equal(SCENE_SUM(&scene, pending_full), NAMES - RD_LETTERS);
    hold(&scene, 0, false);
    sim_run_for(scene.sim, 6 * S);
    assert_all_answered(&scene, NAMES, RD_NOERROR);
    assert_in_range(scene.upstream->queries.n, NAMES, 2 * NAMES - RD_LETTERS);
    scene_close(&scene);
}

static void test_without_a_letter_the_question_is_asked_alone(void **state)
{
    (void)state;
    no_letter_to_the_leader(300);
    no_letter_to_the_leader(0);
}

/* The leader has answers for more followers than it has letters. */
static void no_letter_to_the_follower(uint32_t ttl_s, uint64_t cache_bytes)
{
    static struct scene scene;

    open_two(&scene, 1, ttl_s);
    scene.cache_bytes = cache_bytes;
    ask_names(&scene, 0, RD_TYPE_A, NAMES);
    sim_run_for(scene.sim, MS);
    ask_names(&scene, 1, RD_TYPE_A, NAMES);
    sim_run_for(scene.sim, 100 * MS);
    assert_int_equal(SCENE_SUM(&scene, queries_followed), NAMES);
    hold(&scene, 1, true);
    sim_run_for(scene.sim, 250 * MS);
    assert_int_equal(asker(&scene, 0)->answers.n, NAMES);
    hold(&scene, 1, false);
    sim_run_for(scene.sim, 6 * S);
    assert_all_answered(&scene, NAMES, RD_NOERROR);
    scene_close(&scene);
}

static void test_a_follower_without_a_letter_finds_out_by_itself(void **state)
{
    (void)state;
    no_letter_to_the_follower(300, SCENE_CACHE_BYTES);
    no_letter_to_the_follower(0, SCENE_CACHE_BYTES);
    no_letter_to_the_follower(300, 0);
}

static void test_large_letters_run_out_too(void **state)
{
    static struct scene scene;
    unsigned n = 4 * RD_LARGE_LETTERS;

    (void)state;
    open_two(&scene, 1, 300);
    zone.bulk = 10;
    zone.delay_ns = 100 * MS;
    ask_names(&scene, 0, RD_TYPE_TXT, n);
    sim_run_for(scene.sim, MS);
    ask_names(&scene, 1, RD_TYPE_TXT, n);
    sim_run_for(scene.sim, 50 * MS);
    hold(&scene, 1, true);
    sim_run_for(scene.sim, 400 * MS);
    hold(&scene, 1, false);
    sim_run_for(scene.sim, 6 * S);
    assert_all_answered(&scene, n, RD_NOERROR);
    scene_close(&scene);
}

/* Hits in the last tenth of an answer's life at one worker, while the other one refreshes it. */
static void test_a_refresh_elsewhere_costs_no_letters(void **state)
{
    static struct scene scene;

    (void)state;
    open_two(&scene, 1, 300);
    scene.config.cache_prefetch = true;
    scene_ask(&scene, asker(&scene, 0), &A);
    sim_run_for(scene.sim, 280 * S);
    scene_ask(&scene, asker(&scene, 0), &A);
    sim_run_for(scene.sim, MS);
    hold(&scene, 0, true);
    for (unsigned i = 0; i < RD_LETTERS + 100; i++)
        scene_ask(&scene, asker(&scene, 1), &A);
    sim_run_for(scene.sim, 10 * MS);
    hold(&scene, 0, false);
    sim_run_for(scene.sim, S);
    assert_int_equal(asker(&scene, 1)->answers.n, RD_LETTERS + 100);
    assert_int_equal(SCENE_SUM(&scene, pending_full), 0);
    assert_int_equal(zone_asked(&scene, A.name), 2);
    scene_close(&scene);
}

static void fails_for_both(bool silent)
{
    static struct scene scene;

    open_two(&scene, 1, 300);
    zone = (struct zone){.flags = RD_SERVFAIL, .silent = silent, .delay_ns = 100 * MS};
    ask_names(&scene, 0, RD_TYPE_A, 100);
    sim_run_for(scene.sim, MS);
    ask_names(&scene, 1, RD_TYPE_A, 100);
    sim_run_for(scene.sim, 5 * S);
    assert_all_answered(&scene, 100, RD_SERVFAIL);
    for (unsigned i = 0; i < 100; i += 9) {
        char name[32];

        snprintf(name, sizeof(name), "n%u.test", i);
        assert_in_range(zone_asked(&scene, name), 1, RD_ATTEMPTS_PER_SERVER);
    }
    scene_close(&scene);
}

static void test_what_fails_the_leader_fails_the_follower(void **state)
{
    (void)state;
    fails_for_both(false);
    fails_for_both(true);
}

/* What the leader has no letter for stands in the cache. */
static void test_a_failure_without_a_letter_is_not_asked_again(void **state)
{
    static struct scene scene;
    unsigned asked;

    (void)state;
    open_two(&scene, 1, 300);
    zone = (struct zone){.flags = RD_SERVFAIL, .delay_ns = 100 * MS};
    ask_names(&scene, 0, RD_TYPE_A, NAMES);
    sim_run_for(scene.sim, MS);
    ask_names(&scene, 1, RD_TYPE_A, NAMES);
    sim_run_for(scene.sim, 50 * MS);
    assert_int_equal(SCENE_SUM(&scene, queries_followed), NAMES);
    hold(&scene, 1, true);
    sim_run_for(scene.sim, 550 * MS);
    assert_int_equal(asker(&scene, 0)->answers.n, NAMES);
    asked = scene.upstream->queries.n;
    hold(&scene, 1, false);
    sim_run_for(scene.sim, S);
    assert_all_answered(&scene, NAMES, RD_SERVFAIL);
    assert_int_equal(scene.upstream->queries.n, asked);
    scene_close(&scene);
}

static void test_the_follower_is_told_why(void **state)
{
    static struct scene scene;
    struct heard heard[2];

    (void)state;
    open_two(&scene, 1, 300);
    zone.silent = true;
    for (unsigned worker = 0; worker < 2; worker++) {
        scene_ask(&scene, asker(&scene, worker), &A);
        sim_run_for(scene.sim, MS);
    }
    sim_run_for(scene.sim, 5 * S);
    for (unsigned worker = 0; worker < 2; worker++) {
        heard[worker] = heard_by(asker(&scene, worker), 1);
        assert_failed(&heard[worker], RD_EDE_NO_REACHABLE_AUTHORITY);
    }
    assert_true(heard[1].left_ns - heard[0].left_ns <= RD_TIMER_TICK_NS);
    scene_close(&scene);
}

/* Its clients do not wait for what will not come: no longer than any client has to. */
static void test_a_leader_that_hangs_is_not_waited_for_longer_than_a_server(void **state)
{
    static struct scene scene;

    (void)state;
    open_two(&scene, 1, 300);
    scene_ask(&scene, asker(&scene, 0), &A);
    sim_run_for(scene.sim, MS);
    hold(&scene, 0, true);
    scene_ask(&scene, asker(&scene, 1), &A);
    sim_run_for(scene.sim, 4 * S + 100 * MS);
    assert_int_equal(asker(&scene, 1)->answers.n, 1);
    assert_int_equal(asker(&scene, 0)->answers.n, 0);
    hold(&scene, 0, false);
    sim_run_for(scene.sim, S);
    assert_int_equal(asker(&scene, 0)->answers.n, 1);
    scene_close(&scene);
}

/* A worker is ordered to stop while both wait for an answer that comes later. */
static void stops(uint64_t seed, unsigned stopped, uint32_t ttl_s)
{
    static struct scene scene;

    open_two(&scene, seed, ttl_s);
    ask_names(&scene, 0, RD_TYPE_A, 50);
    sim_run_for(scene.sim, MS);
    ask_names(&scene, 1, RD_TYPE_A, 50);
    sim_run_for(scene.sim, sim_random_below(scene.sim, 320) * MS);
    rd_worker_stop(scene.workers[stopped]);
    sim_run_for(scene.sim, 6 * S);
    assert_false(scene.sim->workers[stopped].running);
    rd_worker_stop(scene.workers[!stopped]);
    sim_run_for(scene.sim, S);
    scene_finish(&scene); /* the last answers leave with it */
    sim_run_for(scene.sim, MS);
    assert_all_answered(&scene, 50, RD_NOERROR);
    scene_close(&scene);
}

static void test_a_stopped_worker_leaves_nobody_behind(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++)
        stops(seed, seed % 2, seed % 3 ? 300 : 0);
}

/* Letters to one that has gone are read by nobody. */
static void test_when_one_has_stopped_the_other_asks_alone(void **state)
{
    static struct scene scene;

    (void)state;
    open_two(&scene, 1, 0);
    ask_names(&scene, 0, RD_TYPE_A, 100);
    sim_run_for(scene.sim, S);
    rd_worker_stop(scene.workers[0]);
    sim_run_for(scene.sim, S);
    assert_false(scene.sim->workers[0].running);
    for (unsigned i = 1; i <= 10; i++) {
        ask_names(&scene, 1, RD_TYPE_A, 100);
        sim_run_for(scene.sim, S);
        assert_int_equal(asker(&scene, 1)->answers.n, 100 * i);
        assert_int_equal(scene.upstream->queries.n, 100 * (i + 1));
    }
    scene_close(&scene);
}

/* What it left half done when its patience with a silent server ended is nobody's any more. */
static void test_a_question_of_one_that_has_stopped_can_be_asked(void **state)
{
    static struct scene scene;
    struct heard heard;

    (void)state;
    open_two(&scene, 1, 300);
    zone.silent = true;
    scene_ask(&scene, asker(&scene, 0), &A);
    sim_run_for(scene.sim, MS);
    rd_worker_stop(scene.workers[0]);
    sim_run_for(scene.sim, 3 * S);
    scene_ask(&scene, asker(&scene, 1), &A); /* follows, and hears of the failure */
    sim_run_for(scene.sim, 2 * S);
    assert_false(scene.sim->workers[0].running);
    sim_run_for(scene.sim, 10 * S);
    zone_address(300);
    scene_ask(&scene, asker(&scene, 1), &A);
    sim_run_for(scene.sim, S);
    heard = heard_by(asker(&scene, 1), 2);
    assert_int_equal(heard.rcode, RD_NOERROR);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_letter_the_question_is_asked_alone),
        cmocka_unit_test(test_a_follower_without_a_letter_finds_out_by_itself),
        cmocka_unit_test(test_large_letters_run_out_too),
        cmocka_unit_test(test_a_refresh_elsewhere_costs_no_letters),
        cmocka_unit_test(test_what_fails_the_leader_fails_the_follower),
        cmocka_unit_test(test_a_failure_without_a_letter_is_not_asked_again),
        cmocka_unit_test(test_the_follower_is_told_why),
        cmocka_unit_test(test_a_leader_that_hangs_is_not_waited_for_longer_than_a_server),
        cmocka_unit_test(test_a_stopped_worker_leaves_nobody_behind),
        cmocka_unit_test(test_when_one_has_stopped_the_other_asks_alone),
        cmocka_unit_test(test_a_question_of_one_that_has_stopped_can_be_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
