/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_choice.c - which of a pool's servers is asked first, and that what is drawn at random is:
 * ports and spellings. Draws are judged by runs that chance does not make.
 */
#include <string.h>

#include "sim/sim_io.h"
#include "sim/storm/oracle_state.h"
#include "sim/storm/truth.h"

#define QUIET_NS   (6 * RD_NS_PER_S) /* a question that was asked before is over */
#define SETTLED_NS RD_NS_PER_S       /* a state that all workers have seen */
#define SAME_PORTS 24                /* in a row, of four */
#define LOWER_ENDS 8                 /* of names: each once in thousands */
#define END_BYTES  15                /* "first.example." and "second.example." end in these */
#define CAP        16384
#define PORTS      4096 /* enough, unless the kernel gives none */

static bool state_of(const struct oracle *oracle, unsigned pool, unsigned server,
                     enum rd_server_state *ret_state)
{
    const struct storm *storm = oracle->rules.storm;
    const struct rd_snapshot *snapshot = storm->snapshots[storm->n_snapshots - 1];
    struct rd_server_info info;

    if (!rd_fleet_server(storm->fleet, rd_snapshot_server(snapshot, pool, server), &info))
        return false;
    *ret_state = info.state;
    return info.since_ns + SETTLED_NS < oracle_clock(oracle);
}

/* Whether the one at NUMBER of POOL's list is the one to begin with. */
static const char *judge(const struct oracle *oracle, unsigned pool, unsigned number)
{
    const struct rd_pool_config *config = &oracle->rules.storm->config.pools[pool];
    enum rd_server_state own, other;

    if (!state_of(oracle, pool, number, &own))
        return NULL;
    for (unsigned i = 0; i < config->servers.n; i++) {
        if (i == number || !state_of(oracle, pool, i, &other) || other != RD_SERVER_UP)
            continue;
        if (own == RD_SERVER_DOWN)
            return "first a server that is down, and another one is well";
        if (config->policy == RD_POLICY_ORDERED && i < number)
            return "first a server that is not the first of those that are well";
    }
    return NULL;
}

static bool is_first(const struct oracle *oracle, const struct side *side)
{
    const struct storm *storm = oracle->rules.storm;

    return side->n_waiting > 0 && storm->fleet && storm->n_snapshots > 0 &&
           storm->config.inflight_upstream >= CAP && storm->plan.max_ports >= PORTS &&
           oracle_now(oracle) > oracle->trouble_ns &&
           (side->asked_ns == 0 || oracle_now(oracle) - side->asked_ns > QUIET_NS) &&
           (oracle->changed_ns == 0 || oracle_now(oracle) - oracle->changed_ns > QUIET_NS);
}

const char *oracle_choice(struct oracle *oracle, struct subject *subject, const struct side *side,
                          const union rd_address *to)
{
    const struct storm *storm = oracle->rules.storm;
    unsigned pool = truth_pool(storm, subject->name), number = 0;
    const struct rd_server_list *list = &storm->config.pools[pool].servers;

    if (!is_first(oracle, side))
        return NULL;
    while (number < list->n && !rd_address_equal(&list->at[number].address, to))
        number++;
    if (number == list->n)
        return NULL;
    if (oracle->rules.calm && storm->config.pools[pool].policy == RD_POLICY_HASH) {
        if (subject->server != 0 && subject->server != number + 1)
            return "another server than the last time, in a pool that goes by hash";
        subject->server = (uint8_t)(number + 1);
    }
    return judge(oracle, pool, number);
}

/* Whether SERVER was asked by PORT again and again, though it has several. One that was opened anew
 * under its handle is another. */
bool oracle_port_repeats(struct oracle *oracle, unsigned worker, unsigned server, uint32_t port)
{
    const struct storm *storm = oracle->rules.storm;
    const struct storm_plan *plan = &storm->plan;
    struct draws *draws = &oracle->draws[worker][server];
    uint32_t number;

    sim_port_opened(storm->sim->ios[worker], port, &number);
    port = number << 16 ^ port;
    draws->same_ports = draws->port == port ? draws->same_ports + 1 : 0;
    draws->port = port;
    return draws->same_ports >= SAME_PORTS && plan->max_ports >= PORTS &&
           plan->fault_ppm[STORM_PORTS] == 0 && plan->fault_ppm[STORM_SEND] == 0;
}

/* Whether the ends of names are lower case again and again, though POOL randomizes. */
bool oracle_end_repeats(struct oracle *oracle, unsigned pool)
{
    const struct reading *reading = &oracle->reading;
    size_t end = reading->name_len < END_BYTES ? 0 : reading->name_len - END_BYTES;

    if (!oracle->rules.storm->config.pools[pool].randomize_case || oracle->reloads > 0 ||
        memcmp(reading->spelled + end, reading->text + end, reading->name_len - end) != 0)
        oracle->lower_ends[pool] = 0;
    else
        oracle->lower_ends[pool]++;
    return oracle->lower_ends[pool] >= LOWER_ENDS;
}

/* Whether another server has got the same client's cookie from WORKER. */
bool oracle_cookie_repeats(struct oracle *oracle, unsigned worker, unsigned server,
                           const uint8_t *cookie)
{
    static const uint8_t none[8];

    memcpy(oracle->draws[worker][server].cookie, cookie, sizeof(none));
    for (unsigned i = 0; i < ORACLE_SERVERS; i++)
        if (i != server && memcmp(oracle->draws[worker][i].cookie, cookie, sizeof(none)) == 0)
            return true;
    return false;
}
