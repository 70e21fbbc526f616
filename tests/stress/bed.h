/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bed.h - real workers in threads of their own, as control runs them, for tests that load them.
 *
 * Shape: the calling thread is main: it makes, publishes, reads counters and stops. Whoever asks or
 * answers is another thread and knows only addresses.
 */
#ifndef RINGDNS_TESTS_STRESS_BED_H
#define RINGDNS_TESTS_STRESS_BED_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "ringdns/cache.h"
#include "ringdns/worker.h"

#define BED_WORKERS 2

struct bed {
    union rd_address listener;
    struct rd_fleet *fleet;
    struct rd_cache *cache; /* NULL: none */
    struct rd_exchange *exchange;
    struct rd_snapshot *snapshot; /* that all workers use */
    uint64_t generation;
    unsigned fds; /* open when the bed was made */
    struct rd_worker *workers[BED_WORKERS];
    pthread_t threads[BED_WORKERS];
};

/* Skips the test where the kernel has no such back end. */
void bed_need(enum rd_io_kind io);
/* A fleet, a cache of CACHE_BYTES (0: none), and an address that is free by UDP and TCP. */
void bed_open(struct bed *bed, uint64_t cache_bytes);
/* Options as they are by default or smaller, and a pool without servers; to be freed. */
struct rd_config *bed_config(const struct bed *bed);
/* Starts the workers with CONFIG, which is freed. */
void bed_start(struct bed *bed, enum rd_io_kind io, struct rd_config *config);
/* Has all workers use CONFIG, which is freed, and returns when they do. */
void bed_reload(struct bed *bed, struct rd_config *config);
/* Stops and joins the workers; their counters stay. */
void bed_stop(struct bed *bed);
/* Frees all; nothing is left open. */
void bed_close(struct bed *bed);

/* The sum over the workers of the counter at OFFSET of struct rd_stats. */
uint64_t bed_total_at(const struct bed *bed, size_t offset);
#define bed_total(bed, field) bed_total_at(bed, offsetof(struct rd_stats, field))

/* A UDP socket at 127.0.0.1, and its address. */
int bed_udp_socket(union rd_address *ret_address);
/* A UDP socket and a TCP socket, which does not listen yet, at one port of 127.0.0.1. */
void bed_twin_sockets(union rd_address *ret_address, int *ret_udp, int *ret_tcp);

#endif
