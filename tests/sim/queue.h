/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue.h - what is under way in the world of sim.h, in order of (time, sequence).
 *
 * A radix heap. Time never goes back, so a datagram is kept by the highest bit in which its time
 * differs from that of the one which was taken last: the lists of lower bits are earlier. When the
 * lists before it are empty, a list is spread over these by its own earliest time. So a datagram
 * moves a few times, always to a lower list, and those of one time stay together and in order.
 * Hardly anything is compared, and the lists are read from end to end: a heap that compares was
 * what a simulation did most.
 *
 * One thread. Does not own the datagrams.
 */
#ifndef RINGDNS_TESTS_QUEUE_H
#define RINGDNS_TESTS_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct sim_datagram;

#define SIM_QUEUE_LISTS 64

struct sim_queue_entry {
    uint64_t due_ns;
    struct sim_datagram *datagram;
};

struct sim_queue_list {
    struct sim_queue_entry *at;
    size_t first, n, room; /* those before FIRST are taken, of list 0 only */
    uint64_t least_ns;     /* the earliest time in it */
};

/* All zero is an empty one. */
struct sim_queue {
    /* 0: of the time that was taken last; I: differs from it in bit I - 1 at most. */
    struct sim_queue_list lists[SIM_QUEUE_LISTS];
    uint64_t filled; /* by bit: which lists are not empty */
    uint64_t taken_ns;
    size_t n;
};

/* When the first one is due; RD_NEVER: there is none. */
uint64_t sim_queue_least(const struct sim_queue *queue);
/* Adds DATAGRAM for its due_ns, which is below 2^63 and not before what was taken last. */
void sim_queue_add(struct sim_queue *queue, struct sim_datagram *datagram);
/* The first one; there is one. */
struct sim_datagram *sim_queue_take(struct sim_queue *queue);
void sim_queue_deinit(struct sim_queue *queue);

#endif
