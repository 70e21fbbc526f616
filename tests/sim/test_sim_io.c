/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sim_io.c - the simulated sockets: they keep what io.h promises, and notice who does not.
 */
#include <errno.h>

#include "sim/echo.h"

/* A port at any address. */
static int open_port(struct io *io, const union rd_address *to, uint16_t local_port)
{
    union rd_address from = {.any.sa_family = to->any.sa_family};

    from.v4.sin_port = htons(local_port);
    return io->ops->port_open(io, to, &from);
}

static void test_a_taken_or_reserved_port_is_refused(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    union rd_address server4 = sim_address("198.51.100.1", 53);
    union rd_address server6 = sim_address("2001:db8::1", 53);

    sim_reserve_port(world->sim, AF_INET, 2000);
    assert_int_equal(open_port(io, &server4, 2000), -EADDRINUSE);
    assert_int_equal(open_port(io, &server6, 2000), 0);
    assert_int_equal(open_port(io, &server4, 2001), 1);
    assert_int_equal(open_port(io, &server4, 2001), -EADDRINUSE);
    io->ops->port_close(io, 1);
    /* In this turn messages of it may be in the worker's hands. */
    assert_int_equal(open_port(io, &server4, 2001), 2);
    io->ops->port_close(io, 2);
    io->ops->turn(io, 0);
    assert_int_equal(open_port(io, &server4, 2001), 1);
}

static void test_handles_are_reused_lowest_first_up_to_the_plan(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    union rd_address server = sim_address("198.51.100.1", 53);

    for (int i = 0; i < 4; i++)
        assert_int_equal(open_port(io, &server, (uint16_t)(3000 + i)), i);
    assert_int_equal(open_port(io, &server, 3004), -EMFILE);
    io->ops->port_close(io, 2);
    io->ops->port_close(io, 1);
    assert_int_equal(world->sim->ports_open, 2);
    assert_int_equal(open_port(io, &server, 3005), -EMFILE);
    io->ops->turn(io, 0);
    assert_int_equal(open_port(io, &server, 3005), 1);
    assert_int_equal(world->sim->ports_peak, 4);
}

static void test_only_the_connected_server_reaches_a_port(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    union rd_address server = sim_address("198.51.100.1", 53);
    union rd_address host = sim_address("198.51.100.2", 53);
    union rd_address port = sim_address("198.51.100.1", 54);

    assert_int_equal(open_port(io, &server, 4000), 0);
    sim_forge(world->sim, &host, 4000, (const uint8_t *)"host", 4, 0);
    sim_forge(world->sim, &port, 4000, (const uint8_t *)"port", 4, 0);
    sim_forge(world->sim, &server, 4001, (const uint8_t *)"to", 2, 0);
    sim_forge(world->sim, &server, 4000, (const uint8_t *)"good", 4, MS);
    sim_run_for(world->sim, 2 * MS);
    assert_int_equal(world->echo[0].port_received, 1);
    assert_string_equal(world->echo[0].last, "good");
}

static void test_a_closed_port_gives_nothing_of_its_past(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    union rd_address server = sim_address("198.51.100.1", 53);
    struct sim_upstream *upstream = sim_upstream_add(world->sim, "198.51.100.1", NULL, NULL, 0);

    assert_int_equal(open_port(io, &server, 4000), 0);
    sim_reply(world->sim, upstream, (const uint8_t *)"late", 4, 4000, 0);
    sim_icmp(world->sim, upstream, 4000, ECONNREFUSED, 0);
    sim_deliver_due(world->sim); /* both wait in the socket's queue now */
    io->ops->port_close(io, 0);
    io->ops->turn(io, 0);
    assert_int_equal(open_port(io, &server, 4001), 0);
    sim_reply(world->sim, upstream, (const uint8_t *)"later", 5, 4000, 0);
    sim_run_for(world->sim, MS);
    assert_int_equal(world->echo[0].port_received, 0);
    assert_int_equal(world->echo[0].port_events, 0);
}

static void test_an_icmp_error_is_an_event_of_its_port(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    struct sim_upstream *upstream = sim_upstream_add(world->sim, "198.51.100.1", NULL, NULL, MS);

    assert_int_equal(open_port(io, &upstream->address, 4000), 0);
    sim_icmp(world->sim, upstream, 4000, ECONNREFUSED, 0);
    sim_run_for(world->sim, 2 * MS);
    assert_int_equal(world->echo[0].port_events, 1);
    assert_int_equal(world->echo[0].event.kind, IO_PORT_ERROR);
    assert_int_equal(world->echo[0].event.error, ECONNREFUSED);
}

static void send_from_port(struct io *io, uint32_t port)
{
    struct io_message msg;

    assert_true(io->ops->alloc(io, 1, &msg));
    msg.origin = IO_PORT;
    msg.port = port;
    msg.len = 1;
    io->ops->send(io, &msg, 1);
}

