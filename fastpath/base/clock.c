/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.c - reads the boot-time clock. Any thread; io turns call it, nothing else does.
 */
#include "base/clock.h"

#include <time.h>

uint64_t rd_clock_now(void)
{
    struct timespec now;

    /* Cannot fail: the clock is there since Linux 2.6.39, and the pointer is ours. */
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * RD_NS_PER_S + (uint64_t)now.tv_nsec;
}
