/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fleet.c - numbers for servers and pools, and the servers' shared health.
 *
 * Health is judged by results alone. The counters are hints: two workers that race may count one
 * time-out less or ask once more, never lose a server for good. What is called for every reply
 * looks before it writes, so a healthy server's line stays in every core's cache.
 *
 * Not here: when to probe and what with (probe.c), which server is asked (pool.c).
 */
#include "fleet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define LOAD(field)         atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

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

/* As at the start. Connections stay counted: whoever has one still gives it back. */
static void reset_health(struct fleet_server *server)
{
    STORE(server->state, RD_SERVER_UP);
    STORE(server->looping, false);
    STORE(server->timeouts, 0);
    STORE(server->failures, 0);
    STORE(server->degraded_until_ns, 0);
    STORE(server->degraded_for_ns, 0);
    STORE(server->since_ns, 0);
    STORE(server->next_probe_ns, 0);
    STORE(server->next_hope_ns, 0);
    STORE(server->next_loop_ns, 0);
    STORE(server->loop_token, 0);
    for (unsigned i = 0; i < FLEET_FAILURES_DEGRADED; i++)
        STORE(server->suffixes[i], 0);
}

/* The place of a server; else one that is free, best one that never had a server: the others may
 * come back. -1: none. */
static int find_place(const struct rd_fleet *fleet, const union rd_address *address,
                      const union rd_address *source)
{
    int fresh = -1, used = -1;

    for (int i = RD_MAX_UPSTREAMS - 1; i >= 0; i--) {
        const struct fleet_server *server = &fleet->servers[i];

        if (server->incarnation == 0)
            fresh = i;
        else if (rd_address_equal(&server->address, address) &&
                 rd_address_equal(&server->source, source))
            return i;
        else if (server->snapshots == 0)
            used = i;
    }
    return fresh >= 0 ? fresh : used;
}

int fleet_hold(struct rd_fleet *fleet, const union rd_address *address,
               const union rd_address *source)
{
    int number = find_place(fleet, address, source);
    struct fleet_server *server;

    if (number < 0)
        return -ENOSPC;
    server = &fleet->servers[number];
    if (server->snapshots++ > 0)
        return number;
    if (server->incarnation == 0 || !rd_address_equal(&server->address, address) ||
        !rd_address_equal(&server->source, source)) {
        server->address = *address;
        server->source = *source;
        server->incarnation++;
    }
    reset_health(server);
    return number;
}

void fleet_release(struct rd_fleet *fleet, unsigned number)
{
    fleet->servers[number].snapshots--;
}

/* As find_place, for a pool. */
static int find_view(const struct rd_fleet *fleet, const char *name)
{
    int fresh = -1, used = -1;

    for (int i = RD_MAX_VIEWS - 1; i >= 0; i--) {
        if (fleet->views[i].name[0] == '\0' && fleet->views[i].snapshots == 0)
            fresh = i;
        else if (strcmp(fleet->views[i].name, name) == 0)
            return i;
        else if (fleet->views[i].snapshots == 0)
            used = i;
    }
    return fresh >= 0 ? fresh : used;
}

int fleet_hold_view(struct rd_fleet *fleet, const char *name)
{
    size_t len = strlen(name);
    int number = find_view(fleet, name);

    assert(len <= RD_TEXT_BYTES);
    if (number < 0)
        return -ENOSPC;
    if (strcmp(fleet->views[number].name, name) != 0)
        fleet->views[number].incarnation++;
    memcpy(fleet->views[number].name, name, len + 1);
    fleet->views[number].snapshots++;
    return number;
}

void fleet_release_view(struct rd_fleet *fleet, unsigned number)
{
    fleet->views[number].snapshots--;
}

bool rd_fleet_server(const struct rd_fleet *fleet, unsigned number, struct rd_server_info *ret_info)
{
    const struct fleet_server *server = &fleet->servers[number];
    uint64_t now_ns = rd_clock_now();
    uint64_t since_ns = LOAD(server->since_ns), until_ns = LOAD(server->degraded_until_ns);

    if (server->snapshots == 0)
        return false;
    *ret_info = (struct rd_server_info){.address = server->address,
                                        .source = server->source,
                                        .state = fleet_state(fleet, number, now_ns),
                                        .since_ns = since_ns};
    if (ret_info->state == RD_SERVER_UP && until_ns > since_ns && until_ns <= now_ns)
        ret_info->since_ns = until_ns;
    return true;
}

