/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_link.c - TCP to servers (RFC 7766): when it is used, how connections are shared, and what
 * becomes of questions whose connection ends.
 */
#include <stdio.h>

#include "sim/says.h"

static const char *const NAME = "www.example.com";

/* A second server, and both are asked in their order and by TCP alone. */
static struct sim_upstream *two_servers_by_tcp(struct scene *scene)
{
    scene->config.pools[0].policy = RD_POLICY_ORDERED;
    scene->config.pools[0].transport = RD_TRANSPORT_TCP;
    return scene_add_upstream(scene, "198.51.100.2", scene_model, 5 * MS);
}

static void truncating_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                             size_t len, uint16_t from_port)
{
    static struct packet reply;

    packet_reply(&reply, query, len, RD_DNS_TC);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
}

/* N questions at one instant, the numbers of their names from FIRST. */
static void burst(struct scene *scene, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        char name[32];

        snprintf(name, sizeof(name), "%03u.test", i);
        scene_ask(scene, scene_client(scene, i), &(struct ask){.name = name, .id = (uint16_t)i});
    }
}

/* The answer of an exchange that must have gone well. */
static void assert_exchange(struct scene *scene)
{
    struct rd_message message;

    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_int_equal(message.count[RD_ANSWER], 1);
}

static void test_what_is_truncated_is_asked_by_tcp(void **state)
{
    struct scene *scene = *state;

    scene->upstream->reply = truncating_model;
    assert_exchange(scene);
    assert_int_equal(scene->upstream->queries.n, 1);
    assert_int_equal(scene->upstream->stream_queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, upstream_tcp), 1);
    assert_int_equal(SCENE_STAT(scene, replies_accepted), 2);
}

static void test_what_is_truncated_is_asked_by_tcp_also_while_stopping(void **state)
{
    struct scene *scene = *state;

    scene->upstream->reply = truncating_model;
    burst(scene, 0, 1);
    scene_wait_query(scene, scene->upstream, 1);
    rd_worker_stop(scene->worker);
    sim_run_for(scene->sim, 100 * MS);
    scene_finish(scene);
    sim_run_for(scene->sim, MS);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 1);
}

static void test_a_pool_of_tcp_sends_no_datagram(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = two_servers_by_tcp(scene);

    scene->config.loop_probe = true;
    burst(scene, 0, 50);
    sim_run_for(scene->sim, S);
    scene->upstream->reply_stream = NULL;
    burst(scene, 50, 50);
    sim_run_for(scene->sim, 10 * S);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 100);
    assert_int_equal(scene->upstream->queries.n + other->queries.n, 0);
    assert_int_equal(SCENE_STAT(scene, ports_opened), 0);
    assert_in_range(SCENE_STAT(scene, upstream_tcp_always), 100, 200);
}

static void test_questions_share_a_connection(void **state)
{
    struct scene *scene = *state;

    two_servers_by_tcp(scene);
    burst(scene, 0, 20);
    sim_run_for(scene->sim, 100 * MS);
    burst(scene, 20, 20);
    sim_run_for(scene->sim, 100 * MS);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 40);
    assert_int_equal(scene->upstream->conns_accepted, 1);
    assert_int_equal(SCENE_STAT(scene, links_opened), 1);
}

static void test_there_are_no_more_connections_than_may_be(void **state)
{
    struct scene *scene = *state;

    two_servers_by_tcp(scene);
    scene->config.tcp_per_worker = 3;
    burst(scene, 0, 500);
    sim_run_for(scene->sim, S);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 500);
    assert_int_equal(scene->upstream->conns_accepted, 3);
    assert_int_equal(SCENE_STAT(scene, links), 3);
}

