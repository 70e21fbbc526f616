/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_failover.c - servers that reply and have no answer: the next one is asked, each once, until
 * one has an answer or none is left.
 */
#include <errno.h>
#include <stdio.h>

#include "sim/says.h"

static const char *const NAME = "www.example.com";

/* Replies after which another server is asked. */
static const struct says failures[] = {
    {.flags = RD_SERVFAIL},
    {.flags = RD_REFUSED},
    {.flags = RD_REFUSED, .no_opt = true},
    {.flags = RD_NOTIMP},
    {.flags = RD_FORMERR},
    {.extended = RD_BADVERS >> 4},
    {.referral = true},
    {.flags = RD_SERVFAIL, .ede = 4, .text = "forged?"},
    {.flags = RD_SERVFAIL, .ede = 13, .text = "cached"},
};
#define FAILURES (sizeof(failures) / sizeof(failures[0]))

/* N servers, asked in their order: all but the last fail in the way of FAILURE. */
static void open_servers(struct scene *scene, const struct says *failure, unsigned n,
                         struct says *says)
{
    static uint64_t seed;

    scene_open(scene, ++seed);
    scene->config.pools[0].policy = RD_POLICY_ORDERED;
    for (unsigned i = 0; i < n; i++)
        says[i] = i + 1 < n ? *failure : (struct says){.last = 80};
    says_let(scene->upstream, &says[0]);
    for (unsigned i = 1; i < n; i++) {
        char address[32];

        snprintf(address, sizeof(address), "198.51.100.%u", i + 1);
        says_add(scene, address, &says[i]);
    }
}

static void fails_over(const struct says *failure, unsigned n)
{
    static struct scene scene;
    struct says says[3];
    struct rd_message message;
    const struct sim_packet *answer;
    uint64_t began_ns;

    open_servers(&scene, failure, n, says);
    began_ns = scene.sim->now_ns;
    answer = scene_exchange(&scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(says_last(answer, &message), 80);
    assert_int_equal(message.edns.n_ede, 0);
    assert_in_range(answer->at_ns - began_ns, n * 10 * MS, n * 10 * MS + MS);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(scene.sim->upstreams[i]->queries.n, 1);
    assert_int_equal(SCENE_STAT(&scene, upstream_failover), n - 1);
    assert_int_equal(SCENE_STAT(&scene, failed_rcode), 0);
    scene_close(&scene);
}

static void test_another_server_is_asked_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAILURES; i++)
        fails_over(&failures[i], 2);
}

static void test_and_a_third_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAILURES; i++)
        fails_over(&failures[i], 3);
}

static void test_what_dnssec_finds_is_final(void **state)
{
    static struct scene scene;
    struct says says[2];
    struct rd_message message;

    (void)state;
    for (uint16_t ede = 5; ede <= 12; ede++) {
        const struct sim_packet *answer;

        open_servers(&scene,
                     &(struct says){.flags = RD_SERVFAIL, .ede = ede, .text = "no RRSIG found"}, 2,
                     says);
        answer = scene_exchange(&scene, &(struct ask){.name = NAME, .edns = true}, &message);
        assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
        assert_int_equal(scene_ede(&message), ede);
        assert_int_equal(message.edns.ede[0].text_len, 14);
        assert_memory_equal(answer->bytes + message.edns.ede[0].text_offset, "no RRSIG found", 14);
        assert_int_equal(scene.sim->upstreams[1]->queries.n, 0);
        assert_int_equal(SCENE_STAT(&scene, failed_rcode), 0);
        scene_close(&scene);
    }
}

static void all_fail(const struct says *failure, unsigned n)
{
    static struct scene scene;
    struct says says[3];
    struct rd_message message;
    uint64_t began_ns;
    const struct sim_packet *answer;

    open_servers(&scene, failure, n, says);
    says[n - 1] = *failure;
    began_ns = scene.sim->now_ns;
    answer = scene_exchange(&scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(scene_ede(&message),
                     failure->ede ? failure->ede : RD_EDE_NO_REACHABLE_AUTHORITY);
    assert_in_range(answer->at_ns - began_ns, n * 10 * MS, n * 10 * MS + MS);
    assert_int_equal(SCENE_STAT(&scene, failed_rcode), 1);
    assert_int_equal(SCENE_STAT(&scene, failed_timeout), 0);
    assert_int_equal(SCENE_STAT(&scene, upstream_failover), n - 1);
    assert_int_equal(SCENE_STAT(&scene, upstream_sent), n);
    scene_close(&scene);
}

static void test_when_all_fail_it_is_servfail_and_says_why(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAILURES; i++)
        all_fail(&failures[i], 3);
}

