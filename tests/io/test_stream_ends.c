/* SPDX-License-Identifier: BSD-2-Clause */
/* test_stream_ends.c - how streams begin and end, and that what is dead stays dead. */
#include "stream_bed.h"

#include <errno.h>
#include <unistd.h>

static void test_a_half_closed_client_is_answered(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    tcp_say(client, "ask");
    assert_return_code(shutdown(client, SHUT_WR), errno);
    msg = stream_receive(&bed, "ask");
    stream_expect(&bed, stream, IO_STREAM_ENDED);
    stream_answer(&bed, &msg, "answer");
    bed.ops->drop(bed.io, &msg, 1);
    tcp_expect(&bed, client, "answer");
    stream_expect(&bed, stream, IO_STREAM_DRAINED);
    bed.ops->stream_close(bed.io, stream, false);
    assert_int_equal(tcp_end(&bed, client), 0);
    assert_no_event(&bed);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

static void test_the_end_comes_behind_the_last_message(void **state)
{
    struct bed bed;
    struct io_message msgs[3];
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    bed.ops->stream_read(bed.io, stream, false);
    for (int i = 0; i < 3; i++)
        tcp_say(client, "ask");
    /* And a part of one that never becomes whole. */
    tcp_send(client, "\0\11xy", 4);
    close(client);
    bed.ops->stream_read(bed.io, stream, true);
    for (int i = 0; i < 3; i++) {
        bed_receive(&bed, &msgs[i], 1);
        assert_no_event(&bed);
    }
    while (bed_event(&bed).kind != IO_STREAM_ENDED)
        ;
    bed.ops->drop(bed.io, msgs, 3);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
}

static void reset(int fd)
{
    struct linger now = {1, 0};

    assert_return_code(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), errno);
    close(fd);
}

