/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control_socket.c - a small server in the main thread's loop.
 *
 * Everything is bounded: clients, a line's length, a client's time. A client that stalls costs a
 * slot for 5 s and nothing else; when all slots are taken the oldest one goes. This is the one
 * place where a line becomes words; what a word means is the command's. Thread: main, never
 * blocking. Not here: what the commands do (service.c).
 */
#include "control_socket.h"

#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENT_MS = 5000, BACKLOG = 16 };

struct client {
    int fd; /* -1: free */
    uint64_t deadline_ms;
    size_t len;
    char line[RD_CONTROL_LINE_BYTES + 1]; /* and a NUL */
    char *answer;                         /* NULL: the line is not complete yet */
    size_t answer_len, sent;
};

struct control_socket {
    int fd;
    struct sockaddr_un address;
    dev_t device; /* of the socket's file, to know it again */
    ino_t inode;
    const struct control_command *commands;
    void *context;
    struct client clients[RD_CONTROL_CLIENTS];
};

/* 0: nobody is at ADDRESS now. -EADDRINUSE: somebody is. Other negative errno: cannot tell. */
static int clear_path(const struct sockaddr_un *address)
{
    struct stat file;
    int fd, r;

    if (lstat(address->sun_path, &file) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(file.st_mode))
        return -EADDRINUSE;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    r = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
    close(fd);
    /* A full backlog (EAGAIN) is a living one too. */
    if (r == 0 || r == -EAGAIN)
        return -EADDRINUSE;
    if (r != -ECONNREFUSED)
        return r;
    return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int make_directory(const char *path)
{
    char copy[RD_PATH_BYTES];

    snprintf(copy, sizeof(copy), "%s", path);
    if (mkdir(dirname(copy), 0750) == 0 || errno == EEXIST)
        return 0;
    return -errno;
}

static int listen_at(struct control_socket *self)
{
    struct stat file;
    mode_t mask;
    int r;

    self->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd < 0)
        return -errno;
    /* The file has its mode from its first moment on. No other thread exists yet. */
    mask = umask(0117);
    r = bind(self->fd, (struct sockaddr *)&self->address, sizeof(self->address));
    r = r < 0 ? -errno : 0;
    umask(mask);
    if (r < 0)
        return r;
    if (listen(self->fd, BACKLOG) < 0 || lstat(self->address.sun_path, &file) < 0)
        return -errno;
    self->device = file.st_dev;
    self->inode = file.st_ino;
    return 0;
}

int control_socket_open(const char *path, const struct control_command *commands, void *context,
                        struct control_socket **ret_socket)
{
    struct control_socket *self = calloc(1, sizeof(*self));
    int r;

    static_assert(sizeof(self->address.sun_path) == RD_PATH_BYTES, "paths fit");
    if (!self)
        return -ENOMEM;
    self->fd = -1;
    self->commands = commands;
    self->context = context;
    self->address.sun_family = AF_UNIX;
    snprintf(self->address.sun_path, RD_PATH_BYTES, "%s", path);
    for (unsigned i = 0; i < RD_CONTROL_CLIENTS; i++)
        self->clients[i].fd = -1;
    r = make_directory(self->address.sun_path);
    if (r == 0)
        r = clear_path(&self->address);
    if (r == 0)
        r = listen_at(self);
    if (r < 0) {
        control_socket_close(self);
        return r;
    }
    *ret_socket = self;
    return 0;
}

static void close_client(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    free(client->answer);
    *client = (struct client){.fd = -1};
}

void control_socket_close(struct control_socket *self)
{
    struct stat file;

    if (!self)
        return;
    for (unsigned i = 0; i < RD_CONTROL_CLIENTS; i++)
        close_client(&self->clients[i]);
    if (self->fd >= 0)
        close(self->fd);
    if (self->inode != 0 && lstat(self->address.sun_path, &file) == 0 &&
        file.st_dev == self->device && file.st_ino == self->inode)
        unlink(self->address.sun_path);
    free(self);
}

void control_socket_fds(const struct control_socket *self, struct pollfd fds[CONTROL_FDS])
{
    for (unsigned i = 0; i < CONTROL_FDS; i++)
        fds[i] = (struct pollfd){.fd = -1};
    if (!self)
        return;
    fds[RD_CONTROL_CLIENTS] = (struct pollfd){.fd = self->fd, .events = POLLIN};
    for (unsigned i = 0; i < RD_CONTROL_CLIENTS; i++) {
        const struct client *client = &self->clients[i];

        fds[i].fd = client->fd;
        fds[i].events = client->answer ? POLLOUT : POLLIN;
    }
}

int control_socket_wait(const struct control_socket *self, uint64_t now_ms)
{
    uint64_t first_ms = UINT64_MAX;

    for (unsigned i = 0; self && i < RD_CONTROL_CLIENTS; i++)
        if (self->clients[i].fd >= 0 && self->clients[i].deadline_ms < first_ms)
            first_ms = self->clients[i].deadline_ms;
    if (first_ms == UINT64_MAX)
        return -1;
    return first_ms <= now_ms ? 0 : (int)(first_ms - now_ms);
}

