/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolv_conf.c - reads the nameserver lines of resolv.conf(5).
 *
 * Another program writes this file, so what cannot be used is skipped with a warning rather than
 * refused: the servers that are left still serve.
 * Thread: main.
 * Not here: search lists and options, which are a stub's; noticing changes (resolv_watch.c).
 */
#include "resolv_conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "ringdns/dns.h"
#include "ringdns/log.h"

struct reading {
    const char *path;
    unsigned line;
    const struct rd_address_list *listen;
    const struct local_addresses *local;
    struct rd_server_list servers;
};

static void leave_out(const struct reading *reading, const char *text, const char *why)
{
    rd_log(RD_LOG_WARNING, "%s:%u: name server %s is left out: %s", reading->path, reading->line,
           text, why);
}

static void take_server(struct reading *reading, const char *text)
{
    struct rd_server_list *servers = &reading->servers;
    union rd_address server;
    const char *wrong = address_parse(text, RD_DNS_PORT, &server);

    if (!wrong && !address_is_host(&server))
        wrong = "not the address of one host";
    if (!wrong && own_listener(reading->listen, reading->local, &server) >= 0)
        wrong = "it is this forwarder itself";
    if (!wrong && servers->n == RD_MAX_SERVERS)
        wrong = "there are too many";
    if (wrong) {
        leave_out(reading, text, wrong);
        return;
    }
    for (uint32_t i = 0; i < servers->n; i++)
        if (rd_address_equal(&servers->at[i].address, &server))
            return;
    servers->at[servers->n++] = (struct rd_server_config){.address = server, .weight = 1};
}

static void take_line(struct reading *reading, char *line)
{
    char *rest, *word = strtok_r(line, " \t\r\n", &rest);

    if (!word || strcmp(word, "nameserver") != 0)
        return;
    word = strtok_r(NULL, " \t\r\n", &rest);
    if (word)
        take_server(reading, word);
    else
        leave_out(reading, "(none)", "the line has no address");
}

int resolv_conf_read(const char *path, const struct rd_address_list *listen,
                     const struct local_addresses *local, struct rd_server_list *ret_servers)
{
    struct reading reading = {.path = path, .listen = listen, .local = local};
    FILE *file = fopen(path, "re");
    size_t size = 0, total = 0;
    char *line = NULL;
    ssize_t len;
    int error = 0;

    if (!file)
        return -errno;
    errno = 0;
    while (total <= RD_CONFIG_FILE_BYTES && (len = getline(&line, &size, file)) >= 0) {
        total += (size_t)len;
        reading.line++;
        take_line(&reading, line);
    }
    if (ferror(file))
        error = errno ? errno : EIO;
    free(line);
    fclose(file);
    if (error == 0)
        *ret_servers = reading.servers;
    return -error;
}
