/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conn.c - conn.h: connections, and what clients and upstreams do at their far ends.
 *
 * A far end writes by posting segments for the time when they arrive: the latency of a connection
 * never changes, so they arrive in the order in which they were written. One thread.
 */
#include "sim/conn.h"

#include <stdlib.h>

#include "sim/sim_io.h"

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* Bytes. */

void sim_bytes_add(struct sim_bytes *bytes, const void *from, size_t n)
{
    if (bytes->n + n > bytes->room) {
        bytes->room = 2 * (bytes->n + n);
        bytes->at = must(realloc(bytes->at, bytes->room));
    }
    if (n)
        memcpy(bytes->at + bytes->n, from, n);
    bytes->n += n;
}

void sim_bytes_take(struct sim_bytes *bytes, size_t n)
{
    bytes->n -= n;
    if (bytes->n)
        memmove(bytes->at, bytes->at + n, bytes->n);
}

bool sim_bytes_message(const struct sim_bytes *bytes, uint32_t *ret_len)
{
    uint32_t len;

    if (bytes->n < 2)
        return false;
    len = (uint32_t)bytes->at[0] << 8 | bytes->at[1];
    if (bytes->n < 2 + len)
        return false;
    *ret_len = len;
    return true;
}

/* Beginning and end. */

struct sim_conn *sim_conn_new(struct sim *sim, const union rd_address *near,
                              const union rd_address *far, uint64_t latency_ns)
{
    struct sim_conn *conn = must(calloc(1, sizeof(*conn)));

    if (sim->n_conns == sim->conns_room) {
        sim->conns_room = sim->conns_room * 2 + 16;
        sim->conns = must(realloc(sim->conns, sim->conns_room * sizeof(struct sim_conn *)));
    }
    conn->index = sim->n_conns;
    sim->conns[sim->n_conns++] = conn;
    sim->conns_begun++;
    conn->sim = sim;
    conn->near = *near;
    conn->far = *far;
    conn->latency_ns = latency_ns;
    conn->window = sim->stream_window;
    conn->established_ns = RD_NEVER;
    conn->closed_ns = RD_NEVER;
    return conn;
}

static void free_conn(struct sim_conn *conn)
{
    sim_log_deinit(&conn->messages);
    free(conn->rest.at);
    free(conn->unread.at);
    free(conn->arrived.at);
    free(conn);
}

void sim_conns_free(struct sim *sim)
{
    for (unsigned i = 0; i < sim->n_conns; i++)
        free_conn(sim->conns[i]);
    free(sim->conns);
}

void sim_conn_hold(struct sim_conn *conn)
{
    conn->holds++;
}

/* Whether neither end has anything to do with it any more. */
static bool is_over(const struct sim_conn *conn)
{
    bool far_over = conn->closed_ns <= conn->sim->now_ns ||
                    (!conn->client && (conn->reset_ns || !conn->connected_ns));

    return far_over && conn->state == SIM_NEAR_CLOSED;
}

void sim_conn_release(struct sim_conn *conn)
{
    struct sim *sim = conn->sim;

    if (--conn->holds > 0 || !sim->forgetful || !is_over(conn))
        return;
    sim->conns[conn->index] = sim->conns[--sim->n_conns];
    sim->conns[conn->index]->index = conn->index;
    free_conn(conn);
}

uint16_t sim_conn_port(const struct sim *sim)
{
    return (uint16_t)(1024 + sim->conns_begun % 64000);
}

struct sim_datagram *sim_segment_new(struct sim_conn *conn, enum sim_segment kind, bool inward,
                                     size_t len)
{
    struct sim_datagram *segment = sim_datagram_new(len);

    sim_conn_hold(conn);
    segment->conn = conn;
    segment->segment = (uint8_t)kind;
    segment->inward = inward;
    segment->from = inward ? conn->far : conn->near;
    segment->to = inward ? conn->near : conn->far;
    return segment;
}

void sim_conn_tell(struct sim_conn *conn, enum sim_segment kind)
{
    sim_post(conn->sim, sim_segment_new(conn, kind, false, 0), conn->latency_ns);
}

