/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * floor.c - see floor.h. Never let it answer anything but a benchmark.
 */
#include "floor.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
    SQ_ENTRIES = 8192,
    CQ_ENTRIES = 32768,
    SOCKET_BUFFER_BYTES = 4 << 20,
    WINDOW_NS = 100 * 1000,
    STALE_NS = 2 * 1000 * 1000, /* an older load says nothing */
};

/* Every turn submits all it queued: a send per buffer and a re-armed receive per socket at most. */
static_assert(SQ_ENTRIES >= FLOOR_BUFFERS + FLOOR_SOCKETS, "the queue must hold a turn");

void floor_die(const char *what, int error)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(error));
    exit(1);
}

int floor_number(const char *text, int max)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 1 || value > max) {
        fprintf(stderr, "floor: '%s' is not a number from 1 to %d\n", text, max);
        exit(2);
    }
    return (int)value;
}

void *floor_pages(size_t bytes)
{
    void *memory = NULL;
    int r = posix_memalign(&memory, 4096, bytes);
    if (r) {
        floor_die("memory", r);
    }
    memset(memory, 0, bytes);
    return memory;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int floor_socket(int local_port, int remote_port)
{
    struct sockaddr_in here = loopback(local_port);
    struct sockaddr_in there = loopback(remote_port);
    int size = SOCKET_BUFFER_BYTES;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        floor_die("socket", errno);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    if (local_port && bind(fd, (struct sockaddr *)&here, sizeof here)) {
        floor_die("bind", errno);
    }
    if (remote_port && connect(fd, (struct sockaddr *)&there, sizeof there)) {
        floor_die("connect", errno);
    }
    return fd;
}

static void give_back(struct floor *f, unsigned buffer, int offset)
{
    io_uring_buf_ring_add(f->home, f->buffers + (size_t)buffer * FLOOR_BUFFER_BYTES,
                          FLOOR_BUFFER_BYTES, (unsigned short)buffer,
                          io_uring_buf_ring_mask(FLOOR_BUFFERS), offset);
}

static void buffers_register(struct floor *f)
{
    f->buffers = floor_pages((size_t)FLOOR_BUFFERS * FLOOR_BUFFER_BYTES);
    f->home = floor_pages(FLOOR_BUFFERS * sizeof(struct io_uring_buf));
    struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)f->home, .ring_entries = FLOOR_BUFFERS};
    int r = io_uring_register_buf_ring(&f->ring, &reg, 0);
    if (r) {
        floor_die("register buffers", -r);
    }
    io_uring_buf_ring_init(f->home);
    for (unsigned i = 0; i < FLOOR_BUFFERS; i++) {
        give_back(f, i, (int)i);
    }
    io_uring_buf_ring_advance(f->home, FLOOR_BUFFERS);
}

static void ring_open(struct floor *f)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE,
        .cq_entries = CQ_ENTRIES,
    };
    int r = io_uring_queue_init_params(SQ_ENTRIES, &f->ring, &params);
    if (r) {
        floor_die("io_uring", -r);
    }
    r = io_uring_register_ring_fd(&f->ring);
    if (r < 0) {
        floor_die("register ring", -r);
    }
}

static struct io_uring_sqe *sqe_take(struct floor *f)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&f->ring);
    if (!sqe) {
        floor_die("submission queue", ENOSPC);
    }
    return sqe;
}

static void receive_arm(struct floor *f, unsigned socket)
{
    struct io_uring_sqe *sqe = sqe_take(f);
    if (socket == 0) {
        io_uring_prep_recvmsg_multishot(sqe, 0, &f->shape, 0);
    } else {
        io_uring_prep_recv_multishot(sqe, (int)socket, NULL, 0, 0);
    }
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
    io_uring_sqe_set_data64(sqe, socket + 1);
}

void floor_open(struct floor *f, const int *fds, unsigned count)
{
    f->shape.msg_namelen = sizeof(struct sockaddr_in);
    ring_open(f);
    int r = io_uring_register_files(&f->ring, fds, count);
    if (r) {
        floor_die("register files", -r);
    }
    buffers_register(f);
    for (unsigned i = 0; i < count; i++) {
        receive_arm(f, i);
    }
}

