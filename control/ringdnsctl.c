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

#include "cache_table.h"
#include "config_schema.h"
#include "escape.h"
#include "stats_text.h"
#include "upstreams_text.h"

enum { OK = 0, FAILED = 1, USAGE = 2 };
/* A flush below a name goes through the whole cache, and a dump's thread gives way to the workers.
 */
enum { TIMEOUT_S = 5, LONG_TIMEOUT_S = 60 };
enum { ANSWER_BYTES = 16 << 20, CHUNK_BYTES = 65536 };

static const char usage[] =
    "ringdnsctl [-s PATH] COMMAND: asks a running ringdns\n"
    "\n"
    "  stats [--json]      counters, in all and per worker\n"
    "  status [--json]     what runs, since when, whom it asks, who of them is not up\n"
    "  upstreams [--json]  each upstream: its state, counters and round-trip times\n"
    "  cache stats [--json]\n"
    "                      what the cache holds, how often it had the answer\n"
    "  cache lookup NAME [--json]\n"
    "                      what is known of NAME, of every type and pool\n"
    "  cache flush NAME [--suffix] [--json]\n"
    "                      forgets NAME, or NAME and all below it\n"
    "  cache flush-all [--json]\n"
    "                      forgets everything\n"
    "  cache dump          every entry of the cache, a line each\n"
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
    const char *name;                                /* words with blanks between */
    bool (*show)(const json_t *document, FILE *out); /* false: it is no such answer; NULL: text */
    const char *lacks;
    const char *arguments; /* what follows; NULL: nothing */
    bool suffix;           /* --suffix may follow */
    unsigned timeout_s;    /* 0: TIMEOUT_S */
} commands[] = {
    {"stats", stats_table, "the answer holds no counters"},
    {"status", write_indented, ""},
    {"upstreams", upstreams_table, "the answer holds no upstreams"},
    {"cache stats", cache_stats_table, "the answer holds no counters"},
    {"cache lookup", cache_lookup_table, "the answer holds no entries", "NAME"},
    {"cache flush", cache_flush_table, "the answer holds no number", "NAME [--suffix]", true,
     LONG_TIMEOUT_S},
    {"cache flush-all", cache_flush_all_table, "the answer does not say so"},
    {"cache dump", NULL, "", NULL, false, LONG_TIMEOUT_S},
    {NULL, NULL, NULL},
};

/* What the command line says. */
struct request {
    const struct command *command;
    const char *path;
    bool json;
    char line[RD_CONTROL_LINE_BYTES]; /* with a newline */
};

static int fail(const char *path, const char *what, const char *advice)
{
    fprintf(stderr, "ringdnsctl: %s: %s%s\n", path, what, advice);
    return -1;
}

