/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fleet.h - the servers that are asked, by stable number, and what all workers know of their
 * health.
 *
 * A number stays with its address as long as a snapshot names it. When a reload gives it to another
 * server, what was asked a moment before may still speak for or against the new one; health is a
 * hint, and replies are told by their port. The main thread gives numbers
 * out; workers find addresses in their snapshot and health here. What each worker learns by itself
 * (round-trip times, ports) is its own: upstream.h.
 */
#ifndef RINGDNS_FLEET_H
#define RINGDNS_FLEET_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ringdns/address.h"
#include "ringdns/limits.h"
#include "ringdns/worker.h"

/* Questions in a row that timed out, all workers together, until a server is suspected. */
#define FLEET_TIMEOUTS_SUSPECT 8
/* A server that is suspected or down sees one probe per interval, from the whole process. */
#define FLEET_PROBE_NS (500 * 1000000ull)
/* The least bad server, when all are down, sees one client's question per interval. */
#define FLEET_LAST_HOPE_NS (50 * 1000000ull)

struct fleet_server {
    /* Main thread: */
    union rd_address address;
    uint32_t snapshots;   /* that name this server; 0: the number is free */
    uint32_t incarnation; /* how many addresses this number has had */
    /* Any worker, relaxed: each is a hint of its own, nothing is published through them. Written
     * when something goes wrong or right again, so the line is shared quietly all day. */
    alignas(64) _Atomic uint32_t timeouts; /* since the last reply */
    _Atomic bool down;
    _Atomic uint64_t next_probe_ns;
    _Atomic uint64_t next_hope_ns;
};

struct rd_fleet {
    struct fleet_server servers[RD_MAX_UPSTREAMS];
};

/* The number of ADDRESS, made if need be, and held until fleet_release. Main thread.
 * -ENOSPC: every number is held. */
int fleet_hold(struct rd_fleet *fleet, const union rd_address *address);
void fleet_release(struct rd_fleet *fleet, unsigned number);

bool fleet_is_down(const struct rd_fleet *fleet, unsigned number);
/* A reply came. True: the server was down, and is up again by this. */
bool fleet_replied(struct rd_fleet *fleet, unsigned number);
/* A question timed out that was sent after the last reply. True: it is one too many, the server is
 * to be probed; slow names alone must not take a resolver down. */
bool fleet_timed_out(struct rd_fleet *fleet, unsigned number);
/* A probe was not answered. True: the server is down from now on. */
bool fleet_lost(struct rd_fleet *fleet, unsigned number);
/* Takes the turn to probe a server; one caller per FLEET_PROBE_NS gets it. */
bool fleet_probe(struct rd_fleet *fleet, unsigned number, uint64_t now_ns);
/* Takes the turn to ask a server that is down a client's question; one per FLEET_LAST_HOPE_NS. */
bool fleet_last_hope(struct rd_fleet *fleet, unsigned number, uint64_t now_ns);

#endif
