/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue.c - queue.h. One thread.
 */
#include <stdlib.h>

#include "sim/sim.h"

uint64_t sim_queue_least(const struct sim_queue *queue)
{
    return queue->filled ? queue->lists[__builtin_ctzll(queue->filled)].least_ns : RD_NEVER;
}

static void make_room(struct sim_queue_list *list)
{
    list->room = 2 * list->room + 16;
    list->at = realloc(list->at, list->room * sizeof(*list->at));
    if (!list->at)
        abort();
}

static void append(struct sim_queue *queue, struct sim_queue_entry entry)
{
    uint64_t differs = entry.due_ns ^ queue->taken_ns;
    unsigned number = differs ? 64 - (unsigned)__builtin_clzll(differs) : 0;
    struct sim_queue_list *list = &queue->lists[number];

    if (list->n == list->room)
        make_room(list);
    if (list->n == list->first || entry.due_ns < list->least_ns)
        list->least_ns = entry.due_ns;
    list->at[list->n++] = entry;
    queue->filled |= (uint64_t)1 << number;
}

void sim_queue_add(struct sim_queue *queue, struct sim_datagram *datagram)
{
    append(queue, (struct sim_queue_entry){datagram->due_ns, datagram});
    queue->n++;
}

/* Spreads the lowest list that is not empty over those below it; its earliest ones come to 0. */
static void spread(struct sim_queue *queue)
{
    struct sim_queue_list *list = &queue->lists[__builtin_ctzll(queue->filled)];

    queue->filled &= queue->filled - 1;
    queue->taken_ns = list->least_ns;
    for (size_t i = 0; i < list->n; i++)
        append(queue, list->at[i]);
    list->n = 0;
}

struct sim_datagram *sim_queue_take(struct sim_queue *queue)
{
    struct sim_queue_list *list = &queue->lists[0];
    struct sim_datagram *datagram;

    if (!(queue->filled & 1))
        spread(queue);
    datagram = list->at[list->first++].datagram;
    if (list->first == list->n) {
        list->first = list->n = 0;
        queue->filled &= ~(uint64_t)1;
    }
    queue->n--;
    return datagram;
}

void sim_queue_deinit(struct sim_queue *queue)
{
    for (unsigned i = 0; i < SIM_QUEUE_LISTS; i++)
        free(queue->lists[i].at);
}