struct sim_conn *sim_connect(struct sim *sim, struct sim_client *client, const union rd_address *to)
{
    union rd_address from = client->address;
    struct sim_conn *conn;

    from.v4.sin_port = htons(sim_conn_port(sim));
    conn = sim_conn_new(sim, to, &from, sim->client_latency_ns);
    conn->client = client;
    conn->established_ns = sim->now_ns + 2 * conn->latency_ns;
    sim_post(sim, sim_segment_new(conn, SIM_SYN, true, 0), conn->latency_ns);
    return conn;
}

struct sim_conn *sim_upstream_conn(const struct sim_upstream *upstream, unsigned number)
{
    const struct sim *sim = sim_current;

    for (unsigned i = 0; i < sim->n_conns; i++) {
        struct sim_conn *conn = sim->conns[i];

        if (conn->upstream == upstream && conn->connected_ns && number-- == 0)
            return conn;
    }
    return NULL;
}

/* The far end writes. */

/* Posts SEGMENT so that it is written at AT_NS, or when the connection stands. */
static void write_at(struct sim_conn *conn, struct sim_datagram *segment, uint64_t at_ns)
{
    if (conn->established_ns > at_ns)
        at_ns = conn->established_ns;
    if (at_ns > conn->written_ns)
        conn->written_ns = at_ns;
    sim_post(conn->sim, segment, at_ns - conn->sim->now_ns + conn->latency_ns);
}

void sim_conn_send(struct sim_conn *conn, const void *bytes, size_t len, uint64_t delay_ns)
{
    struct sim_datagram *segment;

    if (conn->established_ns == RD_NEVER || len == 0)
        return;
    segment = sim_segment_new(conn, SIM_DATA, true, len);
    memcpy(segment->bytes, bytes, len);
    write_at(conn, segment, conn->sim->now_ns + delay_ns);
}

void sim_conn_send_message(struct sim_conn *conn, const void *bytes, size_t len, uint64_t delay_ns)
{
    uint8_t frame[2 + 65535] = {(uint8_t)(len >> 8), (uint8_t)len};

    if (len > 65535)
        abort();
    if (len)
        memcpy(frame + 2, bytes, len);
    sim_conn_send(conn, frame, 2 + len, delay_ns);
}

/* The last word of the far end, behind what it has written. When it is said. */
static uint64_t write_last(struct sim_conn *conn, enum sim_segment kind, uint64_t delay_ns)
{
    uint64_t at_ns = conn->sim->now_ns + delay_ns;

    if (at_ns < conn->written_ns)
        at_ns = conn->written_ns;
    write_at(conn, sim_segment_new(conn, kind, true, 0), at_ns);
    return conn->written_ns;
}

void sim_conn_end(struct sim_conn *conn, uint64_t delay_ns)
{
    if (conn->established_ns != RD_NEVER)
        write_last(conn, SIM_FIN, delay_ns);
}

static void leave(struct sim_conn *conn, enum sim_segment kind, uint64_t delay_ns)
{
    if (conn->established_ns == RD_NEVER || conn->closed_ns != RD_NEVER)
        return;
    conn->closed_ns = write_last(conn, kind, delay_ns);
    if (conn->upstream)
        conn->upstream->conns_open--;
}

void sim_conn_close(struct sim_conn *conn, uint64_t delay_ns)
{
    leave(conn, SIM_FIN, delay_ns);
}

void sim_conn_reset(struct sim_conn *conn, uint64_t delay_ns)
{
    leave(conn, SIM_RST, delay_ns);
}

/* The far end reads. */

static void hear_query(struct sim_conn *conn, const uint8_t *query, uint32_t len)
{
    struct sim_upstream *upstream = conn->upstream;

    if (!conn->sim->forgetful)
        sim_log_add(&upstream->stream_queries, conn->sim->now_ns, &conn->near, &conn->far, query,
                    len);
    if (upstream->reply_stream)
        upstream->reply_stream(conn->sim, upstream, conn, query, len);
    if (upstream->close_after && conn->heard == upstream->close_after)
        leave(conn, upstream->close_by_reset ? SIM_RST : SIM_FIN, 0);
}

static bool far_closed(const struct sim_conn *conn)
{
    return conn->closed_ns <= conn->sim->now_ns || conn->reset_ns;
}

