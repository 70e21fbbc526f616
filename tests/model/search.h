/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * search.h - every way in which a few threads can run on that memory.
 *
 * Depth first over all interleavings and all choices of what a load reads and where a store goes.
 * A state that was met before is not gone through again (known by 127 bits of hash).
 * Programs have no loops, so the search ends.
 */
#ifndef RINGDNS_TESTS_MODEL_SEARCH_H
#define RINGDNS_TESTS_MODEL_SEARCH_H

#include "model/memory.h"

struct model_scenario {
    const char *name;
    uint8_t start[MODEL_PLACES];
    const struct model_step *programs[MODEL_THREADS]; /* up to the first NULL */
    /* For a scenario without MODEL_ANSWER: what must not be there when all threads are over. */
    bool (*bad)(const struct model_state *state);
    /* Entries that were answered must be these, as a set of 1 << number. */
    unsigned answers;
};

struct model_move {
    uint8_t thread, step, choice;
};

struct model_result {
    bool bad;
    unsigned answers; /* what was answered somewhere, a set of 1 << number */
    uint64_t states;  /* different ones */
    /* The way to the first bad state. */
    struct model_move moves[MODEL_THREADS * MODEL_STEPS];
    unsigned n_moves;
};

/* Stops at the first bad state. ORDERS: what the numbers in the steps stand for, less than
 * MODEL_STEPS in a program. */
void model_search(const struct model_scenario *scenario, const int *orders,
                  struct model_result *ret_result);

#endif
