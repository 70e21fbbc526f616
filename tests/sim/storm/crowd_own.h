/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd_own.h - one client of a storm, for the files that play it: crowd.c (when, and by UDP),
 * crowd_stream.c (by TCP), crowd_query.c (what).
 */
#ifndef RINGDNS_TESTS_STORM_CROWD_OWN_H
#define RINGDNS_TESTS_STORM_CROWD_OWN_H

#include "sim/conn.h"
#include "sim/storm/crowd.h"

#define CROWD_QUERY_BYTES 512
#define CROWD_SLOTS       1024 /* queries that are remembered, of all clients */
#define CROWD_RECENT      4    /* of these, what a client knows of */

struct endpoint {
    struct sim_client client; /* its log stays empty */
    uint32_t
        recent[CROWD_RECENT]; /* slots, the newest first; each is its own only while it says so */
    struct sim_conn *conn;    /* NULL: none */
    bool stalled;             /* it has stopped in the middle of a message there */
    uint32_t conn_number;     /* of its connections, so that a late event knows its own */
};

struct slot {
    uint32_t endpoint, generation;
    uint16_t id, len;
    uint8_t tries;
    bool answered;
    uint8_t bytes[CROWD_QUERY_BYTES];
};

struct crowd {
    struct endpoint *endpoints; /* plan.clients */
    struct sim_client stranger; /* on no access list */
    struct slot slots[CROWD_SLOTS];
    uint32_t next_slot;
    unsigned asked; /* of plan.queries */
    uint64_t sent;
};

/* crowd_query.c: a query of ENDPOINT, written into SLOT. */
void crowd_compose(struct storm *storm, struct endpoint *endpoint, struct slot *slot);
/* One for the A of name NUMBER, plain. */
void crowd_compose_plain(struct storm *storm, unsigned number, struct slot *slot);

/* crowd_stream.c: sends SLOT's bytes by TCP, on the connection that is there or a new one. */
void crowd_ask_stream(struct storm *storm, struct endpoint *endpoint, const struct slot *slot);

static inline unsigned crowd_index(const struct storm *storm, const struct endpoint *endpoint)
{
    return (unsigned)(endpoint - storm->crowd->endpoints);
}

#endif
