/* SPDX-License-Identifier: BSD-2-Clause */
/* test_tcp_query.c - queries over TCP, from the first byte to the last answer. */
#include <stdio.h>

#include "sim/says.h"

static const char *const NAME = "www.example.com";

static struct sim_conn *connect_anew(struct scene *scene)
{
    return scene_connect(scene, scene->client);
}

static void parse(const struct sim_packet *answer, struct rd_message *ret_message)
{
    packet_parse(answer->bytes, answer->len, ret_message, NULL);
}

static void test_a_query_is_answered(void **state)
{
    struct scene *scene = *state;
    struct sim_conn *conn = connect_anew(scene);
    struct rd_message message;

    scene_conn_exchange(scene, conn, &(struct ask){.name = NAME, .id = 0xbeef}, &message);
    assert_int_equal(message.id, 0xbeef);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_int_equal(SCENE_STAT(scene, queries_tcp), 1);
    assert_int_equal(SCENE_STAT(scene, queries_udp), 0);
    assert_int_equal(scene->upstream->queries.n, 1);
}

/* Names that begin with s take 300 ms. */
static void slow_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                       size_t len, uint16_t from_port)
{
    static struct packet reply;

    packet_reply(&reply, query, len, 0);
    packet_a(&reply, RD_ANSWER, 80);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, query[13] == 's' ? 300 * MS : 0);
}

static void test_a_slow_one_holds_up_no_other(void **state)
{
    struct scene *scene = *state;
    struct sim_conn *conn = connect_anew(scene);
    struct rd_message message;

    scene->upstream->reply = slow_model;
    scene_conn_ask(conn, &(struct ask){.name = "slow.test", .id = 1});
    for (uint16_t i = 2; i < 12; i++)
        scene_conn_ask(conn, &(struct ask){.name = NAME, .id = i, .type = 1000 + i});
    scene_conn_wait(scene, conn, 11);
    for (unsigned i = 0; i < 10; i++) {
        parse(&conn->messages.at[i], &message);
        assert_in_range(message.id, 2, 11);
    }
    parse(&conn->messages.at[10], &message);
    assert_int_equal(message.id, 1);
    assert_int_equal(message.count[RD_ANSWER], 1);
}

static void test_more_than_the_pipeline_holds_are_all_answered(void **state)
{
    struct scene *scene = *state;
    struct sim_conn *conn = connect_anew(scene);

    for (uint16_t i = 0; i < 500; i++)
        scene_conn_ask(conn, &(struct ask){.name = NAME, .id = i, .type = 1000 + i});
    scene_conn_wait(scene, conn, 500);
    assert_true(SCENE_STAT(scene, connections_paused) > 0);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 500);
}

static void test_the_keepalive_option_is_answered_over_tcp_alone(void **state)
{
    struct scene *scene = *state;
    struct sim_conn *conn = connect_anew(scene);
    struct ask ask = {.name = NAME,
                      .edns = true,
                      .options = (uint8_t[]){0, RD_OPTION_KEEPALIVE, 0, 0},
                      .options_len = 4};
    struct rd_message message;
    size_t len = 0;
    const struct sim_packet *answer = scene_conn_exchange(scene, conn, &ask, &message);
    const uint8_t *option = packet_find_option(answer->bytes, &message, RD_OPTION_KEEPALIVE, &len);

    assert_non_null(option);
    assert_int_equal(len, 2);
    assert_int_equal(rd_get_u16(option), 100); /* of 100 ms */
    answer = scene_exchange(scene, &ask, &message);
    assert_null(packet_find_option(answer->bytes, &message, RD_OPTION_KEEPALIVE, &len));
    ask.options_len = 0;
    answer = scene_conn_exchange(scene, conn, &ask, &message);
    assert_null(packet_find_option(answer->bytes, &message, RD_OPTION_KEEPALIVE, &len));
}

static void truncating_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                             size_t len, uint16_t from_port)
{
    static struct packet reply;

    packet_reply(&reply, query, len, RD_DNS_TC);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
}

