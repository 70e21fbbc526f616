/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * route.c - explicit routes and local names, compiled into one set of suffixes.
 *
 * All rules of precedence are settled when the set is made; a look-up is one of policy/suffix.c and
 * nothing more. `example` is not among the local names: it is forwarded as any other
 * (RFC 6761 section 6.5).
 * Made and freed by the main thread, read by all.
 * Not here: what the local names answer (local.c).
 */
#include "route.h"

#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "policy/suffix.h"

struct routes {
    struct suffix_set *set; /* the value of an entry: kind, and pool << 8; the root is in it */
};

static_assert(offsetof(struct route, kind) == 0 && offsetof(struct route, pool) == 1 &&
                  offsetof(struct route, at) == 2,
              "look_up makes it of a word");

/* The routes of a configuration, half made. */
struct draft {
    const struct rd_config *config;
    struct suffix_set *explicit; /* the routes alone, without that of the root */
    struct suffix_entry *entries;
    uint32_t n;
};

struct local_name {
    const char *suffix;
    enum route_kind kind;
};

/* RFC 6303 section 4 but for what the ranges hold. */
static const struct local_name reverse[] = {
    {"10.in-addr.arpa", ROUTE_EMPTY},
    {"168.192.in-addr.arpa", ROUTE_EMPTY},
    {"0.in-addr.arpa", ROUTE_EMPTY},
    {"127.in-addr.arpa", ROUTE_LOOPBACK},
    {"254.169.in-addr.arpa", ROUTE_EMPTY},
    {"2.0.192.in-addr.arpa", ROUTE_EMPTY},
    {"100.51.198.in-addr.arpa", ROUTE_EMPTY},
    {"113.0.203.in-addr.arpa", ROUTE_EMPTY},
    {"255.255.255.255.in-addr.arpa", ROUTE_EMPTY},
    {"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", ROUTE_EMPTY},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", ROUTE_LOOPBACK},
    {"d.f.ip6.arpa", ROUTE_EMPTY},
    {"8.e.f.ip6.arpa", ROUTE_EMPTY},
    {"9.e.f.ip6.arpa", ROUTE_EMPTY},
    {"a.e.f.ip6.arpa", ROUTE_EMPTY},
    {"b.e.f.ip6.arpa", ROUTE_EMPTY},
    {"8.b.d.0.1.0.0.2.ip6.arpa", ROUTE_EMPTY},
};

/* FIRST.OF to LAST.OF, of two digits at least. */
static const struct range {
    const char *of;
    uint8_t first, last;
} ranges[] = {
    {".172.in-addr.arpa", 16, 31},  /* RFC 6303 section 4.1 */
    {".100.in-addr.arpa", 64, 127}, /* RFC 7793 */
};

