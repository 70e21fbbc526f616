/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_servers_tcp.c - each fault of an upstream by TCP by itself: what comes on a connection.
 */
#include <stdlib.h>

#include "sim/storm/test_stub.h"

#define S     RD_NS_PER_S
#define ASKED 100

static struct packet query;

/* A connection that server 0 of the first pool has accepted, and what came on it. */
struct line {
    struct stub *stub;
    struct sim_upstream *upstream;
    struct sim_conn *conn;
    struct sim_bytes heard;
    unsigned pieces;
    uint64_t first_ns, last_ns;
    bool ended; /* by FIN or RST */
};

static struct line line;

static void take_arrived(void *context, const struct sim_datagram *datagram)
{
    (void)context;
    if (datagram->conn != line.conn)
        return;
    line.ended |= datagram->segment == SIM_FIN || datagram->segment == SIM_RST;
    if (datagram->segment != SIM_DATA)
        return;
    if (line.pieces++ == 0)
        line.first_ns = datagram->due_ns;
    line.last_ns = datagram->due_ns;
    sim_bytes_add(&line.heard, datagram->bytes, datagram->len);
}

static void open_line(struct stub *stub)
{
    struct sim *sim = stub->storm.sim;

    stub->storm.watch.arrive = take_arrived;
    free(line.heard.at);
    line = (struct line){.stub = stub, .upstream = stub->storm.servers[0][0]};
    line.conn = sim_conn_new(sim, &sim->host4, &line.upstream->address, STUB_LATENCY);
    line.conn->upstream = line.upstream;
    line.conn->dead = true; /* no worker is there to hear */
    line.conn->established_ns = line.conn->connected_ns = sim->now_ns;
    line.upstream->conns_open++;
    line.upstream->conns_accepted++;
}

static void ask_line(unsigned number, uint16_t type)
{
    stub_query(line.stub, number, type, &query);
    line.upstream->reply_stream(line.stub->storm.sim, line.upstream, line.conn, query.bytes,
                                query.len);
}

/* Whether a whole message came, and nothing behind it. */
static bool is_whole(struct rd_message *ret_wire)
{
    uint32_t len;

    if (!sim_bytes_message(&line.heard, &len) || line.heard.n != 2 + len)
        return false;
    return rd_message_header(line.heard.at + 2, len, ret_wire) &&
           rd_message_question(line.heard.at + 2, len, ret_wire, NULL, NULL) == RD_WIRE_OK &&
           rd_message_sections(line.heard.at + 2, len, ret_wire) == RD_WIRE_OK;
}

/* Asks for name NUMBER on a line of its own, and waits for whatever comes. */
static void exchange(struct stub *stub, unsigned number, int fault)
{
    stub_clear(stub);
    open_line(stub);
    stub->fault = fault;
    ask_line(number, number % 2 ? RD_TYPE_TXT : RD_TYPE_A);
    stub->fault = -1;
    sim_run_for(stub->storm.sim, 20 * S);
}

static void test_all_is_said_by_tcp(void **state)
{
    struct rd_message wire;
    size_t longest = 0;

    for (unsigned i = 0; i < ASKED; i++) {
        exchange(*state, i, -1);
        assert_true(is_whole(&wire));
        assert_int_equal(line.pieces, 1);
        assert_false(wire.flags & RD_DNS_TC);
        assert_false(line.ended);
        assert_int_equal(line.stub->troubles_of_all, 0);
        longest = line.heard.n > longest ? line.heard.n : longest;
    }
    assert_true(longest > 1500);
}

static void test_it_is_mute(void **state)
{
    exchange(*state, 0, STORM_MUTE);
    assert_int_equal(line.heard.n, 0);
    assert_int_equal(line.stub->troubles, 1);
}

static void test_it_is_late(void **state)
{
    struct rd_message wire;
    uint64_t asked_ns = ((struct stub *)*state)->storm.sim->now_ns;

    exchange(*state, 0, STORM_LATE);
    assert_true(is_whole(&wire));
    assert_int_equal(line.first_ns, asked_ns + STUB_LATENCY + 6 * S);
    assert_int_equal(line.stub->troubles, 1);
}

