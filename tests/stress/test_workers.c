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

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ringdns/io.h"
#include "ringdns/worker.h"
#include "wire/cursor.h"

#define WORKERS     2
#define SERVERS     2
#define CLIENTS     4
#define QUERIES     10000 /* per client */
#define WINDOW      32
#define PATIENCE_MS 20000

struct server {
    int fd;
    union rd_address address;
    pthread_t thread;
};

struct client {
    int fd;
    unsigned number, answered;
    pthread_t thread;
};

struct world {
    struct server servers[SERVERS];
    struct client clients[CLIENTS];
    union rd_address listener;
    struct rd_fleet *fleet;
    struct rd_worker *workers[WORKERS];
    pthread_t threads[WORKERS];
    atomic_bool serving;
    atomic_uint clients_done;
};

static struct world world;

static int udp_socket(union rd_address *ret_address)
{
    union rd_address address = {0};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    address.v4.sin_family = AF_INET;
    address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, &address.any, sizeof(address.v4)), 0);
    assert_int_equal(getsockname(fd, &address.any, &len), 0);
    *ret_address = address;
    return fd;
}

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

/* Every third name is asked by all clients, so that questions are joined. */
static size_t make_query(uint8_t *packet, unsigned client, unsigned n)
{
    struct rd_writer writer = rd_writer_at(packet, 512, 0);
    char label[32];
    int len = snprintf(label, sizeof(label), "n%u-%u", n % 3 ? client : 0, n);

    rd_writer_u16(&writer, (uint16_t)n);
    rd_writer_u16(&writer, 0x0100);
    rd_writer_u16(&writer, 1);
    rd_writer_u32(&writer, 0);
    rd_writer_u16(&writer, 0);
    rd_writer_u8(&writer, (uint8_t)len);
    rd_writer_bytes(&writer, label, (size_t)len);
    rd_writer_bytes(&writer, "\7example\0\0\1\0\1", 13);
    return rd_writer_offset(&writer);
}

static void *ask(void *argument)
{
    struct client *client = argument;
    unsigned sent = 0;
    uint8_t packet[512];

    while (client->answered < QUERIES) {
        struct pollfd wait = {client->fd, POLLIN, 0};

        for (; sent < QUERIES && sent - client->answered < WINDOW; sent++)
            send(client->fd, packet, make_query(packet, client->number, sent), 0);
        if (poll(&wait, 1, PATIENCE_MS) <= 0)
            break;
        while (recv(client->fd, packet, sizeof(packet), MSG_DONTWAIT) > 0)
            client->answered++;
    }
    atomic_fetch_add(&world.clients_done, 1);
    return NULL;
}

static void *run_worker(void *argument)
{
    struct rd_failure failure;

    return rd_worker_run(argument, &failure) == 0 ? NULL : argument;
}

static struct rd_snapshot *snapshot_of(unsigned servers, uint64_t generation)
{
    static const struct rd_prefix loopback = {{[10] = 0xff, 0xff, 127}, 104};
    struct rd_config *config = calloc(1, sizeof(*config));
    struct rd_snapshot *snapshot;

    config->listen = (struct rd_address_list){.n = 1, .at = {world.listener}};
    config->receive_buffer = 1 << 20;
    config->max_answer = 1232;
    config->access_allow = (struct rd_prefix_list){.n = 1, .at = {loopback}};
    config->inflight_queries = 1024;
    config->inflight_waiters = 2048;
    config->ports_per_upstream = 32;
    config->n_pools = 1;
    config->pools[0].servers.n = servers;
    for (unsigned i = 0; i < servers; i++)
        config->pools[0].servers.at[i] = world.servers[i].address;
    assert_int_equal(rd_snapshot_new(world.fleet, config, generation, &snapshot), 0);
    free(config);
    return snapshot;
}

