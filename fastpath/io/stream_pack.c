/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_pack.c - what a peer does not take is packed into few buffers.
 *
 * Shape: answers wait in the buffers that they were made in, which are mostly empty, and some of
 * them are those that datagrams are received into. That is well for the moment between two turns.
 * A stream that the kernel takes nothing more for may wait for seconds, so its queue is copied into
 * answer buffers, end to end, and what comes behind goes there too, until all is gone. Large
 * messages stay where they are. Packs may hold a quarter of the answer buffers; then the stream
 * that is stuck longest goes, and so does one with large messages when others need these buffers.
 * Thread: the worker's own.
 * Not here: when a stream is stuck (the back ends).
 */
#include <errno.h>

#include "io/stream.h"

static bool add_pack(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];
    uint32_t buffer;

    while (streams->packs >= streams->buffers->answers / 4) {
        uint32_t oldest = streams->lists[STREAM_STUCK].first;

        if (oldest == STREAM_NONE || oldest == place)
            return false;
        streams_fail(streams, oldest, ETIMEDOUT);
    }
    /* The first one of a queue takes the place of the many that are copied to it. */
    if ((stream->first != STREAM_NONE && streams_spare(streams) == 0) ||
        !buffers_take(streams->buffers, &buffer))
        return false;
    streams->packs++;
    streams->out[buffer] = (struct stream_out){
        .data = buffers_at(streams->buffers, buffer), .next = STREAM_NONE, .packed = true};
    streams_append(streams, stream, buffer);
    return true;
}

/* Copies LEN bytes to the end of the queue. False: there is no room for all of them. */
static bool pack_bytes(struct streams *streams, uint32_t place, const uint8_t *bytes, uint32_t len)
{
    struct stream *stream = &streams->at[place];

    while (len > 0) {
        struct stream_out *tail = stream->last == STREAM_NONE ? NULL : &streams->out[stream->last];
        uint32_t room = tail && tail->packed ? RD_BUFFER_BYTES - tail->len : 0;
        uint32_t part = len < room ? len : room;

        if (room == 0) {
            if (!add_pack(streams, place))
                return false;
            continue;
        }
        memcpy(tail->data + tail->len, bytes, part);
        tail->len += part;
        bytes += part;
        len -= part;
    }
    return true;
}

/* Packs the message OUT but for its first SKIP bytes. */
static bool pack_message(struct streams *streams, uint32_t place, const struct stream_out *out,
                         uint32_t skip)
{
    uint32_t of_head = skip < out->heads ? skip : out->heads, of_data = skip - of_head;

    if (!pack_bytes(streams, place, out->head + of_head, out->heads - of_head) ||
        !pack_bytes(streams, place, out->data + of_data, out->len - of_data))
        return false;
    streams->out[streams->at[place].last].messages++;
    return true;
}

bool streams_pack(struct streams *streams, uint32_t place, uint32_t buffer)
{
    struct stream_out out = streams->out[buffer];

    if (!pack_message(streams, place, &out, 0)) {
        streams_fail(streams, place, ENOBUFS);
        return false;
    }
    return true;
}

/* Puts what is left of a queue behind what is packed of it. */
static void rejoin(struct streams *streams, struct stream *stream, uint32_t buffer)
{
    while (buffer != STREAM_NONE) {
        uint32_t next = streams->out[buffer].next;

        streams->out[buffer].next = STREAM_NONE;
        streams_append(streams, stream, buffer);
        buffer = next;
    }
}

bool streams_stuck(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];
    uint32_t buffer = stream->first, skip = stream->sent;

    streams_push(streams, STREAM_STUCK, place);
    if (stream->stuck)
        return true;
    stream->stuck = true;
    stream->first = stream->last = STREAM_NONE;
    stream->sent = 0;
    while (buffer != STREAM_NONE) {
        struct stream_out out = streams->out[buffer];

        if (buffer >= streams->buffers->first_large) {
            if (stream->first == STREAM_NONE)
                stream->sent = skip;
            streams->out[buffer].next = STREAM_NONE;
            streams_append(streams, stream, buffer);
        } else if (pack_message(streams, place, &out, skip)) {
            streams->driver->give(streams, buffer);
        } else {
            rejoin(streams, stream, buffer);
            streams_fail(streams, place, ENOBUFS);
            return false;
        }
        skip = 0;
        buffer = out.next;
    }
    return true;
}

static bool holds_large(const struct streams *streams, uint32_t place)
{
    uint32_t buffer = streams->at[place].first;

    while (buffer != STREAM_NONE && buffer < streams->buffers->first_large)
        buffer = streams->out[buffer].next;
    return buffer != STREAM_NONE;
}

void streams_relieve(struct streams *streams, uint32_t place)
{
    uint32_t stuck = streams->lists[STREAM_STUCK].first;

    while (stuck != STREAM_NONE && (stuck == place || !holds_large(streams, stuck)))
        stuck = streams->at[stuck].links[STREAM_BY_WRITE].next;
    if (stuck != STREAM_NONE)
        streams_fail(streams, stuck, ETIMEDOUT);
}
