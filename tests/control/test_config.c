/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_config.c - the configuration file: what it sets, and what is said about each mistake.
 */
#include "config_text.h"

static void test_an_empty_file_is_all_defaults(void **state)
{
    static const char *const texts[] = {"",           "\n",        "# nothing\n", "---\n",
                                        "---\n...\n", "access:\n", "upstreams:\n"};
    static struct rd_config defaults;

    (void)state;
    config_defaults(&defaults);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_loads(texts[i]);
        assert_memory_equal(&config, &defaults, sizeof(config));
    }
}

static void test_defaults_are_those_of_config_def(void **state)
{
    char text[ADDRESS_TEXT_BYTES];

    (void)state;
    config_defaults(&config);
    assert_int_equal(config.listen.n, 2);
    assert_string_equal(address_format(&config.listen.at[0], text), "127.0.0.1:53");
    assert_string_equal(address_format(&config.listen.at[1], text), "[::1]:53");
    assert_int_equal(config.workers, 0);
    assert_int_equal(config.io, RD_IO_AUTO);
    assert_int_equal(config.receive_buffer, 4 << 20);
    assert_int_equal(config.max_answer, 1232);
    assert_int_equal(config.access_allow.n, 8);
    assert_int_equal(config.n_pools, 1);
    assert_string_equal(config.pools[0].name, "default");
    assert_int_equal(config.pools[0].servers.n, 0);
}

static void test_sets_every_kind(void **state)
{
    char text[ADDRESS_TEXT_BYTES];

    (void)state;
    assert_loads("listen: [192.0.2.1, '[2001:db8::1]:5300']\nworkers: 3\nio: syscall\n"
                 "control: ./c.sock\nfreebind: yes\nmax-answer: 1KiB\n"
                 "access: {allow: [10.0.0.0/8]}\nin-flight:\n  queries: 100\n"
                 "ports: {avoid: [1900, 5000-5100]}\nidentity: {nsid: 'a \"b\"'}\n"
                 "upstreams: {default: {servers: 192.0.2.53, trust-ad: true}}\n");
    assert_string_equal(address_format(&config.listen.at[1], text), "[2001:db8::1]:5300");
    assert_int_equal(config.workers, 3);
    assert_int_equal(config.io, RD_IO_SYSCALL);
    assert_string_equal(config.control, "./c.sock");
    assert_true(config.freebind);
    assert_int_equal(config.max_answer, 1024);
    assert_int_equal(config.access_allow.n, 1);
    assert_int_equal(config.inflight_queries, 100);
    assert_int_equal(config.ports_avoid.n, 2);
    assert_int_equal(config.ports_avoid.at[1].last, 5100);
    assert_string_equal(config.nsid, "a \"b\"");
    assert_string_equal(address_format(&config.pools[0].servers.at[0].address, text),
                        "192.0.2.53:53");
    assert_true(config.pools[0].trust_ad);
}

static void test_remembers_what_was_given(void **state)
{
    (void)state;
    assert_loads("listen: 127.0.0.1\naccess: {allow: []}\n");
    assert_true(given.option[CONFIG_listen]);
    assert_true(given.option[CONFIG_access_allow]);
    assert_false(given.option[CONFIG_workers]);
    assert_false(given.option[CONFIG_POOL_servers]);
}

static void test_a_list_may_be_one_text_with_commas(void **state)
{
    (void)state;
    assert_loads("listen: 127.0.0.1, 127.0.0.2:54 ,127.0.0.3\n");
    assert_int_equal(config.listen.n, 3);
    assert_int_equal(rd_address_port(&config.listen.at[1]), 54);
    assert_loads("ports: {avoid: ''}\n");
    assert_int_equal(config.ports_avoid.n, 0);
}

static void test_errors_carry_position_key_found_and_allowed(void **state)
{
    (void)state;
    assert_false(load("io: auto\nworkers: many\n"));
    assert_int_equal(errors.n, 1);
    assert_string_equal(errors.lines[0],
                        "f:2:10: workers: found \"many\"; allowed: auto, or 1 to 256 threads");
}

