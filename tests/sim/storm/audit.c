/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit.c - audit.h. The oracle and the crowd have counted for themselves; here their figures meet
 * the forwarder's.
 */
#include "sim/storm/audit.h"

#include <inttypes.h>
#include <stddef.h>

#include "sim/sim_io.h"
#include "sim/storm/oracle.h"

#define SUM(storm, field) sum(storm, offsetof(struct rd_stats, field))

static uint64_t counter(const struct rd_stats *stats, size_t offset)
{
    return rd_stat_get((const _Atomic uint64_t *)((const char *)stats + offset));
}

static uint64_t sum(struct storm *storm, size_t offset)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < storm->plan.workers; i++)
        total += counter(rd_worker_stats(storm->workers[i]), offset);
    return total;
}

static void equal(struct storm *storm, const char *what, uint64_t counted, uint64_t expected)
{
    if (counted != expected)
        sim_broken(storm->sim, "accounts: %s is %" PRIu64 ", not %" PRIu64, what, counted,
                   expected);
}

static void at_most(struct storm *storm, const char *what, uint64_t found, uint64_t most)
{
    if (found > most)
        sim_broken(storm->sim, "%s: %" PRIu64 ", and %" PRIu64 " is the most", what, found, most);
}

/* What a worker counts when it runs short of something: clients may be told so. */
static uint64_t shortages(const struct rd_stats *stats)
{
    static const size_t all[] = {
        offsetof(struct rd_stats, failed_slots),     offsetof(struct rd_stats, failed_waiters),
        offsetof(struct rd_stats, failed_ports),     offsetof(struct rd_stats, failed_cap),
        offsetof(struct rd_stats, failed_down),      offsetof(struct rd_stats, failed_network),
        offsetof(struct rd_stats, failed_route),     offsetof(struct rd_stats, answers_lost_buffer),
        offsetof(struct rd_stats, io_no_buffers),    offsetof(struct rd_stats, ports_failed),
        offsetof(struct rd_stats, servers_down),     offsetof(struct rd_stats, dropped_listener),
        offsetof(struct rd_stats, connections_lost),
    };
    uint64_t total = 0;

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        total += counter(stats, all[i]);
    return total;
}

/* The same of what no table's size explains. */
static uint64_t lacks(const struct rd_stats *stats)
{
    return rd_stat_get(&stats->failed_cap) + rd_stat_get(&stats->failed_down) +
           rd_stat_get(&stats->failed_network) + rd_stat_get(&stats->failed_route) +
           rd_stat_get(&stats->failed_loop) + rd_stat_get(&stats->failed_timeout);
}

void audit_turn(struct storm *storm, unsigned worker)
{
    const struct rd_stats *stats = rd_worker_stats(storm->workers[worker]);
    const struct rd_config *config = &storm->plan.config;
    uint64_t now_short = shortages(stats);

    if (storm->peace && lacks(stats) != storm->lacks[worker])
        sim_broken(storm->sim, "worker %u: servers or room are said to be lacking, in peace",
                   worker);
    storm->lacks[worker] = lacks(stats);
    if (now_short != storm->shortages[worker] && !storm->plan.calm)
        oracle_trouble(storm->oracle, NULL, 0, storm->sim->now_ns);
    storm->shortages[worker] = now_short;
    at_most(storm, "questions under way", rd_stat_get(&stats->inflight), config->inflight_queries);
    at_most(storm, "clients that wait", rd_stat_get(&stats->waiters), config->inflight_waiters);
    at_most(storm, "connections", rd_stat_get(&stats->connections), config->tcp_connections);
    at_most(storm, "ports", rd_stat_get(&stats->ports_open), storm->plan.max_ports);
}

/* A table is said to be full only where it is: with what ended in this turn it was. */
static void full_if_full(struct storm *storm, unsigned worker, const struct rd_stats *stats)
{
    const struct rd_config *config = &storm->plan.config;
    struct storm_seat *seat = &storm->seats[worker];
    uint64_t slots = rd_stat_get(&stats->failed_slots);
    uint64_t waiters = rd_stat_get(&stats->failed_waiters);
    uint32_t most = config->inflight_waiters;
    uint64_t ended = seat->answers - seat->answers_before;

    if (slots != seat->slots_full &&
        rd_stat_get(&stats->inflight) + ended + RD_BATCH < config->inflight_queries)
        sim_broken(storm->sim, "worker %u: its questions are said to be too many", worker);
    most = most < RD_QUESTION_WAITERS ? most : RD_QUESTION_WAITERS; /* of one question */
    if (waiters != seat->waiters_full && rd_stat_get(&stats->waiters) + ended + RD_BATCH < most)
        sim_broken(storm->sim, "worker %u: its clients are said to be too many", worker);
    seat->slots_full = slots;
    seat->waiters_full = waiters;
    seat->answers_before = seat->answers;
}

