/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_budget.c - what a question costs its servers at most (RFC 9520 section 3.1), and what is
 * learnt of a server that knows no EDNS.
 */
#include <errno.h>
#include <stdio.h>

#include "sim/says.h"
#include "upstream.h"

static const char *const NAME = "www.example.com";

#define MINUTE (60 * S)

/* Replies that lead to another message, as each server gives them to all. */
static struct says troubles[] = {
    {.flags = RD_SERVFAIL},
    {.flags = RD_REFUSED},
    {.flags = RD_FORMERR, .no_opt = true},
    {.flags = RD_NOTIMP, .no_opt = true},
    {.flags = RD_DNS_TC},
    {.referral = true},
    {.opt = true, .flags = RD_BADCOOKIE & 15, .extended = RD_BADCOOKIE >> 4},
    {.silent = true},
};
#define TROUBLES (sizeof(troubles) / sizeof(troubles[0]))

static unsigned count_for(const struct sim_log *log, const char *name)
{
    unsigned n = says_count(log, name);

    assert_true(n <= RD_ATTEMPTS_PER_SERVER);
    return n;
}

/* What NAME cost, by all ways. */
static unsigned cost_of(const struct scene *scene, const char *name)
{
    unsigned cost = 0;

    for (unsigned i = 0; i < scene->sim->n_upstreams; i++)
        cost += count_for(&scene->sim->upstreams[i]->queries, name) +
                count_for(&scene->sim->upstreams[i]->stream_queries, name);
    assert_true(cost <= RD_ATTEMPTS);
    return cost;
}

static void open_servers(struct scene *scene, uint64_t seed, unsigned n)
{
    scene_open(scene, seed);
    scene->config.pools[0].cookies = true;
    for (unsigned i = 1; i < n; i++) {
        char address[32];

        snprintf(address, sizeof(address), "198.51.100.%u", i + 1);
        scene_add_upstream(scene, address, NULL, 5 * MS);
    }
}

static void all_have(struct says *trouble, unsigned n, enum sim_accept accept)
{
    static struct scene scene;
    struct rd_message message;

    open_servers(&scene, n, n);
    for (unsigned i = 0; i < n; i++) {
        says_let(scene.sim->upstreams[i], trouble);
        scene.sim->upstreams[i]->accept = accept;
    }
    scene_exchange(&scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    sim_run_for(scene.sim, 10 * S);
    assert_true(cost_of(&scene, NAME) >= 1);
    assert_int_equal(scene.sim->answers, 1);
    scene_close(&scene);
}

static void test_whatever_they_always_say_six_messages_are_the_most(void **state)
{
    static const enum sim_accept accept[] = {SIM_ACCEPT, SIM_REFUSE, SIM_SILENT};

    (void)state;
    for (unsigned i = 0; i < TROUBLES; i++)
        for (unsigned n = 1; n <= 8; n++)
            for (unsigned k = 0; k < 3; k++)
                all_have(&troubles[i], n, accept[k]);
}

static void any_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                      size_t len, uint16_t from_port)
{
    upstream->context = &troubles[sim_random_below(sim, TROUBLES)];
    says_model(sim, upstream, query, len, from_port);
    if (sim_random_below(sim, 8) == 0)
        sim_icmp(sim, upstream, from_port, ECONNREFUSED, sim_random_below(sim, 2) * S);
}

static void any_stream_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                             const uint8_t *query, size_t len)
{
    upstream->context = &troubles[sim_random_below(sim, TROUBLES)];
    says_stream_model(sim, upstream, conn, query, len);
    if (sim_random_below(sim, 4) == 0)
        sim_conn_close(conn, sim_random_below(sim, 2) * S);
}

static void anything_goes(uint64_t seed)
{
    static struct scene scene;
    char name[32];

    open_servers(&scene, seed, 1 + (unsigned)seed % 4);
    scene.config.pools[0].transport = seed % 3 == 0 ? RD_TRANSPORT_TCP : RD_TRANSPORT_AUTO;
    scene.config.pools[0].hedge = seed % 2 ? 10 : 0;
    scene.config.pools[0].randomize_case = seed % 5 == 0;
    for (unsigned i = 0; i < scene.sim->n_upstreams; i++) {
        scene.sim->upstreams[i]->reply = any_model;
        scene.sim->upstreams[i]->reply_stream = any_stream_model;
    }
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "n%u.s%u.test", i, i % 30);
        scene_ask(&scene, scene.client, &(struct ask){.name = name, .id = (uint16_t)i});
        sim_run_for(scene.sim, sim_random_below(scene.sim, 100) * MS);
    }
    sim_run_for(scene.sim, 6 * S);
    assert_string_equal(scene.sim->broken, "");
    assert_int_equal(scene.sim->answers, 100);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "n%u.s%u.test", i, i % 30);
        cost_of(&scene, name);
    }
    scene_close(&scene);
}

