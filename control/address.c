/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address.c - addresses and prefixes to text and back, the same way for every source of them.
 *
 * Strict: whatever could mean two things (a bare fe80::1, ::ffff:1.2.3.4, 10.1.2.3/8) is refused
 * with the reason, because an address list decides who is served.
 * Thread: main (interface names are looked up).
 * Not here: host names. A forwarder that needs DNS to start would wait for itself.
 */
#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

/* A decimal number without sign or blanks; false: not one, or above MAX. */
static bool parse_decimal(const char *text, unsigned max, unsigned *ret_value)
{
    unsigned value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (unsigned)(*text - '0');
        if (value > max)
            return false;
    }
    *ret_value = value;
    return true;
}

static const char *parse_scope(const char *scope, struct sockaddr_in6 *v6)
{
    char name[IF_NAMESIZE];
    unsigned index;

    if (!IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
        return "only link-local addresses (fe80::/10) have a %interface";
    index = if_nametoindex(scope);
    if (index == 0 && parse_decimal(scope, 1u << 24, &index) && !if_indextoname(index, name))
        index = 0;
    if (index == 0)
        return "this machine has no such interface";
    v6->sin6_scope_id = index;
    return NULL;
}

static const char *parse_v6(char *host, struct sockaddr_in6 *v6)
{
    char *scope = strchr(host, '%');

    if (scope)
        *scope++ = '\0';
    v6->sin6_family = AF_INET6;
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
        return "not an IPv6 address";
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return "an IPv4 address is written without ::ffff:";
    if (scope)
        return parse_scope(scope, v6);
    if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
        return "a link-local address needs its interface, such as fe80::1%eth0";
    return NULL;
}

static const char *parse_v4(const char *host, struct sockaddr_in *v4)
{
    v4->sin_family = AF_INET;
    if (strcmp(host, "*") == 0)
        v4->sin_addr.s_addr = htonl(INADDR_ANY);
    else if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
        return "not an IP address; names cannot be used here";
    return NULL;
}

/* Cuts TEXT into host and port; the host starts at *RET_HOST, *RET_PORT is NULL where none is. */
static const char *split(char *text, char **ret_host, char **ret_port)
{
    char *colon = strchr(text, ':');

    *ret_host = text;
    *ret_port = NULL;
    if (*text == '[') {
        char *end = strchr(text, ']');

        if (!end || (end[1] != '\0' && end[1] != ':'))
            return "brackets are written [address] or [address]:port";
        *end = '\0';
        *ret_host = text + 1;
        if (!strchr(*ret_host, ':'))
            return "brackets are for IPv6 addresses";
        if (end[1] == ':')
            *ret_port = end + 2;
    } else if (colon && !strchr(colon + 1, ':')) {
        *colon = '\0';
        *ret_port = colon + 1;
    }
    return NULL;
}

const char *address_parse(const char *text, uint16_t port, union rd_address *ret_address)
{
    char copy[ADDRESS_TEXT_BYTES], *host, *port_text;
    union rd_address address;
    unsigned number = port;
    const char *wrong;

    if (strlen(text) >= sizeof(copy))
        return "too long for an address";
    snprintf(copy, sizeof(copy), "%s", text);
    wrong = split(copy, &host, &port_text);
    if (wrong)
        return wrong;
    memset(&address, 0, sizeof(address));
    wrong = strchr(host, ':') ? parse_v6(host, &address.v6) : parse_v4(host, &address.v4);
    if (wrong)
        return wrong;
    if (port_text && (!parse_decimal(port_text, 65535, &number) || number == 0))
        return "ports are 1 to 65535";
    address.v4.sin_port = htons((uint16_t)number);
    *ret_address = address;
    return NULL;
}

const char *address_format_host(const union rd_address *address, char buffer[ADDRESS_TEXT_BYTES])
{
    char host[INET6_ADDRSTRLEN], name[IF_NAMESIZE], scope[IF_NAMESIZE + 1] = "";

    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, buffer, ADDRESS_TEXT_BYTES);
    } else if (address->any.sa_family == AF_INET6) {
        unsigned index = address->v6.sin6_scope_id;

        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
        if (index != 0 && if_indextoname(index, name))
            snprintf(scope, sizeof(scope), "%%%s", name);
        else if (index != 0)
            snprintf(scope, sizeof(scope), "%%%u", index);
        snprintf(buffer, ADDRESS_TEXT_BYTES, "%s%s", host, scope);
    } else {
        snprintf(buffer, ADDRESS_TEXT_BYTES, "none");
    }
    return buffer;
}