/* Addresses of one's own machine or network; shared address space (RFC 6598) is the provider's. */
static const struct rd_prefix inside[] = {
    {{[10] = 0xff, 0xff, 10}, 96 + 8},        /* 10.0.0.0/8 */
    {{[10] = 0xff, 0xff, 172, 16}, 96 + 12},  /* 172.16.0.0/12 */
    {{[10] = 0xff, 0xff, 192, 168}, 96 + 16}, /* 192.168.0.0/16 */
    {{[10] = 0xff, 0xff, 100, 64}, 96 + 10},  /* 100.64.0.0/10 */
    {{[10] = 0xff, 0xff, 127}, 96 + 8},       /* 127.0.0.0/8 */
    {{[10] = 0xff, 0xff, 169, 254}, 96 + 16}, /* 169.254.0.0/16 */
    {{[15] = 1}, 128},                        /* ::1 */
    {{0xfc}, 7},                              /* fc00::/7 */
    {{0xfe, 0x80}, 10},                       /* fe80::/10 */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* The loop probe, the routes, the root, and no more than all local names. */
#define ENTRIES_MAX (2 + RD_MAX_ROUTES + 6 + COUNT(reverse) + COUNT(ranges) * 256)

static bool is_in(const uint8_t host[16], const struct rd_prefix *prefix)
{
    unsigned whole = prefix->bits / 8u, rest = prefix->bits % 8u;

    return memcmp(host, prefix->bytes, whole) == 0 &&
           (rest == 0 || (host[whole] ^ prefix->bytes[whole]) >> (8 - rest) == 0);
}

static bool is_inside(const union rd_address *address)
{
    uint8_t host[16];

    rd_address_host(address, host);
    for (size_t i = 0; i < COUNT(inside); i++)
        if (is_in(host, &inside[i]))
            return true;
    return false;
}

/* The pool of all names that no route but the root's holds. */
static const struct rd_pool_config *pool_of_the_rest(const struct rd_config *config)
{
    for (uint32_t i = 0; i < config->routes.n; i++)
        if (config->routes.at[i].suffix.len == 1)
            return &config->pools[config->routes.at[i].pool];
    return &config->pools[0];
}

/* Whether the reverse names of private addresses are answered here. An explicit route above them
 * wins anyway, so one pool decides for all others: where it has a server in one's own network, that
 * server may know these names. */
static bool reverse_is_local(const struct rd_config *config)
{
    const struct rd_pool_config *pool = pool_of_the_rest(config);

    if (config->local_private_reverse != RD_SWITCH_AUTO)
        return config->local_private_reverse == RD_SWITCH_YES;
    if (pool->from_system)
        return false;
    for (uint32_t i = 0; i < pool->servers.n; i++)
        if (is_inside(&pool->servers.at[i].address))
            return false;
    return true;
}

static void add(struct draft *draft, const struct rd_name *suffix, enum route_kind kind,
                uint8_t pool)
{
    draft->entries[draft->n++] = (struct suffix_entry){*suffix, (uint32_t)pool << 8 | kind};
}

/* Adds SUFFIX unless a route has taken it. */
static void add_local(struct draft *draft, const char *suffix, enum route_kind kind)
{
    struct rd_name name = {0};
    uint32_t value;
    uint8_t at;

    if (rd_name_from_text(suffix, &name) &&
        suffix_set_find(draft->explicit, &name, &value, &at) < 0)
        add(draft, &name, kind, 0);
}

static void add_range(struct draft *draft, const struct range *range)
{
    char text[32];

    for (unsigned octet = range->first; octet <= range->last; octet++) {
        char *at = text;

        if (octet >= 100)
            *at++ = (char)('0' + octet / 100);
        *at++ = (char)('0' + octet / 10 % 10);
        *at++ = (char)('0' + octet % 10);
        memcpy(at, range->of, strlen(range->of) + 1);
        add_local(draft, text, ROUTE_EMPTY);
    }
}

static void add_reverse(struct draft *draft)
{
    if (!reverse_is_local(draft->config))
        return;
    for (size_t i = 0; i < COUNT(reverse); i++)
        add_local(draft, reverse[i].suffix, reverse[i].kind);
    for (size_t i = 0; i < COUNT(ranges); i++)
        add_range(draft, &ranges[i]);
}

/* Every query for test, invalid and onion is to get NXDOMAIN, and the names themselves are among
 * those (RFC 6761 sections 6.2 and 6.4, RFC 7686 section 2); home.arpa and resolver.arpa are zones,
 * served as those of RFC 6303 (RFC 8375 section 4, RFC 9462 section 8.2). */
static void add_named(struct draft *draft)
{
    const struct rd_config *config = draft->config;

    if (config->local_localhost)
        add_local(draft, "localhost", ROUTE_LOCALHOST);
    if (config->local_test)
        add_local(draft, "test", ROUTE_NXDOMAIN);
    if (config->local_invalid)
        add_local(draft, "invalid", ROUTE_NXDOMAIN);
    if (config->local_onion)
        add_local(draft, "onion", ROUTE_NXDOMAIN);
    if (config->local_resolver_arpa)
        add_local(draft, "resolver.arpa", ROUTE_NODATA);
    if (config->local_home_arpa)
        add_local(draft, "home.arpa", ROUTE_EMPTY);
}

/* The routes of the root, or all others. */
static void add_routes(struct draft *draft, bool root)
{
    const struct rd_route_list *routes = &draft->config->routes;

    for (uint32_t i = 0; i < routes->n; i++)
        if ((routes->at[i].suffix.len == 1) == root)
            add(draft, &routes->at[i].suffix, ROUTE_POOL, routes->at[i].pool);
}

/* In the order of precedence. NULL: no memory. */
static struct suffix_set *compile(struct draft *draft)
{
    static const struct rd_name root = {.len = 1};
    struct suffix_set *set;
    struct rd_name loop;
    uint32_t first;

    if (draft->config->loop_probe && rd_name_from_text(ROUTE_LOOP_SUFFIX, &loop))
        add(draft, &loop, ROUTE_LOOP, 0);
    first = draft->n;
    add_routes(draft, false);
    draft->explicit = suffix_set_new(draft->entries + first, draft->n - first);
    if (!draft->explicit)
        return NULL;
    add_routes(draft, true);
    add(draft, &root, ROUTE_POOL, 0);
    add_named(draft);
    add_reverse(draft);
    set = suffix_set_new(draft->entries, draft->n);
    suffix_set_free(draft->explicit);
    return set;
}

struct routes *routes_new(const struct rd_config *config)
{
    struct draft draft = {.config = config};
    struct routes *routes = calloc(1, sizeof(*routes));

    draft.entries = calloc(ENTRIES_MAX, sizeof(*draft.entries));
    if (routes && draft.entries)
        routes->set = compile(&draft);
    free(draft.entries);
    if (routes && routes->set)
        return routes;
    free(routes);
    return NULL;
}

void routes_free(struct routes *routes)
{
    if (!routes)
        return;
    suffix_set_free(routes->set);
    free(routes);
}

/* The value of an entry and the suffix's place, put together in a register. */
static inline struct route look_up(const struct routes *routes, const struct rd_name *name)
{
    struct route route;
    uint32_t value, word;
    uint8_t at;

    suffix_set_find(routes->set, name, &value, &at); /* the root is in the set */
    word = htole32(value | (uint32_t)at << 16);
    memcpy(&route, &word, sizeof(route));
    return route;
}

/* Where DS of NAME goes: with the name without its first label, where NAME is a suffix's top. */
static struct route look_up_ds(const struct routes *routes, const struct rd_name *name)
{
    struct route route = look_up(routes, name);
    uint8_t label = (uint8_t)(name->bytes[0] + 1);
    struct rd_name parent;

    if (route.at > 0 || name->len == 1)
        return route;
    parent.len = (uint8_t)(name->len - label);
    memcpy(parent.bytes, name->bytes + label, parent.len);
    route = look_up(routes, &parent);
    route.at = (uint8_t)(route.at + label);
    return route;
}

struct route route_find(const struct routes *routes, const struct rd_name *name, uint16_t type)
{
    return type == RD_TYPE_DS ? look_up_ds(routes, name) : look_up(routes, name);
}
