/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upstream.c - the pool of source ports.
 *
 * A port keeps the IDs it waits for in a plain array that is searched from end to end: there are
 * 96 at most and a dozen as a rule, fewer bytes than one bucket of a hash table.
 *
 * A port is drawn for each question among all that its server has, so a guess must hit port and ID
 * together; and because ports live for 32 to 96 questions only, what an attacker learns of one is
 * soon worth nothing. Which worker asks cannot be told from a port: all draw from one range.
 */
#include "upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define PORT_LIFE_NS (10 * RD_NS_PER_S)
#define FIRST_PORT   1024u
#define LAST_PORT    65535u
#define PORT_DRAWS   64 /* until a range that is nearly full counts as exhausted */

static bool is_avoided(const struct rd_port_list *list, uint32_t port)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (port >= list->at[i].first && port <= list->at[i].last)
            return true;
    return false;
}

/* A list, so that a draw is uniform and sure however few ports are left. */
static void list_drawable(struct upstream *upstream, const struct rd_port_list *avoided)
{
    for (uint32_t port = FIRST_PORT; port <= LAST_PORT; port++)
        if (!is_avoided(avoided, port))
            upstream->drawable[upstream->n_drawable++] = (uint16_t)port;
}

int upstream_init(struct upstream *upstream, struct io *io, struct rd_random *random,
                  struct rd_stats *stats, const struct rd_worker_setup *setup)
{
    uint32_t per_server = setup->snapshot->config.ports_per_upstream;
    uint32_t *pools = calloc((size_t)per_server * RD_MAX_UPSTREAMS, sizeof(*pools));

    memset(upstream, 0, sizeof(*upstream));
    upstream->io = io;
    upstream->random = random;
    upstream->stats = stats;
    upstream->ports_per_server = per_server;
    upstream->max_ports = setup->max_ports;
    upstream->ports = calloc(setup->max_ports, sizeof(*upstream->ports));
    upstream->servers[0].pool = pools; /* upstream_deinit frees it there */
    if (!pools || !upstream->ports) {
        upstream_deinit(upstream);
        return -ENOMEM;
    }
    for (uint32_t i = 1; i < RD_MAX_UPSTREAMS; i++)
        upstream->servers[i].pool = pools + (size_t)i * per_server;
    list_drawable(upstream, setup->ports_avoid);
    return 0;
}

void upstream_deinit(struct upstream *upstream)
{
    free(upstream->servers[0].pool);
    free(upstream->ports);
    upstream->servers[0].pool = NULL;
    upstream->ports = NULL;
}

static void close_port(struct upstream *upstream, uint32_t handle)
{
    upstream->io->ops->port_close(upstream->io, handle);
    upstream->ports[handle].open = false;
    upstream->servers[upstream->ports[handle].server].n_open--;
    upstream->n_open--;
    rd_stat_set(&upstream->stats->ports_open, upstream->n_open);
}

void upstream_close(struct upstream *upstream)
{
    for (uint32_t handle = 0; upstream->n_open > 0; handle++)
        if (upstream->ports[handle].open)
            close_port(upstream, handle);
}

static void retire(struct upstream *upstream, uint32_t handle)
{
    struct upstream_port *port = &upstream->ports[handle];
    struct upstream_server *server = &upstream->servers[port->server];
    uint32_t last = server->pool[--server->n_ports];

    server->pool[port->place] = last;
    upstream->ports[last].place = port->place;
    port->retired = true;
    if (port->n_waits == 0)
        close_port(upstream, handle);
}

void upstream_adopt(struct upstream *upstream, const struct rd_snapshot *snapshot)
{
    uint32_t servers = 0;

    for (uint32_t i = 0; i < snapshot->config.n_pools; i++) {
        const struct snapshot_pool *pool = &snapshot->pools[i];

        servers += pool->n_servers;

        for (unsigned k = 0; k < pool->n_servers; k++) {
            struct upstream_server *server = &upstream->servers[pool->servers[k].number];

            if (server->incarnation == pool->servers[k].incarnation)
                continue;
            while (server->n_ports > 0)
                retire(upstream, server->pool[0]);
            server->address = pool->servers[k].address;
            server->incarnation = pool->servers[k].incarnation;
            server->target_ports = RD_PORTS_MIN;
            server->last_reply_ns = 0;
            memset(&server->latency, 0, sizeof(server->latency));
        }
    }
    upstream->share = upstream->max_ports / (servers > 0 ? servers : 1);
}

/* Opens a port at a random place of the range. The handle, or negative: the system refuses. */
static int open_at_random(struct upstream *upstream, const struct upstream_server *server)
{
    for (int i = 0; i < PORT_DRAWS && upstream->n_drawable > 0; i++) {
        uint16_t port = upstream->drawable[rd_random_below(upstream->random, upstream->n_drawable)];
        int handle = upstream->io->ops->port_open(upstream->io, &server->address, port);

        if (handle != -EADDRINUSE)
            return handle;
        rd_stat_inc(&upstream->stats->ports_taken);
    }
    return -EADDRINUSE;
}

static void open_port(struct upstream *upstream, uint8_t number, uint64_t now_ns)
{
    struct upstream_server *server = &upstream->servers[number];
    struct upstream_port *port;
    int handle;

    if (upstream->n_open >= upstream->max_ports || server->n_open >= upstream->share)
        return;
    handle = open_at_random(upstream, server);
    if (handle < 0) {
        rd_stat_inc(&upstream->stats->ports_failed);
        return;
    }
    port = &upstream->ports[handle];
    port->opened_ns = now_ns;
    port->server = number;
    port->open = true;
    port->retired = false;
    port->asked = 0;
    port->limit =
        (uint8_t)(RD_PORT_QUESTIONS_MIN +
                  rd_random_below(upstream->random, RD_PORT_QUESTIONS - RD_PORT_QUESTIONS_MIN + 1));
    port->n_waits = 0;
    port->place = server->n_ports;
    server->pool[server->n_ports++] = (uint32_t)handle;
    upstream->n_open++;
    server->n_open++;
    rd_stat_inc(&upstream->stats->ports_opened);
    rd_stat_set(&upstream->stats->ports_open, upstream->n_open);
}

