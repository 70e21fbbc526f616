/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_socket.h - the TCP sockets of both socket back ends: listeners, and connections to upstreams.
 *
 * Shape: plain descriptors and functions, as in socket.h.
 * Thread: listeners on main, the others on the worker.
 * Not here: accepting, connecting, receiving and sending.
 */
#ifndef RINGDNS_FASTPATH_IO_TCP_SOCKET_H
#define RINGDNS_FASTPATH_IO_TCP_SOCKET_H

#include "io/socket.h"

/* Whether anybody else listens at ADDRESS, those that would share it included; connections that
 * linger from an earlier life are no reason. 0, or negative errno with *RET_STEP. */
int tcp_probe(const union rd_address *address, bool freebind, const char **ret_step);
/* A listening socket; FLAGS as for socket(). The descriptor, or negative errno with *RET_STEP. */
int tcp_listen(const union rd_address *address, bool freebind, int flags, const char **ret_step);
/* No more connections: new ones are refused, those that nobody has accepted are reset. */
void tcp_unlisten(int fd);

/* A socket bound to FROM's address, unless that is none or the any address, and not yet connected.
 * The descriptor or negative errno. */
int tcp_socket(const union rd_address *to, const union rd_address *from, int flags);
/* Options of every connection. */
void tcp_prepare(int fd);
/* Makes the coming close() a reset. */
void tcp_reset(int fd);
/* False: there is no peer any more. */
bool tcp_peer(int fd, union rd_address *ret_peer);
/* What went wrong with it since last asked; 0: nothing. */
int tcp_error(int fd);

#endif
