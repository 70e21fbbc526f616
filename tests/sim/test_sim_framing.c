/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sim_framing.c - messages in clients' connections in the simulated world: whole, in order,
 * and as fast as both ends take them.
 */
#include "sim/echo.h"

#define LATENCY (50 * RD_NS_PER_US) /* of clients, each way */

static void test_a_message_goes_there_and_back(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_conn *conn = world_connect(world);
    uint32_t stream;

    conn_say(conn, "hello");
    sim_run_for(world->sim, 4 * LATENCY - 1);
    assert_int_equal(conn->messages.n, 0);
    sim_run_for(world->sim, 1);
    assert_int_equal(conn->messages.n, 1);
    assert_packet(&conn->messages.at[0], "hello");
    assert_int_equal(conn->messages.at[0].at_ns, SIM_START_NS + 4 * LATENCY);
    assert_int_equal(echo->events[0].kind, IO_STREAM_ACCEPTED);
    assert_int_equal(echo->events[0].origin, IO_CLIENT);
    assert_int_equal(echo_count(echo, IO_STREAM_BEGUN), 0);
    assert_int_equal(echo_count(echo, IO_STREAM_DRAINED), 1);
    stream = echo->events[0].port;
    assert_true(rd_address_equal(echo->io->ops->stream_peer(echo->io, stream), &conn->far));
    assert_int_equal(echo->io->ops->stream_unsent(echo->io, stream), 0);
    assert_int_equal(world->client->answers.n, 0);
}

static void test_nothing_is_read_before_the_worker_says_so(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_conn *conn = world_connect(world);

    echo->passive = true;
    conn_say(conn, "one");
    sim_conn_send(conn, "\0", 1, 0);
    sim_conn_end(conn, 0);
    sim_run_for(world->sim, MS);
    assert_int_equal(echo->n_events, 1);
    assert_int_equal(echo->received, 0);
    echo->io->ops->stream_read(echo->io, echo->events[0].port, true);
    sim_run_for(world->sim, MS);
    assert_int_equal(echo->received, 1);
    assert_int_equal(echo_count(echo, IO_STREAM_ENDED), 1);
}

static void test_a_message_in_part_is_told_once(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_conn *conn = world_stand(world);
    const uint8_t bytes[] = {0, 2, 'a', 'b', 0, 1, 'c', 0, 1};

    for (size_t i = 0; i < sizeof(bytes); i++) {
        sim_conn_send(conn, &bytes[i], 1, 0);
        sim_run_for(world->sim, MS);
        assert_int_equal(echo_count(echo, IO_STREAM_BEGUN), 1 + (i > 3) + (i > 6));
    }
    assert_int_equal(conn->messages.n, 2);
    assert_packet(&conn->messages.at[0], "ab");
    assert_packet(&conn->messages.at[1], "c");
    sim_conn_send(conn, "d\0\1e", 4, 0);
    sim_run_for(world->sim, MS);
    assert_int_equal(echo_count(echo, IO_STREAM_BEGUN), 3);
    assert_int_equal(conn->messages.n, 4);
}

static void test_a_message_that_became_whole_has_not_begun(void **state)
{
    struct world *world = *state;
    struct sim_conn *conn = world_stand(world);

    sim_conn_send(conn, "\0\3a", 3, 0);
    sim_conn_send(conn, "bc", 2, 0);
    sim_run_for(world->sim, MS);
    assert_int_equal(echo_count(&world->echo[0], IO_STREAM_BEGUN), 0);
    assert_packet(&conn->messages.at[0], "abc");
}

static void test_messages_keep_their_order_and_length(void **state)
{
    struct world *world = *state;
    struct sim_conn *conn = world_connect(world);
    static uint8_t bytes[65535];
    const uint32_t lens[] = {0, 1, RD_BUFFER_BYTES - 2, RD_BUFFER_BYTES - 1, 40000, 65535, 0};

    sim_random_bytes(world->sim, bytes, sizeof(bytes));
    for (unsigned i = 0; i < 7; i++)
        sim_conn_send_message(conn, bytes, lens[i], 0);
    sim_run_for(world->sim, 10 * MS);
    assert_int_equal(conn->messages.n, 7);
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(conn->messages.at[i].len, lens[i]);
        assert_memory_equal(conn->messages.at[i].bytes, bytes, lens[i]);
    }
}