static void test_shows_every_error_of_a_file(void **state)
{
    (void)state;
    assert_false(load("workers: 0\nio: none\naccess:\n  allow: [x, 10.0.0.0/8, y]\nbad: 1\n"));
    assert_int_equal(errors.n, 5);
    assert_memory_equal(errors.lines[0], "f:1:10: workers: ", 17);
    assert_memory_equal(errors.lines[1], "f:2:5: io: ", 11);
    assert_memory_equal(errors.lines[2], "f:4:11: access.allow: ", 22);
    assert_memory_equal(errors.lines[3], "f:4:26: access.allow: ", 22);
    assert_memory_equal(errors.lines[4], "f:5:1: bad: ", 12);
}

static void test_counts_errors_beyond_those_shown(void **state)
{
    char text[4 * (RD_CONFIG_ERRORS + 7) + 32] = "access: {allow: [", line[64];
    size_t len = strlen(text);

    (void)state;
    for (int i = 0; i < RD_CONFIG_ERRORS + 7; i++, len += 3)
        memcpy(text + len, "x, ", 3);
    memcpy(text + len, "]}", 2);
    assert_false(load(text));
    assert_int_equal(errors.n, RD_CONFIG_ERRORS + 7);
    assert_string_equal(config_errors_line(&errors, RD_CONFIG_ERRORS, line), "and 7 more errors");
    assert_null(config_errors_line(&errors, RD_CONFIG_ERRORS + 1, line));
}

static void test_suggests_the_nearest_key(void **state)
{
    (void)state;
    assert_error("lisen: 127.0.0.1\n", "f:1:1: lisen: found an unknown key (is listen meant?)",
                 "workers");
    assert_error("access:\n  alow: []\n", "f:2:3: access.alow: found an unknown key (is allow",
                 "allowed: allow");
    assert_error("upstreams: {default: {server: 192.0.2.1}}\n",
                 "f:1:23: upstreams.default.server: found an unknown key (is servers meant?)",
                 "servers, policy");
    assert_error("upstream: {}\n", "f:1:1: upstream: found an unknown key (is upstreams", "");
    assert_error("zzzzzzzzzzzz: 1\n", "f:1:1: zzzzzzzzzzzz: found an unknown key; ", "listen");
    assert_error("access.allow: []\n", "f:1:1: access.allow: found an unknown key (a dot", "");
}

static void test_refuses_a_key_given_twice(void **state)
{
    (void)state;
    assert_error("io: auto\nio: auto\n", "f:2:1: io: found it a second time (first in line 1)",
                 "once");
    assert_error("access: {allow: []}\naccess: {}\n", "f:2:1: access: found it a second", "");
    assert_error("upstreams: {}\nupstreams: {}\n", "f:2:1: upstreams: found it a second", "");
    assert_error("upstreams: {default: {servers: '::1'}, default: {}}\n",
                 "f:1:40: upstreams.default: found it", "");
    assert_error("upstreams: {default: {servers: '::1', hedge: 1, hedge: 2}}\n",
                 "f:1:49: upstreams.default.hedge: found it a second", "");
}

static void test_refuses_the_wrong_kind_of_node(void **state)
{
    (void)state;
    assert_error("listen: {a: b}\n", "f:1:9: listen: found a map", "192.0.2.1");
    assert_error("workers: [1]\n", "f:1:10: workers: found a list", "auto");
    assert_error("workers:\n", "f:1:9: workers: found nothing", "auto");
    assert_error("listen: [[127.0.0.1]]\n", "f:1:10: listen: found a list", "");
    assert_error("listen: [127.0.0.1, ]\naccess: 5\n", "f:2:9: access: found a single value", "");
    assert_error("access: [a]\n", "f:1:9: access: found a list", "a map");
    assert_error("upstreams: [a]\n", "f:1:12: upstreams: found a list", "default");
    assert_error("upstreams: {default: [a]}\n", "f:1:22: upstreams.default: found a list", "map");
    assert_error("- listen\n", "f:1:1: file: found a list", "a map");
    assert_error("listen\n", "f:1:1: file: found a single value", "a map");
    assert_error("[a]: b\n", "f:1:1: file: found a list as a key", "name of an option");
    assert_error("routes: [a]\n", "f:1:9: routes: found a list", "corp.example: corp");
    assert_error("routes: corp\n", "f:1:9: routes: found a single value", "corp.example: corp");
}

