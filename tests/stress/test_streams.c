/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_streams.c - two workers between clients by TCP and UDP and upstreams that have moods, while
 * the main thread takes servers away and gives them back.
 *
 * Whoever waits for an answer gets exactly one, and at the end the counters say what happened: each
 * query has an answer or a reason why not, each reply was taken or has a reason too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>

#include "asker.h"
#include "bed.h"
#include "ringdns/io.h"
#include "tcp_client.h"
#include "unruly.h"

#define SERVERS     3 /* the last one has no TCP */
#define TCP_CLIENTS 3
#define UDP_CLIENTS 2
#define TCP_QUERIES 3000 /* per client */
#define UDP_QUERIES 4000
#define RELOAD_MS   5 /* between two */
#define STRAYS_MAX  20

struct world {
    struct bed bed;
    struct unruly *servers[SERVERS];
    struct tcp_client tcp[TCP_CLIENTS];
    struct udp_client udp[UDP_CLIENTS];
    atomic_uint done;
};

static struct world world;

/* Which servers are there, how they are chosen and asked follows from N. */
static struct rd_config *config_of(unsigned n)
{
    struct rd_config *config = bed_config(&world.bed);
    struct rd_pool_config *pool = &config->pools[0];

    for (unsigned i = 0; i < SERVERS; i++) {
        if (n % 4 < 3 && (n + i) % 3 == 0)
            continue;
        pool->servers.at[pool->servers.n++] = (struct rd_server_config){
            world.servers[i]->address, (uint8_t)(1 + (n + i) % 5), (uint8_t)(n % 7 == i)};
    }
    pool->policy = n / 2 % 4;
    pool->cookies = n % 3 > 0;
    pool->randomize_case = n % 5 == 0;
    pool->hedge = n % 2 ? 10 : 0;
    pool->transport = n % 11 == 0 ? RD_TRANSPORT_TCP : RD_TRANSPORT_AUTO;
    config->tcp_per_worker = 1 + n % 4;
    config->tcp_pipeline = 20 + n % 3 * 40;
    return config;
}

static void open_world(enum rd_io_kind io)
{
    memset(&world, 0, sizeof(world));
    bed_open(&world.bed, 0);
    for (unsigned i = 0; i < SERVERS; i++)
        world.servers[i] = unruly_start(i + 1, i < SERVERS - 1);
    bed_start(&world.bed, io, config_of(3));
    for (unsigned i = 0; i < TCP_CLIENTS; i++)
        tcp_client_start(&world.tcp[i], 1 + i, TCP_QUERIES, &world.bed.listener, &world.done);
    for (unsigned i = 0; i < UDP_CLIENTS; i++)
        udp_client_start(&world.udp[i], 1 + TCP_CLIENTS + i, UDP_QUERIES, &world.bed.listener,
                         &world.done);
}

static void reload_until_done(void)
{
    while (atomic_load(&world.done) < TCP_CLIENTS + UDP_CLIENTS) {
        bed_reload(&world.bed, config_of((unsigned)world.bed.generation));
        poll(NULL, 0, RELOAD_MS);
    }
    assert_true(world.bed.generation > 20);
}

/* What the clients saw. */
struct seen {
    uint64_t noerror, servfail, abandoned;
};

static void add(struct seen *seen, const struct asker *asker)
{
    seen->noerror += asker->noerror;
    seen->servfail += asker->servfail;
    seen->abandoned += asker->abandoned;
}

static struct seen join_clients(void)
{
    struct seen seen = {0};
    unsigned lives[TCP_MANNERS] = {0};

    for (unsigned i = 0; i < TCP_CLIENTS; i++) {
        tcp_client_join(&world.tcp[i]);
        add(&seen, &world.tcp[i].asker);
        for (unsigned manner = 0; manner < TCP_MANNERS; manner++)
            lives[manner] += world.tcp[i].lives[manner];
    }
    for (unsigned i = 0; i < UDP_CLIENTS; i++) {
        udp_client_join(&world.udp[i]);
        add(&seen, &world.udp[i].asker);
    }
    for (unsigned manner = 0; manner < TCP_MANNERS; manner++)
        assert_true(lives[manner] > 0);
    assert_true(seen.noerror > 4 * seen.servfail);
    return seen;
}

#define TOTAL(field) bed_total(&world.bed, field)

static void check_nothing_left(void)
{
    assert_int_equal(TOTAL(connections), 0);
    assert_int_equal(TOTAL(links), 0);
    assert_int_equal(TOTAL(inflight), 0);
    assert_int_equal(TOTAL(waiters), 0);
    assert_int_equal(TOTAL(ports_open), 0);
}

/* Every query has an answer or a reason; every answer reached a client or was lost on the way. */
static void check_queries(const struct seen *seen)
{
    uint64_t queries = TOTAL(queries_udp) + TOTAL(queries_tcp);
    uint64_t answers = TOTAL(answers_noerror) + TOTAL(answers_servfail);
    uint64_t lost = TOTAL(answers_lost_closed) + TOTAL(answers_lost_send);

    assert_int_equal(queries, answers + TOTAL(answers_lost_buffer) + TOTAL(queries_dropped_stop));
    assert_true(seen->noerror <= TOTAL(answers_noerror));
    assert_true(seen->servfail <= TOTAL(answers_servfail));
    assert_true(seen->noerror + seen->servfail + lost <= answers);
    assert_true(answers - lost <= seen->noerror + seen->servfail + seen->abandoned);
    assert_int_equal(TOTAL(answers_lost_send), 0);
    assert_int_equal(TOTAL(connections_bad), 0);
    assert_int_equal(TOTAL(connections_refused), 0);
}

static void check_replies(void)
{
    uint64_t bad = TOTAL(replies_bad_header) + TOTAL(replies_bad_question) +
                   TOTAL(replies_bad_malformed) + TOTAL(replies_bad_oversize) +
                   TOTAL(replies_bad_case) + TOTAL(replies_bad_cookie);

    assert_int_equal(bad, 0);
    /* A late reply to a port that was closed may find the next socket at that port. */
    assert_true(TOTAL(replies_bad_unknown_id) < STRAYS_MAX);
    assert_int_equal(TOTAL(replies_received),
                     TOTAL(replies_accepted) + TOTAL(replies_late) + TOTAL(replies_bad_unknown_id));
    assert_true(TOTAL(upstream_tcp) > 0);
    assert_true(TOTAL(upstream_failover) > 0);
    assert_true(TOTAL(links_opened) > 1);
    assert_true(TOTAL(links_failed) > 0);
    assert_true(TOTAL(connections_paused) > 0);
}

static void stress(enum rd_io_kind io)
{
    struct seen seen;

    bed_need(io);
    open_world(io);
    reload_until_done();
    seen = join_clients();
    bed_stop(&world.bed);
    for (unsigned i = 0; i < SERVERS; i++)
        unruly_stop(world.servers[i]);
    print_message("# %s: %u reloads; %u answers, %u SERVFAIL, %u given up\n", rd_io_name(io),
                  (unsigned)world.bed.generation, (unsigned)seen.noerror, (unsigned)seen.servfail,
                  (unsigned)seen.abandoned);
    check_nothing_left();
    check_queries(&seen);
    check_replies();
    bed_close(&world.bed);
}

static void test_streams_over_uring(void **state)
{
    (void)state;
    stress(RD_IO_URING);
}

static void test_streams_over_syscall(void **state)
{
    (void)state;
    stress(RD_IO_SYSCALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_over_uring),
        cmocka_unit_test(test_streams_over_syscall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
