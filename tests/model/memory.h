/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.h - C11's memory as a machine that can be run step by step, for small programs.
 *
 * Every place (an atomic object) keeps the messages that were stored to it, in modification order.
 * Every thread has a view: for each place the oldest message that it may still read. A load reads
 * any message that is not older; a store may go anywhere after what its thread has seen, so between
 * messages of others as well; a compare-and-swap stands directly behind what it read. A message
 * carries the view that its writer released, a load or a fence that acquires joins it to the
 * reader's. So loads read stale values and stores come into sight out of order, as far as the
 * orders let them.
 *
 * What it does not produce: a store seen before an earlier load of the same thread was done (load
 * buffering). Release sequences go on through compare-and-swaps only, as in C20. Seq_cst is for
 * fences; a load or store that has it is taken as one that acquires or releases. One thread uses
 * all of this; there are no real threads in it.
 */
#ifndef RINGDNS_TESTS_MODEL_MEMORY_H
#define RINGDNS_TESTS_MODEL_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MODEL_PLACES = 16,
    MODEL_MESSAGES = 8, /* of a place that some thread may still read */
    MODEL_THREADS = 4,
    MODEL_REGISTERS = 8, /* number 0 is always 0 */
    MODEL_STEPS = 48,    /* of a program */
};

/* A program is a list of steps up to MODEL_END. It never jumps: where a test fails, the thread
 * ends. */
enum model_operation {
    MODEL_END,
    MODEL_LOAD,  /* TO = [place] */
    MODEL_STORE, /* [place] = FROM + value */
    MODEL_SWAP,  /* [place] from FROM to FROM + value, else the thread ends */
    MODEL_FENCE,
    MODEL_IF_EVEN, /* goes on if FROM is even */
    MODEL_IF_SAME, /* goes on if TO is FROM + value */
    MODEL_IF_NOT,  /* goes on if it is not */
    MODEL_IF_KEY,  /* goes on if the entry number TO has the key VALUE */
    MODEL_ANSWER,  /* the thread takes TO as a good entry: bad if FROM, its other word, differs */
};

struct model_step {
    uint8_t operation;
    uint8_t at, index; /* the place is AT + register INDEX */
    uint8_t to, from;  /* registers */
    uint8_t value;
    uint8_t order, failed; /* numbers in the table of orders that the run was given */
};

/* An entry's number says which key it has, so that two entries of one key differ. */
#define MODEL_ENTRY(key, number) ((uint8_t)((key) << 4 | (number)))

struct model_message {
    uint8_t value;
    uint8_t joined; /* by a compare-and-swap to the one before it: nothing goes between */
    uint8_t view[MODEL_PLACES];
};

struct model_thread {
    uint8_t step, over;
    uint8_t registers[MODEL_REGISTERS];
    uint8_t seen[MODEL_PLACES];   /* the view */
    uint8_t loaded[MODEL_PLACES]; /* the view that it would have after an acquire fence */
    uint8_t fenced[MODEL_PLACES]; /* the view that it had at its last release fence */
};

/* All bytes, without gaps, and with nothing in it that no longer matters: equal states are equal
 * in memory. Views hold places of messages in MESSAGES. */
struct model_state {
    uint8_t bad;
    uint8_t answered; /* MODEL_ENTRY taken in the last step, 0: none */
    uint8_t counts[MODEL_PLACES];
    uint8_t fenced[MODEL_PLACES]; /* the view after the last seq_cst fence of all */
    struct model_thread threads[MODEL_THREADS];
    struct model_message messages[MODEL_PLACES][MODEL_MESSAGES];
};

/* Each place holds one message, of value START, seen by all. THREADS of them have a program. */
void model_start(struct model_state *state, const uint8_t *start, unsigned threads);
/* The number of ways to go on that THREAD may have, some of which model_step refuses. */
unsigned model_choices(const struct model_state *state, unsigned thread,
                       const struct model_step *step);
/* Does STEP, one that touches what is shared, in the way CHOICE. False: there is no such way. */
bool model_step(struct model_state *state, unsigned thread, const struct model_step *step,
                const int *orders, unsigned choice);
/* Does all steps of THREAD up to the next that touches what is shared. */
void model_settle(struct model_state *state, unsigned thread, const struct model_step *program,
                  const int *orders);
/* Forgets what no thread can read any more. KEEP: registers of threads that are over still count.
 */
void model_forget(struct model_state *state, bool keep);

#endif
