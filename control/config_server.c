/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_server.c - the kind SERVERS: an address, or a map of address, weight and tier.
 *
 * A map's fields are described like options, so that they are read, checked and explained by the
 * same functions.
 * Thread: main.
 * Not here: walking the map (config_entries.c).
 */
#include "config_server.h"
#include "ringdns/dns.h"

#include <string.h>

#include "address.h"
#include "escape.h"

#define FIELD(name, kind_, ...)                                                                    \
    {                                                                                              \
        .key = #name, .kind = kind_, .offset = offsetof(struct config_server, name),               \
        .size = sizeof(((struct config_server *)NULL)->name), .port = RD_DNS_PORT, .unit = "",     \
        .pool = true, __VA_ARGS__                                                                  \
    }

const struct config_option config_server_fields[SERVER_FIELDS] = {
    [SERVER_ADDRESS] = FIELD(address, &config_kind_ADDRESSES, .min = 1, .max = 1),
    [SERVER_WEIGHT] = FIELD(weight, &config_kind_COUNT, .min = 1, .max = RD_MAX_WEIGHT),
    [SERVER_TIER] = FIELD(tier, &config_kind_COUNT, .min = 0, .max = RD_MAX_TIER),
};

void config_server_init(struct config_server *ret_server)
{
    memset(ret_server, 0, sizeof(*ret_server));
    ret_server->weight = 1;
}

const char *config_server_add(rd_kind_SERVERS *list, const struct config_server *server)
{
    const union rd_address *address = &server->address.at[0];

    for (uint32_t i = 0; i < list->n; i++)
        if (rd_address_equal(address, &list->at[i].address))
            return "a second time";
    list->at[list->n++] = (struct rd_server_config){
        .address = *address, .weight = (uint8_t)server->weight, .tier = (uint8_t)server->tier};
    return NULL;
}

static const char *servers_parse(const struct config_option *option, const char *text, void *value,
                                 char reason[CONFIG_REASON_BYTES])
{
    struct config_server server;
    const char *wrong;

    config_server_init(&server);
    wrong = config_kind_ADDRESSES.parse(option, text, &server.address, reason);
    return wrong ? wrong : config_server_add(value, &server);
}

static void servers_print(const struct config_option *option, const void *value, uint32_t i,
                          FILE *out)
{
    const struct rd_server_config *server = &((const rd_kind_SERVERS *)value)->at[i];
    bool map = server->weight != 1 || server->tier != 0;
    char text[ADDRESS_TEXT_BYTES];

    (void)option;
    fputs(map ? "{ address: " : "", out);
    escape_yaml(address_format(&server->address, text), out);
    if (server->weight != 1)
        fprintf(out, ", weight: %u", server->weight);
    if (server->tier != 0)
        fprintf(out, ", tier: %u", server->tier);
    fputs(map ? " }" : "", out);
}

static void servers_allow(const struct config_option *option, FILE *out)
{
    config_kind_ADDRESSES.allow(option, out);
    fprintf(out,
            "; or a map, such as { address: 192.0.2.1, weight: 2, tier: 1 }, of weight 1 to %d "
            "and tier 0 to %d",
            RD_MAX_WEIGHT, RD_MAX_TIER);
}

const struct config_kind config_kind_SERVERS = {servers_parse, servers_print, servers_allow,
                                                .list = true, .form = CONFIG_SERVERS};
