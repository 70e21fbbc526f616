/* SPDX-License-Identifier: BSD-2-Clause */
/* test_stream_listen.c - listeners for connections: who is let in, and who is turned away. */
#include "stream_bed.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/socket_io.h"

#define SPARE 40 /* descriptors that a test takes at most */

static void test_unlisten_refuses_new_ones_and_keeps_the_others(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint32_t stream;
    int client, late;

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    client = stream_client(&bed, &stream);
    bed.ops->unlisten(bed.io);
    late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(late, errno);
    assert_int_equal(connect(late, &bed.listeners[0].any, rd_address_len(&bed.listeners[0])), -1);
    assert_int_equal(errno, ECONNREFUSED);
    tcp_say(client, "ask");
    msg = stream_receive(&bed, "ask");
    bed.ops->send(bed.io, &msg, 1);
    tcp_expect(&bed, client, "ask");
    bed_end(&bed);
    close(client);
    close(late);
}

static void test_an_address_that_another_listens_at_is_refused(void **state)
{
    struct bed bed;
    struct rd_failure failure = {"nothing", -1};
    union rd_address taken;
    int other = tcp_server(&taken), one = 1;

    /* Even one that would share. */
    assert_return_code(setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), errno);
    stream_bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", rd_address_port(&taken));
    assert_int_equal(bed.ops->open(&bed.plan, &bed.io, &failure), -EADDRINUSE);
    assert_string_equal(failure.step, "bind TCP");
    assert_int_equal(failure.listener, 0);
    close(other);
    bed_start(&bed);
    bed_end(&bed);
}

/* We closed first: the connection lingers in TIME_WAIT, and a restart comes all the same. */
static void test_a_restart_after_connections(void **state)
{
    struct bed bed;
    uint32_t stream;
    int client;

    stream_bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    for (int round = 0; round < 5; round++) {
        bed_start(&bed);
        client = stream_client(&bed, &stream);
        bed.ops->stream_close(bed.io, stream, false);
        assert_int_equal(tcp_end(&bed, client), 0);
        close(client);
        bed_end(&bed);
    }
}

static void test_a_port_of_the_systems_choice_is_the_same_for_both(void **state)
{
    struct bed bed;
    struct rd_failure failure = {"nothing", -1};
    int error = -EADDRINUSE, client, other = peer_socket("127.0.0.1", 0);
    const struct listener *listener;

    stream_bed_prepare(&bed, state);
    bed.listeners[bed.plan.n_listeners++] = host_address("127.0.0.1", 0);
    /* The number may be in use by somebody else's connection. */
    for (int tries = 0; error == -EADDRINUSE; tries++) {
        assert_true(tries < 100);
        error = bed.ops->open(&bed.plan, &bed.io, &failure);
    }
    assert_int_equal(error, 0);
    assert_int_equal(bed.ops->start(bed.io, &failure), 0);
    listener = &((struct socket_io *)bed.io)->listeners[0];
    bed.listeners[0] = socket_address(listener->tcp);
    assert_int_not_equal(rd_address_port(&bed.listeners[0]), 0);
    client = tcp_client(&bed);
    assert_int_equal(bed_event(&bed).kind, IO_STREAM_ACCEPTED);
    bed_assert_quiet(&bed, other, 0);
    bed_end(&bed);
    close(client);
    close(other);
}

static void test_too_many_connections_are_turned_away(void **state)
{
    struct bed bed;
    uint32_t streams[3], stream;
    int clients[3], refused;

    stream_bed_prepare(&bed, state);
    bed.plan.max_streams = 3;
    stream_bed_start(&bed, "127.0.0.1");
    for (int i = 0; i < 3; i++)
        clients[i] = stream_client(&bed, &streams[i]);
    refused = tcp_client(&bed);
    assert_int_equal(tcp_end(&bed, refused), ECONNRESET);
    assert_int_equal(rd_stat_get(&bed.stats.connections_refused), 1);
    assert_no_event(&bed);
    close(refused);
    bed.ops->stream_close(bed.io, streams[1], false);
    assert_int_equal(tcp_end(&bed, clients[1]), 0);
    close(clients[1]);
    clients[1] = stream_client(&bed, &stream);
    tcp_say(clients[1], "ask");
    stream_receive(&bed, "ask");
    bed_end(&bed);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
}

/* Few more descriptors than there are now: the ring asks for the limit when accepting begins. */
static struct rlimit limit_descriptors(void)
{
    struct rlimit before, limit;
    int next = dup(0);

    assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
    limit = before;
    limit.rlim_cur = (rlim_t)next + SPARE;
    close(next);
    assert_return_code(setrlimit(RLIMIT_NOFILE, &limit), errno);
    return before;
}

/* Takes all that are left; their number. */
static unsigned take_descriptors(int ret_fds[SPARE])
{
    unsigned n = 0;

    while (n < SPARE && (ret_fds[n] = dup(0)) >= 0)
        n++;
    assert_in_range(n, 1, SPARE - 1);
    return n;
}

static void test_no_descriptor_is_left(void **state)
{
    struct rlimit before = limit_descriptors();
    struct bed bed;
    uint32_t stream;
    unsigned n;
    int spare[SPARE], refused[3], client, other = peer_socket("127.0.0.1", 0);

    stream_bed_prepare(&bed, state);
    stream_bed_start(&bed, "127.0.0.1");
    for (int i = 0; i < 3; i++) {
        refused[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_return_code(refused[i], errno);
    }
    n = take_descriptors(spare);
    for (int i = 0; i < 3; i++)
        assert_return_code(
            connect(refused[i], &bed.listeners[0].any, rd_address_len(&bed.listeners[0])), errno);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tcp_end(&bed, refused[i]), ECONNRESET);
    assert_int_equal(rd_stat_get(&bed.stats.connections_refused), 3);
    assert_in_range(rd_stat_get(&bed.stats.io_errors), 1, 10);
    assert_no_event(&bed);
    bed_assert_calm(&bed);
    bed_assert_quiet(&bed, other, 0);
    while (n > 0)
        close(spare[--n]);
    client = stream_client(&bed, &stream);
    bed_end(&bed);
    assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
    for (int i = 0; i < 3; i++)
        close(refused[i]);
    close(client);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_BOTH(test_too_many_connections_are_turned_away),
        BED_BOTH(test_no_descriptor_is_left),
        BED_BOTH(test_unlisten_refuses_new_ones_and_keeps_the_others),
        BED_BOTH(test_an_address_that_another_listens_at_is_refused),
        BED_BOTH(test_a_restart_after_connections),
        BED_BOTH(test_a_port_of_the_systems_choice_is_the_same_for_both),
    };

    return bed_run("io/stream_listen", tests, sizeof(tests) / sizeof(tests[0]));
}
