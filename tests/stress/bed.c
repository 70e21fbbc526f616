/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bed.c - makes workers, runs them, reloads them, stops them.
 *
 * Thread: main's alone; a worker's thread does nothing but rd_worker_run.
 */
#include "bed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "ringdns/io.h"

#define TWIN_DRAWS 100

/* What the thread sanitizer is to pass over, where it is built in: it does not see that the ring
 * closed a descriptor of one worker and accepted a connection of another's by the same number, and
 * that one's close is a race to it. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:^streams_accepted$\n";
}

/* But for pipes, of which workers have none and sanitizers do, to what writes their reports. */
static unsigned open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    char target[16];
    unsigned n = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target));

        n += len > 0 && strncmp(target, "pipe:", 5) != 0;
    }
    closedir(folder);
    return n;
}

static int bound_socket(int type, const union rd_address *address)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (bind(fd, &address->any, sizeof(address->v4)) == 0)
        return fd;
    close(fd);
    return -1;
}

int bed_udp_socket(union rd_address *ret_address)
{
    union rd_address address = {0};
    socklen_t len = sizeof(address);
    int fd;

    address.v4.sin_family = AF_INET;
    address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = bound_socket(SOCK_DGRAM, &address);
    assert_true(fd >= 0);
    assert_int_equal(getsockname(fd, &address.any, &len), 0);
    *ret_address = address;
    return fd;
}

void bed_twin_sockets(union rd_address *ret_address, int *ret_udp, int *ret_tcp)
{
    for (unsigned i = 0; i < TWIN_DRAWS; i++) {
        *ret_udp = bed_udp_socket(ret_address);
        *ret_tcp = bound_socket(SOCK_STREAM, ret_address);
        if (*ret_tcp >= 0)
            return;
        close(*ret_udp);
    }
    fail_msg("no port is free by UDP and TCP");
}

void bed_need(enum rd_io_kind io)
{
    char why[256];

    if (rd_io_probe(io, why, sizeof(why)) == 0)
        return;
    print_message("# %s: %s\n", rd_io_name(io), why);
    skip();
}

static struct rd_cache *cache_of(uint64_t bytes)
{
    struct rd_cache_setup setup = {.bytes = bytes, .workers = BED_WORKERS};
    struct rd_cache *cache;

    if (bytes == 0)
        return NULL;
    assert_int_equal(rd_cache_new(&setup, &cache), 0);
    return cache;
}

void bed_open(struct bed *bed, uint64_t cache_bytes)
{
    int udp, tcp;

    memset(bed, 0, sizeof(*bed));
    bed->fds = open_fds();
    bed->fleet = rd_fleet_new();
    assert_non_null(bed->fleet);
    bed->cache = cache_of(cache_bytes);
    bed_twin_sockets(&bed->listener, &udp, &tcp);
    close(udp);
    close(tcp);
}

struct rd_config *bed_config(const struct bed *bed)
{
    static const struct rd_prefix loopback = {{[10] = 0xff, 0xff, 127}, 104};
    struct rd_config *config = calloc(1, sizeof(*config));

    assert_non_null(config);
    config->listen = (struct rd_address_list){.n = 1, .at = {bed->listener}};
    config->receive_buffer = 1 << 20;
    config->max_answer = 1232;
    config->access_allow = (struct rd_prefix_list){.n = 1, .at = {loopback}};
    config->inflight_queries = 1024;
    config->inflight_waiters = 2048;
    config->inflight_upstream = 16384;
    config->ports_per_upstream = 32;
    config->tcp_connections = 64;
    config->tcp_per_prefix = 64;
    config->tcp_pipeline = 100;
    config->tcp_unsent = 128 << 10;
    config->tcp_idle = 10000;
    config->tcp_message = 5000;
    config->tcp_upstream_idle = 5000;
    config->tcp_per_worker = 2;
    config->tcp_per_upstream = 16;
    config->cache_max_ttl = 24 * 60 * 60 * 1000;
    config->cache_negative_ttl = 60 * 60 * 1000;
    config->cache_stale = 24 * 60 * 60 * 1000;
    config->cache_rotate = true;
    config->cache_prefetch = true;
    config->loop_probe = true;
    config->n_pools = 1;
    config->pools[0].probe.len = 1;
    config->pools[0].cookies = true;
    return config;
}

/* Takes CONFIG. */
static struct rd_snapshot *next_snapshot(struct bed *bed, struct rd_config *config)
{
    struct rd_snapshot *snapshot;

    bed->generation++;
    assert_int_equal(rd_snapshot_new(bed->fleet, config, bed->generation, &snapshot), 0);
    free(config);
    return snapshot;
}

static void *run_worker(void *argument)
{
    struct rd_failure failure;

    return rd_worker_run(argument, &failure) == 0 ? NULL : argument;
}

void bed_start(struct bed *bed, enum rd_io_kind io, struct rd_config *config)
{
    static const struct rd_port_list avoid = {0};

    bed->exchange = rd_exchange_new(BED_WORKERS, (uint32_t)config->inflight_queries);
    assert_non_null(bed->exchange);
    bed->snapshot = next_snapshot(bed, config);
    for (unsigned i = 0; i < BED_WORKERS; i++) {
        struct rd_failure failure;
        struct rd_worker_setup setup = {
            .index = i,
            .workers = BED_WORKERS,
            .io = io,
            .fleet = bed->fleet,
            .cache = bed->cache,
            .exchange = bed->exchange,
            .snapshot = bed->snapshot,
            .max_ports = 256,
            .max_connections = 64,
            .ports_avoid = &avoid,
            .seed = {(uint8_t)i},
        };

        assert_int_equal(rd_worker_new(&setup, &bed->workers[i], &failure), 0);
    }
    for (unsigned i = 0; i < BED_WORKERS; i++)
        assert_int_equal(pthread_create(&bed->threads[i], NULL, run_worker, bed->workers[i]), 0);
}

static bool all_use(const struct bed *bed, uint64_t generation)
{
    for (unsigned i = 0; i < BED_WORKERS; i++)
        if (rd_worker_generation(bed->workers[i]) < generation)
            return false;
    return true;
}

void bed_reload(struct bed *bed, struct rd_config *config)
{
    struct rd_snapshot *old = bed->snapshot;

    bed->snapshot = next_snapshot(bed, config);
    for (unsigned i = 0; i < BED_WORKERS; i++)
        rd_worker_publish(bed->workers[i], bed->snapshot);
    while (!all_use(bed, bed->generation))
        (void)bed_total(bed, queries_udp);
    rd_snapshot_free(bed->fleet, old);
}

void bed_stop(struct bed *bed)
{
    for (unsigned i = 0; i < BED_WORKERS; i++)
        rd_worker_stop(bed->workers[i]);
    for (unsigned i = 0; i < BED_WORKERS; i++) {
        void *result;

        pthread_join(bed->threads[i], &result);
        assert_null(result);
    }
}

void bed_close(struct bed *bed)
{
    for (unsigned i = 0; i < BED_WORKERS; i++)
        rd_worker_free(bed->workers[i]);
    rd_exchange_free(bed->exchange);
    rd_cache_free(bed->cache);
    rd_snapshot_free(bed->fleet, bed->snapshot);
    rd_fleet_free(bed->fleet);
    assert_int_equal(open_fds(), bed->fds);
}

uint64_t bed_total_at(const struct bed *bed, size_t offset)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < BED_WORKERS; i++)
        total += rd_stat_get(
            (const _Atomic uint64_t *)((const char *)rd_worker_stats(bed->workers[i]) + offset));
    return total;
}
