/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffers.h - the buffers of a simulated back end, each watched from hand-out to return.
 *
 * A buffer is memory of its own, poisoned when it comes home, so that a late read is seen by the
 * eye; under AddressSanitizer it is freed then as well. Its handle says how often it was handed
 * out, so that a return of what is no longer one's own is found although the buffer is out again
 * (sim_broken).
 */
#ifndef RINGDNS_TESTS_BUFFERS_H
#define RINGDNS_TESTS_BUFFERS_H

#include "sim/sim.h"

struct sim_buffer;

struct sim_buffers {
    struct sim *sim;
    struct sim_buffer *at;
    uint32_t first, n; /* handles' indices are first .. first + n - 1 */
    uint32_t bytes;    /* in each */
    uint32_t *home;    /* those at home; the last one came last */
    uint32_t n_home;
};

void sim_buffers_init(struct sim_buffers *buffers, struct sim *sim, uint32_t first, uint32_t n,
                      uint32_t bytes);
void sim_buffers_deinit(struct sim_buffers *buffers);
/* Whether the handle of MSG is of these. */
bool sim_buffers_own(const struct sim_buffers *buffers, const struct io_message *msg);
/* Whether one can be handed out: it is at home, and not as many are out as the world allows. */
bool sim_buffers_any(const struct sim_buffers *buffers);
/* Hands one out; everything of *RET_MSG but data, cap and buffer is zero. False: there is none. */
bool sim_buffers_take(struct sim_buffers *buffers, struct io_message *ret_msg);
/* The worker hands it over to be sent. False: it was not the worker's. */
bool sim_buffers_queue(struct sim_buffers *buffers, const struct io_message *msg);
/* It was sent and comes home. */
void sim_buffers_sent(struct sim_buffers *buffers, const struct io_message *msg);
/* The worker gives it back unsent. */
void sim_buffers_give(struct sim_buffers *buffers, const struct io_message *msg);
/* Fetches what is still out; a broken rule if there is any. */
void sim_buffers_all_home(struct sim_buffers *buffers);

#endif
