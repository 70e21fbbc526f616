/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_worker.c - a worker as a whole: stopping, new snapshots, full tables, bursts, and that one
 * seed is one history.
 */
#include <stdio.h>

#include "sim/scene.h"

static const char *const NAME = "www.example.com";

/* N questions at one instant, each of a name of its own. */
static void burst(struct scene *scene, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%u.test", i);
        scene_ask(scene, scene->client, &(struct ask){.name = name, .id = (uint16_t)i});
    }
}

static void test_a_worker_without_questions_stops_at_once(void **state)
{
    struct scene *scene = *state;

    scene_start(scene);
    sim_run_for(scene->sim, S);
    rd_worker_stop(scene->worker);
    sim_run_for(scene->sim, 0);
    assert_false(sim_workers_running(scene->sim));
}

static void test_what_is_under_way_is_answered_before_the_stop(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    scene->upstream->latency_ns = 100 * MS;
    burst(scene, 20);
    sim_run_for(scene->sim, 50 * MS);
    rd_worker_stop(scene->worker);
    sim_run_for(scene->sim, 50 * MS);
    assert_true(sim_workers_running(scene->sim));
    sim_run_for(scene->sim, 105 * MS);
    assert_false(sim_workers_running(scene->sim));
    scene_finish(scene); /* the last answers leave with it */
    sim_run_for(scene->sim, MS);
    assert_int_equal(scene->client->answers.n, 20);
    for (unsigned i = 0; i < 20; i++) {
        answer = &scene->client->answers.at[i];
        packet_parse(answer->bytes, answer->len, &message, NULL);
        assert_int_equal(message.count[RD_ANSWER], 1);
    }
}

static void test_a_stopping_worker_waits_four_seconds_for_a_silent_upstream(void **state)
{
    struct scene *scene = *state;
    uint64_t began_ns;

    scene->upstream->reply = NULL;
    burst(scene, 20);
    sim_run_for(scene->sim, MS);
    rd_worker_stop(scene->worker);
    began_ns = scene->sim->now_ns;
    while (sim_workers_running(scene->sim) && scene->sim->now_ns < began_ns + 10 * S)
        sim_run_for(scene->sim, 10 * MS);
    assert_in_range(scene->sim->now_ns - began_ns, 3900 * MS, 4100 * MS);
    assert_int_equal(SCENE_STAT(scene, failed_timeout), 20);
}

static void test_queries_after_the_order_to_stop_are_dropped(void **state)
{
    struct scene *scene = *state;

    scene->upstream->latency_ns = 100 * MS;
    burst(scene, 1);
    sim_run_for(scene->sim, 50 * MS);
    scene_ask(scene, scene->client, &(struct ask){.name = "late.test", .id = 9});
    /* It reaches the socket, then the order comes, then the worker turns. */
    scene->sim->now_ns += scene->sim->client_latency_ns;
    sim_deliver_due(scene->sim);
    rd_worker_stop(scene->worker);
    sim_run_for(scene->sim, 300 * MS);
    assert_int_equal(SCENE_STAT(scene, queries_dropped_stop), 1);
    assert_int_equal(scene->upstream->queries.n, 1);
}

static void test_after_the_order_to_stop_nobody_listens(void **state)
{
    struct scene *scene = *state;
    uint64_t received;

    scene->upstream->latency_ns = 100 * MS;
    burst(scene, 1);
    sim_run_for(scene->sim, 50 * MS);
    rd_worker_stop(scene->worker);
    sim_run_for(scene->sim, MS);
    received = SCENE_STAT(scene, queries_udp);
    burst(scene, 20);
    sim_run_for(scene->sim, 10 * MS);
    assert_int_equal(SCENE_STAT(scene, queries_udp), received);
}

static void test_a_full_table_is_servfail_at_once(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    unsigned failed = 0;

    scene->config.inflight_queries = 16;
    scene->upstream->latency_ns = 50 * MS;
    burst(scene, 20);
    sim_run_for(scene->sim, MS);
    assert_int_equal(SCENE_STAT(scene, failed_slots), 4);
    assert_int_equal(SCENE_STAT(scene, inflight), 16);
    assert_int_equal(scene->client->answers.n, 4);
    sim_run_for(scene->sim, 200 * MS);
    assert_int_equal(scene->client->answers.n, 20);
    for (unsigned i = 0; i < 20; i++) {
        const struct sim_packet *answer = &scene->client->answers.at[i];

        packet_parse(answer->bytes, answer->len, &message, NULL);
        failed += (message.flags & RD_DNS_RCODE) == RD_SERVFAIL;
    }
    assert_int_equal(failed, 4);
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.count[RD_ANSWER], 1);
}

