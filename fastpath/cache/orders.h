/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * orders.h - every memory order of the cache's protocol, by name.
 *
 * table.c and log.c use no others, and so does the model in tests/model, which finds a bad answer
 * as soon as one of them is weaker than it must be. Why each is there: table.c.
 */
#ifndef RINGDNS_CACHE_ORDERS_H
#define RINGDNS_CACHE_ORDERS_H

#include <stdatomic.h>

/* A reader. */
#define ORDER_VERSION_FIRST  memory_order_acquire
#define ORDER_READ_WORD      memory_order_relaxed /* tags, refs, an entry's words */
#define FENCE_BEFORE_SECOND  memory_order_acquire
#define ORDER_VERSION_SECOND memory_order_relaxed

/* A writer in a bucket. It locks only the version that it acquired when it looked, so the lock has
 * nothing more to acquire. */
#define ORDER_LOCK        memory_order_relaxed
#define ORDER_LOCK_FAILED memory_order_relaxed
#define FENCE_LOCKED      memory_order_release
#define ORDER_WRITE_WORD  memory_order_relaxed
#define ORDER_UNLOCK      memory_order_release

/* Memory of entries that nothing refers to any more is written again. */
#define FENCE_REUSE memory_order_release

/* A flush and a writer each write first and then look at what the other wrote. */
#define FENCE_FLUSH memory_order_seq_cst

/* The gate before the queues of segments. */
#define ORDER_GATE_TAKE memory_order_acquire
#define ORDER_GATE_GIVE memory_order_release

#endif
