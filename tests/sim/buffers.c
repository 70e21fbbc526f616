/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffers.c - buffers.h. A search from the start at each hand-out: the lowest one at home is the
 * one that was used last, the unkindest choice. One thread.
 */
#include "sim/buffers.h"

#include <stdlib.h>

/* A handle is an index and, above it, how often that buffer was handed out. */
#define INDEX_BITS 14
#define INDEX_MASK ((1u << INDEX_BITS) - 1)

enum buffer_state { HOME, OUT, QUEUED };

struct sim_buffer {
    uint8_t *data;
    uint32_t handle;
    enum buffer_state state;
};

void sim_buffers_init(struct sim_buffers *buffers, struct sim *sim, uint32_t first, uint32_t n,
                      uint32_t bytes)
{
    *buffers = (struct sim_buffers){sim, calloc(n + 1, sizeof(*buffers->at)), first, n, bytes, n};
    if (!buffers->at || first + n > INDEX_MASK)
        abort();
    for (uint32_t i = 0; i < n; i++)
        buffers->at[i].handle = first + i;
}

void sim_buffers_deinit(struct sim_buffers *buffers)
{
    sim_buffers_all_home(buffers);
    free(buffers->at);
}

bool sim_buffers_own(const struct sim_buffers *buffers, const struct io_message *msg)
{
    return (msg->buffer & INDEX_MASK) - buffers->first < buffers->n;
}

bool sim_buffers_take(struct sim_buffers *buffers, struct io_message *ret_msg)
{
    for (uint32_t i = 0; i < buffers->n; i++) {
        struct sim_buffer *buffer = &buffers->at[i];

        if (buffer->state != HOME)
            continue;
        buffer->data = malloc(buffers->bytes);
        if (!buffer->data)
            abort();
        memset(buffer->data, 0xa5, buffers->bytes);
        buffer->handle += 1u << INDEX_BITS;
        buffer->state = OUT;
        buffers->n_home--;
        buffers->sim->buffers_out++;
        *ret_msg = (struct io_message){
            .data = buffer->data, .cap = buffers->bytes, .buffer = buffer->handle};
        return true;
    }
    return false;
}

static void home(struct sim_buffers *buffers, struct sim_buffer *buffer)
{
    if (buffer->state == OUT)
        buffers->sim->buffers_out--;
    memset(buffer->data, 0xdb, buffers->bytes);
    free(buffer->data);
    buffer->data = NULL;
    buffer->state = HOME;
    buffers->n_home++;
}

/* The buffer of MSG, if it is the worker's to give. */
static struct sim_buffer *given(struct sim_buffers *buffers, const struct io_message *msg)
{
    struct sim_buffer *buffer;

    if (!sim_buffers_own(buffers, msg)) {
        sim_broken(buffers->sim, "a message without a buffer is given back");
        return NULL;
    }
    buffer = &buffers->at[(msg->buffer & INDEX_MASK) - buffers->first];
    if (buffer->state != OUT || buffer->handle != msg->buffer) {
        sim_broken(buffers->sim, "a buffer is given back twice");
        return NULL;
    }
    if (buffer->data != msg->data || msg->len > msg->cap || msg->cap != buffers->bytes)
        sim_broken(buffers->sim, "a message's data, len or cap is not its buffer's");
    return buffer;
}

bool sim_buffers_queue(struct sim_buffers *buffers, const struct io_message *msg)
{
    struct sim_buffer *buffer = given(buffers, msg);

    if (!buffer)
        return false;
    buffer->state = QUEUED;
    buffers->sim->buffers_out--;
    return true;
}

void sim_buffers_sent(struct sim_buffers *buffers, const struct io_message *msg)
{
    home(buffers, &buffers->at[(msg->buffer & INDEX_MASK) - buffers->first]);
}

void sim_buffers_give(struct sim_buffers *buffers, const struct io_message *msg)
{
    struct sim_buffer *buffer = given(buffers, msg);

    if (buffer)
        home(buffers, buffer);
}

void sim_buffers_all_home(struct sim_buffers *buffers)
{
    for (uint32_t i = 0; i < buffers->n; i++) {
        if (buffers->at[i].state == HOME)
            continue;
        sim_broken(buffers->sim, "the worker stops and still has a buffer");
        home(buffers, &buffers->at[i]);
    }
}
