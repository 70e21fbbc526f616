/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_socket.c - opening and asking TCP sockets.
 *
 * Shape: see tcp_socket.h.
 * Thread: see tcp_socket.h.
 * Not here: who waits on them.
 */
#include "io/tcp_socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define BACKLOG 1024 /* connections that the kernel has made and nobody has accepted */

/* A socket to listen with, bound. Without SHARED nobody else may listen at ADDRESS. */
static int bound(const union rd_address *address, bool freebind, bool shared, int flags,
                 const char **ret_step)
{
    int family = address->any.sa_family;
    int fd, error;

    *ret_step = "open a TCP socket";
    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return -errno;
    *ret_step = "set SO_REUSEADDR and SO_REUSEPORT";
    error = socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (error == 0 && shared)
        error = socket_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (error == 0 && family == AF_INET6)
        error = socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (error == 0 && freebind) {
        *ret_step = "set IP_FREEBIND";
        error = socket_set_freebind(fd, family);
    }
    if (error == 0) {
        *ret_step = "bind TCP";
        error = socket_bind(fd, address);
    }
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

int tcp_probe(const union rd_address *address, bool freebind, const char **ret_step)
{
    int fd = bound(address, freebind, false, 0, ret_step);

    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

int tcp_listen(const union rd_address *address, bool freebind, int flags, const char **ret_step)
{
    int fd = bound(address, freebind, true, flags, ret_step);
    int error;

    if (fd < 0)
        return fd;
    if (listen(fd, BACKLOG) == 0)
        return fd;
    *ret_step = "listen for TCP";
    error = -errno;
    close(fd);
    return error;
}

void tcp_unlisten(int fd)
{
    shutdown(fd, SHUT_RDWR);
}

int tcp_socket(const union rd_address *to, const union rd_address *from, int flags)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    union rd_address here = *from;
    int error = 0;

    if (fd < 0)
        return -errno;
    tcp_prepare(fd);
    if (from->any.sa_family != AF_UNSPEC && !socket_is_wildcard(from)) {
        here.v4.sin_port = 0;
        /* The number is chosen when the peer is known, so that there are as many as for each. */
        socket_set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        error = socket_bind(fd, &here);
    }
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

void tcp_prepare(int fd)
{
    socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void tcp_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

bool tcp_peer(int fd, union rd_address *ret_peer)
{
    socklen_t len = sizeof(*ret_peer);

    return getpeername(fd, &ret_peer->any, &len) == 0;
}

int tcp_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}