static void start(enum rd_io_kind io, const struct rd_snapshot *snapshot)
{
    static const struct rd_port_list avoid = {0};

    for (unsigned i = 0; i < WORKERS; i++) {
        struct rd_failure failure;
        struct rd_worker_setup setup = {
            .index = i,
            .workers = WORKERS,
            .io = io,
            .fleet = world.fleet,
            .snapshot = snapshot,
            .max_ports = 256,
            .ports_avoid = &avoid,
            .seed = {(uint8_t)i},
        };

        assert_int_equal(rd_worker_new(&setup, &world.workers[i], &failure), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&world.threads[i], NULL, run_worker, world.workers[i]), 0);
}

static uint64_t total_of(size_t offset)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < WORKERS; i++)
        total += rd_stat_get(
            (const _Atomic uint64_t *)((const char *)rd_worker_stats(world.workers[i]) + offset));
    return total;
}

#define TOTAL(field) total_of(offsetof(struct rd_stats, field))

static bool all_use(uint64_t generation)
{
    for (unsigned i = 0; i < WORKERS; i++)
        if (rd_worker_generation(world.workers[i]) < generation)
            return false;
    return true;
}

/* Publishes as fast as the workers adopt, until the clients are done. */
static struct rd_snapshot *publish_until_done(struct rd_snapshot *current)
{
    uint64_t generation = 1;

    while (atomic_load(&world.clients_done) < CLIENTS) {
        struct rd_snapshot *next = snapshot_of(1 + generation % SERVERS, generation + 1);

        generation++;
        for (unsigned i = 0; i < WORKERS; i++)
            rd_worker_publish(world.workers[i], next);
        while (!all_use(generation))
            (void)TOTAL(queries_udp);
        rd_snapshot_free(world.fleet, current);
        current = next;
    }
    assert_true(generation > 3);
    return current;
}

static void open_world(void)
{
    int probe;

    memset(&world, 0, sizeof(world));
    atomic_store(&world.serving, true);
    world.fleet = rd_fleet_new();
    assert_non_null(world.fleet);
    probe = udp_socket(&world.listener);
    close(probe);
    for (unsigned i = 0; i < SERVERS; i++) {
        world.servers[i].fd = udp_socket(&world.servers[i].address);
        pthread_create(&world.servers[i].thread, NULL, serve, &world.servers[i]);
    }
}

static void load(void)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        union rd_address own;

        world.clients[i].fd = udp_socket(&own);
        world.clients[i].number = i;
        assert_int_equal(
            connect(world.clients[i].fd, &world.listener.any, rd_address_len(&world.listener)), 0);
        pthread_create(&world.clients[i].thread, NULL, ask, &world.clients[i]);
    }
}

static void close_world(struct rd_snapshot *snapshot)
{
    for (unsigned i = 0; i < WORKERS; i++)
        rd_worker_stop(world.workers[i]);
    for (unsigned i = 0; i < WORKERS; i++) {
        void *result;

        pthread_join(world.threads[i], &result);
        assert_null(result);
    }
    atomic_store(&world.serving, false);
    for (unsigned i = 0; i < SERVERS; i++) {
        pthread_join(world.servers[i].thread, NULL);
        close(world.servers[i].fd);
    }
    assert_int_equal(TOTAL(inflight), 0);
    assert_int_equal(TOTAL(waiters), 0);
    for (unsigned i = 0; i < WORKERS; i++)
        rd_worker_free(world.workers[i]);
    rd_snapshot_free(world.fleet, snapshot);
    rd_fleet_free(world.fleet);
}

static void stress(enum rd_io_kind io)
{
    struct rd_snapshot *snapshot;
    char why[256];

    if (rd_io_probe(io, why, sizeof(why)) < 0) {
        print_message("# %s: %s\n", rd_io_name(io), why);
        skip();
    }
    open_world();
    snapshot = snapshot_of(1, 1);
    start(io, snapshot);
    load();
    snapshot = publish_until_done(snapshot);
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(world.clients[i].thread, NULL);
        close(world.clients[i].fd);
        assert_int_equal(world.clients[i].answered, QUERIES);
    }
    assert_int_equal(TOTAL(queries_udp), CLIENTS * QUERIES);
    assert_int_equal(TOTAL(queries_led) + TOTAL(queries_joined), CLIENTS * QUERIES);
    assert_int_equal(TOTAL(answers_noerror), CLIENTS * QUERIES);
    close_world(snapshot);
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
