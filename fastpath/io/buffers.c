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
#define PAGE_BYTES      ((size_t)4096) /* or a multiple of it: no large page is made in advance */

static uint32_t power_of_two(uint32_t n)
{
    uint32_t power = 1;

    while (power < n)
        power *= 2;
    return power;
}

static int map(struct buffers *buffers)
{
    size_t often = (size_t)buffers->first_stream * RD_BUFFER_BYTES;
    size_t small = (size_t)buffers->first_large * RD_BUFFER_BYTES;

    often = (often + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    small = (small + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    buffers->bytes = (often > small ? often : small) + (size_t)buffers->larges * RD_LARGE_BYTES;
    buffers->base =
        mmap(NULL, buffers->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffers->base == MAP_FAILED) {
        buffers->bytes = 0;
        return -ENOMEM;
    }
    buffers->large = buffers->base + (often > small ? often : small);
    madvise(buffers->base, often, MADV_HUGEPAGE);
    /* Where few connections come, these take no memory. */
    if (buffers->bytes > often)
        madvise(buffers->base + often, buffers->bytes - often, MADV_NOHUGEPAGE);
    return 0;
}

int buffers_init(struct buffers *buffers, const struct io_plan *plan)
{
    uint32_t received = power_of_two(plan->buffers);
    uint32_t streams = plan->stream_buffers > 0 ? power_of_two(plan->stream_buffers) : 0;

    *buffers = (struct buffers){
        .received = received,
        .streams = streams,
        .answers = plan->answer_buffers,
        .larges = plan->large_buffers,
        .first_answer = received,
        .first_stream = received + plan->answer_buffers,
        .first_large = received + plan->answer_buffers + streams,
        .total = received + plan->answer_buffers + streams + plan->large_buffers,
    };
    buffers->idle = calloc(buffers->answers + 1u, sizeof(*buffers->idle));
    buffers->idle_large = calloc(buffers->larges + 1u, sizeof(*buffers->idle_large));
    if (buffers->idle == NULL || buffers->idle_large == NULL || map(buffers) < 0) {
        buffers_deinit(buffers);
        return -ENOMEM;
    }
    for (; buffers->n_idle < buffers->answers; buffers->n_idle++)
        buffers->idle[buffers->n_idle] = buffers->first_answer + buffers->n_idle;
    /* The last one given is the first to be taken, so that few are ever touched. */
    for (; buffers->n_idle_large < buffers->larges; buffers->n_idle_large++)
        buffers->idle_large[buffers->n_idle_large] = buffers->first_large + buffers->n_idle_large;
    return 0;
}

void buffers_deinit(struct buffers *buffers)
{
    if (buffers->bytes > 0)
        munmap(buffers->base, buffers->bytes);
    free(buffers->idle);
    free(buffers->idle_large);
    *buffers = (struct buffers){0};
}