static void test_refuses_numbers_out_of_range(void **state)
{
    (void)state;
    assert_error("workers: 0\n", "f:1:10: workers: found \"0\" (too small)", "1 to 256");
    assert_error("workers: 257\n", "f:1:10: workers: found \"257\" (too large)", "");
    assert_error("workers: -1\n", "f:1:10: workers: found \"-1\"", "");
    assert_error("workers: 1.5\n", "f:1:10: workers: found \"1.5\"", "");
    assert_error("workers: 0x10\n", "f:1:10: workers: found \"0x10\"", "");
    assert_error("workers: 18446744073709551617\n", "f:1:10: workers: found \"184467", "");
    assert_error("max-answer: 511\n", "f:1:13: max-answer: found \"511\" (too small)", "512");
    assert_error("max-answer: 5KiB\n", "f:1:13: max-answer: found \"5KiB\" (too large)", "4KiB");
    assert_error("receive-buffer: 99999999999999999GiB\n", "f:1:17: receive-buffer: ", "too large");
}

static void test_reads_units_of_bytes(void **state)
{
    (void)state;
    assert_loads("receive-buffer: 4MB\n");
    assert_int_equal(config.receive_buffer, 4000000);
    assert_loads("receive-buffer: 4MiB\n");
    assert_int_equal(config.receive_buffer, 4194304);
    assert_loads("receive-buffer: 64KiB\n");
    assert_int_equal(config.receive_buffer, 65536);
    assert_error("receive-buffer: 4kb\n", "f:1:17: receive-buffer: found \"4kb\" (no unit", "MiB");
    assert_error("receive-buffer: 4 MiB\n", "f:1:17: receive-buffer: found \"4 MiB\"", "MiB");
    assert_error("receive-buffer: MiB\n", "f:1:17: receive-buffer: found \"MiB\"", "");
}

static void test_refuses_bad_addresses(void **state)
{
    (void)state;
    assert_error("listen: [127.0.0.1, dns.example]\n", "f:1:21: listen: found \"dns.example\"",
                 "names cannot be used");
    assert_error("listen: fe80::1%nosuch0\n", "f:1:9: listen: found \"fe80::1%nosuch0\"",
                 "no such interface");
    assert_error("listen: [127.0.0.1, '127.0.0.1:53']\n", "f:1:21: listen: found", "second time");
    assert_error("listen: []\n", "f:1:9: listen: found no entry", "1 to 64 entries");
    assert_error("listen: 224.0.0.1\n", "f:1:9: listen: found \"224.0.0.1\"", "one host");
    assert_error("listen: '127.0.0.1,,127.0.0.2'\n", "f:1:9: listen: found \"\"", "");
    assert_error("upstreams: {default: {servers: ['*']}}\n",
                 "f:1:33: upstreams.default.servers: found \"*\"", "one host");
}

static void test_refuses_too_many_entries(void **state)
{
    char text[1024] = "upstreams: {default: {servers: [";
    size_t len = strlen(text);

    (void)state;
    for (int i = 1; i <= RD_MAX_SERVERS + 1; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "192.0.2.%d, ", i);
    snprintf(text + len, sizeof(text) - len, "]}}\n");
    assert_error(text, "f:1:", "found \"192.0.2.17\" (one entry too many)");
}

static void test_shows_the_right_prefix(void **state)
{
    (void)state;
    assert_error("access: {allow: [10.1.2.3/8]}\n", "f:1:18: access.allow: found \"10.1.2.3/8\"",
                 "the prefix is 10.0.0.0/8");
}

