/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_ports.c - the source ports that questions leave from: how many, for how long, for how many
 * questions, and out of which range (RFC 5452 section 4.5 and 9.2).
 */
#include <errno.h>
#include <stdio.h>

#include "sim/scene.h"

static unsigned serial;

static void ask_names(struct scene *scene, unsigned n, uint64_t gap_ns)
{
    for (unsigned i = 0; i < n; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%u.test", serial++);
        scene_ask(scene, scene->client, &(struct ask){.name = name});
        if (gap_ns)
            sim_run_for(scene->sim, gap_ns);
    }
}

/* How many queries of the upstream's log came from each port. */
static void tally(const struct scene *scene, unsigned ret_queries[65536])
{
    memset(ret_queries, 0, 65536 * sizeof(*ret_queries));
    for (unsigned i = 0; i < scene->upstream->queries.n; i++)
        ret_queries[rd_address_port(&scene->upstream->queries.at[i].from)]++;
}

static void test_no_port_is_open_before_there_is_a_question(void **state)
{
    struct scene *scene = *state;

    scene_start(scene);
    sim_run_for(scene->sim, S);
    assert_int_equal(scene->sim->ports_open, 0);
}

static void test_a_few_questions_use_four_ports(void **state)
{
    struct scene *scene = *state;

    ask_names(scene, 100, 20 * MS);
    assert_int_equal(scene->sim->ports_peak, RD_PORTS_MIN);
    assert_int_equal(SCENE_STAT(scene, ports_open), scene->sim->ports_open);
    assert_int_equal(SCENE_STAT(scene, replies_accepted), 100);
}

static void test_ports_grow_with_what_is_under_way_up_to_the_limit(void **state)
{
    struct scene *scene = *state;
    static unsigned queries[65536];
    unsigned ports = 0;

    scene->config.ports_per_upstream = 32;
    scene->upstream->latency_ns = 150 * MS;
    ask_names(scene, 20, 0);
    sim_run_for(scene->sim, S);
    assert_in_range(scene->sim->ports_peak, 15, 20);
    ask_names(scene, 400, 0);
    sim_run_for(scene->sim, 200 * MS);
    tally(scene, queries);
    for (unsigned i = 0; i < 65536; i++)
        ports += queries[i] > 0;
    assert_in_range(ports, 30, 40);
    assert_in_range(scene->sim->ports_peak, 32, 40); /* some may linger */
}

static void test_a_high_rate_uses_many_ports(void **state)
{
    struct scene *scene = *state;

    scene->upstream->latency_ns = MS / 10;
    ask_names(scene, 20000, MS / 10); /* 10,000 a second, two or three of them under way */
    assert_true(scene->sim->ports_peak >= 100);
}

static void test_no_port_carries_more_than_96_questions(void **state)
{
    static unsigned queries[65536];
    struct scene *scene = *state;
    unsigned most = 0, ports = 0;

    ask_names(scene, 6000, MS);
    sim_run_for(scene->sim, S);
    tally(scene, queries);
    for (unsigned i = 0; i < 65536; i++) {
        ports += queries[i] > 0;
        most = queries[i] > most ? queries[i] : most;
    }
    assert_in_range(most, RD_PORT_QUESTIONS_MIN, RD_PORT_QUESTIONS);
    assert_true(ports >= 6000 / RD_PORT_QUESTIONS);
    /* A few may be open that no question has left from yet. */
    assert_in_range(SCENE_STAT(scene, ports_opened), ports, ports + RD_PORTS_MIN);
}

static void test_how_many_questions_a_port_carries_is_random(void **state)
{
    static unsigned queries[65536];
    struct scene *scene = *state;
    unsigned few = 0, many = 0;

    scene->config.ports_per_upstream = RD_PORTS_MIN;
    ask_names(scene, 10000, MS / 2);
    tally(scene, queries);
    for (unsigned i = 0; i < 65536; i++) {
        few += queries[i] >= RD_PORT_QUESTIONS_MIN && queries[i] < 64;
        many += queries[i] >= 64 && queries[i] <= RD_PORT_QUESTIONS;
    }
    assert_true(few > 30);
    assert_true(many > 30);
}

