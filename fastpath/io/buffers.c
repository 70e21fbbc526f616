/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffers.c - maps the region of message buffers.
 *
 * Shape: huge pages where the system gives them, because a batch touches dozens of buffers that
 * are a page apart. The first touch is the worker's, so the memory is near its CPU.
 * Thread: main.
 * Not here: giving and taking (inline in the header).
 */
#include "io/buffers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

static uint32_t power_of_two(uint32_t n)
{
    uint32_t power = 1;

    while (power < n)
        power *= 2;
    return power;
}

int buffers_init(struct buffers *buffers, uint32_t received, uint32_t answers)
{
    size_t bytes;

    *buffers = (struct buffers){.received = power_of_two(received), .answers = answers};
    bytes = ((size_t)buffers->received + answers) * RD_BUFFER_BYTES;
    bytes = (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    buffers->idle = calloc(answers + 1u, sizeof(*buffers->idle));
    if (buffers->idle == NULL)
        return -ENOMEM;
    buffers->base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffers->base == MAP_FAILED) {
        buffers_deinit(buffers);
        return -ENOMEM;
    }
    buffers->bytes = bytes;
    madvise(buffers->base, bytes, MADV_HUGEPAGE);
    while (buffers->n_idle < answers) {
        buffers->idle[buffers->n_idle] = buffers->received + buffers->n_idle;
        buffers->n_idle++;
    }
    return 0;
}

void buffers_deinit(struct buffers *buffers)
{
    if (buffers->bytes > 0)
        munmap(buffers->base, buffers->bytes);
    free(buffers->idle);
    *buffers = (struct buffers){0};
}
