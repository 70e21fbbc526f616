/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_lists.c - kinds that are lists of single texts: addresses, prefixes, ports.
 *
 * Thread: main.
 * Not here: how YAML writes a list, and how many entries it has (config_value.c,
 * config_entries.c).
 */
#include <string.h>

#include "address.h"
#include "config_kind.h"
#include "config_schema.h"
#include "ringdns/config.h"

static const char *addresses_parse(const struct config_option *option, const char *text,
                                   void *value, char reason[CONFIG_REASON_BYTES])
{
    rd_kind_ADDRESSES *list = value;
    union rd_address address;
    const char *wrong = address_parse(text, option->port, &address);

    (void)reason;
    if (wrong)
        return wrong;
    /* What is below a pool is sent to. */
    if (!address_is_host(&address) && (option->pool || !address_is_any(&address)))
        return "not the address of one host";
    for (uint32_t i = 0; i < list->n; i++)
        if (rd_address_equal(&address, &list->at[i]))
            return "a second time";
    list->at[list->n++] = address;
    return NULL;
}

static void addresses_print(const struct config_option *option, const void *value, uint32_t i,
                            FILE *out)
{
    char text[ADDRESS_TEXT_BYTES];

    (void)option;
    fputs(address_format(&((const rd_kind_ADDRESSES *)value)->at[i], text), out);
}

static void addresses_allow(const struct config_option *option, FILE *out)
{
    fprintf(out,
            "an IP address, with or without a port, such as 192.0.2.1, 192.0.2.1:5353, %s"
            "2001:db8::1 or [2001:db8::1]:53",
            option->pool ? "" : "*, ");
}

static const char *hosts_parse(const struct config_option *option, const char *text, void *value,
                               char reason[CONFIG_REASON_BYTES])
{
    rd_kind_HOSTS *list = value;
    union rd_address address;
    const char *wrong = address_parse(text, 0, &address);

    (void)option, (void)reason;
    if (wrong)
        return wrong;
    if (rd_address_port(&address) != 0)
        return "no port is given here: each query has a random one";
    if (!address_is_host(&address))
        return "not the address of one host";
    for (uint32_t i = 0; i < list->n; i++)
        if (list->at[i].any.sa_family == address.any.sa_family)
            return address.any.sa_family == AF_INET6 ? "a second IPv6 address"
                                                     : "a second IPv4 address";
    list->at[list->n++] = address;
    return NULL;
}

static void hosts_print(const struct config_option *option, const void *value, uint32_t i,
                        FILE *out)
{
    char text[ADDRESS_TEXT_BYTES];

    (void)option;
    fputs(address_format_host(&((const rd_kind_HOSTS *)value)->at[i], text), out);
}

static void hosts_allow(const struct config_option *option, FILE *out)
{
    (void)option;
    fputs("an IP address of this machine without a port, such as 192.0.2.1 or 2001:db8::1, one "
          "per address family",
          out);
}

static const char *prefixes_parse(const struct config_option *option, const char *text, void *value,
                                  char reason[CONFIG_REASON_BYTES])
{
    rd_kind_PREFIXES *list = value;
    char right[PREFIX_TEXT_BYTES];
    struct rd_prefix prefix;
    const char *wrong = prefix_parse(text, &prefix);

    (void)option;
    if (wrong && prefix.bits != PREFIX_NONE) {
        snprintf(reason, CONFIG_REASON_BYTES, "%s: the prefix is %s", wrong,
                 prefix_format(&prefix, right));
        return reason;
    }
    if (!wrong)
        list->at[list->n++] = prefix;
    return wrong;
}

static void prefixes_print(const struct config_option *option, const void *value, uint32_t i,
                           FILE *out)
{
    char text[PREFIX_TEXT_BYTES];

    (void)option;
    fputs(prefix_format(&((const rd_kind_PREFIXES *)value)->at[i], text), out);
}

static void prefixes_allow(const struct config_option *option, FILE *out)
{
    (void)option;
    fputs("a prefix or an address, such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1", out);
}

static const char *ports_parse(const struct config_option *option, const char *text, void *value,
                               char reason[CONFIG_REASON_BYTES])
{
    rd_kind_PORTS *list = value;
    uint64_t first, last;
    const char *rest;

    (void)option, (void)reason;
    if (!config_digits(text, &first, &rest))
        return "";
    last = first;
    if (*rest == '-' && !config_digits(rest + 1, &last, &rest))
        return "";
    if (*rest != '\0')
        return "";
    if (first < 1 || last > 65535 || first > last)
        return "ports are 1 to 65535, the lower one first";
    list->at[list->n++] = (struct rd_port_range){(uint16_t)first, (uint16_t)last};
    return NULL;
}

static void ports_print(const struct config_option *option, const void *value, uint32_t i,
                        FILE *out)
{
    const struct rd_port_range *range = &((const rd_kind_PORTS *)value)->at[i];

    (void)option;
    if (range->first == range->last)
        fprintf(out, "%u", range->first);
    else
        fprintf(out, "%u-%u", range->first, range->last);
}

static void ports_allow(const struct config_option *option, FILE *out)
{
    (void)option;
    fputs("a port or a range of ports, such as 1900 or 5000-5100", out);
}

const struct config_kind config_kind_ADDRESSES = {addresses_parse, addresses_print, addresses_allow,
                                                  .list = true, .quoted = true};
const struct config_kind config_kind_HOSTS = {hosts_parse, hosts_print, hosts_allow, .list = true,
                                              .quoted = true};
const struct config_kind config_kind_PREFIXES = {prefixes_parse, prefixes_print, prefixes_allow,
                                                 .list = true, .quoted = true};
const struct config_kind config_kind_PORTS = {ports_parse, ports_print, ports_allow, .list = true,
                                              .quoted = true};