static void test_six_messages_are_the_most_in_any_disorder(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++)
        anything_goes(seed);
}

/* Two time-outs, then a server that knows no EDNS: a fourth packet would be one too many. */
static void test_a_retry_without_edns_is_one_of_the_three_packets(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    says_let(scene->upstream, &(struct says){.silent = true});
    scene_ask(scene, scene->client, &(struct ask){.name = NAME});
    scene_wait_query(scene, scene->upstream, 2);
    says_let(scene->upstream, &(struct says){.uneducated = true});
    scene_wait(scene, scene->client, 1);
    packet_parse(scene->client->answers.at[0].bytes, scene->client->answers.at[0].len, &message,
                 NULL);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(cost_of(scene, NAME), 3);
}

/* What a server that knows no EDNS is asked for a new name: packets, and whether the last one has
 * an OPT. */
static unsigned packets_of(struct scene *scene, bool *ret_edns)
{
    static unsigned serial;
    unsigned before = scene->upstream->queries.n;
    struct rd_message message;
    const struct sim_packet *last;
    char name[32];

    snprintf(name, sizeof(name), "n%u.test", serial++);
    scene_exchange(scene, &(struct ask){.name = name, .edns = true}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_true(message.edns.present);
    last = &scene->upstream->queries.at[scene->upstream->queries.n - 1];
    packet_parse(last->bytes, last->len, &message, NULL);
    *ret_edns = message.edns.present;
    return scene->upstream->queries.n - before;
}

static void test_who_knows_no_edns_is_asked_again_without(void **state)
{
    struct scene *scene = *state;
    bool edns;

    says_let(scene->upstream, &(struct says){.uneducated = true});
    assert_int_equal(packets_of(scene, &edns), 2);
    assert_false(edns);
    assert_int_equal(SCENE_STAT(scene, upstream_plain), 1);
    assert_int_equal(SCENE_STAT(scene, upstream_failover), 0);
}

static void test_three_names_are_remembered_for_fifteen_minutes(void **state)
{
    struct scene *scene = *state;
    bool edns;

    says_let(scene->upstream, &(struct says){.uneducated = true});
    for (unsigned i = 0; i < UPSTREAM_PLAIN_NAMES; i++)
        assert_int_equal(packets_of(scene, &edns), 2);
    for (unsigned i = 0; i < 14; i++) {
        assert_int_equal(packets_of(scene, &edns), 1);
        assert_false(edns);
        sim_run_for(scene->sim, MINUTE);
    }
    sim_run_for(scene->sim, MINUTE);
    scene->upstream->reply = scene_model;
    assert_int_equal(packets_of(scene, &edns), 1);
    assert_true(edns);
}

static void test_one_name_alone_is_not_remembered(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    bool edns;

    says_let(scene->upstream, &(struct says){.uneducated = true});
    for (unsigned i = 0; i < 10; i++)
        scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(scene->upstream->queries.n, 20);
    scene->upstream->reply = scene_model;
    assert_int_equal(packets_of(scene, &edns), 1);
    assert_true(edns);
}

/* The forger is faster than the server, once. */
static void forged_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                         size_t len, uint16_t from_port)
{
    static struct packet reply;

    if (upstream->queries.n == 1) {
        packet_reply(&reply, query, len, RD_FORMERR);
        sim_forge(sim, &upstream->address, from_port, reply.bytes, reply.len, 0);
    }
    scene_model(sim, upstream, query, len, from_port);
}

static void test_one_forged_formerr_takes_no_edns_away(void **state)
{
    struct scene *scene = *state;
    bool edns;

    scene->upstream->reply = forged_model;
    assert_int_equal(packets_of(scene, &edns), 2);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(packets_of(scene, &edns), 1);
        assert_true(edns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_they_always_say_six_messages_are_the_most),
        cmocka_unit_test(test_six_messages_are_the_most_in_any_disorder),
        SCENE_TEST(test_a_retry_without_edns_is_one_of_the_three_packets),
        SCENE_TEST(test_who_knows_no_edns_is_asked_again_without),
        SCENE_TEST(test_three_names_are_remembered_for_fifteen_minutes),
        SCENE_TEST(test_one_name_alone_is_not_remembered),
        SCENE_TEST(test_one_forged_formerr_takes_no_edns_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
