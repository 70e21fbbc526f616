/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_attempt.c - when nobody answers: how often, when and whom a question is asked again, and
 * what its clients get in the end.
 */
#include <errno.h>

#include "sim/scene.h"

static const char *const NAME = "www.example.com";

/* A timer fires at its due time or up to a tick of 8 ms later, and every packet spends 50 us or the
 * latency on its way: the same for each, so that only the tick shows in a difference. */
#define TICK (9 * MS)

static uint64_t sent_after(const struct sim_upstream *upstream, unsigned n, unsigned before)
{
    return upstream->queries.at[n].at_ns - upstream->queries.at[before].at_ns;
}

static uint16_t id_of(const struct sim_packet *query)
{
    return rd_get_u16(query->bytes);
}

static void test_a_silent_server_is_asked_three_times_then_servfail(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    uint64_t began_ns = scene->sim->now_ns;
    const struct sim_packet *answer;

    scene->upstream->reply = NULL;
    answer = scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(scene->upstream->queries.n, RD_ATTEMPTS_PER_SERVER);
    assert_in_range(sent_after(scene->upstream, 1, 0), 400 * MS, 400 * MS + TICK);
    assert_true(sent_after(scene->upstream, 2, 1) >= 400 * MS);
    assert_in_range(answer->at_ns - began_ns, 4 * S, 4 * S + TICK + MS);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(scene_ede(&message), RD_EDE_NO_REACHABLE_AUTHORITY);
    assert_int_equal(SCENE_STAT(scene, failed_timeout), 1);
    assert_int_equal(SCENE_STAT(scene, upstream_sent), 3);
    assert_int_equal(SCENE_STAT(scene, upstream_resent), 2);
}

/* Four questions are few enough time-outs that the server is not yet taken for down. */
static void look_at_retransmissions(struct scene *scene)
{
    const struct sim_packet *queries;

    scene->upstream->reply = NULL;
    for (uint16_t i = 0; i < 4; i++)
        scene_ask(scene, scene->client, &(struct ask){.name = NAME, .type = (uint16_t)(300 + i)});
    scene_wait_query(scene, scene->upstream, 8);
    queries = scene->upstream->queries.at;
    for (unsigned i = 4; i < 8; i++) {
        unsigned first = 0;

        while (memcmp(queries[first].bytes + 2, queries[i].bytes + 2, queries[i].len - 2) != 0)
            assert_true(++first < 4);
        assert_int_not_equal(id_of(&queries[i]), id_of(&queries[first]));
        assert_int_not_equal(rd_address_port(&queries[i].from),
                             rd_address_port(&queries[first].from));
    }
}

static void test_a_retransmission_has_an_id_and_port_of_its_own(void **state)
{
    static struct scene scene;

    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        scene_open(&scene, seed);
        look_at_retransmissions(&scene);
        scene_close(&scene);
    }
}

static void test_a_retransmission_goes_to_another_server(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = scene_add_upstream(scene, "198.51.100.2", NULL, 5 * MS);
    struct rd_message message;

    scene->upstream->reply = NULL;
    for (uint16_t i = 0; i < 3; i++) {
        struct sim_upstream *first = scene->upstream, *second = other;
        unsigned n = first->queries.n, m = second->queries.n;

        scene_exchange(scene, &(struct ask){.name = NAME, .type = (uint16_t)(300 + i)}, &message);
        assert_int_equal(first->queries.n, n + 2);
        assert_int_equal(second->queries.n, m + 2);
        if (first->queries.at[n].at_ns > second->queries.at[m].at_ns) {
            first = other;
            second = scene->upstream;
            n = m;
            m = scene->upstream->queries.n - 2;
        }
        assert_in_range(second->queries.at[m].at_ns - first->queries.at[n].at_ns, 400 * MS,
                        400 * MS + TICK);
    }
}

static void unreachable_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                              size_t len, uint16_t from_port)
{
    (void)query;
    (void)len;
    sim_icmp(sim, upstream, from_port, ECONNREFUSED, 0);
}

/* Asks eight servers of this MODEL one question. How many packets that took, one each at most. */
static unsigned packets_of_a_question(struct scene *scene, sim_model *model)
{
    struct rd_message message;
    unsigned sent = 0;

    scene->upstream->reply = model;
    for (char last = '2'; last < '9'; last++)
        scene_add_upstream(scene, (char[]){'1', '9', '2', '.', '0', '.', '2', '.', last, 0}, model,
                           5 * MS);
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    for (unsigned i = 0; i < scene->sim->n_upstreams; i++) {
        assert_true(scene->sim->upstreams[i]->queries.n <= 1);
        sent += scene->sim->upstreams[i]->queries.n;
    }
    return sent;
}

static void test_silent_servers_are_asked_four_times_within_patience(void **state)
{
    /* At 0, 0.4, 1.2 and 2.8 s: a time-out is twice the one before. */
    assert_int_equal(packets_of_a_question(*state, NULL), 4);
}

static void test_a_question_costs_so_many_packets_in_all(void **state)
{
    assert_int_equal(packets_of_a_question(*state, unreachable_model), RD_ATTEMPTS);
}

/* Answers its first query only, 600 ms late. */
static void late_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                       size_t len, uint16_t from_port)
{
    static struct packet reply;

    if (upstream->queries.n > 1)
        return;
    packet_reply(&reply, query, len, 0);
    packet_a(&reply, RD_ANSWER, 80);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 600 * MS);
}