static void test_with_one_server_it_is_servfail_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAILURES; i++)
        all_fail(&failures[i], 1);
}

static void test_all_who_wait_get_the_servfail(void **state)
{
    struct scene *scene = *state;

    says_let(scene->upstream, &(struct says){.flags = RD_REFUSED});
    for (unsigned i = 0; i < 50; i++)
        scene_ask(scene, scene_client(scene, i), &(struct ask){.name = NAME});
    sim_run_for(scene->sim, 20 * MS);
    assert_int_equal(scene->upstream->queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, failed_rcode), 50);
    assert_int_equal(SCENE_STAT(scene, answers_servfail), 50);
}

static void twice_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                        size_t len, uint16_t from_port)
{
    says_model(sim, upstream, query, len, from_port);
    says_model(sim, upstream, query, len, from_port);
}

static void test_a_failure_that_is_repeated_counts_once(void **state)
{
    static struct scene scene;
    struct says says[3];
    struct rd_message message;
    const struct sim_packet *answer;

    (void)state;
    open_servers(&scene, &failures[0], 3, says);
    says[1] = (struct says){.last = 81, .delay_ns = 50 * MS};
    scene.upstream->reply = twice_model;
    answer = scene_exchange(&scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(says_last(answer, &message), 81);
    assert_int_equal(SCENE_STAT(&scene, upstream_sent), 2);
    assert_int_equal(SCENE_STAT(&scene, upstream_failover), 1);
    assert_int_equal(SCENE_STAT(&scene, replies_late), 1);
    scene_close(&scene);
}

/* SERVFAIL in our own words, whole; EDE says which of ours. */
static void assert_own_failure(const struct rd_message *message, int ede)
{
    assert_int_equal(message->flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_false(message->flags & RD_DNS_TC);
    assert_int_equal(scene_ede(message), ede);
    assert_int_equal(message->edns.ede[0].text_len, 0);
}

/* Both servers' failures are cut off, by TCP too. A client hears of it by UDP or TCP, the next one
 * of what is remembered. */
static void cut_failures(enum rd_transport transport, bool client_by_tcp)
{
    static struct scene scene;
    struct says says[2];
    const struct ask ask = {.name = NAME, .edns = true};
    struct sim_conn *conn = NULL;

    open_servers(&scene, &(struct says){.flags = RD_SERVFAIL | RD_DNS_TC, .ede = 4, .text = "half"},
                 2, says);
    says[1] = says[0];
    scene.config.pools[0].transport = transport;
    scene.cache_bytes = SCENE_CACHE_BYTES;
    if (client_by_tcp)
        conn = scene_connect(&scene, scene.client);
    for (unsigned i = 0; i < 2; i++) {
        struct rd_message message;

        if (conn)
            scene_conn_exchange(&scene, conn, &ask, &message);
        else
            scene_exchange(&scene, &ask, &message);
        assert_own_failure(&message, i == 0 ? RD_EDE_NO_REACHABLE_AUTHORITY : RD_EDE_CACHED_ERROR);
        assert_int_equal(scene.upstream->stream_queries.n, 1);
        assert_int_equal(scene.sim->upstreams[1]->stream_queries.n, 1);
    }
    assert_int_equal(SCENE_STAT(&scene, failed_rcode), 1);
    assert_int_equal(SCENE_STAT(&scene, cache_hits_failure), 1);
    scene_close(&scene);
}

static void test_a_failure_that_is_cut_off_by_tcp_is_told_in_our_own_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        cut_failures(RD_TRANSPORT_TCP, i == 1);
        cut_failures(RD_TRANSPORT_AUTO, i == 1);
    }
}