static void hear_answer(struct sim_conn *conn, const uint8_t *answer, uint32_t len)
{
    const struct sim_watch *watch = conn->sim->watch;

    conn->sim->answers++;
    if (watch && watch->heard)
        watch->heard(watch->context, conn, answer, len);
}

/* Takes the first message, of LEN bytes. Whoever hears it may read on in the meantime. */
static void read_message(struct sim_conn *conn, uint32_t len)
{
    uint8_t *message = must(malloc(len + 1));

    memcpy(message, conn->rest.at + 2, len);
    sim_bytes_take(&conn->rest, 2 + len);
    conn->heard++;
    if (!conn->sim->forgetful)
        sim_log_add(&conn->messages, conn->sim->now_ns, &conn->near, &conn->far, message, len);
    if (conn->upstream)
        hear_query(conn, message, len);
    else
        hear_answer(conn, message, len);
    free(message);
}

static void read_messages(struct sim_conn *conn)
{
    uint32_t len;

    while (!far_closed(conn) && sim_bytes_message(&conn->rest, &len))
        read_message(conn, len);
}

/* Takes what is unread, and tells the worker's end if that waits for room. */
static void read_all(struct sim_conn *conn)
{
    conn->outstanding -= (uint32_t)conn->unread.n;
    sim_bytes_add(&conn->rest, conn->unread.at, conn->unread.n);
    conn->unread.n = 0;
    read_messages(conn);
    if (conn->stalled)
        sim_post(conn->sim, sim_segment_new(conn, SIM_WINDOW, true, 0), conn->latency_ns);
}

void sim_conn_read(struct sim_conn *conn, bool on)
{
    conn->paused = !on;
    if (on)
        read_all(conn);
}

/* Arrivals at the far end. */

static void far_begin(struct sim_conn *conn)
{
    struct sim_upstream *upstream = conn->upstream;

    if (!upstream || upstream->accept == SIM_SILENT)
        return;
    if (upstream->accept == SIM_REFUSE) {
        sim_post(conn->sim, sim_segment_new(conn, SIM_RST, true, 0), conn->latency_ns);
        return;
    }
    conn->connected_ns = conn->established_ns = conn->sim->now_ns;
    upstream->conns_accepted++;
    upstream->conns_open++;
    write_at(conn, sim_segment_new(conn, SIM_SYN_ACK, true, 0), conn->sim->now_ns);
}

static void far_data(struct sim_conn *conn, const struct sim_datagram *segment)
{
    if (conn->reset_ns || (conn->upstream && !conn->connected_ns))
        return;
    if (far_closed(conn)) {
        sim_post(conn->sim, sim_segment_new(conn, SIM_RST, true, 0), conn->latency_ns);
        return;
    }
    sim_bytes_add(&conn->unread, segment->bytes, segment->len);
    if (!conn->paused)
        read_all(conn);
}

static void far_end(struct sim_conn *conn, enum sim_segment kind)
{
    uint64_t *when = kind == SIM_RST ? &conn->reset_ns : &conn->ended_ns;

    if (conn->reset_ns || *when || (conn->upstream && !conn->connected_ns))
        return;
    *when = conn->sim->now_ns;
    if (!conn->upstream || conn->closed_ns != RD_NEVER)
        return;
    if (kind == SIM_FIN) {
        leave(conn, SIM_FIN, 0); /* a server has nothing to say to nobody */
        return;
    }
    conn->closed_ns = conn->sim->now_ns;
    conn->upstream->conns_open--;
}

static void far_arrive(struct sim_conn *conn, const struct sim_datagram *segment)
{
    switch (segment->segment) {
    case SIM_SYN:
        far_begin(conn);
        break;
    case SIM_SYN_ACK:
        if (!conn->reset_ns)
            conn->connected_ns = conn->sim->now_ns;
        break;
    case SIM_DATA:
        far_data(conn, segment);
        break;
    default:
        far_end(conn, (enum sim_segment)segment->segment);
    }
}

void sim_conn_arrive(const struct sim_datagram *segment)
{
    if (segment->inward)
        sim_near_arrive(segment->conn, segment);
    else
        far_arrive(segment->conn, segment);
}