static void test_a_full_table_tells_why(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->config.inflight_queries = 16;
    scene->upstream->reply = NULL;
    burst(scene, 16);
    sim_run_for(scene->sim, MS);
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(scene_ede(&message), RD_EDE_NOT_READY);
}

static void test_a_full_table_still_takes_those_who_join(void **state)
{
    struct scene *scene = *state;

    scene->config.inflight_queries = 16;
    burst(scene, 16);
    scene_ask(scene, scene_client(scene, 99), &(struct ask){.name = "n3.test"});
    scene_wait(scene, scene_client(scene, 99), 1);
    assert_int_equal(SCENE_STAT(scene, queries_joined), 1);
    assert_int_equal(SCENE_STAT(scene, failed_slots), 0);
}

static void test_too_many_waiters_are_servfail_at_once(void **state)
{
    struct scene *scene = *state;

    scene->config.inflight_waiters = 16;
    scene->upstream->latency_ns = 50 * MS;
    for (unsigned i = 0; i < 20; i++)
        scene_ask(scene, scene_client(scene, i), &(struct ask){.name = NAME});
    sim_run_for(scene->sim, MS);
    assert_int_equal(SCENE_STAT(scene, failed_waiters), 4);
    assert_int_equal(SCENE_STAT(scene, waiters), 16);
    assert_int_equal(scene->sim->answers, 4);
    scene_ask(scene, scene_client(scene, 21), &(struct ask){.name = "other.test"});
    sim_run_for(scene->sim, MS);
    assert_int_equal(SCENE_STAT(scene, failed_waiters), 5);
    assert_int_equal(SCENE_STAT(scene, inflight), 1); /* what was led for it is undone */
    sim_run_for(scene->sim, 200 * MS);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 16);
}

static void test_a_crowd_at_one_question_is_all_answered(void **state)
{
    struct scene *scene = *state;

    scene->config.inflight_waiters = 4096;
    for (unsigned i = 0; i < 3000; i++)
        scene_ask(scene, scene_client(scene, i), &(struct ask){.name = NAME, .edns = i % 2});
    sim_run_for(scene->sim, S);
    assert_int_equal(scene->upstream->queries.n, 1);
    assert_int_equal(scene->sim->answers, 3000);
    assert_int_equal(SCENE_STAT(scene, answers_lost_buffer), 0);
}

static void test_a_burst_beyond_the_buffers_is_all_answered(void **state)
{
    struct scene *scene = *state;

    scene->config.inflight_queries = 8192;
    scene->config.inflight_waiters = 8192;
    burst(scene, 5000);
    sim_run_for(scene->sim, S);
    assert_int_equal(scene->client->answers.n, 5000);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 5000);
}

static void test_what_the_kernel_drops_is_counted(void **state)
{
    struct scene *scene = *state;

    scene->sim->listener_room = 100;
    burst(scene, 150);
    sim_run_for(scene->sim, S);
    assert_int_equal(SCENE_STAT(scene, dropped_listener), 50);
    assert_int_equal(SCENE_STAT(scene, queries_udp), 100);
}

static void test_a_snapshot_is_adopted_at_the_next_turn(void **state)
{
    struct scene *scene = *state;

    scene_start(scene);
    sim_run_for(scene->sim, S);
    assert_int_equal(rd_worker_generation(scene->worker), 1);
    scene_publish(scene);
    sim_run_for(scene->sim, 0);
    assert_int_equal(rd_worker_generation(scene->worker), 2);
}

/* The first snapshot is given back as the control plane does: when a later one is in use. */
static void release_first_snapshot(struct scene *scene)
{
    assert_true(rd_worker_generation(scene->worker) > 1);
    rd_snapshot_free(scene->fleet, scene->snapshots[0]);
    scene->snapshots[0] = NULL;
}

