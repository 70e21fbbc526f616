/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring_ring.c - making the ring, and unmaking it so that nothing of it lives on.
 *
 * Shape: a ring is torn down by the kernel at leisure, and until then its requests hold their
 * sockets; so every receive is cancelled and seen to end before the ring is given up.
 * Thread: the worker's own, as SINGLE_ISSUER asks.
 * Not here: the sockets and the memory (uring.c), which main makes.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "io/uring.h"

#define STOP_ROUNDS 100 /* of 10 ms at most */

void uring_arm_doorbell(struct uring *uring)
{
    struct io_uring_sqe *sqe = uring_sqe(uring);

    if (sqe == NULL)
        return;
    io_uring_prep_poll_multishot(sqe, uring->base.doorbell, POLLIN);
    sqe->user_data = uring_tag(URING_WAKE, 0, 0);
    uring->doorbell_armed = true;
}

static int make_ring(struct uring *uring, unsigned submissions, unsigned completions,
                     const char **ret_step)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE,
        .cq_entries = completions,
    };
    int fds[RD_MAX_LISTENERS];
    int error = io_uring_queue_init_params(submissions, &uring->ring, &params);

    *ret_step = "create the ring";
    if (error < 0)
        return error;
    /* Saves a look-up per call; goes without where the kernel refuses. */
    io_uring_register_ring_fd(&uring->ring);
    for (uint32_t i = 0; i < uring->base.n_listeners; i++)
        fds[i] = uring->base.listeners[i].fd;
    *ret_step = "register the listeners";
    error = uring->base.n_listeners == 0
                ? 0
                : io_uring_register_files(&uring->ring, fds, uring->base.n_listeners);
    if (error < 0)
        io_uring_queue_exit(&uring->ring);
    return error;
}

/* A ring of N buffers, none of them in it yet, that the kernel takes from under GROUP. */
static int register_group(struct uring *uring, int group, uint32_t n,
                          struct io_uring_buf_ring **ret_ring)
{
    size_t bytes = n * sizeof(struct io_uring_buf);
    struct io_uring_buf_reg request = {.ring_entries = n, .bgid = (uint16_t)group};
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int error;

    if (memory == MAP_FAILED)
        return -ENOMEM;
    request.ring_addr = (uintptr_t)memory;
    error = io_uring_register_buf_ring(&uring->ring, &request, 0);
    if (error != 0) {
        munmap(memory, bytes);
        return error;
    }
    *ret_ring = memory;
    io_uring_buf_ring_init(*ret_ring);
    return 0;
}

static void unregister_group(struct uring *uring, int group, uint32_t n,
                             struct io_uring_buf_ring **ring)
{
    if (*ring == NULL)
        return;
    io_uring_unregister_buf_ring(&uring->ring, group);
    munmap(*ring, n * sizeof(struct io_uring_buf));
    *ring = NULL;
}

static void unregister_buffers(struct uring *uring)
{
    const struct buffers *buffers = &uring->base.buffers;

    unregister_group(uring, URING_BUFFER_GROUP, buffers->received, &uring->home);
    unregister_group(uring, URING_STREAM_GROUP, buffers->streams, &uring->stream_home);
}

static int register_buffers(struct uring *uring)
{
    struct buffers *buffers = &uring->base.buffers;
    int error = register_group(uring, URING_BUFFER_GROUP, buffers->received, &uring->home);

    if (error == 0 && buffers->streams > 0)
        error = register_group(uring, URING_STREAM_GROUP, buffers->streams, &uring->stream_home);
    if (error < 0) {
        unregister_buffers(uring);
        return error;
    }
    uring->mask = io_uring_buf_ring_mask(buffers->received);
    uring->n_home = buffers->n_idle_streams = 0;
    buffers->out = buffers->received + buffers->streams;
    for (uint32_t i = 0; i < buffers->received; i++)
        uring_give(uring, &i, 1);
    for (uint32_t i = 0; i < buffers->streams; i++)
        uring_stream_give(uring, buffers->first_stream + i);
    return 0;
}

