/* SPDX-License-Identifier: BSD-2-Clause */
/* test_route.c - where a name goes: explicit routes, local names, their switches and precedence;
 * DS. */
#include <string.h>

#include "fastpath/route_bed.h"

static void assert_ds(struct bed *bed, const char *name, enum route_kind kind, uint8_t pool,
                      uint8_t at)
{
    struct route route = find(bed, name, RD_TYPE_DS);

    if (route.kind != kind || route.pool != pool || route.at != at)
        fail_msg("%s DS: kind %u pool %u at %u", name, route.kind, route.pool, route.at);
}

/* -- explicit routes ------------------------------------------------------------------------- */

static void test_what_no_suffix_holds_goes_to_the_default_pool(void **state)
{
    struct bed *bed = *state;

    assert_pool(bed, "www.example.com", 0);
    assert_pool(bed, "com", 0);
    assert_pool(bed, ".", 0);
    assert_pool(bed, "example", 0); /* RFC 6761 section 6.5 */
    assert_pool(bed, "www.example", 0);
    assert_pool(bed, "local", 0);
    assert_local(bed, "www.example.com", ROUTE_POOL, 16);
    assert_local(bed, ".", ROUTE_POOL, 0);
}

static void test_the_longest_route_wins(void **state)
{
    struct bed *bed = *state;

    add_route(bed, "example.com", 1);
    add_route(bed, "corp.example.com", 2);
    add_route(bed, "open.corp.example.com", 0);
    assert_pool(bed, "example.com", 1);
    assert_pool(bed, "www.example.com", 1);
    assert_pool(bed, "xcorp.example.com", 1);
    assert_pool(bed, "corp.example.com", 2);
    assert_pool(bed, "a.b.corp.example.com", 2);
    assert_pool(bed, "a.open.corp.example.com", 0);
    assert_pool(bed, "example.org", 0);
    assert_local(bed, "a.b.corp.example.com", ROUTE_POOL, 4);
}

static void test_the_route_of_the_root_is_another_default(void **state)
{
    struct bed *bed = *state;

    add_route(bed, "com", 2);
    add_route(bed, ".", 1);
    assert_pool(bed, ".", 1);
    assert_pool(bed, "www.example.org", 1);
    assert_pool(bed, "www.example.com", 2);
    assert_local(bed, "a.test", ROUTE_NXDOMAIN, 2);
    assert_local(bed, "localhost", ROUTE_LOCALHOST, 0);
    assert_local(bed, "1.10.in-addr.arpa", ROUTE_EMPTY, 2);
}

/* -- local names ----------------------------------------------------------------------------- */

static void test_named_zones_are_local_at_and_below(void **state)
{
    static const struct {
        const char *name;
        enum route_kind kind;
    } zones[] = {{"localhost", ROUTE_LOCALHOST}, {"test", ROUTE_NXDOMAIN},
                 {"invalid", ROUTE_NXDOMAIN},    {"onion", ROUTE_NXDOMAIN},
                 {"home.arpa", ROUTE_EMPTY},     {"resolver.arpa", ROUTE_NODATA},
                 {V6_ZERO, ROUTE_EMPTY},         {V6_ONE, ROUTE_LOOPBACK}};
    struct bed *bed = *state;

    for (unsigned i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        char below[128] = "a.b.";

        memcpy(below + 4, zones[i].name, strlen(zones[i].name) + 1);
        assert_local(bed, zones[i].name, zones[i].kind, 0);
        assert_local(bed, below, zones[i].kind, 4);
        below[3] = 'x'; /* a longer first label */
        assert_pool(bed, below, 0);
    }
    assert_pool(bed, "arpa", 0);
    assert_pool(bed, "test.example", 0);
}

