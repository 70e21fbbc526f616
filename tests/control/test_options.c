/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_options.c - the command line, and that it goes over the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "address.h"
#include "options.h"

static struct options options;
static struct rd_config config;
static struct config_given given;
static struct config_errors errors;

/* WORDS ends with NULL; the program's name is put before. */
static bool parse(const char *const words[])
{
    static char copies[16][128];
    char *argv[17] = {copies[0]};
    int argc = 1;

    snprintf(copies[0], sizeof(copies[0]), "ringdns");
    for (; words[argc - 1]; argc++) {
        snprintf(copies[argc], sizeof(copies[argc]), "%s", words[argc - 1]);
        argv[argc] = copies[argc];
    }
    config_errors_clear(&errors);
    return options_parse(argc, argv, &options, &errors);
}

static bool load(const char *const words[])
{
    return parse(words) && options_load(&options, &config, &given, &errors);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_error(const char *const words[], const char *begin, const char *part)
{
    assert_false(load(words));
    if (errors.n != 1 || !strstr(errors.lines[0], part))
        config_errors_print(&errors, stderr);
    assert_int_equal(errors.n, 1);
    assert_memory_equal(errors.lines[0], begin, strlen(begin));
    assert_non_null(strstr(errors.lines[0], part));
    assert_non_null(strstr(errors.lines[0], "; allowed: "));
}

/* A file that is gone after the test. */
static void write_file(char path[32], const char *text)
{
    FILE *file;
    int fd;

    snprintf(path, 32, "/tmp/ringdns-options-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_repeated_addresses_make_a_list(void **state)
{
    char text[ADDRESS_TEXT_BYTES];

    (void)state;
    assert_true(load(WORDS("--listen", "127.0.0.1:5300", "--listen=[::1]:5300", "--forward",
                           "192.0.2.1", "--forward", "192.0.2.2:54")));
    assert_int_equal(config.listen.n, 2);
    assert_string_equal(address_format(&config.listen.at[1], text), "[::1]:5300");
    assert_int_equal(config.pools[0].servers.n, 2);
    assert_string_equal(address_format(&config.pools[0].servers.at[1].address, text),
                        "192.0.2.2:54");
    assert_true(given.option[CONFIG_listen]);
    assert_false(given.option[CONFIG_control]);
}

static void test_the_command_line_goes_over_the_file(void **state)
{
    char path[32], text[ADDRESS_TEXT_BYTES];

    (void)state;
    write_file(path, "listen: [127.0.0.1, 127.0.0.2]\nworkers: 5\nmax-answer: 600\n"
                     "upstreams: {default: {servers: [192.0.2.8, 192.0.2.9], trust-ad: yes}}\n");
    assert_true(load(WORDS("-c", path, "--listen", "127.0.0.9", "--workers", "2", "--io", "syscall",
                           "--control", "x.sock", "--forward", "192.0.2.1")));
    unlink(path);
    assert_int_equal(config.listen.n, 1);
    assert_string_equal(address_format(&config.listen.at[0], text), "127.0.0.9:53");
    assert_int_equal(config.workers, 2);
    assert_int_equal(config.io, RD_IO_SYSCALL);
    assert_string_equal(config.control, "x.sock");
    assert_int_equal(config.max_answer, 600);
    assert_int_equal(config.pools[0].servers.n, 1);
    assert_true(config.pools[0].trust_ad);
}

static void test_errors_name_the_flag(void **state)
{
    (void)state;
    assert_error(WORDS("--listen", "nowhere"), "--listen: found \"nowhere\"", "192.0.2.1");
    assert_error(WORDS("--forward", "192.0.2.1:0"), "--forward: found \"192.0.2.1:0\"", "ports");
    assert_error(WORDS("--workers", "257"), "--workers: found \"257\"", "1 to 256");
    assert_error(WORDS("--io", "xdp"), "--io: found \"xdp\" (this version has no AF_XDP)", "uring");
    assert_error(WORDS("--listen", "127.0.0.1", "--listen", "127.0.0.1:53"),
                 "--listen: found \"127.0.0.1:53\" (a second time)", "");
}

static void test_wrong_usage_is_an_error(void **state)
{
    (void)state;
    assert_error(WORDS("--interface", "eth0"), "--interface: found eth0", "no AF_XDP");
    assert_error(WORDS("--nonsense"), "--nonsense: found an option that", "--help");
    assert_error(WORDS("-x"), "-x: found an option that", "--help");
    assert_error(WORDS("--listen"), "--listen: found no value", "");
    assert_error(WORDS("serve"), "command line: found serve", "--help");
    assert_error(WORDS("--help-config=html"), "--help-config: found html", "markdown");
}

static void test_all_errors_are_collected(void **state)
{
    (void)state;
    assert_false(load(WORDS("--listen", "a", "--workers", "b", "--io", "c")));
    assert_int_equal(errors.n, 3);
}

static void test_actions(void **state)
{
    (void)state;
    assert_true(parse(WORDS("--check-config")));
    assert_int_equal(options.action, OPTIONS_CHECK);
    assert_true(parse(WORDS("--dump-config", "--workers", "3")));
    assert_int_equal(options.action, OPTIONS_DUMP);
    assert_true(parse(WORDS("--help-config")));
    assert_int_equal(options.action, OPTIONS_HELP_CONFIG);
    assert_false(options.markdown);
    assert_true(parse(WORDS("--help-stats=markdown")));
    assert_int_equal(options.action, OPTIONS_HELP_STATS);
    assert_true(options.markdown);
    assert_true(parse(WORDS("--version")));
    assert_int_equal(options.action, OPTIONS_VERSION);
    assert_true(parse(WORDS("-h")));
    assert_int_equal(options.action, OPTIONS_HELP);
}

static void test_a_pool_in_the_file_names_its_servers(void **state)
{
    char path[32], begin[128];

    (void)state;
    write_file(path, "upstreams:\n  default: {trust-ad: yes}\n");
    snprintf(begin, sizeof(begin), "%s:2:3: upstreams.default.servers: found no entry", path);
    assert_error(WORDS("-c", path), begin, "1 to 16 entries");
    assert_true(load(WORDS("-c", path, "--forward", "192.0.2.1")));
    unlink(path);
}

static void test_forward_is_for_the_pool_default_alone(void **state)
{
    char path[32];

    (void)state;
    write_file(path, "routes: {corp.example: corp}\nupstreams:\n"
                     "  corp: {servers: [{address: 192.0.2.8, weight: 3}]}\n"
                     "  default: {servers: [{address: 192.0.2.9, weight: 3}], policy: hash}\n");
    assert_true(load(WORDS("-c", path, "--forward", "192.0.2.1")));
    assert_int_equal(config.pools[0].servers.n, 1);
    assert_int_equal(config.pools[0].servers.at[0].weight, 1);
    assert_int_equal(config.pools[0].policy, RD_POLICY_HASH);
    assert_int_equal(config.pools[1].servers.n, 1);
    assert_int_equal(config.pools[1].servers.at[0].weight, 3);
    unlink(path);
}

static void test_whose_servers_the_pool_default_has(void **state)
{
    char path[32];

    (void)state;
    write_file(path, "routes: {corp.example: corp}\nupstreams: {corp: {servers: 192.0.2.8}}\n");
    assert_true(load(WORDS("-c", path)));
    assert_true(config.pools[0].from_system);
    assert_true(load(WORDS("-c", path, "--forward", "192.0.2.1")));
    assert_false(config.pools[0].from_system);
    unlink(path);
}

/* The file's pool and the command line's servers are checked as what they make together. */
static void test_sources_are_checked_with_the_servers_that_are_used(void **state)
{
    char path[32], begin[128];

    (void)state;
    write_file(path, "upstreams: {default: {servers: 192.0.2.8, source: 192.0.2.7}}\n");
    assert_true(load(WORDS("-c", path)));
    snprintf(begin, sizeof(begin), "%s:1:51: upstreams.default.source: found \"192.0.2.7\", but",
             path);
    assert_error(WORDS("-c", path, "--forward", "::1"), begin, "none of its servers has an IPv4");
    unlink(path);
}

static int clear(void **state)
{
    (void)state;
    config_errors_clear(&errors);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeated_addresses_make_a_list),
        cmocka_unit_test(test_the_command_line_goes_over_the_file),
        cmocka_unit_test(test_errors_name_the_flag),
        cmocka_unit_test(test_wrong_usage_is_an_error),
        cmocka_unit_test(test_all_errors_are_collected),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_a_pool_in_the_file_names_its_servers),
        cmocka_unit_test(test_forward_is_for_the_pool_default_alone),
        cmocka_unit_test(test_whose_servers_the_pool_default_has),
        cmocka_unit_test(test_sources_are_checked_with_the_servers_that_are_used),
    };

    return cmocka_run_group_tests(tests, NULL, clear);
}
