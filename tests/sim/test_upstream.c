/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_upstream.c - which server is asked: health by results, weights by speed, and the bounded
 * rate at which servers that are down are tried again.
 */
#include <stdio.h>

#include "sim/scene.h"

/* FLEET_PROBE_NS and FLEET_LAST_HOPE_NS, seen from outside: packets per second to a server that is
 * down while another serves, and to the least bad one when none does. */
#define PROBES_PER_S    2
#define LAST_HOPE_PER_S 20

/* N questions, each of a name of its own, one every GAP_NS. */
static void ask_names(struct scene *scene, unsigned n, uint64_t gap_ns)
{
    static unsigned serial;

    for (unsigned i = 0; i < n; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%u.test", serial++);
        scene_ask(scene, scene_client(scene, serial % 50),
                  &(struct ask){.name = name, .edns = true});
        sim_run_for(scene->sim, gap_ns);
    }
}

/* Asks until the silent server is taken for down. */
static void until_down(struct scene *scene)
{
    scene_start(scene);
    for (unsigned i = 0; i < 500 && SCENE_STAT(scene, servers_down) == 0; i++)
        ask_names(scene, 1, 20 * MS);
    assert_int_equal(SCENE_STAT(scene, servers_down), 1);
}

static void test_a_server_that_times_out_again_and_again_goes_down(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *silent = scene_add_upstream(scene, "198.51.100.2", NULL, MS);
    unsigned before, asked;

    until_down(scene);
    sim_run_for(scene->sim, 5 * S);
    before = silent->queries.n;
    asked = scene->upstream->queries.n;
    ask_names(scene, 1000, 10 * MS);
    assert_in_range(silent->queries.n - before, 5, 10 * PROBES_PER_S + 2);
    assert_int_equal(scene->upstream->queries.n - asked, 1000);
    assert_int_equal(SCENE_STAT(scene, answers_servfail), 0);
}

static void test_questions_do_not_wait_for_a_server_that_is_down(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene_add_upstream(scene, "198.51.100.2", NULL, MS);
    until_down(scene);
    sim_run_for(scene->sim, 5 * S);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t began_ns = scene->sim->now_ns;
        const struct sim_packet *answer =
            scene_exchange(scene, &(struct ask){.name = "www.test"}, &message);

        assert_in_range(answer->at_ns - began_ns, 0, 20 * MS);
        sim_run_for(scene->sim, 20 * MS);
    }
}

/* A server that was down answers again, LATENCY away: it is found out, and asked as before. */
static void comes_back(struct scene *scene, uint64_t latency_ns)
{
    struct sim_upstream *other = scene_add_upstream(scene, "198.51.100.2", NULL, latency_ns);
    unsigned before;

    until_down(scene);
    sim_run_for(scene->sim, 5 * S);
    assert_int_equal(SCENE_STAT(scene, servers_up), 0);
    other->reply = scene_model;
    ask_names(scene, 500, 10 * MS);
    assert_int_equal(SCENE_STAT(scene, servers_up), 1);
    before = other->queries.n;
    ask_names(scene, 4000, 10 * MS);
    assert_true(other->queries.n - before > 40 * PROBES_PER_S);
    assert_int_equal(SCENE_STAT(scene, servers_down), 1);
}

static void test_a_faster_server_comes_back(void **state)
{
    comes_back(*state, MS);
}

static void test_a_server_of_the_same_speed_comes_back(void **state)
{
    comes_back(*state, 5 * MS);
}

static void test_a_slower_server_comes_back(void **state)
{
    comes_back(*state, 9 * MS);
}

/* Answers the root's name servers, and nothing else. */
static void only_root(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                      size_t len, uint16_t from_port)
{
    if (query[RD_DNS_HEADER_BYTES] == 0)
        scene_model(sim, upstream, query, len, from_port);
}

static void test_slow_names_alone_take_no_server_down(void **state)
{
    struct scene *scene = *state;

    scene->upstream->reply = only_root;
    ask_names(scene, 500, 10 * MS);
    sim_run_for(scene->sim, 10 * S);
    assert_int_equal(SCENE_STAT(scene, servers_down), 0);
    assert_int_equal(SCENE_STAT(scene, failed_down), 0);
    assert_int_equal(SCENE_STAT(scene, failed_timeout), 500);
}

static void test_when_all_are_down_the_least_bad_is_asked_at_a_bounded_rate(void **state)
{
    struct scene *scene = *state;
    unsigned before, failed;

    scene->upstream->reply = NULL;
    until_down(scene);
    sim_run_for(scene->sim, 5 * S);
    before = scene->upstream->queries.n;
    ask_names(scene, 2000, 5 * MS);
    assert_in_range(scene->upstream->queries.n - before, 50,
                    10 * (LAST_HOPE_PER_S + PROBES_PER_S) + 2);
    failed = (unsigned)SCENE_STAT(scene, failed_down);
    assert_true(failed >= 2000 - 10 * LAST_HOPE_PER_S - 2);
    sim_run_for(scene->sim, 5 * S);
    assert_int_equal(SCENE_STAT(scene, answers_servfail), scene->sim->answers);
}

static void test_when_all_are_down_others_fail_at_once(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    uint64_t began_ns;
    const struct sim_packet *answer;

    scene->upstream->reply = NULL;
    until_down(scene);
    sim_run_for(scene->sim, 5 * S);
    scene_ask(scene, scene_client(scene, 1), &(struct ask){.name = "first.test"});
    began_ns = scene->sim->now_ns;
    answer = scene_exchange(scene, &(struct ask){.name = "second.test", .edns = true}, &message);
    assert_in_range(answer->at_ns - began_ns, 0, MS);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(scene_ede(&message), RD_EDE_NO_REACHABLE_AUTHORITY);
}

