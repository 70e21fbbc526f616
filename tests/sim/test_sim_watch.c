/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sim_watch.c - who looks on and plays the network is told of everything once, in order; and a
 * world that keeps no logs does not grow.
 */
#include "sim/echo.h"

/* What happened, a letter each: c(arried), a(rrived), t(aken), s(ent), x (closed), A(nswered),
 * h(eard); and the last of each. */
struct notes {
    struct sim *sim;
    char letters[256];
    unsigned n;
    unsigned copies;  /* that are made of each datagram */
    bool lose;        /* instead */
    uint8_t scramble; /* goes over the first byte of each */
    uint32_t tag, stream;
    char taken[16], sent[16], heard[16], answered[16];
    union rd_address from, to;
    struct sim_conn *conn;
    struct sim_watch watch;
};

static void note(struct notes *notes, char letter)
{
    assert_true(notes->n + 1 < sizeof(notes->letters));
    notes->letters[notes->n++] = letter;
}

static void keep(char text[16], const void *bytes, size_t len)
{
    len = len < 15 ? len : 15;
    memcpy(text, bytes, len);
    text[len] = 0;
}

static void note_carry(void *context, struct sim_datagram *datagram, uint64_t delay_ns)
{
    struct notes *notes = context;

    note(notes, 'c');
    notes->tag = datagram->tag;
    if (notes->lose) {
        sim_datagram_free(datagram);
        return;
    }
    for (unsigned i = 0; i < notes->copies; i++)
        sim_post(notes->sim, sim_datagram_copy(datagram), delay_ns + 1 + i);
    datagram->bytes[0] ^= notes->scramble;
    sim_post(notes->sim, datagram, delay_ns);
}

static void note_arrive(void *context, const struct sim_datagram *datagram)
{
    struct notes *notes = context;

    assert_true(datagram->due_ns <= notes->sim->now_ns);
    note(notes, 'a');
}

static void note_taken(void *context, unsigned worker, const struct io_message *msg,
                       const union rd_address *from, uint32_t tag)
{
    struct notes *notes = context;

    assert_int_equal(worker, 0);
    note(notes, 't');
    keep(notes->taken, msg->data, msg->len);
    notes->from = *from;
    notes->tag = tag;
}

static void note_sent(void *context, unsigned worker, const struct io_message *msg,
                      const union rd_address *to)
{
    struct notes *notes = context;

    assert_int_equal(worker, 0);
    note(notes, 's');
    keep(notes->sent, msg->data, msg->len);
    notes->to = *to;
}

static void note_closed(void *context, unsigned worker, uint32_t stream, bool by_peer)
{
    struct notes *notes = context;

    (void)by_peer;
    assert_int_equal(worker, 0);
    note(notes, 'x');
    notes->stream = stream;
}

static void note_answered(void *context, const struct sim_datagram *datagram)
{
    struct notes *notes = context;

    note(notes, 'A');
    keep(notes->answered, datagram->bytes, datagram->len);
}

static void note_heard(void *context, struct sim_conn *conn, const uint8_t *bytes, size_t len)
{
    struct notes *notes = context;

    note(notes, 'h');
    keep(notes->heard, bytes, len);
    notes->conn = conn;
}

static void look_on(struct notes *notes, struct sim *sim)
{
    *notes = (struct notes){.sim = sim};
    notes->watch = (struct sim_watch){.context = notes,
                                      .carry = note_carry,
                                      .arrive = note_arrive,
                                      .taken = note_taken,
                                      .sent = note_sent,
                                      .closed = note_closed,
                                      .answered = note_answered,
                                      .heard = note_heard};
    sim->watch = &notes->watch;
}

static void test_a_query_and_its_answer_are_told_step_by_step(void **state)
{
    struct world *world = *state;
    static struct notes notes;

    look_on(&notes, world->sim);
    world_ask(world, "a");
    sim_run_for(world->sim, MS);
    assert_string_equal(notes.letters, "catscaA");
    assert_string_equal(notes.taken, "a");
    assert_string_equal(notes.sent, "a");
    assert_string_equal(notes.answered, "a");
    assert_true(rd_address_equal(&notes.from, &world->client->address));
    assert_true(rd_address_equal(&notes.to, &world->client->address));
    assert_int_equal(world->client->answers.n, 0);
    assert_int_equal(world->sim->n_clients, 1);
    assert_int_equal(world->sim->answers, 1);
}

