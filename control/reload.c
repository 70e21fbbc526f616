/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reload.c - a new configuration, or new servers, while queries are answered.
 *
 * All of the new one is checked before any of it is used; then the workers get it as one snapshot.
 * Thread: main.
 * Not here: freeing the old snapshots (loop.c, snapshot.c).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_value.h"
#include "ringdns/log.h"
#include "servers.h"
#include "service.h"

enum { RETRY_MS = 1000, TEXT_BYTES = 1024 };

void service_publish(struct service *service)
{
    int r = snapshots_make(&service->snapshots, &service->effective);

    if (r < 0) {
        if (service->publish_ms == 0)
            rd_log(RD_LOG_WARNING, "the new configuration waits, the old one stays in use: %s",
                   r == -ENOSPC ? "too many servers were in use a moment ago" : strerror(-r));
        service->publish_ms = machine_now_ms() + RETRY_MS;
        return;
    }
    service->publish_ms = 0;
    service->collecting = true;
    crew_publish(&service->crew, snapshots_newest(&service->snapshots));
}

static void log_errors(struct config_errors *errors)
{
    char line[64];
    const char *text;

    for (unsigned i = 0; (text = config_errors_line(errors, i, line)); i++)
        rd_log(RD_LOG_ERROR, "%s", text);
    rd_log(RD_LOG_ERROR, "the configuration stays as it was");
    config_errors_clear(errors);
}

/* What a reload cannot change keeps its value. */
static void keep_fixed(struct service *service, struct rd_config *configured)
{
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++) {
        const struct config_option *option = &config_options[i];
        void *old, *new;

        if (!option->restart)
            continue;
        assert(!option->pool); /* pools come and go: each of their options is live */
        old = config_value(option, &service->configured, 0);
        new = config_value(option, configured, 0);
        if (config_value_equal(option, old, new))
            continue;
        rd_log(RD_LOG_WARNING, "%s changed: it keeps its old value until the next start",
               option->key);
        memcpy(new, old, option->size);
    }
}

/* The servers of the system in CONFIG's pool; those of before where there are none now. */
static void refill(const struct service *service, struct rd_config *config)
{
    int r = servers_read(service->resolv_path, config);

    if (r == 0)
        return;
    rd_log(RD_LOG_WARNING, "%s names no server that can be used (%s); those of before are asked on",
           service->resolv_path, strerror(-r));
    config->pools[0].servers = service->effective.pools[0].servers;
}

/* Follows the file where its servers are used, and only there. */
static void follow(struct service *service, bool from_system)
{
    if (!from_system)
        resolv_watch_close(&service->watch);
    else if (service->watch.fd < 0 && resolv_watch_open(&service->watch, service->resolv_path) < 0)
        rd_log(RD_LOG_WARNING, "changes of %s will not be noticed", service->resolv_path);
}

static void log_servers(const struct service *service)
{
    char text[TEXT_BYTES];

    rd_log(RD_LOG_INFO, "forwarding to %s%s%s",
           servers_format(&service->effective.pools[0].servers, text, sizeof(text)),
           servers_from_system(&service->configured) ? " of " : "",
           servers_from_system(&service->configured) ? service->resolv_path : "");
    service_log_pools(service);
}

/* A configuration that may replace the present one. */
struct candidate {
    struct rd_config configured, effective;
    struct config_given given;
};

/* Reads and checks all of it. False: errors were added. */
static bool prepare(struct service *service, struct candidate *new, struct config_errors *errors)
{
    if (!options_load(service->options, &new->configured, &new->given, errors))
        return false;
    keep_fixed(service, &new->configured);
    new->effective = new->configured;
    new->effective.listen = service->effective.listen;
    servers_check(&new->effective, errors);
    servers_check_sources(&new->effective, errors);
    return errors->n == 0;
}

void service_reload(struct service *service)
{
    struct candidate *new = calloc(1, sizeof(*new));
    struct config_errors errors = {0};

    if (!new) {
        rd_log(RD_LOG_ERROR, "no memory to read the configuration; it stays as it was");
        return;
    }
    if (prepare(service, new, &errors)) {
        follow(service, servers_from_system(&new->configured));
        if (servers_from_system(&new->configured))
            refill(service, &new->effective);
        service->configured = new->configured;
        service->effective = new->effective;
        service_publish(service);
        rd_log(RD_LOG_INFO, "the configuration was read again");
        log_servers(service);
    } else {
        log_errors(&errors);
    }
    free(new);
}

void service_servers_changed(struct service *service)
{
    const struct config_option *option = &config_options[CONFIG_POOL_servers];
    struct rd_server_list *servers = &service->effective.pools[0].servers;
    struct rd_server_list before = *servers;

    if (!servers_from_system(&service->configured))
        return;
    refill(service, &service->effective);
    if (config_value_equal(option, &before, servers))
        return;
    service_publish(service);
    log_servers(service);
}
