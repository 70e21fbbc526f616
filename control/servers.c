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
#include "local_address.h"
#include "resolv_conf.h"
#include "ringdns/log.h"

bool servers_from_system(const struct rd_config *config)
{
    return config->pools[0].servers.n == 0;
}

void servers_check(const struct rd_config *config, struct config_errors *errors)
{
    static const struct config_place place;
    const struct rd_address_list *servers = &config->pools[0].servers;
    char own[ADDRESS_TEXT_BYTES], server[ADDRESS_TEXT_BYTES];
    struct local_addresses local = {0};

    /* Without the interfaces' addresses, those that need none are still found. */
    local_addresses_read(&local);
    for (uint32_t i = 0; i < servers->n; i++) {
        int listener = own_listener(&config->listen, &local, &servers->at[i]);

        if (listener >= 0)
            config_errors_add(errors, &place, "upstreams.default.servers (or --forward)",
                              "another server, or another listen address",
                              "%s, which is this forwarder itself, listening on %s: queries "
                              "would go round in a loop",
                              address_format(&servers->at[i], server),
                              address_format(&config->listen.at[listener], own));
    }
    local_addresses_free(&local);
}

int servers_read(const char *path, struct rd_config *config)
{
    struct local_addresses local = {0};
    struct rd_address_list servers;
    int r = local_addresses_read(&local);

    if (r == 0)
        r = resolv_conf_read(path, &config->listen, &local, &servers);
    local_addresses_free(&local);
    if (r == 0 && servers.n == 0)
        r = -ENODATA;
    if (r == 0)
        config->pools[0].servers = servers;
    return r;
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

const char *servers_format(const struct rd_address_list *list, char *text, size_t size)
{
    char one[ADDRESS_TEXT_BYTES];
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < list->n; i++) {
        address_format(&list->at[i], one);
        if (used + strlen(one) + sizeof(", ...") > size) {
            snprintf(text + used, size - used, "...");
            break;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", one);
    }
    return text;
}
