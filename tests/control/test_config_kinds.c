/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_config_kinds.c - durations, words and names: what each text means, and what is said about
 * those that mean nothing. And that every option of every kind keeps its value through a dump.
 */
#include "config_text.h"

static void test_reads_units_of_time(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"1000ms", 1000}, {"1s", 1000},   {"90s", 90000},
                {"1500ms", 1500}, {"2m", 120000}, {"600000ms", 600000}};
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "tcp: {idle: %s}\n", good[i].text);
        assert_loads(text);
        assert_int_equal(config.tcp_idle, good[i].ms);
        assert_dump_reads_back();
    }
}

static void test_writes_the_largest_unit_that_divides(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } good[] = {{0, "0ms"},       {1, "1ms"},        {1001, "1001ms"}, {1000, "1s"},
                {61000, "61s"},   {60000, "1m"},     {3600000, "1h"},  {5400000, "90m"},
                {86400000, "1d"}, {90000000, "25h"}, {172800000, "2d"}};
    const struct config_option *option = config_find("tcp.idle", false);
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        FILE *out = fmemopen(text, sizeof(text), "w");

        assert_non_null(out);
        option->kind->print(option, &good[i].ms, 0, out);
        fclose(out);
        assert_string_equal(text, good[i].text);
    }
}

static void test_refuses_bad_durations(void **state)
{
    (void)state;
    assert_error("tcp: {idle: 10}\n", "f:1:13: tcp.idle: found \"10\" (a unit is missing)",
                 "1s to 10m, with ms, s, m, h or d");
    assert_error("tcp: {idle: 10sec}\n", "f:1:13: tcp.idle: found \"10sec\" (no unit of this",
                 "ms");
    assert_error("tcp: {idle: 999ms}\n", "f:1:13: tcp.idle: found \"999ms\" (too small)", "1s to");
    assert_error("tcp: {idle: 11m}\n", "f:1:13: tcp.idle: found \"11m\" (too large)", "10m");
    assert_error("tcp: {idle: 1d}\n", "f:1:13: tcp.idle: found \"1d\" (too large)", "");
    assert_error("tcp: {idle: 999999999999999999d}\n", "f:1:13: tcp.idle: found", "too large");
    assert_error("tcp: {idle: 99999999999999999999s}\n", "f:1:13: tcp.idle: found \"9999", "");
    assert_error("tcp: {idle: -5s}\n", "f:1:13: tcp.idle: found \"-5s\"", "");
    assert_error("tcp: {idle: 1.5s}\n", "f:1:13: tcp.idle: found \"1.5s\"", "");
    assert_error("tcp: {idle: s}\n", "f:1:13: tcp.idle: found \"s\"", "");
    assert_error("tcp: {idle: [5s]}\n", "f:1:13: tcp.idle: found a list", "1s to 10m");
}

#define POOL(options) "upstreams: {default: {servers: '::1', " options "}}\n"

static void test_reads_words(void **state)
{
    (void)state;
    assert_loads("loop-probe: no\n");
    assert_false(config.loop_probe);
    assert_loads("local: {private-reverse: true}\n");
    assert_int_equal(config.local_private_reverse, RD_SWITCH_YES);
    assert_loads("local: {private-reverse: false}\n");
    assert_int_equal(config.local_private_reverse, RD_SWITCH_NO);
    assert_loads("local: {private-reverse: auto}\n");
    assert_int_equal(config.local_private_reverse, RD_SWITCH_AUTO);
    assert_loads(POOL("policy: fastest"));
    assert_int_equal(config.pools[0].policy, RD_POLICY_FASTEST);
    assert_loads(POOL("policy: ordered"));
    assert_int_equal(config.pools[0].policy, RD_POLICY_ORDERED);
    assert_loads(POOL("policy: spread"));
    assert_int_equal(config.pools[0].policy, RD_POLICY_SPREAD);
    assert_loads(POOL("policy: hash"));
    assert_int_equal(config.pools[0].policy, RD_POLICY_HASH);
    assert_loads(POOL("transport: tcp"));
    assert_int_equal(config.pools[0].transport, RD_TRANSPORT_TCP);
    assert_loads(POOL("transport: auto"));
    assert_int_equal(config.pools[0].transport, RD_TRANSPORT_AUTO);
}

static void test_says_which_word_is_meant(void **state)
{
    (void)state;
    assert_error("loop-probe: on\n", "f:1:13: loop-probe: found \"on\" (is yes meant?)",
                 "yes, no, true or false");
    assert_error("loop-probe: flase\n", "f:1:13: loop-probe: found \"flase\" (is false me", "");
    assert_error("loop-probe: auto\n", "f:1:13: loop-probe: found \"auto\"; ", "yes");
    assert_error("local: {private-reverse: 1}\n",
                 "f:1:26: local.private-reverse: found \"1\" (is y",
                 "auto, yes, no, true or false");
    assert_error("io: urin\n", "f:1:5: io: found \"urin\" (is uring meant?)", "auto, uring or sys");
    assert_error("io: io_uring\n", "f:1:5: io: found \"io_uring\" (is uring meant?)", "");
    assert_error("io: xdp\n", "f:1:5: io: found \"xdp\" (this version has no AF_XDP)", "uring");
    assert_error(POOL("policy: fast"),
                 "f:1:47: upstreams.default.policy: found \"fast\" (is fastest meant?); ",
                 "fastest, ordered, spread or hash");
    assert_error(POOL("policy: fastes"), "f:1:47: upstreams.default.policy: found \"fastes\" (is f",
                 "");
    assert_error(POOL("policy: round-robin"), "f:1:47: upstreams.default.policy: found \"round-",
                 "(is spread meant?)");
    assert_error(POOL("transport: udp"), "f:1:50: upstreams.default.transport: found \"udp\" (auto",
                 "auto or tcp");
    assert_error(POOL("transport: tls"), "f:1:50: upstreams.default.transport: found \"tls\"",
                 "this version has no TLS");
    assert_error(POOL("transport: Auto"), "f:1:50: upstreams.default.transport: found \"Auto\"",
                 "(is auto meant?)");
}

