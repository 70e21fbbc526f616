/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control_socket.h - answers the operator's commands over a Unix socket.
 *
 * A client sends one line: a command's name and its arguments, with single blanks between. It gets
 * one JSON document and a newline, or what a command writes that took its connection over, and is
 * closed.
 */
#ifndef RINGDNS_CONTROL_CONTROL_SOCKET_H
#define RINGDNS_CONTROL_CONTROL_SOCKET_H

#include <jansson.h>
#include <poll.h>
#include <stdint.h>

#include "ringdns/limits.h"

enum { CONTROL_FDS = RD_CONTROL_CLIENTS + 1, CONTROL_ARGUMENTS = 2 };

/* The words behind a command's name: printable ASCII, none empty. They live as long as the call. */
struct control_arguments {
    unsigned n;
    const char *at[CONTROL_ARGUMENTS];
};

struct control_command {
    const char *name; /* of one or more words; NULL ends a table */
    /* The document that is sent. NULL: no memory, the connection is closed. */
    json_t *(*answer)(void *context, const struct control_arguments *arguments);
    const char *usage;    /* what follows the name, as --help has it; "" or NULL: nothing */
    unsigned least, most; /* how many arguments */
    /* In place of answer: NULL, and FD, a non-blocking one, is the command's own from
     * now on; or a document to be sent, where that cannot be. */
    json_t *(*take)(void *context, int fd);
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
