/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answers.c - what the control socket's commands tell.
 *
 * Thread: main.
 * Not here: the socket (control_socket.c), the numbers' names (stats_text.c), how an upstream is
 * told of (upstreams.c).
 */
#include <unistd.h>

#include "address.h"
#include "cache_answers.h"
#include "ringdns/io.h"
#include "servers.h"
#include "service.h"
#include "stats_text.h"
#include "upstreams.h"
#include "upstreams_text.h"

static json_int_t uptime_s(const struct service *service)
{
    return (json_int_t)((machine_now_ms() - service->started_ms) / 1000);
}

static json_t *answer_stats(void *context, const struct control_arguments *arguments)
{
    struct service *service = context;
    const struct rd_stats *stats[RD_MAX_WORKERS];
    json_t *workers = json_array();

    (void)arguments;
    for (unsigned i = 0; i < service->crew.n; i++) {
        stats[i] = crew_stats(&service->crew, i);
        json_array_append_new(workers, json_pack("{s:i, s:i, s:o}", "worker", (int)i, "cpu",
                                                 (int)crew_cpu(&service->crew, i), "stats",
                                                 stats_json(stats[i])));
    }
    return json_pack("{s:s, s:s, s:I, s:o, s:o}", "version", RINGDNS_VERSION, "io",
                     rd_io_name(service->io), "uptime_s", uptime_s(service), "workers", workers,
                     "total", stats_json_total(stats, service->crew.n));
}

static json_t *addresses(const struct rd_address_list *list)
{
    char text[ADDRESS_TEXT_BYTES];
    json_t *array = json_array();

    for (uint32_t i = 0; i < list->n; i++)
        json_array_append_new(array, json_string(address_format(&list->at[i], text)));
    return array;
}

static json_t *server_addresses(const struct rd_server_list *list)
{
    char text[ADDRESS_TEXT_BYTES];
    json_t *array = json_array();

    for (uint32_t i = 0; i < list->n; i++)
        json_array_append_new(array, json_string(address_format(&list->at[i].address, text)));
    return array;
}

static struct upstreams_clock read_clocks(void)
{
    return (struct upstreams_clock){.boot_ns = machine_now_ns(), .wall_ns = machine_wall_ns()};
}

/* Server SERVER of POOL, as the newest snapshot has it. */
static json_t *one_upstream(const struct service *service, uint32_t pool, uint32_t server,
                            const struct upstreams_clock *now)
{
    const struct rd_snapshot *snapshot = snapshots_newest(&service->snapshots);
    const struct rd_pool_config *config = &rd_snapshot_config(snapshot)->pools[pool];
    const struct rd_upstream_stats *stats[RD_MAX_WORKERS];
    struct upstream upstream = {.pool = config,
                                .server = &config->servers.at[server],
                                .stats = stats,
                                .n_stats = service->crew.n};
    unsigned number = rd_snapshot_server(snapshot, pool, server);

    rd_fleet_server(service->snapshots.fleet, number, &upstream.info);
    for (unsigned i = 0; i < service->crew.n; i++)
        stats[i] = crew_upstream_stats(&service->crew, i, number);
    return upstream_json(&upstream, now);
}

/* Of the configuration that the workers have: a newer one may be waiting to be published. */
static json_t *all_upstreams(const struct service *service)
{
    const struct rd_config *config = rd_snapshot_config(snapshots_newest(&service->snapshots));
    struct upstreams_clock now = read_clocks();
    json_t *array = json_array();

    for (uint32_t pool = 0; pool < config->n_pools; pool++)
        for (uint32_t server = 0; server < config->pools[pool].servers.n; server++)
            json_array_append_new(array, one_upstream(service, pool, server, &now));
    return array;
}

static json_t *answer_upstreams(void *context, const struct control_arguments *arguments)
{
    (void)arguments;
    return json_pack("{s:o}", "upstreams", all_upstreams(context));
}

/* A sentence for each server that is not up. */
static json_t *ailing(const struct service *service)
{
    json_t *upstreams = all_upstreams(service), *lines = json_array(), *upstream;
    char line[UPSTREAMS_LINE_BYTES];
    size_t i;

    json_array_foreach(upstreams, i, upstream) if (!upstreams_is_up(upstream))
        json_array_append_new(lines, json_string(upstreams_line(upstream, line)));
    json_decref(upstreams);
    return lines;
}

static json_t *answer_status(void *context, const struct control_arguments *arguments)
{
    const struct service *service = context;
    bool from_system = servers_from_system(&service->configured);

    (void)arguments;
    return json_pack("{s:s, s:i, s:s, s:I, s:i, s:I, s:o, s:o, s:s, s:i, s:o}", "version",
                     RINGDNS_VERSION, "pid", (int)getpid(), "io", rd_io_name(service->io),
                     "uptime_s", uptime_s(service), "workers", (int)service->crew.n, "generation",
                     (json_int_t)service->snapshots.generation, "listen",
                     addresses(&service->effective.listen), "servers",
                     server_addresses(&service->effective.pools[0].servers), "servers_from",
                     from_system ? service->resolv_path : "configuration", "pools",
                     (int)service->effective.n_pools, "not_up", ailing(service));
}

const struct control_command service_commands[] = {
    {.name = "stats", .answer = answer_stats},
    {.name = "status", .answer = answer_status},
    {.name = "upstreams", .answer = answer_upstreams},
    {.name = "cache stats", .answer = answer_cache_stats},
    {.name = "cache lookup", .answer = answer_cache_lookup, .usage = "NAME", .least = 1, .most = 1},
    {.name = "cache flush",
     .answer = answer_cache_flush,
     .usage = "NAME [--suffix]",
     .least = 1,
     .most = 2},
    {.name = "cache flush-all", .answer = answer_cache_flush_all},
    {.name = "cache dump", .take = take_cache_dump},
    {.name = NULL},
};
