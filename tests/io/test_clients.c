/* SPDX-License-Identifier: BSD-2-Clause */
/* test_clients.c - listeners: queries come in, answers leave from where they were asked. */
#include "bed.h"

#include <errno.h>
#include <unistd.h>

#include "ringdns/limits.h"

/* Sends "ask" to TO, answers "answer" in the same buffer, and returns the message as it came. */
static struct io_message echo(struct bed *bed, int client, const union rd_address *to)
{
    struct io_message msg;
    union rd_address from;

    peer_send(client, to, "ask", 3);
    bed_receive(bed, &msg, 1);
    assert_text(&msg, "ask");
    assert_int_equal(msg.origin, IO_CLIENT);
    assert_false(msg.cut);
    memcpy(msg.data, "answer", 6);
    msg.len = 6;
    bed->ops->send(bed->io, &msg, 1);
    bed_turn(bed);
    from = peer_expect(client, "answer");
    assert_true(rd_address_equal(&from, to));
    return msg;
}

static void echo_on(void **state, const char *host)
{
    struct bed bed;
    struct io_message msg;
    union rd_address address;
    int client = peer_socket(host, 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, host, 0);
    bed_start(&bed);
    msg = echo(&bed, client, &bed.listeners[0]);
    address = socket_address(client);
    assert_true(rd_address_equal(&msg.path.peer, &address));
    assert_int_equal(msg.path.local.any.sa_family, AF_UNSPEC);
    bed_end(&bed);
    close(client);
}

static void test_echo_over_v4(void **state)
{
    echo_on(state, "127.0.0.1");
}

static void test_echo_over_v6(void **state)
{
    echo_on(state, "::1");
}

static void test_wildcard_v4_answers_from_the_asked_address(void **state)
{
    struct bed bed;
    struct io_message msg;
    union rd_address asked;
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "0.0.0.0", 0);
    bed_start(&bed);
    asked = host_address("127.0.0.2", rd_address_port(&bed.listeners[0]));
    msg = echo(&bed, client, &asked);
    assert_true(rd_address_equal(&msg.path.local, &asked));
    bed_end(&bed);
    close(client);
}

static void test_wildcard_v6_answers_from_the_asked_address(void **state)
{
    struct bed bed;
    struct io_message msg;
    union rd_address asked;
    int client = peer_socket("::1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "::", 0);
    bed_start(&bed);
    asked = host_address("::1", rd_address_port(&bed.listeners[0]));
    msg = echo(&bed, client, &asked);
    assert_true(rd_address_equal(&msg.path.local, &asked));
    bed_end(&bed);
    close(client);
}

static void test_wildcard_v6_leaves_v4_alone(void **state)
{
    struct bed bed;
    int other;

    bed_prepare(&bed, state);
    bed_listen(&bed, "::", 0);
    bed_start(&bed);
    other = peer_socket("0.0.0.0", rd_address_port(&bed.listeners[0]));
    close(other);
    bed_end(&bed);
}

static void test_each_listener_answers_for_itself(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "::1"};
    struct bed bed;
    int v4 = peer_socket("127.0.0.1", 0), v6 = peer_socket("::1", 0);

    bed_prepare(&bed, state);
    for (unsigned i = 0; i < 3; i++)
        bed_listen(&bed, hosts[i], 0);
    bed_start(&bed);
    for (unsigned i = 0; i < 3; i++) {
        struct io_message msg = echo(&bed, i == 2 ? v6 : v4, &bed.listeners[i]);

        assert_int_equal(msg.path.way, i);
    }
    bed_end(&bed);
    close(v4);
    close(v6);
}

static void test_wildcard_and_specific_address_share_a_port(void **state)
{
    struct bed bed;
    union rd_address asked;
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "0.0.0.0", 0);
    bed_listen(&bed, "127.0.0.1", rd_address_port(&bed.listeners[0]));
    bed_start(&bed);
    echo(&bed, client, &bed.listeners[1]);
    asked = host_address("127.0.0.3", rd_address_port(&bed.listeners[0]));
    echo(&bed, client, &asked);
    bed_end(&bed);
    close(client);
}

static void test_empty_datagram_is_a_message(void **state)
{
    struct bed bed;
    struct io_message msg;
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    for (int i = 0; i < 5; i++) {
        peer_send(client, &bed.listeners[0], "", 0);
        bed_receive(&bed, &msg, 1);
        assert_int_equal(msg.len, 0);
        assert_int_equal(msg.origin, IO_CLIENT);
        bed.ops->drop(bed.io, &msg, 1);
    }
    echo(&bed, client, &bed.listeners[0]);
    assert_int_equal(rd_stat_get(&bed.stats.io_errors), 0);
    bed_end(&bed);
    close(client);
}

static void test_datagram_beyond_the_buffer_is_cut(void **state)
{
    static char data[RD_BUFFER_BYTES + 1000];
    struct bed bed;
    struct io_message msg;
    int client = peer_socket("127.0.0.1", 0);

    memset(data, 'x', sizeof(data));
    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    peer_send(client, &bed.listeners[0], data, sizeof(data));
    bed_receive(&bed, &msg, 1);
    assert_true(msg.cut);
    assert_int_equal(msg.len, msg.cap);
    assert_memory_equal(msg.data, data, msg.len);
    bed.ops->drop(bed.io, &msg, 1);
    echo(&bed, client, &bed.listeners[0]);
    bed_end(&bed);
    close(client);
}