static void test_a_late_reply_to_the_first_packet_still_counts(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    uint64_t began_ns = scene->sim->now_ns;
    const struct sim_packet *answer;

    scene->upstream->reply = late_model;
    answer = scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(scene->upstream->queries.n, 2);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_in_range(answer->at_ns - began_ns, 610 * MS, 612 * MS);
    sim_run_for(scene->sim, 10 * S);
    assert_int_equal(scene->upstream->queries.n, 2); /* and the question has ended */
}

static void test_a_server_whose_p99_is_slow_is_waited_for(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    unsigned n;

    scene->upstream->latency_ns = 250 * MS;
    for (unsigned i = 0; i < 300; i++)
        scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    n = scene->upstream->queries.n;
    scene->upstream->reply = NULL;
    scene_ask(scene, scene->client, &(struct ask){.name = NAME});
    scene_wait_query(scene, scene->upstream, n + 2);
    /* Percentiles are kept in buckets a quarter of a doubling wide. */
    assert_in_range(sent_after(scene->upstream, n + 1, n), S, S + S / 4);
}

static void test_a_server_that_is_mostly_fast_is_resent_after_twice_its_p99(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    unsigned n;

    /* 5 in 100 replies take 300 ms, so a mean would say 25 ms. */
    for (unsigned i = 0; i < 400; i++) {
        scene->upstream->latency_ns = i % 20 ? 5 * MS : 150 * MS;
        scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    }
    n = scene->upstream->queries.n;
    scene->upstream->reply = NULL;
    scene_ask(scene, scene->client, &(struct ask){.name = NAME});
    scene_wait_query(scene, scene->upstream, n + 2);
    assert_in_range(sent_after(scene->upstream, n + 1, n), 600 * MS, 750 * MS);
}

static void test_port_errors_at_every_attempt_are_a_network_error(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->upstream->reply = unreachable_model;
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(scene_ede(&message), RD_EDE_NETWORK_ERROR);
    assert_int_equal(SCENE_STAT(scene, failed_network), 1);
    assert_int_equal(SCENE_STAT(scene, failed_timeout), 0);
    assert_int_equal(SCENE_STAT(scene, ports_errors), scene->upstream->queries.n);
}

static void test_sends_that_fail_at_every_attempt_are_a_network_error(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->upstream->send_error = ENETUNREACH;
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(scene_ede(&message), RD_EDE_NETWORK_ERROR);
    assert_int_equal(scene->upstream->queries.n, 0);
    assert_int_equal(SCENE_STAT(scene, upstream_send_failed), SCENE_STAT(scene, upstream_sent));
    assert_int_equal(SCENE_STAT(scene, failed_network), 1);
}

static void refused_then_good_model(struct sim *sim, struct sim_upstream *upstream,
                                    const uint8_t *query, size_t len, uint16_t from_port)
{
    unreachable_model(sim, upstream, query, len, from_port);
    scene_model(sim, upstream, query, len, from_port);
}

static void test_an_icmp_error_ends_nothing(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->upstream->reply = refused_then_good_model;
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_int_equal(scene->upstream->queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, ports_errors), 1);
}

static void test_all_who_wait_get_the_servfail(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->upstream->reply = NULL;
    for (unsigned i = 0; i < 100; i++) {
        scene_ask(scene, scene_client(scene, i), &(struct ask){.name = NAME, .edns = i % 2});
        sim_run_for(scene->sim, 10 * MS);
    }
    sim_run_for(scene->sim, 6 * S);
    for (unsigned i = 0; i < 100; i++) {
        const struct sim_client *client = scene_client(scene, i);

        assert_int_equal(client->answers.n, 1);
        packet_parse(client->answers.at[0].bytes, client->answers.at[0].len, &message, NULL);
        assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
        assert_int_equal(message.edns.present, i % 2);
    }
    assert_int_equal(scene->upstream->queries.n, 3);
    assert_int_equal(SCENE_STAT(scene, failed_timeout), 100);
}

static void test_without_any_port_is_servfail_at_once(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    uint64_t began_ns = scene->sim->now_ns;
    const struct sim_packet *answer;

    scene->sim->port_error = EMFILE;
    answer = scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(scene_ede(&message), RD_EDE_NETWORK_ERROR);
    assert_in_range(answer->at_ns - began_ns, 0, MS);
    assert_int_equal(SCENE_STAT(scene, failed_ports), 1);
    scene->sim->port_error = 0;
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.count[RD_ANSWER], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_a_silent_server_is_asked_three_times_then_servfail),
        cmocka_unit_test(test_a_retransmission_has_an_id_and_port_of_its_own),
        SCENE_TEST(test_a_retransmission_goes_to_another_server),
        SCENE_TEST(test_silent_servers_are_asked_four_times_within_patience),
        SCENE_TEST(test_a_question_costs_so_many_packets_in_all),
        SCENE_TEST(test_a_late_reply_to_the_first_packet_still_counts),
        SCENE_TEST(test_a_server_whose_p99_is_slow_is_waited_for),
        SCENE_TEST(test_a_server_that_is_mostly_fast_is_resent_after_twice_its_p99),
        SCENE_TEST(test_port_errors_at_every_attempt_are_a_network_error),
        SCENE_TEST(test_sends_that_fail_at_every_attempt_are_a_network_error),
        SCENE_TEST(test_an_icmp_error_ends_nothing),
        SCENE_TEST(test_all_who_wait_get_the_servfail),
        SCENE_TEST(test_without_any_port_is_servfail_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
