/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_config_pools.c - pools: their names, servers and sources, and the errors about them.
 */
#include "config_text.h"

static void assert_server(unsigned pool, unsigned i, const char *address, unsigned weight,
                          unsigned tier)
{
    const struct rd_server_config *server = &config.pools[pool].servers.at[i];
    char text[ADDRESS_TEXT_BYTES];

    assert_true(i < config.pools[pool].servers.n);
    assert_string_equal(address_format(&server->address, text), address);
    assert_int_equal(server->weight, weight);
    assert_int_equal(server->tier, tier);
}

static void test_the_first_pool_is_default(void **state)
{
    (void)state;
    assert_loads("routes: {a: corp}\nupstreams:\n  corp: {servers: 192.0.2.1, hedge: 3}\n"
                 "  default: {servers: 192.0.2.2, cookies: no}\n");
    assert_int_equal(config.n_pools, 2);
    assert_string_equal(config.pools[0].name, "default");
    assert_string_equal(config.pools[1].name, "corp");
    assert_server(0, 0, "192.0.2.2:53", 1, 0);
    assert_server(1, 0, "192.0.2.1:53", 1, 0);
    assert_false(config.pools[0].from_system);
    assert_false(config.pools[0].cookies);
    assert_true(config.pools[1].cookies);
    assert_int_equal(config.pools[0].hedge, 0);
    assert_int_equal(config.pools[1].hedge, 3);
    assert_dump_reads_back();
}

static void test_the_pool_default_may_be_left_out(void **state)
{
    (void)state;
    assert_loads("routes: {a: corp}\nupstreams: {corp: {servers: 192.0.2.1}}\n");
    assert_int_equal(config.n_pools, 2);
    assert_true(config.pools[0].from_system);
    assert_int_equal(config.pools[0].servers.n, 0);
    assert_false(config.pools[1].from_system);
    assert_dump_reads_back();
}

static void test_each_pool_has_all_defaults(void **state)
{
    static struct rd_pool_config fresh;

    (void)state;
    config_pool_defaults(&fresh, "other");
    assert_loads("routes: {a: other}\nupstreams:\n"
                 "  default: {servers: '::1', policy: hash, cookies: no, probe: x, hedge: 9}\n"
                 "  other: {servers: '::1'}\n");
    fresh.servers = config.pools[1].servers;
    assert_memory_equal(&config.pools[1], &fresh, sizeof(fresh));
    assert_int_equal(fresh.policy, RD_POLICY_FASTEST);
    assert_int_equal(fresh.transport, RD_TRANSPORT_AUTO);
    assert_int_equal(fresh.source.n, 0);
    assert_int_equal(fresh.probe.len, 1);
    assert_true(fresh.cookies);
    assert_false(fresh.randomize_case || fresh.trust_ad || fresh.from_system);
}

static void test_servers_may_be_maps(void **state)
{
    (void)state;
    assert_loads("upstreams: {default: {servers: [{address: 192.0.2.1}, 192.0.2.2:54,\n"
                 "  {address: '[2001:db8::1]:5353', weight: 100, tier: 7},\n"
                 "  {tier: 1, address: 192.0.2.1:55}, {address: 192.0.2.3, weight: 2}]}}\n");
    assert_int_equal(config.pools[0].servers.n, 5);
    assert_server(0, 0, "192.0.2.1:53", 1, 0);
    assert_server(0, 1, "192.0.2.2:54", 1, 0);
    assert_server(0, 2, "[2001:db8::1]:5353", 100, 7);
    assert_server(0, 3, "192.0.2.1:55", 1, 1);
    assert_server(0, 4, "192.0.2.3:53", 2, 0);
    assert_dump_reads_back();
    assert_loads("upstreams: {default: {servers: {address: 192.0.2.1, tier: 2}}}\n");
    assert_int_equal(config.pools[0].servers.n, 1);
    assert_server(0, 0, "192.0.2.1:53", 1, 2);
    assert_loads("upstreams: {default: {servers: '192.0.2.1, 192.0.2.2:54'}}\n");
    assert_server(0, 1, "192.0.2.2:54", 1, 0);
}

static void test_the_dump_has_maps_only_where_they_say_something(void **state)
{
    char *text;

    (void)state;
    assert_loads("upstreams: {default: {servers: [{address: 192.0.2.1, weight: 1, tier: 0},\n"
                 "  {address: 192.0.2.2, weight: 3}, {address: 192.0.2.3, tier: 1}]}}\n");
    text = dumped();
    assert_non_null(strstr(text, "    servers:\n"
                                 "      - \"192.0.2.1:53\"\n"
                                 "      - { address: \"192.0.2.2:53\", weight: 3 }\n"
                                 "      - { address: \"192.0.2.3:53\", tier: 1 }\n"));
    free(text);
}

