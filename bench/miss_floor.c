/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * miss_floor.c - the least that forwarding a query over io_uring costs on this machine.
 *
 * Four packets per miss and nothing else: a query's ID is replaced by the number of a table's row,
 * which keeps the client's address and ID, and goes out of one of N connected sockets; the reply's
 * ID finds the row again. What Ringdns costs above this is parsing, matching, randomness and
 * bookkeeping, so that the benchmarks can show it as a multiple of a floor measured beside it.
 *
 * One thread; the ring, the waits and the sends are those of fastpath/io/uring.
 * Not here: checks of any kind, random IDs and ports, renewal of ports, retries, time-outs. Never
 * let it answer anything but a benchmark.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PORTS_MAX = 1024,
    QUESTIONS = 65536,
    BUFFERS = 4096,
    BUFFER_BYTES = 2048,
    SQ_ENTRIES = 8192,
    CQ_ENTRIES = 32768,
    SOCKET_BUFFER_BYTES = 4 << 20,
    BUSY_BATCH = 16, /* so many completions in the last turn: more are worth waiting for */
    WAIT_BATCH = 32,
    WAIT_NS = 100 * 1000,
};

/* Every turn submits all it queued: a send per buffer and a re-armed receive per socket at most. */
static_assert(SQ_ENTRIES >= BUFFERS + PORTS_MAX + 1, "the submission queue must hold a turn");

struct question {
    struct sockaddr_in client;
    uint16_t client_id;
    uint16_t is_open;
};

struct floor {
    struct io_uring ring;
    struct io_uring_buf_ring *free_buffers;
    unsigned char *buffers;
    struct msghdr receive_shape; /* says how much room a client's address needs */
    struct question *questions;
    unsigned next_question;
    unsigned ports;
    unsigned
        held[BUFFERS]; /* buffers whose send is queued; the kernel is done with them after it */
    unsigned held_count;
    unsigned ended[PORTS_MAX + 1]; /* sockets whose multishot receive ended */
    unsigned ended_count;
};

static void die(const char *what, int error)
{
    fprintf(stderr, "miss_floor: %s: %s\n", what, strerror(error));
    exit(1);
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int socket_open(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die("socket", errno);
    }
    int size = SOCKET_BUFFER_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    return fd;
}

/* Socket 0 faces the clients, 1 to N the upstream; the ring knows them by these numbers. */
static void sockets_register(struct floor *f, int listen_port, int upstream_port)
{
    static int fds[PORTS_MAX + 1];
    struct sockaddr_in here = loopback(listen_port);
    struct sockaddr_in there = loopback(upstream_port);
    fds[0] = socket_open();
    if (bind(fds[0], (struct sockaddr *)&here, sizeof here)) {
        die("bind", errno);
    }
    for (unsigned i = 1; i <= f->ports; i++) {
        fds[i] = socket_open();
        if (connect(fds[i], (struct sockaddr *)&there, sizeof there)) {
            die("connect", errno);
        }
    }
    int r = io_uring_register_files(&f->ring, fds, f->ports + 1);
    if (r) {
        die("register files", -r);
    }
}

static void buffer_give_back(struct floor *f, unsigned buffer, int offset)
{
    io_uring_buf_ring_add(f->free_buffers, f->buffers + (size_t)buffer * BUFFER_BYTES, BUFFER_BYTES,
                          (unsigned short)buffer, io_uring_buf_ring_mask(BUFFERS), offset);
}

static void *pages(size_t bytes)
{
    void *memory = NULL;
    int r = posix_memalign(&memory, 4096, bytes);
    if (r) {
        die("memory", r);
    }
    memset(memory, 0, bytes);
    return memory;
}

static void buffers_register(struct floor *f)
{
    f->buffers = pages((size_t)BUFFERS * BUFFER_BYTES);
    f->free_buffers = pages(BUFFERS * sizeof(struct io_uring_buf));
    struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)f->free_buffers,
                                   .ring_entries = BUFFERS};
    int r = io_uring_register_buf_ring(&f->ring, &reg, 0);
    if (r) {
        die("register buffers", -r);
    }
    io_uring_buf_ring_init(f->free_buffers);
    for (unsigned i = 0; i < BUFFERS; i++) {
        buffer_give_back(f, i, (int)i);
    }
    io_uring_buf_ring_advance(f->free_buffers, BUFFERS);
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
        die("io_uring", -r);
    }
    r = io_uring_register_ring_fd(&f->ring);
    if (r < 0) {
        die("register ring", -r);
    }
}

static struct io_uring_sqe *sqe_take(struct floor *f)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&f->ring);
    if (!sqe) {
        die("submission queue", ENOSPC);
    }
    return sqe;
}

static void receive_arm(struct floor *f, unsigned socket)
{
    struct io_uring_sqe *sqe = sqe_take(f);
    if (socket == 0) {
        io_uring_prep_recvmsg_multishot(sqe, 0, &f->receive_shape, 0);
    } else {
        io_uring_prep_recv_multishot(sqe, (int)socket, NULL, 0, 0);
    }
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
    io_uring_sqe_set_data64(sqe, socket + 1);
}

