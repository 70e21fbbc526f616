/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_config_routes.c - routes: suffixes, reverse zones, and the pools that they lead to.
 */
#include "config_route.h"
#include "config_text.h"

#define POOLS "upstreams: {corp: {servers: 192.0.2.1}, lab: {servers: 192.0.2.2}}\n"

static void assert_route(unsigned i, const char *suffix, const char *pool)
{
    char text[RD_NAME_TEXT_BYTES];

    assert_true(i < config.routes.n);
    rd_name_to_text(&config.routes.at[i].suffix, text);
    assert_string_equal(text, suffix);
    assert_string_equal(config.pools[config.routes.at[i].pool].name, pool);
}

static void test_reads_routes_to_pools(void **state)
{
    (void)state;
    assert_loads("routes:\n  corp.example: corp\n  Deep.CORP.example.: lab\n  x.example: default\n"
                 "  .: corp\n" POOLS);
    assert_int_equal(config.routes.n, 4);
    assert_route(0, "corp.example.", "corp");
    assert_route(1, "deep.corp.example.", "lab");
    assert_route(2, "x.example.", "default");
    assert_route(3, ".", "corp");
    assert_int_equal(config_routes_to(&config, 0), 1);
    assert_int_equal(config_routes_to(&config, 1), 2);
    assert_int_equal(config_routes_to(&config, 2), 1);
    assert_true(given.option[CONFIG_routes]);
    assert_dump_reads_back();
}

static void test_pools_may_come_before_or_after(void **state)
{
    (void)state;
    assert_loads(POOLS "routes: {a: corp, b: lab}\n");
    assert_route(0, "a.", "corp");
    assert_route(1, "b.", "lab");
    assert_loads("routes: {a: lab, b: corp}\n" POOLS);
    assert_route(0, "a.", "lab");
    assert_route(1, "b.", "corp");
}

static void test_no_routes(void **state)
{
    static const char *const texts[] = {"routes:\n", "routes: {}\n", "routes: ~\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_loads(texts[i]);
        assert_int_equal(config.routes.n, 0);
        assert_dump_reads_back();
    }
}

static void assert_suffix(const char *text, const char *expected)
{
    char file[512];

    snprintf(file, sizeof(file), "routes: {'%s': corp, x: lab}\n" POOLS, text);
    assert_loads(file);
    assert_route(0, expected, "corp");
    assert_dump_reads_back();
}