static void test_an_end_comes_behind_the_last_message(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_conn *conn = world_connect(world);

    for (int i = 0; i < 10; i++)
        conn_say(conn, "more");
    sim_conn_send(conn, "\1\1cut off", 9, 0);
    sim_conn_end(conn, 0);
    sim_run_for(world->sim, MS);
    assert_int_equal(conn->messages.n, 10);
    assert_int_equal(echo_count(echo, IO_STREAM_ENDED), 1);
    assert_int_equal(echo_count(echo, IO_STREAM_CLOSED), 0);
    assert_true(conn->ended_ns >= conn->messages.at[9].at_ns);
    assert_int_equal(conn->reset_ns, 0);
    assert_int_equal(world->sim->streams_open, 0);
}

static void test_a_client_that_does_not_read_holds_the_queue(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_conn *conn = world_stand(world);
    uint32_t stream = echo->events[0].port;

    conn->window = 1000;
    sim_conn_read(conn, false);
    echo_send(echo, IO_CLIENT, stream, 700);
    sim_run_for(world->sim, MS);
    assert_int_equal(echo_count(echo, IO_STREAM_DRAINED), 1);
    echo_send(echo, IO_CLIENT, stream, 700);
    assert_int_equal(echo->io->ops->stream_unsent(echo->io, stream), 702);
    sim_run_for(world->sim, MS);
    assert_int_equal(echo->io->ops->stream_unsent(echo->io, stream), 404);
    assert_int_equal(echo_count(echo, IO_STREAM_DRAINED), 1);
    assert_int_equal(conn->messages.n, 0);
    sim_conn_read(conn, true);
    assert_int_equal(conn->messages.n, 1);
    sim_run_for(world->sim, MS);
    assert_int_equal(echo->io->ops->stream_unsent(echo->io, stream), 0);
    assert_int_equal(echo_count(echo, IO_STREAM_DRAINED), 2);
    assert_int_equal(conn->messages.n, 2);
    assert_int_equal(conn->messages.at[1].len, 700);
}

static void test_without_buffers_streams_wait_and_go_on(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_conn *conn = world_stand(world);

    conn->window = 4;
    sim_conn_read(conn, false);
    for (int i = 0; i < 20; i++)
        conn_say(conn, "many");
    sim_run_for(world->sim, 100 * MS);
    assert_int_equal(echo->received, 4);
    assert_true(rd_stat_get(&echo->stats.io_no_buffers) > 0);
    world_ask(world, "datagrams have their own");
    sim_run_for(world->sim, MS);
    assert_int_equal(world->client->answers.n, 1);
    sim_conn_read(conn, true);
    sim_run_for(world->sim, 100 * MS);
    assert_int_equal(conn->messages.n, 20);
}

static void test_one_stream_starves_no_other(void **state)
{
    struct world *world = *state;
    struct sim_conn *busy = world_stand(world), *other = world_stand(world);

    for (int i = 0; i < 100; i++)
        conn_say(busy, "again");
    conn_say(other, "once");
    sim_run_until(world->sim, NULL, NULL, world->sim->now_ns + LATENCY);
    sim_run_for(world->sim, LATENCY);
    assert_int_equal(other->messages.n, 1);
    assert_int_equal(busy->messages.n, 100);
}

static void test_a_stream_that_is_not_read_gives_only_what_had_come(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_conn *conn = world_stand(world);
    unsigned before;

    conn_say(conn, "a");
    conn_say(conn, "b");
    world->sim->now_ns += LATENCY;
    sim_deliver_due(world->sim);
    echo->io->ops->stream_read(echo->io, echo->events[0].port, false);
    sim_run_for(world->sim, MS);
    before = echo->received;
    assert_in_range(before, 0, 2);
    conn_say(conn, "c");
    sim_conn_end(conn, 0);
    sim_run_for(world->sim, MS);
    assert_int_equal(echo->received, before);
    assert_int_equal(echo_count(echo, IO_STREAM_ENDED), 0);
    echo->io->ops->stream_read(echo->io, echo->events[0].port, true);
    sim_run_for(world->sim, MS);
    assert_int_equal(conn->messages.n, 3);
    assert_packet(&conn->messages.at[2], "c");
    assert_true(conn->ended_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_message_goes_there_and_back),
        WORLD_TEST(test_nothing_is_read_before_the_worker_says_so),
        WORLD_TEST(test_a_message_in_part_is_told_once),
        WORLD_TEST(test_a_message_that_became_whole_has_not_begun),
        WORLD_TEST(test_messages_keep_their_order_and_length),
        WORLD_TEST(test_an_end_comes_behind_the_last_message),
        WORLD_TEST(test_a_client_that_does_not_read_holds_the_queue),
        WORLD_TEST(test_without_buffers_streams_wait_and_go_on),
        WORLD_TEST(test_one_stream_starves_no_other),
        WORLD_TEST(test_a_stream_that_is_not_read_gives_only_what_had_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
