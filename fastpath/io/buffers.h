/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffers.h - the memory of all messages of one worker, shared by the socket back ends.
 *
 * Shape: one region; a buffer's number says by its range what it is and where its home is:
 *   0 ..              datagrams are received into these; home is the back end's
 *   first_answer ..   for alloc(), and for messages that streams collect; home is a stack
 *   first_stream ..   streams receive into these; home is the back end's
 *   first_large ..    of RD_LARGE_BYTES, for what the others do not hold; home is a stack
 * Streams' are apart from datagrams', so that TCP never takes what UDP needs.
 * Thread: the worker's own (made and freed on main).
 * Not here: how received buffers are handed to the kernel.
 */
#ifndef RINGDNS_FASTPATH_IO_BUFFERS_H
#define RINGDNS_FASTPATH_IO_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/io.h"
#include "ringdns/limits.h"

struct buffers {
    uint8_t *base;
    size_t bytes;
    uint8_t *large;
    uint32_t received, streams; /* powers of two, because a ring of buffers has to be */
    uint32_t answers, larges;
    uint32_t first_answer, first_stream, first_large, total;
    uint32_t out; /* held by the caller, by a stream, or waiting to be sent */
    uint32_t n_idle;
    uint32_t *idle; /* answer buffers that are home */
    uint32_t n_idle_large;
    uint32_t *idle_large;
    uint32_t n_idle_streams; /* those that are home, wherever that is */
};

/* Maps what PLAN says, streams' and datagrams' rounded up to a power of two. 0 or negative errno.
 */
int buffers_init(struct buffers *buffers, const struct io_plan *plan);
void buffers_deinit(struct buffers *buffers);

/* Of any buffer but a large one. */
static inline uint8_t *buffers_at(const struct buffers *buffers, uint32_t number)
{
    return buffers->base + (size_t)number * RD_BUFFER_BYTES;
}

static inline uint8_t *buffers_large_at(const struct buffers *buffers, uint32_t number)
{
    return buffers->large + (size_t)(number - buffers->first_large) * RD_LARGE_BYTES;
}

/* Whether NUMBER is a datagram's and goes home to where the back end receives from. */
static inline bool buffers_is_received(const struct buffers *buffers, uint32_t number)
{
    return number < buffers->received;
}

/* Whether NUMBER is of a kind that only streams use: one that they receive into, or a large one. */
static inline bool buffers_is_rare(const struct buffers *buffers, uint32_t number)
{
    return number >= buffers->first_stream;
}

/* Takes an answer buffer. False: none is home. */
static inline bool buffers_take(struct buffers *buffers, uint32_t *ret_number)
{
    if (buffers->n_idle == 0)
        return false;
    *ret_number = buffers->idle[--buffers->n_idle];
    buffers->out++;
    return true;
}

/* Takes a large buffer. False: none is home. */
static inline bool buffers_take_large(struct buffers *buffers, uint32_t *ret_number)
{
    if (buffers->n_idle_large == 0)
        return false;
    *ret_number = buffers->idle_large[--buffers->n_idle_large];
    buffers->out++;
    return true;
}

/* Gives an answer buffer back. */
static inline void buffers_give(struct buffers *buffers, uint32_t number)
{
    buffers->idle[buffers->n_idle++] = number;
    buffers->out--;
}

/* Gives a large buffer back. */
static inline void buffers_give_large(struct buffers *buffers, uint32_t number)
{
    buffers->idle_large[buffers->n_idle_large++] = number;
    buffers->out--;
}

#endif
