/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_stream.c - a worker's streams: the near ends of the connections of conn.h.
 *
 * Unkind as the rest: the lowest place is reused at once, what is queued waits for the turn, a
 * stream that is not read any more may give messages that had come, and whatever has not been read
 * when an RST comes is lost. One thread.
 * Not here: messages in the stream of bytes (sim_framing.c).
 */
#include <errno.h>
#include <stdlib.h>

#include "sim/sim_socket.h"

/* A handle must be positive as an int: so many bits are left for the generation. */
#define GENERATION_BITS (31 - IO_STREAM_PLACE_BITS)

struct stream *find_stream(const struct sim_io *io, uint32_t handle)
{
    uint32_t place = io_stream_place(handle);

    if (place >= io->streams_used || !io->streams[place].conn ||
        io->streams[place].handle != handle)
        return NULL;
    return &io->streams[place];
}

static struct stream *find_or_broken(struct sim_io *io, uint32_t handle, const char *what)
{
    struct stream *stream = find_stream(io, handle);

    if (!stream)
        sim_broken(io->sim, "%s: no such stream", what);
    return stream;
}

/* Places. */

static uint32_t next_handle(uint32_t handle, uint32_t place)
{
    uint32_t generation = ((handle >> IO_STREAM_PLACE_BITS) + 1) & ((1u << GENERATION_BITS) - 1);

    return (generation ? generation : 1) << IO_STREAM_PLACE_BITS | place;
}

/* The lowest free place, of which there is one, becomes that of CONN. */
static struct stream *take_place(struct sim_io *io, struct sim_conn *conn, enum io_origin origin)
{
    uint32_t place = places_take(&io->stream_places);
    struct stream *stream = &io->streams[place];

    *stream = (struct stream){
        .conn = conn, .handle = next_handle(stream->handle, place), .origin = (uint8_t)origin};
    conn->io = io;
    conn->place = place;
    conn->state = SIM_NEAR_STREAM;
    sim_conn_hold(conn);
    count_whole(io, stream);
    if (place >= io->streams_used)
        io->streams_used = place + 1;
    if (++io->sim->streams_open > io->sim->streams_peak)
        io->sim->streams_peak = io->sim->streams_open;
    return stream;
}

/* Accepts what waits, as far as there are places. */
static void accept_waiting(struct sim_io *io)
{
    while (io->waiting && places_any(&io->stream_places)) {
        struct stream *stream = take_place(io, io->waiting, IO_CLIENT);

        io->waiting = io->waiting->next;
        if (!io->waiting)
            io->last_waiting = &io->waiting;
        stream->connected = true;
        note_stream(io, stream, IO_STREAM_ACCEPTED, 0);
    }
}

static void leave_place(struct sim_io *io, struct stream *stream)
{
    struct sim_conn *conn = stream->conn;

    free(stream->queue);
    io->n_whole -= stream->whole;
    *stream = (struct stream){.handle = stream->handle};
    places_give(&io->stream_places, io_stream_place(stream->handle));
    io->sim->streams_open--;
    sim_conn_release(conn);
    accept_waiting(io);
}

static void refuse(struct sim_conn *conn)
{
    conn->state = SIM_NEAR_CLOSED;
    conn->dead = true;
    sim_conn_tell(conn, SIM_RST);
}

void refuse_waiting(struct sim_io *io)
{
    for (struct sim_conn *conn = io->waiting; conn; conn = conn->next)
        refuse(conn);
    io->waiting = NULL;
    io->last_waiting = &io->waiting;
}

void stream_told(struct sim_io *io, const struct io_event *event)
{
    struct stream *stream = find_stream(io, event->port);

    if (!stream)
        return;
    if (event->kind == IO_STREAM_CLOSED) {
        leave_place(io, stream);
        return;
    }
    stream->told = true;
    settle(io, stream);
}

/* Arrivals. */

static void near_begin(struct sim_conn *conn)
{
    struct sim_io *io = sim_listener(conn->sim, &conn->far, &conn->near);

    if (!io || !io->started || io->plan.max_streams == 0) {
        refuse(conn);
        return;
    }
    conn->io = io;
    conn->state = SIM_NEAR_WAITS;
    sim_conn_tell(conn, SIM_SYN_ACK);
    *io->last_waiting = conn;
    io->last_waiting = &conn->next;
    accept_waiting(io);
}

static void near_connected(struct sim_conn *conn, struct stream *stream)
{
    stream->connected = true;
    note_stream(conn->io, stream, IO_STREAM_CONNECTED, 0);
    pump(conn->io, stream);
}

static void tell_closed(const struct sim_io *io, const struct stream *stream, bool by_peer)
{
    const struct sim_watch *watch = io->sim->watch;

    if (watch && watch->closed)
        watch->closed(watch->context, io->plan.worker, stream->handle, by_peer);
}

static void near_reset(struct sim_conn *conn, struct stream *stream)
{
    conn->dead = true;
    if (stream) {
        lose_queue(conn->io, stream);
        conn->arrived.n = 0;
        stream->gone = true;
        note_stream(conn->io, stream, IO_STREAM_CLOSED,
                    stream->connected ? ECONNRESET : ECONNREFUSED);
        tell_closed(conn->io, stream, true);
    } else if (conn->state == SIM_NEAR_WAITS) {
        struct sim_conn **at = &conn->io->waiting;

        while (*at != conn)
            at = &(*at)->next;
        *at = conn->next;
        if (!*at)
            conn->io->last_waiting = at;
    }
    conn->state = SIM_NEAR_CLOSED;
}