static void test_what_is_not_looked_for_goes_its_way(void **state)
{
    struct world *world = *state;
    static const struct sim_watch nothing;

    world->sim->watch = &nothing;
    world_ask(world, "a");
    sim_run_for(world->sim, MS);
    assert_int_equal(world->client->answers.n, 1);
    conn_say(world_stand(world), "b");
    sim_run_for(world->sim, MS);
    assert_int_equal(world->sim->answers, 2);
}

static void test_the_network_loses_doubles_and_changes(void **state)
{
    struct world *world = *state;
    static struct notes notes;

    look_on(&notes, world->sim);
    notes.lose = true;
    world_ask(world, "lost");
    sim_run_for(world->sim, MS);
    assert_string_equal(notes.letters, "c");
    notes.lose = false;
    notes.copies = 2;
    world_ask(world, "three");
    notes.copies = 0;
    sim_run_for(world->sim, MS);
    assert_int_equal(world->echo[0].received, 3);
    assert_int_equal(world->sim->answers, 3);
    notes.scramble = 'a' ^ 'z';
    world_ask(world, "a");
    notes.scramble = 0;
    sim_run_for(world->sim, MS);
    assert_string_equal(notes.taken, "z");
}

static void test_a_tag_stays_with_its_datagram_and_copies(void **state)
{
    struct world *world = *state;
    static struct notes notes;

    look_on(&notes, world->sim);
    notes.watch.sent = NULL;
    notes.copies = 1;
    world->sim->tag = 7;
    world_ask(world, "a");
    world->sim->tag = 0;
    world->sim->now_ns += world->sim->client_latency_ns + 1;
    sim_deliver_due(world->sim);
    for (int i = 0; i < 2; i++) {
        struct io_message msg;
        struct io *io = world->echo[0].io;

        notes.tag = 0;
        assert_int_equal(io->ops->recv(io, &msg, 1), 1);
        assert_int_equal(notes.tag, 7);
        io->ops->drop(io, &msg, 1);
    }
}

static void test_messages_of_a_stream_are_told(void **state)
{
    struct world *world = *state;
    static struct notes notes;
    struct sim_conn *conn;

    look_on(&notes, world->sim);
    conn = world_stand(world);
    assert_string_equal(notes.letters, "aa"); /* SYN, SYN ACK */
    conn_say(conn, "hello");
    sim_run_for(world->sim, MS);
    assert_string_equal(notes.letters, "aaatsah");
    assert_string_equal(notes.taken, "hello");
    assert_true(rd_address_equal(&notes.from, &conn->far));
    assert_true(rd_address_equal(&notes.to, &conn->far));
    assert_string_equal(notes.heard, "hello");
    assert_ptr_equal(notes.conn, conn);
    assert_int_equal(notes.tag, 0);
}

static void test_the_end_of_a_stream_is_told_once(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    static struct notes notes;
    struct sim_conn *conns[2];

    for (int i = 0; i < 2; i++)
        conns[i] = world_stand(world);
    look_on(&notes, world->sim);
    sim_conn_reset(conns[0], 0);
    world->sim->now_ns += conns[0]->latency_ns;
    sim_deliver_due(world->sim); /* the worker has not taken the event */
    assert_string_equal(notes.letters, "ax");
    assert_int_equal(notes.stream, echo->events[0].port);
    sim_run_for(world->sim, MS);
    sim_conn_end(conns[1], 0); /* so the worker closes */
    sim_run_for(world->sim, MS);
    assert_string_equal(notes.letters, "axaxa");
    assert_int_equal(notes.stream, echo->events[1].port);
    echo_send(echo, IO_CLIENT, notes.stream, 3); /* who knows no peer says none */
    assert_string_equal(notes.letters, "axaxas");
    assert_int_equal(notes.to.any.sa_family, AF_UNSPEC);
}

static void test_stop_tells_the_end_of_each_stream(void **state)
{
    struct world *world = *state;
    struct echo *echo = &world->echo[0];
    static struct notes notes;

    for (int i = 0; i < 3; i++)
        world_stand(world);
    look_on(&notes, world->sim);
    echo->io->ops->stop(echo->io);
    assert_string_equal(notes.letters, "xxx");
    assert_int_equal(echo->io->ops->start(echo->io, NULL), 0); /* for the teardown */
}

