/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pool_policy.c - whom each policy of a pool asks, how fast it leaves a server that ails, and
 * what a hedge costs.
 */
#include <stdio.h>

#include "sim/says.h"

/* N questions of a new name each below SUFFIX, one every GAP_NS. */
static void ask_below(struct scene *scene, const char *suffix, unsigned n, uint64_t gap_ns)
{
    static unsigned serial;

    for (unsigned i = 0; i < n; i++) {
        char name[64];

        snprintf(name, sizeof(name), "n%u.%s", serial, suffix);
        scene_ask(scene, scene_client(scene, serial % 50),
                  &(struct ask){.name = name, .id = (uint16_t)serial});
        serial++;
        sim_run_for(scene->sim, gap_ns);
    }
}

/* What clients asked of it: probes are for the root. */
static unsigned asked(const struct sim_upstream *upstream)
{
    unsigned n = 0;

    for (unsigned i = 0; i < upstream->queries.n; i++)
        n += upstream->queries.at[i].bytes[RD_DNS_HEADER_BYTES] != 0;
    return n;
}

static void add_servers(struct scene *scene, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        char address[32];

        snprintf(address, sizeof(address), "198.51.100.%u", i + 1);
        scene_add_upstream(scene, address, scene_model, 5 * MS);
    }
}

static struct rd_server_config *server_config(struct scene *scene, unsigned number)
{
    return &scene->config.pools[0].servers.at[number];
}

static void test_ordered_asks_the_first_that_is_well(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream **servers = scene->sim->upstreams;

    scene->config.pools[0].policy = RD_POLICY_ORDERED;
    add_servers(scene, 3);
    ask_below(scene, "test", 100, 10 * MS);
    assert_int_equal(asked(servers[0]), 100);
    servers[0]->reply = NULL;
    ask_below(scene, "test", 100, 20 * MS);
    sim_run_for(scene->sim, 3 * S);
    assert_int_equal(SCENE_STAT(scene, servers_down), 1);
    assert_int_equal(asked(servers[1]), 100);
    servers[1]->reply = NULL;
    ask_below(scene, "test", 100, 20 * MS);
    sim_run_for(scene->sim, 3 * S);
    assert_int_equal(SCENE_STAT(scene, servers_down), 2);
    assert_int_equal(asked(servers[2]), 100);
    servers[0]->reply = scene_model;
    sim_run_for(scene->sim, S);
    assert_int_equal(SCENE_STAT(scene, servers_up), 1);
    ask_below(scene, "test", 100, 10 * MS);
    assert_int_equal(asked(servers[2]), 100);
    assert_int_equal(SCENE_STAT(scene, answers_servfail), 0);
}

static void test_spread_goes_by_weights(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream **servers = scene->sim->upstreams;

    scene->config.pools[0].policy = RD_POLICY_SPREAD;
    add_servers(scene, 3);
    server_config(scene, 1)->weight = 3;
    server_config(scene, 2)->weight = 4;
    scene->sim->upstreams[2]->latency_ns = 100 * MS; /* speed is nothing to it */
    ask_below(scene, "test", 4000, 2 * MS);
    sim_run_for(scene->sim, S);
    /* Four standard deviations. */
    assert_in_range(asked(servers[0]), 500 - 84, 500 + 84);
    assert_in_range(asked(servers[1]), 1500 - 123, 1500 + 123);
    assert_in_range(asked(servers[2]), 2000 - 127, 2000 + 127);
}

/* Which of three servers is asked for name NUMBER, -1 if more than one is. */
static int server_of(struct scene *scene, unsigned number)
{
    struct rd_message message;
    char name[32];
    int found = -1;

    snprintf(name, sizeof(name), "n%u.hash.test", number);
    for (unsigned i = 0; i < 3; i++)
        scene_exchange(scene, &(struct ask){.name = name}, &message);
    for (int i = 0; i < 3; i++) {
        unsigned n = says_count(&scene->sim->upstreams[i]->queries, name);

        if (n == 0)
            continue;
        if (found >= 0 || n != 3)
            return -1;
        found = i;
    }
    return found;
}

