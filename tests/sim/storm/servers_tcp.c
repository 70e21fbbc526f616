/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers_tcp.c - servers.h by TCP: which connections are taken, and what becomes of the queries on
 * them.
 *
 * What it does with the next connection is drawn with the first query on each: nothing else tells
 * it that one has begun. A whim is trouble for everybody for as long as it lasts, since nobody
 * knows whose question a connection that did not come about was for. Messages that come in pieces
 * or break off must not be mixed with others, so these wait.
 */
#include "sim/storm/servers_own.h"

#define LATE_NS     (6 * RD_NS_PER_S)
#define WHIM_NS     RD_NS_PER_S
#define PIECES_NS   (200 * RD_NS_PER_MS)
#define PIECES_MOST 6

void servers_settle(struct server *server)
{
    uint64_t now_ns = server->all->storm->sim->now_ns;
    enum sim_accept accept = now_ns < server->whim_ns ? server->whim : SIM_ACCEPT;

    if (servers_is_dead(server))
        accept = server->stalled ? SIM_SILENT : SIM_REFUSE;
    server->upstream->accept = accept;
}

static void whim_ends(struct sim *sim, void *context, uint64_t argument)
{
    (void)sim;
    (void)argument;
    servers_settle(context);
}

/* For the connection that comes after this one. */
static void draw_whim(struct server *server)
{
    struct storm *storm = server->all->storm;
    uint64_t ns;

    if (server->accepted == server->upstream->conns_accepted)
        return;
    server->accepted = server->upstream->conns_accepted;
    if (storm_chance(storm, STORM_TCP_REFUSE))
        server->whim = SIM_REFUSE;
    else if (storm_chance(storm, STORM_TCP_SILENT))
        server->whim = SIM_SILENT;
    else
        return;
    ns = storm_span(storm, WHIM_NS);
    server->whim_ns = storm->sim->now_ns + ns;
    servers_settle(server);
    sim_at(storm->sim, ns, whim_ends, server, 0);
    servers_trouble(storm, NULL, 0, ns + SERVERS_PATIENCE_NS);
}

/* Two bytes of length and the message. */
static void write_frame(struct sim_conn *conn, const struct packet *reply, size_t from, size_t to,
                        uint64_t delay_ns)
{
    const uint8_t length[2] = {(uint8_t)(reply->len >> 8), (uint8_t)reply->len};

    if (from < 2)
        sim_conn_send(conn, length + from, (to < 2 ? to : 2) - from, delay_ns);
    if (to > 2)
        sim_conn_send(conn, reply->bytes + (from > 2 ? from - 2 : 0), to - (from > 2 ? from : 2),
                      delay_ns);
}

static void send_pieces(struct server *server, struct sim_conn *conn, const struct packet *reply)
{
    struct storm *storm = server->all->storm;
    size_t end = 2 + reply->len, from = 0;
    uint64_t delay_ns = 0;
    unsigned n = 2 + sim_random_below(storm->sim, PIECES_MOST - 1);

    for (unsigned i = 0; i < n && from < end; i++) {
        size_t to = end;

        if (i + 1 < n && end - from > 1)
            to = from + 1 + sim_random_below(storm->sim, (uint32_t)(end - from) - 1);
        write_frame(conn, reply, from, to, delay_ns);
        from = to;
        if (from < end)
            delay_ns += storm_span(storm, PIECES_NS);
    }
    server->pieces_ns = storm->sim->now_ns + delay_ns;
}

/* Whoever waits on this connection has to ask again, and may have asked too often already. */
static void break_off(struct server *server, struct sim_conn *conn, const struct packet *reply)
{
    struct storm *storm = server->all->storm;
    size_t to = sim_random_below(storm->sim, (uint32_t)(2 + reply->len));

    write_frame(conn, reply, 0, to, 0);
    if (sim_random_below(storm->sim, 2))
        sim_conn_close(conn, 0);
    else
        sim_conn_reset(conn, 0);
    servers_trouble(storm, NULL, 0, 2 * conn->latency_ns + RD_NS_PER_MS);
}

/* Whether the reply comes in parts, or one part of it. Not while others are still to be written. */
static bool is_broken(struct hearing *hearing, struct sim_conn *conn, struct packet *reply)
{
    struct storm *storm = hearing->server->all->storm;

    if (conn->written_ns > storm->sim->now_ns)
        return false;
    if (storm_chance(storm, STORM_TCP_MIDWAY)) {
        servers_trouble(storm, hearing->query, hearing->len, SERVERS_PATIENCE_NS);
        break_off(hearing->server, conn, reply);
        return true;
    }
    if (!storm_chance(storm, STORM_TCP_PIECES))
        return false;
    servers_trouble(storm, hearing->query, hearing->len, SERVERS_PATIENCE_NS);
    send_pieces(hearing->server, conn, reply);
    return true;
}

/* When the message may be written at the earliest. */
static uint64_t draw_delay(struct hearing *hearing)
{
    struct server *server = hearing->server;
    struct storm *storm = server->all->storm;
    uint64_t now_ns = storm->sim->now_ns, delay_ns = 0;

    if (storm_chance(storm, STORM_LATE))
        delay_ns = storm_span(storm, LATE_NS);
    if (server->pieces_ns > now_ns + delay_ns)
        delay_ns = server->pieces_ns - now_ns;
    return delay_ns;
}

void servers_hear_stream(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                         const uint8_t *query, size_t len)
{
    struct server *server = upstream->context;
    struct storm *storm = server->all->storm;
    struct hearing hearing = {.server = server, .query = query, .len = len, .by_tcp = true};
    struct packet *reply = &server->all->reply;
    uint64_t delay_ns;

    (void)sim;
    draw_whim(server);
    if (!servers_read_query(&hearing))
        return;
    if (servers_is_dead(server) || storm_chance(storm, STORM_MUTE)) {
        servers_trouble(storm, query, len, SERVERS_PATIENCE_NS);
        return;
    }
    delay_ns = draw_delay(&hearing);
    if (!servers_compose(&hearing, reply))
        return;
    if (servers_spoil(&hearing, reply) || delay_ns > 0 ||
        (reply->bytes[3] & RD_DNS_RCODE) == RD_SERVFAIL)
        servers_trouble(storm, query, len, delay_ns + SERVERS_PATIENCE_NS);
    if (delay_ns > 0 || !is_broken(&hearing, conn, reply))
        sim_conn_send_message(conn, reply->bytes, reply->len, delay_ns);
}
