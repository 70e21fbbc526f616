/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_workers.c - two workers in threads of their own under load, while the main thread publishes
 * snapshots and reads counters all the time. Built with a thread sanitizer it finds what is shared
 * and should not be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <unistd.h>

#include "asker.h"
#include "bed.h"

#define SERVERS 2
#define CLIENTS 4
#define QUERIES 10000 /* per client */

struct server {
    int fd;
    union rd_address address;
    pthread_t thread;
};

struct world {
    struct bed bed;
    struct server servers[SERVERS];
    struct udp_client clients[CLIENTS];
    atomic_bool serving;
    atomic_uint clients_done;
};

static struct world world;

/* Says yes to everything: the query with QR=1. */
static void *serve(void *argument)
{
    struct server *server = argument;
    uint8_t packet[512];

    while (atomic_load(&world.serving)) {
        struct pollfd wait = {server->fd, POLLIN, 0};
        union rd_address from;
        socklen_t from_len = sizeof(from);
        ssize_t len;

        if (poll(&wait, 1, 50) <= 0)
            continue;
        len = recvfrom(server->fd, packet, sizeof(packet), MSG_DONTWAIT, &from.any, &from_len);
        if (len < 12)
            continue;
        packet[2] |= 0x80;
        sendto(server->fd, packet, (size_t)len, 0, &from.any, from_len);
    }
    return NULL;
}

static struct rd_config *config_of(unsigned servers)
{
    struct rd_config *config = bed_config(&world.bed);

    config->pools[0].servers.n = servers;
    for (unsigned i = 0; i < servers; i++)
        config->pools[0].servers.at[i] = (struct rd_server_config){world.servers[i].address, 1, 0};
    return config;
}

static void open_world(void)
{
    memset(&world, 0, sizeof(world));
    bed_open(&world.bed, 0);
    atomic_store(&world.serving, true);
    for (unsigned i = 0; i < SERVERS; i++) {
        world.servers[i].fd = bed_udp_socket(&world.servers[i].address);
        pthread_create(&world.servers[i].thread, NULL, serve, &world.servers[i]);
    }
}

static void close_world(void)
{
    bed_stop(&world.bed);
    atomic_store(&world.serving, false);
    for (unsigned i = 0; i < SERVERS; i++) {
        pthread_join(world.servers[i].thread, NULL);
        close(world.servers[i].fd);
    }
    assert_int_equal(bed_total(&world.bed, inflight), 0);
    assert_int_equal(bed_total(&world.bed, waiters), 0);
    bed_close(&world.bed);
}

/* Publishes as fast as the workers adopt, until the clients are done. */
static void publish_until_done(void)
{
    while (atomic_load(&world.clients_done) < CLIENTS)
        bed_reload(&world.bed, config_of(1 + (unsigned)world.bed.generation % SERVERS));
    assert_true(world.bed.generation > 3);
}

/* Each query led, joined, or followed the other worker; who followed one that had just ended led
 * after all, and was counted twice. */
static void check_who_asked(void)
{
    uint64_t once = bed_total(&world.bed, queries_led) + bed_total(&world.bed, queries_joined);

    assert_true(once <= CLIENTS * QUERIES);
    assert_true(once + bed_total(&world.bed, queries_followed) >= CLIENTS * QUERIES);
}

static void stress(enum rd_io_kind io)
{
    const struct bed *bed = &world.bed;

    bed_need(io);
    open_world();
    bed_start(&world.bed, io, config_of(1));
    for (unsigned i = 0; i < CLIENTS; i++)
        udp_client_start(&world.clients[i], i, QUERIES, &bed->listener, &world.clients_done);
    publish_until_done();
    for (unsigned i = 0; i < CLIENTS; i++) {
        udp_client_join(&world.clients[i]);
        assert_int_equal(world.clients[i].asker.noerror, QUERIES);
    }
    assert_int_equal(bed_total(bed, queries_udp), CLIENTS * QUERIES);
    check_who_asked();
    assert_int_equal(bed_total(bed, answers_noerror), CLIENTS * QUERIES);
    close_world();
}

static void test_load_and_reload_over_uring(void **state)
{
    (void)state;
    stress(RD_IO_URING);
}

static void test_load_and_reload_over_syscall(void **state)
{
    (void)state;
    stress(RD_IO_SYSCALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_and_reload_over_uring),
        cmocka_unit_test(test_load_and_reload_over_syscall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