static void test_hash_gives_a_name_to_one_server_always(void **state)
{
    static struct scene other;
    struct scene *scene = *state;
    unsigned n[3] = {0};
    int before[60];

    scene->config.pools[0].policy = RD_POLICY_HASH;
    add_servers(scene, 3);
    for (unsigned i = 0; i < 60; i++) {
        before[i] = server_of(scene, i);
        assert_in_range(before[i], 0, 2);
        n[before[i]]++;
    }
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(n[i], 20 - 15, 20 + 15); /* four standard deviations */
    scene_open(&other, 99);                      /* another process, with other secrets */
    other.config.pools[0].policy = RD_POLICY_HASH;
    add_servers(&other, 3);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(server_of(&other, i), before[i]);
    scene_close(&other);
    sim_current = scene->sim;
}

static void test_a_tier_is_asked_when_all_before_it_are_down(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream **servers = scene->sim->upstreams;

    add_servers(scene, 3);
    server_config(scene, 0)->tier = 1;
    servers[0]->latency_ns = MS; /* though it is the fastest */
    ask_below(scene, "test", 300, 10 * MS);
    assert_int_equal(asked(servers[0]), 0);
    servers[1]->reply = servers[2]->reply = NULL;
    ask_below(scene, "test", 200, 20 * MS);
    sim_run_for(scene->sim, 5 * S);
    assert_int_equal(SCENE_STAT(scene, servers_down), 2);
    ask_below(scene, "test", 100, 10 * MS);
    servers[1]->reply = scene_model;
    sim_run_for(scene->sim, S);
    {
        unsigned before = asked(servers[0]);

        assert_true(before >= 100);
        ask_below(scene, "test", 100, 10 * MS);
        assert_int_equal(asked(servers[0]), before);
    }
    assert_int_equal(SCENE_STAT(scene, answers_servfail), 0);
}

/* A pool that hedges 10 percent, whose first server is known to answer within 10 ms. */
static void open_hedge(struct scene *scene)
{
    scene->config.pools[0].policy = RD_POLICY_ORDERED;
    if (scene->config.pools[0].hedge == 0)
        scene->config.pools[0].hedge = 10;
    add_servers(scene, 3);
    ask_below(scene, "test", 400, 10 * MS);
    assert_int_equal(SCENE_STAT(scene, upstream_hedged), 0);
}

static void test_a_hedge_comes_at_the_95th_percentile(void **state)
{
    struct scene *scene = *state;
    uint64_t began_ns;

    open_hedge(scene);
    scene->upstream->latency_ns = 150 * MS;
    began_ns = scene->sim->now_ns;
    ask_below(scene, "test", 1, 0);
    scene_wait_query(scene, scene->sim->upstreams[1], 1);
    /* Percentiles are kept in buckets a quarter wide, timers in ticks. */
    assert_in_range(scene->sim->now_ns - began_ns, 15 * MS, 28 * MS);
    sim_run_for(scene->sim, 15 * MS);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 401);
    assert_int_equal(SCENE_STAT(scene, upstream_hedged), 1);
    assert_int_equal(SCENE_STAT(scene, upstream_hedge_won), 1);
    assert_int_equal(SCENE_STAT(scene, upstream_resent), 0);
}

static void test_hedges_are_a_bounded_share(void **state)
{
    struct scene *scene = *state;

    scene->config.pools[0].hedge = 1;
    open_hedge(scene);
    /* One of 25 is slow: too few for the percentile to follow, more than may be hedged. */
    for (unsigned i = 0; i < 100; i++) {
        scene->upstream->latency_ns = 150 * MS;
        ask_below(scene, "test", 1, 200 * MS);
        scene->upstream->latency_ns = 5 * MS;
        ask_below(scene, "test", 24, 20 * MS);
    }
    /* What was saved before, and a hundredth of the questions since. */
    assert_in_range(SCENE_STAT(scene, upstream_hedged), 20, 4 + 2500 / 100 + 1);
}

