/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * says.h - upstreams that each say what a test has written down for them, by UDP and by TCP.
 */
#ifndef RINGDNS_TESTS_SIM_SAYS_H
#define RINGDNS_TESTS_SIM_SAYS_H

#include "sim/scene.h"

/* All zero: 192.0.2.0 is the address, and an OPT answers an OPT. */
struct says {
    uint16_t flags;   /* RCODE, TC, AA */
    uint8_t extended; /* the RCODE's upper bits, in the OPT */
    uint8_t last;     /* of the address; none with an RCODE or a referral */
    bool referral;    /* where to ask instead */
    bool opt, no_opt; /* an OPT in any case, in none */
    bool silent;
    bool uneducated;  /* FORMERR without an OPT to everything that has one */
    uint16_t ede;     /* 0: none */
    const char *text; /* of the extended error; NULL: none */
    unsigned txt;     /* TXT records of 256 bytes beside the address */
    uint64_t delay_ns;
};

/* The reply of SAYS to QUERY; overwritten by the next one. NULL: none. */
const struct packet *says_compose(const struct says *says, const uint8_t *query, size_t len);

sim_model says_model;
sim_stream_model says_stream_model;

/* UPSTREAM says this from now on. */
void says_let(struct sim_upstream *upstream, struct says *says);
/* One more server of the first pool, 5 ms away, that says this. */
struct sim_upstream *says_add(struct scene *scene, const char *address, struct says *says);

/* The last byte of the first record's address, which is owned by the question's name. */
uint8_t says_last(const struct sim_packet *answer, const struct rd_message *message);
/* Whether the query is for NAME (as with struct ask, in lower case). */
bool says_is_for(const struct sim_packet *query, const char *name);
/* How many of a log's queries are. */
unsigned says_count(const struct sim_log *log, const char *name);

#endif
