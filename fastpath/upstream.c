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
#include "wire/cursor.h"

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

static void begin_server(struct upstream *upstream, struct upstream_server *server,
                         const struct snapshot_server *from)
{
    server->address = from->address;
    server->source = from->source;
    server->incarnation = from->incarnation;
    server->target_ports = RD_PORTS_MIN;
    server->last_reply_ns = 0;
    server->cap = upstream->cap_max;
    memset(&server->latency, 0, sizeof(server->latency));
    memset(&server->cookie, 0, sizeof(server->cookie));
    memset(&server->plain, 0, sizeof(server->plain));
    memset(&server->stats, 0, sizeof(server->stats));
    rd_stat_set(&server->stats.cap, server->cap);
    for (unsigned i = 0; i < sizeof(server->cookie.client); i += 2)
        rd_put_u16(server->cookie.client + i, rd_random_u16(upstream->random));
}

void upstream_adopt(struct upstream *upstream, const struct rd_snapshot *snapshot)
{
    uint32_t servers = 0;

    upstream->cap_max = snapshot->config.inflight_upstream;
    for (uint32_t i = 0; i < RD_MAX_VIEWS; i++) {
        const struct snapshot_pool *pool = &snapshot->pools[i];

        servers += pool->n_servers;
        for (unsigned k = 0; k < pool->n_servers; k++) {
            struct upstream_server *server = &upstream->servers[pool->servers[k].number];

            if (server->incarnation == pool->servers[k].incarnation)
                continue;
            while (server->n_ports > 0)
                retire(upstream, server->pool[0]);
            begin_server(upstream, server, &pool->servers[k]);
        }
    }
    upstream->share = upstream->max_ports / (servers > 0 ? servers : 1);
}

