/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_config_mutated.c - configuration files after random damage: read, or refused with at least
 * one error, and never worse. The seed is fixed, so a failure comes again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_file.h"
#include "config_pool.h"
#include "config_print.h"
#include "config_value.h"

enum { ROUNDS = 20000, MAX_BYTES = 4096, MAX_CHANGES = 6 };

static const char *const seeds[] = {
    "listen: [127.0.0.1:53, \"[::1]:53\"]\nworkers: auto\nio: auto\nmax-answer: 1KiB\n",
    "access:\n  allow:\n    - 10.0.0.0/8\n    - \"::1\"\n    - 192.0.2.0/24\n",
    "upstreams:\n  default: { servers: [192.0.2.1, \"192.0.2.2:5353\"], trust-ad: yes }\n",
    "ports: { per-upstream: 16, avoid: \"1900, 5000-5100\" }\nidentity: { nsid: \"a\\x41\\\"\" }\n",
    "in-flight: {queries: 100, waiters: 200}\nfreebind: no\ncontrol: /run/x/y.sock\n",
    "tcp: {idle: 90s, message: 1500ms, connections: 99}\nlocal: {private-reverse: no, test: yes}\n",
    "routes: {a.example: b, 10.0.0.0/8: b, '2001:db8::/32': default, .: b}\n"
    "upstreams: {b: {servers: [192.0.2.1], source: 192.0.2.7, policy: hash}}\n",
    "upstreams:\n  b: {servers: [{address: 192.0.2.1, weight: 2}, {address: '::1', tier: 1}],\n"
    "    source: [192.0.2.7, '::2'], transport: tcp, probe: x.example, hedge: 3}\n"
    "  default: {servers: {address: 192.0.2.1}, cookies: no}\nroutes: {\"c\\\\.d.e\": b}\n",
};

/* Pieces that mean something to YAML or to us. */
static const char *const pieces[] = {
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "!t ",
    "\"",
    "'",
    "|\n",
    ">\n",
    "\n",
    "\t",
    "  ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "# ",
    "? ",
    "<<: ",
    "\\0",
    "\"\\0\"",
    "0",
    "-1",
    "/33",
    "99999999999999999999",
    "%lo",
    "::",
    "::ffff:1.2.3.4",
    "listen: ",
    "upstreams: ",
    "default: ",
    "servers: ",
    "access: ",
    "routes: ",
    "b: ",
    "address: ",
    "weight: ",
    "tier: ",
    "source: ",
    "probe: ",
    ".",
    "*.",
    "\\046",
    "10.0.0.0/16",
    "1d",
    "\xff",
    "\xc3\xa9",
    "\xef\xbb\xbf",
    "~",
    "null",
    "*",
};

static uint64_t random_state = 0x72696e67646e7331;

/* splitmix64 */
static uint64_t draw(uint64_t below)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % below;
}

static size_t insert(char *text, size_t len, size_t at, const char *piece, size_t piece_len)
{
    if (len + piece_len > MAX_BYTES)
        return len;
    memmove(text + at + piece_len, text + at, len - at);
    memcpy(text + at, piece, piece_len);
    return len + piece_len;
}

static size_t change(char *text, size_t len)
{
    const char *seed = seeds[draw(sizeof(seeds) / sizeof(seeds[0]))];
    const char *piece = pieces[draw(sizeof(pieces) / sizeof(pieces[0]))];
    size_t at = draw(len + 1), n;

    switch (draw(5)) {
    case 0:
        return insert(text, len, at, piece, strlen(piece));
    case 1:
        n = draw(len - at + 1) % 16;
        memmove(text + at, text + at + n, len - at - n);
        return len - n;
    case 2:
        if (at < len)
            text[at] = (char)draw(256);
        return len;
    case 3:
        return insert(text, len, at, seed, draw(strlen(seed) + 1));
    default:
        return at; /* cut off */
    }
}

