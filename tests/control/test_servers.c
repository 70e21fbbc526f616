/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_servers.c - the system's name servers, and upstreams that are ourselves.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "address.h"
#include "config_pool.h"
#include "config_value.h"
#include "local_address.h"
#include "resolv_conf.h"
#include "servers.h"

/* This machine, as far as the tests are concerned, is 192.0.2.7 and 2001:db8::7. */
static union rd_address interfaces[2];
static const struct local_addresses local = {2, interfaces};

static union rd_address address(const char *text)
{
    union rd_address result;

    assert_null(address_parse(text, 53, &result));
    return result;
}

static int setup(void **state)
{
    (void)state;
    interfaces[0] = address("192.0.2.7");
    interfaces[1] = address("2001:db8::7");
    interfaces[0].v4.sin_port = interfaces[1].v6.sin6_port = 0;
    return 0;
}

static int own(const char *listen, const char *server)
{
    struct rd_address_list list = {1, {address(listen)}};
    union rd_address target = address(server);

    return own_listener(&list, &local, &target);
}

static void test_same_address_and_port_is_ourselves(void **state)
{
    (void)state;
    assert_int_equal(own("192.0.2.7:53", "192.0.2.7:53"), 0);
    assert_int_equal(own("[::1]:53", "[::1]:53"), 0);
    assert_int_equal(own("192.0.2.7:53", "192.0.2.7:54"), -1);
    assert_int_equal(own("192.0.2.7:53", "192.0.2.8:53"), -1);
    assert_int_equal(own("127.0.0.1:53", "127.0.0.53:53"), -1);
}

static void test_a_wildcard_is_every_address_of_this_machine(void **state)
{
    (void)state;
    assert_int_equal(own("*:53", "192.0.2.7"), 0);
    assert_int_equal(own("*:53", "127.0.0.1"), 0);
    assert_int_equal(own("*:53", "127.200.0.1"), 0);
    assert_int_equal(own("[::]:53", "::1"), 0);
    assert_int_equal(own("[::]:53", "2001:db8::7"), 0);
    assert_int_equal(own("*:53", "192.0.2.8"), -1);
    assert_int_equal(own("*:53", "192.0.2.7:54"), -1);
}

static void test_wildcards_serve_their_own_family_only(void **state)
{
    (void)state;
    assert_int_equal(own("*:53", "::1"), -1);
    assert_int_equal(own("[::]:53", "127.0.0.1"), -1);
}

static void test_the_same_address_on_another_link_is_another_host(void **state)
{
    struct rd_address_list list = {1, {address("fe80::1%lo")}};
    union rd_address server = address("fe80::1%lo");

    (void)state;
    assert_int_equal(own_listener(&list, &local, &server), 0);
    server.v6.sin6_scope_id = 77;
    assert_int_equal(own_listener(&list, &local, &server), -1);
}

static void test_an_upstream_that_is_ourselves_is_an_error(void **state)
{
    static struct rd_config config;
    struct config_errors errors = {0};

    (void)state;
    config_defaults(&config);
    config.pools[0].servers =
        (struct rd_server_list){2, {{address("192.0.2.1"), 1, 0}, {address("::1"), 1, 0}}};
    servers_check(&config, &errors);
    assert_int_equal(errors.n, 1);
    assert_non_null(strstr(errors.lines[0], "upstreams.default.servers (or --forward): found "
                                            "[::1]:53, which is this forwarder itself"));
    config_errors_clear(&errors);
}

static void test_every_pools_servers_are_looked_at(void **state)
{
    static struct rd_config config;
    struct config_errors errors = {0};

    (void)state;
    config_defaults(&config);
    config_pool_add(&config, "corp");
    config_pool_add(&config, "lab");
    config.pools[1].servers = (struct rd_server_list){1, {{address("127.0.0.1"), 1, 0}}};
    config.pools[2].servers = (struct rd_server_list){1, {{address("::1"), 1, 3}}};
    servers_check(&config, &errors);
    assert_int_equal(errors.n, 2);
    assert_non_null(strstr(errors.lines[0], "upstreams.corp.servers: found 127.0.0.1:53, which"));
    assert_non_null(strstr(errors.lines[1], "upstreams.lab.servers: found [::1]:53, which is"));
    config_errors_clear(&errors);
}

static void test_a_source_that_is_not_here_is_an_error(void **state)
{
    static struct rd_config config;
    struct config_errors errors = {0};

    (void)state;
    config_defaults(&config);
    config_pool_add(&config, "corp");
    config.pools[0].source = (struct rd_host_list){1, {address("127.0.0.7")}};
    config.pools[0].source.at[0].v4.sin_port = 0;
    servers_check_sources(&config, &errors);
    assert_int_equal(errors.n, 0);
    config.pools[1].source = (struct rd_host_list){1, {address("192.0.2.77")}};
    servers_check_sources(&config, &errors);
    assert_int_equal(errors.n, 1);
    assert_non_null(strstr(errors.lines[0], "upstreams.corp.source: found 192.0.2.77, which no"));
    assert_non_null(strstr(errors.lines[0], "; allowed: an address that an interface"));
    config_errors_clear(&errors);
}

