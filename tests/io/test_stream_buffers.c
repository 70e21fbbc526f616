/* SPDX-License-Identifier: BSD-2-Clause */
/* test_stream_buffers.c - buffers are used up: who waits, who goes on, and who has to go. */
#include "stream_bed.h"

#include <errno.h>
#include <unistd.h>

#define LONGEST 65535

static void test_no_stream_buffer_is_left(void **state)
{
    struct bed bed;
    struct io_message held[4], msg;
    uint32_t stream;
    int clients[4], last, other = peer_socket("127.0.0.1", 0);

    stream_bed_prepare(&bed, state);
    bed.plan.stream_buffers = 4;
    stream_bed_start(&bed, "127.0.0.1");
    for (int i = 0; i < 4; i++) {
        clients[i] = stream_client(&bed, &stream);
        tcp_say(clients[i], "first");
        held[i] = stream_receive(&bed, "first");
    }
    last = stream_client(&bed, &stream);
    for (int i = 0; i < 4; i++)
        tcp_say(clients[i], "second");
    tcp_say(last, "waiting");
    /* Datagrams go on, and answers. */
    for (int i = 0; i < 5; i++)
        bed_assert_quiet(&bed, other, 0);
    assert_true(rd_stat_get(&bed.stats.io_no_buffers) > 0);
    stream_answer(&bed, &held[0], "answer");
    tcp_expect(&bed, clients[0], "answer");
    /* One buffer is enough for all of them, one after the other. */
    bed.ops->drop(bed.io, &held[0], 1);
    for (int i = 0; i < 5; i++) {
        bed_receive(&bed, &msg, 1);
        bed.ops->drop(bed.io, &msg, 1);
    }
    bed.ops->drop(bed.io, &held[1], 3);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    close(last);
    close(other);
}

/* Turns that end at once although nothing can be done would burn the CPU. */
static void test_waiting_for_a_stream_buffer_does_not_spin(void **state)
{
    struct bed bed;
    struct io_message held, msg;
    uint32_t stream;
    int clients[2];

    stream_bed_prepare(&bed, state);
    bed.plan.stream_buffers = 1;
    stream_bed_start(&bed, "127.0.0.1");
    for (int i = 0; i < 2; i++)
        clients[i] = stream_client(&bed, &stream);
    tcp_say(clients[0], "first");
    held = stream_receive(&bed, "first");
    tcp_say(clients[0], "second");
    tcp_say(clients[1], "second");
    bed_assert_calm(&bed);
    bed.ops->drop(bed.io, &held, 1);
    for (int i = 0; i < 2; i++) {
        msg = stream_receive(&bed, "second");
        bed.ops->drop(bed.io, &msg, 1);
    }
    bed_end(&bed);
    close(clients[0]);
    close(clients[1]);
}

/* Peers whose reading is off keep what has come of them, as many as half of the buffers. */
static void test_the_oldest_of_those_that_are_not_read_makes_room(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t streams[4];
    int clients[4], other = peer_socket("127.0.0.1", 0);

    stream_bed_prepare(&bed, state);
    bed.plan.stream_buffers = 4;
    stream_bed_start(&bed, "127.0.0.1");
    for (int i = 0; i < 4; i++)
        clients[i] = stream_client(&bed, &streams[i]);
    for (int i = 0; i < 3; i++) {
        tcp_send(clients[i], "\0\3one\0\3two", 10);
        bed_receive(&bed, &msg, 1);
        bed.ops->stream_read(bed.io, streams[i], false);
        bed.ops->drop(bed.io, &msg, 1);
    }
    assert_int_equal(stream_expect(&bed, streams[0], IO_STREAM_CLOSED), ETIMEDOUT);
    bed_assert_quiet(&bed, other, 0);
    tcp_say(clients[3], "read");
    msg = stream_receive(&bed, "read");
    bed.ops->drop(bed.io, &msg, 1);
    for (int i = 1; i < 3; i++) {
        bed.ops->stream_read(bed.io, streams[i], true);
        msg = stream_receive(&bed, "two");
        assert_int_equal(msg.path.way, streams[i]);
        bed.ops->drop(bed.io, &msg, 1);
    }
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    close(other);
}

/* Has LEN bytes sent, announced as a message of LENGTH bytes, while the bed turns. */
static void begin(struct bed *bed, int fd, uint32_t length, size_t len)
{
    static uint8_t bytes[2 + LONGEST];
    uint64_t deadline_ns = bed_patience(bed);
    size_t sent = 0;

    bytes[0] = (uint8_t)(length >> 8);
    bytes[1] = (uint8_t)length;
    while (sent < len) {
        ssize_t n = send(fd, bytes + sent, len - sent, MSG_DONTWAIT);

        sent += n > 0 ? (size_t)n : 0;
        bed_pass(bed, deadline_ns);
    }
}