/* The send is done when submit returns, and completes in silence: only failures are told. */
void floor_send(struct floor *f, unsigned socket, const void *data, size_t len,
                const struct sockaddr_in *client)
{
    struct io_uring_sqe *sqe = sqe_take(f);
    io_uring_prep_send(sqe, (int)socket, data, len, MSG_DONTWAIT);
    if (client) {
        io_uring_prep_send_set_addr(sqe, (const struct sockaddr *)client, sizeof *client);
    }
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(sqe, 0);
}

/* Waiting for many at once is what saves system calls under load; the time-out bounds the price. */
static void submit_and_wait(struct floor *f)
{
    struct io_uring_cqe *cqe;
    struct __kernel_timespec patience = {.tv_nsec = f->wait.ns};
    int r;
    if (f->wait.count > 1 && f->load >= 16 * f->wait.busy) {
        r = io_uring_submit_and_wait_timeout(&f->ring, &cqe, f->wait.count, &patience, NULL);
    } else {
        r = io_uring_submit_and_wait(&f->ring, 1);
    }
    if (r < 0 && r != -ETIME && r != -EINTR) {
        floor_die("wait", -r);
    }
}

/* Buffers first: a receive that ended for want of them must find some when it is armed again. */
static void give_back_and_rearm(struct floor *f)
{
    for (unsigned i = 0; i < f->held_count; i++) {
        give_back(f, f->held[i], (int)i);
    }
    io_uring_buf_ring_advance(f->home, (int)f->held_count);
    f->held_count = 0;
    for (unsigned i = 0; i < f->ended_count; i++) {
        receive_arm(f, f->ended[i]);
    }
    f->ended_count = 0;
}

/* The load as the forwarder measures it, with the clock that it reads for it. */
static void measure(struct floor *f)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    uint64_t elapsed_ns = now_ns - f->window_ns;
    if (elapsed_ns < WINDOW_NS) {
        return;
    }
    unsigned load = (unsigned)(f->arrived * UINT64_C(16) * WINDOW_NS / elapsed_ns);
    f->load = elapsed_ns > STALE_NS ? load : (3 * f->load + load) / 4;
    f->arrived = 0;
    f->window_ns = now_ns;
}

static void query_hand(struct floor *f, floor_query_fn *query, void *context, unsigned char *buffer,
                       int filled)
{
    struct io_uring_recvmsg_out *out = io_uring_recvmsg_validate(buffer, filled, &f->shape);
    if (out) {
        query(f, context,
              &(struct floor_query){
                  .client = io_uring_recvmsg_name(out),
                  .data = io_uring_recvmsg_payload(out, &f->shape),
                  .end = buffer + FLOOR_BUFFER_BYTES,
                  .len = io_uring_recvmsg_payload_length(out, filled, &f->shape),
              });
    }
}

/* The datagram that came with it: its buffer, NULL for none. A failed send (0) is dnsperf's loss.
 */
static unsigned char *complete(struct floor *f, const struct io_uring_cqe *cqe)
{
    if (cqe->user_data == 0) {
        return NULL;
    }
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        f->ended[f->ended_count++] = (unsigned)cqe->user_data - 1;
    }
    if (!(cqe->flags & IORING_CQE_F_BUFFER)) {
        return NULL;
    }
    unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    f->held[f->held_count++] = buffer;
    return cqe->res < 0 ? NULL : f->buffers + (size_t)buffer * FLOOR_BUFFER_BYTES;
}

void floor_run(struct floor *f, floor_query_fn *query, floor_reply_fn *reply, void *context)
{
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head;
        unsigned batch = 0;
        if (f->ended_count) {
            io_uring_submit(&f->ring); /* the queued sends free the buffers that the re-arm needs */
            give_back_and_rearm(f);
        }
        submit_and_wait(f);
        give_back_and_rearm(f);
        measure(f);
        io_uring_for_each_cqe(&f->ring, head, cqe)
        {
            unsigned char *buffer = complete(f, cqe);
            if (buffer && cqe->user_data == 1) {
                query_hand(f, query, context, buffer, cqe->res);
            } else if (buffer) {
                reply(f, context, (unsigned)cqe->user_data - 1, buffer, (unsigned)cqe->res);
            }
            batch++;
        }
        io_uring_cq_advance(&f->ring, batch);
        f->arrived += batch;
    }
}
