/* SPDX-License-Identifier: BSD-2-Clause */
/* test_stream_limits.c - slow peers and busy ones, and what others notice of them. */
#include "stream_bed.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"

#define LONGEST 65535

/* A peer that reads nothing for a while gets everything all the same, in order. */
static void test_a_peer_that_does_not_read(void **state)
{
    static uint8_t got[2 + LONGEST];
    struct bed bed;
    struct io_message query, msg;
    uint64_t deadline_ns;
    uint32_t stream, sent = 0, unsent;
    int client;

    stream_bed_prepare(&bed, state);
    bed.plan.large_buffers = 200;
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    tcp_say(client, "ask");
    query = stream_receive(&bed, "ask");
    /* Until a turn takes nothing more. */
    deadline_ns = bed_patience(&bed);
    do {
        for (int i = 0; i < 10; i++, sent++) {
            msg = query;
            assert_true(bed.ops->alloc(bed.io, LONGEST, &msg));
            msg.len = LONGEST - sent;
            memset(msg.data, (int)sent, msg.len);
            bed.ops->send(bed.io, &msg, 1);
        }
        unsent = bed.ops->stream_unsent(bed.io, stream);
        bed_pass(&bed, deadline_ns);
        bed_pass(&bed, deadline_ns);
    } while (bed.ops->stream_unsent(bed.io, stream) == 0 ||
             bed.ops->stream_unsent(bed.io, stream) != unsent);
    assert_no_event(&bed);
    for (uint32_t i = 0; i < sent; i++) {
        tcp_read(&bed, client, got, 2 + LONGEST - i);
        assert_int_equal(got[0] << 8 | got[1], LONGEST - i);
        assert_int_equal(got[2], (uint8_t)i);
        assert_int_equal(got[1 + LONGEST - i], (uint8_t)i);
    }
    stream_expect(&bed, stream, IO_STREAM_DRAINED);
    bed.ops->drop(bed.io, &query, 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

/* Closed while the kernel takes nothing more of it. */
static void test_a_full_stream_is_closed(void **state)
{
    struct bed bed;
    struct io_message query, msg;
    uint32_t stream, lost;
    int client;

    stream_bed_prepare(&bed, state);
    bed.plan.large_buffers = 200;
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    tcp_say(client, "ask");
    query = stream_receive(&bed, "ask");
    for (int i = 0; i < 200; i++) {
        msg = query;
        assert_true(bed.ops->alloc(bed.io, LONGEST, &msg));
        msg.len = LONGEST;
        bed.ops->send(bed.io, &msg, 1);
        bed_turn(&bed);
        assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
    }
    assert_true(bed.ops->stream_unsent(bed.io, stream) > 0);
    lost = bed.ops->stream_unsent(bed.io, stream) / (2 + LONGEST);
    bed.ops->drop(bed.io, &query, 1);
    bed.ops->stream_close(bed.io, stream, true);
    for (uint64_t deadline_ns = bed_patience(&bed); bed_buffers_out(&bed) > 0;)
        bed_pass(&bed, deadline_ns);
    assert_in_range(rd_stat_get(&bed.stats.answers_lost_closed), lost, lost + 1);
    bed_end(&bed);
    close(client);
}

/* All of the datagrams' buffers are out, held by what a stream has to send: it goes on. */
static void test_streams_go_on_when_datagrams_cannot(void **state)
{
    struct bed bed;
    struct io_message held[4], msg;
    union rd_address to, from = {0};
    int client, server = tcp_server(&to), stream, fd, other = peer_socket("127.0.0.1", 0);
    uint32_t query;

    stream_bed_prepare(&bed, state);
    bed.plan.buffers = 4;
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &query);
    for (int i = 0; i < 6; i++)
        peer_send(other, &bed.listeners[0], "ask", 3);
    bed_receive(&bed, held, 4);
    bed_turn(&bed);
    assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
    tcp_say(client, "query");
    msg = stream_receive(&bed, "query");
    bed.ops->drop(bed.io, &msg, 1);
    stream = bed.ops->stream_open(bed.io, &to, &from);
    assert_return_code(stream, -stream);
    for (int i = 0; i < 4; i++) {
        held[i].origin = IO_STREAM;
        held[i].port = (uint32_t)stream;
    }
    bed.ops->send(bed.io, held, 4);
    bed_receive(&bed, held, 2);
    fd = tcp_accept(&bed, server);
    for (int i = 0; i < 4; i++)
        tcp_expect(&bed, fd, "ask");
    bed.ops->drop(bed.io, held, 2);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
    close(server);
    close(fd);
    close(other);
}

/* One that sends a thousand at once has its share, and so have the others. */
static void test_a_busy_stream_starves_nobody(void **state)
{
    static uint8_t bytes[1000 * 2];
    struct bed bed;
    struct io_message msgs[32];
    uint32_t stream;
    unsigned n, streamed = 0, whole = 0, datagrams = 0;
    int busy, calm, other = peer_socket("127.0.0.1", 0);

    stream_bed_prepare(&bed, state);
    bed.plan.answer_buffers = 64;
    stream_bed_start(&bed, "127.0.0.1");
    busy = stream_client(&bed, &stream);
    calm = stream_client(&bed, &stream);
    tcp_send(busy, bytes, sizeof(bytes));
    while (streamed == 0) {
        bed_turn(&bed);
        n = bed.ops->recv(bed.io, msgs, 1);
        streamed += n;
        bed.ops->drop(bed.io, msgs, n);
    }
    tcp_say(calm, "calm");
    peer_send(other, &bed.listeners[0], "datagram", 8);
    for (int turns = 0; turns < 20 && (whole == 0 || datagrams == 0); turns++) {
        bed.now_ns = bed.ops->turn(bed.io, bed.now_ns + RD_NS_PER_S);
        n = bed.ops->recv(bed.io, msgs, 32);
        for (unsigned i = 0; i < n; i++) {
            datagrams += msgs[i].path.via == IO_UDP;
            whole += msgs[i].len == 4;
            streamed += msgs[i].len == 0;
        }
        bed.ops->drop(bed.io, msgs, n);
    }
    assert_int_equal(datagrams, 1);
    assert_int_equal(whole, 1);
    assert_true(streamed < 1000);
    bed_end(&bed);
    close(busy);
    close(calm);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_BOTH(test_a_peer_that_does_not_read),
        BED_BOTH(test_a_full_stream_is_closed),
        BED_BOTH(test_streams_go_on_when_datagrams_cannot),
        BED_BOTH(test_a_busy_stream_starves_nobody),
    };

    return bed_run("io/stream_limits", tests, sizeof(tests) / sizeof(tests[0]));
}