/* The value of servers begins in column 10 of line 2. */
#define SERVERS(text) "upstreams: {default: {\nservers: " text "}}\n"
#define KEY           "upstreams.default.servers"

static void test_refuses_bad_maps_of_servers(void **state)
{
    (void)state;
    assert_error(SERVERS("[{addres: 192.0.2.1}]"),
                 "f:2:12: " KEY "[0].addres: found an unknown key (is address meant?)",
                 "allowed: address, weight, tier");
    assert_error(SERVERS("[192.0.2.1, {port: 53}]"),
                 "f:2:23: " KEY "[1].port: found an unknown key; ", "address, weight, tier");
    assert_error(SERVERS("[{weight: 1}]"), "f:2:11: " KEY "[0].address: found nothing", "192.0.2");
    assert_error(SERVERS("[{}]"), "f:2:11: " KEY "[0].address: found nothing", "");
    assert_error(SERVERS("[{address: x}]"), "f:2:21: " KEY "[0].address: found \"x\"", "names can");
    assert_error(SERVERS("[{address: 0.0.0.0}]"), "f:2:21: " KEY "[0].address: found", "one host");
    assert_error(SERVERS("[{address: }]"), "f:2:21: " KEY "[0].address: found nothing", "");
    assert_error(SERVERS("[{address: [a]}]"), "f:2:21: " KEY "[0].address: found a list", "");
    assert_error(SERVERS("[{address: &a '::1'}]"), "f:2:21: " KEY "[0].address: found an anc", "");
    assert_error(SERVERS("[{[a]: 1}]"), "f:2:12: " KEY "[0]: found a list as a key", "");
    assert_error(SERVERS("[[192.0.2.1]]"), "f:2:11: " KEY ": found a list", "weight: 2");
    assert_error(SERVERS("{address: '::1', address: '::2'}"),
                 "f:2:27: " KEY "[0].address: found it a second time (first in line 2)", "once");
}

static void test_refuses_bad_weights_and_tiers(void **state)
{
    (void)state;
    assert_error(SERVERS("[{address: '::1', weight: 0}]"),
                 "f:2:36: " KEY "[0].weight: found \"0\" (too small); allowed: 1 to 100", "");
    assert_error(SERVERS("[{address: '::1', weight: 101}]"),
                 "f:2:36: " KEY "[0].weight: found \"101\" (too large); allowed: 1 to 100", "");
    assert_error(SERVERS("[{address: '::1', weight: heavy}]"),
                 "f:2:36: " KEY "[0].weight: found \"heavy\"; allowed: 1 to 100", "");
    assert_error(SERVERS("[{address: '::1', tier: 8}]"),
                 "f:2:34: " KEY "[0].tier: found \"8\" (too large); allowed: 0 to 7", "");
    assert_error(SERVERS("[{address: '::1', tier: -1}]"),
                 "f:2:34: " KEY "[0].tier: found \"-1\"; allowed: 0 to 7", "");
    assert_error(SERVERS("[{address: '::1', tier: 4294967297}]"),
                 "f:2:34: " KEY "[0].tier: found \"4294967297\" (too large)", "0 to 7");
}

static void test_refuses_a_server_given_twice(void **state)
{
    (void)state;
    assert_error(SERVERS("[192.0.2.1, '192.0.2.1:53']"),
                 "f:2:22: " KEY ": found \"192.0.2.1:53\" (a second time)", "");
    assert_error(SERVERS("[192.0.2.1, {address: 192.0.2.1, tier: 1}]"),
                 "f:2:22: " KEY "[1]: found \"192.0.2.1:53\" (a second time)", "");
    assert_loads("routes: {a: b}\nupstreams: {default: {servers: '::1'}, b: {servers: '::1'}}\n");
}

static void test_refuses_too_many_servers(void **state)
{
    char text[2048] = "upstreams: {default: {servers: [";
    size_t len = strlen(text);

    (void)state;
    for (int i = 1; i <= RD_MAX_SERVERS; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "{address: 192.0.2.%d}, ", i);
    snprintf(text + len, sizeof(text) - len, "]}}\n");
    assert_loads(text);
    snprintf(text + len, sizeof(text) - len, "{address: 192.0.2.99}]}}\n");
    assert_error(text, "f:1:", "servers[16]: found \"192.0.2.99:53\" (one entry too many)");
}

