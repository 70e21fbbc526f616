/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers.c - servers.h: who is there, and what becomes of a query by UDP.
 *
 * Each fault is decided once for each query, in the order of faults.def; a fault for which there is
 * no opportunity (no OPT, no cookie) is not asked for. Not here: connections (servers_tcp.c), what
 * a spoilt reply says (servers_spoil.c).
 */
#include "sim/storm/servers.h"

#include <errno.h>
#include <stdlib.h>

#include "sim/storm/forge.h"
#include "sim/storm/servers_own.h"
#include "sim/storm/truth_nature.h"

#define LATE_NS         (6 * RD_NS_PER_S)
#define TWICE_NS        (10 * RD_NS_PER_MS)
#define COOKIE_CLIENT   8
#define COOKIE_SERVER   8
#define OTHER_PORT      5353
#define KNOW_COOKIES_OF 3 /* two of so many do */

uint32_t servers_serial(struct servers *all)
{
    return ++all->serial;
}

void servers_trouble(struct storm *storm, const uint8_t *bytes, size_t len, uint64_t ns)
{
    oracle_trouble(storm->oracle, bytes, len, storm->sim->now_ns + ns);
}

/* What is said. */

void servers_cookie(const struct hearing *hearing, struct packet *reply)
{
    const struct server *server = hearing->server;
    const struct rd_edns *edns = &hearing->wire.edns;
    uint8_t cookie[COOKIE_CLIENT + COOKIE_SERVER];
    uint64_t own = truth_mixed(server->all->storm->seed, server->cookies);

    if (!server->knows_cookies || edns->cookie_len < COOKIE_CLIENT || reply->opt_length == 0)
        return;
    own = truth_mixed(own, ntohl(server->upstream->address.v4.sin_addr.s_addr));
    memcpy(cookie, hearing->query + edns->cookie_offset, COOKIE_CLIENT);
    rd_put_u32(cookie + COOKIE_CLIENT, (uint32_t)(own >> 32));
    rd_put_u32(cookie + COOKIE_CLIENT + 4, (uint32_t)own);
    packet_option(reply, RD_OPTION_COOKIE, cookie, sizeof(cookie));
}

bool servers_compose(const struct hearing *hearing, struct packet *reply)
{
    struct servers *all = hearing->server->all;

    if (!truth_reply(all->storm, hearing->query, hearing->len, hearing->by_tcp, servers_serial(all),
                     reply))
        return false;
    servers_cookie(hearing, reply);
    return true;
}

void servers_bare(const struct hearing *hearing, uint16_t rcode, struct packet *reply)
{
    uint16_t flags = hearing->wire.flags & (RD_DNS_RD | RD_DNS_CD);

    reply->len = hearing->wire.question_end;
    reply->opt_length = 0;
    memcpy(reply->bytes, hearing->query, reply->len);
    rd_put_u16(reply->bytes + 2,
               (uint16_t)(flags | RD_DNS_QR | RD_DNS_RA | (rcode & RD_DNS_RCODE)));
    memset(reply->bytes + 6, 0, 6);
    if (!hearing->wire.edns.present)
        return;
    packet_opt(reply, 1232, (uint8_t)(rcode >> 4), 0,
               hearing->wire.edns.dnssec_ok ? RD_EDNS_DO : 0);
    servers_cookie(hearing, reply);
}

/* By UDP. */

static void send_elsewhere(const struct hearing *hearing, uint16_t to_port, uint64_t delay_ns)
{
    const struct server *server = hearing->server;
    struct storm *storm = server->all->storm;
    const struct packet *reply = &server->all->reply;
    union rd_address from = server->upstream->address;

    if (sim_random_below(storm->sim, 2) == 0)
        from.v4.sin_port = htons(OTHER_PORT);
    else
        from.v4.sin_addr.s_addr ^= htonl(64);
    sim_forge(storm->sim, &from, to_port, reply->bytes, reply->len,
              delay_ns + server->upstream->latency_ns);
}

static void send_reply(const struct hearing *hearing, uint16_t to_port, uint64_t delay_ns)
{
    const struct server *server = hearing->server;
    struct storm *storm = server->all->storm;
    struct packet *reply = &server->all->reply;
    bool twice = storm_chance(storm, STORM_TWICE);

    if (storm_chance(storm, STORM_ELSEWHERE)) {
        servers_trouble(storm, hearing->query, hearing->len, SERVERS_PATIENCE_NS);
        send_elsewhere(hearing, to_port, delay_ns);
    } else {
        sim_reply(storm->sim, server->upstream, reply->bytes, reply->len, to_port, delay_ns);
    }
    if (twice && servers_compose(hearing, reply))
        sim_reply(storm->sim, server->upstream, reply->bytes, reply->len, to_port,
                  delay_ns + storm_span(storm, TWICE_NS));
}

