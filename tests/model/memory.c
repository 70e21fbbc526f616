/* SPDX-License-Identifier: BSD-2-Clause */
/* memory.c - views and messages. */
#include "model/memory.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool acquires(int order)
{
    return order == memory_order_acquire || order == memory_order_consume ||
           order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static bool releases(int order)
{
    return order == memory_order_release || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

static void join(uint8_t *into, const uint8_t *view)
{
    for (unsigned i = 0; i < MODEL_PLACES; i++)
        if (into[i] < view[i])
            into[i] = view[i];
}

void model_start(struct model_state *state, const uint8_t *start, unsigned threads)
{
    memset(state, 0, sizeof(*state));
    for (unsigned i = 0; i < MODEL_PLACES; i++) {
        state->counts[i] = 1;
        state->messages[i][0].value = start[i];
    }
    for (unsigned i = threads; i < MODEL_THREADS; i++)
        state->threads[i].over = 1;
}

static unsigned place_of(const struct model_thread *thread, const struct model_step *step)
{
    unsigned place = step->at + thread->registers[step->index];

    if (place >= MODEL_PLACES) {
        fprintf(stderr, "A program reaches place %u\n", place);
        abort();
    }
    return place;
}

unsigned model_choices(const struct model_state *state, unsigned thread,
                       const struct model_step *step)
{
    const struct model_thread *self = &state->threads[thread];
    unsigned place;

    if (step->operation == MODEL_FENCE)
        return 1;
    place = place_of(self, step);
    return state->counts[place] - self->seen[place];
}

static void shift(uint8_t *view, unsigned place, unsigned at)
{
    if (view[place] >= at)
        view[place]++;
}

/* Makes room for a message number AT of PLACE. */
static struct model_message *insert(struct model_state *state, unsigned place, unsigned at)
{
    struct model_message *messages = state->messages[place];
    unsigned count = state->counts[place];

    if (count == MODEL_MESSAGES) {
        fprintf(stderr, "Place %u holds too many messages\n", place);
        abort();
    }
    memmove(&messages[at + 1], &messages[at], (count - at) * sizeof(*messages));
    memset(&messages[at], 0, sizeof(*messages));
    state->counts[place]++;
    shift(state->fenced, place, at);
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        shift(state->threads[i].seen, place, at);
        shift(state->threads[i].loaded, place, at);
        shift(state->threads[i].fenced, place, at);
    }
    for (unsigned i = 0; i < MODEL_PLACES; i++)
        for (unsigned j = 0; j < state->counts[i]; j++)
            shift(state->messages[i][j].view, place, at);
    return &messages[at];
}

static void read_message(struct model_thread *self, unsigned place, unsigned at,
                         const struct model_message *message, int order)
{
    if (self->seen[place] < at)
        self->seen[place] = (uint8_t)at;
    join(self->loaded, message->view);
    join(self->loaded, self->seen);
    if (acquires(order))
        join(self->seen, message->view);
}

static struct model_message *write_message(struct model_state *state, struct model_thread *self,
                                           unsigned place, unsigned at, uint8_t value, int order)
{
    struct model_message *message = insert(state, place, at);

    self->seen[place] = (uint8_t)at;
    join(self->loaded, self->seen);
    memcpy(message->view, releases(order) ? self->seen : self->fenced, MODEL_PLACES);
    message->view[place] = (uint8_t)at;
    message->value = value;
    return message;
}

static bool load(struct model_state *state, struct model_thread *self,
                 const struct model_step *step, int order, unsigned choice)
{
    unsigned place = place_of(self, step), at = self->seen[place] + choice;
    const struct model_message *message = &state->messages[place][at];

    read_message(self, place, at, message, order);
    self->registers[step->to] = message->value;
    return true;
}

static bool store(struct model_state *state, struct model_thread *self,
                  const struct model_step *step, int order, unsigned choice)
{
    unsigned place = place_of(self, step), at = self->seen[place] + choice + 1;

    if (at < state->counts[place] && state->messages[place][at].joined)
        return false;
    write_message(state, self, place, at, (uint8_t)(self->registers[step->from] + step->value),
                  order);
    return true;
}

/* A strong one: it fails on another value only. */
static bool swap(struct model_state *state, struct model_thread *self,
                 const struct model_step *step, const int *orders, unsigned choice)
{
    unsigned place = place_of(self, step), at = self->seen[place] + choice;
    struct model_message *message = &state->messages[place][at], *next;
    uint8_t expected = self->registers[step->from];

    if (message->value != expected) {
        read_message(self, place, at, message, orders[step->failed]);
        self->over = 1;
        return true;
    }
    if (at + 1 < state->counts[place] && message[1].joined)
        return false;
    read_message(self, place, at, message, orders[step->order]);
    next = write_message(state, self, place, at + 1, (uint8_t)(expected + step->value),
                         orders[step->order]);
    next->joined = 1;
    join(next->view, message->view);
    return true;
}

static void fence(struct model_thread *self, int order)
{
    if (acquires(order))
        memcpy(self->seen, self->loaded, MODEL_PLACES);
    if (releases(order))
        memcpy(self->fenced, self->seen, MODEL_PLACES);
}

/* Such fences are in one order, and each sees what was seen at those before it. */
static bool fence_all(struct model_state *state, struct model_thread *self)
{
    join(self->loaded, state->fenced);
    fence(self, memory_order_acq_rel);
    memcpy(state->fenced, self->seen, MODEL_PLACES);
    return true;
}

bool model_step(struct model_state *state, unsigned thread, const struct model_step *step,
                const int *orders, unsigned choice)
{
    struct model_thread *self = &state->threads[thread];
    int order = orders[step->order];

    self->step++;
    switch (step->operation) {
    case MODEL_LOAD:
        return load(state, self, step, order, choice);
    case MODEL_STORE:
        return store(state, self, step, order, choice);
    case MODEL_SWAP:
        return swap(state, self, step, orders, choice);
    default:
        return fence_all(state, self);
    }
}

static void answer(struct model_state *state, const struct model_thread *self,
                   const struct model_step *step)
{
    state->answered = self->registers[step->to];
    if (state->answered != self->registers[step->from])
        state->bad = 1;
}

static bool holds(const struct model_thread *self, const struct model_step *step)
{
    unsigned to = self->registers[step->to], from = self->registers[step->from];

    switch (step->operation) {
    case MODEL_IF_EVEN:
        return from % 2 == 0;
    case MODEL_IF_SAME:
        return to == from + step->value;
    case MODEL_IF_NOT:
        return to != from + step->value;
    default:
        return to >> 4 == step->value;
    }
}

static bool is_shared(const struct model_step *step, const int *orders)
{
    return (step->operation >= MODEL_LOAD && step->operation <= MODEL_SWAP) ||
           (step->operation == MODEL_FENCE && orders[step->order] == memory_order_seq_cst);
}

void model_settle(struct model_state *state, unsigned thread, const struct model_step *program,
                  const int *orders)
{
    struct model_thread *self = &state->threads[thread];

    while (!self->over) {
        const struct model_step *step = &program[self->step];

        if (is_shared(step, orders))
            return;
        if (step->operation == MODEL_END)
            self->over = 1;
        else if (step->operation == MODEL_FENCE)
            fence(self, orders[step->order]);
        else if (step->operation == MODEL_ANSWER)
            answer(state, self, step);
        else if (!holds(self, step))
            self->over = 1;
        self->step++;
    }
}

/* The oldest message of PLACE that a thread may still read. */
static unsigned oldest(const struct model_state *state, unsigned place)
{
    unsigned low = state->counts[place] - 1u;

    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (!state->threads[i].over && state->threads[i].seen[place] < low)
            low = state->threads[i].seen[place];
    return low;
}

static void lower(uint8_t *view, const uint8_t *by)
{
    for (unsigned i = 0; i < MODEL_PLACES; i++)
        view[i] = view[i] > by[i] ? (uint8_t)(view[i] - by[i]) : 0;
}

static void drop_oldest(struct model_state *state, unsigned place, unsigned by)
{
    struct model_message *messages = state->messages[place];
    unsigned rest = state->counts[place] - by;

    memmove(messages, messages + by, rest * sizeof(*messages));
    memset(messages + rest, 0, by * sizeof(*messages));
    messages[0].joined = 0;
    state->counts[place] = (uint8_t)rest;
}

static void forget_thread(struct model_thread *thread, bool keep)
{
    uint8_t registers[MODEL_REGISTERS];

    memcpy(registers, thread->registers, sizeof(registers));
    memset(thread, 0, sizeof(*thread));
    thread->over = 1;
    if (keep)
        memcpy(thread->registers, registers, sizeof(registers));
}

void model_forget(struct model_state *state, bool keep)
{
    uint8_t by[MODEL_PLACES];

    state->answered = 0;
    for (unsigned i = 0; i < MODEL_PLACES; i++) {
        by[i] = (uint8_t)oldest(state, i);
        drop_oldest(state, i, by[i]);
    }
    lower(state->fenced, by);
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        if (state->threads[i].over)
            forget_thread(&state->threads[i], keep);
        lower(state->threads[i].seen, by);
        lower(state->threads[i].loaded, by);
        lower(state->threads[i].fenced, by);
    }
    for (unsigned i = 0; i < MODEL_PLACES; i++)
        for (unsigned j = 0; j < state->counts[i]; j++)
            lower(state->messages[i][j].view, by);
}
