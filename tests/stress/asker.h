/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asker.h - what a client has asked and what became of it, and clients that ask by UDP.
 *
 * Shape: a query's number is its ID, so an answer is held against the one query that it can be of:
 * asked, not yet answered, the same question. What is wrong is kept for the main thread to tell,
 * for a client's thread must not assert.
 * Thread: the client's own, from its start until it is joined.
 */
#ifndef RINGDNS_TESTS_STRESS_ASKER_H
#define RINGDNS_TESTS_STRESS_ASKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "ringdns/address.h"

#define ASKER_QUERIES_MAX 10000
#define ASKER_QUERY_BYTES 64

struct asker {
    unsigned number; /* which client; part of its names */
    unsigned total;  /* queries to be asked */
    unsigned asked, noerror, servfail, abandoned;
    const char *wrong; /* what was wrong first; NULL: nothing */
    int last_rcode;
    uint8_t fate[ASKER_QUERIES_MAX];
};

/* How large the answer is to be: the first letter of a name. */
enum asker_size { ASKER_SMALL = 'n', ASKER_MEDIUM = 'm', ASKER_LARGE = 'l' };

/* Writes the next query, of ASKER_QUERY_BYTES at most; its length. */
size_t asker_ask(struct asker *asker, enum asker_size size, uint8_t *packet);
/* The answer of LEN bytes: to which query it is, or -1 and asker->wrong. */
int asker_take(struct asker *asker, const uint8_t *packet, size_t len);
/* Nobody waits for query N any more. */
void asker_abandon(struct asker *asker, unsigned n);
void asker_blame(struct asker *asker, const char *wrong);
/* Queries that were answered or given up. */
unsigned asker_over(const struct asker *asker);

struct udp_client {
    struct asker asker;
    int fd;
    atomic_uint *done; /* counts the clients that are through */
    pthread_t thread;
};

/* Asks TOTAL queries of LISTENER in a thread of its own; *DONE is incremented at its end. */
void udp_client_start(struct udp_client *client, unsigned number, unsigned total,
                      const union rd_address *listener, atomic_uint *done);
void udp_client_join(struct udp_client *client);

#endif
