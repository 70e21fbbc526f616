/* SPDX-License-Identifier: BSD-2-Clause */
/* test_stream_pack.c - what waits for peers that do not read takes little room, and arrives. */
#include "ringdns/limits.h"
#include "stream_bed.h"

#include <errno.h>
#include <unistd.h>

#define SHORT 60
#define LONG  4000

/* Queues one answer of LEN bytes that all are NUMBER. */
static void answer(struct bed *bed, const struct io_message *query, uint32_t number, uint32_t len)
{
    struct io_message msg = *query;

    assert_true(bed->ops->alloc(bed->io, len, &msg));
    msg.len = len;
    memset(msg.data, (int)number, len);
    bed->ops->send(bed->io, &msg, 1);
}

/* Answers until the kernel takes nothing more. The number of answers. */
static uint32_t fill(struct bed *bed, const struct io_message *query, uint32_t len)
{
    uint64_t deadline_ns = bed_patience(bed);
    uint32_t sent = 0, unsent;

    do {
        for (int i = 0; i < 50; i++)
            answer(bed, query, sent++, len);
        unsent = bed->ops->stream_unsent(bed->io, query->path.way);
        bed_pass(bed, deadline_ns);
        bed_pass(bed, deadline_ns);
    } while (bed->ops->stream_unsent(bed->io, query->path.way) == 0 ||
             bed->ops->stream_unsent(bed->io, query->path.way) != unsent);
    return sent;
}

static void read_all(struct bed *bed, int client, uint32_t from, uint32_t to, uint32_t len)
{
    static uint8_t got[2 + LONG];

    for (uint32_t i = from; i < to; i++) {
        tcp_read(bed, client, got, 2 + len);
        assert_int_equal(got[0] << 8 | got[1], len);
        assert_int_equal(got[2], (uint8_t)i);
        assert_int_equal(got[1 + len], (uint8_t)i);
    }
}

static void pack_and_read(void **state, uint32_t len, uint32_t more)
{
    struct bed bed;
    struct io_message query;
    uint32_t stream, sent, before;
    int client;

    stream_bed_prepare(&bed, state);
    bed.plan.answer_buffers = 4096;
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    tcp_say(client, "ask");
    query = stream_receive(&bed, "ask");
    sent = fill(&bed, &query, len);
    before = bed_buffers_out(&bed);
    for (uint32_t i = 0; i < more; i++)
        answer(&bed, &query, sent + i, len);
    /* One buffer more for what a pack's end leaves; others may have gone home meanwhile. */
    assert_true(bed_buffers_out(&bed) <= before + more * (2 + len) / RD_BUFFER_BYTES + 1);
    read_all(&bed, client, 0, sent + more, len);
    stream_expect(&bed, stream, IO_STREAM_DRAINED);
    bed.ops->drop(bed.io, &query, 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    /* And what comes later is as before. */
    tcp_say(client, "again");
    query = stream_receive(&bed, "again");
    stream_answer(&bed, &query, "there");
    tcp_expect(&bed, client, "there");
    bed.ops->drop(bed.io, &query, 1);
    bed_end(&bed);
    close(client);
}

static void test_short_answers_are_packed(void **state)
{
    pack_and_read(state, SHORT, 3000);
}

static void test_answers_that_fill_no_pack_are_split(void **state)
{
    pack_and_read(state, LONG, 60);
}

/* Packs may hold a quarter of the answer buffers; then the one that is stuck longest goes. */
static void test_the_longest_stuck_makes_room(void **state)
{
    struct bed bed;
    struct io_message queries[2];
    uint32_t streams[2], held;
    int clients[2];

    stream_bed_prepare(&bed, state);
    bed.plan.answer_buffers = 256;
    stream_bed_start(&bed, "127.0.0.1");
    for (int i = 0; i < 2; i++) {
        clients[i] = stream_client(&bed, &streams[i]);
        tcp_say(clients[i], "ask");
        queries[i] = stream_receive(&bed, "ask");
        fill(&bed, &queries[i], SHORT);
    }
    held = bed_buffers_out(&bed);
    assert_in_range(held, 2, 64);
    /* Far more than a quarter, by the second one alone. */
    for (uint32_t i = 0; bed_buffers_out(&bed) >= held && i < 100000; i++)
        answer(&bed, &queries[1], i, SHORT);
    assert_int_equal(stream_expect(&bed, streams[0], IO_STREAM_CLOSED), ETIMEDOUT);
    /* It gets no more than that quarter either. */
    for (uint32_t i = 0; i < 64 * RD_BUFFER_BYTES / SHORT; i++)
        answer(&bed, &queries[1], i, SHORT);
    assert_int_equal(stream_expect(&bed, streams[1], IO_STREAM_CLOSED), ENOBUFS);
    bed.ops->drop(bed.io, queries, 2);
    bed_pass(&bed, bed_patience(&bed));
    assert_int_equal(bed_buffers_out(&bed), 0);
    assert_true(rd_stat_get(&bed.stats.answers_lost_closed) > 64);
    bed_end(&bed);
    close(clients[0]);
    close(clients[1]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        BED_BOTH(test_short_answers_are_packed),
        BED_BOTH(test_answers_that_fill_no_pack_are_split),
        BED_BOTH(test_the_longest_stuck_makes_room),
    };

    return bed_run("io/stream_pack", tests, sizeof(tests) / sizeof(tests[0]));
}