static void test_ports_retire_after_ten_seconds(void **state)
{
    struct scene *scene = *state;
    static unsigned queries[65536];
    unsigned ports = 0;
    uint64_t turns;

    ask_names(scene, 8, 20 * MS);
    sim_run_for(scene->sim, 9 * S);
    assert_int_equal(scene->sim->ports_open, 4);
    sim_run_for(scene->sim, 2 * S);
    assert_int_equal(scene->sim->ports_open, 0);
    turns = SCENE_STAT(scene, turns);
    sim_run_for(scene->sim, 3600 * S);
    assert_in_range(SCENE_STAT(scene, turns), turns, turns + 2); /* and the worker sleeps */
    ask_names(scene, 8, 20 * MS);
    tally(scene, queries);
    for (unsigned i = 0; i < 65536; i++)
        ports += queries[i] > 0;
    assert_in_range(ports, 5, 8);
}

static void test_a_retired_port_lingers_until_its_questions_end(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    scene->upstream->latency_ns = 1900 * MS; /* 3.8 s for the whole way */
    ask_names(scene, 1, 9 * S);              /* the port is 9 s old, */
    answer = scene_exchange(scene, &(struct ask){.name = "www.test"}, &message);
    assert_non_null(answer); /* retires while it waits, and still hears the reply */
    assert_int_equal(message.count[RD_ANSWER], 1);
    sim_run_for(scene->sim, 12 * S);
    assert_int_equal(scene->sim->ports_open, 0);
}

/* The first server: not reachable, it seems. */
static void error_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                        size_t len, uint16_t from_port)
{
    (void)query;
    (void)len;
    sim_icmp(sim, upstream, from_port, ECONNREFUSED, 0);
}

/* The second one: fails, and the first one's answer comes right behind that. */
static void overtaken_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                            size_t len, uint16_t from_port)
{
    struct scene *scene = upstream->context;
    const struct sim_log *log = &scene->upstream->queries;
    const struct sim_packet *first = &log->at[log->n - 1];
    static struct packet reply;

    packet_reply(&reply, query, len, RD_SERVFAIL);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
    scene_model(sim, scene->upstream, first->bytes, first->len, rd_address_port(&first->from));
}

/* Three servers; the third is asked and needed no more within one turn, until its ports are spent.
 * Rounds enough for at least one of them. */
#define SPENT_ROUNDS (RD_PORTS_MIN * RD_PORT_QUESTIONS)

static void test_the_last_question_of_a_port_leaves_even_if_it_is_over_at_once(void **state)
{
    static uint8_t used[65536];
    struct scene *scene = *state;
    struct sim_upstream *third;
    struct rd_message message;
    unsigned ports = 0;

    memset(used, 0, sizeof(used));
    scene->config.pools[0].policy = RD_POLICY_ORDERED;
    scene->config.ports_per_upstream = RD_PORTS_MIN;
    scene->upstream->latency_ns = MS;
    scene->upstream->reply = error_model;
    scene_add_upstream(scene, "198.51.100.2", overtaken_model, MS);
    third = scene_add_upstream(scene, "198.51.100.3", NULL, MS);
    for (unsigned i = 0; i < SPENT_ROUNDS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%u.one.test", i);
        scene_exchange(scene, &(struct ask){.name = name}, &message);
        assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    }
    sim_run_for(scene->sim, MS);
    assert_true(scene->sim->now_ns < SIM_START_NS + 10 * S); /* none was closed for its age */
    assert_int_equal(third->queries.n, SPENT_ROUNDS);
    for (unsigned i = 0; i < SPENT_ROUNDS; i++) {
        uint16_t port = rd_address_port(&third->queries.at[i].from);

        ports += !used[port];
        used[port] = 1;
    }
    assert_true(ports > RD_PORTS_MIN);
}

static void test_ports_come_from_the_whole_range(void **state)
{
    static unsigned queries[65536];
    struct scene *scene = *state;
    unsigned ports = 0, eighth[8] = {0};

    ask_names(scene, 20000, MS / 2);
    tally(scene, queries);
    for (unsigned i = 0; i < 65536; i++) {
        if (queries[i] == 0)
            continue;
        assert_true(i >= 1024);
        eighth[(i - 1024) / 8064]++;
        ports++;
    }
    assert_true(ports >= 200);
    for (unsigned i = 0; i < 8; i++)
        assert_in_range(eighth[i], ports / 8 / 2, ports / 8 * 2);
}

static void test_avoided_ports_are_never_used(void **state)
{
    static unsigned queries[65536];
    struct scene *scene = *state;

    scene->avoid = (struct rd_port_list){2, {{1024, 30000}, {30101, 65535}}};
    ask_names(scene, 3000, MS);
    sim_run_for(scene->sim, S);
    tally(scene, queries);
    for (unsigned i = 0; i < 65536; i++)
        assert_true(queries[i] == 0 || (i > 30000 && i < 30101));
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 3000);
}

