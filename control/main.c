/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the program ringdns: what the command line asks for, then the service.
 *
 * Thread: main, before there is any other.
 * Not here: everything that can be tested without a process.
 */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config_print.h"
#include "config_route.h"
#include "resolv_conf.h"
#include "ringdns/log.h"
#include "servers.h"
#include "service.h"
#include "stats_text.h"

enum { TEXT_BYTES = 1024 };

/* For the actions that print: whether it all got out. */
static enum exit_status printed(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_STOPPED;
    rd_log(RD_LOG_ERROR, "standard output cannot be written: %s", strerror(errno));
    return EXIT_TROUBLE;
}

static enum exit_status refuse(struct config_errors *errors)
{
    config_errors_print(errors, stderr);
    config_errors_clear(errors);
    return EXIT_CONFIG;
}

static void print_default(const struct options *options, struct rd_config *config)
{
    const char *from = "the configuration";
    char text[TEXT_BYTES];

    for (unsigned i = 0; i < options->n; i++)
        if (options->overrides[i].option == &config_options[CONFIG_POOL_servers])
            from = "the command line";
    if (!servers_from_system(config))
        printf("%s, from %s", servers_format(&config->pools[0].servers, text, sizeof(text)), from);
    else if (servers_read(RESOLV_CONF_PATH, config) == 0)
        printf("%s, from " RESOLV_CONF_PATH,
               servers_format(&config->pools[0].servers, text, sizeof(text)));
    else
        fputs("no server, as " RESOLV_CONF_PATH " names none that can be used; ringdns would not "
              "start",
              stdout);
}

static enum exit_status check(const struct options *options, struct rd_config *config,
                              const struct config_given *given)
{
    struct config_errors errors = {0};
    char text[TEXT_BYTES];

    servers_fit_listen(given, config);
    servers_check(config, &errors);
    if (errors.n > 0)
        return refuse(&errors);
    printf("OK: %s\n", options->file ? options->file : "no file, defaults and command line");
    for (unsigned i = 0; i < config->n_pools; i++) {
        unsigned routes = config_routes_to(config, i);

        printf("pool %s: ", config->pools[i].name);
        if (i == 0)
            print_default(options, config);
        else
            fputs(servers_format(&config->pools[i].servers, text, sizeof(text)), stdout);
        printf("; %u route%s%s\n", routes, routes == 1 ? "" : "s",
               i == 0 ? ", and all other names" : "");
    }
    return printed();
}

static int open_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -1;
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static enum exit_status serve(const struct options *options, const struct rd_config *config,
                              const struct config_given *given)
{
    static struct service service;
    enum exit_status status;
    int signal_fd;

    signal_fd = open_signals();
    if (signal_fd < 0 || sodium_init() < 0) {
        rd_log(RD_LOG_ERROR, "cannot start: %s",
               signal_fd < 0 ? strerror(errno) : "no source of random numbers");
        return EXIT_TROUBLE;
    }
    status = service_start(&service, options, config, given, RESOLV_CONF_PATH);
    if (status == EXIT_STOPPED)
        status = service_run(&service, signal_fd);
    service_close(&service);
    close(signal_fd);
    return status;
}

static enum exit_status act(const struct options *options)
{
    static struct rd_config config;
    struct config_errors errors = {0};
    struct config_given given;

    switch (options->action) {
    case OPTIONS_HELP:
        fputs(options_help, stdout);
        return printed();
    case OPTIONS_VERSION:
        puts("ringdns " RINGDNS_VERSION);
        return printed();
    case OPTIONS_HELP_CONFIG:
        config_help(options->markdown, stdout);
        return printed();
    case OPTIONS_HELP_STATS:
        stats_help(options->markdown, stdout);
        return printed();
    default:
        break;
    }
    if (!options_load(options, &config, &given, &errors))
        return refuse(&errors);
    if (options->action == OPTIONS_DUMP) {
        config_dump(&config, stdout);
        return printed();
    }
    return options->action == OPTIONS_CHECK ? check(options, &config, &given)
                                            : serve(options, &config, &given);
}

int main(int argc, char **argv)
{
    static struct options options;
    static struct rd_config config;
    struct config_errors errors = {0};
    struct config_given given;

    if (options_parse(argc, argv, &options, &errors))
        return (int)act(&options);
    /* Not used, but its errors are shown together with those of the usage. */
    options_load(&options, &config, &given, &errors);
    return (int)refuse(&errors);
}