static void test_other_servers_are_asked_and_old_questions_still_finish(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other =
        sim_upstream_add(scene->sim, "198.51.100.9", scene_model, scene, 5 * MS);
    unsigned before;

    scene->upstream->latency_ns = 150 * MS;
    burst(scene, 10);
    sim_run_for(scene->sim, 200 * MS);
    scene->config.pools[0].servers.at[0].address = other->address;
    scene_publish(scene);
    sim_run_for(scene->sim, MS);
    release_first_snapshot(scene);
    before = scene->upstream->queries.n;
    assert_int_equal(before, 10);
    for (uint16_t i = 0; i < 20; i++)
        scene_ask(scene, scene->client, &(struct ask){.name = NAME, .type = (uint16_t)(300 + i)});
    sim_run_for(scene->sim, 50 * MS);
    assert_int_equal(other->queries.n, 20);
    assert_int_equal(scene->client->answers.n, 20);
    sim_run_for(scene->sim, 300 * MS);
    assert_int_equal(scene->client->answers.n, 30);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 30);
    assert_int_equal(scene->upstream->queries.n, before);
    sim_run_for(scene->sim, 12 * S);
    assert_int_equal(scene->sim->ports_open, 0); /* the old server's too */
}

static void test_a_retransmission_after_a_reload_goes_to_a_server_that_is_left(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other =
        sim_upstream_add(scene->sim, "198.51.100.9", scene_model, scene, 5 * MS);
    struct rd_message message;
    const struct sim_packet *answer;

    scene->upstream->reply = NULL;
    scene_ask(scene, scene->client, &(struct ask){.name = NAME});
    sim_run_for(scene->sim, 50 * MS);
    scene->config.pools[0].servers.at[0].address = other->address;
    scene_publish(scene);
    sim_run_for(scene->sim, MS);
    release_first_snapshot(scene);
    answer = scene_wait(scene, scene->client, 1);
    packet_parse(answer->bytes, answer->len, &message, NULL);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_int_equal(scene->upstream->queries.n, 1);
    assert_int_equal(other->queries.n, 1);
}

static void test_the_access_list_follows_a_reload(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    scene->config.access_allow.n = 0;
    scene_publish(scene);
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_REFUSED);
}

/* Half an hour's worth of chance in a second: many names, a lame upstream, a lossy one. */
static void lossy_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                        size_t len, uint16_t from_port)
{
    if (sim_random_below(sim, 4) > 0)
        scene_model(sim, upstream, query, len, from_port);
}

static uint64_t history(uint64_t seed, unsigned *ret_answers)
{
    static struct scene scene;
    uint64_t trace;

    scene_open(&scene, seed);
    scene.upstream->reply = lossy_model;
    scene_add_upstream(&scene, "198.51.100.2", lossy_model, 30 * MS);
    scene_add_upstream(&scene, "2001:db8::53", NULL, 30 * MS);
    for (unsigned i = 0; i < 2000; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%u.test", sim_random_below(scene.sim, 200));
        scene_ask(&scene, scene_client(&scene, sim_random_below(scene.sim, 50)),
                  &(struct ask){.name = name, .id = (uint16_t)i, .edns = i % 2});
        sim_run_for(scene.sim, sim_random_below(scene.sim, 20) * MS);
    }
    sim_run_for(scene.sim, 5 * S);
    trace = scene.sim->trace;
    *ret_answers = scene.sim->answers;
    scene_close(&scene);
    return trace;
}

static void test_one_seed_is_one_history(void **state)
{
    unsigned answers[3];
    uint64_t trace = history(11, &answers[0]);

    (void)state;
    assert_true(history(11, &answers[1]) == trace);
    assert_true(history(12, &answers[2]) != trace);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(answers[i], 2000); /* every query has exactly one answer */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_a_worker_without_questions_stops_at_once),
        SCENE_TEST(test_what_is_under_way_is_answered_before_the_stop),
        SCENE_TEST(test_a_stopping_worker_waits_four_seconds_for_a_silent_upstream),
        SCENE_TEST(test_queries_after_the_order_to_stop_are_dropped),
        SCENE_TEST(test_after_the_order_to_stop_nobody_listens),
        SCENE_TEST(test_a_full_table_is_servfail_at_once),
        SCENE_TEST(test_a_full_table_tells_why),
        SCENE_TEST(test_a_full_table_still_takes_those_who_join),
        SCENE_TEST(test_too_many_waiters_are_servfail_at_once),
        SCENE_TEST(test_a_crowd_at_one_question_is_all_answered),
        SCENE_TEST(test_a_burst_beyond_the_buffers_is_all_answered),
        SCENE_TEST(test_what_the_kernel_drops_is_counted),
        SCENE_TEST(test_a_snapshot_is_adopted_at_the_next_turn),
        SCENE_TEST(test_other_servers_are_asked_and_old_questions_still_finish),
        SCENE_TEST(test_a_retransmission_after_a_reload_goes_to_a_server_that_is_left),
        SCENE_TEST(test_the_access_list_follows_a_reload),
        cmocka_unit_test(test_one_seed_is_one_history),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
