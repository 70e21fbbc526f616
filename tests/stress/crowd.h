/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd.h - clients that ask for many of the same names (truth.h), by UDP or TCP.
 *
 * Shape: a thread each, with a poll loop over several sockets, so that every worker hears of each
 * name. A query's ID names its place among those that wait; an answer is held against what was
 * asked there. What is wrong is kept for the main thread to tell.
 */
#ifndef RINGDNS_TESTS_STRESS_CROWD_H
#define RINGDNS_TESTS_STRESS_CROWD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ringdns/address.h"

#define CROWD_LANES    8
#define CROWD_WINDOW   8 /* queries under way on one socket */
#define CROWD_IN_BYTES 8192
#define CROWD_RCODES   16
#define CROWD_KNOWN    1024 /* names that all clients ask for, numbered from 0 */

struct crowd_query {
    bool waits;
    uint16_t id;
    uint32_t number;
};

struct crowd_lane {
    int fd;
    struct crowd_query queries[CROWD_WINDOW];
    uint32_t in_len;
    uint8_t in[CROWD_IN_BYTES];
};

struct crowd_client {
    unsigned index, total, asked, answered;
    unsigned rcodes[CROWD_RCODES], cut; /* answers by RCODE; those with TC=1 */
    bool tcp;
    bool all_new; /* it asks for no name that was asked for before */
    unsigned n_new;
    uint32_t random;
    const char *wrong; /* NULL: nothing */
    uint32_t wrong_number;
    atomic_uint *done; /* counts the clients that are through */
    pthread_t thread;
    struct crowd_lane lanes[CROWD_LANES];
};

/* Has CLIENT, whose index, total, tcp, all_new and done are filled in, ask LISTENER. INDEX is below
 * 7, its own. */
void crowd_start(struct crowd_client *client, const union rd_address *listener);
/* Returns when all is answered; fails where anything was wrong. */
void crowd_join(struct crowd_client *client);
/* The N-th name, from 0, that the client with INDEX alone asks for. */
uint32_t crowd_new_number(unsigned index, unsigned n);

#endif