static void test_a_send_that_fails_is_an_event_and_a_counter(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_upstream *upstream = sim_upstream_add(world->sim, "198.51.100.1", NULL, NULL, MS);

    assert_int_equal(open_port(echo->io, &upstream->address, 4000), 0);
    send_from_port(echo->io, 0);
    sim_run_for(world->sim, 2 * MS);
    assert_int_equal(upstream->queries.n, 1);
    assert_int_equal(rd_address_port(&upstream->queries.at[0].from), 4000);
    upstream->send_error = ENETUNREACH;
    send_from_port(echo->io, 0);
    sim_run_for(world->sim, 2 * MS);
    assert_int_equal(upstream->queries.n, 1);
    assert_int_equal(echo->port_events, 1);
    assert_int_equal(echo->event.kind, IO_SEND_FAILED);
    assert_int_equal(rd_stat_get(&echo->stats.upstream_send_failed), 1);
}

static void test_the_server_sees_where_a_port_is_bound(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    struct sim_upstream *upstream = sim_upstream_add(world->sim, "198.51.100.1", NULL, NULL, MS);
    union rd_address source = sim_address("10.53.7.7", 4001), host = world->sim->host4;

    assert_int_equal(open_port(io, &upstream->address, 4000), 0);
    assert_int_equal(io->ops->port_open(io, &upstream->address, &source), 1);
    send_from_port(io, 0);
    send_from_port(io, 1);
    sim_run_for(world->sim, 2 * MS);
    host.v4.sin_port = htons(4000);
    assert_true(rd_address_equal(&upstream->queries.at[0].from, &host));
    assert_true(rd_address_equal(&upstream->queries.at[1].from, &source));
    sim_reply(world->sim, upstream, (const uint8_t *)"back", 4, 4001, 0);
    sim_run_for(world->sim, 2 * MS);
    assert_int_equal(world->echo[0].port_received, 1);
}

static void test_long_answers_have_buffers_of_their_own(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    struct io_message msgs[4];

    assert_true(io->ops->alloc(io, RD_BUFFER_BYTES, &msgs[0]));
    assert_true(io->ops->alloc(io, RD_BUFFER_BYTES + 1, &msgs[1]));
    assert_true(io->ops->alloc(io, 65535, &msgs[2]));
    assert_false(io->ops->alloc(io, 65535, &msgs[3]));
    assert_true(msgs[0].cap >= RD_BUFFER_BYTES);
    assert_true(msgs[1].cap >= 65535 && msgs[2].cap >= 65535);
    assert_true(io->ops->alloc(io, 1, &msgs[3]));
    assert_int_equal(world->sim->buffers_out, 4);
    io->ops->drop(io, msgs, 4);
}

static void test_out_of_buffers_pauses_and_goes_on(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];

    for (int i = 0; i < 20; i++)
        world_ask(world, "many");
    sim_run_for(world->sim, MS);
    assert_int_equal(echo->received, 20);
    assert_int_equal(world->client->answers.n, 20);
    assert_int_equal(rd_stat_get(&echo->stats.io_no_buffers), 2);
}

static void test_while_all_buffers_are_kept_nobody_turns(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct io_message msgs[9];
    unsigned turns;

    for (int i = 0; i < 9; i++)
        world_ask(world, "many");
    world->sim->now_ns += world->sim->client_latency_ns;
    sim_deliver_due(world->sim);
    assert_int_equal(echo->io->ops->recv(echo->io, msgs, 9), 8);
    turns = echo->turns;
    sim_run_for(world->sim, MS);
    assert_in_range(echo->turns, turns, turns + 3);
    echo->io->ops->send(echo->io, msgs, 8);
    sim_run_for(world->sim, MS);
    assert_int_equal(world->client->answers.n, 9);
}

static void test_the_world_may_make_buffers_short(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    struct io_message msgs[9], answers[3];

    world->sim->buffers_most = 1; /* of each kind */
    assert_true(io->ops->alloc(io, 1, &answers[0]));
    assert_false(io->ops->alloc(io, 1, &answers[1]));
    for (int i = 0; i < 9; i++)
        world_ask(world, "many");
    world->sim->now_ns += world->sim->client_latency_ns;
    sim_deliver_due(world->sim);
    assert_int_equal(io->ops->recv(io, msgs, 9), 1);
    sim_run_for(world->sim, MS); /* nobody spins for want of a buffer */
    assert_int_equal(world->echo[0].received, 0);
    world->sim->buffers_most = 0;
    assert_true(io->ops->alloc(io, 1, &answers[1]));
    io->ops->drop(io, answers, 2);
    io->ops->drop(io, msgs, 1);
    sim_run_for(world->sim, MS);
    assert_int_equal(world->echo[0].received, 8);
}

