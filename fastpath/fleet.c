/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fleet.c - numbers for servers, and their shared health.
 *
 * Health is judged by results alone. The counters are hints: two workers that race may count one
 * time-out less or ask once more, never lose a server for good.
 */
#include "fleet.h"

#include <errno.h>
#include <stdlib.h>

struct rd_fleet *rd_fleet_new(void)
{
    struct rd_fleet *fleet = aligned_alloc(alignof(struct rd_fleet), sizeof(*fleet));

    if (fleet)
        memset(fleet, 0, sizeof(*fleet));
    return fleet;
}

void rd_fleet_free(struct rd_fleet *fleet)
{
    free(fleet);
}

int fleet_hold(struct rd_fleet *fleet, const union rd_address *address)
{
    struct fleet_server *unused = NULL;

    for (int i = 0; i < RD_MAX_UPSTREAMS; i++) {
        struct fleet_server *server = &fleet->servers[i];

        if (server->incarnation > 0 && rd_address_equal(&server->address, address)) {
            server->snapshots++;
            return i;
        }
        if (!unused && server->snapshots == 0)
            unused = server;
    }
    if (!unused)
        return -ENOSPC;
    unused->address = *address;
    unused->snapshots = 1;
    unused->incarnation++;
    atomic_store_explicit(&unused->timeouts, 0, memory_order_relaxed);
    atomic_store_explicit(&unused->down, false, memory_order_relaxed);
    return (int)(unused - fleet->servers);
}

void fleet_release(struct rd_fleet *fleet, unsigned number)
{
    fleet->servers[number].snapshots--;
}

bool fleet_is_down(const struct rd_fleet *fleet, unsigned number)
{
    return atomic_load_explicit(&fleet->servers[number].down, memory_order_relaxed);
}

bool fleet_replied(struct rd_fleet *fleet, unsigned number)
{
    struct fleet_server *server = &fleet->servers[number];

    /* Look first: a healthy server's line is only read. */
    if (atomic_load_explicit(&server->timeouts, memory_order_relaxed) != 0)
        atomic_store_explicit(&server->timeouts, 0, memory_order_relaxed);
    return atomic_load_explicit(&server->down, memory_order_relaxed) &&
           atomic_exchange_explicit(&server->down, false, memory_order_relaxed);
}

bool fleet_timed_out(struct rd_fleet *fleet, unsigned number)
{
    struct fleet_server *server = &fleet->servers[number];
    uint32_t before = atomic_fetch_add_explicit(&server->timeouts, 1, memory_order_relaxed);

    return before + 1 >= FLEET_TIMEOUTS_SUSPECT &&
           !atomic_load_explicit(&server->down, memory_order_relaxed);
}

bool fleet_lost(struct rd_fleet *fleet, unsigned number)
{
    return !atomic_exchange_explicit(&fleet->servers[number].down, true, memory_order_relaxed);
}

/* One caller gets the turn that is due, and the next is due INTERVAL_NS later. */
static bool take_turn(_Atomic uint64_t *next_ns, uint64_t now_ns, uint64_t interval_ns)
{
    uint64_t due_ns = atomic_load_explicit(next_ns, memory_order_relaxed);

    return due_ns <= now_ns &&
           atomic_compare_exchange_strong_explicit(next_ns, &due_ns, now_ns + interval_ns,
                                                   memory_order_relaxed, memory_order_relaxed);
}

bool fleet_probe(struct rd_fleet *fleet, unsigned number, uint64_t now_ns)
{
    return take_turn(&fleet->servers[number].next_probe_ns, now_ns, FLEET_PROBE_NS);
}

bool fleet_last_hope(struct rd_fleet *fleet, unsigned number, uint64_t now_ns)
{
    return take_turn(&fleet->servers[number].next_hope_ns, now_ns, FLEET_LAST_HOPE_NS);
}
