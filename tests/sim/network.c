/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * network.c - what is under way in the world of sim.h, and who gets it.
 *
 * One thread. Not here: the order (queue.c), sockets' queues (sim_datagram.c), connections' ends
 * (conn.c).
 */
#include <stdlib.h>

#include "sim/conn.h"
#include "sim/sim_io.h"

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* splitmix64's last step. */
static uint64_t mixed(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Datagrams. */

/* As large as most are. What is kept is at least so large; of AddressSanitizer's, nothing is. */
#define SPARE_BYTES 320

static struct sim_datagram *datagram_alloc(size_t size)
{
    struct sim_datagram *spare = sim_current->spare;

    if (size > SPARE_BYTES || !spare)
        return must(malloc(size > SPARE_BYTES || SIM_WATCHED ? size : SPARE_BYTES));
    sim_current->spare = spare->next;
    return spare;
}

struct sim_datagram *sim_datagram_new(size_t len)
{
    struct sim_datagram *datagram = datagram_alloc(sizeof(*datagram) + len);

    memset(datagram, 0, sizeof(*datagram) + len);
    datagram->len = (uint32_t)len;
    return datagram;
}

struct sim_datagram *sim_datagram_copy(const struct sim_datagram *datagram)
{
    size_t size = sizeof(*datagram) + datagram->len;
    struct sim_datagram *copy = datagram_alloc(size);

    memcpy(copy, datagram, size);
    copy->next = NULL;
    if (copy->conn)
        sim_conn_hold(copy->conn);
    return copy;
}

void sim_datagram_free(struct sim_datagram *datagram)
{
    if (SIM_WATCHED || sizeof(*datagram) + datagram->len > SPARE_BYTES) {
        free(datagram);
        return;
    }
    datagram->next = sim_current->spare;
    sim_current->spare = datagram;
}

void sim_datagrams_deinit(struct sim *sim)
{
    while (sim->under_way.n)
        free(sim_queue_take(&sim->under_way));
    sim_queue_deinit(&sim->under_way);
    while (sim->spare) {
        struct sim_datagram *spare = sim->spare;

        sim->spare = spare->next;
        free(spare);
    }
}

void sim_post(struct sim *sim, struct sim_datagram *datagram, uint64_t delay_ns)
{
    /* The queue's times are below 2^63. */
    datagram->due_ns = delay_ns > RD_NEVER / 4 ? RD_NEVER / 4 : sim->now_ns + delay_ns;
    sim_queue_add(&sim->under_way, datagram);
}

void sim_at(struct sim *sim, uint64_t delay_ns, sim_event *event, void *context, uint64_t argument)
{
    struct sim_datagram *datagram = sim_datagram_new(0);

    datagram->event = event;
    datagram->context = context;
    datagram->argument = argument;
    sim_post(sim, datagram, delay_ns);
}

void sim_carry(struct sim *sim, const union rd_address *from, const union rd_address *to,
               const void *bytes, size_t len, int error, uint64_t delay_ns)
{
    const struct sim_watch *watch = sim->watch;
    struct sim_datagram *datagram = sim_datagram_new(len);

    datagram->from = *from;
    datagram->to = *to;
    datagram->error = error;
    datagram->tag = sim->tag;
    if (len)
        memcpy(datagram->bytes, bytes, len);
    if (watch && watch->carry)
        watch->carry(watch->context, datagram, delay_ns);
    else
        sim_post(sim, datagram, delay_ns);
}

/* The trace. */

/* The trace is compared with itself only, and no two words alone come to the same. */
static uint64_t traced(uint64_t trace, uint64_t word)
{
    trace = (trace ^ word) * 0x9e3779b97f4a7c15u;
    return trace << 29 | trace >> 35;
}

static uint64_t traced_bytes(uint64_t trace, const uint8_t *bytes, size_t len)
{
    uint64_t word;

    trace = traced(trace, len);
    for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        trace = traced(trace, word);
    }
    word = 0;
    memcpy(&word, bytes, len);
    return len ? traced(trace, word) : trace;
}

/* What has a meaning: the rest of the union is whatever the compiler left there. */
static uint64_t traced_address(uint64_t trace, const union rd_address *address)
{
    uint64_t word = (uint64_t)address->any.sa_family << 48 | (uint64_t)address->v4.sin_port << 32;

    if (address->any.sa_family == AF_INET6)
        return traced_bytes(traced(trace, word | address->v6.sin6_scope_id),
                            address->v6.sin6_addr.s6_addr, 16);
    return traced(trace, word | address->v4.sin_addr.s_addr);
}

void sim_trace(struct sim *sim, const void *bytes, size_t len)
{
    sim->trace = traced_bytes(sim->trace, bytes, len);
}