static void test_prefixes_stand_for_reverse_zones(void **state)
{
    (void)state;
    assert_suffix("10.0.0.0/8", "10.in-addr.arpa.");
    assert_suffix("172.16.0.0/16", "16.172.in-addr.arpa.");
    assert_suffix("192.0.2.0/24", "2.0.192.in-addr.arpa.");
    assert_suffix("192.0.2.1/32", "1.2.0.192.in-addr.arpa.");
    assert_suffix("192.0.2.1", "1.2.0.192.in-addr.arpa.");
    assert_suffix("0.0.0.0/0", "in-addr.arpa.");
    assert_suffix("2001:db8::/32", "8.b.d.0.1.0.0.2.ip6.arpa.");
    assert_suffix("2001:db8:10::/44", "1.0.0.8.b.d.0.1.0.0.2.ip6.arpa.");
    assert_suffix("fd00::/8", "d.f.ip6.arpa.");
    assert_suffix("::/0", "ip6.arpa.");
    assert_suffix("::1",
                  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.");
}

static void test_names_that_look_like_prefixes_are_names(void **state)
{
    (void)state;
    assert_suffix("0/25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa.");
    assert_suffix("10.0.0.0/8.", "10.0.0.0/8.");
    assert_suffix("a:b.", "a:b.");
    assert_suffix("\\042corp.example", "*corp.example.");
    assert_suffix("a\\.b\\032c", "a\\.b\\032c.");
    assert_suffix("10.in-addr.arpa", "10.in-addr.arpa.");
}

/* A suffix in column 10 of line 1. */
static void assert_no_suffix(const char *text, const char *part)
{
    char file[1024];

    snprintf(file, sizeof(file), "routes: {%s: corp, x: lab}\n" POOLS, text);
    assert_error(file, "f:1:10: routes", part);
    assert_non_null(
        strstr(errors.lines[0], "a name such as corp.example, \".\" for all names, or"));
}

static void test_refuses_what_is_no_suffix(void **state)
{
    char label[70] = "";

    (void)state;
    assert_no_suffix("''", "not a name");
    assert_no_suffix("a..b", "\"a..b\" (not a name: labels have 1 to 63 bytes");
    assert_no_suffix("'a b'", "\\032 where a blank is meant");
    assert_no_suffix("m\xc3\xbcnchen.example", "others as xn--");
    assert_no_suffix(".corp.example", "\".corp.example\" (is corp.example meant?)");
    assert_no_suffix("'*.corp.example'", "no * is needed: is corp.example meant?");
    assert_no_suffix("'\\042.corp.example'", "no * is needed)");
    assert_no_suffix("'*'", "no * is needed)");
    assert_no_suffix("\"a\\0b\"", "a NUL character inside");
    memset(label, 'x', 64);
    assert_no_suffix(label, "not a name");
    assert_no_suffix("10.0.0.0/9", "octet boundaries: /0, /8, /16, /24 or /32");
    assert_no_suffix("10.1.0.0/8", "(bits beyond the length are set: the prefix is 10.0.0.0/8)");
    assert_no_suffix("10.0.0.0/33", "the length of an IPv4 prefix is 0 to 32");
    assert_no_suffix("2001:db8::/33", "nibble boundaries: a length that 4 divides");
    assert_no_suffix("2001:db8::/129", "the length of an IPv6 prefix is 0 to 128");
    assert_no_suffix("10.0.0/8", "not an IP address or prefix");
    assert_no_suffix("corp/8", "not an IP address or prefix");
}

static void test_refuses_other_nodes(void **state)
{
    (void)state;
    assert_error("routes: {[a]: corp}\n", "f:1:10: routes: found a list as a key", "");
    assert_error("routes: {&a b: corp}\n", "f:1:10: routes: found an anchor", "");
    assert_error("routes: {a: &b corp}\n", "f:1:13: routes.a: found an anchor", "");
    assert_error("routes: {a: [corp]}\n", "f:1:13: routes.a: found a list", "the name of a pool");
    assert_error("routes: {a: {}}\n", "f:1:13: routes.a: found a map", "the name of a pool");
    assert_error("routes: {a: }\n", "f:1:13: routes.a: found nothing", "the name of a pool");
    assert_error("routes: {a: 'b c'}\n", "f:1:13: routes.a: found \"b c\"", "the name of a pool");
    assert_error("routes: {a: \"b\\0\"}\n", "f:1:13: routes.a: found \"b\\x00\"", "");
    assert_error("routes: &a {}\n", "f:1:9: routes: found an anchor", "");
    assert_error("routes: {}\nroutes: {}\n", "f:2:1: routes: found it a second time", "once");
    assert_error("*.x: corp\n", "f:1:2: syntax: found broken YAML", "needs quotes");
}

static void test_refuses_the_same_suffix_twice(void **state)
{
    (void)state;
    assert_error("routes:\n  corp.example: corp\n  CORP.example.: lab\n" POOLS,
                 "f:3:3: routes.CORP.example.: found it a second time (first in line 2)", "once");
    assert_error("routes:\n  10.0.0.0/8: corp\n  10.in-addr.arpa: lab\n" POOLS,
                 "f:3:3: routes.10.in-addr.arpa: found it a second time (first in line 2)", "");
}

static void test_refuses_a_pool_that_is_not_there(void **state)
{
    (void)state;
    assert_error("routes: {a: crop, b: lab}\n" POOLS,
                 "f:1:13: routes.a.: found \"crop\" (is corp meant?), which is no pool",
                 "allowed: one of the pools default, corp, lab");
    assert_error("routes: {a: something}\n", "f:1:13: routes.a.: found \"something\", which is no",
                 "allowed: one of the pools default");
    assert_error("routes: {a: CORP, b: lab, c: corp}\n" POOLS, "f:1:13: routes.a.: found \"CORP\"",
                 "");
}

static void test_every_pool_has_a_route(void **state)
{
    (void)state;
    assert_error("routes: {a: corp}\n" POOLS,
                 "f:2:41: upstreams.lab: found a pool that would never", "no route leads to it");
    assert_false(load(POOLS));
    assert_int_equal(errors.n, 2);
    assert_memory_equal(errors.lines[0], "f:1:13: upstreams.corp: ", 24);
    assert_memory_equal(errors.lines[1], "f:1:41: upstreams.lab: ", 23);
}

/* What follows from an error that was told is not told as another one. */
static void test_one_slip_is_one_error(void **state)
{
    (void)state;
    assert_error("routes: {a..b: lab, c: corp}\n" POOLS, "f:1:10: routes.a..b: ", "");
    assert_error("routes: {c: corp}\n" POOLS "- x\n", "f:3:1: syntax: found", "");
    assert_error("routes: [a]\n" POOLS, "f:1:9: routes: found a list", "");
    assert_error("routs: {a: corp, b: lab}\n" POOLS, "f:1:1: routs: found an unknown key (is ro",
                 "");
    assert_error("routes: {a: corp}\nupstream: {}\n", "f:2:1: upstream: found an unknown key", "");
    assert_error("routes: &a {a: corp}\n" POOLS, "f:1:9: routes: found an anchor", "");
    assert_error("routes: {a: b}\nupstreams: {b: {servers: &a ['::1']}}\n",
                 "f:2:26: upstreams.b.servers: found an anchor", "");
    assert_error("upstreams:\n  default:\n    hedge: 1\n    - x\n", "f:4:5: syntax: found", "");
    assert_error("routes: {a: corp}\nupstreams: [corp]\n", "f:2:12: upstreams: found a list", "");
    assert_error("routes: {a: corp}\nupstreams: {corp: [b]}\n", "f:2:19: upstreams.corp: found",
                 "");
    assert_error("routes: {a: corp}\nupstreams: {corp: {server: '::1'}}\n",
                 "f:2:20: upstreams.corp.server: found an unknown key (is servers meant?)", "");
}

static void test_takes_as_many_routes_as_there_is_room_for(void **state)
{
    static char text[RD_MAX_ROUTES * 16 + 1024];
    size_t len = (size_t)snprintf(text, sizeof(text), POOLS "routes:\n  x: lab\n");

    (void)state;
    for (int i = 1; i < RD_MAX_ROUTES; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "  n%d: corp\n", i);
    assert_loads(text);
    assert_int_equal(config.routes.n, RD_MAX_ROUTES);
    assert_int_equal(config_routes_to(&config, 1), RD_MAX_ROUTES - 1);
    assert_dump_reads_back();
    snprintf(text + len, sizeof(text) - len, "  more: corp\n");
    assert_error(text, "f:1027:3: routes.more: found a route (one entry too many)",
                 "0 to 1024 entries");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_routes_to_pools),
        cmocka_unit_test(test_pools_may_come_before_or_after),
        cmocka_unit_test(test_no_routes),
        cmocka_unit_test(test_prefixes_stand_for_reverse_zones),
        cmocka_unit_test(test_names_that_look_like_prefixes_are_names),
        cmocka_unit_test(test_refuses_what_is_no_suffix),
        cmocka_unit_test(test_refuses_other_nodes),
        cmocka_unit_test(test_refuses_the_same_suffix_twice),
        cmocka_unit_test(test_refuses_a_pool_that_is_not_there),
        cmocka_unit_test(test_every_pool_has_a_route),
        cmocka_unit_test(test_one_slip_is_one_error),
        cmocka_unit_test(test_takes_as_many_routes_as_there_is_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, clear_errors);
}
