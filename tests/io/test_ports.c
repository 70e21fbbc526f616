/* SPDX-License-Identifier: BSD-2-Clause */
/* test_ports.c - upstream ports: replies and errors reach the port they belong to, and no other. */
#include "bed.h"

#include <errno.h>
#include <unistd.h>

#include "io/ports.h"
#include "ringdns/limits.h"

static void ask_and_answer(void **state, const char *host)
{
    struct bed bed;
    struct io_message msgs[2];
    union rd_address at[2];
    uint32_t ports[2];
    int servers[2] = {peer_socket(host, 0), peer_socket(host, 0)};

    bed_prepare(&bed, state);
    bed_start(&bed);
    for (int i = 0; i < 2; i++) {
        at[i] = socket_address(servers[i]);
        ports[i] = bed_port(&bed, &at[i]);
        bed_ask(&bed, ports[i], i == 0 ? "first" : "second");
    }
    bed_turn(&bed);
    /* Answered the other way round. */
    for (int i = 1; i >= 0; i--) {
        union rd_address from = peer_expect(servers[i], i == 0 ? "first" : "second");

        peer_send(servers[i], &from, i == 0 ? "to first" : "to second", i == 0 ? 8 : 9);
    }
    bed_receive(&bed, msgs, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(msgs[i].origin, IO_PORT);
        assert_true(msgs[i].port == ports[0] || msgs[i].port == ports[1]);
        assert_text(&msgs[i], msgs[i].port == ports[0] ? "to first" : "to second");
        assert_false(msgs[i].cut);
    }
    assert_int_not_equal(msgs[0].port, msgs[1].port);
    bed.ops->drop(bed.io, msgs, 2);
    bed_end(&bed);
    close(servers[0]);
    close(servers[1]);
}

static void test_reply_reaches_its_port_over_v4(void **state)
{
    ask_and_answer(state, "127.0.0.1");
}

static void test_reply_reaches_its_port_over_v6(void **state)
{
    ask_and_answer(state, "::1");
}

static void leave_from(void **state, const char *host)
{
    struct bed bed;
    union rd_address to, seen, from = host_address(host, free_port(AF_INET));
    int server = peer_socket("127.0.0.1", 0), port;

    bed_prepare(&bed, state);
    bed_start(&bed);
    to = socket_address(server);
    port = bed.ops->port_open(bed.io, &to, &from);
    assert_return_code(port, -port);
    bed_ask(&bed, (uint32_t)port, "ask");
    bed_turn(&bed);
    seen = peer_expect(server, "ask");
    assert_int_equal(rd_address_port(&seen), rd_address_port(&from));
    if (from.v4.sin_addr.s_addr != htonl(INADDR_ANY))
        assert_true(rd_address_equal(&seen, &from));
    bed_end(&bed);
    close(server);
}

static void test_port_leaves_from_the_number_that_was_drawn(void **state)
{
    leave_from(state, "0.0.0.0");
}

static void test_port_leaves_from_the_address_that_was_asked_for(void **state)
{
    leave_from(state, "127.0.0.7");
}

static void test_taken_port_is_a_condition(void **state)
{
    struct bed bed;
    union rd_address to, taken;
    int server = peer_socket("127.0.0.1", 0), other = peer_socket("0.0.0.0", 0);

    bed_prepare(&bed, state);
    bed_start(&bed);
    to = socket_address(server);
    taken = socket_address(other);
    assert_int_equal(bed.ops->port_open(bed.io, &to, &taken), -EADDRINUSE);
    close(other);
    assert_int_equal(bed.ops->port_open(bed.io, &to, &taken), 0);
    bed_end(&bed);
    close(server);
}

/* A port's server is the only one that it hears. */
static void test_strangers_are_not_heard(void **state)
{
    struct bed bed;
    union rd_address to, here;
    union rd_address from = any_address(AF_INET, free_port(AF_INET));
    int server = peer_socket("127.0.0.1", 0), stranger = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    to = socket_address(server);
    assert_true(bed.ops->port_open(bed.io, &to, &from) >= 0);
    bed_turn(&bed);
    here = host_address("127.0.0.1", rd_address_port(&from));
    peer_send(stranger, &here, "forged", 6);
    bed_assert_quiet(&bed, stranger, 0);
    bed_end(&bed);
    close(server);
    close(stranger);
}

