/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * supervise.c - makes the workers, gives each a pinned thread, notices when one ends.
 *
 * A thread tells its end through an eventfd, so that the main loop hears of it like of everything
 * else. No signal reaches a worker.
 * Thread: main; only run() is the workers'.
 * Not here: what to do when a worker fails (service.c).
 */
#include "supervise.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct crew_member {
    struct rd_worker *worker;
    unsigned cpu;
    int ended_fd;
    bool started; /* the thread is to be joined */
    pthread_t thread;
    _Atomic bool ended; /* release: result and failure are written */
    int result;
    struct rd_failure failure;
};

static void *run(void *argument)
{
    struct crew_member *member = argument;

    member->result = rd_worker_run(member->worker, &member->failure);
    atomic_store_explicit(&member->ended, true, memory_order_release);
    eventfd_write(member->ended_fd, 1);
    return NULL;
}

static int make_worker(const struct crew_plan *plan, struct crew *crew,
                       struct rd_failure *ret_failure)
{
    struct crew_member *member = &crew->members[crew->n];
    struct rd_worker_setup setup = {
        .index = crew->n,
        .workers = plan->workers,
        .io = plan->io,
        .fleet = plan->fleet,
        .cache = plan->cache,
        .exchange = plan->exchange,
        .snapshot = plan->snapshot,
        .max_ports = plan->max_ports,
        .max_connections = plan->max_connections,
        .ports_avoid = plan->ports_avoid,
    };
    int r = machine_random(setup.seed, sizeof(setup.seed));

    *ret_failure = (struct rd_failure){"draw random numbers", -1};
    memcpy(setup.hash_key, plan->hash_key, sizeof(setup.hash_key));
    if (r == 0)
        r = rd_worker_new(&setup, &member->worker, ret_failure);
    explicit_bzero(&setup, sizeof(setup));
    if (r < 0)
        return r;
    member->cpu = plan->cpus[crew->n % plan->n_cpus];
    member->ended_fd = crew->ended_fd;
    crew->n++;
    return 0;
}

int crew_open(const struct crew_plan *plan, struct crew *ret_crew, struct rd_failure *ret_failure)
{
    struct crew crew = {.ended_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    int r = crew.ended_fd < 0 ? -errno : 0;

    *ret_failure = (struct rd_failure){"prepare the workers", -1};
    crew.members = calloc(plan->workers, sizeof(*crew.members));
    if (r == 0 && !crew.members)
        r = -ENOMEM;
    while (r == 0 && crew.n < plan->workers)
        r = make_worker(plan, &crew, ret_failure);
    if (r < 0)
        crew_close(&crew);
    else
        *ret_crew = crew;
    return r;
}

static int start_thread(struct crew_member *member, unsigned number)
{
    size_t size = CPU_ALLOC_SIZE(member->cpu + 1u);
    cpu_set_t *set = CPU_ALLOC(member->cpu + 1);
    pthread_attr_t attributes;
    sigset_t blocked;
    char name[16];
    int error;

    if (!set)
        return -ENOMEM;
    CPU_ZERO_S(size, set);
    CPU_SET_S(member->cpu, size, set);
    pthread_attr_init(&attributes);
    /* Before the thread runs: its memory shall be near its CPU from the first touch. */
    pthread_attr_setaffinity_np(&attributes, size, set);
    sigfillset(&blocked);
    pthread_attr_setsigmask_np(&attributes, &blocked);
    error = pthread_create(&member->thread, &attributes, run, member);
    pthread_attr_destroy(&attributes);
    CPU_FREE(set);
    if (error != 0)
        return -error;
    member->started = true;
    snprintf(name, sizeof(name), "ringdns/%u", number % 1000);
    pthread_setname_np(member->thread, name);
    return 0;
}

/* Until each has adopted a snapshot, which is the first thing that a running worker does. */
static int await_all(struct crew *crew, struct rd_failure *ret_failure)
{
    struct pollfd ended = {.fd = crew->ended_fd, .events = POLLIN};
    int error = 0;

    while (crew_generation(crew) == 0) {
        if (crew_running(crew, &error, ret_failure) < crew->n)
            return error < 0 ? error : -ECANCELED;
        poll(&ended, 1, 1);
    }
    return 0;
}

int crew_start(struct crew *crew, struct rd_failure *ret_failure)
{
    for (unsigned i = 0; i < crew->n; i++) {
        int r = start_thread(&crew->members[i], i);

        if (r < 0) {
            *ret_failure = (struct rd_failure){"start a thread", -1};
            return r;
        }
    }
    return await_all(crew, ret_failure);
}

void crew_stop(struct crew *crew)
{
    for (unsigned i = 0; i < crew->n; i++)
        rd_worker_stop(crew->members[i].worker);
}

unsigned crew_running(struct crew *crew, int *ret_error, struct rd_failure *ret_failure)
{
    unsigned running = 0;
    eventfd_t ignored;

    eventfd_read(crew->ended_fd, &ignored);
    for (unsigned i = 0; i < crew->n; i++) {
        struct crew_member *member = &crew->members[i];

        if (!member->started)
            continue;
        if (!atomic_load_explicit(&member->ended, memory_order_acquire)) {
            running++;
        } else if (member->result < 0) {
            *ret_error = member->result;
            *ret_failure = member->failure;
        }
    }
    return running;
}

void crew_join(struct crew *crew)
{
    for (unsigned i = 0; i < crew->n; i++) {
        if (crew->members[i].started)
            pthread_join(crew->members[i].thread, NULL);
        crew->members[i].started = false;
    }
}

void crew_close(struct crew *crew)
{
    for (unsigned i = 0; i < crew->n; i++)
        rd_worker_free(crew->members[i].worker);
    free(crew->members);
    if (crew->ended_fd >= 0)
        close(crew->ended_fd);
    *crew = (struct crew){.ended_fd = -1};
}

void crew_publish(struct crew *crew, const struct rd_snapshot *snapshot)
{
    for (unsigned i = 0; i < crew->n; i++)
        rd_worker_publish(crew->members[i].worker, snapshot);
}

uint64_t crew_generation(const struct crew *crew)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < crew->n; i++) {
        uint64_t generation = rd_worker_generation(crew->members[i].worker);

        least = generation < least ? generation : least;
    }
    return least;
}

unsigned crew_cpu(const struct crew *crew, unsigned worker)
{
    return crew->members[worker].cpu;
}

const struct rd_stats *crew_stats(const struct crew *crew, unsigned worker)
{
    return rd_worker_stats(crew->members[worker].worker);
}

const struct rd_upstream_stats *crew_upstream_stats(const struct crew *crew, unsigned worker,
                                                    unsigned number)
{
    return rd_worker_upstream_stats(crew->members[worker].worker, number);
}
