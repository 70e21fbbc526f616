/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * local_address.c - finds an upstream that is ourselves, the shortest of forwarding loops.
 *
 * The interfaces' addresses are a parameter, so that the rule can be tested without them.
 * Thread: main.
 * Not here: loops over other machines.
 */
#include "local_address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

int local_addresses_read(struct local_addresses *ret_local)
{
    struct local_addresses local = {0};
    struct ifaddrs *all;
    size_t n = 0;

    if (getifaddrs(&all) < 0)
        return -errno;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next)
        n++;
    local.at = calloc(n + 1, sizeof(*local.at));
    for (const struct ifaddrs *one = all; local.at && one; one = one->ifa_next) {
        union rd_address *address = &local.at[local.n];

        if (!one->ifa_addr)
            continue;
        if (one->ifa_addr->sa_family == AF_INET)
            memcpy(&address->v4, one->ifa_addr, sizeof(address->v4));
        else if (one->ifa_addr->sa_family == AF_INET6)
            memcpy(&address->v6, one->ifa_addr, sizeof(address->v6));
        else
            continue;
        address->v4.sin_port = 0;
        local.n++;
    }
    freeifaddrs(all);
    if (!local.at)
        return -ENOMEM;
    *ret_local = local;
    return 0;
}

void local_addresses_free(struct local_addresses *local)
{
    free(local->at);
    memset(local, 0, sizeof(*local));
}

static bool same_host(const union rd_address *a, const union rd_address *b)
{
    uint8_t a_host[16], b_host[16];

    rd_address_host(a, a_host);
    rd_address_host(b, b_host);
    if (memcmp(a_host, b_host, sizeof(a_host)) != 0)
        return false;
    /* fe80::1 on another link is another host. */
    return a->any.sa_family != AF_INET6 || a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

static bool is_local(const struct local_addresses *local, const union rd_address *host)
{
    /* All of 127/8 is ours, though the interface shows one address. */
    if (host->any.sa_family == AF_INET && ntohl(host->v4.sin_addr.s_addr) >> 24 == 127)
        return true;
    if (host->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&host->v6.sin6_addr))
        return true;
    for (unsigned i = 0; i < local->n; i++)
        if (same_host(&local->at[i], host))
            return true;
    return false;
}

int own_listener(const struct rd_address_list *listen, const struct local_addresses *local,
                 const union rd_address *server)
{
    for (uint32_t i = 0; i < listen->n; i++) {
        const union rd_address *own = &listen->at[i];

        if (own->any.sa_family != server->any.sa_family || own->v4.sin_port != server->v4.sin_port)
            continue;
        if (address_is_any(own) ? is_local(local, server) : same_host(own, server))
            return (int)i;
    }
    return -1;
}
