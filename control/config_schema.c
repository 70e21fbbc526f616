/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_schema.c - the table that config.def becomes, and looking things up in it.
 *
 * Linear searches: there are some dozens of options, read once per start or reload.
 * Thread: any, constant.
 * Not here: values and files.
 */
#include "config_schema.h"

#include <stdio.h>
#include <string.h>

#include "ringdns/dns.h"

enum { LIVE = 0, RESTART = 1 };

#define ROW(owner, in_pool, key_, field_, kind_, initial_, min_, max_, unit_, when_, ref_, help_)  \
    {.key = key_,                                                                                  \
     .kind = &config_kind_##kind_,                                                                 \
     .initial = initial_,                                                                          \
     .min = min_,                                                                                  \
     .max = max_,                                                                                  \
     .unit = unit_,                                                                                \
     .reference = ref_,                                                                            \
     .help = help_,                                                                                \
     .offset = offsetof(struct owner, field_),                                                     \
     .size = sizeof(rd_kind_##kind_),                                                              \
     .port = RD_DNS_PORT,                                                                          \
     .restart = when_,                                                                             \
     .pool = in_pool},

const struct config_option config_options[CONFIG_OPTIONS] = {
#define OPTION(...)      ROW(rd_config, false, __VA_ARGS__)
#define POOL_OPTION(...) ROW(rd_pool_config, true, __VA_ARGS__)
#include "ringdns/config.def"
};

const void *config_value_const(const struct config_option *option, const struct rd_config *config,
                               unsigned pool)
{
    const void *owner = option->pool ? (const void *)&config->pools[pool] : config;

    return (const char *)owner + option->offset;
}

void *config_value(const struct config_option *option, struct rd_config *config, unsigned pool)
{
    void *owner = option->pool ? (void *)&config->pools[pool] : config;

    return (char *)owner + option->offset;
}

const struct config_option *config_find(const char *key, bool pool)
{
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++)
        if (config_options[i].pool == pool && strcmp(config_options[i].key, key) == 0)
            return &config_options[i];
    return NULL;
}

bool config_is_level(const char *key, enum config_index *ret_first)
{
    size_t len = strlen(key);

    for (unsigned i = 0; i < CONFIG_OPTIONS; i++) {
        const struct config_option *option = &config_options[i];

        if (option->pool || strncmp(option->key, key, len) != 0 || option->key[len] != '.')
            continue;
        *ret_first = i;
        return true;
    }
    return false;
}

/* The name that option I has on the level PATH, if it is below it and the first one with that
 * name; option CONFIG_OPTIONS stands for "upstreams". */
static bool level_name(const char *path, bool pool, unsigned i, char *name, size_t size)
{
    size_t path_len = strlen(path), len;
    const char *rest;

    if (i == CONFIG_OPTIONS) {
        snprintf(name, size, "upstreams");
        return !pool && path_len == 0;
    }
    rest = config_options[i].key;
    if (config_options[i].pool != pool)
        return false;
    if (!pool && path_len > 0) {
        if (strncmp(rest, path, path_len) != 0 || rest[path_len] != '.')
            return false;
        rest += path_len + 1;
    }
    len = strcspn(rest, ".");
    snprintf(name, size, "%.*s", (int)len, rest);
    if (rest[len] == '\0')
        return true;
    /* A deeper level is named by its first option only. */
    len += (size_t)(rest - config_options[i].key);
    for (unsigned j = 0; j < i; j++)
        if (!config_options[j].pool &&
            strncmp(config_options[j].key, config_options[i].key, len + 1) == 0)
            return false;
    return true;
}

const char *config_nearest(const char *path, bool pool, const char *text, char *buffer, size_t size)
{
    unsigned best = config_reach(text);
    const char *found = NULL;
    char name[RD_TEXT_BYTES];

    for (unsigned i = 0; i <= CONFIG_OPTIONS; i++) {
        if (!level_name(path, pool, i, name, sizeof(name)) || !config_nearer(text, name, &best))
            continue;
        snprintf(buffer, size, "%s", name);
        found = buffer;
    }
    return found;
}

const char *config_names(const char *path, bool pool, char *buffer, size_t size)
{
    char name[RD_TEXT_BYTES];
    size_t used = 0;

    buffer[0] = '\0';
    for (unsigned i = 0; i <= CONFIG_OPTIONS && used < size; i++)
        if (level_name(path, pool, i, name, sizeof(name)))
            used += (size_t)snprintf(buffer + used, size - used, "%s%s", used ? ", " : "", name);
    return buffer;
}
