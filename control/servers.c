/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers.c - settles both ends of the forwarder: who is asked, and that it is not ourselves.
 *
 * Thread: main.
 * Not here: the servers' health (fastpath).
 */
#include "servers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "config_pool.h"
#include "local_address.h"
#include "resolv_conf.h"
#include "ringdns/log.h"

bool servers_from_system(const struct rd_config *config)
{
    return config->pools[0].from_system;
}

static void check_pool(const struct rd_config *config, unsigned number,
                       const struct local_addresses *local, struct config_errors *errors)
{
    static const struct config_place place;
    const struct rd_pool_config *pool = &config->pools[number];
    char own[ADDRESS_TEXT_BYTES], server[ADDRESS_TEXT_BYTES], key[CONFIG_POOL_KEY_BYTES];

    snprintf(key, sizeof(key), "upstreams.%s.servers%s", pool->name,
             number == 0 ? " (or --forward)" : "");
    for (uint32_t i = 0; i < pool->servers.n; i++) {
        const union rd_address *address = &pool->servers.at[i].address;
        int listener = own_listener(&config->listen, local, address);

        if (listener >= 0)
            config_errors_add(errors, &place, key, "another server, or another listen address",
                              "%s, which is this forwarder itself, listening on %s: queries "
                              "would go round in a loop",
                              address_format(address, server),
                              address_format(&config->listen.at[listener], own));
    }
}

void servers_check(const struct rd_config *config, struct config_errors *errors)
{
    struct local_addresses local = {0};

    /* Without the interfaces' addresses, those that need none are still found. */
    local_addresses_read(&local);
    for (unsigned i = 0; i < config->n_pools; i++)
        check_pool(config, i, &local, errors);
    local_addresses_free(&local);
}

int servers_read(const char *path, struct rd_config *config)
{
    struct local_addresses local = {0};
    struct rd_server_list servers;
    int r = local_addresses_read(&local);

    if (r == 0)
        r = resolv_conf_read(path, &config->listen, &local, &servers);
    local_addresses_free(&local);
    if (r == 0 && servers.n == 0)
        r = -ENODATA;
    if (r < 0)
        return r;
    config->pools[0].servers = servers;
    config->pools[0].from_system = true;
    return 0;
}

/* Whether a socket can be bound to this host at all. */
static int try_host(const union rd_address *address)
{
    union rd_address any_port = *address;
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r;

    if (fd < 0)
        return -errno;
    any_port.v4.sin_port = 0;
    r = bind(fd, &any_port.any, rd_address_len(&any_port)) < 0 ? -errno : 0;
    close(fd);
    return r;
}

void servers_check_sources(const struct rd_config *config, struct config_errors *errors)
{
    static const struct config_place place;
    char text[ADDRESS_TEXT_BYTES], key[CONFIG_POOL_KEY_BYTES];

    for (unsigned i = 0; i < config->n_pools; i++) {
        const struct rd_host_list *source = &config->pools[i].source;

        snprintf(key, sizeof(key), "upstreams.%s.source", config->pools[i].name);
        for (uint32_t k = 0; k < source->n; k++) {
            int r = try_host(&source->at[k]);

            if (r < 0)
                config_errors_add(errors, &place, key,
                                  "an address that an interface of this machine has",
                                  "%s, which no socket can be bound to here (%s)",
                                  address_format_host(&source->at[k], text), strerror(-r));
        }
    }
}

void servers_fit_listen(const struct config_given *given, struct rd_config *config)
{
    struct rd_address_list *listen = &config->listen;
    char text[ADDRESS_TEXT_BYTES];
    uint32_t kept = 0;

    if (given->option[CONFIG_listen])
        return;
    for (uint32_t i = 0; i < listen->n; i++) {
        const union rd_address *address = &listen->at[i];
        int r = address->any.sa_family == AF_INET6 ? try_host(address) : 0;

        if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
            rd_log(RD_LOG_WARNING, "not listening on %s, as this machine has no IPv6 (%s)",
                   address_format(address, text), strerror(-r));
        else
            listen->at[kept++] = *address;
    }
    listen->n = kept;
}

/* Adds one more address; USED and the result: how much of TEXT is full; SIZE: no more fits. */
static size_t add_address(const union rd_address *address, char *text, size_t used, size_t size)
{
    char one[ADDRESS_TEXT_BYTES];

    if (used >= size)
        return size;
    address_format(address, one);
    if (used + strlen(one) + sizeof(", ...") > size) {
        snprintf(text + used, size - used, "...");
        return size;
    }
    return used + (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", one);
}

const char *servers_format(const struct rd_server_list *list, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < list->n; i++)
        used = add_address(&list->at[i].address, text, used, size);
    return text;
}

const char *addresses_format(const struct rd_address_list *list, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < list->n; i++)
        used = add_address(&list->at[i], text, used, size);
    return text;
}
