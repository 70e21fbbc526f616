/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd_stream.c - clients of a storm by TCP: one connection at a time each, which may stall, end
 * too early, or not be read from.
 */
#include <stdlib.h>

#include "sim/storm/crowd_own.h"

/* How long a client keeps its connection at most. */
#define STAY_NS (15 * RD_NS_PER_S)

static bool is_over(const struct sim_conn *conn)
{
    return conn->ended_ns || conn->reset_ns || conn->closed_ns != RD_NEVER;
}

static void leave(struct endpoint *endpoint, bool reset)
{
    if (!endpoint->conn)
        return;
    if (reset)
        sim_conn_reset(endpoint->conn, 0);
    else
        sim_conn_close(endpoint->conn, 0);
    sim_conn_release(endpoint->conn);
    endpoint->conn = NULL;
    endpoint->stalled = false;
}

static void leave_later(struct sim *sim, void *context, uint64_t argument)
{
    struct storm *storm = context;
    struct endpoint *endpoint = &storm->crowd->endpoints[(uint32_t)argument];

    (void)sim;
    if (endpoint->conn_number == argument >> 32)
        leave(endpoint, endpoint->conn_number % 2);
}

static void connect_from(struct storm *storm, struct endpoint *endpoint)
{
    const union rd_address *to =
        &storm->listeners[endpoint->client.address.any.sa_family == AF_INET6];
    uint64_t stay_ns = storm_span(storm, STAY_NS);

    endpoint->conn = sim_connect(storm->sim, &endpoint->client, to);
    sim_conn_hold(endpoint->conn);
    endpoint->conn_number++;
    if (storm_chance(storm, STORM_TCP_LEAVE))
        stay_ns = storm_span(storm, 10 * RD_NS_PER_MS);
    sim_at(storm->sim, stay_ns, leave_later, storm,
           (uint64_t)endpoint->conn_number << 32 | crowd_index(storm, endpoint));
    if (storm_chance(storm, STORM_TCP_STALL))
        sim_conn_read(endpoint->conn, false);
}

/* Of somebody who may not ask: one query, and he waits for a moment. */
static void ask_as_stranger(struct storm *storm, const struct slot *slot)
{
    struct sim_conn *conn = sim_connect(storm->sim, &storm->crowd->stranger, &storm->listeners[0]);

    storm->crowd->sent++;
    sim_conn_send_message(conn, slot->bytes, slot->len, 0);
    sim_conn_close(conn, RD_NS_PER_S);
}

void crowd_ask_stream(struct storm *storm, struct endpoint *endpoint, const struct slot *slot)
{
    uint8_t frame[2 + CROWD_QUERY_BYTES] = {(uint8_t)(slot->len >> 8), (uint8_t)slot->len};

    if (storm_chance(storm, STORM_STRANGER)) {
        ask_as_stranger(storm, slot);
        return;
    }
    if (endpoint->conn && is_over(endpoint->conn))
        leave(endpoint, false);
    if (endpoint->stalled)
        return;
    if (!endpoint->conn)
        connect_from(storm, endpoint);
    storm->crowd->sent++;
    if (storm_chance(storm, STORM_TCP_STALL)) {
        memcpy(frame + 2, slot->bytes, slot->len);
        sim_conn_send(endpoint->conn, frame, sim_random_below(storm->sim, slot->len + 2u), 0);
        endpoint->stalled = true; /* what is missing never comes */
        if (slot->id % 2)
            leave(endpoint, false);
        return;
    }
    sim_conn_send_message(endpoint->conn, slot->bytes, slot->len, 0);
}

void crowd_hang_up(struct storm *storm)
{
    for (unsigned i = 0; i < storm->plan.clients; i++)
        leave(&storm->crowd->endpoints[i], false);
}

void crowd_heard(void *context, struct sim_conn *conn, const uint8_t *bytes, size_t len)
{
    struct storm *storm = context;

    (void)conn;
    if (len >= RD_DNS_HEADER_BYTES)
        storm->answers[bytes[3] & 15]++;
}
