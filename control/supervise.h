/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * supervise.h - the workers and their threads.
 */
#ifndef RINGDNS_CONTROL_SUPERVISE_H
#define RINGDNS_CONTROL_SUPERVISE_H

#include "machine.h"
#include "ringdns/worker.h"

struct crew_member;

struct crew {
    unsigned n; /* workers that are made */
    struct crew_member *members;
    int ended_fd; /* to be polled: readable when a thread has ended; -1: not open */
};

struct crew_plan {
    unsigned workers;
    enum rd_io_kind io;
    struct rd_fleet *fleet;
    struct rd_cache *cache;
    struct rd_exchange *exchange; /* NULL: one worker */
    const struct rd_snapshot *snapshot;
    uint8_t hash_key[16];                /* the cache's too */
    unsigned max_ports, max_connections; /* of each worker: rd_worker_setup */
    const struct rd_port_list *ports_avoid;
    const unsigned *cpus; /* worker I goes to cpus[I % n_cpus] */
    unsigned n_cpus;
};

/* Makes the workers, which opens their listeners. 0: *RET_CREW is to be closed.
 * Negative errno: nothing is open, *RET_FAILURE tells where. */
int crew_open(const struct crew_plan *plan, struct crew *ret_crew, struct rd_failure *ret_failure);

/* Starts the threads and waits until each worker has taken up its first snapshot.
 * Negative errno: one did not; *RET_FAILURE tells where; the others are to be stopped. */
int crew_start(struct crew *crew, struct rd_failure *ret_failure);

/* Orders all to finish; ended_fd tells each time one has. */
void crew_stop(struct crew *crew);
/* The number of threads that have not ended. A worker that failed makes *RET_ERROR negative. */
unsigned crew_running(struct crew *crew, int *ret_error, struct rd_failure *ret_failure);
/* Waits for the threads' end. The counters remain readable. */
void crew_join(struct crew *crew);
/* Frees the workers. After crew_join, or where none was started. */
void crew_close(struct crew *crew);

void crew_publish(struct crew *crew, const struct rd_snapshot *snapshot);
/* The least generation that any worker uses. */
uint64_t crew_generation(const struct crew *crew);

unsigned crew_cpu(const struct crew *crew, unsigned worker);
const struct rd_stats *crew_stats(const struct crew *crew, unsigned worker);
/* What WORKER has counted of the upstream with NUMBER. */
const struct rd_upstream_stats *crew_upstream_stats(const struct crew *crew, unsigned worker,
                                                    unsigned number);

#endif
