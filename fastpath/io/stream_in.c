/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_in.c - what was received on a stream becomes messages.
 *
 * Shape: a message that is alone in its chunk is handed over where it is. Others are copied, those
 * that came in part as their parts come. Parts may hold half of the buffers; then the stream whose
 * part is the oldest makes room, so that senders who never finish hold nobody up. A quarter of the
 * answer buffers is left alone: datagrams are answered whatever streams bring.
 * Thread: the worker's own.
 * Not here: receiving.
 */
#include <errno.h>

#include "io/stream.h"

/* What looking into a chunk has brought. */
enum framed { FRAMED, DRY, LACKING };

static void give(struct streams *streams, uint32_t buffer)
{
    streams->driver->give(streams, buffer);
}

/* The length that the head says. */
static uint32_t announced(const struct stream *stream)
{
    return (uint32_t)stream->head[0] << 8 | stream->head[1];
}

static bool is_large(uint32_t len)
{
    return len > RD_BUFFER_BYTES;
}

static uint8_t *data_of(const struct streams *streams, uint32_t buffer)
{
    const struct buffers *buffers = streams->buffers;

    return buffer < buffers->first_large ? buffers_at(buffers, buffer)
                                         : buffers_large_at(buffers, buffer);
}

static void drop_chunk(struct streams *streams, struct stream *stream)
{
    if (stream->chunk != STREAM_NONE)
        give(streams, stream->chunk);
    stream->chunk = STREAM_NONE;
}

static void drop_partial(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];

    streams_remove(streams, STREAM_BY_PARTIAL, place);
    if (stream->partial != STREAM_NONE)
        give(streams, stream->partial);
    stream->partial = STREAM_NONE;
}

void streams_forget_received(struct streams *streams, uint32_t place)
{
    drop_chunk(streams, &streams->at[place]);
    drop_partial(streams, place);
}

/* Keeps a chunk that nobody wants now. Half of the stream buffers is the most that is kept so: the
 * oldest goes for a new one, or peers that ask without reading the answers would stop all others.
 */
static void park(struct streams *streams, uint32_t place)
{
    uint32_t most = streams->buffers->streams / 2;

    if (streams->parked > 0 && streams->parked >= most)
        streams_fail(streams, streams->lists[STREAM_PARKED].first, ETIMEDOUT);
    streams_push(streams, STREAM_PARKED, place);
}

void streams_received(struct streams *streams, uint32_t place, uint32_t buffer, uint32_t len)
{
    struct stream *stream = &streams->at[place];

    stream->chunk = buffer;
    stream->chunk_at = 0;
    stream->chunk_len = len;
    if (stream->reading)
        streams_push(streams, STREAM_READY, place);
    else
        park(streams, place);
}

/* The end is behind the last message: it is met only by a receive, and that begins when the chunk
 * before is used up. */
void streams_ended(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];

    stream->ended = true;
    drop_partial(streams, place);
    streams_unreport(streams, place, IO_STREAM_BEGUN);
    streams_report(streams, place, IO_STREAM_ENDED);
}

void streams_read(struct streams *streams, uint32_t place, bool on)
{
    struct stream *stream = &streams->at[place];

    if (stream->state == STREAM_LOST || stream->reading == on)
        return;
    stream->reading = on;
    if (!on && stream->chunk != STREAM_NONE)
        park(streams, place);
    else if (!on)
        streams_remove(streams, STREAM_BY_READ, place);
    else if (stream->chunk != STREAM_NONE)
        streams_push(streams, STREAM_READY, place);
    else if (streams_wants(stream))
        streams->driver->read(streams, place);
}

void streams_feed(struct streams *streams)
{
    uint32_t n = streams->buffers->n_idle_streams;

    while (n-- > 0 && streams_any(streams, STREAM_HUNGRY)) {
        uint32_t place = streams->lists[STREAM_HUNGRY].first;

        streams_remove(streams, STREAM_BY_READ, place);
        streams->driver->read(streams, place);
    }
}

static void address(const struct streams *streams, uint32_t place, struct io_message *msg)
{
    const struct stream *stream = &streams->at[place];
    uint32_t handle = streams_handle(streams, place);

    msg->cut = false;
    msg->port = stream->ours ? handle : 0;
    msg->origin = stream->ours ? IO_STREAM : IO_CLIENT;
    memset(&msg->path, 0, sizeof(msg->path));
    msg->path.via = IO_TCP;
    if (stream->ours)
        return;
    msg->path.peer = stream->peer;
    msg->path.way = handle;
}

/* A message is whole: the next one begins. */
static enum framed hand_over(struct streams *streams, uint32_t place, uint32_t buffer,
                             uint32_t offset, struct io_message *msg)
{
    struct stream *stream = &streams->at[place];

    msg->buffer = buffer;
    msg->data = data_of(streams, buffer) + offset;
    msg->len = announced(stream);
    msg->cap = buffer < streams->buffers->first_large ? RD_BUFFER_BYTES - offset : UINT16_MAX;
    address(streams, place, msg);
    stream->heads = 0;
    stream->begun = false;
    streams_unreport(streams, place, IO_STREAM_BEGUN);
    return FRAMED;
}

/* Moves bytes of the chunk to the end of the partial message. */
static void collect(struct streams *streams, struct stream *stream)
{
    uint32_t wanted = announced(stream) - stream->partial_len;
    uint32_t n = stream->chunk_len - stream->chunk_at;

    if (n > wanted)
        n = wanted;
    memcpy(data_of(streams, stream->partial) + stream->partial_len,
           buffers_at(streams->buffers, stream->chunk) + stream->chunk_at, n);
    stream->partial_len += n;
    stream->chunk_at += n;
}