static void test_a_port_in_use_is_drawn_again(void **state)
{
    struct scene *scene = *state;

    for (unsigned port = 1024; port < 65536; port += 2)
        sim_reserve_port(scene->sim, AF_INET, (uint16_t)port);
    ask_names(scene, 3000, MS);
    sim_run_for(scene->sim, S);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 3000);
    assert_true(SCENE_STAT(scene, ports_taken) > 10);
    assert_int_equal(SCENE_STAT(scene, ports_failed), 0);
}

static void test_the_limit_on_descriptors_is_kept(void **state)
{
    struct scene *scene = *state;

    scene->max_ports = 8;
    scene->upstream->latency_ns = 100 * MS;
    ask_names(scene, 500, MS);
    sim_run_for(scene->sim, 5 * S);
    assert_true(scene->sim->ports_peak <= 8);
    assert_true(scene->sim->handles_used <= 8);
    assert_int_equal(SCENE_STAT(scene, answers_noerror) + SCENE_STAT(scene, answers_servfail), 500);
    assert_int_equal(SCENE_STAT(scene, failed_ports), SCENE_STAT(scene, answers_servfail));
    ask_names(scene, 20, S);
    assert_true(SCENE_STAT(scene, answers_noerror) >= 20);
}

static void test_two_servers_do_not_starve_each_other_of_ports(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = scene_add_upstream(scene, "2001:db8::1", scene_model, 5 * MS);

    ask_names(scene, 1000, 10 * MS);
    sim_run_for(scene->sim, S);
    assert_int_equal(scene->upstream->queries.n + other->queries.n, 1000);
    assert_true(other->queries.n > 100);
    assert_int_equal(other->queries.at[0].from.any.sa_family, AF_INET6);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 1000);
}

/* The worker that serves CLIENT: the one whose count grows with its question. */
static unsigned worker_of(struct scene *scene, struct sim_client *client)
{
    uint64_t before;

    scene_start(scene);
    before = rd_stat_get(&rd_worker_stats(scene->workers[1])->queries_udp);
    scene->client = client;
    ask_names(scene, 1, 20 * MS);
    return rd_stat_get(&rd_worker_stats(scene->workers[1])->queries_udp) > before;
}

static void test_workers_draw_from_one_range(void **state)
{
    static uint8_t used[2][65536];
    struct scene *scene = *state;
    unsigned ports[2] = {0, 0}, upper[2] = {0, 0};

    memset(used, 0, sizeof(used));
    scene->n_workers = 2;
    for (unsigned i = 0; i < 50; i++) {
        unsigned worker = worker_of(scene, scene_client(scene, i)), n = scene->upstream->queries.n;

        ask_names(scene, 400, MS / 2);
        sim_run_for(scene->sim, 20 * MS);
        for (; n < scene->upstream->queries.n; n++)
            used[worker][rd_address_port(&scene->upstream->queries.at[n].from)] = 1;
    }
    for (unsigned i = 0; i < 2 * 65536; i++) {
        ports[i / 65536] += used[i / 65536][i % 65536];
        upper[i / 65536] += used[i / 65536][i % 65536] && i % 65536 >= 33280;
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_true(ports[i] > 100);
        assert_in_range(upper[i], ports[i] / 3, ports[i] * 2 / 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_no_port_is_open_before_there_is_a_question),
        SCENE_TEST(test_a_few_questions_use_four_ports),
        SCENE_TEST(test_ports_grow_with_what_is_under_way_up_to_the_limit),
        SCENE_TEST(test_a_high_rate_uses_many_ports),
        SCENE_TEST(test_no_port_carries_more_than_96_questions),
        SCENE_TEST(test_how_many_questions_a_port_carries_is_random),
        SCENE_TEST(test_ports_retire_after_ten_seconds),
        SCENE_TEST(test_a_retired_port_lingers_until_its_questions_end),
        SCENE_TEST(test_the_last_question_of_a_port_leaves_even_if_it_is_over_at_once),
        SCENE_TEST(test_ports_come_from_the_whole_range),
        SCENE_TEST(test_avoided_ports_are_never_used),
        SCENE_TEST(test_a_port_in_use_is_drawn_again),
        SCENE_TEST(test_the_limit_on_descriptors_is_kept),
        SCENE_TEST(test_two_servers_do_not_starve_each_other_of_ports),
        SCENE_TEST(test_workers_draw_from_one_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