static void parts_hold_half(void **state, uint32_t length)
{
    struct bed bed;
    struct io_message msg;
    uint32_t streams[4];
    int clients[4];

    stream_bed_prepare(&bed, state);
    bed.plan.answer_buffers = 5;
    bed.plan.large_buffers = 5;
    stream_bed_start(&bed, "127.0.0.1");
    for (int i = 0; i < 4; i++)
        clients[i] = stream_client(&bed, &streams[i]);
    for (int i = 0; i < 2; i++) {
        begin(&bed, clients[i], length, 100);
        stream_expect(&bed, streams[i], IO_STREAM_BEGUN);
    }
    /* The first stream's goes for the third's. */
    begin(&bed, clients[2], length, 100);
    assert_int_equal(bed_buffers_out(&bed), 2);
    for (int i = 0; i < 2; i++) {
        struct io_event event = bed_event(&bed);

        if (event.port == streams[0]) {
            assert_int_equal(event.kind, IO_STREAM_CLOSED);
            assert_int_equal(event.error, ETIMEDOUT);
        } else {
            assert_int_equal(event.port, streams[2]);
            assert_int_equal(event.kind, IO_STREAM_BEGUN);
        }
    }
    assert_int_not_equal(tcp_end(&bed, clients[0]), EAGAIN);
    /* Whole ones need no place among them. */
    tcp_say(clients[3], "whole");
    msg = stream_receive(&bed, "whole");
    bed.ops->drop(bed.io, &msg, 1);
    for (int i = 1; i < 3; i++)
        bed.ops->stream_close(bed.io, streams[i], true);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
}

static void test_the_oldest_part_makes_room(void **state)
{
    parts_hold_half(state, 200);
}

static void test_the_oldest_long_part_makes_room(void **state)
{
    parts_hold_half(state, LONGEST);
}

/* A long message waits until a large buffer is home; short ones pass by. */
static void test_large_buffers_are_used_up(void **state)
{
    static uint8_t rest[LONGEST];
    struct bed bed;
    struct io_message held[4], msg;
    uint64_t deadline_ns;
    uint32_t stream, short_one;
    size_t left = LONGEST - 98;
    int client, other;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    other = stream_client(&bed, &short_one);
    for (int i = 0; i < 4; i++)
        assert_true(bed.ops->alloc(bed.io, LONGEST, &held[i]));
    begin(&bed, client, LONGEST, 100);
    assert_true(rd_stat_get(&bed.stats.io_no_buffers) > 0);
    tcp_say(other, "short");
    msg = stream_receive(&bed, "short");
    bed.ops->drop(bed.io, &msg, 1);
    bed.ops->drop(bed.io, held, 4);
    deadline_ns = bed_patience(&bed);
    do {
        ssize_t n = send(client, rest, left, MSG_DONTWAIT);

        left -= n > 0 ? (size_t)n : 0;
        assert_true(bed.now_ns < deadline_ns);
        bed_turn(&bed);
    } while (bed.ops->recv(bed.io, &msg, 1) == 0);
    assert_int_equal(msg.len, LONGEST);
    bed.ops->drop(bed.io, &msg, 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
    close(other);
}

/* Messages that share a chunk need buffers of their own, and wait for them; the last quarter of
 * these is not for them. */
static void test_answer_buffers_are_used_up(void **state)
{
    struct bed bed;
    struct io_message held[4], msg;
    uint32_t stream;
    int client, other = peer_socket("127.0.0.1", 0);

    stream_bed_prepare(&bed, state);
    bed.plan.answer_buffers = 4;
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    for (int i = 0; i < 3; i++)
        assert_true(bed.ops->alloc(bed.io, 1, &held[i]));
    tcp_send(client, "\0\3one\0\3two", 10);
    for (int i = 0; i < 3; i++)
        bed_assert_quiet(&bed, other, 0);
    assert_true(bed.ops->alloc(bed.io, 1, &held[3]));
    bed_assert_calm(&bed);
    bed.ops->drop(bed.io, held, 1);
    bed_assert_calm(&bed);
    bed.ops->drop(bed.io, &held[1], 1);
    for (int i = 0; i < 2; i++) {
        msg = stream_receive(&bed, i == 0 ? "one" : "two");
        bed.ops->drop(bed.io, &msg, 1);
    }
    bed.ops->drop(bed.io, &held[2], 2);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_BOTH(test_no_stream_buffer_is_left),
        BED_BOTH(test_waiting_for_a_stream_buffer_does_not_spin),
        BED_BOTH(test_the_oldest_of_those_that_are_not_read_makes_room),
        BED_BOTH(test_the_oldest_part_makes_room),
        BED_BOTH(test_the_oldest_long_part_makes_room),
        BED_BOTH(test_large_buffers_are_used_up),
        BED_BOTH(test_answer_buffers_are_used_up),
    };

    return bed_run("io/stream_buffers", tests, sizeof(tests) / sizeof(tests[0]));
}