static void test_reads_sources(void **state)
{
    char text[ADDRESS_TEXT_BYTES];

    (void)state;
    assert_loads(SERVERS("[192.0.2.1, '::1'], source: 192.0.2.7"));
    assert_int_equal(config.pools[0].source.n, 1);
    assert_string_equal(address_format_host(&config.pools[0].source.at[0], text), "192.0.2.7");
    assert_int_equal(rd_address_port(&config.pools[0].source.at[0]), 0);
    assert_dump_reads_back();
    assert_loads(SERVERS("[192.0.2.1, '::1'], source: ['2001:db8::7', 192.0.2.7]"));
    assert_int_equal(config.pools[0].source.n, 2);
    assert_dump_reads_back();
    assert_loads(SERVERS("['fe80::1%lo'], source: 'fe80::2%lo'"));
    assert_dump_reads_back();
    assert_loads(SERVERS("192.0.2.1, source: []"));
}

static void test_the_source_is_that_of_the_servers_family(void **state)
{
    union rd_address v4, v6, source;

    (void)state;
    assert_null(address_parse("192.0.2.1", 53, &v4));
    assert_null(address_parse("::1", 53, &v6));
    assert_loads(SERVERS("[192.0.2.1, '::1'], source: 192.0.2.7"));
    source = config_server_source(&config.pools[0], &v4);
    assert_true(rd_address_equal(&source, &config.pools[0].source.at[0]));
    source = config_server_source(&config.pools[0], &v6);
    assert_int_equal(source.any.sa_family, AF_UNSPEC);
}

#define SOURCE "upstreams.default.source"

static void test_refuses_bad_sources(void **state)
{
    (void)state;
    assert_error(SERVERS("192.0.2.1, source: 192.0.2.7:53"), "f:2:29: " SOURCE ": found \"192.0.2",
                 "no port is given here");
    assert_error(SERVERS("192.0.2.1, source: '*'"), "f:2:29: " SOURCE ": found \"*\"", "one host");
    assert_error(SERVERS("192.0.2.1, source: 0.0.0.0"), "f:2:29: " SOURCE ": found", "one host");
    assert_error(SERVERS("'::1', source: '::'"), "f:2:25: " SOURCE ": found \"::\"", "one host");
    assert_error(SERVERS("192.0.2.1, source: 224.0.0.1"), "f:2:29: " SOURCE ": found", "one host");
    assert_error(SERVERS("'::1', source: 'ff02::1'"), "f:2:25: " SOURCE ": found", "one host");
    assert_error(SERVERS("192.0.2.1, source: eth0"), "f:2:29: " SOURCE ": found \"eth0\"",
                 "one per address family");
    assert_error(SERVERS("192.0.2.1, source: '192.0.2.7,192.0.2.8'"), "f:2:29: " SOURCE ": found",
                 "\"192.0.2.8\" (a second IPv4 address)");
    assert_error(SERVERS("'::1', source: ['::2', '::3']"), "f:2:33: " SOURCE ": found",
                 "\"::3\" (a second IPv6 address)");
    assert_error(SERVERS("192.0.2.1, source: '::2'"),
                 "f:2:29: " SOURCE ": found \"::2\", but none of its servers has an IPv6 address",
                 "");
    assert_error(SERVERS("'::1', source: ['::2', 192.0.2.7]"),
                 "f:2:25: " SOURCE ": found \"192.0.2.7\", but none of its servers has an IPv4",
                 "");
}

static void test_refuses_bad_names(void **state)
{
    char name[RD_TEXT_BYTES + 2] = "", text[256];

    (void)state;
    assert_error("upstreams: {a b: {servers: '::1'}}\n",
                 "f:1:13: upstreams.a b: found a pool named \"a b\"",
                 "1 to 64 letters, digits, - _");
    assert_error("upstreams: {'': {servers: '::1'}}\n", "f:1:13: upstreams.: found a pool", "");
    assert_error("upstreams: {a/b: {servers: '::1'}}\n", "f:1:13: upstreams.a/b: found", "");
    assert_error("upstreams: {\"a\\0\": {}}\n", "f:1:13: upstreams.a\\x00: found a pool", "");
    memset(name, 'x', RD_TEXT_BYTES + 1);
    snprintf(text, sizeof(text), "upstreams: {%s: {servers: '::1'}}\n", name);
    assert_error(text, "f:1:13: upstreams.xxx", "1 to 64");
    name[RD_TEXT_BYTES] = '\0';
    snprintf(text, sizeof(text), "routes: {.: %s}\nupstreams: {%s: {servers: '::1'}}\n", name,
             name);
    assert_loads(text);
    assert_dump_reads_back();
}

