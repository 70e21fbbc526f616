/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffers.c - buffers.h. The one that came home last is handed out first, the unkindest choice. One
 * thread.
 */
#include "sim/buffers.h"

#include <stdlib.h>

/* A handle is an index and, above it, how often that buffer was handed out. */
#define INDEX_BITS 14
#define INDEX_MASK ((1u << INDEX_BITS) - 1)

/* Poisoned at least, and behind the end of the message; the most that a message leaves mostly. */
#define POISONED_BYTES 512
#define POISONED_MORE  64

enum buffer_state { HOME, OUT, QUEUED };

struct sim_buffer {
    uint8_t *data;
    uint32_t handle;
    enum buffer_state state;
};

void sim_buffers_init(struct sim_buffers *buffers, struct sim *sim, uint32_t first, uint32_t n,
                      uint32_t bytes)
{
    *buffers = (struct sim_buffers){.sim = sim,
                                    .at = calloc(n + 1, sizeof(*buffers->at)),
                                    .first = first,
                                    .n = n,
                                    .bytes = bytes,
                                    .home = calloc(n + 1, sizeof(*buffers->home)),
                                    .n_home = n};
    if (!buffers->at || !buffers->home || first + n > INDEX_MASK)
        abort();
    for (uint32_t i = 0; i < n; i++) {
        buffers->at[i].handle = first + i;
        buffers->home[i] = n - 1 - i;
    }
}

void sim_buffers_deinit(struct sim_buffers *buffers)
{
    sim_buffers_all_home(buffers);
    for (uint32_t i = 0; i < buffers->n; i++)
        free(buffers->at[i].data);
    free(buffers->at);
    free(buffers->home);
}

bool sim_buffers_own(const struct sim_buffers *buffers, const struct io_message *msg)
{
    return (msg->buffer & INDEX_MASK) - buffers->first < buffers->n;
}

bool sim_buffers_any(const struct sim_buffers *buffers)
{
    uint32_t most = buffers->sim->buffers_most;

    return buffers->n_home > 0 && (!most || buffers->n - buffers->n_home < most);
}

bool sim_buffers_take(struct sim_buffers *buffers, struct io_message *ret_msg)
{
    struct sim_buffer *buffer;

    if (!sim_buffers_any(buffers))
        return false;
    buffer = &buffers->at[buffers->home[--buffers->n_home]];
    if (!buffer->data) {
        buffer->data = malloc(buffers->bytes);
        if (!buffer->data)
            abort();
        memset(buffer->data, 0xa5, buffers->bytes);
    }
    buffer->handle += 1u << INDEX_BITS;
    buffer->state = OUT;
    buffers->sim->buffers_out++;
    *ret_msg =
        (struct io_message){.data = buffer->data, .cap = buffers->bytes, .buffer = buffer->handle};
    return true;
}

/* USED: bytes of it that may have a meaning. */
static void home(struct sim_buffers *buffers, struct sim_buffer *buffer, uint32_t used)
{
    uint32_t poisoned = (used > POISONED_BYTES ? used : POISONED_BYTES) + POISONED_MORE;

    if (buffer->state == OUT)
        buffers->sim->buffers_out--;
    memset(buffer->data, 0xdb,
           SIM_WATCHED || poisoned > buffers->bytes ? buffers->bytes : poisoned);
    if (SIM_WATCHED) {
        free(buffer->data);
        buffer->data = NULL;
    }
    buffer->state = HOME;
    buffers->home[buffers->n_home++] = (uint32_t)(buffer - buffers->at);
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
    home(buffers, &buffers->at[(msg->buffer & INDEX_MASK) - buffers->first], msg->len);
}

void sim_buffers_give(struct sim_buffers *buffers, const struct io_message *msg)
{
    struct sim_buffer *buffer = given(buffers, msg);

    if (buffer)
        home(buffers, buffer, msg->len);
}

void sim_buffers_all_home(struct sim_buffers *buffers)
{
    for (uint32_t i = 0; i < buffers->n; i++) {
        if (buffers->at[i].state == HOME)
            continue;
        sim_broken(buffers->sim, "the worker stops and still has a buffer");
        home(buffers, &buffers->at[i], buffers->bytes);
    }
}