/* One client's connection of each kind of end, and a query by UDP. */
static void live_on(struct world *world, unsigned round)
{
    struct sim_conn *conn = world_stand(world);

    conn_say(conn, "a");
    if (round % 4 == 1)
        echo_send(&world->echo[0], IO_CLIENT, world->echo[0].events[0].port, 9);
    sim_run_for(world->sim, round % 3 * MS);
    if (round % 2)
        sim_conn_reset(conn, round % 5 * MS);
    else
        sim_conn_close(conn, round % 5 * MS);
    world_ask(world, "b");
    sim_run_for(world->sim, 10 * MS);
    world->echo[0].n_events = 0;
}

static void test_a_forgetful_world_does_not_grow(void **state)
{
    struct world *world = *state;

    world->sim->forgetful = true;
    for (unsigned round = 0; round < 100; round++) {
        live_on(world, round);
        assert_int_equal(world->sim->n_conns, 0);
    }
    assert_int_equal(world->sim->conns_begun, 100);
    assert_true(world->sim->answers >= 200);
    assert_int_equal(world->client->answers.n, 0);
}

static void test_a_connection_that_is_held_stays(void **state)
{
    struct world *world = *state;
    struct sim_conn *conn;

    world->sim->forgetful = true;
    conn = world_stand(world);
    sim_conn_hold(conn);
    world->echo[0].io->ops->stream_close(world->echo[0].io, world->echo[0].events[0].port, true);
    sim_run_for(world->sim, MS);
    assert_true(conn->reset_ns);
    sim_conn_close(conn, 0);
    sim_run_for(world->sim, MS);
    assert_int_equal(world->sim->n_conns, 1);
    sim_conn_release(conn);
    assert_int_equal(world->sim->n_conns, 0);
}

static void test_connections_to_upstreams_go_too(void **state)
{
    struct world *world = *state;
    struct io *io = world->echo[0].io;
    struct sim_upstream *upstream = sim_upstream_add(world->sim, "198.51.100.1", NULL, NULL, MS);
    union rd_address any = {0};

    world->sim->forgetful = true;
    upstream->close_after = 2;
    for (unsigned round = 0; round < 12; round++) {
        int stream;

        upstream->accept = (enum sim_accept)(round % 3);
        stream = io->ops->stream_open(io, &upstream->address, &any);
        assert_true(stream > 0);
        for (int i = 0; i < 2; i++)
            echo_send(&world->echo[0], IO_STREAM, (uint32_t)stream, 5);
        sim_run_for(world->sim, 10 * MS);
        if (upstream->accept != SIM_REFUSE)
            io->ops->stream_close(io, (uint32_t)stream, round % 2);
        sim_run_for(world->sim, 10 * MS);
        assert_int_equal(world->sim->n_conns, 0);
        world->echo[0].n_events = 0;
    }
    assert_int_equal(upstream->conns_accepted, 4);
    assert_int_equal(upstream->conns_open, 0);
    assert_int_equal(upstream->stream_queries.n, 0);
}

static uint64_t trace_of(uint64_t seed)
{
    struct world world;
    uint64_t trace;

    world_open(&world, seed, 8);
    world_add_worker(&world, &world.listener, 8);
    world.sim->forgetful = true;
    for (unsigned round = 0; round < 20; round++) {
        struct sim_conn *conn = world_connect(&world);

        conn_say(conn, "question");
        world_ask(&world, "another");
        sim_run_for(world.sim, sim_random_below(world.sim, 3 * (uint32_t)MS));
        sim_conn_close(conn, 0);
        world.echo[0].n_events = world.echo[1].n_events = 0;
    }
    sim_run_for(world.sim, 10 * MS);
    trace = world.sim->trace;
    world_close(&world);
    return trace;
}

static void test_a_forgetful_seed_is_one_trace(void **state)
{
    (void)state;
    assert_int_equal(trace_of(7), trace_of(7));
    assert_int_not_equal(trace_of(7), trace_of(8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_query_and_its_answer_are_told_step_by_step),
        WORLD_TEST(test_what_is_not_looked_for_goes_its_way),
        WORLD_TEST(test_the_network_loses_doubles_and_changes),
        WORLD_TEST(test_a_tag_stays_with_its_datagram_and_copies),
        WORLD_TEST(test_messages_of_a_stream_are_told),
        WORLD_TEST(test_the_end_of_a_stream_is_told_once),
        WORLD_TEST(test_stop_tells_the_end_of_each_stream),
        WORLD_TEST(test_a_forgetful_world_does_not_grow),
        WORLD_TEST(test_a_connection_that_is_held_stays),
        WORLD_TEST(test_connections_to_upstreams_go_too),
        cmocka_unit_test(test_a_forgetful_seed_is_one_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
