/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unruly.h - an upstream that has moods. By UDP: TC=1 and what is too large for it, SERVFAIL, late
 * answers. By TCP: several answers in one segment, an end midway in one, connections that are
 * closed as soon as they are made, or no TCP at all.
 *
 * Shape: a thread each, with a poll loop; what it does follows from its seed and from what comes.
 */
#ifndef RINGDNS_TESTS_STRESS_UNRULY_H
#define RINGDNS_TESTS_STRESS_UNRULY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ringdns/address.h"

#define UNRULY_CONNECTIONS 16
#define UNRULY_LATE        64
#define UNRULY_UDP_BYTES   1232
#define UNRULY_IN_BYTES    (64 << 10)
#define UNRULY_OUT_BYTES   (512 << 10)

struct unruly_connection {
    int fd; /* -1: none */
    uint32_t in_len, out_len, out_at;
    bool closing; /* when what is to be sent is out */
    uint8_t in[UNRULY_IN_BYTES], out[UNRULY_OUT_BYTES];
};

/* An answer by UDP that waits for its time. */
struct unruly_late {
    uint64_t due_ns; /* 0: none */
    union rd_address to;
    uint32_t len;
    uint8_t packet[UNRULY_UDP_BYTES];
};

struct unruly {
    union rd_address address;
    int udp, tcp;
    bool has_tcp;
    uint32_t random;
    atomic_bool stop;
    pthread_t thread;
    struct unruly_late late[UNRULY_LATE];
    struct unruly_connection connections[UNRULY_CONNECTIONS];
};

/* Begins to serve. HAS_TCP: whether connections are taken. NULL: no memory. */
struct unruly *unruly_start(uint32_t seed, bool has_tcp);
/* Ends and frees it. */
void unruly_stop(struct unruly *server);

/* The next of a sequence of numbers that is never 0. */
static inline uint32_t unruly_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* True once in N times. */
static inline bool unruly_once_in(uint32_t *state, uint32_t n)
{
    return unruly_random(state) % n == 0;
}

#endif