static void test_a_datagram_of_4096_bytes_fits(void **state)
{
    static char data[4096];
    struct bed bed;
    struct io_message msg;
    int client = peer_socket("::1", 0);

    memset(data, 'y', sizeof(data));
    bed_prepare(&bed, state);
    bed_listen(&bed, "::", 0);
    bed_start(&bed);
    bed.listeners[0] = host_address("::1", rd_address_port(&bed.listeners[0]));
    peer_send(client, &bed.listeners[0], data, sizeof(data));
    bed_receive(&bed, &msg, 1);
    assert_false(msg.cut);
    assert_int_equal(msg.len, sizeof(data));
    assert_memory_equal(msg.data, data, msg.len);
    bed.ops->drop(bed.io, &msg, 1);
    bed_end(&bed);
    close(client);
}

static void test_answer_that_cannot_be_sent_is_counted(void **state)
{
    struct bed bed;
    struct io_message msg;
    struct io_event event;
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    peer_send(client, &bed.listeners[0], "ask", 3);
    bed_receive(&bed, &msg, 1);
    msg.path.peer.v4.sin_port = 0;
    bed.ops->send(bed.io, &msg, 1);
    bed_turn(&bed);
    assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
    assert_int_equal(rd_stat_get(&bed.stats.answers_lost_send), 1);
    assert_int_equal(bed.ops->events(bed.io, &event, 1), 0);
    assert_int_equal(bed_buffers_out(&bed), 0);
    echo(&bed, client, &bed.listeners[0]);
    bed_end(&bed);
    close(client);
}

static void test_answers_still_leave_after_unlisten(void **state)
{
    struct bed bed;
    struct io_message msgs[2];
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    peer_send(client, &bed.listeners[0], "one", 3);
    bed_receive(&bed, &msgs[0], 1);
    bed.ops->unlisten(bed.io);
    bed_turn(&bed);
    assert_int_equal(bed.ops->recv(bed.io, &msgs[1], 1), 0);
    peer_send(client, &bed.listeners[0], "two", 3);
    for (int i = 0; i < 10; i++) {
        bed_turn(&bed);
        assert_int_equal(bed.ops->recv(bed.io, &msgs[1], 1), 0);
    }
    bed.ops->send(bed.io, msgs, 1);
    bed_turn(&bed);
    peer_expect(client, "one");
    bed_end(&bed);
    close(client);
}

static void test_port_of_another_process_is_found_in_use(void **state)
{
    struct bed bed;
    struct rd_failure failure = {NULL, -1};
    int on = 1, other = socket(AF_INET, SOCK_DGRAM, 0);

    assert_return_code(other, errno);
    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_listen(&bed, "127.0.0.1", 0);
    assert_return_code(setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), errno);
    assert_return_code(bind(other, &bed.listeners[1].any, rd_address_len(&bed.listeners[1])),
                       errno);
    assert_int_equal(bed.ops->open(&bed.plan, &bed.io, &failure), -EADDRINUSE);
    assert_int_equal(failure.listener, 1);
    assert_string_equal(failure.step, "bind");
    close(other);
    bed_start(&bed);
    bed_end(&bed);
}

static void test_missing_address_is_named(void **state)
{
    struct bed bed;
    struct rd_failure failure = {NULL, -1};

    bed_prepare(&bed, state);
    bed_listen(&bed, "192.0.2.77", 0);
    assert_int_equal(bed.ops->open(&bed.plan, &bed.io, &failure), -EADDRNOTAVAIL);
    assert_int_equal(failure.listener, 0);
    bed.plan.freebind = true;
    bed_start(&bed);
    bed_end(&bed);
}

static void test_workers_share_a_listener(void **state)
{
    struct bed first, second;
    struct io_message msgs[64];
    unsigned n = 0;

    bed_prepare(&first, state);
    bed_listen(&first, "127.0.0.1", 0);
    first.plan.workers = 2;
    bed_start(&first);
    bed_prepare(&second, state);
    bed_listen(&second, "127.0.0.1", rd_address_port(&first.listeners[0]));
    second.plan.worker = 1;
    second.plan.workers = 2;
    bed_start(&second);
    for (int i = 0; i < 32; i++) {
        int client = peer_socket("127.0.0.1", 0);

        peer_send(client, &first.listeners[0], "ask", 3);
        close(client);
    }
    for (int i = 0; i < 1000 && n < 32; i++) {
        bed_turn(&first);
        n += first.ops->recv(first.io, &msgs[n], 64 - n);
        bed_turn(&second);
        n += second.ops->recv(second.io, &msgs[n], 64 - n);
    }
    assert_int_equal(n, 32);
    assert_true(bed_buffers_out(&first) > 0);
    assert_true(bed_buffers_out(&second) > 0);
    bed_end(&first);
    bed_end(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_BOTH(test_echo_over_v4),
        BED_BOTH(test_echo_over_v6),
        BED_BOTH(test_wildcard_v4_answers_from_the_asked_address),
        BED_BOTH(test_wildcard_v6_answers_from_the_asked_address),
        BED_BOTH(test_wildcard_v6_leaves_v4_alone),
        BED_BOTH(test_each_listener_answers_for_itself),
        BED_BOTH(test_wildcard_and_specific_address_share_a_port),
        BED_BOTH(test_empty_datagram_is_a_message),
        BED_BOTH(test_datagram_beyond_the_buffer_is_cut),
        BED_BOTH(test_a_datagram_of_4096_bytes_fits),
        BED_BOTH(test_answer_that_cannot_be_sent_is_counted),
        BED_BOTH(test_answers_still_leave_after_unlisten),
        BED_BOTH(test_port_of_another_process_is_found_in_use),
        BED_BOTH(test_missing_address_is_named),
        BED_BOTH(test_workers_share_a_listener),
    };

    return bed_run("io/clients", tests, sizeof(tests) / sizeof(tests[0]));
}