/* A burst does not wait for upstream_tend to see it. */
static bool wants_port(const struct upstream *upstream, const struct upstream_server *server)
{
    return server->n_ports < server->target_ports ||
           (server->n_ports < upstream->ports_per_server &&
            (server->n_ports < server->outstanding ||
             server->n_ports < server->asked_lately / RD_PORT_QUESTIONS));
}

static int find_id(const struct upstream_port *port, uint16_t id)
{
    for (int i = 0; i < port->n_waits; i++)
        if (port->ids[i] == id)
            return i;
    return -1;
}

static bool is_used(uint32_t handle, const uint32_t *used, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (used[i] == handle)
            return true;
    return false;
}

/* A port of SERVER's pool that is not among USED; -1: there is none. */
static int64_t draw_port(struct upstream *upstream, const struct upstream_server *server,
                         const uint32_t *used, unsigned n)
{
    uint32_t unused = 0, draw;

    if (n == 0 && server->n_ports > 0)
        return server->pool[rd_random_below(upstream->random, server->n_ports)];
    for (uint32_t i = 0; i < server->n_ports; i++)
        unused += !is_used(server->pool[i], used, n);
    draw = rd_random_below(upstream->random, unused);
    for (uint32_t i = 0; i < server->n_ports; i++)
        if (!is_used(server->pool[i], used, n) && draw-- == 0)
            return server->pool[i];
    return -1;
}

bool upstream_draw(struct upstream *upstream, uint8_t server_number, uint64_t now_ns,
                   struct upstream_wait wait, const uint32_t *used, unsigned n, uint32_t *ret_port,
                   uint16_t *ret_id)
{
    struct upstream_server *server = &upstream->servers[server_number];
    struct upstream_port *port;
    int64_t handle;
    uint16_t id;

    if (wants_port(upstream, server))
        open_port(upstream, server_number, now_ns);
    handle = draw_port(upstream, server, used, n);
    if (handle < 0)
        return false;
    port = &upstream->ports[handle];
    do
        id = rd_random_u16(upstream->random);
    while (find_id(port, id) >= 0);
    port->ids[port->n_waits] = id;
    port->waits[port->n_waits++] = wait;
    server->outstanding++;
    server->asked_lately++;
    if (++port->asked == port->limit)
        retire(upstream, (uint32_t)handle);
    *ret_port = (uint32_t)handle;
    *ret_id = id;
    return true;
}

const struct upstream_wait *upstream_match(const struct upstream *upstream, uint32_t port,
                                           uint16_t id)
{
    int i = find_id(&upstream->ports[port], id);

    return i < 0 ? NULL : &upstream->ports[port].waits[i];
}

void upstream_forget(struct upstream *upstream, uint32_t handle, uint16_t id)
{
    struct upstream_port *port = &upstream->ports[handle];
    int i = find_id(port, id);

    if (i < 0)
        return;
    port->n_waits--;
    port->ids[i] = port->ids[port->n_waits];
    port->waits[i] = port->waits[port->n_waits];
    upstream->servers[port->server].outstanding--;
    if (port->retired && port->n_waits == 0)
        close_port(upstream, handle);
}

void upstream_replied(struct upstream *upstream, uint8_t number, uint64_t now_ns, uint64_t rtt_ns)
{
    upstream->servers[number].last_reply_ns = now_ns;
    latency_sample(&upstream->servers[number].latency, rtt_ns);
}

static uint32_t clamp_ports(const struct upstream *upstream, uint32_t ports)
{
    return ports < RD_PORTS_MIN                 ? RD_PORTS_MIN
           : ports > upstream->ports_per_server ? upstream->ports_per_server
                                                : ports;
}

/* Enough ports that each lives for about a second, and as many as there are questions under way:
 * at a high rate it is the first, far from the servers the second, that keeps a guess hopeless. */
static void fit_pool(const struct upstream *upstream, struct upstream_server *server,
                     uint64_t elapsed_ns)
{
    uint64_t per_second = server->asked_lately * RD_NS_PER_S / elapsed_ns;
    uint64_t by_rate = per_second / ((RD_PORT_QUESTIONS_MIN + RD_PORT_QUESTIONS) / 2);

    if (by_rate > upstream->ports_per_server)
        by_rate = upstream->ports_per_server;
    server->target_ports = clamp_ports(
        upstream, by_rate > server->outstanding ? (uint32_t)by_rate : server->outstanding);
    server->asked_lately = 0;
}

void upstream_tend(struct upstream *upstream, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns - upstream->tended_ns;

    if (elapsed_ns < UPSTREAM_TEND_NS)
        return;
    upstream->tended_ns = now_ns;
    for (uint32_t i = 0; i < RD_MAX_UPSTREAMS; i++) {
        struct upstream_server *server = &upstream->servers[i];

        if (server->incarnation == 0)
            continue;
        latency_settle(&server->latency);
        fit_pool(upstream, server, elapsed_ns);
        /* From the end: retiring moves the last one into the gap. */
        for (uint32_t k = server->n_ports; k-- > 0;)
            if (now_ns - upstream->ports[server->pool[k]].opened_ns >= PORT_LIFE_NS)
                retire(upstream, server->pool[k]);
    }
}
