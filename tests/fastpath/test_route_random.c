/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_route_random.c - routes and switches by chance, against the rules of route.h written down
 * plainly: every rule looks at every suffix.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "route.h"

/* The labels of all names here; the zones are those that they can spell. */
static const char *const labels[] = {"a",    "10",      "168",  "192",  "127",
                                     "arpa", "in-addr", "test", "home", "localhost"};
static const struct {
    const char *name;
    enum route_kind kind;
} zones[] = {{"10.in-addr.arpa", ROUTE_EMPTY},     {"168.192.in-addr.arpa", ROUTE_EMPTY},
             {"127.in-addr.arpa", ROUTE_LOOPBACK}, {"test", ROUTE_NXDOMAIN},
             {"home.arpa", ROUTE_EMPTY},           {"localhost", ROUTE_LOCALHOST}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct rd_name random_name(struct rd_random *random)
{
    struct rd_name name = {.len = 0};

    for (unsigned n = rd_random_below(random, 5); n > 0; n--) {
        const char *label = labels[rd_random_below(random, COUNT(labels))];
        size_t len = strlen(label);

        name.bytes[name.len] = (uint8_t)len;
        memcpy(name.bytes + name.len + 1, label, len);
        name.len = (uint8_t)(name.len + 1 + len);
    }
    /* Half of them end as reverse names do. */
    if (rd_random_below(random, 2)) {
        memcpy(name.bytes + name.len, "\7in-addr\4arpa", 13);
        name.len = (uint8_t)(name.len + 13);
    }
    name.bytes[name.len++] = 0;
    return name;
}

/* Whether NAME is at or below SUFFIX. */
static bool is_below(const struct rd_name *name, const struct rd_name *suffix)
{
    for (unsigned at = 0;; at += name->bytes[at] + 1u) {
        if (name->len - at == suffix->len)
            return memcmp(name->bytes + at, suffix->bytes, suffix->len) == 0;
        if (name->bytes[at] == 0)
            return false;
    }
}

static bool is_on(const struct rd_config *config, unsigned zone)
{
    switch (zone) {
    case 3:
        return config->local_test;
    case 4:
        return config->local_home_arpa;
    case 5:
        return config->local_localhost;
    default:
        return config->local_private_reverse == RD_SWITCH_YES;
    }
}

static bool is_taken(const struct rd_config *config, const struct rd_name *zone)
{
    for (uint32_t i = 0; i < config->routes.n; i++)
        if (config->routes.at[i].suffix.len > 1 && is_below(zone, &config->routes.at[i].suffix))
            return true;
    return false;
}

static struct route plain_find(const struct rd_config *config, const struct rd_name *name)
{
    struct route route = {ROUTE_POOL, 0, (uint8_t)(name->len - 1)};
    unsigned longest = 0;

    for (uint32_t i = 0; i < config->routes.n; i++) {
        const struct rd_route_config *one = &config->routes.at[i];

        if (one->suffix.len <= longest || !is_below(name, &one->suffix))
            continue;
        longest = one->suffix.len;
        route = (struct route){ROUTE_POOL, one->pool, (uint8_t)(name->len - longest)};
    }
    for (unsigned i = 0; i < COUNT(zones); i++) {
        struct rd_name zone;

        assert_true(rd_name_from_text(zones[i].name, &zone));
        if (zone.len <= longest || !is_on(config, i) || !is_below(name, &zone) ||
            is_taken(config, &zone))
            continue;
        longest = zone.len;
        route = (struct route){(uint8_t)zones[i].kind, 0, (uint8_t)(name->len - longest)};
    }
    return route;
}

static struct route plain_find_type(const struct rd_config *config, const struct rd_name *name,
                                    uint16_t type)
{
    struct route route = plain_find(config, name);
    struct rd_name parent = {.len = 0};
    unsigned label = name->bytes[0] + 1u;

    if (type != RD_TYPE_DS || route.at > 0 || name->len == 1)
        return route;
    parent.len = (uint8_t)(name->len - label);
    memcpy(parent.bytes, name->bytes + label, parent.len);
    route = plain_find(config, &parent);
    route.at = (uint8_t)(route.at + label);
    return route;
}

static void make(struct rd_random *random, struct rd_config *config)
{
    uint32_t switches = rd_random_u32(random);

    config->local_test = switches & 1;
    config->local_home_arpa = switches & 2;
    config->local_localhost = switches & 4;
    config->local_private_reverse = switches & 24 ? RD_SWITCH_YES : RD_SWITCH_NO;
    config->n_pools = 4;
    config->routes.n = rd_random_below(random, 6);
    for (uint32_t i = 0; i < config->routes.n; i++)
        config->routes.at[i] =
            (struct rd_route_config){random_name(random), (uint8_t)rd_random_below(random, 4)};
}

static void test_routes_by_chance_agree_with_the_plain_rules(void **state)
{
    struct rd_config *config = calloc(1, sizeof(*config));
    unsigned seen[ROUTE_LOOP + 1] = {0};
    struct rd_random random;

    (void)state;
    assert_non_null(config);
    rd_random_init(&random, (const uint8_t[32]){4, 5, 6});
    for (unsigned round = 0; round < 500; round++) {
        struct routes *routes;

        make(&random, config);
        routes = routes_new(config);
        assert_non_null(routes);
        for (unsigned i = 0; i < 400; i++) {
            struct rd_name name = random_name(&random);
            uint16_t type = i & 1 ? RD_TYPE_DS : RD_TYPE_A;
            struct route plain = plain_find_type(config, &name, type);
            struct route route = route_find(routes, &name, type);

            assert_int_equal(route.kind, plain.kind);
            assert_int_equal(route.pool, plain.pool);
            assert_int_equal(route.at, plain.at);
            seen[route.kind]++;
        }
        routes_free(routes);
    }
    assert_true(seen[ROUTE_POOL] && seen[ROUTE_EMPTY] && seen[ROUTE_LOOPBACK]);
    assert_true(seen[ROUTE_NXDOMAIN] && seen[ROUTE_LOCALHOST]);
    free(config);
}

/* As many routes as there may be, and one name below each. */
static void test_a_full_list_of_routes(void **state)
{
    struct rd_config *config = calloc(1, sizeof(*config));
    struct routes *routes;

    (void)state;
    assert_non_null(config);
    config->n_pools = RD_MAX_POOLS;
    config->local_private_reverse = RD_SWITCH_YES;
    config->routes.n = RD_MAX_ROUTES;
    for (unsigned i = 0; i < RD_MAX_ROUTES; i++) {
        struct rd_route_config *route = &config->routes.at[i];

        assert_true(rd_name_from_text("customer-0000.example", &route->suffix));
        for (unsigned digit = 0; digit < 4; digit++)
            route->suffix.bytes[10 + digit] = (uint8_t)('a' + (i >> 3 * digit & 7));
        route->pool = (uint8_t)(i % RD_MAX_POOLS);
    }
    routes = routes_new(config);
    assert_non_null(routes);
    for (unsigned i = 0; i < RD_MAX_ROUTES; i++) {
        struct rd_name name = {.bytes = {1, 'x'}};
        struct route route;

        name.len = (uint8_t)(config->routes.at[i].suffix.len + 2);
        memcpy(name.bytes + 2, config->routes.at[i].suffix.bytes, name.len - 2u);
        route = route_find(routes, &name, RD_TYPE_A);
        assert_int_equal(route.kind, ROUTE_POOL);
        assert_int_equal(route.pool, i % RD_MAX_POOLS);
        assert_int_equal(route.at, 2);
    }
    routes_free(routes);
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_by_chance_agree_with_the_plain_rules),
        cmocka_unit_test(test_a_full_list_of_routes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