static void free_sends(struct uring *uring)
{
    free(uring->peers);
    free(uring->parcels);
    free(uring->taken);
    free(uring->writes);
    uring->writes = NULL;
    uring->peers = NULL;
    uring->parcels = NULL;
    uring->taken = NULL;
    uring->n_taken = uring->max_taken = uring->n_writes = 0;
}

static int make_sends(struct uring *uring, uint32_t max)
{
    uring->peers = calloc(max, sizeof(*uring->peers));
    uring->parcels = calloc(max, sizeof(*uring->parcels));
    uring->taken = calloc(max, sizeof(*uring->taken));
    uring->writes = calloc(URING_WRITES, sizeof(*uring->writes));
    uring->max_taken = max;
    if (uring->peers != NULL && uring->parcels != NULL && uring->taken != NULL &&
        uring->writes != NULL)
        return 0;
    free_sends(uring);
    return -ENOMEM;
}

static void arm_all(struct uring *uring)
{
    for (uint32_t i = 0; i < uring->base.n_listeners; i++) {
        if (!uring_arm(uring, i))
            uring_arm_later(uring, i);
        if (uring->base.listeners[i].tcp >= 0)
            uring_stream_accept(uring, i);
    }
    uring_arm_doorbell(uring);
}

int uring_start_sized(struct io *io, unsigned submissions, unsigned completions,
                      struct rd_failure *ret_failure)
{
    struct uring *uring = (struct uring *)io;
    const char *step = "allocate memory";
    int error = make_sends(uring, submissions);

    if (error == 0)
        error = make_ring(uring, submissions, completions, &step);
    if (error == 0) {
        step = "register the buffers";
        error = register_buffers(uring);
        if (error < 0)
            io_uring_queue_exit(&uring->ring);
    }
    if (error < 0) {
        free_sends(uring);
        *ret_failure = (struct rd_failure){step, -1};
        return error;
    }
    uring->started = uring->listening = true;
    uring->window_ns = uring->now_ns = rd_clock_now();
    arm_all(uring);
    return 0;
}

int uring_start(struct io *io, struct rd_failure *ret_failure)
{
    const struct uring *uring = (struct uring *)io;
    unsigned completions = 2 * uring->base.buffers.received;

    if (completions < 4 * URING_SUBMISSIONS)
        completions = 4 * URING_SUBMISSIONS;
    return uring_start_sized(io, URING_SUBMISSIONS, completions, ret_failure);
}

static bool is_quiet(const struct uring *uring)
{
    if (uring->doorbell_armed || uring->accepting != 0 || uring->base.streams.used > 0)
        return false;
    for (uint32_t i = 0; i < uring->base.n_listeners + uring->base.ports.max; i++)
        if (uring->sources[i].armed)
            return false;
    return true;
}

/* Ends every receive, so that no socket lives on inside the ring; what still comes is dropped. */
static void quiesce(struct uring *uring)
{
    struct __kernel_timespec timeout = {.tv_nsec = 10 * RD_NS_PER_MS};
    struct io_uring_cqe *cqe;
    struct io_message msg;
    struct io_uring_sqe *sqe;

    uring->listening = false;
    uring_stream_unlisten(uring);
    streams_close_all(&uring->base.streams);
    for (uint32_t i = 0; i < uring->base.ports.max; i++)
        uring_port_close(&uring->base.io, i);
    for (int round = 0; round < STOP_ROUNDS && !is_quiet(uring); round++) {
        uring_stream_tend(uring, 0);
        sqe = uring_sqe(uring);
        if (sqe != NULL) {
            io_uring_prep_cancel(sqe, NULL, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
            sqe->user_data = uring_tag(URING_CANCELLED, 0, 0);
        }
        io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, &timeout, NULL);
        io_uring_submit_and_get_events(&uring->ring);
        uring_settle(uring);
        while (uring_recv(&uring->base.io, &msg, 1) == 1)
            uring_give(uring, &msg.buffer, 1);
    }
}

void uring_stop(struct io *io)
{
    struct uring *uring = (struct uring *)io;

    if (!uring->started)
        return;
    quiesce(uring);
    uring->started = false;
    io_uring_unregister_files(&uring->ring);
    unregister_buffers(uring);
    io_uring_queue_exit(&uring->ring);
    free_sends(uring);
}
