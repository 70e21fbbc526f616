/* SPDX-License-Identifier: BSD-2-Clause */
/* test_buffers.c - every buffer goes home once, and running out of them or of room is survived. */
#include "bed.h"

#include <stdio.h>
#include <unistd.h>

#include "io/uring.h"

#define MANY    600
#define CLIENTS 8 /* so that no client's own queue is too short for its share */

static void flood(const struct bed *bed, int client, unsigned n)
{
    char text[16];

    for (unsigned i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "%u", i);
        peer_send(client, &bed->listeners[0], text, strlen(text));
    }
}

static void test_receiving_goes_on_after_all_buffers_were_out(void **state)
{
    struct bed bed;
    struct io_message msgs[64];
    char text[16];
    int client = peer_socket("127.0.0.1", 0);
    unsigned n = 0;

    bed_prepare(&bed, state);
    bed.plan.buffers = 8;
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    flood(&bed, client, 40);
    bed_receive(&bed, msgs, 8);
    for (int i = 0; i < 10; i++) {
        bed_turn(&bed);
        assert_int_equal(bed.ops->recv(bed.io, &msgs[8], 1), 0);
    }
    assert_int_equal(bed_buffers_out(&bed), 8);
    assert_int_equal(rd_stat_get(&bed.stats.io_no_buffers), 1);
    /* One comes home: one is received. Then all of them, again and again. */
    bed.ops->drop(bed.io, &msgs[7], 1);
    bed_receive(&bed, &msgs[7], 1);
    assert_text(&msgs[7], "8");
    bed.ops->drop(bed.io, msgs, 8);
    for (n = 9; n < 40; n++) {
        bed_receive(&bed, msgs, 1);
        snprintf(text, sizeof(text), "%u", n);
        assert_text(msgs, text);
        bed.ops->drop(bed.io, msgs, 1);
    }
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

/* The only way home is the send that is queued: the turn must not fall asleep before it. */
static void test_buffers_come_home_by_sending(void **state)
{
    struct bed bed;
    struct io_message msgs[8];
    char text[16];
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed.plan.buffers = 4;
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    flood(&bed, client, 40);
    for (unsigned i = 0; i < 40; i += 4) {
        bed_receive(&bed, msgs, 4);
        bed.ops->send(bed.io, msgs, 4);
    }
    bed_turn(&bed);
    for (unsigned i = 0; i < 40; i++) {
        snprintf(text, sizeof(text), "%u", i);
        peer_expect(client, text);
    }
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

static void test_full_completion_queue_is_survived(void **state)
{
    struct bed bed;
    struct io_message msgs[256];
    struct rd_failure failure = {"nothing", -1};
    char text[16];
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed.plan.buffers = 256;
    bed_listen(&bed, "127.0.0.1", 0);
    assert_int_equal(bed.ops->open(&bed.plan, &bed.io, &failure), 0);
    assert_int_equal(uring_start_sized(bed.io, 4, 4, &failure), 0);
    bed_turn(&bed);
    for (int round = 0; round < 5; round++) {
        flood(&bed, client, 200);
        for (int i = 0; i < 10; i++)
            bed_turn(&bed);
        bed_receive(&bed, msgs, 200);
        for (unsigned i = 0; i < 200; i++) {
            snprintf(text, sizeof(text), "%u", i);
            assert_text(&msgs[i], text);
        }
        /* Far more than the submission queue holds. */
        bed.ops->send(bed.io, msgs, 200);
        bed_turn(&bed);
        for (unsigned i = 0; i < 200; i++) {
            snprintf(text, sizeof(text), "%u", i);
            peer_expect(client, text);
        }
    }
    assert_true(rd_stat_get(&bed.stats.io_overflows) > 0);
    assert_true(rd_stat_get(&bed.stats.io_rearmed) > 0);
    assert_int_equal(rd_stat_get(&bed.stats.io_errors), 0);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

/* Failed sends make completions; more of them than the queue holds. */
static void test_full_completion_queue_of_failures_is_survived(void **state)
{
    struct bed bed;
    struct io_message msgs[256];
    struct rd_failure failure = {"nothing", -1};
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed.plan.buffers = 256;
    bed_listen(&bed, "127.0.0.1", 0);
    assert_int_equal(bed.ops->open(&bed.plan, &bed.io, &failure), 0);
    assert_int_equal(uring_start_sized(bed.io, 4, 4, &failure), 0);
    bed_turn(&bed);
    flood(&bed, client, 200);
    bed_receive(&bed, msgs, 200);
    for (unsigned i = 0; i < 200; i++)
        msgs[i].path.peer.v4.sin_port = 0;
    bed.ops->send(bed.io, msgs, 200);
    for (int i = 0; i < 1000 && rd_stat_get(&bed.stats.answers_lost_send) < 200; i++) {
        bed_turn(&bed);
        assert_int_equal(bed.ops->recv(bed.io, msgs, 1), 0);
    }
    assert_int_equal(rd_stat_get(&bed.stats.answers_lost_send), 200);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_assert_quiet(&bed, client, 0);
    bed_end(&bed);
    close(client);
}

static void test_sending_frees_buffers_for_alloc(void **state)
{
    struct bed bed;
    struct io_message query, answer, spare[4];
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed.plan.answer_buffers = 4;
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    peer_send(client, &bed.listeners[0], "ask", 3);
    bed_receive(&bed, &query, 1);
    for (int i = 0; i < 4; i++)
        assert_true(bed.ops->alloc(bed.io, 1, &spare[i]));
    assert_false(bed.ops->alloc(bed.io, 1, &answer));
    answer = spare[3];
    memcpy(answer.data, "answer", 6);
    answer.len = 6;
    answer.origin = IO_CLIENT;
    answer.path = query.path;
    bed.ops->send(bed.io, &answer, 1);
    assert_true(bed.ops->alloc(bed.io, 1, &spare[3]));
    peer_expect(client, "answer");
    assert_false(bed.ops->alloc(bed.io, 1, &answer));
    bed.ops->drop(bed.io, spare, 4);
    bed.ops->drop(bed.io, &query, 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    close(client);
}

static void test_one_send_may_exceed_every_queue(void **state)
{
    static struct io_message msgs[MANY];
    struct bed bed;
    struct io_message query;
    union rd_address peers[CLIENTS];
    char text[16];
    int clients[CLIENTS];

    bed_prepare(&bed, state);
    bed.plan.answer_buffers = MANY;
    bed_listen(&bed, "0.0.0.0", 0);
    bed_start(&bed);
    bed.listeners[0] = host_address("127.0.0.1", rd_address_port(&bed.listeners[0]));
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = peer_socket("127.0.0.1", 0);
        peers[i] = socket_address(clients[i]);
    }
    peer_send(clients[0], &bed.listeners[0], "ask", 3);
    bed_receive(&bed, &query, 1);
    for (unsigned i = 0; i < MANY; i++) {
        assert_true(bed.ops->alloc(bed.io, 1, &msgs[i]));
        msgs[i].len = (uint32_t)snprintf((char *)msgs[i].data, msgs[i].cap, "%u", i);
        msgs[i].origin = IO_CLIENT;
        msgs[i].path = query.path;
        msgs[i].path.peer = peers[i % CLIENTS];
        /* Some without a control message. */
        if (i % 3 == 1)
            memset(&msgs[i].path.local, 0, sizeof(msgs[i].path.local));
    }
    bed.ops->send(bed.io, msgs, MANY);
    memset(msgs, 0xff, sizeof(msgs));
    bed_turn(&bed);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "%u", i);
        peer_expect(clients[i % CLIENTS], text);
    }
    bed.ops->drop(bed.io, &query, 1);
    assert_int_equal(bed_buffers_out(&bed), 0);
    bed_end(&bed);
    for (unsigned i = 0; i < CLIENTS; i++)
        close(clients[i]);
}

/* Received, queued to be sent, allocated, and not even read: stop finds all that it may. */
static void test_stop_gives_back_every_buffer(void **state)
{
    struct bed bed;
    struct io_message msgs[16];
    union rd_address to, from;
    int client = peer_socket("127.0.0.1", 0), server = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    to = socket_address(server);
    bed_ask(&bed, bed_port(&bed, &to), "ask");
    bed_turn(&bed);
    from = peer_expect(server, "ask");
    flood(&bed, client, 16);
    bed_receive(&bed, msgs, 6);
    assert_int_equal(bed_buffers_out(&bed), 6);
    peer_send(server, &from, "reply", 5);
    bed_turn(&bed);
    bed.ops->drop(bed.io, msgs, 3);
    bed.ops->send(bed.io, &msgs[3], 3);
    bed.ops->stop(bed.io);
    assert_int_equal(bed_buffers_out(&bed), 0);
    peer_expect(client, "3");
    bed.ops->close(bed.io);
    close(client);
    close(server);
}

/* A ring's requests must not keep a listener alive: a restart would find its port in use. */
static void test_ports_are_free_at_once_after_close(void **state)
{
    struct bed bed;

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_listen(&bed, "::", 0);
    for (int round = 0; round < 20; round++) {
        bed_start(&bed);
        bed_end(&bed);
        close(peer_socket("127.0.0.1", rd_address_port(&bed.listeners[0])));
        close(peer_socket("::", rd_address_port(&bed.listeners[1])));
    }
}

static void test_close_without_start(void **state)
{
    struct bed bed;
    struct rd_failure failure = {"nothing", -1};

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    assert_int_equal(bed.ops->open(&bed.plan, &bed.io, &failure), 0);
    bed.ops->close(bed.io);
    close(peer_socket("127.0.0.1", rd_address_port(&bed.listeners[0])));
}

static void test_kernel_drops_at_listeners_are_counted(void **state)
{
    struct bed bed;
    struct io_message msgs[64];
    uint64_t got = 0;
    unsigned n;
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed.plan.receive_buffer_bytes = 16384;
    bed.plan.buffers = 8;
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    assert_int_equal(bed.ops->dropped(bed.io), 0);
    flood(&bed, client, 1000);
    assert_true(bed.ops->dropped(bed.io) > 0);
    do {
        bed_turn(&bed);
        n = bed.ops->recv(bed.io, msgs, 64);
        bed.ops->drop(bed.io, msgs, n);
        got += n;
    } while (n > 0 || got == 0);
    bed_assert_quiet(&bed, client, 0);
    assert_int_equal(got + bed.ops->dropped(bed.io), 1000);
    bed_end(&bed);
    close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_BOTH(test_receiving_goes_on_after_all_buffers_were_out),
        BED_BOTH(test_buffers_come_home_by_sending),
        BED_URING(test_full_completion_queue_is_survived),
        BED_URING(test_full_completion_queue_of_failures_is_survived),
        BED_BOTH(test_sending_frees_buffers_for_alloc),
        BED_BOTH(test_one_send_may_exceed_every_queue),
        BED_BOTH(test_stop_gives_back_every_buffer),
        BED_BOTH(test_ports_are_free_at_once_after_close),
        BED_BOTH(test_close_without_start),
        BED_BOTH(test_kernel_drops_at_listeners_are_counted),
    };

    return bed_run("io/buffers", tests, sizeof(tests) / sizeof(tests[0]));
}