const char *address_format(const union rd_address *address, char buffer[ADDRESS_TEXT_BYTES])
{
    bool v6 = address->any.sa_family == AF_INET6;
    char host[ADDRESS_TEXT_BYTES];

    address_format_host(address, host);
    if (address->any.sa_family == AF_UNSPEC)
        snprintf(buffer, ADDRESS_TEXT_BYTES, "%s", host);
    else
        snprintf(buffer, ADDRESS_TEXT_BYTES, "%s%.64s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
                 rd_address_port(address));
    return buffer;
}

bool address_is_any(const union rd_address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
    return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

bool address_is_host(const union rd_address *address)
{
    uint32_t v4 = ntohl(address->v4.sin_addr.s_addr);

    if (address_is_any(address))
        return false;
    if (address->any.sa_family == AF_INET6)
        return !IN6_IS_ADDR_MULTICAST(&address->v6.sin6_addr);
    return v4 >> 24 != 0 && v4 < 0xe0000000u;
}

/* Clears what is beyond PREFIX's length; false: nothing was set there. */
static bool clear_host_bits(struct rd_prefix *prefix)
{
    bool cleared = false;

    for (unsigned i = 0; i < 16; i++) {
        unsigned from = i * 8;
        unsigned kept = prefix->bits <= from       ? 0
                        : prefix->bits - from >= 8 ? 8
                                                   : prefix->bits - from;
        uint8_t mask = (uint8_t)(0xff00u >> kept);

        cleared |= (prefix->bytes[i] & ~mask) != 0;
        prefix->bytes[i] &= mask;
    }
    return cleared;
}

const char *prefix_parse(const char *text, struct rd_prefix *ret_prefix)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char copy[PREFIX_TEXT_BYTES], *slash;
    struct rd_prefix prefix = {0};
    unsigned bits, most;

    ret_prefix->bits = PREFIX_NONE;
    if (strlen(text) >= sizeof(copy))
        return "too long for a prefix";
    snprintf(copy, sizeof(copy), "%s", text);
    slash = strchr(copy, '/');
    if (slash)
        *slash++ = '\0';
    if (inet_pton(AF_INET, copy, prefix.bytes + 12) == 1) {
        memcpy(prefix.bytes, mapped, sizeof(mapped));
        most = 32;
    } else if (inet_pton(AF_INET6, copy, prefix.bytes) == 1) {
        if (memcmp(prefix.bytes, mapped, sizeof(mapped)) == 0)
            return "an IPv4 prefix is written without ::ffff:";
        most = 128;
    } else {
        return "not an IP address or prefix";
    }
    bits = most;
    if (slash && !parse_decimal(slash, most, &bits))
        return most == 32 ? "the length of an IPv4 prefix is 0 to 32"
                          : "the length of an IPv6 prefix is 0 to 128";
    prefix.bits = (uint8_t)(128 - most + bits);
    bool beyond = clear_host_bits(&prefix);
    *ret_prefix = prefix;
    return beyond ? "bits beyond the length are set" : NULL;
}

const char *prefix_format(const struct rd_prefix *prefix, char buffer[PREFIX_TEXT_BYTES])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool v4 = prefix->bits >= 96 && memcmp(prefix->bytes, mapped, sizeof(mapped)) == 0;
    char host[INET6_ADDRSTRLEN];

    inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? prefix->bytes + 12 : prefix->bytes, host, sizeof(host));
    snprintf(buffer, PREFIX_TEXT_BYTES, "%s/%u", host, v4 ? prefix->bits - 96u : prefix->bits);
    return buffer;
}
