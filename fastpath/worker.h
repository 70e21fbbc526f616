/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h - a worker on an I/O table of the caller's choice.
 */
#ifndef RINGDNS_FASTPATH_WORKER_H
#define RINGDNS_FASTPATH_WORKER_H

#include "io/io.h"
#include "ringdns/worker.h"

/* As rd_worker_new, with OPS in place of the back end that SETUP names. */
int worker_new_on(const struct io_ops *ops, const struct rd_worker_setup *setup,
                  struct rd_worker **ret_worker, struct rd_failure *ret_failure);

#endif
