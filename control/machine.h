/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h - what this process may use of the machine: CPUs, descriptors, ports.
 */
#ifndef RINGDNS_CONTROL_MACHINE_H
#define RINGDNS_CONTROL_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "ringdns/config.h"

#define MACHINE_RESERVED_PORTS "/proc/sys/net/ipv4/ip_local_reserved_ports"

/* The CPUs that this process may run on, at most RD_MAX_WORKERS; returns how many, at least 1. */
unsigned machine_cpus(unsigned ret_cpus[RD_MAX_WORKERS]);

/* Raises the soft limit on descriptors to the hard one and returns what is obtained. */
uint64_t machine_descriptors(void);

/* How many ports each of WORKERS workers may have open.
 * LIMIT: descriptors of the process. LISTENERS, PER_UPSTREAM: options. SERVERS: asked now.
 * 0: too few to work; *RET_NEEDED is the least number of descriptors for that. */
unsigned machine_max_ports(uint64_t limit, unsigned workers, uint32_t listeners,
                           uint32_t per_upstream, uint32_t servers, uint64_t *ret_needed);

/* AVOID and the ranges in the file PATH (as the kernel writes them, absent: none) as one list.
 * Where they are too many for a list, the narrowest gaps between them are avoided too.
 * Returns how many ports from 1024 up are left. */
unsigned machine_ports_avoid(const struct rd_port_list *avoid, const char *path,
                             struct rd_port_list *ret_all);

/* Fills BYTES from the kernel's generator. 0 or negative errno. */
int machine_random(void *bytes, size_t len);

/* Milliseconds of the boot-time clock. */
uint64_t machine_now_ms(void);

#endif