static void trace_datagram(struct sim *sim, const struct sim_datagram *datagram)
{
    uint64_t kind = (uint64_t)(uint32_t)datagram->error << 32 | datagram->segment;
    uint64_t trace = traced_address(traced(sim->trace, kind), &datagram->from);

    trace = traced_address(trace, &datagram->to);
    sim->trace = traced_bytes(trace, datagram->bytes, datagram->len);
}

/* Logs. */

void sim_log_add(struct sim_log *log, uint64_t at_ns, const union rd_address *from,
                 const union rd_address *to, const uint8_t *bytes, size_t len)
{
    struct sim_packet *packet;

    if (log->n == log->room) {
        log->room = log->room * 2 + 8;
        log->at = must(realloc(log->at, log->room * sizeof(*log->at)));
    }
    packet = &log->at[log->n++];
    *packet = (struct sim_packet){.at_ns = at_ns,
                                  .from = *from,
                                  .to = *to,
                                  .len = (uint32_t)len,
                                  .bytes = must(malloc(len + 1))};
    memcpy(packet->bytes, bytes, len);
}

void sim_log_deinit(struct sim_log *log)
{
    for (unsigned i = 0; i < log->n; i++)
        free(log->at[i].bytes);
    free(log->at);
}

static void log_datagram(const struct sim *sim, struct sim_log *log,
                         const struct sim_datagram *datagram)
{
    if (!sim->forgetful)
        sim_log_add(log, datagram->due_ns, &datagram->from, &datagram->to, datagram->bytes,
                    datagram->len);
}

/* Who gets it. */

/* The address pair decides, the same way every time. */
struct sim_io *sim_listener(const struct sim *sim, const union rd_address *from,
                            const union rd_address *to)
{
    uint32_t first = (uint32_t)mixed(traced_address(0, from));

    for (unsigned i = 0; i < sim->n_ios; i++) {
        struct sim_io *io = sim->ios[(first % sim->n_ios + i) % sim->n_ios];

        if (io && sim_io_listens(io, to))
            return io;
    }
    return NULL;
}

static bool deliver_listener(struct sim *sim, struct sim_datagram *datagram)
{
    struct sim_io *io = sim_listener(sim, &datagram->from, &datagram->to);

    if (io)
        sim_listener_arrive(io, datagram);
    return io;
}

static bool deliver_upstream(struct sim *sim, const struct sim_datagram *datagram)
{
    for (unsigned i = 0; i < sim->n_upstreams; i++) {
        struct sim_upstream *upstream = sim->upstreams[i];

        if (!rd_address_equal(&upstream->address, &datagram->to))
            continue;
        log_datagram(sim, &upstream->queries, datagram);
        if (upstream->reply)
            upstream->reply(sim, upstream, datagram->bytes, datagram->len,
                            rd_address_port(&datagram->from));
        return true;
    }
    return false;
}

static bool is_host(const union rd_address *address, const union rd_address *host)
{
    union rd_address same_port = *host;

    same_port.v4.sin_port = address->v4.sin_port;
    return rd_address_equal(address, &same_port);
}

static void deliver_client(struct sim *sim, const struct sim_datagram *datagram)
{
    const struct sim_watch *watch = sim->watch;

    sim->answers++;
    if (watch && watch->answered)
        watch->answered(watch->context, datagram);
    else
        log_datagram(sim, &sim_client(sim, &datagram->to)->answers, datagram);
}

static void deliver_datagram(struct sim *sim, struct sim_datagram *datagram)
{
    if (sim_port_arrive(sim, datagram) || deliver_listener(sim, datagram))
        return; /* the socket has it */
    if (!deliver_upstream(sim, datagram) && !is_host(&datagram->to, &sim->host4) &&
        !is_host(&datagram->to, &sim->host6))
        deliver_client(sim, datagram);
    sim_datagram_free(datagram);
}

static void deliver_segment(struct sim_datagram *segment)
{
    struct sim_conn *conn = segment->conn;

    sim_conn_arrive(segment);
    sim_datagram_free(segment);
    sim_conn_release(conn);
}

static void deliver(struct sim *sim, struct sim_datagram *datagram)
{
    const struct sim_watch *watch = sim->watch;

    sim->trace = traced(sim->trace, datagram->due_ns);
    if (datagram->event) {
        datagram->event(sim, datagram->context, datagram->argument);
        sim_datagram_free(datagram);
        return;
    }
    trace_datagram(sim, datagram);
    if (watch && watch->arrive)
        watch->arrive(watch->context, datagram);
    if (datagram->conn)
        deliver_segment(datagram);
    else
        deliver_datagram(sim, datagram);
}

void sim_deliver_due(struct sim *sim)
{
    while (sim_queue_least(&sim->under_way) <= sim->now_ns)
        deliver(sim, sim_queue_take(&sim->under_way));
}