/* Something has changed that may show in the state, which was BEFORE. */
static void note_change(struct rd_fleet *fleet, unsigned number, enum rd_server_state before,
                        uint64_t now_ns)
{
    if (fleet_state(fleet, number, now_ns) != before)
        STORE(fleet->servers[number].since_ns, now_ns);
}

/* Takes the state from FROM to TO; one caller gets to. */
static bool change(struct rd_fleet *fleet, unsigned number, uint8_t from, uint8_t to,
                   uint64_t now_ns)
{
    enum rd_server_state before = fleet_state(fleet, number, now_ns);

    if (!atomic_compare_exchange_strong_explicit(&fleet->servers[number].state, &from, to,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    note_change(fleet, number, before, now_ns);
    return true;
}

bool fleet_replied(struct rd_fleet *fleet, unsigned number, uint64_t now_ns)
{
    struct fleet_server *server = &fleet->servers[number];
    uint8_t state = LOAD(server->state);

    if (LOAD(server->timeouts) != 0)
        STORE(server->timeouts, 0);
    return state != RD_SERVER_UP && change(fleet, number, state, RD_SERVER_UP, now_ns) &&
           state == RD_SERVER_DOWN;
}

bool fleet_timed_out(struct rd_fleet *fleet, unsigned number, uint32_t name, uint64_t now_ns)
{
    struct fleet_server *server = &fleet->servers[number];
    uint32_t n = LOAD(server->timeouts);
    uint8_t state = LOAD(server->state);

    if (state != RD_SERVER_UP)
        return state == RD_SERVER_SUSPECT;
    for (uint32_t i = 0; i < n && i < FLEET_TIMEOUTS_SUSPECT; i++)
        if (LOAD(server->names[i]) == name)
            return false;
    n = atomic_fetch_add_explicit(&server->timeouts, 1, memory_order_relaxed);
    if (n < FLEET_TIMEOUTS_SUSPECT)
        STORE(server->names[n], name);
    if (n + 1 < FLEET_TIMEOUTS_SUSPECT)
        return false;
    change(fleet, number, RD_SERVER_UP, RD_SERVER_SUSPECT, now_ns);
    return true;
}

bool fleet_lost(struct rd_fleet *fleet, unsigned number, uint64_t now_ns)
{
    return change(fleet, number, RD_SERVER_SUSPECT, RD_SERVER_DOWN, now_ns);
}

/* Whether SUFFIX is news to the ring, which has it from now on. */
static bool note_suffix(struct fleet_server *server, uint32_t suffix)
{
    uint32_t place;

    for (unsigned i = 0; i < FLEET_FAILURES_DEGRADED; i++)
        if (LOAD(server->suffixes[i]) == suffix)
            return false;
    place = atomic_fetch_add_explicit(&server->next_suffix, 1, memory_order_relaxed);
    STORE(server->suffixes[place % FLEET_FAILURES_DEGRADED], suffix);
    return true;
}

/* For twice as long as the last time; then on trial, on which the same suffixes count anew. */
static bool degrade(struct rd_fleet *fleet, unsigned number, uint64_t until_ns, uint64_t now_ns)
{
    struct fleet_server *server = &fleet->servers[number];
    enum rd_server_state before = fleet_state(fleet, number, now_ns);
    uint64_t for_ns = LOAD(server->degraded_for_ns);

    for_ns = for_ns == 0                           ? FLEET_DEGRADED_NS
             : for_ns >= FLEET_DEGRADED_MAX_NS / 2 ? FLEET_DEGRADED_MAX_NS
                                                   : 2 * for_ns;
    if (!atomic_compare_exchange_strong_explicit(&server->degraded_until_ns, &until_ns,
                                                 now_ns + for_ns, memory_order_relaxed,
                                                 memory_order_relaxed))
        return false;
    STORE(server->degraded_for_ns, for_ns);
    STORE(server->failures, FLEET_FAILURES_DEGRADED - FLEET_FAILURES_TRIAL);
    for (unsigned i = 0; i < FLEET_FAILURES_DEGRADED; i++)
        STORE(server->suffixes[i], 0);
    note_change(fleet, number, before, now_ns);
    return true;
}

bool fleet_failed(struct rd_fleet *fleet, unsigned number, uint32_t suffix, uint64_t now_ns)
{
    struct fleet_server *server = &fleet->servers[number];
    uint64_t until_ns = LOAD(server->degraded_until_ns);
    uint32_t failures;

    if (!note_suffix(server, suffix == 0 ? 1 : suffix))
        return false;
    failures = LOAD(server->failures);
    /* While it is degraded, failures only make up for answers: the trial comes later. */
    if (until_ns > now_ns && failures >= FLEET_FAILURES_DEGRADED - FLEET_FAILURES_TRIAL)
        return false;
    failures = atomic_fetch_add_explicit(&server->failures, 1, memory_order_relaxed) + 1;
    return failures >= FLEET_FAILURES_DEGRADED && until_ns <= now_ns &&
           degrade(fleet, number, until_ns, now_ns);
}

void fleet_answered(struct rd_fleet *fleet, unsigned number)
{
    struct fleet_server *server = &fleet->servers[number];
    uint32_t failures = LOAD(server->failures);

    if (failures == 0)
        return;
    /* Once: another worker's answer or failure at the same moment may hide this one. */
    if (atomic_compare_exchange_strong_explicit(&server->failures, &failures, failures - 1,
                                                memory_order_relaxed, memory_order_relaxed) &&
        failures == 1)
        STORE(server->degraded_for_ns, 0);
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

bool fleet_link(struct rd_fleet *fleet, unsigned number, uint32_t max)
{
    struct fleet_server *server = &fleet->servers[number];
    uint32_t links = LOAD(server->links);

    while (links < max)
        if (atomic_compare_exchange_weak_explicit(&server->links, &links, links + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

void fleet_unlink(struct rd_fleet *fleet, unsigned number)
{
    atomic_fetch_sub_explicit(&fleet->servers[number].links, 1, memory_order_relaxed);
}

bool fleet_loop_probe(struct rd_fleet *fleet, unsigned number, uint64_t now_ns,
                      uint64_t interval_ns)
{
    return take_turn(&fleet->servers[number].next_loop_ns, now_ns, interval_ns);
}

uint64_t fleet_loop_due(const struct rd_fleet *fleet, unsigned number)
{
    return LOAD(fleet->servers[number].next_loop_ns);
}

void fleet_loop_sent(struct rd_fleet *fleet, unsigned number, uint64_t token)
{
    STORE(fleet->servers[number].loop_token, token);
}

/* The token is spent by it, so what the server then answers says nothing more. */
static bool take_token(struct fleet_server *server, uint64_t token)
{
    uint64_t awaited = LOAD(server->loop_token);

    return token != 0 && awaited == token &&
           atomic_compare_exchange_strong_explicit(&server->loop_token, &awaited, 0,
                                                   memory_order_relaxed, memory_order_relaxed);
}

static bool set_looping(struct rd_fleet *fleet, unsigned number, bool looping, uint64_t now_ns)
{
    enum rd_server_state before = fleet_state(fleet, number, now_ns);

    if (atomic_exchange_explicit(&fleet->servers[number].looping, looping, memory_order_relaxed) ==
        looping)
        return false;
    note_change(fleet, number, before, now_ns);
    return true;
}

bool fleet_loop_seen(struct rd_fleet *fleet, uint64_t token, uint64_t now_ns)
{
    for (unsigned number = 0; number < RD_MAX_UPSTREAMS; number++) {
        if (!take_token(&fleet->servers[number], token))
            continue;
        if (!set_looping(fleet, number, true, now_ns))
            return false;
        /* It is looked at more closely: the turn that was taken for long is over. */
        STORE(fleet->servers[number].next_loop_ns, now_ns);
        return true;
    }
    return false;
}

bool fleet_loop_awaits(const struct rd_fleet *fleet, uint64_t token)
{
    for (unsigned number = 0; number < RD_MAX_UPSTREAMS; number++)
        if (token != 0 && LOAD(fleet->servers[number].loop_token) == token)
            return true;
    return false;
}

void fleet_loop_forget(struct rd_fleet *fleet, uint64_t now_ns)
{
    for (unsigned number = 0; number < RD_MAX_UPSTREAMS; number++)
        if (LOAD(fleet->servers[number].looping))
            set_looping(fleet, number, false, now_ns);
}

void fleet_loop_clear(struct rd_fleet *fleet, unsigned number, uint64_t token, uint64_t now_ns)
{
    if (take_token(&fleet->servers[number], token))
        set_looping(fleet, number, false, now_ns);
}