/* Reads TEXT as resolv.conf while we listen on 127.0.0.1:53. */
static int read_text(const char *text, struct rd_server_list *ret_servers)
{
    struct rd_address_list listen = {1, {address("127.0.0.1")}};
    char path[] = "/tmp/ringdns-resolv-XXXXXX";
    int fd = mkstemp(path), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    r = resolv_conf_read(path, &listen, &local, ret_servers);
    unlink(path);
    return r;
}

static void assert_servers(const char *text, const char *expected)
{
    struct rd_server_list servers;
    char shown[512];

    assert_int_equal(read_text(text, &servers), 0);
    for (uint32_t i = 0; i < servers.n; i++)
        assert_true(servers.at[i].weight == 1 && servers.at[i].tier == 0);
    assert_string_equal(servers_format(&servers, shown, sizeof(shown)), expected);
}

static void test_reads_nameserver_lines(void **state)
{
    (void)state;
    assert_servers(
        "# comment\nsearch example\nnameserver 192.0.2.1\n\n"
        "  nameserver\t2001:db8::1  # the second\noptions edns0\n;nameserver 192.0.2.9\n",
        "192.0.2.1:53, [2001:db8::1]:53");
    assert_servers("nameserver fe80::1%lo\r\nnameserver 192.0.2.3",
                   "[fe80::1%lo]:53, 192.0.2.3:53");
    assert_servers("", "");
    assert_servers("nameservers 192.0.2.1\n", "");
}

static void test_leaves_out_what_cannot_be_asked(void **state)
{
    (void)state;
    assert_servers("nameserver 127.0.0.1\nnameserver x\nnameserver\nnameserver fe80::1\n"
                   "nameserver 0.0.0.0\nnameserver 192.0.2.1\nnameserver 192.0.2.1\n",
                   "192.0.2.1:53");
    assert_servers("nameserver \x1b[31m\nnameserver 127.0.0.53\n", "127.0.0.53:53");
}

static void test_takes_no_more_than_a_pool_holds(void **state)
{
    struct rd_server_list servers;
    char text[1024];
    size_t len = 0;

    (void)state;
    for (int i = 1; i <= RD_MAX_SERVERS + 2; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "nameserver 192.0.2.%d\n", i);
    assert_int_equal(read_text(text, &servers), 0);
    assert_int_equal(servers.n, RD_MAX_SERVERS);
}

static void test_an_absent_or_empty_file_changes_nothing(void **state)
{
    static struct rd_config config;

    (void)state;
    config_defaults(&config);
    assert_true(servers_from_system(&config));
    assert_int_equal(servers_read("/nonexistent/resolv.conf", &config), -ENOENT);
    assert_int_equal(servers_read("/dev/null", &config), -ENODATA);
    assert_int_equal(config.pools[0].servers.n, 0);
}

static void test_the_systems_servers_are_marked(void **state)
{
    static struct rd_config config;
    char path[] = "/tmp/ringdns-resolv-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "nameserver 192.0.2.1\n", 21), 21);
    close(fd);
    config_defaults(&config);
    config.pools[0].from_system = false;
    assert_int_equal(servers_read(path, &config), 0);
    unlink(path);
    assert_true(servers_from_system(&config));
    assert_int_equal(config.pools[0].servers.n, 1);
    assert_int_equal(config.pools[0].servers.at[0].weight, 1);
}

static void test_formatting_says_when_it_leaves_out(void **state)
{
    struct rd_address_list list = {3, {address("192.0.2.1"), address("::1"), address("::2")}};
    char text[64];

    (void)state;
    assert_string_equal(addresses_format(&list, text, sizeof(text)),
                        "192.0.2.1:53, [::1]:53, [::2]:53");
    assert_string_equal(addresses_format(&list, text, 30), "192.0.2.1:53, [::1]:53...");
    assert_string_equal(addresses_format(&list, text, 12), "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_address_and_port_is_ourselves),
        cmocka_unit_test(test_a_wildcard_is_every_address_of_this_machine),
        cmocka_unit_test(test_wildcards_serve_their_own_family_only),
        cmocka_unit_test(test_the_same_address_on_another_link_is_another_host),
        cmocka_unit_test(test_an_upstream_that_is_ourselves_is_an_error),
        cmocka_unit_test(test_every_pools_servers_are_looked_at),
        cmocka_unit_test(test_a_source_that_is_not_here_is_an_error),
        cmocka_unit_test(test_reads_nameserver_lines),
        cmocka_unit_test(test_leaves_out_what_cannot_be_asked),
        cmocka_unit_test(test_takes_no_more_than_a_pool_holds),
        cmocka_unit_test(test_an_absent_or_empty_file_changes_nothing),
        cmocka_unit_test(test_the_systems_servers_are_marked),
        cmocka_unit_test(test_formatting_says_when_it_leaves_out),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
