/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffers.h - the memory of all messages of one worker, shared by the socket back ends.
 *
 * Shape: one region of equal buffers. Numbers below `received` are for receiving and go home to
 * where the back end receives from; the others are for alloc() and go home to a stack.
 * Thread: the worker's own (made and freed on main).
 * Not here: how received buffers are handed to the kernel.
 */
#ifndef RINGDNS_FASTPATH_IO_BUFFERS_H
#define RINGDNS_FASTPATH_IO_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringdns/limits.h"

struct buffers {
    uint8_t *base;
    size_t bytes;
    uint32_t received; /* a power of two, because a ring of buffers has to be */
    uint32_t answers;
    uint32_t out; /* held by the caller or waiting to be sent */
    uint32_t n_idle;
    uint32_t *idle; /* answer buffers that are home */
};

/* Maps RECEIVED (rounded up to a power of two) and ANSWERS buffers. 0 or negative errno. */
int buffers_init(struct buffers *buffers, uint32_t received, uint32_t answers);
void buffers_deinit(struct buffers *buffers);

static inline uint8_t *buffers_at(const struct buffers *buffers, uint32_t number)
{
    return buffers->base + (size_t)number * RD_BUFFER_BYTES;
}

/* Whether NUMBER goes home to where the back end receives from. */
static inline bool buffers_is_received(const struct buffers *buffers, uint32_t number)
{
    return number < buffers->received;
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

/* Gives an answer buffer back. */
static inline void buffers_give(struct buffers *buffers, uint32_t number)
{
    buffers->idle[buffers->n_idle++] = number;
    buffers->out--;
}

#endif
