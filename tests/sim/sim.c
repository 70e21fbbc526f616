/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim.c - the world of sim.h: its clock, its chance and who lives in it.
 *
 * One thread. Not here: what is under way (network.c), connections (conn.c), the workers' sockets
 * (sim_io.c).
 */
#include "sim/sim.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/conn.h"
#include "sim/sim_io.h"

/* Turns without time moving on; a worker that is honest about its deadline needs a handful. */
#define TURNS_WITHOUT_TIME 20000
/* One turn in so many is not had, where there is more than one worker. */
#define PASSED_OVER 4
/* In one round of so many, a worker turns without a reason. */
#define WITHOUT_REASON 16

struct sim *sim_current;

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

struct sim *sim_new(uint64_t seed)
{
    struct sim *sim = must(calloc(1, sizeof(*sim)));

    for (int i = 0; i < 4; i++)
        sim->random[i] = splitmix(&seed);
    for (int i = 0; i < 2; i++)
        sim->port_owners[i] = must(calloc(65536, sizeof(*sim->port_owners[i])));
    sim->now_ns = SIM_START_NS;
    sim->trace = 0xcbf29ce484222325u;
    sim->host4 = sim_address("10.53.0.1", 0);
    sim->host6 = sim_address("fd53::1", 0);
    sim->client_latency_ns = 50 * RD_NS_PER_US;
    sim->listener_room = 65536;
    sim->stream_window = 128 * 1024;
    sim_current = sim;
    return sim;
}

void sim_free(struct sim *sim)
{
    if (!sim)
        return;
    sim_datagrams_deinit(sim);
    for (unsigned i = 0; i < sim->n_upstreams; i++) {
        sim_log_deinit(&sim->upstreams[i]->queries);
        sim_log_deinit(&sim->upstreams[i]->stream_queries);
        free(sim->upstreams[i]);
    }
    for (unsigned i = 0; i < sim->n_clients; i++) {
        sim_log_deinit(&sim->clients[i]->answers);
        free(sim->clients[i]);
    }
    sim_conns_free(sim);
    for (int i = 0; i < 2; i++)
        free(sim->port_owners[i]);
    free(sim->clients);
    free(sim);
    sim_current = NULL;
}

static uint64_t rotated(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

uint64_t sim_random(struct sim *sim)
{
    uint64_t *s = sim->random, result = rotated(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotated(s[3], 45);
    return result;
}

/* The bias of a multiplication is below 2^-32: a simulation does not mind. */
uint32_t sim_random_below(struct sim *sim, uint32_t bound)
{
    return (uint32_t)((sim_random(sim) >> 32) * bound >> 32);
}

void sim_random_bytes(struct sim *sim, void *bytes, size_t len)
{
    uint8_t *at = bytes;

    while (len > 0) {
        uint64_t word = sim_random(sim);
        size_t n = len < sizeof(word) ? len : sizeof(word);

        memcpy(at, &word, n);
        at += n;
        len -= n;
    }
}

union rd_address sim_address(const char *text, uint16_t port)
{
    union rd_address address = {0};

    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1)
        address.any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1)
        address.any.sa_family = AF_INET6;
    else
        abort();
    address.v4.sin_port = htons(port);
    return address;
}

void sim_broken(struct sim *sim, const char *format, ...)
{
    va_list args;

    if (sim->broken[0])
        return;
    va_start(args, format);
    vsnprintf(sim->broken, sizeof(sim->broken), format, args);
    va_end(args);
}

/* Who lives here. */

struct sim_upstream *sim_upstream_add(struct sim *sim, const char *address, sim_model *reply,
                                      void *context, uint64_t latency_ns)
{
    struct sim_upstream *upstream = must(calloc(1, sizeof(*upstream)));

    if (sim->n_upstreams == SIM_MAX_UPSTREAMS)
        abort();
    upstream->address = sim_address(address, 53);
    upstream->reply = reply;
    upstream->context = context;
    upstream->latency_ns = latency_ns;
    sim->upstreams[sim->n_upstreams++] = upstream;
    return upstream;
}

struct sim_client *sim_client(struct sim *sim, const union rd_address *address)
{
    struct sim_client *client;

    for (unsigned i = 0; i < sim->n_clients; i++) {
        if (rd_address_equal(&sim->clients[i]->address, address))
            return sim->clients[i];
    }
    if (sim->n_clients == sim->clients_room) {
        sim->clients_room = sim->clients_room * 2 + 16;
        sim->clients = must(realloc(sim->clients, sim->clients_room * sizeof(*sim->clients)));
    }
    client = must(calloc(1, sizeof(*client)));
    client->address = *address;
    sim->clients[sim->n_clients++] = client;
    return client;
}

void sim_ask(struct sim *sim, const struct sim_client *client, const union rd_address *to,
             const uint8_t *bytes, size_t len)
{
    sim_carry(sim, &client->address, to, bytes, len, 0, sim->client_latency_ns);
}

static union rd_address port_address(const struct sim *sim, sa_family_t family, uint16_t port)
{
    union rd_address address = family == AF_INET6 ? sim->host6 : sim->host4;

    address.v4.sin_port = htons(port);
    return address;
}