/* Also of both workers together. */
static void test_there_are_no_more_connections_to_one_server_than_may_be(void **state)
{
    struct scene *scene = *state;

    two_servers_by_tcp(scene);
    scene->n_workers = 2;
    scene->config.tcp_per_worker = 2;
    scene->config.tcp_per_upstream = 3;
    burst(scene, 0, 500);
    sim_run_for(scene->sim, S);
    assert_int_equal(SCENE_SUM(scene, answers_noerror), 500);
    assert_int_equal(scene->upstream->conns_accepted, 3);
    sim_run_for(scene->sim, 10 * S); /* they are idle and close, so that others can be opened */
    burst(scene, 0, 500);
    sim_run_for(scene->sim, S);
    assert_int_equal(SCENE_SUM(scene, answers_noerror), 1000);
    assert_int_equal(scene->upstream->conns_accepted, 6);
}

/* 192.0.2.N for the name that begins with the digits of N, the sooner the greater N. */
static void numbered_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                           const uint8_t *query, size_t len)
{
    static struct packet reply;
    uint8_t number = (uint8_t)((query[13] - '0') * 100 + (query[14] - '0') * 10 + query[15] - '0');

    (void)sim;
    (void)upstream;
    packet_reply(&reply, query, len, 0);
    packet_a(&reply, RD_ANSWER, number);
    sim_conn_send_message(conn, reply.bytes, reply.len, (300 - number) * MS);
}

static void test_replies_come_in_any_order(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    two_servers_by_tcp(scene);
    scene->upstream->reply_stream = numbered_model;
    burst(scene, 0, 200);
    sim_run_for(scene->sim, S);
    for (unsigned i = 0; i < 200; i++) {
        const struct sim_client *client = scene_client(scene, i);

        assert_int_equal(client->answers.n, 1);
        packet_parse(client->answers.at[0].bytes, client->answers.at[0].len, &message, NULL);
        assert_int_equal(says_last(&client->answers.at[0], &message), i);
    }
    assert_true(scene_client(scene, 199)->answers.at[0].at_ns <
                scene_client(scene, 0)->answers.at[0].at_ns);
}

/* Closes instead of replying to the second query, or from the second on to the LAST. */
static unsigned last_closed;

static void closing_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                          const uint8_t *query, size_t len)
{
    unsigned n = upstream->stream_queries.n;

    if (n >= 2 && n <= last_closed)
        sim_conn_close(conn, 0);
    else
        scene_stream_model(sim, upstream, conn, query, len);
}

static void test_a_used_connection_that_ends_is_tried_once_more(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = two_servers_by_tcp(scene);

    scene->upstream->reply_stream = closing_model;
    last_closed = 2;
    assert_exchange(scene);
    assert_exchange(scene);
    assert_int_equal(scene->upstream->stream_queries.n, 3);
    assert_int_equal(scene->upstream->conns_accepted, 2);
    assert_int_equal(other->stream_queries.n, 0);
}

static void test_and_only_once(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = two_servers_by_tcp(scene);

    scene->upstream->reply_stream = closing_model;
    last_closed = 100;
    assert_exchange(scene);
    assert_exchange(scene);
    assert_int_equal(scene->upstream->stream_queries.n, 3);
    assert_int_equal(other->stream_queries.n, 1);
}

/* FORMERR to an OPT, as a server that knows none; the first retry without is cut off. */
static void uneducated_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                             const uint8_t *query, size_t len)
{
    static struct says says = {.uneducated = true, .last = 80};
    const struct packet *reply = says_compose(&says, query, len);

    (void)sim;
    if (upstream->stream_queries.n == 4)
        sim_conn_close(conn, 0);
    else
        sim_conn_send_message(conn, reply->bytes, reply->len, 0);
}

static void test_the_second_try_is_as_the_first_without_edns(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    two_servers_by_tcp(scene);
    scene->upstream->reply_stream = uneducated_model;
    assert_exchange(scene);
    assert_exchange(scene);
    assert_int_equal(scene->upstream->stream_queries.n, 5);
    packet_parse(scene->upstream->stream_queries.at[4].bytes,
                 scene->upstream->stream_queries.at[4].len, &message, NULL);
    assert_false(message.edns.present);
    assert_int_equal(scene->upstream->conns_accepted, 2);
}

