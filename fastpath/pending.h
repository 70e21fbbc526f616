/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pending.h - which worker leads which question: a fixed table of claims, shared by all workers.
 */
#ifndef RINGDNS_FASTPATH_PENDING_H
#define RINGDNS_FASTPATH_PENDING_H

#include <stdint.h>

#include "base/slab.h"
#include "exchange.h"

/* Claims in a cache line; a hash has the one line to choose from. */
#define PENDING_LINE 8

struct pending_table {
    struct rd_slab lines;
    uint64_t mask;
};

/* At least CLAIMS places, a power of two lines; mapped, touched on use. 0 or -ENOMEM. Main thread.
 */
int pending_init(struct pending_table *table, uint64_t claims);
/* Main thread, when no worker is left. A zeroed table is allowed. */
void pending_deinit(struct pending_table *table);
/* As exchange_claim and exchange_release. */
enum pending pending_claim(struct pending_table *table, uint64_t hash, unsigned worker,
                           unsigned *ret_leader);
void pending_release(struct pending_table *table, uint64_t hash, unsigned worker);

#endif