/* Opens a port at a random place of the range. The handle, or negative: the system refuses. */
static int open_at_random(struct upstream *upstream, const struct upstream_server *server)
{
    for (int i = 0; i < PORT_DRAWS && upstream->n_drawable > 0; i++) {
        uint16_t port = upstream->drawable[rd_random_below(upstream->random, upstream->n_drawable)];
        union rd_address from = server->source; /* or no address: all zero but for the family */
        int handle;

        from.any.sa_family = server->address.any.sa_family;
        from.v4.sin_port = htons(port); /* in the same place in both families */
        handle = upstream->io->ops->port_open(upstream->io, &server->address, &from);

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
    port->wrong = 0;
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

/* Among the IDs FROM to TO. */
static int find_id(const struct upstream_port *port, int from, int to, uint16_t id)
{
    for (int i = from; i < to; i++)
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
    while (find_id(port, 0, port->n_waits, id) >= 0);
    port->ids[port->asked] = port->ids[port->n_waits];
    port->waits[port->asked] = port->waits[port->n_waits];
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

enum upstream_match upstream_match(const struct upstream *upstream, uint32_t handle, uint16_t id,
                                   const struct upstream_wait **ret_wait)
{
    const struct upstream_port *port = &upstream->ports[handle];
    int i = find_id(port, 0, port->n_waits, id);

    if (i < 0)
        return find_id(port, port->n_waits, port->asked, id) < 0 ? UPSTREAM_WRONG : UPSTREAM_LATE;
    *ret_wait = &port->waits[i];
    return UPSTREAM_AWAITED;
}

bool upstream_guessed(struct upstream *upstream, uint32_t handle)
{
    struct upstream_port *port = &upstream->ports[handle];

    if (++port->wrong < RD_WRONG_IDS)
        return false;
    port->wrong = 0;
    if (!port->retired)
        retire(upstream, handle);
    return true;
}

void upstream_forget(struct upstream *upstream, uint32_t handle, uint16_t id, uint64_t sent_ns)
{
    struct upstream_port *port = &upstream->ports[handle];
    int i = find_id(port, 0, port->n_waits, id);

    if (i < 0)
        return;
    port->n_waits--;
    port->ids[i] = port->ids[port->n_waits];
    port->ids[port->n_waits] = id;
    port->waits[i] = port->waits[port->n_waits];
    port->waits[port->n_waits].question = (uint32_t)(sent_ns / RD_NS_PER_MS);
    upstream->servers[port->server].outstanding--;
    if (port->retired && port->n_waits == 0)
        close_port(upstream, handle);
}

/* RD_RTT_BOUND_US in reverse. */
static unsigned rtt_bucket(uint64_t us)
{
    unsigned bucket = us <= RD_RTT_BOUND_US(0) ? 0 : 57u - (unsigned)__builtin_clzll(us - 1);

    return bucket < RD_RTT_BUCKETS ? bucket : RD_RTT_BUCKETS - 1;
}

void upstream_replied(struct upstream *upstream, uint8_t number, uint64_t now_ns, uint64_t rtt_ns)
{
    struct upstream_server *server = &upstream->servers[number];
    uint64_t us = rtt_ns / RD_NS_PER_US;

    server->last_reply_ns = now_ns;
    server->replied_lately++;
    if (rtt_ns == 0)
        return;
    latency_sample(&server->latency, rtt_ns);
    rd_stat_inc(&server->stats.rtt[rtt_bucket(us)]);
    rd_stat_add(&server->stats.rtt_sum_us, us);
}

uint8_t upstream_late(struct upstream *upstream, uint32_t handle, uint16_t id, uint64_t now_ns)
{
    struct upstream_port *port = &upstream->ports[handle];
    struct upstream_wait *wait = &port->waits[find_id(port, port->n_waits, port->asked, id)];
    uint32_t waited_ms = (uint32_t)(now_ns / RD_NS_PER_MS) - wait->question;

    upstream_replied(upstream, port->server, now_ns,
                     wait->question == 0 ? 0 : waited_ms * RD_NS_PER_MS + 1);
    wait->question = 0;
    return port->server;
}

void upstream_timed_out(struct upstream *upstream, uint8_t number, uint32_t suffix)
{
    struct upstream_server *server = &upstream->servers[number];
    uint64_t bit = 1ull << (suffix >> 26);

    latency_penalty(&server->latency);
    server->timed_out_lately++;
    server->n_late_suffixes += !(server->late_suffixes & bit);
    server->late_suffixes |= bit;
    rd_stat_inc(&server->stats.timeouts);
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

/* Half of the cap as long as less than half is answered, twice of it otherwise: a server that is
 * overwhelmed is given time, one that is well is soon given all. */
static void fit_cap(const struct upstream *upstream, struct upstream_server *server)
{
    uint32_t cap = server->cap < upstream->cap_max ? server->cap : upstream->cap_max;
    uint32_t least = upstream->cap_max / UPSTREAM_CAP_PART;

    if (server->timed_out_lately > server->replied_lately &&
        server->n_late_suffixes >= UPSTREAM_CAP_SUFFIXES)
        cap = cap / 2 > least ? cap / 2 : least;
    else
        cap = cap < upstream->cap_max / 2 ? 2 * cap : upstream->cap_max;
    server->late_suffixes = 0;
    server->n_late_suffixes = 0;
    server->cap = cap;
    server->timed_out_lately = server->replied_lately = 0;
    rd_stat_set(&server->stats.cap, cap);
    rd_stat_set(&server->stats.outstanding, server->outstanding);
}

bool upstream_tend(struct upstream *upstream, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns - upstream->tended_ns;

    if (elapsed_ns < UPSTREAM_TEND_NS)
        return false;
    upstream->tended_ns = now_ns;
    /* Once more when all is quiet, so that the gauges say so. */
    upstream->restless = upstream->n_open > 0;
    for (uint32_t i = 0; i < RD_MAX_UPSTREAMS; i++) {
        struct upstream_server *server = &upstream->servers[i];

        if (server->incarnation == 0)
            continue;
        upstream->restless |= server->outstanding > 0;
        latency_settle(&server->latency);
        fit_pool(upstream, server, elapsed_ns);
        /* From the end: retiring moves the last one into the gap. */
        for (uint32_t k = server->n_ports; k-- > 0;)
            if (now_ns - upstream->ports[server->pool[k]].opened_ns >= PORT_LIFE_NS)
                retire(upstream, server->pool[k]);
        fit_cap(upstream, server);
    }
    return true;
}
