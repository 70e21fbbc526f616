/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket.h - the sockets that both socket back ends use: listeners for clients, connected ports
 * for upstreams, and the control message that carries a client's local address.
 *
 * Shape: plain descriptors and functions; who waits on them, and how, is the back end's business.
 * Thread: listeners on main, ports on the worker; drops by anyone.
 * Not here: receiving and sending.
 */
#ifndef RINGDNS_FASTPATH_IO_SOCKET_H
#define RINGDNS_FASTPATH_IO_SOCKET_H

#include <stdatomic.h>
#include <stddef.h>

#include "io/io.h"

/* Room for one IP_PKTINFO or IPV6_PKTINFO with its header. */
#define PKTINFO_BYTES CMSG_SPACE(sizeof(struct in6_pktinfo))

struct listener {
    int fd;
    int tcp;       /* the listener for connections, at the same address; -1: none */
    bool wildcard; /* datagrams come with a control message, answers need one */
    union rd_address address;
    _Atomic uint64_t dropped; /* what the kernel's 32-bit counter has come to */
};

/* Opens plan->n_listeners sockets into RET_LISTENERS, and one for connections beside each unless
 * there is no room for streams; TCP_FLAGS are for these (SOCK_NONBLOCK). 0, or negative errno with
 * nothing left open and *RET_FAILURE filled. */
int listeners_open(const struct io_plan *plan, int tcp_flags, struct listener *ret_listeners,
                   struct rd_failure *ret_failure);
void listeners_close(struct listener *listeners, uint32_t n);
/* Datagrams dropped by the kernel since open, over all of them. Any thread. */
uint64_t listeners_dropped(struct listener *listeners, uint32_t n);

/* A UDP socket bound to FROM (its address may be the any address) and connected to TO, with nothing
 * in its queue that came from elsewhere. The descriptor or negative errno. */
int port_socket(const union rd_address *to, const union rd_address *from);
/* 0 or negative errno. */
int socket_set(int fd, int level, int option, int value);
int socket_set_freebind(int fd, int family);
int socket_bind(int fd, const union rd_address *address);
/* Whether ADDRESS stands for every address of the host. */
bool socket_is_wildcard(const union rd_address *address);
/* Datagrams that the kernel dropped at this socket. */
uint32_t socket_drops(int fd);

/* The bytes of CONTROL to send so that the packet leaves from LOCAL. */
size_t pktinfo_write(const union rd_address *local, uint8_t control[PKTINFO_BYTES]);
/* The address that a datagram was sent to, with the listener's port; none without a control
 * message. */
void pktinfo_read(const struct listener *listener, void *control, size_t len,
                  union rd_address *ret_local);

#endif
