/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit_streams.c - audit.h: clients' connections as the world sees them. No prefix has more than
 * it may, none stays for long that is of no use, and who has enough under way is not read from.
 */
#include "sim/sim_socket.h"
#include "sim/storm/audit.h"
#include "sim/storm/oracle.h"

#define LOOK_EVERY 64                /* turns */
#define SLACK_NS   (6 * RD_NS_PER_S) /* 4 s for an answer, and a worker that was held */
#define PREFIXES   8

/* Of the clients that there are, crowd.c says which. */
static unsigned prefix_of(const struct sim_conn *conn)
{
    uint8_t host[16];

    if (conn->far.any.sa_family == AF_INET6)
        return PREFIXES - 1;
    rd_address_host(&conn->far, host);
    return host[12] == 10 ? host[14] % 4 : PREFIXES - 2;
}

/* The connection at PLACE that its worker knows of; NULL: there is none. */
static const struct sim_conn *known_at(const struct sim_io *io, uint32_t place)
{
    const struct stream *stream = &io->streams[place];

    return stream->conn && stream->origin == IO_CLIENT && stream->told && !stream->gone
               ? stream->conn
               : NULL;
}

static void count_prefixes(struct storm *storm, const struct sim_io *io)
{
    uint64_t counts[PREFIXES] = {0};

    for (uint32_t i = 0; i < io->streams_used; i++) {
        const struct sim_conn *conn = known_at(io, i);

        if (conn && ++counts[prefix_of(conn)] == storm->plan.config.tcp_per_prefix + 1)
            sim_broken(storm->sim, "a prefix has too many connections");
    }
}

static void look_at(struct storm *storm, const struct sim_io *io)
{
    const struct rd_config *config = &storm->plan.config;
    uint64_t most_ns = (config->tcp_idle + 2 * config->tcp_message) * RD_NS_PER_MS + SLACK_NS;

    for (uint32_t i = 0; i < io->streams_used; i++) {
        const struct sim_conn *conn = known_at(io, i);

        if (conn && conn->arrived_ns && storm->sim->now_ns - conn->arrived_ns > most_ns &&
            !oracle_awaits(storm->oracle, io->plan.worker, io->streams[i].handle))
            sim_broken(storm->sim, "worker %u: a connection is kept that is of no use",
                       io->plan.worker);
    }
}

void audit_streams(struct storm *storm, unsigned worker)
{
    const struct sim_io *io = storm->sim->ios[worker];
    struct storm_seat *seat = &storm->seats[worker];
    uint64_t accepted = rd_stat_get(&rd_worker_stats(storm->workers[worker])->connections_accepted);

    if (accepted != seat->accepted)
        count_prefixes(storm, io);
    seat->accepted = accepted;
    if (storm->turns % LOOK_EVERY == 0)
        look_at(storm, io);
}