static void test_a_full_listener_drops_and_counts(void **state)
{
    struct world *world = *state;

    world->sim->listener_room = 3;
    for (int i = 0; i < 5; i++)
        world_ask(world, "many");
    sim_run_for(world->sim, MS);
    assert_int_equal(world->client->answers.n, 3);
    assert_int_equal(world->echo[0].io->ops->dropped(world->echo[0].io), 2);
}

static void test_alloc_fails_only_when_sending_frees_nothing(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    struct sim_upstream *upstream = sim_upstream_add(world->sim, "198.51.100.1", NULL, NULL, MS);
    struct io_message msgs[3];

    assert_int_equal(open_port(io, &upstream->address, 4000), 0);
    for (int i = 0; i < 10; i++)
        send_from_port(io, 0);
    assert_true(io->ops->alloc(io, 1, &msgs[0]));
    assert_true(io->ops->alloc(io, 1, &msgs[1]));
    assert_false(io->ops->alloc(io, 1, &msgs[2]));
    io->ops->drop(io, msgs, 2);
    assert_true(io->ops->alloc(io, 1, &msgs[2]));
    io->ops->drop(io, &msgs[2], 1);
}

static void test_after_unlisten_no_query_comes_but_answers_go(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;

    world_ask(world, "before");
    sim_run_for(world->sim, world->sim->client_latency_ns / 2);
    io->ops->unlisten(io);
    world_ask(world, "after");
    sim_run_for(world->sim, MS);
    assert_int_equal(world->echo[0].received, 0);
    assert_int_equal(world->sim->answers, 0);
}

static void test_a_wildcard_listener_answers_from_where_it_was_asked(void **state)
{
    struct world *world = *state;
    union rd_address any = sim_address("0.0.0.0", 5353);
    union rd_address asked = sim_address("10.53.0.9", 5353);

    world_add_worker(world, &any, 8);
    sim_ask(world->sim, world->client, &asked, (const uint8_t *)"w", 1);
    sim_run_for(world->sim, MS);
    assert_int_equal(world->echo[1].received, 1);
    assert_int_equal(world->client->answers.n, 1);
    assert_true(rd_address_equal(&world->client->answers.at[0].from, &asked));
}

static void test_a_buffer_given_back_twice_is_noticed(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    struct io_message msg, again;

    assert_true(io->ops->alloc(io, 1, &msg));
    io->ops->drop(io, &msg, 1);
    assert_true(io->ops->alloc(io, 1, &again)); /* the same one, in other hands */
    assert_string_equal(world->sim->broken, "");
    io->ops->drop(io, &msg, 1);
    assert_string_equal(world->sim->broken, "a buffer is given back twice");
    io->ops->drop(io, &again, 1);
}

static void test_a_buffer_that_was_kept_is_noticed_at_stop(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    struct io_message msg;

    assert_true(io->ops->alloc(io, 1, &msg));
    assert_int_equal(world->sim->buffers_out, 1);
    io->ops->stop(io);
    assert_string_equal(world->sim->broken, "the worker stops and still has a buffer");
}

static void test_sending_from_a_closed_port_is_noticed(void **state)
{
    struct world *world = *state;

    send_from_port(world->echo[0].io, 3);
    assert_string_equal(world->sim->broken, "send: no such port or way");
    assert_int_equal(world->sim->buffers_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_taken_or_reserved_port_is_refused),
        WORLD_TEST(test_handles_are_reused_lowest_first_up_to_the_plan),
        WORLD_TEST(test_only_the_connected_server_reaches_a_port),
        WORLD_TEST(test_a_closed_port_gives_nothing_of_its_past),
        WORLD_TEST(test_an_icmp_error_is_an_event_of_its_port),
        WORLD_TEST(test_a_send_that_fails_is_an_event_and_a_counter),
        WORLD_TEST(test_the_server_sees_where_a_port_is_bound),
        WORLD_TEST(test_long_answers_have_buffers_of_their_own),
        WORLD_TEST(test_out_of_buffers_pauses_and_goes_on),
        WORLD_TEST(test_while_all_buffers_are_kept_nobody_turns),
        WORLD_TEST(test_the_world_may_make_buffers_short),
        WORLD_TEST(test_a_full_listener_drops_and_counts),
        WORLD_TEST(test_alloc_fails_only_when_sending_frees_nothing),
        WORLD_TEST(test_after_unlisten_no_query_comes_but_answers_go),
        WORLD_TEST(test_a_wildcard_listener_answers_from_where_it_was_asked),
        BROKEN_TEST(test_a_buffer_given_back_twice_is_noticed),
        BROKEN_TEST(test_a_buffer_that_was_kept_is_noticed_at_stop),
        BROKEN_TEST(test_sending_from_a_closed_port_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
