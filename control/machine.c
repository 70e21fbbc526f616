/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.c - asks the system what there is, before anything is built on it.
 *
 * Thread: main.
 * Not here: taking it (supervise.c).
 */
#include "machine.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

enum {
    PORTS = 65536,
    FIRST_PORT = 1024,      /* lower ones are never drawn */
    WORKER_DESCRIPTORS = 8, /* a worker's ring, doorbell and the like */
    OWN_DESCRIPTORS = 16,   /* standard streams, signals, watches, files in passing */
    SPARE_DESCRIPTORS = 8,  /* left free */
    CLIENTS_MIN = 16,       /* the least that tcp.connections may be */
};

unsigned machine_cpus(unsigned ret_cpus[RD_MAX_WORKERS])
{
    const size_t size = CPU_ALLOC_SIZE(PORTS);
    cpu_set_t *set = CPU_ALLOC(PORTS); /* more CPUs than any kernel knows */
    unsigned n = 0;

    if (set && sched_getaffinity(0, size, set) == 0)
        for (unsigned cpu = 0; cpu < PORTS && n < RD_MAX_WORKERS; cpu++)
            if (CPU_ISSET_S(cpu, size, set))
                ret_cpus[n++] = cpu;
    CPU_FREE(set);
    if (n == 0)
        ret_cpus[n++] = 0;
    return n;
}

uint64_t machine_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t soft = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            limit.rlim_cur = soft;
    }
    return limit.rlim_cur;
}

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool machine_share(uint64_t limit, const struct machine_need *need, struct machine_share *ret_share,
                   uint64_t *ret_needed)
{
    uint64_t fixed = OWN_DESCRIPTORS + SPARE_DESCRIPTORS + RD_CONTROL_CLIENTS +
                     (uint64_t)need->workers * (2 * need->listeners + WORKER_DESCRIPTORS);
    uint64_t links = (uint64_t)need->links * need->servers;
    uint64_t least_ports = (uint64_t)RD_PORTS_MIN * need->servers;
    uint64_t least_clients = least_of(need->clients, CLIENTS_MIN);
    /* A reload may bring as many servers as a pool holds. */
    uint64_t servers = need->servers > RD_MAX_SERVERS ? need->servers : RD_MAX_SERVERS;
    uint64_t most_ports = need->ports * servers + RD_PORTS_LINGERING;
    uint64_t left = limit > fixed ? (limit - fixed) / need->workers : 0;
    uint64_t kept, ports;

    *ret_needed = fixed + need->workers * (links + least_ports + least_clients);
    if (left < links + least_ports + least_clients)
        return false;
    left -= links;
    kept = least_of(need->clients, left / 4);
    kept = kept > least_clients ? kept : least_clients;
    kept = least_of(kept, left - least_ports);
    ports = least_of(most_ports, left - kept);
    ret_share->ports = (unsigned)ports;
    ret_share->connections = (unsigned)least_of(need->clients, left - ports);
    return true;
}

static void mark(uint8_t *avoided, unsigned long first, unsigned long last)
{
    for (unsigned long port = first; port <= last && port < PORTS; port++)
        avoided[port] = 1;
}

/* The kernel's list: 8080,9000-9010 */
static void mark_file(uint8_t *avoided, const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned long first, last;

    if (!file)
        return;
    while (fscanf(file, "%lu", &first) == 1) {
        int next = fgetc(file);

        last = first;
        if (next == '-' && fscanf(file, "%lu", &last) == 1)
            next = fgetc(file);
        mark(avoided, first, last);
        if (next != ',')
            break;
    }
    fclose(file);
}

/* The marked ports as ranges, gaps up to GAP ports included; false: more ranges than fit. */
static bool ranges(const uint8_t *avoided, unsigned gap, struct rd_port_list *list)
{
    memset(list, 0, sizeof(*list));
    for (unsigned port = 0; port < PORTS; port++) {
        if (!avoided[port])
            continue;
        if (list->n > 0 && port - list->at[list->n - 1].last <= gap + 1) {
            list->at[list->n - 1].last = (uint16_t)port;
            continue;
        }
        if (list->n == RD_MAX_PORTRANGES)
            return false;
        list->at[list->n++] = (struct rd_port_range){(uint16_t)port, (uint16_t)port};
    }
    return true;
}

unsigned machine_ports_avoid(const struct rd_port_list *avoid, const char *path,
                             struct rd_port_list *ret_all)
{
    static uint8_t avoided[PORTS];
    unsigned gap = 0, left = PORTS - FIRST_PORT;

    memset(avoided, 0, sizeof(avoided));
    for (uint32_t i = 0; i < avoid->n; i++)
        mark(avoided, avoid->at[i].first, avoid->at[i].last);
    mark_file(avoided, path);
    while (!ranges(avoided, gap, ret_all))
        gap++;
    for (uint32_t i = 0; i < ret_all->n; i++)
        for (unsigned port = ret_all->at[i].first; port <= ret_all->at[i].last; port++)
            left -= port >= FIRST_PORT;
    return left;
}

int machine_random(void *bytes, size_t len)
{
    char *at = bytes;

    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

uint64_t machine_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t machine_now_ms(void)
{
    return machine_now_ns() / 1000000;
}

int64_t machine_wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
