/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_framing.c - messages in a worker's streams: two bytes of length in front of each.
 *
 * Messages are taken from the streams in turns, so that one that is full starves no other. BEGUN is
 * taken back when the message has become whole before anybody took the event; DRAINED is not when
 * more was queued since, for the kernel did take all there was: unsent tells. One thread.
 * Not here: the streams' lives (sim_stream.c).
 */
#include <stdlib.h>

#include "sim/sim_socket.h"

void note_stream(struct sim_io *io, const struct stream *stream, enum io_event_kind kind, int error)
{
    note_event(io, (enum io_origin)stream->origin, stream->handle, kind, error);
}

/* Takes back an event that may have been noted. */
static void forget(struct sim_io *io, const struct stream *stream, enum io_event_kind kind)
{
    forget_event(io, (enum io_origin)stream->origin, stream->handle, kind);
}

/* Sending. */

static void count_lost(struct sim_io *io, const struct io_message *msg)
{
    rd_stat_inc(msg->origin == IO_STREAM ? &io->plan.stats->upstream_send_failed
                                         : &io->plan.stats->answers_lost_closed);
}

void lose_queue(struct sim_io *io, struct stream *stream)
{
    for (unsigned i = 0; i < stream->n_queue; i++) {
        count_lost(io, &stream->queue[i]);
        sim_buffers_sent(buffers_of(io, &stream->queue[i]), &stream->queue[i]);
    }
    stream->n_queue = 0;
    stream->unsent = 0;
}

/* Takes bytes of MSG from AT on, of its length first, to TO, at most ROOM. How many. */
static uint32_t copy_part(const struct io_message *msg, uint32_t at, uint8_t *to, uint32_t room)
{
    uint32_t left = 2 + msg->len - at;

    if (at < 2) {
        *to = (uint8_t)(at ? msg->len : msg->len >> 8);
        return 1;
    }
    if (left > room)
        left = room;
    memcpy(to, msg->data + at - 2, left);
    return left;
}

/* Takes the next N bytes of the queue to TO; what has been taken whole comes home. */
static void take_bytes(struct sim_io *io, struct stream *stream, uint8_t *to, uint32_t n)
{
    unsigned done = 0;

    stream->unsent -= n;
    while (n > 0) {
        const struct io_message *msg = &stream->queue[done];
        uint32_t part = copy_part(msg, stream->taken, to, n);

        stream->taken += part;
        to += part;
        n -= part;
        if (stream->taken < 2 + msg->len)
            continue;
        sim_buffers_sent(buffers_of(io, msg), msg);
        stream->taken = 0;
        done++;
    }
    stream->n_queue -= done;
    memmove(stream->queue, stream->queue + done, stream->n_queue * sizeof(*stream->queue));
}

void pump(struct sim_io *io, struct stream *stream)
{
    struct sim_conn *conn = stream->conn;
    uint32_t room = conn->window > conn->outstanding ? conn->window - conn->outstanding : 0;
    uint32_t n = room < stream->unsent ? room : stream->unsent;

    if (!stream->connected || stream->unsent == 0)
        return;
    if (n > 0) {
        struct sim_datagram *segment = sim_segment_new(conn, SIM_DATA, false, n);

        take_bytes(io, stream, segment->bytes, n);
        conn->outstanding += n;
        sim_post(conn->sim, segment, conn->latency_ns);
    }
    conn->stalled = stream->unsent > 0;
    if (!conn->stalled) {
        forget(io, stream, IO_STREAM_DRAINED);
        note_stream(io, stream, IO_STREAM_DRAINED, 0);
    }
}

void submit_streams(struct sim_io *io)
{
    if (!io->streams_pending)
        return;
    io->streams_pending = false;
    for (uint32_t i = 0; i < io->streams_used; i++) {
        if (io->streams[i].conn)
            pump(io, &io->streams[i]);
    }
}

static uint32_t target(const struct io_message *msg)
{
    return msg->origin == IO_STREAM ? msg->port : msg->path.way;
}

const union rd_address *stream_target(const struct sim_io *io, const struct io_message *msg)
{
    static const union rd_address nobody;
    const struct stream *alive = find_stream(io, target(msg));

    if (alive)
        return &alive->conn->far;
    return msg->origin == IO_STREAM ? &nobody : &msg->path.peer;
}

bool stream_may_get(const struct sim_io *io, const struct io_message *msg)
{
    const struct stream *alive = find_stream(io, target(msg));
    uint32_t handle = target(msg), place = io_stream_place(handle);

    if (alive)
        return alive->origin == msg->origin;
    return handle >> IO_STREAM_PLACE_BITS && place < io->streams_used;
}