static void test_one_question_of_udp_and_tcp_clients_is_asked_once(void **state)
{
    struct scene *scene = *state;
    struct sim_conn *conn = connect_anew(scene);
    struct says says = {.last = 1, .txt = 20};
    struct rd_message message;

    says_let(scene->upstream, &says);
    scene->upstream->reply = truncating_model;
    scene_conn_ask(conn, &(struct ask){.type = RD_TYPE_ANY, .name = NAME, .edns = true});
    scene_ask(scene, scene->client, &(struct ask){.type = RD_TYPE_ANY, .name = NAME});
    scene_ask(scene, scene_client(scene, 1),
              &(struct ask){.type = RD_TYPE_ANY, .name = NAME, .edns = true});
    parse(scene_conn_wait(scene, conn, 1), &message);
    assert_int_equal(message.flags & RD_DNS_TC, 0);
    assert_int_equal(message.count[RD_ANSWER], 21);
    parse(scene_wait(scene, scene->client, 1), &message);
    assert_true(message.flags & RD_DNS_TC);
    assert_int_equal(message.count[RD_ANSWER], 0);
    parse(scene_wait(scene, scene_client(scene, 1), 1), &message);
    assert_true(message.flags & RD_DNS_TC);
    assert_true(message.edns.present);
    assert_int_equal(scene->upstream->queries.n, 1);
    assert_int_equal(scene->upstream->stream_queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, answers_truncated), 2);
}

/* As long as a message can be: TXT records of 268 bytes, and a rest. */
static void longest_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                          const uint8_t *query, size_t len)
{
    static struct packet reply;

    (void)sim;
    (void)upstream;
    packet_reply(&reply, query, len, 0);
    while (RD_DNS_TCP_BYTES - reply.len >= 2 * 268)
        packet_txt(&reply, RD_ANSWER, 256);
    packet_txt(&reply, RD_ANSWER, 200);
    packet_txt(&reply, RD_ANSWER, RD_DNS_TCP_BYTES - reply.len - 12);
    assert_int_equal(reply.len, RD_DNS_TCP_BYTES);
    sim_conn_send_message(conn, reply.bytes, reply.len, 0);
}

static void test_the_longest_message_goes_to_tcp_whole(void **state)
{
    struct scene *scene = *state;
    struct sim_conn *conns[3];
    struct rd_message message;

    scene->upstream->reply = truncating_model;
    scene->upstream->reply_stream = longest_model;
    for (unsigned i = 0; i < 3; i++) {
        conns[i] = connect_anew(scene);
        scene_conn_ask(conns[i], &(struct ask){.type = RD_TYPE_ANY, .name = NAME});
    }
    scene_ask(scene, scene->client, &(struct ask){.type = RD_TYPE_ANY, .name = NAME});
    for (unsigned i = 0; i < 3; i++) {
        const struct sim_packet *answer = scene_conn_wait(scene, conns[i], 1);

        parse(answer, &message);
        assert_int_equal(answer->len, RD_DNS_TCP_BYTES);
        assert_int_equal(message.flags & RD_DNS_TC, 0);
    }
    parse(scene_wait(scene, scene->client, 1), &message);
    assert_true(message.flags & RD_DNS_TC);
    assert_int_equal(scene->upstream->stream_queries.n, 1);
}

static void test_what_is_no_message_ends_the_connection(void **state)
{
    struct scene *scene = *state;

    for (unsigned len = 0; len < RD_DNS_HEADER_BYTES; len++) {
        struct sim_conn *conn = connect_anew(scene);

        sim_conn_send_message(conn, "\0\0\1\0\0\1\0\0\0\0\0", len, 0);
        assert_true(scene_conn_wait_closed(scene, conn));
        assert_int_equal(conn->messages.n, 0);
    }
    assert_int_equal(SCENE_STAT(scene, connections_bad), RD_DNS_HEADER_BYTES);
    assert_int_equal(SCENE_STAT(scene, queries_dropped_short), RD_DNS_HEADER_BYTES);
}

