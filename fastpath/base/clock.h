/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - boot time, the only clock that anything is timed by: it does not jump with the wall
 * clock and goes on while the machine sleeps. Read by io turns alone.
 */
#ifndef RINGDNS_BASE_CLOCK_H
#define RINGDNS_BASE_CLOCK_H

#include <stdint.h>

#define RD_NS_PER_US 1000ull
#define RD_NS_PER_MS 1000000ull
#define RD_NS_PER_S  1000000000ull
#define RD_NEVER     UINT64_MAX

/* CLOCK_BOOTTIME in nanoseconds. */
uint64_t rd_clock_now(void);

#endif
