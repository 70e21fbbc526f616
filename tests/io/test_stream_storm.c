/* SPDX-License-Identifier: BSD-2-Clause */
/* test_stream_storm.c - many streams at once, with messages of all lengths cut anywhere, few
 * buffers and short rings: every byte comes back, in order. */
#include "stream_bed.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/uring.h"

#define CLIENTS  12
#define MESSAGES 60
#define BYTES    (MESSAGES * 9000)

static uint8_t script[BYTES + 65537]; /* what every client sends, and wants back */
static uint32_t script_len;

struct peer {
    int fd;
    uint32_t sent, got;
};

static uint32_t draw(uint32_t *dice, uint32_t sides)
{
    *dice = *dice * 1664525u + 1013904223u;
    return (*dice >> 8) % sides;
}

/* Short messages, some of about a buffer's length, and a few of the longest. */
static void write_script(uint32_t *dice)
{
    static const uint32_t longest[] = {1, 40, 300, 300, 600, 4450, 4450, 65536};

    script_len = 0;
    for (unsigned i = 0; i < MESSAGES && script_len < BYTES; i++) {
        uint32_t len = draw(dice, longest[draw(dice, 8)]);

        script[script_len++] = (uint8_t)(len >> 8);
        script[script_len++] = (uint8_t)len;
        while (len-- > 0)
            script[script_len++] = (uint8_t)draw(dice, 256);
    }
}

static void move(struct peer *peer, uint32_t *dice)
{
    static uint8_t back[9000];
    uint32_t left = script_len - peer->sent, some = 1 + draw(dice, sizeof(back));
    ssize_t n = send(peer->fd, script + peer->sent, some < left ? some : left, MSG_DONTWAIT);

    assert_true(n >= 0 || errno == EAGAIN);
    peer->sent += n > 0 ? (uint32_t)n : 0;
    n = recv(peer->fd, back, draw(dice, 4) > 0 ? sizeof(back) : 10, MSG_DONTWAIT);
    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        return;
    }
    assert_true(peer->got + (uint32_t)n <= peer->sent);
    assert_memory_equal(back, script + peer->got, (size_t)n);
    peer->got += (uint32_t)n;
}

/* Sends back what has come, and now and then stops or begins to read one of the streams. */
static void echo(struct bed *bed, const uint32_t streams[CLIENTS], bool reading[CLIENTS],
                 uint32_t *dice)
{
    uint32_t i = draw(dice, CLIENTS);
    struct io_message msgs[8];
    struct io_event event;
    unsigned n;

    bed_turn(bed);
    n = bed->ops->recv(bed->io, msgs, 1 + draw(dice, 8));
    bed->ops->send(bed->io, msgs, n);
    while (bed->ops->events(bed->io, &event, 1) == 1)
        assert_true(event.kind == IO_STREAM_BEGUN || event.kind == IO_STREAM_DRAINED);
    reading[i] = !reading[i] || draw(dice, 10) > 0;
    bed->ops->stream_read(bed->io, streams[i], reading[i]);
}

static void start_short(struct bed *bed)
{
    struct rd_failure failure = {"nothing", -1};

    assert_int_equal(bed->ops->open(&bed->plan, &bed->io, &failure), 0);
    assert_int_equal(bed->ops == &io_uring_ops ? uring_start_sized(bed->io, 4, 4, &failure)
                                               : bed->ops->start(bed->io, &failure),
                     0);
    bed_turn(bed);
}

static void storm(struct bed *bed, uint32_t dice)
{
    struct peer peers[CLIENTS] = {0};
    uint32_t streams[CLIENTS];
    bool reading[CLIENTS];
    uint64_t deadline_ns;
    unsigned done;

    write_script(&dice);
    for (int i = 0; i < CLIENTS; i++) {
        peers[i].fd = stream_client(bed, &streams[i]);
        reading[i] = true;
    }
    deadline_ns = bed->now_ns + 60 * RD_NS_PER_S;
    do {
        assert_true(bed->now_ns < deadline_ns);
        done = 0;
        for (int i = 0; i < CLIENTS; i++) {
            if (peers[i].got < script_len)
                move(&peers[i], &dice);
            done += peers[i].got == script_len;
            echo(bed, streams, reading, &dice);
        }
    } while (done < CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        bed->ops->stream_close(bed->io, streams[i], i % 2 == 0);
        close(peers[i].fd);
    }
}

static void test_every_byte_comes_back(void **state)
{
    struct bed bed;

    stream_bed_prepare(&bed, state);
    bed.plan.max_streams = CLIENTS + 2;
    bed.plan.stream_buffers = 4 * CLIENTS; /* half of them for those that are not read */
    bed.plan.answer_buffers = 2 * CLIENTS + 4;
    bed.plan.large_buffers = 2 * CLIENTS + 2;
    bed_listen(&bed, "127.0.0.1", 0);
    start_short(&bed);
    for (uint32_t round = 1; round <= 3; round++)
        storm(&bed, round);
    for (uint64_t deadline_ns = bed_patience(&bed); bed_buffers_out(&bed) > 0;)
        bed_pass(&bed, deadline_ns);
    assert_int_equal(rd_stat_get(&bed.stats.io_errors), 0);
    bed_end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_BOTH(test_every_byte_comes_back),
    };

    return bed_run("io/stream_storm", tests, sizeof(tests) / sizeof(tests[0]));
}