static int connect_to(const char *path, unsigned timeout_s)
{
    const struct timeval timeout = {.tv_sec = timeout_s};
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

static unsigned timeout_of(const struct request *request)
{
    return request->command->timeout_s ? request->command->timeout_s : TIMEOUT_S;
}

/* Sends the line; a descriptor to read from, or -1: what is wrong was said. */
static int say(const struct request *request)
{
    size_t len = strlen(request->line);
    int fd = connect_to(request->path, timeout_of(request));

    if (fd < 0 || send(fd, request->line, len, MSG_NOSIGNAL) == (ssize_t)len)
        return fd;
    close(fd);
    return fail(request->path, "the command could not be sent", "");
}

/* N: what the last recv() gave. */
static int broke_off(const struct request *request, ssize_t n)
{
    char what[32];

    snprintf(what, sizeof(what), "no answer in %u s", timeout_of(request));
    fail(request->path, n < 0 && errno == EAGAIN ? what : "the answer broke off", "");
    return FAILED;
}

/* The whole answer; NULL: what is wrong was said. */
static char *ask(const struct request *request)
{
    char *answer = calloc(1, ANSWER_BYTES);
    int fd = answer ? say(request) : -1;
    size_t len = 0;
    ssize_t n = 0;

    if (fd < 0) {
        free(answer);
        return NULL;
    }
    while (len < ANSWER_BYTES - 1 && (n = recv(fd, answer + len, ANSWER_BYTES - 1 - len, 0)) > 0)
        len += (size_t)n;
    if (n == 0 && len > 0 && answer[len - 1] == '\n') {
        close(fd);
        return answer;
    }
    broke_off(request, n);
    close(fd);
    free(answer);
    return NULL;
}

static int show(const struct request *request, const char *answer)
{
    const char *path = request->path;
    json_t *document = json_loads(answer, 0, NULL);
    const char *error = json_string_value(json_object_get(document, "error"));
    char shown[512];
    int status = OK;

    if (error) {
        fail(path, "ringdns says: ", escape_text(error, strlen(error), shown, sizeof(shown)));
        status = FAILED;
    } else if (!document) {
        fail(path, "the answer is no JSON", "; is that socket ringdns' own?");
        status = FAILED;
    } else if (request->json) {
        fputs(answer, stdout);
    } else if (!request->command->show(document, stdout)) {
        fail(path, request->command->lacks, "; is that socket ringdns' own?");
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

/* The answer is lines of text, of any number, the last of which begins with "; "; or an error. */
struct copy {
    char last[4]; /* how the present line begins */
    size_t column;
    bool ended; /* the line before was complete */
};

static void follow_lines(struct copy *copy, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (copy->ended)
            copy->column = 0;
        if (copy->column < sizeof(copy->last))
            copy->last[copy->column] = text[i];
        copy->column++;
        copy->ended = text[i] == '\n';
    }
}

static int copy_lines(const struct request *request)
{
    static char chunk[CHUNK_BYTES + 1];
    struct copy copy = {.ended = true};
    int fd = say(request);
    ssize_t n = 0;
    int status;

    if (fd < 0)
        return FAILED;
    while ((n = recv(fd, chunk, CHUNK_BYTES, 0)) > 0) {
        chunk[n] = '\0';
        if (copy.column == 0 && chunk[0] == '{') {
            close(fd);
            return show(request, chunk);
        }
        follow_lines(&copy, chunk, (size_t)n);
        if (fwrite(chunk, 1, (size_t)n, stdout) != (size_t)n)
            break;
    }
    status = n > 0 || fflush(stdout) != 0 ? FAILED : OK;
    if (status == OK && (n < 0 || !copy.ended || copy.column < 2 || copy.last[0] != ';'))
        status = broke_off(request, n);
    close(fd);
    return status;
}

static int unknown_command(int argc, char **argv)
{
    bool two = argc > 1 && strcmp(argv[0], "cache") == 0;
    char text[160], shown[96];

    snprintf(text, sizeof(text), "%s%s%.100s", argv[0], two ? " " : "", two ? argv[1] : "");
    fprintf(stderr, "ringdnsctl: unknown command %s; there are",
            escape_text(text, strlen(text), shown, sizeof(shown)));
    for (const struct command *command = commands; command->name; command++)
        fprintf(stderr, "%s %s", command == commands ? "" : ",", command->name);
    fputs("; see ringdnsctl --help\n", stderr);
    return USAGE;
}

/* The command whose words ARGV begins with; *RET_N: how many they are. */
static const struct command *find_command(int argc, char **argv, int *ret_n)
{
    for (const struct command *command = commands; command->name; command++) {
        const char *at = command->name;

        for (int i = 0; i < argc && strncmp(at, argv[i], strlen(argv[i])) == 0; i++) {
            at += strlen(argv[i]);
            *ret_n = i + 1;
            if (*at == '\0')
                return command;
            if (*at++ != ' ')
                break;
        }
    }
    return NULL;
}

/* A name cannot be cut into words on the way, so it has no blank. */
static bool is_word(const char *text)
{
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~')
            return false;
    return text[0] != '\0';
}

/* Reads the command and its arguments. OK, or what is wrong was said. */
static int read_command(int argc, char **argv, bool suffix, struct request *request)
{
    const struct command *command;
    const char *argument = NULL;
    int n = 0;

    if (argc == 0)
        return wrong_usage("no command", "");
    command = find_command(argc, argv, &n);
    if (!command)
        return unknown_command(argc, argv);
    if (argc > n && !command->arguments)
        return wrong_usage("one command at a time", "");
    if (command->arguments && argc != n + 1)
        return wrong_usage(command->name, argc == n ? " takes a NAME" : " takes one NAME");
    if (suffix && !command->suffix)
        return wrong_usage("--suffix is for cache flush alone", "");
    if (request->json && !command->show)
        return wrong_usage(command->name, " has no --json");
    if (command->arguments)
        argument = argv[n];
    if (argument && (!is_word(argument) || strlen(argument) > RD_NAME_TEXT_BYTES))
        return wrong_usage("not printable ASCII, or too long; a byte of a name may be written as "
                           "\\DDD, decimal: ",
                           argument);
    request->command = command;
    snprintf(request->line, sizeof(request->line), "%s%s%s%s\n", command->name, argument ? " " : "",
             argument ? argument : "", suffix ? " --suffix" : "");
    return OK;
}

static int act(const struct request *request)
{
    char *answer;
    int status;

    if (!request->command->show)
        return copy_lines(request);
    answer = ask(request);
    if (!answer)
        return FAILED;
    status = show(request, answer);
    free(answer);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option flags[] = {{"json", no_argument, NULL, 'j'},
                                          {"suffix", no_argument, NULL, 'x'},
                                          {"version", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    static struct request request;
    bool suffix = false;
    int flag, status;

    request.path = config_options[CONFIG_control].initial;
    while ((flag = getopt_long(argc, argv, "s:h", flags, NULL)) >= 0) {
        if (flag == 's') {
            request.path = optarg;
        } else if (flag == 'j') {
            request.json = true;
        } else if (flag == 'x') {
            suffix = true;
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
    status = read_command(argc - optind, argv + optind, suffix, &request);
    return status == OK ? act(&request) : status;
}
