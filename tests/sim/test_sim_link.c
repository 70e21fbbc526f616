/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sim_link.c - workers' connections to upstreams in the simulated world, and what upstreams
 * can do with them.
 */
#include <errno.h>

#include "sim/echo.h"
#include "sim/scene.h"

static const union rd_address anywhere;

/* An upstream that is 5 ms away and accepts. */
static struct sim_upstream *server(struct world *world, sim_stream_model *model)
{
    struct sim_upstream *upstream =
        sim_upstream_add(world->sim, "198.51.100.1", NULL, NULL, 5 * MS);

    upstream->accept = SIM_ACCEPT;
    upstream->reply_stream = model;
    return upstream;
}

static uint32_t link_to(struct world *world, const struct sim_upstream *upstream)
{
    struct io *io = world->echo[0].io;
    int handle = io->ops->stream_open(io, &upstream->address, &anywhere);

    assert_true(handle > 0);
    return (uint32_t)handle;
}

static void assert_event(const struct echo *echo, unsigned number, enum io_event_kind kind,
                         int error)
{
    assert_true(number < echo->n_events);
    assert_int_equal(echo->events[number].kind, kind);
    assert_int_equal(echo->events[number].error, error);
    assert_int_equal(echo->events[number].origin, IO_STREAM);
}

/* Sends the query back. */
static void reflect(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                    const uint8_t *query, size_t len)
{
    (void)sim;
    (void)upstream;
    sim_conn_send_message(conn, query, len, 0);
}

/* Three replies, the first one last. */
static void stagger(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                    const uint8_t *query, size_t len)
{
    (void)sim;
    (void)upstream;
    (void)query;
    (void)len;
    sim_conn_send_message(conn, "slow", 4, 20 * MS);
    sim_conn_send_message(conn, "fast", 4, 0);
    sim_conn_send_message(conn, "even", 4, 10 * MS);
}

/* Half a reply and the end. */
static void break_off(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                      const uint8_t *query, size_t len)
{
    (void)sim;
    (void)query;
    (void)len;
    sim_conn_send(conn, "\0\10half", 6, 0);
    if (upstream->context)
        sim_conn_reset(conn, 20 * MS);
    else
        sim_conn_close(conn, 20 * MS);
}

static void test_it_connects_in_one_round_trip(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_upstream *upstream = server(world, reflect);
    uint32_t link = link_to(world, upstream);

    echo_send(echo, IO_STREAM, link, 3);
    sim_run_for(world->sim, 10 * MS - 1);
    assert_int_equal(echo->n_events, 0);
    assert_int_equal(echo->io->ops->stream_unsent(echo->io, link), 5);
    sim_run_for(world->sim, 1);
    assert_event(echo, 0, IO_STREAM_CONNECTED, 0);
    assert_event(echo, 1, IO_STREAM_DRAINED, 0);
    assert_int_equal(echo->events[0].port, link);
    sim_run_for(world->sim, 10 * MS - 1);
    assert_int_equal(echo->stream_received, 0);
    sim_run_for(world->sim, 1);
    assert_int_equal(echo->stream_received, 1);
    assert_string_equal(echo->last, "xxx");
    assert_int_equal(upstream->stream_queries.n, 1);
    assert_int_equal(upstream->stream_queries.at[0].at_ns, SIM_START_NS + 15 * MS);
    assert_int_equal(upstream->queries.n, 0);
}

static void test_who_refuses_closes(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_upstream *upstream = server(world, reflect);
    uint32_t link;

    upstream->accept = SIM_REFUSE;
    link = link_to(world, upstream);
    echo_send(echo, IO_STREAM, link, 3);
    sim_run_for(world->sim, 10 * MS);
    assert_int_equal(echo->n_events, 1);
    assert_event(echo, 0, IO_STREAM_CLOSED, ECONNREFUSED);
    echo_send(echo, IO_STREAM, link, 3);
    assert_int_equal(rd_stat_get(&echo->stats.upstream_send_failed), 2);
    assert_int_equal(upstream->conns_accepted, 0);
    assert_int_equal(world->sim->streams_open, 0);
}