static void test_it_says_tc(void **state)
{
    for (unsigned i = 0; i < ASKED; i++) {
        struct rd_message wire;

        exchange(*state, i, STORM_TRUNCATE_TCP);
        assert_true(is_whole(&wire));
        assert_true(wire.flags & RD_DNS_TC);
        assert_int_equal(line.stub->troubles, 1);
        exchange(*state, i, STORM_TRUNCATE);
        assert_true(is_whole(&wire));
        assert_false(wire.flags & RD_DNS_TC);
    }
}

static void test_it_breaks_off(void **state)
{
    for (unsigned i = 0; i < ASKED; i++) {
        struct rd_message wire;

        exchange(*state, i, STORM_TCP_MIDWAY);
        assert_false(is_whole(&wire));
        assert_true(line.ended);
        assert_true(line.stub->troubles > 0);
        assert_int_equal(line.stub->troubles_of_all, 1);
    }
}

static void test_it_comes_in_pieces(void **state)
{
    unsigned most = 0;

    for (unsigned i = 0; i < ASKED; i++) {
        struct rd_message wire;

        exchange(*state, i, STORM_TCP_PIECES);
        assert_true(is_whole(&wire));
        assert_true(line.pieces >= 2);
        assert_true(line.last_ns > line.first_ns);
        assert_true(line.stub->troubles > 0);
        most = line.pieces > most ? line.pieces : most;
    }
    assert_true(most >= 4);
}

static void test_pieces_are_not_mixed_with_other_messages(void **state)
{
    uint32_t len;

    for (unsigned i = 0; i < ASKED; i++) {
        struct rd_message wire;

        open_line(*state);
        line.stub->fault = STORM_TCP_PIECES;
        ask_line(i, RD_TYPE_A);
        ask_line(i + 1, RD_TYPE_A);
        line.stub->fault = -1;
        ask_line(i + 2, RD_TYPE_A);
        sim_run_for(line.stub->storm.sim, 20 * S);
        for (unsigned n = 0; n < 3; n++) {
            assert_true(sim_bytes_message(&line.heard, &len));
            packet_parse(line.heard.at + 2, len, &wire, NULL);
            sim_bytes_take(&line.heard, 2 + len);
        }
        assert_int_equal(line.heard.n, 0);
    }
}

static void whim(struct stub *stub, enum storm_fault fault, enum sim_accept accept)
{
    struct sim *sim = stub->storm.sim;

    open_line(stub);
    stub->fault = (int)fault;
    ask_line(0, RD_TYPE_A);
    assert_int_equal(line.upstream->accept, accept);
    assert_int_equal(stub->troubles_of_all, 1);
    assert_true(stub->trouble_until_ns >= sim->now_ns + S);
    ask_line(1, RD_TYPE_A); /* on the same connection: nothing is drawn */
    assert_int_equal(stub->troubles_of_all, 1);
    stub->fault = -1;
    sim_run_for(sim, S);
    assert_int_equal(line.upstream->accept, SIM_ACCEPT);
    stub_clear(stub);
}

static void test_the_next_connection_is_not_taken(void **state)
{
    whim(*state, STORM_TCP_REFUSE, SIM_REFUSE);
    whim(*state, STORM_TCP_SILENT, SIM_SILENT);
}

static void test_who_dies_is_silent_on_connections(void **state)
{
    struct stub *stub = *state;
    struct sim *sim = stub->storm.sim;
    struct rd_message wire;

    servers_die(&stub->storm, 0, 0, sim->now_ns + S, false);
    exchange(stub, 0, -1);
    assert_int_equal(line.heard.n, 0);
    assert_int_equal(stub->troubles, 1);
    exchange(stub, 0, -1);
    assert_true(is_whole(&wire));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STUB_TEST(test_all_is_said_by_tcp),
        STUB_TEST(test_it_is_mute),
        STUB_TEST(test_it_is_late),
        STUB_TEST(test_it_says_tc),
        STUB_TEST(test_it_breaks_off),
        STUB_TEST(test_it_comes_in_pieces),
        STUB_TEST(test_pieces_are_not_mixed_with_other_messages),
        STUB_TEST(test_the_next_connection_is_not_taken),
        STUB_TEST(test_who_dies_is_silent_on_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
