/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answers.c - what the control socket's commands tell.
 *
 * Thread: main.
 * Not here: the socket (control_socket.c), the numbers' names (stats_text.c).
 */
#include <unistd.h>

#include "address.h"
#include "ringdns/io.h"
#include "servers.h"
#include "service.h"
#include "stats_text.h"

static json_int_t uptime_s(const struct service *service)
{
    return (json_int_t)((machine_now_ms() - service->started_ms) / 1000);
}

static json_t *answer_stats(void *context)
{
    struct service *service = context;
    const struct rd_stats *stats[RD_MAX_WORKERS];
    json_t *workers = json_array();

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

static json_t *answer_status(void *context)
{
    const struct service *service = context;
    bool from_system = servers_from_system(&service->configured);

    return json_pack("{s:s, s:i, s:s, s:I, s:i, s:I, s:o, s:o, s:s}", "version", RINGDNS_VERSION,
                     "pid", (int)getpid(), "io", rd_io_name(service->io), "uptime_s",
                     uptime_s(service), "workers", (int)service->crew.n, "generation",
                     (json_int_t)service->snapshots.generation, "listen",
                     addresses(&service->effective.listen), "servers",
                     addresses(&service->effective.pools[0].servers), "servers_from",
                     from_system ? service->resolv_path : "configuration");
}

const struct control_command service_commands[] = {
    {"stats", answer_stats},
    {"status", answer_status},
    {NULL, NULL},
};
