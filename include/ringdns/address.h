/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address.h - an IP address with its port, and a prefix of addresses.
 *
 * Plain memory that the kernel takes as it is; AF_UNSPEC (all zero) means "none".
 * Text forms are the control plane's business (control/address.c).
 */
#ifndef RINGDNS_ADDRESS_H
#define RINGDNS_ADDRESS_H

#include <assert.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* Ports and addresses are in network order, as in the kernel's own structures. */
union rd_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
static_assert(sizeof(union rd_address) == 28, "an address is what the kernel copies, no more");

/* An address range by its leading bits; IPv4 prefixes are held as ::ffff:a.b.c.d/(96 + n). */
struct rd_prefix {
    uint8_t bytes[16];
    uint8_t bits; /* 0 to 128 */
};

/* The port in host order; 0 where there is none. sin_port and sin6_port share their place. */
static inline uint16_t rd_address_port(const union rd_address *address)
{
    return ntohs(address->v4.sin_port);
}

static inline socklen_t rd_address_len(const union rd_address *address)
{
    return address->any.sa_family == AF_INET6 ? (socklen_t)sizeof(address->v6)
                                              : (socklen_t)sizeof(address->v4);
}

/* The same host, port and scope. */
static inline bool rd_address_equal(const union rd_address *a, const union rd_address *b)
{
    if (a->any.sa_family != b->any.sa_family || a->v4.sin_port != b->v4.sin_port)
        return false;
    if (a->any.sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0 &&
               a->v6.sin6_scope_id == b->v6.sin6_scope_id;
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

/* The host alone as 16 bytes, IPv4 as ::ffff:a.b.c.d, so that one comparison serves both. */
static inline void rd_address_host(const union rd_address *address, uint8_t ret_host[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (address->any.sa_family == AF_INET6) {
        memcpy(ret_host, &address->v6.sin6_addr, 16);
        return;
    }
    memcpy(ret_host, mapped, sizeof(mapped));
    memcpy(ret_host + 12, &address->v4.sin_addr, 4);
}

#endif
