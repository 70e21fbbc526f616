/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd.c - crowd.h: bursts, retransmissions, and what comes back by UDP.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_io.h"
#include "sim/storm/crowd_own.h"
#include "sim/storm/hands.h"

#define FIRST_PORT 1024
/* One client in so many speaks IPv6; one that has no answer gives up in so many cases. */
#define SIXTH   4
#define GIVE_UP 4
/* How long a client waits before it asks again. */
#define PATIENCE_NS (RD_NS_PER_S / 2)
#define TRIES       2

static bool speaks_v6(unsigned number)
{
    return number % SIXTH == SIXTH - 1;
}

/* The address says which client it is. */
static union rd_address address_of(unsigned number)
{
    uint16_t port = (uint16_t)(FIRST_PORT + number * 7u % 60000u);
    union rd_address address = sim_address(speaks_v6(number) ? "2001:db8:1::" : "10.1.0.0", port);

    if (speaks_v6(number)) {
        address.v6.sin6_addr.s6_addr[14] = (uint8_t)(number >> 8);
        address.v6.sin6_addr.s6_addr[15] = (uint8_t)number;
    } else {
        address.v4.sin_addr.s_addr |= htonl(number);
    }
    return address;
}

static struct endpoint *endpoint_at(const struct storm *storm, const union rd_address *address)
{
    uint8_t host[16];
    unsigned number;

    rd_address_host(address, host);
    number = (unsigned)host[14] << 8 | host[15];
    if (number >= storm->plan.clients ||
        !rd_address_equal(&storm->crowd->endpoints[number].client.address, address))
        return NULL;
    return &storm->crowd->endpoints[number];
}

void crowd_open(struct storm *storm)
{
    storm->crowd = calloc(1, sizeof(*storm->crowd));
    if (!storm->crowd)
        abort();
    storm->crowd->endpoints = calloc(storm->plan.clients, sizeof(struct endpoint));
    if (!storm->crowd->endpoints)
        abort();
    for (unsigned i = 0; i < storm->plan.clients; i++)
        storm->crowd->endpoints[i].client.address = address_of(i);
    storm->crowd->stranger.address = sim_address("192.0.2.7", 2000);
}

void crowd_close(struct storm *storm)
{
    if (!storm->crowd)
        return;
    free(storm->crowd->endpoints);
    free(storm->crowd);
}

bool crowd_is_done(const struct storm *storm)
{
    return storm->crowd->asked >= storm->plan.queries;
}

uint64_t crowd_sent(const struct storm *storm)
{
    return storm->crowd->sent;
}

/* The listener that a client of its family asks. */
static const union rd_address *listener_for(const struct storm *storm, const union rd_address *from)
{
    return &storm->listeners[from->any.sa_family == AF_INET6];
}

static void send_from(struct storm *storm, const union rd_address *from, const struct slot *slot)
{
    storm->crowd->sent++;
    sim_carry(storm->sim, from, listener_for(storm, from), slot->bytes, slot->len, 0,
              storm->sim->client_latency_ns);
}

static struct slot *take_slot(struct storm *storm, struct endpoint *endpoint)
{
    uint32_t number = storm->crowd->next_slot++ % CROWD_SLOTS;
    struct slot *slot = &storm->crowd->slots[number];

    memmove(endpoint->recent + 1, endpoint->recent,
            (CROWD_RECENT - 1) * sizeof(endpoint->recent[0]));
    endpoint->recent[0] = number;
    slot->endpoint = crowd_index(storm, endpoint);
    slot->generation++;
    slot->tries = 0;
    slot->answered = false;
    return slot;
}

/* What a slot was taken for; of a later taking nothing is done. */
static uint64_t ticket(const struct storm *storm, const struct slot *slot)
{
    return (uint64_t)slot->generation << 32 | (uint64_t)(slot - storm->crowd->slots);
}

static void ask_again(struct sim *sim, void *context, uint64_t argument)
{
    struct storm *storm = context;
    struct slot *slot = &storm->crowd->slots[(uint32_t)argument];

    if (slot->generation != argument >> 32 || slot->answered || slot->tries == TRIES)
        return;
    slot->tries++;
    send_from(storm, &storm->crowd->endpoints[slot->endpoint].client.address, slot);
    sim_at(sim, (PATIENCE_NS << slot->tries) + sim_random_below(sim, 100 * RD_NS_PER_MS), ask_again,
           storm, argument);
}