/* A connection that waits for an answer is not idle. */
static void idle_if_idle(struct storm *storm, unsigned worker, const struct rd_stats *stats)
{
    struct storm_seat *seat = &storm->seats[worker];
    uint64_t idle =
        rd_stat_get(&stats->connections_idle) + rd_stat_get(&stats->connections_evicted);

    if (idle - seat->idle > seat->closed_quiet)
        sim_broken(storm->sim, "worker %u: a connection is closed for idleness that awaits answers",
                   worker);
    seat->idle = idle;
    seat->closed_quiet = 0;
}

/* A worker has as many links to a server as it may, and they were opened in this turn. */
static void links_are_few(struct storm *storm, unsigned worker, const struct rd_stats *stats)
{
    struct storm_seat *seat = &storm->seats[worker];

    if (rd_stat_get(&stats->links_opened) == seat->links)
        return;
    seat->links = rd_stat_get(&stats->links_opened);
    for (unsigned number = 0; number < RD_MAX_UPSTREAMS; number++)
        at_most(storm, "links to a server",
                rd_stat_get(&rd_worker_upstream_stats(storm->workers[worker], number)->links),
                storm->config.tcp_per_worker);
}

static uint64_t outstanding_of(struct storm *storm, unsigned worker)
{
    uint64_t total = 0;

    for (unsigned number = 0; number < RD_MAX_UPSTREAMS; number++)
        total +=
            rd_stat_get(&rd_worker_upstream_stats(storm->workers[worker], number)->outstanding);
    return total;
}

/* A worker with nothing under way, that goes to sleep for longer, leaves no gauge behind that says
 * otherwise. For how long, it says with the turn that is over now. */
static void true_when_quiet(struct storm *storm, unsigned worker, const struct rd_stats *stats)
{
    struct storm_seat *seat = &storm->seats[worker];
    bool quiet = rd_stat_get(&stats->inflight) + rd_stat_get(&stats->links) +
                     rd_stat_get(&stats->ports_open) ==
                 0;

    if (seat->left && sim_io_deadline(storm->sim->ios[worker]) > seat->left_ns + RD_NS_PER_S)
        sim_broken(storm->sim,
                   "worker %u: nothing is under way, and a gauge says that %" PRIu64 " are", worker,
                   seat->left);
    seat->left = quiet ? outstanding_of(storm, worker) : 0;
    seat->left_ns = storm->sim->now_ns;
}

void audit_after_turn(struct storm *storm, unsigned worker)
{
    const struct rd_stats *stats = rd_worker_stats(storm->workers[worker]);

    audit_turn(storm, worker);
    full_if_full(storm, worker, stats);
    idle_if_idle(storm, worker, stats);
    links_are_few(storm, worker, stats);
    true_when_quiet(storm, worker, stats);
    audit_streams(storm, worker);
}

static uint64_t answers(struct storm *storm)
{
    return SUM(storm, answers_noerror) + SUM(storm, answers_formerr) +
           SUM(storm, answers_servfail) + SUM(storm, answers_nxdomain) +
           SUM(storm, answers_notimp) + SUM(storm, answers_refused) + SUM(storm, answers_badvers) +
           SUM(storm, answers_other);
}

/* Replies, each once, by what became of them. */
static uint64_t replies(struct storm *storm)
{
    return SUM(storm, replies_accepted) + SUM(storm, replies_late) +
           SUM(storm, replies_bad_unknown_id) + SUM(storm, replies_bad_header) +
           SUM(storm, replies_bad_question) + SUM(storm, replies_bad_malformed) +
           SUM(storm, replies_bad_oversize) + SUM(storm, replies_bad_case) +
           SUM(storm, replies_bad_cookie);
}

/* Queries that have ended without an answer, or have not ended yet. */
static uint64_t without_answer(struct storm *storm)
{
    return SUM(storm, queries_dropped_short) + SUM(storm, queries_dropped_qr) +
           SUM(storm, queries_dropped_repeat) + SUM(storm, queries_dropped_stop) +
           SUM(storm, answers_lost_buffer) + SUM(storm, waiters);
}

