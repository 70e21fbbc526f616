/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.h - what the control plane may ask about the ways of moving packets: whether one works here,
 * and what it is called. Moving them is the data plane's business (fastpath/io/io.h).
 */
#ifndef RINGDNS_IO_H
#define RINGDNS_IO_H

#include <stddef.h>

#include "ringdns/config.h"

/* Whether KIND (not RD_IO_AUTO) works on this machine, in this process, now. Main thread; leaves
 * nothing open. 0: it does. Negative errno: it does not, and WHY (at most SIZE bytes, NUL included)
 * says so in a sentence fit for the operator, such as
 * "io_uring is switched off here (kernel.io_uring_disabled = 2)". */
int rd_io_probe(enum rd_io_kind kind, char *why, size_t size);

/* "uring", "syscall", "auto". */
const char *rd_io_name(enum rd_io_kind kind);

#endif
