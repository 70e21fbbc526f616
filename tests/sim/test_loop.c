/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_loop.c - servers that send our questions back to us: they are found out by a name that only
 * we know, and not asked until they stop.
 */
#include <stdio.h>

#include "sim/says.h"

static const char *const NAME = "www.example.com";

static bool is_loop_probe(const uint8_t *query, size_t len)
{
    return len >= RD_DNS_HEADER_BYTES + 17 + 20 &&
           memcmp(query + RD_DNS_HEADER_BYTES + 17, "\12loop-probe\7ringdns", 20) == 0;
}

/* What of its queries was no probe. */
static unsigned asked(const struct sim_upstream *upstream)
{
    unsigned n = 0;

    for (unsigned i = 0; i < upstream->queries.n; i++) {
        const struct sim_packet *query = &upstream->queries.at[i];

        n += query->bytes[RD_DNS_HEADER_BYTES] != 0 && !is_loop_probe(query->bytes, query->len);
    }
    return n;
}

/* Where the server asks us from. */
static union rd_address back_from(void)
{
    return sim_address("10.1.9.9", 5000);
}

static void loop_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                       size_t len, uint16_t from_port)
{
    const struct scene *scene = upstream->context;
    union rd_address from = back_from();

    (void)from_port;
    sim_carry(sim, &from, &scene->listener, query, len, 0, upstream->latency_ns);
}

/* As loop_model, but it refuses our probes. */
static void hidden_loop_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                              size_t len, uint16_t from_port)
{
    static struct packet reply;

    if (!is_loop_probe(query, len)) {
        loop_model(sim, upstream, query, len, from_port);
        return;
    }
    packet_reply(&reply, query, len, RD_REFUSED);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
}

/* Our answers to UPSTREAM, as it passes them on. */
static void relay(struct scene *scene, const struct sim_upstream *upstream)
{
    union rd_address from = back_from();
    const struct sim_client *client = sim_client(scene->sim, &from);

    for (unsigned i = 0; i < client->answers.n; i++)
        for (unsigned k = 0; k < upstream->queries.n; k++)
            if (rd_get_u16(client->answers.at[i].bytes) ==
                rd_get_u16(upstream->queries.at[k].bytes))
                sim_reply(scene->sim, upstream, client->answers.at[i].bytes,
                          client->answers.at[i].len, rd_address_port(&upstream->queries.at[k].from),
                          0);
}

/* A loop beside a server that is well. */
static struct sim_upstream *open_loop(struct scene *scene)
{
    struct sim_upstream *loop = scene_add_upstream(scene, "198.51.100.2", loop_model, MS);

    scene->config.loop_probe = true;
    scene_start(scene);
    sim_run_for(scene->sim, 100 * MS);
    return loop;
}

static void ask_names(struct scene *scene, unsigned n)
{
    static unsigned serial;

    for (unsigned i = 0; i < n; i++) {
        struct rd_message message;
        char name[32];

        snprintf(name, sizeof(name), "n%u.test", serial++);
        scene_exchange(scene, &(struct ask){.name = name}, &message);
        assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    }
}

static void test_a_loop_is_found_and_not_asked(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *loop = open_loop(scene);

    assert_int_equal(SCENE_STAT(scene, servers_looping), 1);
    ask_names(scene, 100);
    assert_int_equal(asked(loop), 0);
    assert_int_equal(asked(scene->upstream), 100);
}

static void test_our_own_answer_through_the_loop_clears_nothing(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *loop = open_loop(scene);

    relay(scene, loop);
    sim_run_for(scene->sim, 100 * MS);
    assert_true(SCENE_STAT(scene, replies_received) > 1);
    ask_names(scene, 100);
    assert_int_equal(asked(loop), 0);
}

static void test_when_every_server_is_a_loop_it_is_servfail_at_once(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    uint64_t began_ns;

    scene->upstream->reply = loop_model;
    open_loop(scene);
    assert_int_equal(SCENE_STAT(scene, servers_looping), 2);
    began_ns = scene->sim->now_ns;
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_in_range(scene->sim->now_ns - began_ns, 0, MS);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(scene_ede(&message), RD_EDE_NO_REACHABLE_AUTHORITY);
    assert_int_equal(SCENE_STAT(scene, failed_loop), 1);
    assert_int_equal(asked(scene->upstream), 0);
}

