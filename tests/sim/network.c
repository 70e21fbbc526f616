/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * network.c - what is under way in the world of sim.h, and who gets it.
 *
 * A binary heap, because it is the whole state of the network and is easy to trust. One thread.
 * Not here: sockets' queues (sim_datagram.c), connections' ends (conn.c).
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

static bool earlier(const struct sim_datagram *a, const struct sim_datagram *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sequence < b->sequence;
}

static void heap_push(struct sim *sim, struct sim_datagram *datagram)
{
    size_t at = sim->n_heap++;

    if (at == sim->heap_room) {
        sim->heap_room = sim->heap_room * 2 + 64;
        sim->heap = must(realloc(sim->heap, sim->heap_room * sizeof(*sim->heap)));
    }
    for (; at && earlier(datagram, sim->heap[(at - 1) / 2]); at = (at - 1) / 2)
        sim->heap[at] = sim->heap[(at - 1) / 2];
    sim->heap[at] = datagram;
}

static struct sim_datagram *heap_pop(struct sim *sim)
{
    struct sim_datagram *first = sim->heap[0], *last = sim->heap[--sim->n_heap];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < sim->n_heap) {
        if (child + 1 < sim->n_heap && earlier(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (!earlier(sim->heap[child], last))
            break;
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = last;
    return first;
}

struct sim_datagram *sim_datagram_new(size_t len)
{
    struct sim_datagram *datagram = must(calloc(1, sizeof(*datagram) + len));

    datagram->len = (uint32_t)len;
    return datagram;
}

void sim_post(struct sim *sim, struct sim_datagram *datagram, uint64_t delay_ns)
{
    datagram->due_ns = sim->now_ns + delay_ns;
    datagram->sequence = sim->sequence++;
    heap_push(sim, datagram);
}

void sim_carry(struct sim *sim, const union rd_address *from, const union rd_address *to,
               const void *bytes, size_t len, int error, uint64_t delay_ns)
{
    struct sim_datagram *datagram = sim_datagram_new(len);

    datagram->from = *from;
    datagram->to = *to;
    datagram->error = error;
    if (len)
        memcpy(datagram->bytes, bytes, len);
    sim_post(sim, datagram, delay_ns);
}

/* FNV-1a: the trace is compared with itself only. */
void sim_trace(struct sim *sim, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sim->trace = (sim->trace ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
}

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

static void log_datagram(struct sim_log *log, const struct sim_datagram *datagram)
{
    sim_log_add(log, datagram->due_ns, &datagram->from, &datagram->to, datagram->bytes,
                datagram->len);
}

static bool deliver_upstream(struct sim *sim, const struct sim_datagram *datagram)
{
    for (unsigned i = 0; i < sim->n_upstreams; i++) {
        struct sim_upstream *upstream = sim->upstreams[i];

        if (!rd_address_equal(&upstream->address, &datagram->to))
            continue;
        log_datagram(&upstream->queries, datagram);
        if (upstream->reply)
            upstream->reply(sim, upstream, datagram->bytes, datagram->len,
                            rd_address_port(&datagram->from));
        return true;
    }
    return false;
}

/* The address pair decides, the same way every time. */
struct sim_io *sim_listener(const struct sim *sim, const union rd_address *from,
                            const union rd_address *to)
{
    uint64_t state = from->v4.sin_port;
    uint8_t host[16];

    rd_address_host(from, host);
    for (int i = 0; i < 16; i++)
        state = state * 257 + host[i];
    state = mixed(state);
    for (unsigned i = 0; i < sim->n_ios; i++) {
        struct sim_io *io = sim->ios[(state + i) % sim->n_ios];

        if (io && sim_io_listens(io, to))
            return io;
    }
    return NULL;
}

static bool deliver_listener(struct sim *sim, struct sim_datagram *datagram)
{
    struct sim_io *io = sim_listener(sim, &datagram->from, &datagram->to);

    return io && sim_io_arrive(io, datagram);
}

static bool deliver_port(struct sim *sim, struct sim_datagram *datagram)
{
    for (unsigned i = 0; i < sim->n_ios; i++) {
        if (sim->ios[i] && sim_io_arrive(sim->ios[i], datagram))
            return true;
    }
    return false;
}

static bool same_host(const union rd_address *a, const union rd_address *b)
{
    uint8_t host[2][16];

    rd_address_host(a, host[0]);
    rd_address_host(b, host[1]);
    return memcmp(host[0], host[1], 16) == 0;
}

static void deliver(struct sim *sim, struct sim_datagram *datagram)
{
    sim_trace(sim, &datagram->due_ns, sizeof(datagram->due_ns));
    sim_trace(sim, &datagram->from, sizeof(datagram->from));
    sim_trace(sim, &datagram->to, sizeof(datagram->to));
    sim_trace(sim, datagram->bytes, datagram->len);
    if (datagram->conn) {
        sim_trace(sim, &datagram->segment, sizeof(datagram->segment));
        sim_conn_arrive(datagram);
        free(datagram);
        return;
    }
    if (deliver_listener(sim, datagram) || deliver_port(sim, datagram))
        return; /* the socket has it */
    if (!deliver_upstream(sim, datagram) && !same_host(&datagram->to, &sim->host4) &&
        !same_host(&datagram->to, &sim->host6)) {
        log_datagram(&sim_client(sim, &datagram->to)->answers, datagram);
        sim->answers++;
    }
    free(datagram);
}

void sim_deliver_due(struct sim *sim)
{
    while (sim->n_heap && sim->heap[0]->due_ns <= sim->now_ns)
        deliver(sim, heap_pop(sim));
}
