/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_out.c - what is to be sent on a stream waits until the kernel takes it.
 *
 * Shape: a queue links the buffers of its messages by their numbers, so that it needs no memory of
 * its own and is never full. The length in front of a message stands beside its link, and is
 * gathered with it.
 * Thread: the worker's own.
 * Not here: writing.
 */
#include "io/stream.h"

static void lose(struct streams *streams, bool ours, unsigned n)
{
    rd_stat_add(ours ? &streams->stats->upstream_send_failed : &streams->stats->answers_lost_closed,
                n);
}

void streams_append(struct streams *streams, struct stream *stream, uint32_t buffer)
{
    if (stream->first == STREAM_NONE)
        stream->first = buffer;
    else
        streams->out[stream->last].next = buffer;
    stream->last = buffer;
}

static void give(struct streams *streams, uint32_t buffer)
{
    streams->packs -= streams->out[buffer].packed;
    streams->driver->give(streams, buffer);
}

void streams_send(struct streams *streams, const struct io_message *msg)
{
    bool ours = msg->origin == IO_STREAM;
    uint32_t place = streams_find(streams, ours ? msg->port : msg->path.way);
    struct stream *stream;

    if (place == STREAM_NONE || streams->at[place].state == STREAM_LOST) {
        lose(streams, ours, 1);
        streams->driver->give(streams, msg->buffer);
        return;
    }
    stream = &streams->at[place];
    streams->out[msg->buffer] = (struct stream_out){
        .data = msg->data,
        .next = STREAM_NONE,
        .len = msg->len,
        .head = {(uint8_t)(msg->len >> 8), (uint8_t)msg->len},
        .heads = 2,
        .messages = 1,
    };
    if (stream->stuck && msg->buffer < streams->buffers->first_large) {
        bool kept = streams_pack(streams, place, msg->buffer);

        streams->driver->give(streams, msg->buffer);
        if (!kept) {
            lose(streams, ours, 1);
            return;
        }
    } else {
        streams_append(streams, stream, msg->buffer);
    }
    stream->unsent += 2 + msg->len;
    streams_unreport(streams, place, IO_STREAM_DRAINED);
    /* Where the kernel is busy with it, what it says next decides. */
    if (streams_is_open(stream) && !stream->sending && !stream->stuck)
        streams_push(streams, STREAM_UNWRITTEN, place);
}

/* The part of PIECE behind the first *SKIP bytes, which are made less by its length. */
static unsigned add(struct iovec *iov, const void *piece, uint32_t len, uint32_t *skip)
{
    uint32_t skipped = *skip < len ? *skip : len;

    *skip -= skipped;
    if (skipped == len)
        return 0;
    iov->iov_base = (uint8_t *)piece + skipped;
    iov->iov_len = len - skipped;
    return 1;
}

unsigned streams_gather(const struct streams *streams, uint32_t place,
                        struct iovec iovs[2 * STREAM_GATHER], uint32_t *ret_bytes)
{
    const struct stream *stream = &streams->at[place];
    uint32_t number = stream->first, skip = stream->sent, bytes = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < STREAM_GATHER && number != STREAM_NONE; i++) {
        const struct stream_out *out = &streams->out[number];

        bytes += out->heads + out->len;
        n += add(&iovs[n], out->head, out->heads, &skip);
        n += add(&iovs[n], out->data, out->len, &skip);
        number = out->next;
    }
    *ret_bytes = bytes - stream->sent;
    return n;
}

/* Gives back what the kernel has taken, BYTES. */
static void pass(struct streams *streams, struct stream *stream, uint32_t bytes)
{
    stream->unsent -= bytes;
    stream->sent += bytes;
    while (stream->first != STREAM_NONE) {
        uint32_t number = stream->first,
                 len = streams->out[number].heads + streams->out[number].len;

        if (stream->sent < len)
            return;
        stream->sent -= len;
        stream->first = streams->out[number].next;
        give(streams, number);
    }
    stream->last = STREAM_NONE;
}

void streams_sent(struct streams *streams, uint32_t place, uint32_t bytes)
{
    struct stream *stream = &streams->at[place];

    pass(streams, stream, bytes);
    /* It reads: others are stuck longer. */
    if (stream->list[STREAM_BY_WRITE] == STREAM_STUCK)
        streams_remove(streams, STREAM_BY_WRITE, place);
    if (stream->first != STREAM_NONE)
        return;
    stream->stuck = false;
    streams_report(streams, place, IO_STREAM_DRAINED);
}

void streams_sent_last(struct streams *streams, uint32_t place, uint32_t bytes)
{
    pass(streams, &streams->at[place], bytes);
    streams_forget_unsent(streams, place);
}

void streams_forget_unsent(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];

    while (stream->first != STREAM_NONE) {
        uint32_t number = stream->first;

        stream->first = streams->out[number].next;
        lose(streams, stream->ours, streams->out[number].messages);
        give(streams, number);
    }
    stream->last = STREAM_NONE;
    stream->unsent = 0;
}
