/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_text.h - reading a configuration from a text, and what the tests of it assert.
 */
#ifndef RINGDNS_TESTS_CONTROL_CONFIG_TEXT_H
#define RINGDNS_TESTS_CONTROL_CONFIG_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"
#include "config_file.h"
#include "config_pool.h"
#include "config_print.h"
#include "config_value.h"

static struct rd_config config;
static struct config_given given;
static struct config_errors errors;

/* Over the defaults, as a program without a command line does it. */
static inline bool load_bytes(const char *text, size_t len)
{
    config_errors_clear(&errors);
    config_defaults(&config);
    memset(&given, 0, sizeof(given));
    config_text_read(text, len, "f", &config, &given, &errors);
    config_pools_check(&config, &given, &errors);
    return errors.n == 0;
}

static inline bool load(const char *text)
{
    return load_bytes(text, strlen(text));
}

static inline void assert_loads(const char *text)
{
    if (!load(text))
        config_errors_print(&errors, stderr);
    assert_int_equal(errors.n, 0);
}

/* TEXT has exactly one error, whose line begins and goes on so. */
static inline void assert_error(const char *text, const char *begin, const char *part)
{
    assert_false(load(text));
    if (errors.n != 1 || strncmp(errors.lines[0], begin, strlen(begin)) != 0 ||
        !strstr(errors.lines[0], part))
        config_errors_print(&errors, stderr);
    assert_int_equal(errors.n, 1);
    assert_memory_equal(errors.lines[0], begin, strlen(begin));
    assert_non_null(strstr(errors.lines[0], part));
    assert_non_null(strstr(errors.lines[0], "; allowed: "));
}

/* What --dump-config would write; to be freed. */
static inline char *dumped(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    config_dump(&config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* CONFIG is what its dump says, and the dump of that is the same text again. */
static inline void assert_dump_reads_back(void)
{
    static struct rd_config before;
    char *text = dumped(), *again;

    before = config;
    assert_loads(text);
    assert_memory_equal(&config, &before, sizeof(config));
    again = dumped();
    assert_string_equal(again, text);
    free(text);
    free(again);
}

static inline int clear_errors(void **state)
{
    (void)state;
    config_errors_clear(&errors);
    return 0;
}

#endif