static void test_each_switch_is_for_its_own_names(void **state)
{
    static const char *const names[] = {
        "localhost",     "test",      "invalid",           "onion",
        "resolver.arpa", "home.arpa", "1.10.in-addr.arpa", "0.loop-probe.ringdns"};
    struct bed *bed = *state;
    struct rd_config on = bed->config;
    struct rd_config *config = &bed->config;

    for (unsigned off = 0; off < 8; off++) {
        *config = on;
        *(off == 0   ? &config->local_localhost
          : off == 1 ? &config->local_test
          : off == 2 ? &config->local_invalid
          : off == 3 ? &config->local_onion
          : off == 4 ? &config->local_resolver_arpa
          : off == 5 ? &config->local_home_arpa
                     : &config->loop_probe) = false;
        if (off == 6) {
            config->loop_probe = true;
            config->local_private_reverse = RD_SWITCH_NO;
        }
        again(bed);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(find(bed, names[i], RD_TYPE_A).kind == ROUTE_POOL, i == off);
    }
}

/* -- explicit routes and local names --------------------------------------------------------- */

static void test_a_route_wins_against_the_local_name_itself(void **state)
{
    struct bed *bed = *state;

    add_route(bed, "test", 1);
    add_route(bed, "168.192.in-addr.arpa", 2);
    add_route(bed, "localhost", 1);
    bed->config.local_private_reverse = RD_SWITCH_YES;
    assert_pool(bed, "test", 1);
    assert_pool(bed, "a.test", 1);
    assert_pool(bed, "a.localhost", 1);
    assert_pool(bed, "1.0.168.192.in-addr.arpa", 2);
    assert_local(bed, "invalid", ROUTE_NXDOMAIN, 0);
    assert_local(bed, "1.10.in-addr.arpa", ROUTE_EMPTY, 2);
}

static void test_a_route_takes_the_local_names_below_it(void **state)
{
    struct bed *bed = *state;

    add_route(bed, "in-addr.arpa", 1);
    assert_pool(bed, "1.0.168.192.in-addr.arpa", 1);
    assert_pool(bed, "1.0.0.127.in-addr.arpa", 1);
    assert_pool(bed, "1.64.100.in-addr.arpa", 1);
    assert_pool(bed, "20.172.in-addr.arpa", 1);
    assert_local(bed, "d.f.ip6.arpa", ROUTE_EMPTY, 0);
    assert_local(bed, "home.arpa", ROUTE_EMPTY, 0);
    add_route(bed, "arpa", 2);
    assert_pool(bed, "1.0.168.192.in-addr.arpa", 1);
    assert_pool(bed, "d.f.ip6.arpa", 2);
    assert_pool(bed, "home.arpa", 2);
    assert_pool(bed, "_dns.resolver.arpa", 2);
    assert_local(bed, "test", ROUTE_NXDOMAIN, 0);
}

static void test_a_route_below_a_local_name_takes_its_part(void **state)
{
    struct bed *bed = *state;

    add_route(bed, "corp.test", 1);
    add_route(bed, "1.10.in-addr.arpa", 2);
    add_route(bed, "0.0.127.in-addr.arpa", 2);
    assert_pool(bed, "corp.test", 1);
    assert_pool(bed, "a.corp.test", 1);
    assert_local(bed, "a.xcorp.test", ROUTE_NXDOMAIN, 8);
    assert_local(bed, "test", ROUTE_NXDOMAIN, 0);
    assert_pool(bed, "2.1.10.in-addr.arpa", 2);
    assert_local(bed, "2.2.10.in-addr.arpa", ROUTE_EMPTY, 4);
    assert_pool(bed, "1.0.0.127.in-addr.arpa", 2);
    assert_local(bed, "1.0.1.127.in-addr.arpa", ROUTE_LOOPBACK, 6);
}

static void test_the_names_of_loop_probes_are_no_routes(void **state)
{
    struct bed *bed = *state;

    assert_local(bed, "0123456789abcdef." ROUTE_LOOP_SUFFIX, ROUTE_LOOP, 17);
    add_route(bed, "ringdns", 1);
    add_route(bed, ROUTE_LOOP_SUFFIX, 2);
    assert_local(bed, "0123456789abcdef." ROUTE_LOOP_SUFFIX, ROUTE_LOOP, 17);
    assert_pool(bed, "a.ringdns", 1);
    bed->config.loop_probe = false;
    again(bed);
    assert_pool(bed, "0123456789abcdef." ROUTE_LOOP_SUFFIX, 2);
}

