/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c - finds out whether a back end works here, by using it, and says why not.
 *
 * Shape: a small ring with the flags of the real one receives one datagram in the same way. What a
 * kernel, a sysctl or a seccomp filter forbids shows itself; version numbers would not tell.
 * Thread: main; leaves nothing open.
 * Not here: choosing between back ends (control plane).
 */
#include "ringdns/io.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define ENTRIES      8
#define BUFFER_BYTES 512
#define GROUP        0
#define SWITCH       "/proc/sys/kernel/io_uring_disabled"

struct trial {
    struct io_uring ring;
    void *memory; /* a page: the ring of buffers, then the buffers */
    int sockets[2];
};

/* Why there may be no ring at all. */
static int explain_ring(int error, char *why, size_t size)
{
    char value = '0';
    int fd;

    if (error == -EPERM && (fd = open(SWITCH, O_RDONLY | O_CLOEXEC)) >= 0) {
        if (read(fd, &value, 1) != 1)
            value = '0';
        close(fd);
    }
    if (value != '0')
        snprintf(why, size, "io_uring is switched off here (kernel.io_uring_disabled = %c)", value);
    else if (error == -EPERM || error == -EACCES)
        snprintf(why, size, "a seccomp filter or the container's policy forbids io_uring");
    else if (error == -ENOSYS)
        snprintf(why, size, "this kernel has no io_uring, or a seccomp filter hides it");
    else if (error == -ENOMEM)
        snprintf(why, size,
                 "there is no memory for io_uring; the limit on locked memory "
                 "(ulimit -l) may be too low");
    else if (error == -EINVAL)
        snprintf(why, size, "this kernel's io_uring is too old: 6.1 or newer is needed");
    else if (error == -EMFILE || error == -ENFILE)
        snprintf(why, size, "there is no file descriptor left for io_uring (ulimit -n)");
    else
        snprintf(why, size, "io_uring does not work here: %s", strerror(-error));
    return error;
}

static int explain_step(int error, const char *step, char *why, size_t size)
{
    if (error == -EINVAL || error == -EOPNOTSUPP)
        snprintf(why, size, "this kernel's io_uring cannot %s: 6.1 or newer is needed", step);
    else
        snprintf(why, size, "io_uring cannot %s here: %s", step, strerror(-error));
    return error;
}

static int offer_buffers(struct trial *trial)
{
    struct io_uring_buf_reg request = {
        .ring_addr = (uintptr_t)trial->memory, .ring_entries = ENTRIES, .bgid = GROUP};
    struct io_uring_buf_ring *buffers = trial->memory;
    char *first = (char *)trial->memory + ENTRIES * sizeof(struct io_uring_buf);
    int error = io_uring_register_buf_ring(&trial->ring, &request, 0);

    if (error != 0)
        return error;
    io_uring_buf_ring_init(buffers);
    for (unsigned short i = 0; i < 2; i++)
        io_uring_buf_ring_add(buffers, first + i * BUFFER_BYTES, BUFFER_BYTES, i,
                              io_uring_buf_ring_mask(ENTRIES), i);
    io_uring_buf_ring_advance(buffers, 2);
    return 0;
}

/* One datagram through a multishot receive, which has to be armed still after it. */
static int receive_one(struct trial *trial)
{
    struct __kernel_timespec second = {.tv_sec = 1};
    struct msghdr shape = {.msg_namelen = sizeof(struct sockaddr_in)};
    struct io_uring_sqe *sqe = io_uring_get_sqe(&trial->ring);
    struct io_uring_cqe *cqe = NULL;
    int error;

    io_uring_prep_recvmsg_multishot(sqe, trial->sockets[0], &shape, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    if (send(trial->sockets[1], "x", 1, MSG_DONTWAIT) != 1)
        return -errno;
    error = io_uring_submit_and_wait_timeout(&trial->ring, &cqe, 1, &second, NULL);
    if (cqe == NULL)
        return error < 0 ? error : -ETIME;
    if (cqe->res < 0)
        return cqe->res;
    return cqe->flags & IORING_CQE_F_MORE && cqe->flags & IORING_CQE_F_BUFFER ? 0 : -EINVAL;
}

static int try_ring(struct trial *trial, char *why, size_t size)
{
    int error = offer_buffers(trial);

    if (error != 0)
        return explain_step(error, "provide buffers", why, size);
    error = receive_one(trial);
    if (error != 0)
        return explain_step(error, "receive many datagrams by one request", why, size);
    return 0;
}

static int try_sockets(struct trial *trial, char *why, size_t size)
{
    int error;

    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, trial->sockets) < 0)
        return explain_ring(-errno, why, size);
    error = try_ring(trial, why, size);
    close(trial->sockets[0]);
    close(trial->sockets[1]);
    return error;
}

static int probe_uring(char *why, size_t size)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE,
        .cq_entries = 4 * ENTRIES,
    };
    size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    struct trial trial;
    int error = io_uring_queue_init_params(ENTRIES, &trial.ring, &params);

    if (error < 0)
        return explain_ring(error, why, size);
    trial.memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    error = trial.memory == MAP_FAILED ? explain_ring(-ENOMEM, why, size)
                                       : try_sockets(&trial, why, size);
    io_uring_queue_exit(&trial.ring);
    if (trial.memory != MAP_FAILED)
        munmap(trial.memory, bytes);
    return error;
}

static int probe_syscall(char *why, size_t size)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    int error = fd < 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    else
        snprintf(why, size, "epoll does not work here: %s", strerror(-error));
    return error;
}

int rd_io_probe(enum rd_io_kind kind, char *why, size_t size)
{
    switch (kind) {
    case RD_IO_URING:
        return probe_uring(why, size);
    case RD_IO_SYSCALL:
        return probe_syscall(why, size);
    default:
        snprintf(why, size, "%s is not a way of moving packets", rd_io_name(kind));
        return -EINVAL;
    }
}

const char *rd_io_name(enum rd_io_kind kind)
{
    static const char *const names[] = {
        [RD_IO_AUTO] = "auto", [RD_IO_URING] = "uring", [RD_IO_SYSCALL] = "syscall"};

    return names[kind];
}
