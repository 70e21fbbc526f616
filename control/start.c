/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * start.c - from a configuration to workers that run.
 *
 * The order is that of what may fail for reasons an operator can mend: servers, descriptors,
 * listeners, the control socket, threads. Each failure is one sentence and an exit status.
 * Thread: main.
 * Not here: reading the configuration (options.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cache_setup.h"
#include "config_pool.h"
#include "config_route.h"
#include "explain.h"
#include "ringdns/io.h"
#include "ringdns/log.h"
#include "servers.h"
#include "service.h"

enum { TEXT_BYTES = 1024, PORTS_LEFT_MIN = 1024 };

static void log_errors(struct config_errors *errors)
{
    char line[64];
    const char *text;

    for (unsigned i = 0; (text = config_errors_line(errors, i, line)); i++)
        rd_log(RD_LOG_ERROR, "%s", text);
    config_errors_clear(errors);
}

static enum exit_status settle_servers(struct service *service)
{
    enum exit_status status = EXIT_STOPPED;
    struct config_errors errors = {0};
    int r;

    if (servers_from_system(&service->effective)) {
        r = servers_read(service->resolv_path, &service->effective);
        if (r < 0) {
            rd_log(RD_LOG_ERROR,
                   "no server to forward to: none is configured, and %s names none that can be "
                   "used (%s); give one with --forward ADDRESS or upstreams.default.servers",
                   service->resolv_path, strerror(-r));
            return EXIT_TROUBLE;
        }
    }
    servers_check(&service->effective, &errors);
    if (errors.n > 0)
        status = EXIT_CONFIG;
    /* As for a listener: the configuration may be right, and the machine not yet. */
    servers_check_sources(&service->effective, &errors);
    if (errors.n > 0 && status == EXIT_STOPPED)
        status = EXIT_TROUBLE;
    log_errors(&errors);
    return status;
}

static enum exit_status choose_io(struct service *service)
{
    enum rd_io_kind asked = service->configured.io;
    enum rd_io_kind first = asked == RD_IO_AUTO ? RD_IO_URING : asked;
    char why[TEXT_BYTES] = "";
    int r = rd_io_probe(first, why, sizeof(why));

    if (r == 0) {
        service->io = first;
        if (asked == RD_IO_AUTO)
            rd_log(RD_LOG_INFO, "io auto: %s, which works here", rd_io_name(first));
        return EXIT_STOPPED;
    }
    if (asked != RD_IO_AUTO) {
        rd_log(RD_LOG_ERROR, "io %s cannot be used: %s; io auto takes what works",
               rd_io_name(asked), why);
        return EXIT_TROUBLE;
    }
    service->io = RD_IO_SYSCALL;
    rd_log(RD_LOG_WARNING, "io auto: falls back to syscall, as uring cannot be used: %s", why);
    return EXIT_STOPPED;
}

static void warn_of_descriptors(uint64_t limit, const struct machine_need *need,
                                const struct crew_plan *plan)
{
    uint64_t ports = (uint64_t)need->ports * need->servers;

    if (plan->max_ports < ports)
        rd_log(RD_LOG_WARNING,
               "the limit on file descriptors (%" PRIu64
               ") leaves each worker %u source ports in place of %" PRIu64
               "; raise it (ulimit -n, LimitNOFILE=)",
               limit, plan->max_ports, ports);
    if (plan->max_connections < need->clients)
        rd_log(RD_LOG_WARNING,
               "the limit on file descriptors (%" PRIu64
               ") leaves each worker %u TCP connections of clients in place of %" PRIu32
               "; raise it (ulimit -n, LimitNOFILE=) or lower tcp.connections",
               limit, plan->max_connections, need->clients);
}

static enum exit_status plan_descriptors(const struct service *service, struct crew_plan *plan)
{
    const struct rd_config *config = &service->effective;
    const struct machine_need need = {.workers = service->workers,
                                      .servers = config_servers_count(config),
                                      .listeners = config->listen.n,
                                      .ports = config->ports_per_upstream,
                                      .links = config->tcp_per_worker,
                                      .clients = config->tcp_connections};
    uint64_t limit = machine_descriptors(), needed;
    struct machine_share share;

    if (!machine_share(limit, &need, &share, &needed)) {
        rd_log(RD_LOG_ERROR,
               "the limit on file descriptors is too low: there may be %" PRIu64
               ", %u workers and %u servers need at least %" PRIu64
               "; raise it (ulimit -n, LimitNOFILE= in a systemd unit) or lower workers",
               limit, need.workers, need.servers, needed);
        return EXIT_TROUBLE;
    }
    plan->max_ports = share.ports;
    plan->max_connections = share.connections;
    warn_of_descriptors(limit, &need, plan);
    return EXIT_STOPPED;
}

static enum exit_status plan_ports(const struct service *service, struct crew_plan *plan,
                                   struct rd_port_list *avoid)
{
    unsigned left =
        machine_ports_avoid(&service->effective.ports_avoid, MACHINE_RESERVED_PORTS, avoid);

    if (left < PORTS_LEFT_MIN) {
        rd_log(RD_LOG_ERROR,
               "ports.avoid and net.ipv4.ip_local_reserved_ports leave %u ports to send from; "
               "at least %u are needed for them to be hard to guess",
               left, PORTS_LEFT_MIN);
        return EXIT_TROUBLE;
    }
    plan->ports_avoid = avoid;
    return EXIT_STOPPED;
}

static enum exit_status open_control(struct service *service)
{
    const char *path = service->configured.control;
    int r = control_socket_open(path, service_commands, service, &service->control);

    if (r == 0)
        return EXIT_STOPPED;
    if (r == -EADDRINUSE) {
        rd_log(RD_LOG_ERROR,
               "the control socket %s is in use: another ringdns answers there, or it is a file "
               "of another kind; give another path with --control",
               path);
        return EXIT_TROUBLE;
    }
    if (service->given.option[CONFIG_control]) {
        rd_log(RD_LOG_ERROR,
               "the control socket %s cannot be made (%s); give another path with "
               "--control",
               path, strerror(-r));
        return EXIT_TROUBLE;
    }
    rd_log(RD_LOG_WARNING,
           "goes on without a control socket: %s cannot be made (%s); give a path with --control "
           "to use ringdnsctl",
           path, strerror(-r));
    return EXIT_STOPPED;
}

static enum exit_status fail(const struct service *service, int error,
                             const struct rd_failure *failure)
{
    char text[TEXT_BYTES];

    rd_log(RD_LOG_ERROR, "%s",
           explain_failure(error, failure, &service->effective.listen, service->io, text,
                           sizeof(text)));
    return EXIT_TROUBLE;
}

/* Where io auto took a uring that works in small, but not at full size, syscall is left. */
static bool fall_back(struct service *service, int error, const struct rd_failure *failure)
{
    char text[TEXT_BYTES];

    if (service->configured.io != RD_IO_AUTO || service->io != RD_IO_URING ||
        failure->listener >= 0)
        return false;
    explain_failure(error, failure, &service->effective.listen, service->io, text, sizeof(text));
    rd_log(RD_LOG_WARNING, "io auto: falls back to syscall: %s", text);
    crew_stop(&service->crew);
    crew_join(&service->crew);
    crew_close(&service->crew);
    service->io = RD_IO_SYSCALL;
    return true;
}

/* What the workers share: the configuration, the cache, the exchange. */
static enum exit_status make_shared(struct service *service, struct crew_plan *plan)
{
    int r = snapshots_init(&service->snapshots);

    if (r == 0)
        r = snapshots_make(&service->snapshots, &service->effective);
    if (r < 0)
        return fail(service, r, &(struct rd_failure){"prepare the configuration", -1});
    r = machine_random(plan->hash_key, sizeof(plan->hash_key));
    if (r < 0)
        return fail(service, r, &(struct rd_failure){"draw random numbers", -1});
    if (!cache_open(&service->configured, service->workers, plan->hash_key, &service->cache))
        return EXIT_TROUBLE;
    cache_restore(snapshots_newest(&service->snapshots), service->cache);
    if (service->workers > 1) {
        service->exchange = rd_exchange_new(service->workers, service->configured.inflight_queries);
        if (!service->exchange)
            return fail(service, -ENOMEM, &(struct rd_failure){"make the exchange", -1});
    }
    plan->fleet = service->snapshots.fleet;
    plan->snapshot = snapshots_newest(&service->snapshots);
    plan->cache = service->cache;
    plan->exchange = service->exchange;
    return EXIT_STOPPED;
}

static enum exit_status start_crew(struct service *service, struct crew_plan *plan)
{
    struct rd_failure failure = {"start", -1};
    int r;

    do {
        plan->io = service->io;
        r = crew_open(plan, &service->crew, &failure);
        if (r == 0)
            r = crew_start(&service->crew, &failure);
    } while (r < 0 && fall_back(service, r, &failure));
    return r < 0 ? fail(service, r, &failure) : EXIT_STOPPED;
}

static enum exit_status start_workers(struct service *service)
{
    unsigned cpus[RD_MAX_WORKERS];
    struct rd_port_list avoid;
    struct crew_plan plan = {.cpus = cpus};
    enum exit_status status;

    plan.n_cpus = machine_cpus(cpus);
    service->workers = service->configured.workers ? service->configured.workers : plan.n_cpus;
    plan.workers = service->workers;
    if (plan.workers > plan.n_cpus)
        rd_log(RD_LOG_WARNING, "%u workers share %u CPUs: more than one each does not help",
               plan.workers, plan.n_cpus);
    status = plan_descriptors(service, &plan);
    if (status == EXIT_STOPPED)
        status = plan_ports(service, &plan, &avoid);
    /* Before there are threads: making the socket sets the process's umask for a moment. */
    if (status == EXIT_STOPPED)
        status = open_control(service);
    if (status == EXIT_STOPPED)
        status = make_shared(service, &plan);
    if (status == EXIT_STOPPED)
        status = start_crew(service, &plan);
    explicit_bzero(plan.hash_key, sizeof(plan.hash_key));
    return status;
}

void service_log_pools(const struct service *service)
{
    const struct rd_config *config = &service->effective;
    char text[TEXT_BYTES];

    for (unsigned i = 1; i < config->n_pools; i++) {
        unsigned routes = config_routes_to(config, i);

        rd_log(RD_LOG_INFO, "pool %s: %u route%s to %s", config->pools[i].name, routes,
               routes == 1 ? "" : "s",
               servers_format(&config->pools[i].servers, text, sizeof(text)));
    }
}

static void announce(const struct service *service)
{
    char listen[TEXT_BYTES], servers[TEXT_BYTES];

    rd_log(RD_LOG_INFO,
           "ringdns " RINGDNS_VERSION ": %u worker%s, io %s, listening on %s, forwarding to %s%s%s",
           service->workers, service->workers == 1 ? "" : "s", rd_io_name(service->io),
           addresses_format(&service->effective.listen, listen, sizeof(listen)),
           servers_format(&service->effective.pools[0].servers, servers, sizeof(servers)),
           servers_from_system(&service->configured) ? " of " : "",
           servers_from_system(&service->configured) ? service->resolv_path : "");
    service_log_pools(service);
    rd_log(RD_LOG_INFO, "ready");
}

enum exit_status service_start(struct service *service, const struct options *options,
                               const struct rd_config *configured, const struct config_given *given,
                               const char *resolv_path)
{
    enum exit_status status;

    memset(service, 0, sizeof(*service));
    service->options = options;
    service->configured = *configured;
    service->effective = *configured;
    service->given = *given;
    service->resolv_path = resolv_path;
    service->crew.ended_fd = -1;
    service->watch.fd = -1;
    service->started_ms = machine_now_ms();

    servers_fit_listen(given, &service->effective);
    /* Watched before it is read, so that no change falls between. */
    if (servers_from_system(configured) && resolv_watch_open(&service->watch, resolv_path) < 0)
        rd_log(RD_LOG_WARNING, "changes of %s will not be noticed (%s)", resolv_path,
               strerror(errno));
    status = settle_servers(service);
    if (status == EXIT_STOPPED)
        status = choose_io(service);
    if (status == EXIT_STOPPED)
        status = start_workers(service);
    if (status == EXIT_STOPPED)
        announce(service);
    return status;
}

void service_close(struct service *service)
{
    crew_stop(&service->crew);
    crew_join(&service->crew);
    control_socket_close(service->control);
    cache_dump_stop(service->dump);
    resolv_watch_close(&service->watch);
    crew_close(&service->crew);
    rd_exchange_free(service->exchange);
    rd_cache_free(service->cache);
    snapshots_deinit(&service->snapshots);
}