static void assert_probe(const char *text, const char *expected)
{
    char file[512], shown[RD_NAME_TEXT_BYTES];

    snprintf(file, sizeof(file), POOL("probe: %s"), text);
    assert_loads(file);
    rd_name_to_text(&config.pools[0].probe, shown);
    assert_string_equal(shown, expected);
    assert_dump_reads_back();
}

static void test_reads_names(void **state)
{
    (void)state;
    assert_probe(".", ".");
    assert_probe("Probe.EXAMPLE", "probe.example.");
    assert_probe("probe.example.", "probe.example.");
    assert_probe("'a\\.b.example'", "a\\.b.example.");
    assert_probe("'a\\032b.example'", "a\\032b.example.");
    assert_probe("'quote\\\".example'", "quote\\034.example.");
    assert_probe("xn--mnchen-3ya.example", "xn--mnchen-3ya.example.");
}

static void assert_no_probe(const char *text, const char *part)
{
    char file[512];

    snprintf(file, sizeof(file), POOL("probe: %s"), text);
    assert_error(file, "f:1:46: upstreams.default.probe: found ", part);
}

static void test_refuses_what_is_no_name(void **state)
{
    char label[80] = "";

    (void)state;
    assert_no_probe("''", "not a name");
    assert_no_probe("a..b", "not a name");
    assert_no_probe("'a b'", "\\032 where a blank is meant");
    assert_no_probe("m\xc3\xbcnchen.example", "xn--");
    assert_no_probe(".example", "is example meant?");
    assert_no_probe("'a\\'", "not a name");
    assert_no_probe("'\\256'", "not a name");
    assert_no_probe("\"a\\0b\"", "NUL");
    assert_no_probe("[a]", "allowed: a domain name, such as probe.example");
    memset(label, 'x', 64);
    assert_no_probe(label, "1 to 63 bytes");
}

static void test_reads_every_option_of_tcp_and_local(void **state)
{
    (void)state;
    assert_loads("tcp: {connections: 16, per-prefix: 1, pipeline: 4096, unsent: 64KiB, idle: 1s,\n"
                 "  message: 500ms, upstream-idle: 10m, per-worker: 64, per-upstream: 1024}\n"
                 "local: {localhost: no, test: no, invalid: no, onion: no, resolver-arpa: no,\n"
                 "  home-arpa: no, private-reverse: yes}\n"
                 "in-flight: {per-upstream: 64}\nloop-probe: no\n");
    assert_int_equal(config.tcp_connections, 16);
    assert_int_equal(config.tcp_per_prefix, 1);
    assert_int_equal(config.tcp_pipeline, 4096);
    assert_int_equal(config.tcp_unsent, 65536);
    assert_int_equal(config.tcp_idle, 1000);
    assert_int_equal(config.tcp_message, 500);
    assert_int_equal(config.tcp_upstream_idle, 600000);
    assert_int_equal(config.tcp_per_worker, 64);
    assert_int_equal(config.tcp_per_upstream, 1024);
    assert_int_equal(config.inflight_upstream, 64);
    assert_false(config.local_localhost || config.local_test || config.local_invalid ||
                 config.local_onion || config.local_resolver_arpa || config.local_home_arpa);
    assert_int_equal(config.local_private_reverse, RD_SWITCH_YES);
    assert_false(config.loop_probe);
    assert_dump_reads_back();
}

/* Every default is a text that the option's own kind reads, and what is read is the default. */
static void test_every_default_is_what_config_def_says(void **state)
{
    static struct rd_config defaults;

    (void)state;
    config_defaults(&defaults);
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++) {
        const struct config_option *option = &config_options[i];
        const struct config_place place = {0};
        void *value = calloc(1, option->size);

        assert_non_null(value);
        config_errors_clear(&errors);
        if (option->initial[0] != '\0')
            assert_true(config_value_set(option, value, option->key, option->initial,
                                         strlen(option->initial), &place, &errors));
        assert_true(config_value_equal(option, value, config_value(option, &defaults, 0)));
        free(value);
    }
}

static void test_every_option_says_what_is_allowed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++) {
        char *allowed = config_value_allowed(&config_options[i]);

        assert_non_null(allowed);
        assert_true(strlen(allowed) > 8);
        free(allowed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_units_of_time),
        cmocka_unit_test(test_writes_the_largest_unit_that_divides),
        cmocka_unit_test(test_refuses_bad_durations),
        cmocka_unit_test(test_reads_words),
        cmocka_unit_test(test_says_which_word_is_meant),
        cmocka_unit_test(test_reads_names),
        cmocka_unit_test(test_refuses_what_is_no_name),
        cmocka_unit_test(test_reads_every_option_of_tcp_and_local),
        cmocka_unit_test(test_every_default_is_what_config_def_says),
        cmocka_unit_test(test_every_option_says_what_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, clear_errors);
}
