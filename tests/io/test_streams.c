/* SPDX-License-Identifier: BSD-2-Clause */
/* test_streams.c - messages come and go whole, however their bytes are cut. */
#include "stream_bed.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "ringdns/limits.h"

#define LONGEST 65535

static void test_a_query_is_answered(void **state)
{
    struct bed bed;
    struct io_message msg;
    union rd_address here;
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    here = socket_address(client);
    tcp_say(client, "ask");
    msg = stream_receive(&bed, "ask");
    assert_int_equal(msg.origin, IO_CLIENT);
    assert_int_equal(msg.port, 0);
    assert_int_equal(msg.path.via, IO_TCP);
    assert_int_equal(msg.path.way, stream);
    assert_true(rd_address_equal(&msg.path.peer, &here));
    assert_int_equal(msg.path.local.any.sa_family, AF_UNSPEC);
    assert_int_equal(bed_buffers_out(&bed), 1);
    /* The buffer that it came in takes the answer back. */
    memcpy(msg.data, "answer", 6);
    msg.len = 6;
    bed.ops->send(bed.io, &msg, 1);
    assert_int_equal(bed.ops->stream_unsent(bed.io, stream), 8);
    tcp_expect(&bed, client, "answer");
    stream_expect(&bed, stream, IO_STREAM_DRAINED);
    assert_int_equal(bed.ops->stream_unsent(bed.io, stream), 0);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

static void test_a_query_over_v6_is_answered(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "::");
    bed.listeners[0] = host_address("::1", rd_address_port(&bed.listeners[0]));
    client = stream_client(&bed, &stream);
    tcp_say(client, "ask");
    msg = stream_receive(&bed, "ask");
    stream_answer(&bed, &msg, "answer");
    tcp_expect(&bed, client, "answer");
    bed.ops->drop(bed.io, &msg, 1);
    bed_end(&bed);
    close(client);
}

static void test_nothing_is_read_before_it_is_wanted(void **state)
{
    struct bed bed;
    struct io_message msg;
    struct io_event event;
    int client, other = peer_socket("127.0.0.1", 0);

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = tcp_client(&bed);
    tcp_say(client, "ask");
    event = bed_event(&bed);
    assert_int_equal(event.kind, IO_STREAM_ACCEPTED);
    bed_assert_quiet(&bed, other, 0);
    bed.ops->stream_read(bed.io, event.port, true);
    msg = stream_receive(&bed, "ask");
    bed.ops->drop(bed.io, &msg, 1);
    bed_end(&bed);
    close(client);
    close(other);
}