static void near_data(struct sim_conn *conn, const struct sim_datagram *segment)
{
    if (conn->state == SIM_NEAR_CLOSED)
        refuse(conn);
    else if (!conn->fin)
        sim_bytes_add(&conn->arrived, segment->bytes, segment->len);
}

void sim_near_arrive(struct sim_conn *conn, const struct sim_datagram *segment)
{
    struct stream *stream = conn->state == SIM_NEAR_STREAM ? &conn->io->streams[conn->place] : NULL;

    if (conn->dead)
        return;
    conn->arrived_ns = conn->sim->now_ns;
    if (segment->segment == SIM_SYN)
        near_begin(conn);
    else if (segment->segment == SIM_RST)
        near_reset(conn, stream);
    else if (segment->segment == SIM_DATA)
        near_data(conn, segment);
    else if (segment->segment == SIM_FIN)
        conn->fin = true;
    else if (stream && segment->segment == SIM_SYN_ACK)
        near_connected(conn, stream);
    else if (stream)
        pump(conn->io, stream);
    if (stream)
        count_whole(conn->io, stream);
    if (conn->state == SIM_NEAR_STREAM && stream)
        settle(conn->io, stream);
}

/* The table's functions. */

static uint64_t latency_to(const struct sim *sim, const union rd_address *to,
                           struct sim_upstream **ret_upstream)
{
    for (unsigned i = 0; i < sim->n_upstreams; i++) {
        if (rd_address_equal(&sim->upstreams[i]->address, to)) {
            *ret_upstream = sim->upstreams[i];
            return sim->upstreams[i]->latency_ns;
        }
    }
    return 0;
}

int stream_open(struct io *handle, const union rd_address *to, const union rd_address *from)
{
    struct sim_io *io = sim_io_of(handle);
    struct sim_upstream *upstream = NULL;
    uint64_t latency_ns = latency_to(io->sim, to, &upstream);
    union rd_address source = {.any.sa_family = to->any.sa_family};
    struct sim_conn *conn;
    struct stream *stream;

    if (!io->started)
        sim_broken(io->sim, "stream_open: not started");
    if (from->any.sa_family && from->any.sa_family != to->any.sa_family)
        sim_broken(io->sim, "stream_open: from another family");
    if (io->sim->stream_error || (upstream && upstream->send_error))
        return -(io->sim->stream_error ? io->sim->stream_error : upstream->send_error);
    if (from->any.sa_family)
        source = *from;
    source.v4.sin_port = htons(sim_conn_port(io->sim));
    source = source_address(io->sim, &source);
    if (!places_any(&io->stream_places))
        return -EMFILE;
    conn = sim_conn_new(io->sim, &source, to, latency_ns);
    conn->upstream = upstream;
    stream = take_place(io, conn, IO_STREAM);
    stream->reading = true;
    sim_conn_tell(conn, SIM_SYN);
    return (int)stream->handle;
}

/* How many whole messages have come. */
static unsigned count_messages(const struct sim_conn *conn)
{
    struct sim_bytes rest = conn->arrived;
    unsigned n = 0;
    uint32_t len;

    for (; sim_bytes_message(&rest, &len); n++) {
        rest.at += 2 + len;
        rest.n -= 2 + len;
    }
    return n;
}

void stream_read(struct io *handle, uint32_t stream, bool on)
{
    struct sim_io *io = sim_io_of(handle);
    struct stream *found = find_or_broken(io, stream, "stream_read");

    if (!found)
        return;
    found->spill = 0;
    if (found->reading && !on)
        found->spill = sim_random_below(io->sim, count_messages(found->conn) + 1);
    found->reading = on;
    settle(io, found);
}

void stream_close(struct io *handle, uint32_t stream, bool reset)
{
    struct sim_io *io = sim_io_of(handle);
    struct stream *found = find_or_broken(io, stream, "stream_close");

    if (!found)
        return;
    forget_events(io, (enum io_origin)found->origin, stream);
    lose_queue(io, found);
    if (!found->gone) {
        found->conn->state = SIM_NEAR_CLOSED;
        found->conn->dead = reset;
        sim_conn_tell(found->conn, reset ? SIM_RST : SIM_FIN);
        tell_closed(io, found, false);
    }
    leave_place(io, found);
}

const union rd_address *stream_peer(struct io *handle, uint32_t stream)
{
    static const union rd_address nobody;
    struct stream *found = find_or_broken(sim_io_of(handle), stream, "stream_peer");

    return found ? &found->conn->far : &nobody;
}

uint32_t stream_unsent(struct io *handle, uint32_t stream)
{
    struct stream *found = find_or_broken(sim_io_of(handle), stream, "stream_unsent");

    return found ? found->unsent : 0;
}

void stop_streams(struct sim_io *io)
{
    for (uint32_t i = 0; i < io->streams_used; i++) {
        if (io->streams[i].conn)
            stream_close(&io->io, io->streams[i].handle, false);
    }
}