static void test_who_is_silent_says_nothing(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_upstream *upstream = server(world, reflect);
    uint32_t link;

    upstream->accept = SIM_SILENT;
    link = link_to(world, upstream);
    echo_send(echo, IO_STREAM, link, 3);
    sim_run_for(world->sim, 3600 * RD_NS_PER_S);
    assert_int_equal(echo->n_events, 0);
    echo->io->ops->stream_close(echo->io, link, true);
    sim_run_for(world->sim, RD_NS_PER_S);
    assert_int_equal(echo->n_events, 0);
    assert_int_equal(rd_stat_get(&echo->stats.upstream_send_failed), 1);
}

static void test_replies_come_as_they_are_written(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    uint32_t link = link_to(world, server(world, stagger));

    echo_send(echo, IO_STREAM, link, 3);
    sim_run_for(world->sim, 20 * MS);
    assert_string_equal(echo->last, "fast");
    sim_run_for(world->sim, 10 * MS);
    assert_string_equal(echo->last, "even");
    sim_run_for(world->sim, 10 * MS);
    assert_string_equal(echo->last, "slow");
    assert_int_equal(echo->stream_received, 3);
}

static void test_an_upstream_closes_after_so_many(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_upstream *upstream = server(world, reflect);
    uint32_t link = link_to(world, upstream);

    upstream->close_after = 2;
    for (int i = 0; i < 2; i++)
        echo_send(echo, IO_STREAM, link, 3);
    sim_run_for(world->sim, 100 * MS);
    assert_int_equal(echo->stream_received, 2);
    assert_event(echo, 2, IO_STREAM_ENDED, 0);
    assert_int_equal(echo->n_events, 3);
    assert_int_equal(upstream->conns_open, 0);
    echo_send(echo, IO_STREAM, link, 3); /* which the upstream takes no more */
    sim_run_for(world->sim, 100 * MS);
    assert_event(echo, 4, IO_STREAM_CLOSED, ECONNRESET);
    assert_int_equal(upstream->stream_queries.n, 2);
}

static void test_an_upstream_breaks_off(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_upstream *upstream = server(world, break_off);

    for (unsigned i = 0; i < 2; i++) {
        uint32_t link = link_to(world, upstream);

        upstream->context = i == 1 ? upstream : NULL;
        echo_send(echo, IO_STREAM, link, 3);
        sim_run_for(world->sim, 30 * MS);
        assert_event(echo, 4 * i + 2, IO_STREAM_BEGUN, 0);
        assert_int_equal(echo->n_events, 4 * i + 3);
        sim_run_for(world->sim, 10 * MS);
        if (i == 0)
            assert_event(echo, 3, IO_STREAM_ENDED, 0);
        else
            assert_event(echo, 7, IO_STREAM_CLOSED, ECONNRESET);
    }
    assert_int_equal(echo->stream_received, 0);
    assert_int_equal(upstream->conns_accepted, 2);
    assert_int_equal(upstream->conns_open, 0);
}

static void test_a_message_waits_for_the_event_of_its_connection(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_upstream *upstream = server(world, NULL);
    struct io_message msg;
    struct io_event event;

    upstream->latency_ns = 0;
    link_to(world, upstream);
    sim_deliver_due(world->sim);
    conn_say(sim_upstream_conn(upstream, 0), "unasked");
    sim_deliver_due(world->sim);
    assert_int_equal(echo->io->ops->recv(echo->io, &msg, 1), 0);
    assert_int_equal(echo->io->ops->events(echo->io, &event, 1), 1);
    assert_int_equal(event.kind, IO_STREAM_CONNECTED);
    sim_run_for(world->sim, MS);
    assert_int_equal(echo->stream_received, 1);
    assert_string_equal(echo->last, "unasked");
}

static void test_the_source_is_what_was_asked_for(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    struct sim_upstream *upstream = server(world, NULL);
    union rd_address source = sim_address("10.53.7.7", 0), seen;

    link_to(world, upstream);
    assert_true(io->ops->stream_open(io, &upstream->address, &source) > 0);
    sim_run_for(world->sim, 10 * MS);
    for (unsigned i = 0; i < 2; i++) {
        const union rd_address *wanted = i ? &source : &world->sim->host4;

        seen = sim_upstream_conn(upstream, i)->near;
        assert_int_not_equal(seen.v4.sin_port, 0);
        seen.v4.sin_port = 0;
        assert_true(rd_address_equal(&seen, wanted));
    }
    assert_null(sim_upstream_conn(upstream, 2));
}