/* The text in a block of its own, so that the sanitizers see a step over its end. */
static bool load(const char *text, size_t len, struct rd_config *config,
                 struct config_errors *errors)
{
    struct config_given given = {0};
    char *copy = malloc(len ? len : 1);
    bool good;

    assert_non_null(copy);
    memcpy(copy, text, len);
    config_defaults(config);
    good = config_text_read(copy, len, "f", config, &given, errors);
    free(copy);
    config_pools_check(config, &given, errors);
    return good && errors->n == 0;
}

static char *dumped(const struct rd_config *config, size_t *ret_size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);

    assert_non_null(out);
    config_dump(config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_equal(struct rd_config *a, struct rd_config *b)
{
    assert_int_equal(a->n_pools, b->n_pools);
    for (unsigned pool = 0; pool < a->n_pools; pool++) {
        assert_string_equal(a->pools[pool].name, b->pools[pool].name);
        assert_int_equal(a->pools[pool].from_system, b->pools[pool].from_system);
        for (unsigned i = 0; i < CONFIG_OPTIONS; i++) {
            const struct config_option *option = &config_options[i];

            if (option->pool || pool == 0)
                assert_true(config_value_equal(option, config_value(option, a, pool),
                                               config_value(option, b, pool)));
        }
    }
}

/* It reads back as the same, and the same is dumped as it was. */
static void assert_dump_is_good(struct rd_config *config)
{
    static struct rd_config again;
    struct config_errors errors = {0};
    size_t size, again_size;
    char *text = dumped(config, &size), *again_text;

    if (!load(text, size, &again, &errors))
        config_errors_print(&errors, stderr);
    assert_int_equal(errors.n, 0);
    assert_equal(config, &again);
    again_text = dumped(&again, &again_size);
    assert_string_equal(again_text, text);
    free(text);
    free(again_text);
}

/* Whatever is in it is within the limits that the data plane relies on. */
static void assert_in_bounds(const struct rd_config *config)
{
    assert_in_range(config->n_pools, 1, RD_MAX_POOLS);
    assert_string_equal(config->pools[0].name, "default");
    assert_in_range(config_servers_count(config), 0, RD_MAX_UPSTREAMS);
    for (uint32_t i = 0; i < config->routes.n; i++)
        assert_true(config->routes.at[i].pool < config->n_pools);
    for (uint32_t pool = 0; pool < config->n_pools; pool++) {
        const struct rd_server_list *servers = &config->pools[pool].servers;

        assert_in_range(servers->n, config->pools[pool].from_system ? 0 : 1, RD_MAX_SERVERS);
        assert_true(config->pools[pool].probe.len > 0);
        for (uint32_t i = 0; i < servers->n; i++) {
            assert_in_range(servers->at[i].weight, 1, RD_MAX_WEIGHT);
            assert_in_range(servers->at[i].tier, 0, RD_MAX_TIER);
        }
    }
}

static void test_damaged_files_are_read_or_refused_with_an_error(void **state)
{
    static struct rd_config config;
    static char text[MAX_BYTES];
    unsigned good = 0, bad = 0;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const char *seed = seeds[round % (sizeof(seeds) / sizeof(seeds[0]))];
        struct config_errors errors = {0};
        size_t len = strlen(seed);

        memcpy(text, seed, len);
        for (uint64_t n = draw(MAX_CHANGES) + 1; n > 0; n--)
            len = change(text, len);
        if (load(text, len, &config, &errors)) {
            assert_int_equal(errors.n, 0);
            assert_in_bounds(&config);
            assert_dump_is_good(&config);
            good++;
        } else {
            assert_true(errors.n > 0);
            assert_non_null(errors.lines[0]);
            bad++;
        }
        config_errors_clear(&errors);
    }
    /* Both ways are walked often, or the damage is of no use. */
    assert_true(good > ROUNDS / 50);
    assert_true(bad > ROUNDS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_files_are_read_or_refused_with_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