/* BADVERS has its upper bits in the OPT. */
static void rcodes(struct storm *storm)
{
    const uint64_t *sent = storm->sent;

    equal(storm, "NOERROR", SUM(storm, answers_noerror) + SUM(storm, answers_badvers),
          sent[RD_NOERROR]);
    equal(storm, "FORMERR", SUM(storm, answers_formerr), sent[RD_FORMERR]);
    equal(storm, "SERVFAIL", SUM(storm, answers_servfail), sent[RD_SERVFAIL]);
    equal(storm, "NXDOMAIN", SUM(storm, answers_nxdomain), sent[RD_NXDOMAIN]);
    equal(storm, "NOTIMP", SUM(storm, answers_notimp), sent[RD_NOTIMP]);
    equal(storm, "REFUSED", SUM(storm, answers_refused), sent[RD_REFUSED]);
}

void audit_books(struct storm *storm)
{
    struct oracle_counts seen;
    uint64_t queries = SUM(storm, queries_udp) + SUM(storm, queries_tcp);

    oracle_count(storm->oracle, &seen);
    equal(storm, "queries received", queries, seen.queries);
    equal(storm, "answers", answers(storm), seen.answers);
    rcodes(storm);
    equal(storm, "queries that ended or wait", answers(storm) + without_answer(storm), queries);
    equal(storm, "replies received", SUM(storm, replies_received), seen.replies);
    equal(storm, "replies by verdict", replies(storm), seen.replies);
    equal(storm, "queries to upstreams", SUM(storm, upstream_sent), seen.asked);
}

static uint64_t outstanding(struct storm *storm)
{
    uint64_t total = 0;

    for (unsigned worker = 0; worker < storm->plan.workers; worker++)
        total += outstanding_of(storm, worker);
    return total;
}

bool audit_is_at_rest(struct storm *storm)
{
    return SUM(storm, inflight) + SUM(storm, waiters) + SUM(storm, connections) +
               SUM(storm, links) + storm->sim->buffers_out ==
           0;
}

void audit_rest(struct storm *storm)
{
    struct oracle_counts seen;

    audit_books(storm);
    oracle_settle(storm->oracle);
    equal(storm, "questions under way at rest", SUM(storm, inflight), 0);
    equal(storm, "clients that wait at rest", SUM(storm, waiters), 0);
    equal(storm, "connections at rest", SUM(storm, connections), 0);
    equal(storm, "links at rest", SUM(storm, links), 0);
    oracle_count(storm->oracle, &seen);
    if (seen.late_hits > 0 && SUM(storm, cache_prefetched) == 0)
        sim_broken(storm->sim, "%" PRIu64 " late hits, and nothing was fetched anew",
                   seen.late_hits);
    if (storm->plan.calm)
        equal(storm, "claims and letters that there was no room for", SUM(storm, pending_full), 0);
    equal(storm, "buffers out at rest", storm->sim->buffers_out, 0);
    equal(storm, "streams open at rest", storm->sim->streams_open, 0);
    equal(storm, "queries outstanding at rest", outstanding(storm), 0);
    equal(storm, "source ports", SUM(storm, ports_open), storm->sim->ports_open);
}

/* Whether SERVER of POOL, as numbered in the newest configuration, is asked as usual. */
static void asked_as_usual(struct storm *storm, unsigned pool, unsigned server)
{
    const struct rd_snapshot *snapshot = storm->snapshots[storm->n_snapshots - 1];
    unsigned number = rd_snapshot_server(snapshot, pool, server);
    struct rd_server_info info;

    if (!rd_fleet_server(storm->fleet, number, &info))
        sim_broken(storm->sim, "server %u of pool %u is not known", server, pool);
    else if (info.state != RD_SERVER_UP)
        sim_broken(storm->sim, "server %u of pool %u is in state %d, and it is well", server, pool,
                   info.state);
}

void audit_servers(struct storm *storm)
{
    for (unsigned i = 0; i < storm->plan.workers; i++)
        equal(storm, "a worker's configuration", rd_worker_generation(storm->workers[i]),
              storm->n_snapshots);
    for (unsigned pool = 0; pool < storm->config.n_pools; pool++)
        for (unsigned i = 0; i < storm->config.pools[pool].servers.n; i++)
            asked_as_usual(storm, pool, i);
}

void audit_end(struct storm *storm)
{
    audit_books(storm);
    oracle_settle(storm->oracle);
    equal(storm, "questions under way in the end", SUM(storm, inflight), 0);
    equal(storm, "buffers out in the end", storm->sim->buffers_out, 0);
    equal(storm, "source ports in the end", storm->sim->ports_open, 0);
    equal(storm, "streams in the end", storm->sim->streams_open, 0);
}
