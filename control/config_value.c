/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_value.c - from texts to values, with the errors that a person needs.
 *
 * The file, the command line and the defaults all come through here, so one text means the same
 * everywhere.
 * Thread: main.
 * Not here: what a kind's text looks like (config_kind.h), YAML (config_read.c).
 */
#include "config_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

enum { SHOWN_BYTES = 120 }; /* of a text that is quoted in an error */

static uint32_t entries(const void *value)
{
    return *(const uint32_t *)value;
}

void config_value_clear(const struct config_option *option, void *value)
{
    memset(value, 0, option->size);
}

char *config_value_allowed(const struct config_option *option)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    option->kind->allow(option, out);
    if (option->kind->list)
        fprintf(out, "; %" PRIu64 " to %" PRIu64 " entries", option->min, option->max);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

void config_value_error(const struct config_option *option, const char *key, const char *found,
                        const char *why, const struct config_place *place,
                        struct config_errors *errors)
{
    char *allowed = config_value_allowed(option);
    const char *shown = allowed ? allowed : option->unit;

    if (why[0] != '\0')
        config_errors_add(errors, place, key, shown, "%s (%s)", found, why);
    else
        config_errors_add(errors, place, key, shown, "%s", found);
    free(allowed);
}

bool config_value_full(const struct config_option *option, const void *value)
{
    return option->kind->list && entries(value) >= option->max;
}

bool config_value_append(const struct config_option *option, void *value, const char *key,
                         const char *text, size_t len, const struct config_place *place,
                         struct config_errors *errors)
{
    char reason[CONFIG_REASON_BYTES], found[SHOWN_BYTES + 2], shown[SHOWN_BYTES];
    const char *wrong;

    if (config_value_full(option, value))
        wrong = "one entry too many";
    else if (strlen(text) != len)
        wrong = "a NUL character inside";
    else
        wrong = option->kind->parse(option, text, value, reason);
    if (!wrong)
        return true;
    snprintf(found, sizeof(found), "\"%s\"", escape_text(text, len, shown, sizeof(shown)));
    config_value_error(option, key, found, wrong, place, errors);
    return false;
}

bool config_value_check(const struct config_option *option, const void *value, const char *key,
                        const struct config_place *place, struct config_errors *errors)
{
    if (!option->kind->list || entries(value) >= option->min)
        return true;
    config_value_error(option, key, "no entry", "", place, errors);
    return false;
}

/* The entries of TEXT between commas, without the blanks around them. */
static bool append_all(const struct config_option *option, void *value, const char *key,
                       const char *text, size_t len, const struct config_place *place,
                       struct config_errors *errors)
{
    const char *at = text, *end = text + len;
    bool good = true;

    while (at <= end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        const char *next = stop + 1;
        char *entry;

        while (at < stop && (*at == ' ' || *at == '\n'))
            at++;
        while (stop > at && (stop[-1] == ' ' || stop[-1] == '\n'))
            stop--;
        /* Not strndup: a NUL inside shall be seen, and refused. */
        entry = calloc(1, (size_t)(stop - at) + 1);
        if (!entry)
            return false;
        memcpy(entry, at, (size_t)(stop - at));
        good &= config_value_append(option, value, key, entry, (size_t)(stop - at), place, errors);
        free(entry);
        at = next;
    }
    return good;
}

bool config_value_set(const struct config_option *option, void *value, const char *key,
                      const char *text, size_t len, const struct config_place *place,
                      struct config_errors *errors)
{
    config_value_clear(option, value);
    if (!option->kind->list)
        return config_value_append(option, value, key, text, len, place, errors);
    if (len > 0 && !append_all(option, value, key, text, len, place, errors))
        return false;
    return config_value_check(option, value, key, place, errors);
}

static char *printed(const struct config_option *option, const void *value)
{
    uint32_t n = option->kind->list ? entries(value) : 1;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        option->kind->print(option, value, i, out);
        fputc('\n', out);
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

bool config_value_equal(const struct config_option *option, const void *a, const void *b)
{
    char *a_text = printed(option, a), *b_text = printed(option, b);
    bool equal = a_text && b_text && strcmp(a_text, b_text) == 0;

    free(a_text);
    free(b_text);
    return equal;
}

static void set_default(const struct config_option *option, void *value)
{
    const struct config_place place = {.file = "config.def"};
    struct config_errors errors = {0};

    /* An option without a default must be given before it can be used: it starts empty. */
    if (option->initial[0] == '\0')
        return;
    config_value_set(option, value, option->key, option->initial, strlen(option->initial), &place,
                     &errors);
    if (errors.n > 0)
        config_errors_print(&errors, stderr);
    assert(errors.n == 0);
    config_errors_clear(&errors);
}

void config_pool_defaults(struct rd_pool_config *ret_pool, const char *name)
{
    memset(ret_pool, 0, sizeof(*ret_pool));
    snprintf(ret_pool->name, sizeof(ret_pool->name), "%s", name);
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++)
        if (config_options[i].pool)
            set_default(&config_options[i], (char *)ret_pool + config_options[i].offset);
}

void config_defaults(struct rd_config *ret_config)
{
    memset(ret_config, 0, sizeof(*ret_config));
    ret_config->n_pools = 1;
    config_pool_defaults(&ret_config->pools[0], "default");
    ret_config->pools[0].from_system = true;
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++)
        if (!config_options[i].pool)
            set_default(&config_options[i], config_value(&config_options[i], ret_config, 0));
}