/* Waits for more; the caller is told once for each message. */
static enum framed await(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];

    if ((stream->heads > 0 || stream->partial != STREAM_NONE) && !stream->begun) {
        stream->begun = true;
        streams_report(streams, place, IO_STREAM_BEGUN);
    }
    return DRY;
}

/* Half of the buffers is the most that partial messages hold: the oldest goes for a new one. */
static void make_room(struct streams *streams, bool large)
{
    const struct buffers *buffers = streams->buffers;
    enum stream_list list = large ? STREAM_PARTIAL_LARGE : STREAM_PARTIAL;
    uint32_t held = large ? streams->partials_large : streams->partials;
    uint32_t most = (large ? buffers->larges : buffers->answers) / 2;
    uint32_t oldest = streams->lists[list].first;

    if (held == 0 || held < most)
        return;
    /* A client's, if there is any: what we have asked for comes to its end. */
    while (oldest != STREAM_NONE && streams->at[oldest].ours)
        oldest = streams->at[oldest].links[STREAM_BY_PARTIAL].next;
    streams_fail(streams, oldest == STREAM_NONE ? streams->lists[list].first : oldest, ETIMEDOUT);
}

/* A buffer of its own for the message that begins in the chunk. */
static bool begin_copy(struct streams *streams, uint32_t place, bool whole)
{
    struct stream *stream = &streams->at[place];
    bool large = is_large(announced(stream));

    if (!whole)
        make_room(streams, large);
    if (large && streams->buffers->n_idle_large == 0)
        streams_relieve(streams, place);
    if (large ? !buffers_take_large(streams->buffers, &stream->partial)
              : streams_spare(streams) == 0 || !buffers_take(streams->buffers, &stream->partial)) {
        stream->partial = STREAM_NONE;
        return false;
    }
    stream->partial_len = 0;
    if (!whole)
        streams_push(streams, large ? STREAM_PARTIAL_LARGE : STREAM_PARTIAL, place);
    return true;
}

/* Takes the next message out of the chunk, or what there is of it. */
static enum framed frame(struct streams *streams, uint32_t place, struct io_message *msg)
{
    struct stream *stream = &streams->at[place];
    uint32_t left, buffer;

    while (stream->heads < 2 && stream->chunk_at < stream->chunk_len)
        stream->head[stream->heads++] =
            buffers_at(streams->buffers, stream->chunk)[stream->chunk_at++];
    left = stream->chunk_len - stream->chunk_at;
    if (stream->heads < 2 || (left == 0 && announced(stream) > 0))
        return await(streams, place);
    if (stream->partial == STREAM_NONE) {
        if (left == announced(stream) && stream->chunk_at <= 2) {
            buffer = stream->chunk;
            stream->chunk = STREAM_NONE;
            return hand_over(streams, place, buffer, stream->chunk_at, msg);
        }
        if (!begin_copy(streams, place, left >= announced(stream)))
            return LACKING;
    }
    collect(streams, stream);
    if (stream->partial_len < announced(stream))
        return await(streams, place);
    buffer = stream->partial;
    stream->partial = STREAM_NONE;
    streams_remove(streams, STREAM_BY_PARTIAL, place);
    return hand_over(streams, place, buffer, 0, msg);
}

static void starve(struct streams *streams, uint32_t place)
{
    bool large = is_large(announced(&streams->at[place]));

    rd_stat_inc(&streams->stats->io_no_buffers);
    streams_push(streams, large ? STREAM_STARVED_LARGE : STREAM_STARVED, place);
}

/* Up to MAX messages of one stream, and its share at most. */
static unsigned take(struct streams *streams, uint32_t place, struct io_message *msgs, unsigned max)
{
    struct stream *stream = &streams->at[place];
    enum framed framed = FRAMED;
    unsigned n = 0;

    if (max > STREAM_SHARE)
        max = STREAM_SHARE;
    while (n < max && framed == FRAMED && stream->chunk != STREAM_NONE) {
        framed = frame(streams, place, &msgs[n]);
        n += framed == FRAMED;
        if (framed != LACKING && stream->chunk_at == stream->chunk_len)
            drop_chunk(streams, stream);
    }
    if (framed == LACKING)
        starve(streams, place);
    else if (stream->chunk != STREAM_NONE)
        streams_push(streams, STREAM_READY, place);
    else if (streams_wants(stream))
        streams->driver->read(streams, place);
    return n;
}

/* Those that lacked a buffer try again when there is one. */
static void revive(struct streams *streams, enum stream_list list, uint32_t buffers)
{
    while (buffers-- > 0 && streams_any(streams, list))
        streams_push(streams, STREAM_READY, streams->lists[list].first);
}

unsigned streams_recv(struct streams *streams, struct io_message *msgs, unsigned max)
{
    unsigned n = 0;

    revive(streams, STREAM_STARVED, streams_spare(streams));
    revive(streams, STREAM_STARVED_LARGE, streams->buffers->n_idle_large);
    while (n < max && streams_any(streams, STREAM_READY)) {
        uint32_t place = streams->lists[STREAM_READY].first;

        streams_remove(streams, STREAM_BY_READ, place);
        n += take(streams, place, &msgs[n], max - n);
    }
    return n;
}