void stream_send(struct sim_io *io, const struct io_message *msg)
{
    struct stream *stream = find_stream(io, target(msg));

    if (!stream || stream->gone) {
        count_lost(io, msg);
        sim_buffers_sent(buffers_of(io, msg), msg);
        return;
    }
    if (stream->n_queue == stream->queue_room) {
        stream->queue_room = 2 * stream->queue_room + 8;
        stream->queue = realloc(stream->queue, stream->queue_room * sizeof(*stream->queue));
        if (!stream->queue)
            abort();
    }
    stream->queue[stream->n_queue++] = *msg;
    stream->unsent += 2 + msg->len;
    io->streams_pending = true;
}

/* Receiving. */

void settle(struct sim_io *io, struct stream *stream)
{
    const struct sim_conn *conn = stream->conn;
    uint32_t len;

    if (!stream->told || !stream->reading || stream->gone || stream->ended ||
        sim_bytes_message(&conn->arrived, &len))
        return;
    if (conn->fin) {
        stream->ended = true;
        note_stream(io, stream, IO_STREAM_ENDED, 0);
    } else if (conn->arrived.n > 0 && !stream->begun) {
        stream->begun = true;
        note_stream(io, stream, IO_STREAM_BEGUN, 0);
    }
}

/* The buffers for the message that can be taken from STREAM now, of *RET_LEN bytes; NULL: none. */
static const struct sim_buffers *takeable(const struct sim_io *io, const struct stream *stream,
                                          uint32_t *ret_len)
{
    if (!stream->conn || !stream->told || stream->gone || (!stream->reading && !stream->spill) ||
        !sim_bytes_message(&stream->conn->arrived, ret_len))
        return NULL;
    return &io->buffers[*ret_len > io->buffers[STREAM].bytes ? LARGE : STREAM];
}

void count_whole(struct sim_io *io, struct stream *stream)
{
    uint32_t len;
    bool whole = !stream->gone && sim_bytes_message(&stream->conn->arrived, &len);

    io->n_whole += whole;
    io->n_whole -= stream->whole;
    stream->whole = whole;
}

bool streams_ready(const struct sim_io *io)
{
    for (uint32_t i = 0; i < io->streams_used && io->n_whole > 0; i++) {
        uint32_t len;
        const struct sim_buffers *buffers = takeable(io, &io->streams[i], &len);

        if (buffers && sim_buffers_any(buffers))
            return true;
    }
    return false;
}

static void tell_taken(const struct sim_io *io, const struct io_message *msg,
                       const struct sim_conn *conn)
{
    const struct sim_watch *watch = io->sim->watch;

    if (watch && watch->taken)
        watch->taken(watch->context, io->plan.worker, msg, &conn->far, 0);
}

/* Takes the first message, of LEN bytes, into the buffer of MSG. */
static void receive(struct sim_io *io, struct stream *stream, uint32_t len, struct io_message *msg)
{
    struct sim_conn *conn = stream->conn;
    int listener = find_listener(io, &conn->near);

    msg->len = len;
    memcpy(msg->data, conn->arrived.at + 2, len);
    sim_bytes_take(&conn->arrived, 2 + len);
    count_whole(io, stream);
    msg->origin = stream->origin;
    if (stream->origin == IO_STREAM) {
        msg->port = stream->handle;
    } else {
        msg->path = (struct io_path){.peer = conn->far, .way = stream->handle, .via = IO_TCP};
        if (listener >= 0 && is_wildcard(&io->listeners[listener]))
            msg->path.local = conn->near;
    }
    if (stream->begun)
        forget(io, stream, IO_STREAM_BEGUN);
    stream->begun = false;
    if (stream->spill)
        stream->spill--;
    tell_taken(io, msg, conn);
    settle(io, stream);
}

unsigned receive_streams(struct sim_io *io, struct io_message *msgs, unsigned max,
                         bool *ret_no_buffer)
{
    unsigned n = 0, fruitless = 0;

    while (n < max && fruitless < io->streams_used && io->n_whole > 0) {
        struct stream *stream = &io->streams[io->next_place++ % io->streams_used];
        uint32_t len;
        const struct sim_buffers *buffers = takeable(io, stream, &len);

        fruitless++;
        if (!buffers)
            continue;
        if (!sim_buffers_take(&io->buffers[buffers - io->buffers], &msgs[n])) {
            *ret_no_buffer = true;
            continue;
        }
        receive(io, stream, len, &msgs[n++]);
        fruitless = 0;
    }
    return n;
}