static void ask_datagram(struct storm *storm, struct endpoint *endpoint, struct slot *slot)
{
    struct sim *sim = storm->sim;

    if (storm_chance(storm, STORM_STRANGER)) {
        send_from(storm, &storm->crowd->stranger.address, slot);
        return;
    }
    send_from(storm, &endpoint->client.address, slot);
    if (storm_chance(storm, STORM_RETRANSMIT))
        sim_at(sim, storm_span(storm, 20 * RD_NS_PER_MS), ask_again, storm, ticket(storm, slot));
    else if (sim_random_below(sim, GIVE_UP) != 0)
        sim_at(sim, PATIENCE_NS + sim_random_below(sim, RD_NS_PER_S), ask_again, storm,
               ticket(storm, slot));
}

static void ask_one(struct storm *storm)
{
    struct endpoint *endpoint =
        &storm->crowd->endpoints[sim_random_below(storm->sim, storm->plan.clients)];
    struct slot *slot = take_slot(storm, endpoint);
    bool by_tcp = sim_random_below(storm->sim, 1000000) < storm->plan.tcp_ppm;

    storm->crowd->asked++;
    crowd_compose(storm, endpoint, slot);
    if (by_tcp)
        crowd_ask_stream(storm, endpoint, slot);
    else
        ask_datagram(storm, endpoint, slot);
}

/* Long ones now and then, so that answers grow old, and short ones, so that much is under way. */
static uint64_t draw_pause(struct storm *storm)
{
    if (sim_random_below(storm->sim, 2) == 0)
        return storm_span(storm, storm->plan.pause_ns);
    return sim_random(storm->sim) % (2 * storm->plan.pause_ns);
}

static void burst(struct sim *sim, void *context, uint64_t argument)
{
    struct storm *storm = context;
    unsigned n = 1 + sim_random_below(sim, storm->plan.burst_most);

    (void)argument;
    hands_stir(storm);
    while (n-- > 0 && !crowd_is_done(storm))
        ask_one(storm);
    if (!crowd_is_done(storm))
        sim_at(sim, draw_pause(storm), burst, storm, 0);
}

void crowd_start(struct storm *storm)
{
    sim_at(storm->sim, 0, burst, storm, 0);
}

void crowd_answered(void *context, const struct sim_datagram *datagram)
{
    struct storm *storm = context;
    struct endpoint *endpoint = endpoint_at(storm, &datagram->to);

    if (datagram->len < RD_DNS_HEADER_BYTES)
        return;
    storm->answers[datagram->bytes[3] & 15]++;
    for (unsigned i = 0; endpoint && i < CROWD_RECENT; i++) {
        struct slot *slot = &storm->crowd->slots[endpoint->recent[i]];

        if (slot->endpoint == crowd_index(storm, endpoint) &&
            slot->id == (uint16_t)(datagram->bytes[0] << 8 | datagram->bytes[1]))
            slot->answered = true;
    }
}

/* A client whose datagrams come to WORKER, or NULL where there is none. */
static struct endpoint *client_of(struct storm *storm, unsigned worker)
{
    unsigned first = sim_random_below(storm->sim, storm->plan.clients);

    for (unsigned i = 0; i < storm->plan.clients; i++) {
        struct endpoint *endpoint = &storm->crowd->endpoints[(first + i) % storm->plan.clients];
        const union rd_address *from = &endpoint->client.address;

        if (sim_listener(storm->sim, from, listener_for(storm, from)) == storm->sim->ios[worker])
            return endpoint;
    }
    return NULL;
}

void crowd_ask_around(struct storm *storm, unsigned names)
{
    for (unsigned worker = 0; worker < storm->plan.workers; worker++) {
        struct endpoint *endpoint = client_of(storm, worker);

        for (unsigned i = 0; endpoint && i < names && i < storm->plan.names; i++) {
            struct slot *slot = take_slot(storm, endpoint);

            crowd_compose_plain(storm, i, slot);
            send_from(storm, &endpoint->client.address, slot);
        }
    }
}