static void test_who_sends_nothing_more_still_gets_its_answers(void **state)
{
    struct scene *scene = *state;
    struct sim_conn *conn = connect_anew(scene);

    scene->upstream->latency_ns = 100 * MS;
    for (uint16_t i = 0; i < 5; i++)
        scene_conn_ask(conn, &(struct ask){.name = NAME, .id = i, .type = 1000 + i});
    sim_conn_end(conn, 0);
    scene_conn_wait(scene, conn, 5);
    assert_false(scene_conn_wait_closed(scene, conn));
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 5);
    assert_int_equal(SCENE_STAT(scene, connections), 0);
}

/* Ten queries, then a connection that has gone. */
static struct sim_conn *ask_and_go(struct scene *scene)
{
    struct sim_conn *conn = connect_anew(scene);

    scene->upstream->latency_ns = 100 * MS;
    for (uint16_t i = 0; i < 10; i++)
        scene_conn_ask(conn, &(struct ask){.name = NAME, .id = i, .type = 1000 + i});
    scene_wait_query(scene, scene->upstream, 10);
    sim_conn_reset(conn, 0);
    sim_run_for(scene->sim, 10 * MS);
    assert_int_equal(SCENE_STAT(scene, connections), 0);
    assert_int_equal(SCENE_STAT(scene, waiters), 10);
    return conn;
}

static void test_answers_to_who_has_gone_are_dropped(void **state)
{
    struct scene *scene = *state;
    struct sim_conn *conn = ask_and_go(scene);

    sim_run_for(scene->sim, 200 * MS);
    assert_int_equal(SCENE_STAT(scene, answers_lost_closed), 10);
    assert_int_equal(SCENE_STAT(scene, waiters), 0);
    assert_int_equal(conn->messages.n, 0);
}

static void test_they_do_not_go_to_who_has_come_in_its_place(void **state)
{
    struct scene *scene = *state;
    struct sim_conn *gone = ask_and_go(scene), *conn = connect_anew(scene);
    struct rd_message message;

    scene_conn_ask(conn, &(struct ask){.name = "other.test", .id = 77});
    sim_run_for(scene->sim, 150 * MS);
    assert_int_equal(conn->place, gone->place);
    assert_int_equal(conn->messages.n, 0);
    parse(scene_conn_wait(scene, conn, 1), &message);
    assert_int_equal(message.id, 77);
    sim_run_for(scene->sim, S);
    assert_int_equal(conn->messages.n, 1);
    assert_int_equal(SCENE_STAT(scene, answers_lost_closed), 10);
    assert_int_equal(SCENE_STAT(scene, connections), 1);
}

static void test_what_is_under_way_is_answered_before_the_stop(void **state)
{
    struct scene *scene = *state;
    struct sim_conn *conn = connect_anew(scene), *idle = connect_anew(scene);

    scene->upstream->latency_ns = 100 * MS;
    for (uint16_t i = 0; i < 10; i++)
        scene_conn_ask(conn, &(struct ask){.name = NAME, .id = i, .type = 1000 + i});
    scene_wait_query(scene, scene->upstream, 10);
    rd_worker_stop(scene->worker);
    sim_run_for(scene->sim, 10 * MS);
    assert_true(idle->ended_ns > 0);
    assert_int_equal(conn->ended_ns, 0);
    sim_run_for(scene->sim, 200 * MS);
    scene_finish(scene);
    sim_run_for(scene->sim, MS);
    assert_int_equal(conn->messages.n, 10);
    assert_true(conn->ended_ns > 0);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_a_query_is_answered),
        SCENE_TEST(test_a_slow_one_holds_up_no_other),
        SCENE_TEST(test_more_than_the_pipeline_holds_are_all_answered),
        SCENE_TEST(test_the_keepalive_option_is_answered_over_tcp_alone),
        SCENE_TEST(test_one_question_of_udp_and_tcp_clients_is_asked_once),
        SCENE_TEST(test_the_longest_message_goes_to_tcp_whole),
        SCENE_TEST(test_what_is_no_message_ends_the_connection),
        SCENE_TEST(test_who_sends_nothing_more_still_gets_its_answers),
        SCENE_TEST(test_answers_to_who_has_gone_are_dropped),
        SCENE_TEST(test_they_do_not_go_to_who_has_come_in_its_place),
        SCENE_TEST(test_what_is_under_way_is_answered_before_the_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