static void test_a_loop_that_ends_is_asked_again(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *loop = open_loop(scene);

    sim_run_for(scene->sim, 60 * S);
    ask_names(scene, 50);
    assert_int_equal(asked(loop), 0);
    loop->reply = scene_model;
    sim_run_for(scene->sim, 6 * S);
    ask_names(scene, 50);
    assert_true(asked(loop) > 0);
    assert_int_equal(SCENE_STAT(scene, servers_looping), 1);
}

static void test_a_server_that_is_well_is_looked_at_once_a_minute(void **state)
{
    struct scene *scene = *state;

    scene->config.loop_probe = true;
    scene_start(scene);
    sim_run_for(scene->sim, 10 * 60 * S);
    assert_in_range(scene->upstream->queries.n, 10, 11);
    assert_int_equal(asked(scene->upstream), 0);
    assert_int_equal(SCENE_STAT(scene, servers_looping), 0);
    for (unsigned i = 1; i < scene->upstream->queries.n; i++) /* with a new name each time */
        assert_memory_not_equal(scene->upstream->queries.at[i].bytes + RD_DNS_HEADER_BYTES,
                                scene->upstream->queries.at[i - 1].bytes + RD_DNS_HEADER_BYTES, 17);
}

static void test_without_the_option_nobody_is_looked_at(void **state)
{
    struct scene *scene = *state;

    scene_start(scene);
    sim_run_for(scene->sim, 10 * 60 * S);
    assert_int_equal(scene->upstream->queries.n, 0);
}

/* Of two forwarders that ask each other, each finds out only if the other passes its probe on. */
static void test_the_probe_of_another_forwarder_is_passed_on(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->config.loop_probe = true;
    for (unsigned i = 0; i < 2; i++) {
        const char *name =
            i ? "0000000000000000.loop-probe.ringdns" : "0123456789abcdef.loop-probe.ringdns";

        scene_exchange(scene, &(struct ask){.name = name, .type = RD_TYPE_TXT}, &message);
        assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
        assert_int_equal(says_count(&scene->upstream->queries, name), 1);
    }
    ask_names(scene, 10);
    assert_int_equal(SCENE_STAT(scene, servers_looping), 0);
}

static void test_two_workers_share_what_was_found(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *loop;

    scene->n_workers = 2;
    loop = open_loop(scene);
    for (unsigned i = 0; i < 100; i++)
        scene_ask(scene, scene_client(scene, i),
                  &(struct ask){.name = NAME, .type = (uint16_t)(300 + i)});
    sim_run_for(scene->sim, S);
    assert_int_equal(SCENE_SUM(scene, answers_noerror), 100);
    assert_int_equal(asked(loop), 0);
    assert_int_equal(SCENE_SUM(scene, servers_looping), 1);
}

/* A question that comes back joins itself: it costs what a silent server costs. */
static void test_a_loop_that_is_not_found_is_no_flood(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->config.loop_probe = true;
    scene->upstream->reply = hidden_loop_model;
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(asked(scene->upstream), RD_ATTEMPTS_PER_SERVER);
    sim_run_for(scene->sim, 10 * S);
    assert_int_equal(asked(scene->upstream), RD_ATTEMPTS_PER_SERVER);
    assert_int_equal(scene->client->answers.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_a_loop_is_found_and_not_asked),
        SCENE_TEST(test_our_own_answer_through_the_loop_clears_nothing),
        SCENE_TEST(test_when_every_server_is_a_loop_it_is_servfail_at_once),
        SCENE_TEST(test_a_loop_that_ends_is_asked_again),
        SCENE_TEST(test_a_server_that_is_well_is_looked_at_once_a_minute),
        SCENE_TEST(test_without_the_option_nobody_is_looked_at),
        SCENE_TEST(test_the_probe_of_another_forwarder_is_passed_on),
        SCENE_TEST(test_two_workers_share_what_was_found),
        SCENE_TEST(test_a_loop_that_is_not_found_is_no_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
