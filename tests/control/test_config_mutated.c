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
#include "config_print.h"
#include "config_value.h"

enum { ROUNDS = 20000, MAX_BYTES = 4096, MAX_CHANGES = 6 };

static const char *const seeds[] = {
    "listen: [127.0.0.1:53, \"[::1]:53\"]\nworkers: auto\nio: auto\nmax-answer: 1KiB\n",
    "access:\n  allow:\n    - 10.0.0.0/8\n    - \"::1\"\n    - 192.0.2.0/24\n",
    "upstreams:\n  default: { servers: [192.0.2.1, \"192.0.2.2:5353\"], trust-ad: yes }\n",
    "ports: { per-upstream: 16, avoid: \"1900, 5000-5100\" }\nidentity: { nsid: \"a\\x41\\\"\" }\n",
    "in-flight: {queries: 100, waiters: 200}\nfreebind: no\ncontrol: /run/x/y.sock\n",
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
    return good;
}

static void assert_dump_is_good(const struct rd_config *config)
{
    static struct rd_config again;
    struct config_errors errors = {0};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    config_dump(config, out);
    assert_int_equal(fclose(out), 0);
    assert_true(load(text, size, &again, &errors));
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++)
        if (!config_options[i].pool)
            assert_true(config_value_equal(&config_options[i], config, &again));
    free(text);
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