static void test_connections_that_all_end_are_a_network_error(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->config.pools[0].transport = RD_TRANSPORT_TCP;
    scene->upstream->reply_stream = closing_model;
    last_closed = 100;
    assert_exchange(scene);
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(scene_ede(&message), RD_EDE_NETWORK_ERROR);
    assert_int_equal(SCENE_STAT(scene, failed_network), 1);
    assert_int_equal(scene->upstream->stream_queries.n, 1 + RD_ATTEMPTS_PER_SERVER);
}

/* Resets the connection instead of replying, but not at once. */
static void resetting_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                            const uint8_t *query, size_t len)
{
    (void)sim;
    (void)upstream;
    (void)query;
    (void)len;
    sim_conn_reset(conn, 300 * MS);
}

/* There is no port either that would keep the worker awake. */
static void test_the_gauge_of_what_is_under_way_comes_to_rest_without_any_connection(void **state)
{
    struct scene *scene = *state;
    const struct rd_upstream_stats *stats;
    uint64_t turns;

    scene->config.pools[0].transport = RD_TRANSPORT_TCP;
    scene->upstream->reply_stream = resetting_model;
    burst(scene, 0, 5);
    stats = rd_worker_upstream_stats(scene->worker, 0);
    sim_run_for(scene->sim, 280 * MS);
    assert_int_equal(rd_stat_get(&stats->outstanding), 5);
    for (unsigned i = 0; i < 5; i++)
        scene_wait(scene, scene_client(scene, i), 1);
    assert_int_equal(SCENE_STAT(scene, failed_network), 5);
    assert_int_equal(scene->upstream->conns_open, 0);
    sim_run_for(scene->sim, S);
    assert_int_equal(rd_stat_get(&stats->outstanding), 0);
    turns = SCENE_STAT(scene, turns);
    sim_run_for(scene->sim, 3600 * S);
    assert_in_range(SCENE_STAT(scene, turns), turns, turns + 2); /* and the worker sleeps */
}

static void test_who_refuses_is_not_waited_for(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = two_servers_by_tcp(scene);
    uint64_t began_ns = scene->sim->now_ns;

    scene->upstream->accept = SIM_REFUSE;
    assert_exchange(scene);
    assert_in_range(scene->sim->now_ns - began_ns, 30 * MS, 50 * MS);
    assert_int_equal(other->stream_queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, links_failed), 1);
}

static void test_who_is_silent_is_waited_for_twice_as_long_as_by_udp(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = two_servers_by_tcp(scene);
    uint64_t began_ns = scene->sim->now_ns;

    scene->upstream->accept = SIM_SILENT;
    assert_exchange(scene);
    assert_in_range(scene->sim->now_ns - began_ns, 800 * MS, 850 * MS);
    assert_int_equal(other->stream_queries.n, 1);
    sim_run_for(scene->sim, 3 * S);
    assert_int_equal(SCENE_STAT(scene, links_failed), 1);
}

/* Half of the first reply, then the end. */
static void half_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                       const uint8_t *query, size_t len)
{
    if (upstream->stream_queries.n > 1) {
        scene_stream_model(sim, upstream, conn, query, len);
        return;
    }
    sim_conn_send(conn, (uint8_t[]){0, 60, query[0], query[1], 0x81, 0x80, 0, 1}, 8, 0);
    if (upstream->context)
        sim_conn_reset(conn, MS);
    else
        sim_conn_close(conn, MS);
}

static void test_half_a_reply_is_none(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = two_servers_by_tcp(scene);

    scene->upstream->reply_stream = half_model;
    other->reply_stream = half_model;
    scene->upstream->context = NULL;
    scene_exchange(scene, &(struct ask){.name = NAME}, &(struct rd_message){0});
    assert_int_equal(scene->upstream->stream_queries.n + other->stream_queries.n, 3);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 1);
    assert_int_equal(SCENE_STAT(scene, replies_accepted), 1);
}

