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

/* Questions for so many different names timed out, all workers together and no reply between, until
 * a server is suspected: asked only where no better one is, and probed. */
#define FLEET_TIMEOUTS_SUSPECT 8
/* A server that is suspected or down sees one probe per interval, from the whole process. */
#define FLEET_PROBE_NS (500 * 1000000ull)
/* The least bad server, when all are down, sees one client's question per interval. */
#define FLEET_LAST_HOPE_NS (50 * 1000000ull)
/* A server that failed for so many different suffixes more than it answered is degraded, ... */
#define FLEET_FAILURES_DEGRADED 16
/* ... for so long; then so many more suffice, and it takes twice as long, up to the most. */
#define FLEET_FAILURES_TRIAL  4
#define FLEET_DEGRADED_NS     (2 * 1000000000ull)
#define FLEET_DEGRADED_MAX_NS (60 * 1000000000ull)

struct fleet_server {
    /* Main thread: */
    union rd_address address, source;
    uint32_t snapshots;   /* that name this server; 0: the number is free */
    uint32_t incarnation; /* how many addresses this number has had */
    /* Any worker, relaxed: each is a hint of its own, nothing is published through them. This line
     * is read for every question and every reply, and written when something goes wrong or right
     * again: it is shared quietly all day. */
    alignas(64) _Atomic uint8_t state; /* enum rd_server_state: UP, SUSPECT or DOWN */
    _Atomic bool looping;
    _Atomic uint32_t timeouts; /* of different names, since the last reply */
    _Atomic uint32_t failures; /* of different suffixes, less the answers */
    _Atomic uint64_t degraded_until_ns;
    _Atomic uint64_t degraded_for_ns; /* the last time; 0: it has a good record */
    _Atomic uint64_t since_ns;        /* when what fleet_state says began, unless by time alone */
    /* The same, written more often. */
    alignas(64) _Atomic uint64_t next_probe_ns;
    _Atomic uint64_t next_hope_ns;
    _Atomic uint64_t next_loop_ns; /* when the next loop probe is due */
    _Atomic uint64_t loop_token;   /* what the last one was called; 0: none is awaited */
    _Atomic uint32_t links;        /* TCP connections to it, of all workers */
    _Atomic uint32_t next_suffix;  /* the place in the ring is this modulo its size */
    _Atomic uint32_t names[FLEET_TIMEOUTS_SUSPECT];     /* of the time-outs: their hashes */
    _Atomic uint32_t suffixes[FLEET_FAILURES_DEGRADED]; /* of the latest failures; 0: none */
};

struct rd_fleet {
    struct fleet_server servers[RD_MAX_UPSTREAMS];
    /* Main thread: */
    struct {
        char name[RD_TEXT_BYTES + 1];
        uint32_t snapshots;   /* that have this pool; 0: the number is free */
        uint16_t incarnation; /* how many names the number has had */
    } views[RD_MAX_VIEWS];
};

/* The number of the server at ADDRESS asked from SOURCE, made if need be, and held until
 * fleet_release. Main thread. -ENOSPC: every number is held. */
int fleet_hold(struct rd_fleet *fleet, const union rd_address *address,
               const union rd_address *source);
void fleet_release(struct rd_fleet *fleet, unsigned number);
/* The same for the pool called NAME: it keeps its number while it is held, and has it again later
 * unless another name needed it. */
int fleet_hold_view(struct rd_fleet *fleet, const char *name);
void fleet_release_view(struct rd_fleet *fleet, unsigned number);

/* How well a server is at NOW_NS. */
static inline enum rd_server_state fleet_state(const struct rd_fleet *fleet, unsigned number,
                                               uint64_t now_ns)
{
    const struct fleet_server *server = &fleet->servers[number];
    uint8_t state = atomic_load_explicit(&server->state, memory_order_relaxed);

    if (atomic_load_explicit(&server->looping, memory_order_relaxed))
        return RD_SERVER_LOOPING;
    if (state == RD_SERVER_UP &&
        atomic_load_explicit(&server->degraded_until_ns, memory_order_relaxed) > now_ns)
        return RD_SERVER_DEGRADED;
    return (enum rd_server_state)state;
}

/* A reply came, whatever it says: it is alive. True: it was down, and is up again by this. */
bool fleet_replied(struct rd_fleet *fleet, unsigned number, uint64_t now_ns);
/* A question for the name with hash NAME timed out that was sent after the last reply. True: the
 * server is suspect and to be probed; slow names alone must not take a resolver down. */
bool fleet_timed_out(struct rd_fleet *fleet, unsigned number, uint32_t name, uint64_t now_ns);
/* A probe was not answered. True: the server is down from now on. A server that is up, because it
 * replied to another question meanwhile, stays up. */
bool fleet_lost(struct rd_fleet *fleet, unsigned number, uint64_t now_ns);
/* The server said SERVFAIL, REFUSED or the like for a name below the suffix with hash SUFFIX. True:
 * it is degraded from now on. */
bool fleet_failed(struct rd_fleet *fleet, unsigned number, uint32_t suffix, uint64_t now_ns);
/* The server gave an answer that is one. */
void fleet_answered(struct rd_fleet *fleet, unsigned number);
/* Takes the turn to probe a server; one caller per FLEET_PROBE_NS gets it. */
bool fleet_probe(struct rd_fleet *fleet, unsigned number, uint64_t now_ns);
/* Takes the turn to ask a server that is down a client's question; one per FLEET_LAST_HOPE_NS. */
bool fleet_last_hope(struct rd_fleet *fleet, unsigned number, uint64_t now_ns);

/* Counts a new TCP connection to a server. False: there are MAX already. */
bool fleet_link(struct rd_fleet *fleet, unsigned number, uint32_t max);
void fleet_unlink(struct rd_fleet *fleet, unsigned number);

/* Takes the turn to send a loop probe; one caller per INTERVAL_NS gets it. */
bool fleet_loop_probe(struct rd_fleet *fleet, unsigned number, uint64_t now_ns,
                      uint64_t interval_ns);
/* When the next is due. */
uint64_t fleet_loop_due(const struct rd_fleet *fleet, unsigned number);
/* A loop probe with TOKEN (not 0) leaves for the server. */
void fleet_loop_sent(struct rd_fleet *fleet, unsigned number, uint64_t token);
/* A client asked for the name of TOKEN. True: it is ours, so that server leads back to us, and that
 * is news. The answer that the server then has from us does not clear it. */
bool fleet_loop_seen(struct rd_fleet *fleet, uint64_t token, uint64_t now_ns);
/* Whether TOKEN is that of a loop probe of ours that is under way. */
bool fleet_loop_awaits(const struct rd_fleet *fleet, uint64_t token);
/* Nobody probes for loops any more: no server is looping. */
void fleet_loop_forget(struct rd_fleet *fleet, uint64_t now_ns);
/* The loop probe with TOKEN was answered by the server, and not through us. */
void fleet_loop_clear(struct rd_fleet *fleet, unsigned number, uint64_t token, uint64_t now_ns);

#endif
