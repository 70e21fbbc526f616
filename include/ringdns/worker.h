/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h - what the control plane does with the data plane: make it, run it, hand it a new
 * configuration, read its counters, stop it.
 *
 * Life: rd_fleet_new -> rd_snapshot_new -> rd_cache_new, rd_exchange_new -> rd_worker_new (each
 * worker; opens its listeners) -> a thread per worker in rd_worker_run -> rd_worker_publish at each
 * reload -> rd_worker_stop -> join -> rd_worker_free -> rd_snapshot_free -> rd_fleet_free.
 */
#ifndef RINGDNS_WORKER_H
#define RINGDNS_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "ringdns/config.h"
#include "ringdns/error.h"
#include "ringdns/stats.h"

/* What all workers share: the servers that are or were asked, with their health. */
struct rd_fleet;
/* A configuration in the form that the packet path reads; never changed once made. */
struct rd_snapshot;
struct rd_worker;
/* Which worker asks what, and letters between them. */
struct rd_exchange;

/* Main thread. For WORKERS, each with at most QUESTIONS under way. NULL: no memory. */
struct rd_exchange *rd_exchange_new(unsigned workers, uint32_t questions);
/* Main thread, when no worker is left. NULL is allowed. */
void rd_exchange_free(struct rd_exchange *exchange);

/* Main thread. NULL: no memory. */
struct rd_fleet *rd_fleet_new(void);
/* Main thread, when no worker and no snapshot is left. NULL is allowed. */
void rd_fleet_free(struct rd_fleet *fleet);

/* UP: asked. SUSPECT: too many different names timed out, a probe is under way. DEGRADED: SERVFAIL
 * for many different names. LOOPING: it sends our questions back to us. Any but UP is asked only
 * where no better one is; DOWN and LOOPING see probes alone, but for the last hope. */
enum rd_server_state {
    RD_SERVER_UP,
    RD_SERVER_DEGRADED,
    RD_SERVER_SUSPECT,
    RD_SERVER_DOWN,
    RD_SERVER_LOOPING,
};

struct rd_server_info {
    union rd_address address, source; /* source AF_UNSPEC: the system's choice */
    enum rd_server_state state;
    uint64_t since_ns; /* boot-time clock: when that state began; 0: from the start */
};

/* What is known of the server with NUMBER, 0 .. RD_MAX_UPSTREAMS - 1. Main thread. False: no
 * snapshot names it. */
bool rd_fleet_server(const struct rd_fleet *fleet, unsigned number,
                     struct rd_server_info *ret_info);
/* What SNAPSHOT was compiled from; lives as long as it. */
const struct rd_config *rd_snapshot_config(const struct rd_snapshot *snapshot);
/* The number that SNAPSHOT's pool POOL (as in its configuration) has for its server SERVER. */
unsigned rd_snapshot_server(const struct rd_snapshot *snapshot, unsigned pool, unsigned server);
/* The number that its pool POOL has in keys, and how many pools have had it. */
unsigned rd_snapshot_view(const struct rd_snapshot *snapshot, unsigned pool,
                          uint16_t *ret_incarnation);

/* Compiles CONFIG, which is copied. Main thread.
 * GENERATION: larger than any before it.
 * 0: *RET_SNAPSHOT is the caller's. -ENOMEM. -ENOSPC: RD_MAX_UPSTREAMS different servers are or
 * were in use a moment ago; try again later. */
int rd_snapshot_new(struct rd_fleet *fleet, const struct rd_config *config, uint64_t generation,
                    struct rd_snapshot **ret_snapshot);
/* Main thread, when every worker has acknowledged a later generation (or is gone). */
void rd_snapshot_free(struct rd_fleet *fleet, struct rd_snapshot *snapshot);

struct rd_worker_setup {
    unsigned index, workers; /* this one, of how many */
    enum rd_io_kind io;      /* not RD_IO_AUTO */
    struct rd_fleet *fleet;  /* these three outlive the worker */
    struct rd_cache *cache;
    struct rd_exchange *exchange; /* NULL: there is only one worker */
    const struct rd_snapshot *snapshot;
    unsigned max_ports;       /* source ports open at a time, by the limit on descriptors */
    unsigned max_connections; /* clients', by TCP, at a time, by the same limit */
    const struct rd_port_list *ports_avoid; /* all of them: option and system; read at once */
    uint8_t seed[32];                       /* from getrandom(); the source of IDs and ports */
    uint8_t hash_key[16];                   /* the same for all workers */
};

/* Makes a worker and opens its listeners. Main thread, before privileges are dropped.
 * 0: *RET_WORKER is the caller's. Negative errno: nothing is left open; *RET_FAILURE names the
 * step and the listener. EADDRINUSE is found also where another process of ours shares its port. */
int rd_worker_new(const struct rd_worker_setup *setup, struct rd_worker **ret_worker,
                  struct rd_failure *ret_failure);
/* Main thread, after the worker's thread is joined or where none was started. NULL is allowed. */
void rd_worker_free(struct rd_worker *worker);

/* The life of a worker's thread: returns when rd_worker_stop was called and what was under way is
 * answered or given up (a little over 4 s at most). 0, or a negative errno when the ring could not
 * be made. */
int rd_worker_run(struct rd_worker *worker, struct rd_failure *ret_failure);

/* One turn, for a driver that owns time (tests). rd_worker_run is start, turns, finish. */
int rd_worker_start(struct rd_worker *worker, struct rd_failure *ret_failure);
bool rd_worker_turn(struct rd_worker *worker); /* false: stopped, and nothing is under way */
void rd_worker_finish(struct rd_worker *worker);

/* Hands over SNAPSHOT and rings the worker; it is adopted at the next turn. Main thread. */
void rd_worker_publish(struct rd_worker *worker, const struct rd_snapshot *snapshot);
/* The generation that the worker uses now (acquire): older snapshots are free of it. Any thread. */
uint64_t rd_worker_generation(const struct rd_worker *worker);
/* Orders the worker to finish. Any thread, also a signal handler's. */
void rd_worker_stop(struct rd_worker *worker);

/* The worker's counters; kernel drops at its listeners are brought up to date by the call.
 * Main thread; valid as long as the worker. */
const struct rd_stats *rd_worker_stats(struct rd_worker *worker);
/* The worker's counters of the upstream with NUMBER. Main thread; valid as long as the worker. */
const struct rd_upstream_stats *rd_worker_upstream_stats(const struct rd_worker *worker,
                                                         unsigned number);

#endif
