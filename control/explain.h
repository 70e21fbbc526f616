/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain.h - why it could not start, in a sentence that says what to do.
 */
#ifndef RINGDNS_CONTROL_EXPLAIN_H
#define RINGDNS_CONTROL_EXPLAIN_H

#include <stddef.h>

#include "ringdns/config.h"
#include "ringdns/error.h"

/* Writes to TEXT (SIZE bytes), which is returned, what ERROR (a negative errno) at FAILURE means.
 * LISTEN: the addresses that FAILURE's index refers to. */
const char *explain_failure(int error, const struct rd_failure *failure,
                            const struct rd_address_list *listen, enum rd_io_kind io, char *text,
                            size_t size);

#endif