/* What clients asked: probes are for the root. */
static unsigned questions_at(const struct sim_upstream *upstream)
{
    unsigned n = 0;

    for (unsigned i = 0; i < upstream->queries.n; i++)
        n += upstream->queries.at[i].bytes[RD_DNS_HEADER_BYTES] != 0;
    return n;
}

static void test_the_least_bad_is_the_one_that_was_heard_last(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *never = scene_add_upstream(scene, "198.51.100.2", NULL, 5 * MS);

    ask_names(scene, 100, 20 * MS);
    scene->upstream->reply = NULL;
    for (unsigned i = 0; i < 500 && SCENE_STAT(scene, servers_down) < 2; i++)
        ask_names(scene, 1, 20 * MS);
    sim_run_for(scene->sim, 5 * S);
    assert_int_equal(SCENE_STAT(scene, servers_down), 2);
    for (unsigned i = 0; i < 20; i++) {
        unsigned before = questions_at(scene->upstream), never_before = questions_at(never);

        /* Too short for a retransmission. */
        ask_names(scene, 1, 300 * MS);
        assert_int_equal(questions_at(scene->upstream), before + 1);
        assert_int_equal(questions_at(never), never_before);
        sim_run_for(scene->sim, 5 * S);
    }
}

static void test_after_all_were_down_service_comes_back(void **state)
{
    struct scene *scene = *state;
    unsigned good;

    scene->upstream->reply = NULL;
    until_down(scene);
    sim_run_for(scene->sim, 5 * S);
    scene->upstream->reply = scene_model;
    ask_names(scene, 10, 20 * MS);
    good = (unsigned)SCENE_STAT(scene, answers_noerror);
    assert_true(good > 0);
    assert_int_equal(SCENE_STAT(scene, servers_up), 1);
    ask_names(scene, 100, 20 * MS);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), good + 100);
}

static void test_the_faster_server_gets_more(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *slower = scene_add_upstream(scene, "198.51.100.2", scene_model, 15 * MS);

    unsigned before, slower_before;

    ask_names(scene, 200, 40 * MS);
    before = scene->upstream->queries.n;
    slower_before = slower->queries.n;
    ask_names(scene, 2000, 40 * MS);
    assert_true(scene->upstream->queries.n - before > 2 * (slower->queries.n - slower_before));
    assert_true(slower->queries.n - slower_before > 20); /* but is heard from */
}

static void test_equal_servers_share(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *twin = scene_add_upstream(scene, "198.51.100.2", scene_model, 5 * MS);

    ask_names(scene, 2000, 20 * MS);
    assert_in_range(scene->upstream->queries.n, 800, 1200);
    assert_in_range(twin->queries.n, 800, 1200);
}

/* Slow for some seconds, but within the first time-out; then as good as the other. */
static void test_a_server_that_was_slow_for_a_while_gets_its_share_again(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *twin = scene_add_upstream(scene, "198.51.100.2", scene_model, 5 * MS);
    unsigned before;

    ask_names(scene, 500, 20 * MS);
    twin->latency_ns = 150 * MS;
    ask_names(scene, 500, 20 * MS);
    twin->latency_ns = 5 * MS;
    ask_names(scene, 3000, 20 * MS); /* a minute to find out */
    before = twin->queries.n;
    ask_names(scene, 1000, 20 * MS);
    assert_true(twin->queries.n - before > 200);
}

static void test_one_lost_packet_does_not_bring_a_server_down(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < 20; i++) {
        scene->upstream->reply = NULL;
        ask_names(scene, 1, 100 * MS);
        scene->upstream->reply = scene_model; /* the retransmission is answered */
        ask_names(scene, 1, S);
    }
    assert_int_equal(SCENE_STAT(scene, servers_down), 0);
    assert_int_equal(SCENE_STAT(scene, answers_servfail), 0);
}

static void test_two_workers_know_together_that_a_server_is_down(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *silent = scene_add_upstream(scene, "198.51.100.2", NULL, MS);
    unsigned before;

    scene->n_workers = 2;
    scene_start(scene);
    for (unsigned i = 0; i < 500 && SCENE_SUM(scene, servers_down) == 0; i++)
        ask_names(scene, 1, 20 * MS);
    sim_run_for(scene->sim, 5 * S);
    before = silent->queries.n;
    ask_names(scene, 1000, 10 * MS);
    assert_in_range(silent->queries.n - before, 5, 10 * PROBES_PER_S + 2);
    assert_int_equal(SCENE_SUM(scene, servers_down), 1);
    assert_int_equal(SCENE_SUM(scene, answers_servfail), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_a_server_that_times_out_again_and_again_goes_down),
        SCENE_TEST(test_questions_do_not_wait_for_a_server_that_is_down),
        SCENE_TEST(test_a_faster_server_comes_back),
        SCENE_TEST(test_a_server_of_the_same_speed_comes_back),
        SCENE_TEST(test_a_slower_server_comes_back),
        SCENE_TEST(test_slow_names_alone_take_no_server_down),
        SCENE_TEST(test_when_all_are_down_the_least_bad_is_asked_at_a_bounded_rate),
        SCENE_TEST(test_when_all_are_down_others_fail_at_once),
        SCENE_TEST(test_the_least_bad_is_the_one_that_was_heard_last),
        SCENE_TEST(test_after_all_were_down_service_comes_back),
        SCENE_TEST(test_the_faster_server_gets_more),
        SCENE_TEST(test_equal_servers_share),
        SCENE_TEST(test_a_server_that_was_slow_for_a_while_gets_its_share_again),
        SCENE_TEST(test_one_lost_packet_does_not_bring_a_server_down),
        SCENE_TEST(test_two_workers_know_together_that_a_server_is_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