static json_t *unknown_command(const struct control_socket *self)
{
    json_t *names = json_array();

    for (const struct control_command *command = self->commands; command->name; command++)
        json_array_append_new(names, json_string(command->name));
    return json_pack("{s:s, s:o}", "error", "unknown command", "commands", names);
}

static json_t *wrong_arguments(const struct control_command *command)
{
    char text[160];

    if (command->most == 0)
        snprintf(text, sizeof(text), "%s takes nothing more", command->name);
    else
        snprintf(text, sizeof(text),
                 "wrong arguments; allowed: %s %s, with single blanks between, in printable ASCII",
                 command->name, command->usage);
    return json_pack("{s:s}", "error", text);
}

/* The command that LINE begins with; *RET_REST: what is behind it, from a blank on. */
static const struct control_command *find_command(const struct control_socket *self, char *line,
                                                  size_t len, char **ret_rest)
{
    for (const struct control_command *command = self->commands; command->name; command++) {
        size_t n = strlen(command->name);

        *ret_rest = line + n;
        if (len >= n && memcmp(line, command->name, n) == 0 && (len == n || line[n] == ' '))
            return command;
    }
    return NULL;
}

/* Cuts TEXT, which is empty or begins with a blank, into words up to END, where a NUL may be put.
 * False: too many, or one is empty or not printable ASCII. */
static bool split(char *text, char *end, struct control_arguments *ret_arguments)
{
    *ret_arguments = (struct control_arguments){0};
    for (char *at = text; at < end; at++) {
        if (*at == ' ') {
            if (ret_arguments->n == CONTROL_ARGUMENTS || at + 1 == end || at[1] == ' ')
                return false;
            *at = '\0';
            ret_arguments->at[ret_arguments->n++] = at + 1;
        } else if (*at < ' ' || *at > '~') {
            return false;
        }
    }
    *end = '\0';
    return true;
}

static json_t *obey(struct control_socket *self, struct client *client)
{
    char *line = client->line, *rest;
    const struct control_command *command = find_command(self, line, client->len, &rest);
    struct control_arguments arguments;
    json_t *document;

    if (!command)
        return unknown_command(self);
    if (!split(rest, line + client->len, &arguments) || arguments.n < command->least ||
        arguments.n > command->most)
        return wrong_arguments(command);
    if (!command->take)
        return command->answer(self->context, &arguments);
    document = command->take(self->context, client->fd);
    if (!document)
        client->fd = -1;
    return document;
}

/* The line is complete, or too long. */
static void answer(struct control_socket *self, struct client *client, const char *error)
{
    json_t *document;

    while (client->len > 0 && client->line[client->len - 1] == '\r')
        client->len--;
    document = error ? json_pack("{s:s}", "error", error) : obey(self, client);
    client->answer = document ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (!client->answer) {
        close_client(client);
        return;
    }
    client->answer_len = strlen(client->answer);
    client->answer[client->answer_len++] = '\n'; /* in place of the NUL */
}

static void send_answer(struct client *client)
{
    ssize_t n = send(client->fd, client->answer + client->sent, client->answer_len - client->sent,
                     MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0)
        client->sent += (size_t)n;
    if ((n < 0 && errno != EAGAIN && errno != EINTR) || client->sent == client->answer_len)
        close_client(client);
}

static void read_line(struct control_socket *self, struct client *client)
{
    ssize_t n = recv(client->fd, client->line + client->len, RD_CONTROL_LINE_BYTES - client->len,
                     MSG_DONTWAIT);
    const char *end;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0 || (n == 0 && client->len == 0)) {
        close_client(client);
        return;
    }
    end = memchr(client->line + client->len, '\n', (size_t)n);
    client->len = end ? (size_t)(end - client->line) : client->len + (size_t)n;
    if (end || n == 0)
        answer(self, client, NULL);
    else if (client->len == RD_CONTROL_LINE_BYTES)
        answer(self, client, "the line is too long");
    if (client->answer)
        send_answer(client);
}

static void take_client(struct control_socket *self, uint64_t now_ms)
{
    struct client *slot = &self->clients[0];
    int fd = accept4(self->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    for (unsigned i = 0; i < RD_CONTROL_CLIENTS && slot->fd >= 0; i++) {
        struct client *client = &self->clients[i];

        if (client->fd < 0 || client->deadline_ms < slot->deadline_ms)
            slot = client;
    }
    close_client(slot);
    slot->fd = fd;
    slot->deadline_ms = now_ms + CLIENT_MS;
}

void control_socket_serve(struct control_socket *self, const struct pollfd fds[CONTROL_FDS],
                          uint64_t now_ms)
{
    for (unsigned i = 0; self && i < RD_CONTROL_CLIENTS; i++) {
        struct client *client = &self->clients[i];

        if (client->fd < 0 || client->fd != fds[i].fd)
            continue;
        if (fds[i].revents && client->answer)
            send_answer(client);
        else if (fds[i].revents)
            read_line(self, client);
        if (client->fd >= 0 && client->deadline_ms <= now_ms)
            close_client(client);
    }
    if (self && fds[RD_CONTROL_CLIENTS].revents)
        take_client(self, now_ms);
}
