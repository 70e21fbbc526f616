/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protocol.h - the cache's protocol as programs for the model.
 *
 * Two buckets of one slot, three pieces of memory for an entry of two words each, one segment that
 * goes through the gate. protocol.c says which step stands for what in fastpath/cache.
 */
#ifndef RINGDNS_TESTS_MODEL_PROTOCOL_H
#define RINGDNS_TESTS_MODEL_PROTOCOL_H

#include "model/search.h"

/* The named orders of cache/orders.h. */
enum protocol_order {
    VERSION_FIRST,
    WRITER_FIRST, /* the same ORDER_VERSION_FIRST, where a writer looks at a bucket */
    READ_WORD,
    BEFORE_SECOND,
    VERSION_SECOND,
    LOCK,
    LOCK_FAILED,
    LOCKED,
    WRITE_WORD,
    UNLOCK,
    REUSE,
    FLUSH,
    GATE_TAKE,
    GATE_GIVE,
    PROTOCOL_ORDERS
};

/* What the cache uses. */
extern const int protocol_orders[PROTOCOL_ORDERS];

enum { PROTOCOL_SCENARIOS = 16 };
extern const struct model_scenario protocol_scenarios[PROTOCOL_SCENARIOS];

#endif
