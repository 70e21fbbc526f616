/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control_socket.h - answers the operator's commands over a Unix socket.
 *
 * A client sends one line, gets one JSON document and a newline, and is closed.
 */
#ifndef RINGDNS_CONTROL_CONTROL_SOCKET_H
#define RINGDNS_CONTROL_CONTROL_SOCKET_H

#include <jansson.h>
#include <poll.h>
#include <stdint.h>

#include "ringdns/limits.h"

enum { CONTROL_FDS = RD_CONTROL_CLIENTS + 1 };

struct control_command {
    const char *name; /* NULL ends a table */
    json_t *(*answer)(void *context);
};

struct control_socket;

/* Listens at PATH, mode 0660; its directory is made where it is absent (0750). A socket that
 * nobody answers at is replaced. COMMANDS and CONTEXT outlive the socket.
 * 0: *RET_SOCKET is the caller's. -EADDRINUSE: another process answers there, or PATH is no
 * socket. Other negative errno: the path cannot be made. */
int control_socket_open(const char *path, const struct control_command *commands, void *context,
                        struct control_socket **ret_socket);
/* Removes PATH, if it is still ours. NULL is allowed. */
void control_socket_close(struct control_socket *socket);

/* Fills FDS for poll(); those not needed are -1. NULL is allowed. */
void control_socket_fds(const struct control_socket *socket, struct pollfd fds[CONTROL_FDS]);
/* Milliseconds until a client's time is up; -1: there is none. NULL is allowed. */
int control_socket_wait(const struct control_socket *socket, uint64_t now_ms);
/* Does what poll() found in FDS; never blocks. NULL is allowed. */
void control_socket_serve(struct control_socket *socket, const struct pollfd fds[CONTROL_FDS],
                          uint64_t now_ms);

#endif