/* -- DS -------------------------------------------------------------------------------------- */

static void test_ds_at_the_top_goes_where_the_parent_goes(void **state)
{
    struct bed *bed = *state;

    add_route(bed, "corp.example", 1);
    add_route(bed, "in.corp.example", 2);
    assert_ds(bed, "corp.example", ROUTE_POOL, 0, 13);
    assert_ds(bed, "in.corp.example", ROUTE_POOL, 1, 3);
    assert_ds(bed, "www.corp.example", ROUTE_POOL, 1, 4);
    assert_ds(bed, "a.in.corp.example", ROUTE_POOL, 2, 2);
    assert_ds(bed, "home.arpa", ROUTE_POOL, 0, 10); /* RFC 8375 section 4 */
    assert_ds(bed, "a.home.arpa", ROUTE_EMPTY, 0, 2);
    assert_ds(bed, "10.in-addr.arpa", ROUTE_POOL, 0, 16);
    assert_ds(bed, "1.10.in-addr.arpa", ROUTE_EMPTY, 0, 2);
    assert_ds(bed, "localhost", ROUTE_POOL, 0, 10);
    assert_ds(bed, ".", ROUTE_POOL, 0, 0);
    assert_ds(bed, "com", ROUTE_POOL, 0, 4);
    add_route(bed, ".", 2);
    assert_ds(bed, ".", ROUTE_POOL, 2, 0);
    assert_ds(bed, "corp.example", ROUTE_POOL, 2, 13);
    assert_ds(bed, "test", ROUTE_POOL, 2, 5);
}

static void test_ds_of_a_route_below_a_local_name_is_answered_here(void **state)
{
    struct bed *bed = *state;

    add_route(bed, "corp.test", 1);
    assert_ds(bed, "corp.test", ROUTE_NXDOMAIN, 0, 5);
    assert_ds(bed, "a.corp.test", ROUTE_POOL, 1, 2);
}

static void test_ds_of_the_longest_name(void **state)
{
    struct bed *bed = *state;
    struct rd_route_config *route = &bed->config.routes.at[bed->config.routes.n++];
    struct route found;

    route->suffix.len = 255;
    for (unsigned i = 0; i < 254; i += 2) {
        route->suffix.bytes[i] = 1;
        route->suffix.bytes[i + 1] = 'a';
    }
    route->pool = 2;
    find(bed, ".", RD_TYPE_DS);
    found = route_find(bed->routes, &route->suffix, RD_TYPE_A);
    assert_int_equal(found.pool, 2);
    found = route_find(bed->routes, &route->suffix, RD_TYPE_DS);
    assert_int_equal(found.pool, 0);
    assert_int_equal(found.at, 254);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROUTE_TEST(test_what_no_suffix_holds_goes_to_the_default_pool),
        ROUTE_TEST(test_the_longest_route_wins),
        ROUTE_TEST(test_the_route_of_the_root_is_another_default),
        ROUTE_TEST(test_named_zones_are_local_at_and_below),
        ROUTE_TEST(test_each_switch_is_for_its_own_names),
        ROUTE_TEST(test_a_route_wins_against_the_local_name_itself),
        ROUTE_TEST(test_a_route_takes_the_local_names_below_it),
        ROUTE_TEST(test_a_route_below_a_local_name_takes_its_part),
        ROUTE_TEST(test_the_names_of_loop_probes_are_no_routes),
        ROUTE_TEST(test_ds_at_the_top_goes_where_the_parent_goes),
        ROUTE_TEST(test_ds_of_a_route_below_a_local_name_is_answered_here),
        ROUTE_TEST(test_ds_of_the_longest_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