static void test_messages_of_one_segment_come_apart(void **state)
{
    static const char segment[] = "\0\3one\0\3two\0\0\0\5three\0\4four";
    static const char *const texts[] = {"one", "two", "", "three", "four"};
    struct bed bed;
    struct io_message msgs[5];
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    tcp_send(client, segment, sizeof(segment) - 1);
    bed_receive(&bed, msgs, 5);
    for (int i = 0; i < 5; i++)
        assert_text(&msgs[i], texts[i]);
    /* Answered the other way round, in one write. */
    for (int i = 4; i >= 0; i--)
        bed.ops->send(bed.io, &msgs[i], 1);
    for (int i = 4; i >= 0; i--)
        tcp_expect(&bed, client, texts[i]);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

static void test_a_message_of_no_length_is_one(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    for (int i = 0; i < 3; i++) {
        tcp_say(client, "");
        msg = stream_receive(&bed, "");
        bed.ops->send(bed.io, &msg, 1);
        tcp_expect(&bed, client, "");
    }
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

static void test_bytes_that_come_one_at_a_time(void **state)
{
    static const char bytes[] = "\0\3one\0\0\0\3two";
    static const char *const texts[] = {"one", "", "two"};
    struct bed bed;
    struct io_message msg;
    unsigned n = 0;
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    for (unsigned i = 0; i + 1 < sizeof(bytes); i++) {
        bool whole = i == 4 || i == 6 || i + 2 == sizeof(bytes);
        bool begins = i == 0 || i == 5 || i == 7;

        tcp_send(client, &bytes[i], 1);
        if (whole) {
            msg = stream_receive(&bed, texts[n++]);
            bed.ops->drop(bed.io, &msg, 1);
        } else if (begins) {
            stream_expect(&bed, stream, IO_STREAM_BEGUN);
        } else {
            bed_turn(&bed);
            assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
        }
        if (!begins)
            assert_no_event(&bed);
    }
    assert_int_equal(n, 3);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

/* Has LEN bytes sent while the bed receives; returns the message that they make. */
static struct io_message push(struct bed *bed, int fd, const uint8_t *data, size_t len)
{
    uint64_t deadline_ns = bed_patience(bed);
    struct io_message msg;
    size_t sent = 0;

    for (;;) {
        ssize_t n = send(fd, data + sent, len - sent, MSG_DONTWAIT);

        sent += n > 0 ? (size_t)n : 0;
        assert_true(bed->now_ns < deadline_ns);
        bed_turn(bed);
        if (bed->ops->recv(bed->io, &msg, 1) == 1)
            break;
    }
    assert_int_equal(sent, len);
    return msg;
}

static void both_ways(void **state, uint32_t len)
{
    static uint8_t out[2 + LONGEST], in[2 + LONGEST];
    struct bed bed;
    struct io_message msg;
    uint32_t stream;
    int client;

    for (uint32_t i = 0; i < len; i++)
        out[2 + i] = (uint8_t)(i * 7 + i / 256);
    out[0] = (uint8_t)(len >> 8);
    out[1] = (uint8_t)len;
    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    for (int round = 0; round < 3; round++) {
        msg = push(&bed, client, out, 2 + len);
        assert_int_equal(msg.len, len);
        assert_memory_equal(msg.data, out + 2, len);
        assert_true(msg.cap >= len);
        bed.ops->send(bed.io, &msg, 1);
        tcp_read(&bed, client, in, 2 + len);
        assert_memory_equal(in, out, 2 + len);
    }
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

static void test_the_longest_message_goes_both_ways(void **state)
{
    both_ways(state, LONGEST);
}

/* One that fills a chunk with and without its head, and those that are a byte longer. */
static void test_messages_about_as_long_as_a_buffer(void **state)
{
    for (uint32_t len = RD_BUFFER_BYTES - 3; len <= RD_BUFFER_BYTES + 1; len++)
        both_ways(state, len);
}

static void test_alloc_gives_what_is_asked_for(void **state)
{
    struct bed bed;
    struct io_message msgs[5];
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    assert_true(bed.ops->alloc(bed.io, RD_BUFFER_BYTES, &msgs[0]));
    assert_int_equal(msgs[0].cap, RD_BUFFER_BYTES);
    bed.ops->drop(bed.io, msgs, 1);
    for (int i = 0; i < 4; i++) {
        assert_true(bed.ops->alloc(bed.io, RD_BUFFER_BYTES + 1, &msgs[i]));
        assert_int_equal(msgs[i].cap, LONGEST);
        memset(msgs[i].data, i, LONGEST);
    }
    assert_false(bed.ops->alloc(bed.io, LONGEST, &msgs[4]));
    bed.ops->drop(bed.io, msgs, 4);
    assert_true(bed.ops->alloc(bed.io, LONGEST, &msgs[4]));
    bed.ops->drop(bed.io, &msgs[4], 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

static void number(uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++, bytes += 8) {
        char text[8];

        snprintf(text, sizeof(text), "%06u", i % 1000000);
        bytes[0] = 0;
        bytes[1] = 6;
        memcpy(bytes + 2, text, 6);
    }
}

/* Reading stops after every tenth; not one is lost, and their order is kept. */
static void test_a_thousand_at_once_with_pauses(void **state)
{
    static uint8_t bytes[1000 * 8];
    struct bed bed;
    struct io_message msgs[16];
    char text[8];
    unsigned seen = 0, n, pauses = 0;
    uint64_t deadline_ns;
    uint32_t stream;
    int client, other = peer_socket("127.0.0.1", 0);

    number(bytes, 1000);
    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    tcp_send(client, bytes, sizeof(bytes));
    deadline_ns = bed_patience(&bed);
    while (seen < 1000) {
        assert_true(bed.now_ns < deadline_ns);
        bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
        n = bed.ops->recv(bed.io, msgs, 10);
        for (unsigned i = 0; i < n; i++, seen++) {
            snprintf(text, sizeof(text), "%06u", seen % 1000000);
            assert_text(&msgs[i], text);
        }
        bed.ops->drop(bed.io, msgs, n);
        if (n == 0)
            continue;
        bed.ops->stream_read(bed.io, stream, false);
        bed_assert_quiet(&bed, other, 0);
        bed.ops->stream_read(bed.io, stream, true);
        pauses++;
    }
    assert_true(pauses >= 100);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
    close(other);
}

static void test_a_part_is_told_once(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t stream;
    int client, other = peer_socket("127.0.0.1", 0);

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    for (int round = 0; round < 3; round++) {
        tcp_send(client, "\0\6ab", 4);
        stream_expect(&bed, stream, IO_STREAM_BEGUN);
        tcp_send(client, "cd", 2);
        bed_assert_quiet(&bed, other, 0);
        assert_no_event(&bed);
        tcp_send(client, "ef", 2);
        msg = stream_receive(&bed, "abcdef");
        assert_no_event(&bed);
        bed.ops->drop(bed.io, &msg, 1);
    }
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
    close(other);
}

/* What was told of a part is taken back when it became whole before anybody asked. */
static void test_a_part_that_became_whole_is_not_told(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t stream;
    int client, other = peer_socket("127.0.0.1", 0);

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    tcp_send(client, "\0\4ab", 4);
    bed_assert_quiet(&bed, other, 0);
    bed_assert_quiet(&bed, other, 0);
    tcp_send(client, "cd", 2);
    msg = stream_receive(&bed, "abcd");
    assert_no_event(&bed);
    bed.ops->drop(bed.io, &msg, 1);
    bed_end(&bed);
    close(client);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_BOTH(test_a_query_is_answered),
        BED_BOTH(test_a_query_over_v6_is_answered),
        BED_BOTH(test_nothing_is_read_before_it_is_wanted),
        BED_BOTH(test_messages_of_one_segment_come_apart),
        BED_BOTH(test_a_message_of_no_length_is_one),
        BED_BOTH(test_bytes_that_come_one_at_a_time),
        BED_BOTH(test_the_longest_message_goes_both_ways),
        BED_BOTH(test_messages_about_as_long_as_a_buffer),
        BED_BOTH(test_alloc_gives_what_is_asked_for),
        BED_BOTH(test_a_thousand_at_once_with_pauses),
        BED_BOTH(test_a_part_is_told_once),
        BED_BOTH(test_a_part_that_became_whole_is_not_told),
    };

    return bed_run("io/streams", tests, sizeof(tests) / sizeof(tests[0]));
}