static void test_idle_connections_close(void **state)
{
    struct scene *scene = *state;

    two_servers_by_tcp(scene);
    for (unsigned i = 0; i < 5; i++) {
        assert_exchange(scene);
        sim_run_for(scene->sim, 4900 * MS);
        assert_int_equal(scene->upstream->conns_open, 1);
    }
    assert_int_equal(scene->upstream->conns_accepted, 1);
    sim_run_for(scene->sim, 200 * MS);
    assert_int_equal(scene->upstream->conns_open, 0);
    assert_int_equal(SCENE_STAT(scene, links), 0);
    assert_exchange(scene);
    assert_int_equal(scene->upstream->conns_accepted, 2);
}

static void test_a_server_may_close_what_is_idle(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = two_servers_by_tcp(scene);

    scene->upstream->close_after = 1;
    for (unsigned i = 0; i < 10; i++) {
        assert_exchange(scene);
        sim_run_for(scene->sim, 100 * MS);
    }
    assert_int_equal(scene->upstream->stream_queries.n, 10);
    assert_int_equal(other->stream_queries.n, 0);
    assert_int_equal(SCENE_STAT(scene, links_failed), 0);
}

static void wrong_id_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                           const uint8_t *query, size_t len)
{
    static struct packet reply;

    for (uint16_t i = 1; i < 10; i++) {
        packet_reply(&reply, query, len, RD_REFUSED);
        rd_put_u16(reply.bytes, (uint16_t)(rd_get_u16(reply.bytes) + i));
        sim_conn_send_message(conn, reply.bytes, reply.len, 0);
    }
    scene_stream_model(sim, upstream, conn, query, len);
}

static void test_a_wrong_id_on_a_connection_changes_nothing(void **state)
{
    struct scene *scene = *state;

    two_servers_by_tcp(scene);
    scene->upstream->reply_stream = wrong_id_model;
    assert_exchange(scene);
    assert_int_equal(SCENE_STAT(scene, replies_accepted), 1);
    assert_int_equal(scene->upstream->stream_queries.n, 1);
    assert_int_equal(scene->upstream->conns_accepted, 1);
}

static void test_a_reload_leaves_open_connections_their_questions(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = two_servers_by_tcp(scene);

    scene->upstream->latency_ns = 100 * MS;
    burst(scene, 0, 20);
    sim_run_for(scene->sim, 250 * MS);
    scene->config.pools[0].servers.n = 1;
    scene->config.pools[0].servers.at[0].address = other->address;
    scene_publish(scene);
    sim_run_for(scene->sim, MS);
    burst(scene, 20, 20);
    sim_run_for(scene->sim, S);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 40);
    assert_int_equal(scene->upstream->stream_queries.n, 20);
    assert_int_equal(other->stream_queries.n, 20);
    sim_run_for(scene->sim, 6 * S);
    assert_int_equal(scene->upstream->conns_open, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_what_is_truncated_is_asked_by_tcp),
        SCENE_TEST(test_what_is_truncated_is_asked_by_tcp_also_while_stopping),
        SCENE_TEST(test_a_pool_of_tcp_sends_no_datagram),
        SCENE_TEST(test_questions_share_a_connection),
        SCENE_TEST(test_there_are_no_more_connections_than_may_be),
        SCENE_TEST(test_there_are_no_more_connections_to_one_server_than_may_be),
        SCENE_TEST(test_replies_come_in_any_order),
        SCENE_TEST(test_a_used_connection_that_ends_is_tried_once_more),
        SCENE_TEST(test_and_only_once),
        SCENE_TEST(test_the_second_try_is_as_the_first_without_edns),
        SCENE_TEST(test_connections_that_all_end_are_a_network_error),
        SCENE_TEST(test_the_gauge_of_what_is_under_way_comes_to_rest_without_any_connection),
        SCENE_TEST(test_who_refuses_is_not_waited_for),
        SCENE_TEST(test_who_is_silent_is_waited_for_twice_as_long_as_by_udp),
        SCENE_TEST(test_half_a_reply_is_none),
        SCENE_TEST(test_idle_connections_close),
        SCENE_TEST(test_a_server_may_close_what_is_idle),
        SCENE_TEST(test_a_wrong_id_on_a_connection_changes_nothing),
        SCENE_TEST(test_a_reload_leaves_open_connections_their_questions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
