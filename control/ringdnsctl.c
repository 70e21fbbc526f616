/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ringdnsctl.c - the operator's tool: sends a line to the control socket, shows the answer.
 *
 * It knows no counter by name: what the server sends is what it shows.
 * Not here: any access to the server but through its socket.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "config_schema.h"
#include "escape.h"
#include "stats_text.h"
#include "upstreams_text.h"

enum { OK = 0, FAILED = 1, USAGE = 2 };
enum { TIMEOUT_S = 5, ANSWER_BYTES = 16 << 20 };

static const char usage[] =
    "ringdnsctl [-s PATH] COMMAND: asks a running ringdns\n"
    "\n"
    "  stats [--json]      counters, in all and per worker\n"
    "  status [--json]     what runs, since when, whom it asks, who of them is not up\n"
    "  upstreams [--json]  each upstream: its state, counters and round-trip times\n"
    "\n"
    "  -s PATH             the control socket (default: %s)\n"
    "  --version, --help\n"
    "\n"
    "Exit status: 0 done, 1 no answer or an error from ringdns, 2 wrong usage.\n";

static bool write_indented(const json_t *document, FILE *out)
{
    json_dumpf(document, out, JSON_INDENT(2));
    fputc('\n', out);
    return true;
}

static const struct command {
    const char *name;
    bool (*show)(const json_t *document, FILE *out); /* false: it is no such answer */
    const char *lacks;
} commands[] = {
    {"stats", stats_table, "the answer holds no counters"},
    {"status", write_indented, ""},
    {"upstreams", upstreams_table, "the answer holds no upstreams"},
    {NULL, NULL, NULL},
};

static int fail(const char *path, const char *what, const char *advice)
{
    fprintf(stderr, "ringdnsctl: %s: %s%s\n", path, what, advice);
    return -1;
}

static int connect_to(const char *path)
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        close(fd);
        return fail(path, "the path is too long for a socket", "");
    }
    memcpy(address.sun_path, path, strlen(path));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    switch (errno) {
    case ENOENT:
        fail(path, "there is no such socket", "; is ringdns running? Another path: -s PATH");
        break;
    case ECONNREFUSED:
        fail(path, "nobody answers there", "; is ringdns running?");
        break;
    case EACCES:
    case EPERM:
        fail(path, "no permission", "; become root or a member of the socket's group");
        break;
    default:
        fail(path, strerror(errno), "");
    }
    close(fd);
    return -1;
}

/* The whole answer; NULL: what is wrong was said. */
static char *ask(const char *path, const char *command)
{
    char line[64];
    char *answer;
    size_t len = 0;
    ssize_t n = 0;
    int fd = connect_to(path);

    if (fd < 0)
        return NULL;
    snprintf(line, sizeof(line), "%s\n", command);
    answer = calloc(1, ANSWER_BYTES);
    if (answer && send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line))
        while (len < ANSWER_BYTES - 1 &&
               (n = recv(fd, answer + len, ANSWER_BYTES - 1 - len, 0)) > 0)
            len += (size_t)n;
    close(fd);
    if (answer && n == 0 && len > 0 && answer[len - 1] == '\n')
        return answer;
    fail(path, n < 0 && errno == EAGAIN ? "no answer in 5 s" : "the answer broke off", "");
    free(answer);
    return NULL;
}

static int show(const char *path, const struct command *command, bool json, const char *answer)
{
    json_t *document = json_loads(answer, 0, NULL);
    const char *error = json_string_value(json_object_get(document, "error"));
    char shown[256];
    int status = OK;

    if (error) {
        fail(path, "ringdns says: ", escape_text(error, strlen(error), shown, sizeof(shown)));
        status = FAILED;
    } else if (!document) {
        fail(path, "the answer is no JSON", "; is that socket ringdns' own?");
        status = FAILED;
    } else if (json) {
        fputs(answer, stdout);
    } else if (!command->show(document, stdout)) {
        fail(path, command->lacks, "; is that socket ringdns' own?");
        status = FAILED;
    }
    json_decref(document);
    return fflush(stdout) == 0 ? status : FAILED;
}

static int wrong_usage(const char *what, const char *text)
{
    char shown[96];

    fprintf(stderr, "ringdnsctl: %s%s; see ringdnsctl --help\n", what,
            escape_text(text, strlen(text), shown, sizeof(shown)));
    return USAGE;
}

static int unknown_command(const char *text)
{
    char shown[96];

    fprintf(stderr, "ringdnsctl: unknown command %s; there are",
            escape_text(text, strlen(text), shown, sizeof(shown)));
    for (const struct command *command = commands; command->name; command++)
        fprintf(stderr, "%s %s", command == commands ? "" : ",", command->name);
    fputs("; see ringdnsctl --help\n", stderr);
    return USAGE;
}

int main(int argc, char **argv)
{
    static const struct option flags[] = {{"json", no_argument, NULL, 'j'},
                                          {"version", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *path = config_options[CONFIG_control].initial;
    const struct command *command = commands;
    bool json = false;
    char *answer;
    int flag, status;

    while ((flag = getopt_long(argc, argv, "s:h", flags, NULL)) >= 0) {
        if (flag == 's') {
            path = optarg;
        } else if (flag == 'j') {
            json = true;
        } else if (flag == 'v') {
            puts("ringdnsctl " RINGDNS_VERSION);
            return OK;
        } else if (flag == 'h') {
            printf(usage, config_options[CONFIG_control].initial);
            return OK;
        } else {
            return USAGE;
        }
    }
    if (optind + 1 != argc)
        return wrong_usage(optind == argc ? "no command" : "one command at a time", "");
    while (command->name && strcmp(command->name, argv[optind]) != 0)
        command++;
    if (!command->name)
        return unknown_command(argv[optind]);
    answer = ask(path, command->name);
    if (!answer)
        return FAILED;
    status = show(path, command, json, answer);
    free(answer);
    return status;
}