static void test_two_packets_are_the_most_before_a_time_out(void **state)
{
    struct scene *scene = *state;
    unsigned before;

    open_hedge(scene);
    before = (unsigned)SCENE_STAT(scene, upstream_sent);
    for (unsigned i = 0; i < 3; i++)
        scene->sim->upstreams[i]->reply = NULL;
    ask_below(scene, "test", 1, 390 * MS);
    assert_int_equal(SCENE_STAT(scene, upstream_sent), before + 2);
    assert_int_equal(asked(scene->sim->upstreams[2]), 0);
    sim_run_for(scene->sim, 30 * MS);
    assert_int_equal(asked(scene->sim->upstreams[2]), 1);
    sim_run_for(scene->sim, 5 * S);
    assert_in_range(SCENE_STAT(scene, upstream_sent) - before, 3, RD_ATTEMPTS + 6 /* probes */);
}

static void refusing_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                           size_t len, uint16_t from_port)
{
    static struct packet reply;

    packet_reply(&reply, query, len, RD_REFUSED);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
}

/* The one that fails over does not wait for the hedge's time with the time-out's. */
static void test_after_a_failure_the_next_server_has_its_whole_time(void **state)
{
    struct scene *scene = *state;
    unsigned before;

    open_hedge(scene);
    scene->upstream->reply = refusing_model;
    scene->sim->upstreams[1]->reply = NULL;
    before = (unsigned)SCENE_STAT(scene, upstream_sent);
    ask_below(scene, "test", 1, 405 * MS);
    assert_int_equal(SCENE_STAT(scene, upstream_sent), before + 2);
    sim_run_for(scene->sim, 30 * MS);
    assert_int_equal(SCENE_STAT(scene, upstream_sent), before + 3);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 401);
    assert_int_equal(SCENE_STAT(scene, upstream_hedged), 0);
}

static void test_a_suspect_is_avoided_at_once(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *silent;

    scene->config.pools[0].policy = RD_POLICY_ORDERED;
    add_servers(scene, 2);
    silent = scene->upstream;
    silent->reply = NULL;
    ask_below(scene, "test", 8, 0);
    sim_run_for(scene->sim, 450 * MS);
    assert_int_equal(asked(silent), 8);
    assert_int_equal(SCENE_STAT(scene, servers_down), 0);
    ask_below(scene, "test", 100, 5 * MS);
    assert_int_equal(SCENE_STAT(scene, servers_down), 0); /* its probe is still awaited */
    assert_int_equal(asked(silent), 8);
    sim_run_for(scene->sim, S);
    assert_int_equal(SCENE_STAT(scene, servers_down), 1);
}

/* Answers all but the names below hole.test. */
static void hole_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                       size_t len, uint16_t from_port)
{
    const uint8_t *label = query + RD_DNS_HEADER_BYTES;

    if (*label == 0 || memcmp(label + 1 + *label, "\4hole", 5) != 0)
        scene_model(sim, upstream, query, len, from_port);
}

static void test_a_silent_domain_is_nobodys_fault(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->upstream->reply = hole_model;
    for (unsigned i = 0; i < 2000; i++) { /* of each, 100 in a second */
        uint64_t began_ns = scene->sim->now_ns;
        const struct sim_packet *answer;
        char name[32];

        ask_below(scene, "hole.test", 1, 0);
        snprintf(name, sizeof(name), "n%u.s%u.test", i, i % 100);
        answer = scene_exchange(scene, &(struct ask){.name = name}, &message);
        assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
        assert_in_range(answer->at_ns - began_ns, 10 * MS, 11 * MS);
    }
    sim_run_for(scene->sim, 5 * S);
    assert_int_equal(SCENE_STAT(scene, servers_down), 0);
    assert_int_equal(SCENE_STAT(scene, failed_cap), 0);
    assert_int_equal(SCENE_STAT(scene, failed_timeout), 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_ordered_asks_the_first_that_is_well),
        SCENE_TEST(test_spread_goes_by_weights),
        SCENE_TEST(test_hash_gives_a_name_to_one_server_always),
        SCENE_TEST(test_a_tier_is_asked_when_all_before_it_are_down),
        SCENE_TEST(test_a_hedge_comes_at_the_95th_percentile),
        SCENE_TEST(test_hedges_are_a_bounded_share),
        SCENE_TEST(test_two_packets_are_the_most_before_a_time_out),
        SCENE_TEST(test_after_a_failure_the_next_server_has_its_whole_time),
        SCENE_TEST(test_a_suspect_is_avoided_at_once),
        SCENE_TEST(test_a_silent_domain_is_nobodys_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