static void test_texts_are_refused_rather_than_cut(void **state)
{
    char text[512];

    (void)state;
    snprintf(text, sizeof(text), "identity: {nsid: '%065d'}\n", 0);
    assert_error(text, "f:1:18: identity.nsid: found", "65 characters");
    snprintf(text, sizeof(text), "control: /%0107d\n", 0);
    assert_error(text, "f:1:10: control: found", "108 characters");
    snprintf(text, sizeof(text), "control: /%0106d\n", 0);
    assert_loads(text);
    assert_int_equal(strlen(config.control), 107);
}

static void test_nul_and_control_characters_do_not_get_in(void **state)
{
    (void)state;
    assert_error("identity: {nsid: \"a\\0b\"}\n", "f:1:18: identity.nsid: found \"a\\x00b\"",
                 "NUL");
    assert_error("listen: \"127.0.0.1\\0, 127.0.0.2\"\n", "f:1:9: listen: found \"127.0.0.1\\x00",
                 "NUL");
    assert_error("identity: {nsid: \"a\\e[31m\"}\n", "f:1:18: identity.nsid: found \"a\\x1b[31m\"",
                 "printable");
    assert_error("\"\\e[31m\": 1\n", "f:1:1: \\x1b[31m: found an unknown key", "");
}

static void test_refuses_bytes_that_are_no_text(void **state)
{
    static const char nul[] = "io: auto\nworkers: \0 1\n";

    (void)state;
    assert_false(load_bytes(nul, sizeof(nul) - 1));
    assert_int_equal(errors.n, 1);
    assert_non_null(strstr(errors.lines[0], "f:2:10: syntax: found broken YAML (control char"));
    assert_error("io: auto\nidentity: {nsid: \xff\xfe}\n", "f:2:18: syntax: found", "UTF-8");
    assert_error("\xff\xfei\0o\0", "f:1:1: syntax: found", "UTF-8");
}

static void test_tells_syntax_errors_with_their_place(void **state)
{
    (void)state;
    assert_error("listen: [127.0.0.1\n", "f:2:1: syntax: found broken YAML", "']'");
    assert_error("access:\n\tallow: []\n", "f:2:1: syntax: found", "there is a tab");
    assert_error("listen: \"127.0.0.1\n", "f:2:1: syntax: found", "");
    assert_error("access: {}\n workers: 1\n", "f:2:", "syntax: found broken YAML");
    assert_error("io: auto: c\n", "f:1:9: syntax: found broken YAML", "");
}

static void test_reports_errors_before_a_syntax_error_too(void **state)
{
    (void)state;
    assert_false(load("workers: 0\nlisten: [\n"));
    assert_int_equal(errors.n, 2);
    assert_non_null(strstr(errors.lines[0], "workers"));
    assert_non_null(strstr(errors.lines[1], "syntax"));
}

static void test_refuses_what_makes_yaml_clever(void **state)
{
    (void)state;
    assert_error("io: &a auto\n", "f:1:5: io: found an anchor", "");
    assert_error("io: *a\n", "f:1:5: io: found an anchor or alias", "");
    assert_error("listen: [&a 127.0.0.1]\n", "f:1:10: listen: found an anchor", "");
    assert_error("access: &a {allow: []}\n", "f:1:9: access: found an anchor", "");
    assert_error("workers: !!int 3\n", "f:1:10: workers: found a tag", "");
    assert_error("!x {io: auto}\n", "f:1:1: file: found a tag", "");
    assert_error("io: auto\n---\nio: auto\n", "f:2:1: file: found a second document", "one");
    assert_error("<<: {io: auto}\n", "f:1:1: <<: found an unknown key", "");
}

static void test_refuses_deep_nesting(void **state)
{
    static char text[4096] = "bad: ";

    (void)state;
    memset(text + 5, '[', 4000);
    assert_false(load(text));
    assert_non_null(strstr(errors.lines[errors.n - 1], "nested"));
}

