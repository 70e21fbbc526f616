/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.h - which server of a pool is asked next.
 *
 * The order of what counts: how few messages this question has already cost a server; how well the
 * server is (up; degraded or suspect; never one that is down or looping); its tier; and among
 * equals the pool's policy. A server whose reply to this question was no answer is not asked again.
 */
#ifndef RINGDNS_POOL_H
#define RINGDNS_POOL_H

#include <stdbool.h>

#include "context.h"

enum pool_none {
    POOL_SPENT = -1,   /* each had all that it may have of this question, or failed at it */
    POOL_DOWN = -2,    /* those that are left are down, and it is not time to try one of them */
    POOL_CAPPED = -3,  /* those that are well have as much under way as they may */
    POOL_LOOPING = -4, /* those that are left send our questions back */
};

/* The place in POOL of the server that QUESTION goes to next by UDP or TCP; or enum pool_none. With
 * all down: the one that was heard last, at most one question per FLEET_LAST_HOPE_NS. */
int pool_choose(struct context *context, const struct snapshot_pool *pool,
                const struct question *question, bool tcp);

/* A server of POOL that is up, below its cap and has had nothing of QUESTION; or POOL_SPENT. */
int pool_hedge(struct context *context, const struct snapshot_pool *pool,
               const struct question *question);

#endif