/* Opens a port again as soon as a handle is free; nothing may be received until then. */
static uint32_t reopen(struct bed *bed, const union rd_address *to)
{
    struct io_message msg;
    union rd_address from;
    int port = -EMFILE;

    for (int i = 0; i < 1000 && port == -EMFILE; i++) {
        from = any_address(AF_INET, free_port(AF_INET));
        port = bed->ops->port_open(bed->io, to, &from);
        if (port == -EMFILE)
            bed_turn(bed);
        assert_int_equal(bed->ops->recv(bed->io, &msg, 1), 0);
    }
    assert_return_code(port, -port);
    return (uint32_t)port;
}

static void test_late_datagram_never_reaches_a_reused_handle(void **state)
{
    struct bed bed;
    struct io_message msg;
    union rd_address to, from, again;
    uint32_t port;
    int server = peer_socket("127.0.0.1", 0), client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed.plan.max_ports = 1;
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    to = socket_address(server);
    for (int round = 0; round < 20; round++) {
        port = round == 0 ? bed_port(&bed, &to) : reopen(&bed, &to);
        assert_int_equal(port, 0);
        bed_ask(&bed, port, "ask");
        bed_turn(&bed);
        from = peer_expect(server, "ask");
        peer_send(server, &from, "late", 4);
        peer_send(server, &from, "later", 5);
        /* With an odd round the datagrams are in user space already when the port is closed. */
        if (round % 2 == 1)
            bed_turn(&bed);
        bed.ops->port_close(bed.io, port);
    }
    port = reopen(&bed, &to);
    bed_assert_quiet(&bed, client, 0);
    bed_ask(&bed, port, "ask");
    bed_turn(&bed);
    again = peer_expect(server, "ask");
    peer_send(server, &again, "in time", 7);
    bed_receive(&bed, &msg, 1);
    assert_text(&msg, "in time");
    bed.ops->drop(bed.io, &msg, 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(server);
    close(client);
}

static void test_handles_are_limited_and_come_back(void **state)
{
    struct bed bed;
    union rd_address to, from = any_address(AF_INET, free_port(AF_INET));
    int server = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed.plan.max_ports = 3;
    bed_start(&bed);
    to = socket_address(server);
    for (int i = 0; i < 3; i++)
        assert_true(bed_port(&bed, &to) < 3);
    assert_int_equal(bed.ops->port_open(bed.io, &to, &from), -EMFILE);
    bed.ops->port_close(bed.io, 1);
    assert_int_equal(reopen(&bed, &to), 1);
    bed_end(&bed);
    close(server);
}

/* A closed port's number can be bound by others once its last completion has come. */
static void test_closed_port_is_given_back_to_the_system(void **state)
{
    struct bed bed;
    union rd_address to;
    uint16_t drawn = free_port(AF_INET);
    union rd_address from = any_address(AF_INET, drawn);
    int server = peer_socket("127.0.0.1", 0), port;

    bed_prepare(&bed, state);
    bed.plan.max_ports = 1;
    bed_start(&bed);
    to = socket_address(server);
    port = bed.ops->port_open(bed.io, &to, &from);
    assert_int_equal(port, 0);
    bed_turn(&bed);
    bed.ops->port_close(bed.io, 0);
    reopen(&bed, &to);
    close(peer_socket("0.0.0.0", drawn));
    bed_end(&bed);
    close(server);
}

static void test_refusal_is_an_event_and_the_port_lives_on(void **state)
{
    struct bed bed;
    struct io_message msg;
    struct io_event event;
    uint16_t number = free_port(AF_INET);
    union rd_address to = host_address("127.0.0.1", number), from;
    uint32_t port;
    int server;

    bed_prepare(&bed, state);
    bed_start(&bed);
    port = bed_port(&bed, &to);
    bed_ask(&bed, port, "anybody?");
    event = bed_event(&bed);
    assert_int_equal(event.kind, IO_PORT_ERROR);
    assert_int_equal(event.port, port);
    assert_int_equal(event.error, ECONNREFUSED);
    server = peer_socket("127.0.0.1", number);
    bed_ask(&bed, port, "now?");
    bed_turn(&bed);
    from = peer_expect(server, "now?");
    peer_send(server, &from, "yes", 3);
    bed_receive(&bed, &msg, 1);
    assert_text(&msg, "yes");
    bed.ops->drop(bed.io, &msg, 1);
    assert_int_equal(rd_stat_get(&bed.stats.io_errors), 0);
    bed_end(&bed);
    close(server);
}

/* The refusal of the first packet meets the second one on its way out. */
static void test_failed_send_is_an_event(void **state)
{
    struct bed bed;
    struct io_event event;
    union rd_address to = host_address("127.0.0.1", free_port(AF_INET));
    uint32_t port;

    bed_prepare(&bed, state);
    bed_start(&bed);
    port = bed_port(&bed, &to);
    bed_ask(&bed, port, "one");
    bed_ask(&bed, port, "two");
    event = bed_event(&bed);
    assert_int_equal(event.kind, IO_SEND_FAILED);
    assert_int_equal(event.port, port);
    assert_int_equal(event.error, ECONNREFUSED);
    assert_int_equal(rd_stat_get(&bed.stats.upstream_send_failed), 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
}

static void test_events_of_a_closed_port_are_gone(void **state)
{
    struct bed bed;
    struct io_event event;
    struct io_message msg;
    union rd_address to = host_address("127.0.0.1", free_port(AF_INET));
    uint32_t port;

    bed_prepare(&bed, state);
    bed.plan.max_ports = 1;
    bed_start(&bed);
    port = bed_port(&bed, &to);
    bed_ask(&bed, port, "one");
    bed_ask(&bed, port, "two");
    bed_turn(&bed);
    assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
    bed.ops->port_close(bed.io, port);
    assert_int_equal(reopen(&bed, &to), port);
    bed_turn(&bed);
    assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
    assert_int_equal(bed.ops->events(bed.io, &event, 1), 0);
    assert_int_equal(rd_stat_get(&bed.stats.upstream_send_failed), 1);
    bed_end(&bed);
}

static void test_event_queue_is_bounded(void **state)
{
    static struct io_event events[PORTS_EVENTS + 1];
    struct bed bed;
    struct io_message msg;
    union rd_address to = host_address("127.0.0.1", free_port(AF_INET));
    uint32_t port;
    unsigned n;

    bed_prepare(&bed, state);
    bed_start(&bed);
    port = bed_port(&bed, &to);
    for (unsigned i = 0; i < 2 * PORTS_EVENTS + 100; i++) {
        bed_ask(&bed, port, "anybody?");
        bed_turn(&bed);
        assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
    }
    n = bed.ops->events(bed.io, events, PORTS_EVENTS + 1);
    assert_int_equal(n, PORTS_EVENTS);
    assert_true(rd_stat_get(&bed.stats.io_errors) > 0);
    bed_end(&bed);
}

static void test_empty_reply_is_a_message(void **state)
{
    struct bed bed;
    struct io_message msg;
    union rd_address to, from;
    uint32_t port;
    int server = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_start(&bed);
    to = socket_address(server);
    port = bed_port(&bed, &to);
    bed_ask(&bed, port, "ask");
    bed_turn(&bed);
    from = peer_expect(server, "ask");
    for (int i = 0; i < 5; i++) {
        peer_send(server, &from, "", 0);
        bed_receive(&bed, &msg, 1);
        assert_int_equal(msg.len, 0);
        assert_int_equal(msg.port, port);
        bed.ops->drop(bed.io, &msg, 1);
    }
    peer_send(server, &from, "good", 4);
    bed_receive(&bed, &msg, 1);
    assert_text(&msg, "good");
    bed.ops->drop(bed.io, &msg, 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(server);
}

static void test_reply_beyond_the_buffer_is_cut(void **state)
{
    static char data[RD_BUFFER_BYTES + 100];
    struct bed bed;
    struct io_message msg;
    union rd_address to, from;
    int server = peer_socket("::1", 0);

    bed_prepare(&bed, state);
    bed_start(&bed);
    to = socket_address(server);
    bed_ask(&bed, bed_port(&bed, &to), "ask");
    bed_turn(&bed);
    from = peer_expect(server, "ask");
    peer_send(server, &from, data, sizeof(data));
    bed_receive(&bed, &msg, 1);
    assert_true(msg.cut);
    assert_int_equal(msg.len, RD_BUFFER_BYTES);
    bed.ops->drop(bed.io, &msg, 1);
    peer_send(server, &from, data, 4096);
    bed_receive(&bed, &msg, 1);
    assert_false(msg.cut);
    assert_int_equal(msg.len, 4096);
    bed.ops->drop(bed.io, &msg, 1);
    bed_end(&bed);
    close(server);
}

/* A query's own buffer goes upstream, and the reply's buffer goes to the client. */
static void test_buffers_travel_both_ways(void **state)
{
    struct bed bed;
    struct io_message query, reply;
    struct io_path back;
    union rd_address to, from;
    int server = peer_socket("127.0.0.1", 0), client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    to = socket_address(server);
    query.port = 0;
    peer_send(client, &bed.listeners[0], "what?", 5);
    bed_receive(&bed, &query, 1);
    back = query.path;
    query.origin = IO_PORT;
    query.port = bed_port(&bed, &to);
    bed.ops->send(bed.io, &query, 1);
    bed_turn(&bed);
    from = peer_expect(server, "what?");
    peer_send(server, &from, "that", 4);
    bed_receive(&bed, &reply, 1);
    reply.origin = IO_CLIENT;
    reply.path = back;
    bed.ops->send(bed.io, &reply, 1);
    bed_turn(&bed);
    from = peer_expect(client, "that");
    assert_true(rd_address_equal(&from, &bed.listeners[0]));
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(server);
    close(client);
}

static void test_kernel_drops_at_a_port_are_counted(void **state)
{
    struct bed bed;
    struct io_message msgs[64];
    union rd_address to, from;
    uint32_t port;
    uint64_t sent = 0, got = 0;
    unsigned n;
    int server = peer_socket("127.0.0.1", 0);
    static char data[4000];

    bed_prepare(&bed, state);
    bed_start(&bed);
    to = socket_address(server);
    port = bed_port(&bed, &to);
    bed_ask(&bed, port, "ask");
    bed_turn(&bed);
    from = peer_expect(server, "ask");
    for (; sent < 1000; sent++)
        peer_send(server, &from, data, sizeof(data));
    do {
        bed_turn(&bed);
        n = bed.ops->recv(bed.io, msgs, 64);
        bed.ops->drop(bed.io, msgs, n);
        got += n;
    } while (n > 0 || got == 0);
    bed.ops->port_close(bed.io, port);
    assert_true(got < sent);
    assert_int_equal(rd_stat_get(&bed.stats.dropped_port), sent - got);
    bed_end(&bed);
    close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_BOTH(test_reply_reaches_its_port_over_v4),
        BED_BOTH(test_reply_reaches_its_port_over_v6),
        BED_BOTH(test_port_leaves_from_the_number_that_was_drawn),
        BED_BOTH(test_port_leaves_from_the_address_that_was_asked_for),
        BED_BOTH(test_taken_port_is_a_condition),
        BED_BOTH(test_strangers_are_not_heard),
        BED_BOTH(test_late_datagram_never_reaches_a_reused_handle),
        BED_BOTH(test_handles_are_limited_and_come_back),
        BED_BOTH(test_closed_port_is_given_back_to_the_system),
        BED_BOTH(test_refusal_is_an_event_and_the_port_lives_on),
        BED_BOTH(test_failed_send_is_an_event),
        BED_BOTH(test_events_of_a_closed_port_are_gone),
        BED_BOTH(test_event_queue_is_bounded),
        BED_BOTH(test_empty_reply_is_a_message),
        BED_BOTH(test_reply_beyond_the_buffer_is_cut),
        BED_BOTH(test_buffers_travel_both_ways),
        BED_BOTH(test_kernel_drops_at_a_port_are_counted),
    };

    return bed_run("io/ports", tests, sizeof(tests) / sizeof(tests[0]));
}