static void test_takes_every_letter_of_a_name(void **state)
{
    static const char *const names[] = {"-",    "_",   ".",   "..",     "---",
                                        "null", "yes", "1.5", "A-b_c.9"};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(text, sizeof(text), "routes: {a: '%s'}\nupstreams: {'%s': {servers: '::1'}}\n",
                 names[i], names[i]);
        assert_loads(text);
        assert_string_equal(config.pools[1].name, names[i]);
        assert_dump_reads_back();
    }
}

static void test_refuses_a_pool_given_twice(void **state)
{
    (void)state;
    assert_error("routes: {a: b}\nupstreams: {b: {servers: '::1'}, b: {servers: '::2'}}\n",
                 "f:2:34: upstreams.b: found it a second time (first in line 2)", "once");
}

static void test_refuses_too_many_pools(void **state)
{
    static char text[8192];
    size_t len = (size_t)snprintf(text, sizeof(text), "routes: {");

    (void)state;
    for (int i = 1; i < RD_MAX_POOLS; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "r%d: p%d, ", i, i);
    len += (size_t)snprintf(text + len, sizeof(text) - len, "}\nupstreams:\n");
    for (int i = 1; i < RD_MAX_POOLS; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "  p%d: {servers: '::1'}\n", i);
    assert_loads(text);
    assert_dump_reads_back();
    assert_loads(text);
    snprintf(text + len, sizeof(text) - len, "  more: {servers: '::1'}\n");
    assert_error(text, "f:18:3: upstreams.more: found one pool too many",
                 "allowed: 16 pools, default included");
}

static void test_other_pools_need_servers(void **state)
{
    (void)state;
    assert_error("routes: {a: corp}\nupstreams: {corp: {cookies: no}}\n",
                 "f:2:13: upstreams.corp.servers: found no entry", "1 to 16 entries");
    assert_error("routes: {a: corp}\nupstreams: {corp: }\n",
                 "f:2:13: upstreams.corp.servers: found no entry", "");
    assert_error("routes: {a: corp}\nupstreams: {corp: {servers: []}}\n",
                 "f:2:29: upstreams.corp.servers: found no entry", "");
}

static void test_refuses_more_servers_than_are_known_at_a_time(void **state)
{
    static char text[8192];
    size_t len =
        (size_t)snprintf(text, sizeof(text), "routes: {a: b, c: d, e: f, g: h}\nupstreams:");

    (void)state;
    for (int pool = 0; pool < 4; pool++) {
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "\n  %c: {servers: [", "bdfh"[pool]);
        for (int i = 0; i < 16; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "10.0.%d.%d, ", pool, i + 1);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "]}");
    }
    assert_loads(text);
    assert_int_equal(config_servers_count(&config), 64);
    /* One that is known already, and then one more. */
    len += (size_t)snprintf(text + len, sizeof(text) - len, "\n  default: {servers: 10.0.0.1");
    snprintf(text + len, sizeof(text) - len, "}\n");
    assert_loads(text);
    assert_int_equal(config_servers_count(&config), 64);
    snprintf(text + len, sizeof(text) - len, ", source: 10.0.0.99}\n");
    assert_error(text, "f: upstreams: found 65 different servers", "at most 64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_pool_is_default),
        cmocka_unit_test(test_the_pool_default_may_be_left_out),
        cmocka_unit_test(test_each_pool_has_all_defaults),
        cmocka_unit_test(test_servers_may_be_maps),
        cmocka_unit_test(test_the_dump_has_maps_only_where_they_say_something),
        cmocka_unit_test(test_refuses_bad_maps_of_servers),
        cmocka_unit_test(test_refuses_bad_weights_and_tiers),
        cmocka_unit_test(test_refuses_a_server_given_twice),
        cmocka_unit_test(test_refuses_too_many_servers),
        cmocka_unit_test(test_reads_sources),
        cmocka_unit_test(test_the_source_is_that_of_the_servers_family),
        cmocka_unit_test(test_refuses_bad_sources),
        cmocka_unit_test(test_refuses_bad_names),
        cmocka_unit_test(test_takes_every_letter_of_a_name),
        cmocka_unit_test(test_refuses_a_pool_given_twice),
        cmocka_unit_test(test_refuses_too_many_pools),
        cmocka_unit_test(test_other_pools_need_servers),
        cmocka_unit_test(test_refuses_more_servers_than_are_known_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, clear_errors);
}