void sim_forge(struct sim *sim, const union rd_address *from, uint16_t to_port,
               const uint8_t *bytes, size_t len, uint64_t delay_ns)
{
    union rd_address to = port_address(sim, from->any.sa_family, to_port);

    sim_carry(sim, from, &to, bytes, len, 0, delay_ns);
}

void sim_reply(struct sim *sim, const struct sim_upstream *upstream, const uint8_t *bytes,
               size_t len, uint16_t to_port, uint64_t delay_ns)
{
    sim_forge(sim, &upstream->address, to_port, bytes, len, delay_ns + upstream->latency_ns);
}

void sim_icmp(struct sim *sim, const struct sim_upstream *upstream, uint16_t to_port, int error,
              uint64_t delay_ns)
{
    union rd_address to = port_address(sim, upstream->address.any.sa_family, to_port);

    sim_carry(sim, &upstream->address, &to, NULL, 0, error, delay_ns + upstream->latency_ns);
}

/* The driver. */

void sim_worker_add(struct sim *sim, bool (*turn)(void *context), void *context)
{
    if (sim->n_workers == SIM_MAX_WORKERS)
        abort();
    sim->workers[sim->n_workers++] = (struct sim_worker){turn, context, true, false};
}

bool sim_workers_running(const struct sim *sim)
{
    for (unsigned i = 0; i < sim->n_workers; i++) {
        if (sim->workers[i].running)
            return true;
    }
    return false;
}

/* Whether worker I takes part: it runs, and nothing keeps it from its CPU. */
static bool takes_part(const struct sim *sim, unsigned i)
{
    return sim->workers[i].running && !sim->workers[i].held;
}

/* What the workers take for now. */
static uint64_t clock_ns(const struct sim *sim)
{
    return sim->frozen ? sim->frozen_ns : sim->now_ns;
}

/* Whether worker I has something to do, or its deadline has come. */
static bool has_reason(const struct sim *sim, unsigned i, uint64_t now_ns)
{
    return takes_part(sim, i) && sim->ios[i] && sim_io_busy(sim->ios[i], now_ns);
}

/* Looked for when all have turned: a worker may have woken one that turned before it. */
static bool any_reason(const struct sim *sim)
{
    uint64_t now_ns = clock_ns(sim);

    for (unsigned i = 0; i < sim->n_workers; i++) {
        if (has_reason(sim, i, now_ns))
            return true;
    }
    return false;
}

/* Who turns in this round: who has reason, but of several, now and then one is passed over, so that
 * another turns more than once meanwhile; and in some rounds one that has none. */
static unsigned choose_workers(struct sim *sim, unsigned chosen[SIM_MAX_WORKERS],
                               bool *ret_passed_over)
{
    uint64_t chance = sim_random(sim), now_ns = clock_ns(sim);
    unsigned without_reason = (chance >> 32) % WITHOUT_REASON == 0
                                  ? sim_random_below(sim, sim->n_workers)
                                  : SIM_MAX_WORKERS;
    unsigned n = 0;

    *ret_passed_over = false;
    for (unsigned i = 0; i < sim->n_workers; i++, chance /= PASSED_OVER) {
        bool reason = has_reason(sim, i, now_ns);

        if (sim->n_workers > 1 && chance % PASSED_OVER == 0)
            *ret_passed_over |= reason;
        else if (takes_part(sim, i) && (reason || i == without_reason || !sim->ios[i]))
            chosen[n++] = i;
    }
    return n;
}

/* A round, in an order that the seed draws. Whether somebody has reason for another one. */
static bool turn_workers(struct sim *sim)
{
    unsigned chosen[SIM_MAX_WORKERS], n;
    bool passed_over;

    n = choose_workers(sim, chosen, &passed_over);
    if (n == 0)
        return passed_over;
    for (; n > 0; n--) {
        unsigned i = n > 1 ? sim_random_below(sim, n) : 0;
        struct sim_worker *worker = &sim->workers[chosen[i]];

        if (takes_part(sim, chosen[i])) {
            sim->turns++;
            worker->running = worker->turn(worker->context);
        }
        chosen[i] = chosen[n - 1];
    }
    return any_reason(sim);
}

static uint64_t next_time(const struct sim *sim)
{
    uint64_t next = sim_queue_least(&sim->under_way);

    for (unsigned i = 0; i < sim->n_workers && !sim->frozen; i++) {
        if (takes_part(sim, i) && sim->ios[i] && sim_io_deadline(sim->ios[i]) < next)
            next = sim_io_deadline(sim->ios[i]);
    }
    return next;
}

bool sim_run_until(struct sim *sim, sim_condition *done, void *context, uint64_t latest_ns)
{
    unsigned turns = 0;

    while (!sim->broken[0]) {
        uint64_t next;
        bool busy;

        sim_deliver_due(sim);
        busy = turn_workers(sim);
        if (done && done(context))
            return true;
        if (busy) {
            if (++turns == TURNS_WITHOUT_TIME)
                sim_broken(sim, "a worker spins");
            continue;
        }
        next = next_time(sim);
        if (next > latest_ns) {
            if (latest_ns > sim->now_ns)
                sim->now_ns = latest_ns;
            return false;
        }
        if (next > sim->now_ns) {
            sim->now_ns = next;
            turns = 0;
        }
    }
    return false;
}

void sim_run_for(struct sim *sim, uint64_t ns)
{
    sim_run_until(sim, NULL, NULL, sim->now_ns + ns);
}