/* The send is done when submit returns, and completes in silence: only failures are told. */
static struct io_uring_sqe *send_queue(struct floor *f, unsigned socket, const void *data,
                                       size_t len)
{
    struct io_uring_sqe *sqe = sqe_take(f);
    io_uring_prep_send(sqe, (int)socket, data, len, MSG_DONTWAIT);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(sqe, 0);
    return sqe;
}

static void query_forward(struct floor *f, unsigned char *buffer, int filled)
{
    struct io_uring_recvmsg_out *out = io_uring_recvmsg_validate(buffer, filled, &f->receive_shape);
    if (!out) {
        return;
    }
    unsigned char *data = io_uring_recvmsg_payload(out, &f->receive_shape);
    unsigned len = io_uring_recvmsg_payload_length(out, filled, &f->receive_shape);
    if (len < 12) {
        return;
    }
    uint16_t row = (uint16_t)(f->next_question++ % QUESTIONS);
    struct question *q = &f->questions[row];
    memcpy(&q->client, io_uring_recvmsg_name(out), sizeof q->client);
    memcpy(&q->client_id, data, sizeof q->client_id);
    q->is_open = 1;
    memcpy(data, &row, sizeof row);
    send_queue(f, 1 + row % f->ports, data, len);
}

static void reply_return(struct floor *f, unsigned socket, unsigned char *data, int len)
{
    if (len < 12) {
        return;
    }
    uint16_t row;
    memcpy(&row, data, sizeof row);
    struct question *q = &f->questions[row];
    if (!q->is_open || 1 + row % f->ports != socket) {
        return;
    }
    q->is_open = 0;
    memcpy(data, &q->client_id, sizeof q->client_id);
    struct io_uring_sqe *sqe = send_queue(f, 0, data, (size_t)len);
    io_uring_prep_send_set_addr(sqe, (struct sockaddr *)&q->client, sizeof q->client);
}

static void complete(struct floor *f, const struct io_uring_cqe *cqe)
{
    if (cqe->user_data == 0) {
        return; /* a send that failed: dnsperf counts it as lost */
    }
    unsigned socket = (unsigned)cqe->user_data - 1;
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        f->ended[f->ended_count++] = socket;
    }
    if (!(cqe->flags & IORING_CQE_F_BUFFER)) {
        return;
    }
    unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    f->held[f->held_count++] = buffer;
    unsigned char *data = f->buffers + (size_t)buffer * BUFFER_BYTES;
    if (cqe->res < 0) {
        return;
    }
    if (socket == 0) {
        query_forward(f, data, cqe->res);
    } else {
        reply_return(f, socket, data, cqe->res);
    }
}

/* Waiting for many at once is what saves system calls under load; the time-out bounds the price. */
static void submit_and_wait(struct floor *f, unsigned last_batch)
{
    struct io_uring_cqe *cqe;
    struct __kernel_timespec patience = {.tv_nsec = WAIT_NS};
    int r;
    if (last_batch >= BUSY_BATCH) {
        r = io_uring_submit_and_wait_timeout(&f->ring, &cqe, WAIT_BATCH, &patience, NULL);
    } else {
        r = io_uring_submit_and_wait(&f->ring, 1);
    }
    if (r < 0 && r != -ETIME && r != -EINTR) {
        die("wait", -r);
    }
}

/* Buffers first: a receive that ended for want of them must find some when it is armed again. */
static void give_back_and_rearm(struct floor *f)
{
    for (unsigned i = 0; i < f->held_count; i++) {
        buffer_give_back(f, f->held[i], (int)i);
    }
    io_uring_buf_ring_advance(f->free_buffers, (int)f->held_count);
    f->held_count = 0;
    for (unsigned i = 0; i < f->ended_count; i++) {
        receive_arm(f, f->ended[i]);
    }
    f->ended_count = 0;
}

static unsigned turn(struct floor *f, unsigned last_batch)
{
    if (f->ended_count) {
        io_uring_submit(&f->ring); /* the queued sends free the buffers that the re-arm needs */
        give_back_and_rearm(f);
    }
    submit_and_wait(f, last_batch);
    give_back_and_rearm(f);
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned batch = 0;
    io_uring_for_each_cqe(&f->ring, head, cqe)
    {
        complete(f, cqe);
        batch++;
    }
    io_uring_cq_advance(&f->ring, batch);
    return batch;
}

static int number(const char *text, int max)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 1 || value > max) {
        fprintf(stderr, "miss_floor: '%s' is not a number from 1 to %d\n", text, max);
        exit(2);
    }
    return (int)value;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: miss_floor LISTEN-PORT UPSTREAM-PORT SOURCE-PORTS\n"
                        "forwards DNS on 127.0.0.1 without looking at it, for benchmarks only\n");
        return 2;
    }
    static struct floor f = {.receive_shape.msg_namelen = sizeof(struct sockaddr_in)};
    f.ports = (unsigned)number(argv[3], PORTS_MAX);
    f.questions = pages(QUESTIONS * sizeof *f.questions);
    ring_open(&f);
    sockets_register(&f, number(argv[1], 65535), number(argv[2], 65535));
    buffers_register(&f);
    for (unsigned i = 0; i <= f.ports; i++) {
        receive_arm(&f, i);
    }
    unsigned batch = 0;
    for (;;) {
        batch = turn(&f, batch);
    }
}