/* Whether the query gets no reply, and perhaps an error. */
static bool is_lost(const struct hearing *hearing, uint16_t from_port)
{
    const struct server *server = hearing->server;
    struct storm *storm = server->all->storm;
    bool dead = servers_is_dead(server);
    bool mute = dead ? server->stalled : storm_chance(storm, STORM_MUTE);

    if (!mute && !dead && !storm_chance(storm, STORM_ICMP))
        return false;
    servers_trouble(storm, hearing->query, hearing->len, SERVERS_PATIENCE_NS);
    if (!mute)
        sim_icmp(storm->sim, server->upstream, from_port, ECONNREFUSED, 0);
    return true;
}

bool servers_read_query(struct hearing *hearing)
{
    return rd_message_header(hearing->query, hearing->len, &hearing->wire) &&
           rd_message_question(hearing->query, hearing->len, &hearing->wire, NULL, NULL) ==
               RD_WIRE_OK &&
           rd_message_sections(hearing->query, hearing->len, &hearing->wire) == RD_WIRE_OK;
}

static void hear(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query, size_t len,
                 uint16_t from_port)
{
    struct server *server = upstream->context;
    struct storm *storm = server->all->storm;
    struct hearing hearing = {.server = server, .query = query, .len = len};
    struct packet *reply = &server->all->reply;
    uint64_t delay_ns = 0;

    (void)sim;
    if (!servers_read_query(&hearing))
        return; /* the network has spoilt it */
    forge_overhear(storm, upstream, &hearing.wire, query, from_port, &server->all->serial);
    if (is_lost(&hearing, from_port))
        return;
    if (storm_chance(storm, STORM_LATE))
        delay_ns = storm_span(storm, LATE_NS);
    if (!servers_compose(&hearing, reply))
        return;
    if (servers_spoil(&hearing, reply) || delay_ns > 0 ||
        (reply->bytes[3] & RD_DNS_RCODE) == RD_SERVFAIL)
        servers_trouble(storm, query, len, delay_ns + SERVERS_PATIENCE_NS);
    send_reply(&hearing, from_port, delay_ns);
}

/* Life and death. */

bool servers_is_dead(const struct server *server)
{
    return server->all->storm->sim->now_ns < server->dead_until_ns;
}

static void revive(struct sim *sim, void *context, uint64_t argument)
{
    (void)sim;
    (void)argument;
    servers_settle(context);
}

void servers_die(struct storm *storm, unsigned pool, unsigned number, uint64_t until_ns, bool stall)
{
    struct server *server = storm->servers[pool][number]->context;

    server->stalled = stall;
    if (until_ns <= storm->sim->now_ns)
        server->dead_until_ns = 0;
    else if (until_ns > server->dead_until_ns)
        server->dead_until_ns = until_ns;
    servers_settle(server);
    if (servers_is_dead(server))
        sim_at(storm->sim, server->dead_until_ns - storm->sim->now_ns, revive, server, 0);
}

static void open_server(struct servers *all, unsigned pool, unsigned number)
{
    struct storm *storm = all->storm;
    struct server *server = &all->at[pool][number];
    struct rd_server_list *servers = &storm->config.pools[pool].servers;
    uint64_t latency_ns = storm->plan.latency_ns[pool][number];
    char address[32];

    snprintf(address, sizeof(address), pool ? "203.0.113.%u" : "198.51.100.%u", number + 1);
    server->all = all;
    server->upstream = sim_upstream_add(storm->sim, address, hear, server, latency_ns);
    server->upstream->reply_stream = servers_hear_stream;
    server->whim = SIM_ACCEPT;
    server->knows_cookies = truth_mixed(storm->seed, 2 * number + pool) % KNOW_COOKIES_OF != 0;
    servers_settle(server);
    storm->servers[pool][number] = server->upstream;
    servers->at[servers->n++] = (struct rd_server_config){server->upstream->address, 1, 0};
}

void servers_open(struct storm *storm)
{
    static const char *const names[2] = {"default", "second"};
    struct rd_config *config = &storm->config;
    struct servers *all = calloc(1, sizeof(*all));

    if (!all)
        abort();
    all->storm = storm;
    config->n_pools = storm->plan.pools;
    for (unsigned pool = 0; pool < storm->plan.pools; pool++) {
        struct rd_pool_config *said = &config->pools[pool];

        memcpy(said->name, names[pool], strlen(names[pool]) + 1);
        said->probe = (struct rd_name){.len = 1};
        said->servers.n = 0;
        for (unsigned i = 0; i < storm->plan.servers[pool]; i++)
            open_server(all, pool, i);
    }
    config->routes.n = storm->plan.pools - 1;
    if (config->routes.n) {
        struct rd_route_config *route = &config->routes.at[0];

        route->pool = 1;
        route->suffix.len = sizeof(TRUTH_SECOND_ZONE);
        memcpy(route->suffix.bytes, TRUTH_SECOND_ZONE, sizeof(TRUTH_SECOND_ZONE));
    }
}

void servers_close(struct storm *storm)
{
    if (storm->servers[0][0])
        free(((struct server *)storm->servers[0][0]->context)->all);
    memset(storm->servers, 0, sizeof(storm->servers));
}