static void test_a_reset_is_told(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    tcp_say(client, "ask");
    msg = stream_receive(&bed, "ask");
    tcp_send(client, "\0\11xy", 4);
    stream_expect(&bed, stream, IO_STREAM_BEGUN);
    reset(client);
    assert_int_equal(stream_expect(&bed, stream, IO_STREAM_CLOSED), ECONNRESET);
    /* What is sent now is lost, and counted. */
    bed.ops->send(bed.io, &msg, 1);
    assert_int_equal(rd_stat_get(&bed.stats.answers_lost_closed), 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
}

/* A reset may be noticed by writing; what is queued goes home with it. */
static void test_a_reset_that_writing_meets(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    tcp_say(client, "ask");
    assert_return_code(shutdown(client, SHUT_WR), errno);
    msg = stream_receive(&bed, "ask");
    stream_expect(&bed, stream, IO_STREAM_ENDED);
    reset(client);
    stream_answer(&bed, &msg, "one");
    stream_answer(&bed, &msg, "two");
    assert_int_not_equal(stream_expect(&bed, stream, IO_STREAM_CLOSED), 0);
    assert_int_equal(rd_stat_get(&bed.stats.answers_lost_closed), 2);
    bed.ops->drop(bed.io, &msg, 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
}

static void test_close_tells_the_peer(void **state)
{
    struct bed bed;
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    for (int by_reset = 0; by_reset < 2; by_reset++) {
        client = stream_client(&bed, &stream);
        bed.ops->stream_close(bed.io, stream, by_reset == 1);
        assert_int_equal(tcp_end(&bed, client), by_reset == 1 ? ECONNRESET : 0);
        assert_no_event(&bed);
        close(client);
    }
    bed_end(&bed);
}

static void test_nothing_follows_a_close(void **state)
{
    struct bed bed;
    uint32_t stream;
    int client, other = peer_socket("127.0.0.1", 0);

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    /* Closed with something in the kernel's queue, and with something received and not framed. */
    for (int round = 0; round < 20; round++) {
        client = stream_client(&bed, &stream);
        if (round % 2 == 0)
            bed_turn(&bed);
        tcp_send(client, "\0\3one\0\3two\0\3", 12);
        if (round % 4 < 2)
            bed_turn(&bed);
        bed.ops->stream_close(bed.io, stream, false);
        bed_assert_quiet(&bed, other, 0);
        assert_no_event(&bed);
        close(client);
    }
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(other);
}

static void test_a_dead_handle_does_nothing(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t stream, next;
    int client, second;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    tcp_say(client, "ask");
    msg = stream_receive(&bed, "ask");
    bed.ops->stream_close(bed.io, stream, false);
    stream_answer(&bed, &msg, "late");
    second = stream_client(&bed, &next);
    stream_answer(&bed, &msg, "later");
    bed.ops->stream_read(bed.io, stream, true);
    bed.ops->stream_close(bed.io, stream, true);
    assert_int_equal(rd_stat_get(&bed.stats.answers_lost_closed), 2);
    msg.origin = IO_STREAM;
    msg.port = stream;
    bed.ops->send(bed.io, &msg, 1);
    assert_int_equal(rd_stat_get(&bed.stats.upstream_send_failed), 1);
    tcp_say(second, "ask");
    msg = stream_receive(&bed, "ask");
    bed.ops->send(bed.io, &msg, 1);
    tcp_expect(&bed, second, "ask");
    bed_end(&bed);
    close(client);
    close(second);
}

/* With one place, and many lives in it, each late answer is for the life before. */
static void test_a_place_is_used_again_without_what_was_for_the_old_one(void **state)
{
    struct bed bed;
    struct io_message msg, late = {0};
    uint32_t stream, before = 0;
    int client;

    stream_bed_prepare(&bed, state);
    bed.plan.max_streams = 1;
    stream_bed_start(&bed, "127.0.0.1");
    for (unsigned round = 0; round < 20; round++) {
        client = stream_client(&bed, &stream);
        assert_int_equal(io_stream_place(stream), 0);
        assert_int_not_equal(stream, before);
        if (round > 0)
            stream_answer(&bed, &late, "late");
        tcp_say(client, "ask");
        msg = stream_receive(&bed, "ask");
        late = msg;
        before = stream;
        stream_answer(&bed, &msg, "in time");
        tcp_expect(&bed, client, "in time");
        stream_expect(&bed, stream, IO_STREAM_DRAINED);
        bed.ops->drop(bed.io, &msg, 1);
        bed.ops->stream_close(bed.io, stream, false);
        assert_int_equal(tcp_end(&bed, client), 0);
        close(client);
    }
    assert_int_equal(rd_stat_get(&bed.stats.answers_lost_closed), 19);
    bed_end(&bed);
}

static void test_ours_asks_and_is_answered(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t stream;
    int server;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    server = stream_to_server(&bed, &stream);
    stream_say(&bed, stream, "question");
    tcp_expect(&bed, server, "question");
    stream_expect(&bed, stream, IO_STREAM_DRAINED);
    tcp_say(server, "reply");
    msg = stream_receive(&bed, "reply");
    assert_int_equal(msg.origin, IO_STREAM);
    assert_int_equal(msg.port, stream);
    bed.ops->drop(bed.io, &msg, 1);
    close(server);
    stream_expect(&bed, stream, IO_STREAM_ENDED);
    bed.ops->stream_close(bed.io, stream, false);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
}

static void test_what_is_sent_before_it_stands_is_queued(void **state)
{
    struct bed bed;
    union rd_address to, from = {0};
    int server = tcp_server(&to), stream, fd;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    stream = bed.ops->stream_open(bed.io, &to, &from);
    assert_return_code(stream, -stream);
    stream_say(&bed, (uint32_t)stream, "one");
    stream_say(&bed, (uint32_t)stream, "two");
    assert_int_equal(bed.ops->stream_unsent(bed.io, (uint32_t)stream), 10);
    fd = tcp_accept(&bed, server);
    tcp_expect(&bed, fd, "one");
    tcp_expect(&bed, fd, "two");
    stream_expect(&bed, (uint32_t)stream, IO_STREAM_CONNECTED);
    stream_expect(&bed, (uint32_t)stream, IO_STREAM_DRAINED);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(fd);
    close(server);
}

static void test_ours_leaves_from_the_address_that_was_asked_for(void **state)
{
    struct bed bed;
    union rd_address to, from = host_address("127.0.0.7", 0), seen = {0};
    socklen_t len = sizeof(seen);
    int server = tcp_server(&to), fd;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    assert_true(bed.ops->stream_open(bed.io, &to, &from) >= 0);
    fd = tcp_accept(&bed, server);
    assert_return_code(getpeername(fd, &seen.any, &len), errno);
    seen.v4.sin_port = 0;
    assert_true(rd_address_equal(&seen, &from));
    bed_end(&bed);
    close(fd);
    close(server);
}

static void test_a_refused_connection_is_told(void **state)
{
    struct bed bed;
    union rd_address to = host_address("127.0.0.1", 0), from = {0};
    int stream, held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* Bound, so that nobody else listens there. */
    assert_return_code(held, errno);
    assert_return_code(bind(held, &to.any, rd_address_len(&to)), errno);
    to = socket_address(held);
    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    for (int round = 0; round < 20; round++) {
        stream = bed.ops->stream_open(bed.io, &to, &from);
        assert_return_code(stream, -stream);
        stream_say(&bed, (uint32_t)stream, "question");
        assert_int_equal(stream_expect(&bed, (uint32_t)stream, IO_STREAM_CLOSED), ECONNREFUSED);
    }
    assert_int_equal(rd_stat_get(&bed.stats.upstream_send_failed), 20);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(held);
}

/* Closed while it connects, while it writes, and while nobody reads what it writes. */
static void test_ours_closed_in_the_middle(void **state)
{
    struct bed bed;
    union rd_address to, from = {0};
    int server = tcp_server(&to), stream;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    for (int turns = 0; turns < 4; turns++) {
        stream = bed.ops->stream_open(bed.io, &to, &from);
        assert_return_code(stream, -stream);
        for (int i = 0; i < turns; i++)
            bed_turn(&bed);
        stream_say(&bed, (uint32_t)stream, "question");
        if (turns > 1)
            bed_turn(&bed);
        bed.ops->stream_close(bed.io, (uint32_t)stream, false);
        close(tcp_accept(&bed, server));
        assert_no_event(&bed);
    }
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(server);
}

static void test_stop_with_streams_of_all_kinds(void **state)
{
    struct bed bed;
    struct io_message msg;
    union rd_address to, from = {0};
    uint32_t stream;
    int clients[4], server = tcp_server(&to), descriptors = dup(0);

    close(descriptors);
    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    for (int i = 0; i < 4; i++)
        clients[i] = stream_client(&bed, &stream);
    tcp_say(clients[0], "ask");
    msg = stream_receive(&bed, "ask");
    bed.ops->send(bed.io, &msg, 1);
    tcp_send(clients[1], "\0\11xy", 4);
    tcp_send(clients[2], "\0\3one\0\3two\0\3", 12);
    bed_turn(&bed);
    bed.ops->stream_close(bed.io, stream, false);
    assert_true(bed.ops->stream_open(bed.io, &to, &from) >= 0);
    bed.ops->stop(bed.io);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed.ops->close(bed.io);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    /* Everything that was opened since is closed. */
    assert_int_equal(dup(0), descriptors);
    close(descriptors);
    close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_BOTH(test_a_half_closed_client_is_answered),
        BED_BOTH(test_the_end_comes_behind_the_last_message),
        BED_BOTH(test_a_reset_is_told),
        BED_BOTH(test_a_reset_that_writing_meets),
        BED_BOTH(test_close_tells_the_peer),
        BED_BOTH(test_nothing_follows_a_close),
        BED_BOTH(test_a_dead_handle_does_nothing),
        BED_BOTH(test_a_place_is_used_again_without_what_was_for_the_old_one),
        BED_BOTH(test_ours_asks_and_is_answered),
        BED_BOTH(test_what_is_sent_before_it_stands_is_queued),
        BED_BOTH(test_ours_leaves_from_the_address_that_was_asked_for),
        BED_BOTH(test_a_refused_connection_is_told),
        BED_BOTH(test_ours_closed_in_the_middle),
        BED_BOTH(test_stop_with_streams_of_all_kinds),
    };

    return bed_run("io/stream_ends", tests, sizeof(tests) / sizeof(tests[0]));
}
