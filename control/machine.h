/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h - what this process may use of the machine: CPUs, descriptors, ports.
 */
#ifndef RINGDNS_CONTROL_MACHINE_H
#define RINGDNS_CONTROL_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringdns/config.h"

#define MACHINE_RESERVED_PORTS "/proc/sys/net/ipv4/ip_local_reserved_ports"

/* The CPUs that this process may run on, at most RD_MAX_WORKERS; returns how many, at least 1. */
unsigned machine_cpus(unsigned ret_cpus[RD_MAX_WORKERS]);

/* Raises the soft limit on descriptors to the hard one and returns what is obtained. */
uint64_t machine_descriptors(void);

/* What shares the descriptors of the process. */
struct machine_need {
    unsigned workers;
    uint32_t servers;   /* different ones, of all pools, asked now */
    uint32_t listeners; /* addresses; a socket for UDP and one for TCP each, per worker */
    uint32_t ports;     /* to one server, per worker */
    uint32_t links;     /* TCP connections to one server, per worker */
    uint32_t clients;   /* TCP connections of clients, per worker */
};

/* What each worker may have open at a time. */
struct machine_share {
    unsigned ports;       /* UDP, to all servers together */
    unsigned connections; /* TCP, of clients */
};

/* Divides LIMIT descriptors. Where they do not suffice, ports come first, as without them nothing
 * is answered, and clients' connections get what is left, but never less than a quarter.
 * False: too few to work; *RET_NEEDED is the least number of descriptors for that, always set. */
bool machine_share(uint64_t limit, const struct machine_need *need, struct machine_share *ret_share,
                   uint64_t *ret_needed);

/* AVOID and the ranges in the file PATH (as the kernel writes them, absent: none) as one list.
 * Where they are too many for a list, the narrowest gaps between them are avoided too.
 * Returns how many ports from 1024 up are left. */
unsigned machine_ports_avoid(const struct rd_port_list *avoid, const char *path,
                             struct rd_port_list *ret_all);

/* Fills BYTES from the kernel's generator. 0 or negative errno. */
int machine_random(void *bytes, size_t len);

/* The boot-time clock. */
uint64_t machine_now_ns(void);
uint64_t machine_now_ms(void);
/* The clock that people read, since 1970, UTC; it may jump. */
int64_t machine_wall_ns(void);

#endif