static void test_what_the_system_refuses_is_an_errno(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    struct sim_upstream *upstream = server(world, NULL);

    upstream->send_error = ENETUNREACH;
    assert_int_equal(io->ops->stream_open(io, &upstream->address, &anywhere), -ENETUNREACH);
    upstream->send_error = 0;
    world->sim->stream_error = ENFILE;
    assert_int_equal(io->ops->stream_open(io, &upstream->address, &anywhere), -ENFILE);
    world->sim->stream_error = 0;
    for (int i = 0; i < 4; i++)
        link_to(world, upstream);
    assert_int_equal(io->ops->stream_open(io, &upstream->address, &anywhere), -EMFILE);
    assert_int_equal(world->sim->streams_open, 4);
}

static void test_a_close_before_it_stands_is_the_last_word(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    struct sim_upstream *upstream = server(world, NULL);
    uint32_t link = link_to(world, upstream), next;

    sim_run_for(world->sim, 7 * MS);
    echo->io->ops->stream_close(echo->io, link, false);
    next = link_to(world, upstream);
    assert_int_equal(io_stream_place(next), io_stream_place(link));
    assert_int_not_equal(next, link);
    sim_run_for(world->sim, 100 * MS);
    assert_int_equal(echo->n_events, 1);
    assert_int_equal(echo->events[0].port, next);
    assert_int_equal(upstream->conns_accepted, 2);
    assert_int_equal(upstream->conns_open, 1);
}

static void test_the_scenes_model_answers(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    uint32_t link = link_to(world, server(world, scene_stream_model));
    static struct packet query;
    struct rd_message message;
    struct io_message msg;

    packet_query(&query, &(struct ask){.name = "example.com", .id = 7});
    assert_true(echo->io->ops->alloc(echo->io, (uint32_t)query.len, &msg));
    memcpy(msg.data, query.bytes, query.len);
    msg.len = (uint32_t)query.len;
    msg.origin = IO_STREAM;
    msg.port = link;
    echo->io->ops->send(echo->io, &msg, 1);
    sim_run_for(world->sim, 20 * MS - 1);
    world->sim->now_ns += 1;
    sim_deliver_due(world->sim);
    assert_int_equal(echo->io->ops->recv(echo->io, &msg, 1), 1);
    assert_int_equal(msg.origin, IO_STREAM);
    assert_int_equal(msg.port, link);
    packet_parse(msg.data, msg.len, &message, NULL);
    assert_int_equal(message.id, 7);
    assert_true(message.flags & RD_DNS_QR);
    scene_wait_stream_query(&(struct scene){.sim = world->sim}, world->sim->upstreams[0], 1);
    echo->io->ops->drop(echo->io, &msg, 1);
}

static void test_the_scenes_client_asks_and_sees_the_end(void **state)
{
    struct world *world = *state;
    struct scene scene = {.sim = world->sim};
    struct ask ask = {
        .name = "example.com", .id = 8, .set = RD_DNS_QR}; /* it comes back as it is */
    struct sim_conn *conn = world_connect(world);
    struct rd_message message;

    scene_conn_exchange(&scene, conn, &ask, &message);
    assert_int_equal(message.id, 8);
    scene_conn_ask(conn, &ask);
    scene_conn_ask(conn, &ask);
    scene_conn_wait(&scene, conn, 3);
    sim_conn_end(conn, 0);
    assert_false(scene_conn_wait_closed(&scene, conn));
    world->echo[0].io->ops->unlisten(world->echo[0].io);
    assert_true(scene_conn_wait_closed(&scene, world_connect(world)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_it_connects_in_one_round_trip),
        WORLD_TEST(test_who_refuses_closes),
        WORLD_TEST(test_who_is_silent_says_nothing),
        WORLD_TEST(test_replies_come_as_they_are_written),
        WORLD_TEST(test_an_upstream_closes_after_so_many),
        WORLD_TEST(test_an_upstream_breaks_off),
        WORLD_TEST(test_a_message_waits_for_the_event_of_its_connection),
        WORLD_TEST(test_the_source_is_what_was_asked_for),
        WORLD_TEST(test_what_the_system_refuses_is_an_errno),
        WORLD_TEST(test_a_close_before_it_stands_is_the_last_word),
        WORLD_TEST(test_the_scenes_model_answers),
        WORLD_TEST(test_the_scenes_client_asks_and_sees_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
