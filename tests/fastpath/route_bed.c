/* SPDX-License-Identifier: BSD-2-Clause */
/* route_bed.c - route_bed.h. */
#include "fastpath/route_bed.h"

#include <arpa/inet.h>
#include <stdlib.h>

static struct rd_name text(const char *text)
{
    struct rd_name name = {0};

    assert_true(rd_name_from_text(text, &name));
    return name;
}

union rd_address bed_address(const char *text)
{
    union rd_address address = {0};

    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.any.sa_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
        address.any.sa_family = AF_INET6;
    }
    return address;
}

void add_server(struct bed *bed, unsigned pool, const char *host)
{
    struct rd_server_list *servers = &bed->config.pools[pool].servers;

    servers->at[servers->n++].address = bed_address(host);
}

int bed_setup(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    bed->config.local_localhost = bed->config.local_test = bed->config.local_invalid = true;
    bed->config.local_onion = bed->config.local_resolver_arpa = bed->config.local_home_arpa = true;
    bed->config.local_private_reverse = RD_SWITCH_AUTO;
    bed->config.loop_probe = true;
    bed->config.n_pools = 3;
    for (unsigned i = 0; i < 3; i++)
        add_server(bed, i, "198.51.100.1");
    *state = bed;
    return 0;
}

int bed_teardown(void **state)
{
    struct bed *bed = *state;

    routes_free(bed->routes);
    free(bed);
    return 0;
}

void again(struct bed *bed)
{
    routes_free(bed->routes);
    bed->routes = NULL;
}

void add_route(struct bed *bed, const char *suffix, uint8_t pool)
{
    struct rd_route_list *routes = &bed->config.routes;

    routes->at[routes->n++] = (struct rd_route_config){text(suffix), pool};
    again(bed);
}

struct route find(struct bed *bed, const char *name, uint16_t type)
{
    struct rd_name wire = text(name);

    if (!bed->routes)
        bed->routes = routes_new(&bed->config);
    assert_non_null(bed->routes);
    return route_find(bed->routes, &wire, type);
}

void assert_local(struct bed *bed, const char *name, enum route_kind kind, uint8_t at)
{
    struct route route = find(bed, name, RD_TYPE_A);

    if (route.kind != kind || route.at != at)
        fail_msg("%s: kind %u at %u", name, route.kind, route.at);
}

void assert_pool(struct bed *bed, const char *name, uint8_t pool)
{
    struct route route = find(bed, name, RD_TYPE_A);

    if (route.kind != ROUTE_POOL || route.pool != pool)
        fail_msg("%s: kind %u pool %u", name, route.kind, route.pool);
}