/* It closes when it has replied; a new connection would be another message to who has failed. */
static void test_a_failure_by_tcp_is_not_asked_again_when_the_connection_ends(void **state)
{
    static struct scene scene;
    struct says says[2];
    struct rd_message message;

    (void)state;
    open_servers(&scene, &failures[0], 2, says);
    scene.config.pools[0].transport = RD_TRANSPORT_TCP;
    says[1].delay_ns = 50 * MS;
    scene.upstream->close_after = 1;
    scene_exchange(&scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_int_equal(scene.upstream->stream_queries.n, 1);
    assert_int_equal(scene.sim->upstreams[1]->stream_queries.n, 1);
    scene_close(&scene);
}

/* Such as the IPv6 ones of a pool where there is IPv4 only. */
static void out_of_reach(enum rd_transport transport)
{
    static struct scene scene;
    struct says says[3];
    struct rd_message message;
    char name[16];

    open_servers(&scene, &(struct says){.last = 1}, 3, says);
    scene.config.pools[0].transport = transport;
    for (unsigned i = 0; i < 2; i++) {
        scene.sim->upstreams[i]->port_error = ENETUNREACH;
        scene.sim->upstreams[i]->send_error = ENETUNREACH;
    }
    for (uint16_t i = 0; i < 20; i++) {
        uint64_t began_ns = scene.sim->now_ns;
        const struct sim_packet *answer;

        snprintf(name, sizeof(name), "n%u.example", i);
        answer = scene_exchange(&scene, &(struct ask){.name = name}, &message);

        assert_int_equal(says_last(answer, &message), 80);
        assert_in_range(answer->at_ns - began_ns, 10 * MS, 30 * MS);
    }
    assert_int_equal(SCENE_STAT(&scene, answers_servfail), 0);
    scene_close(&scene);
}

static void test_a_server_without_a_way_to_it_is_passed_over(void **state)
{
    (void)state;
    out_of_reach(RD_TRANSPORT_AUTO);
    out_of_reach(RD_TRANSPORT_TCP);
}

/* A name of another suffix each time. */
static bool exchange_suffix(struct scene *scene)
{
    static unsigned serial;
    struct rd_message message;
    char name[32];

    snprintf(name, sizeof(name), "www.s%u.test", serial++);
    scene_exchange(scene, &(struct ask){.name = name}, &message);
    return (message.flags & RD_DNS_RCODE) == RD_NOERROR;
}

/* It is not asked first any more, but when it is well again, it is. */
static void test_many_suffixes_degrade_a_server_for_a_while(void **state)
{
    static struct scene scene;
    struct says says[2];
    unsigned before;

    (void)state;
    open_servers(&scene, &failures[0], 2, says);
    for (unsigned i = 0; i < 16; i++)
        assert_true(exchange_suffix(&scene));
    assert_int_equal(SCENE_STAT(&scene, servers_degraded), 1);
    before = scene.upstream->queries.n;
    assert_int_equal(before, 16);
    says[0] = (struct says){.last = 1};
    for (unsigned i = 0; i < 20; i++)
        assert_true(exchange_suffix(&scene));
    assert_int_equal(scene.upstream->queries.n, before);
    sim_run_for(scene.sim, 2 * S);
    for (unsigned i = 0; i < 20; i++)
        assert_true(exchange_suffix(&scene));
    assert_int_equal(scene.upstream->queries.n, before + 20);
    scene_close(&scene);
}

static void test_one_domain_that_fails_degrades_nobody(void **state)
{
    static struct scene scene;
    struct says says[2];

    (void)state;
    open_servers(&scene, &failures[0], 2, says);
    for (unsigned i = 0; i < 200; i++) {
        struct rd_message message;
        char name[32];

        snprintf(name, sizeof(name), "n%u.broken.test", i);
        scene_exchange(&scene, &(struct ask){.name = name}, &message);
    }
    assert_int_equal(SCENE_STAT(&scene, servers_degraded), 0);
    assert_int_equal(scene.upstream->queries.n, 200);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_server_is_asked_at_once),
        cmocka_unit_test(test_and_a_third_one),
        cmocka_unit_test(test_what_dnssec_finds_is_final),
        cmocka_unit_test(test_when_all_fail_it_is_servfail_and_says_why),
        cmocka_unit_test(test_with_one_server_it_is_servfail_at_once),
        SCENE_TEST(test_all_who_wait_get_the_servfail),
        cmocka_unit_test(test_a_failure_that_is_repeated_counts_once),
        cmocka_unit_test(test_a_failure_by_tcp_is_not_asked_again_when_the_connection_ends),
        cmocka_unit_test(test_a_failure_that_is_cut_off_by_tcp_is_told_in_our_own_words),
        cmocka_unit_test(test_a_server_without_a_way_to_it_is_passed_over),
        cmocka_unit_test(test_many_suffixes_degrade_a_server_for_a_while),
        cmocka_unit_test(test_one_domain_that_fails_degrades_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