static void test_says_that_there_is_no_xdp_yet(void **state)
{
    (void)state;
    assert_error("io: xdp\n", "f:1:5: io: found \"xdp\" (this version has no AF_XDP)", "uring");
}

static void test_bad_port_ranges(void **state)
{
    (void)state;
    assert_error("ports: {avoid: [0]}\n", "f:1:17: ports.avoid: found \"0\"", "1 to 65535");
    assert_error("ports: {avoid: [2-1]}\n", "f:1:17: ports.avoid: found \"2-1\"", "lower one");
    assert_error("ports: {avoid: [1-65536]}\n", "f:1:17: ports.avoid: found", "");
    assert_error("ports: {avoid: [1-]}\n", "f:1:17: ports.avoid: found \"1-\"", "range");
}

static void test_the_dump_reads_back_as_the_same(void **state)
{
    (void)state;
    assert_loads("");
    assert_dump_reads_back();
    assert_loads("listen: ['*', '[::]', 'fe80::1%lo', '127.0.0.1:5300']\nworkers: 256\n"
                 "io: uring\ncontrol: 'a \"quoted\\ path'\nfreebind: true\n"
                 "receive-buffer: 1000000\nmax-answer: 1233\naccess: {allow: []}\n"
                 "ports: {per-upstream: 4, avoid: [1, 2-3, 65535]}\n"
                 "identity: {nsid: '# no: comment', server: ' x ', version: 'yes'}\n"
                 "upstreams: {default: {servers: [192.0.2.1, '[2001:db8::1]:5353'], "
                 "trust-ad: yes}}\n");
    assert_dump_reads_back();
}

static void assert_file_error(const char *path, const char *part)
{
    config_errors_clear(&errors);
    config_defaults(&config);
    assert_false(config_file_read(path, &config, &given, &errors));
    assert_int_equal(errors.n, 1);
    assert_memory_equal(errors.lines[0], path, strlen(path));
    assert_non_null(strstr(errors.lines[0], part));
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    assert_file_error("/nonexistent/x.yaml", "No such file");
    assert_file_error("/tmp", "Is a directory");
    assert_file_error("/dev/zero", "more than 1048576 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_file_is_all_defaults),
        cmocka_unit_test(test_defaults_are_those_of_config_def),
        cmocka_unit_test(test_sets_every_kind),
        cmocka_unit_test(test_remembers_what_was_given),
        cmocka_unit_test(test_a_list_may_be_one_text_with_commas),
        cmocka_unit_test(test_errors_carry_position_key_found_and_allowed),
        cmocka_unit_test(test_shows_every_error_of_a_file),
        cmocka_unit_test(test_counts_errors_beyond_those_shown),
        cmocka_unit_test(test_suggests_the_nearest_key),
        cmocka_unit_test(test_refuses_a_key_given_twice),
        cmocka_unit_test(test_refuses_the_wrong_kind_of_node),
        cmocka_unit_test(test_refuses_numbers_out_of_range),
        cmocka_unit_test(test_reads_units_of_bytes),
        cmocka_unit_test(test_refuses_bad_addresses),
        cmocka_unit_test(test_refuses_too_many_entries),
        cmocka_unit_test(test_shows_the_right_prefix),
        cmocka_unit_test(test_texts_are_refused_rather_than_cut),
        cmocka_unit_test(test_nul_and_control_characters_do_not_get_in),
        cmocka_unit_test(test_refuses_bytes_that_are_no_text),
        cmocka_unit_test(test_tells_syntax_errors_with_their_place),
        cmocka_unit_test(test_reports_errors_before_a_syntax_error_too),
        cmocka_unit_test(test_refuses_what_makes_yaml_clever),
        cmocka_unit_test(test_refuses_deep_nesting),
        cmocka_unit_test(test_says_that_there_is_no_xdp_yet),
        cmocka_unit_test(test_bad_port_ranges),
        cmocka_unit_test(test_the_dump_reads_back_as_the_same),
        cmocka_unit_test(test_files_that_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, clear_errors);
}
