/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_read.c - walks a file's keys, level by level, and sets the options that they name.
 *
 * Recursion follows the schema, so its depth is the schema's. What can be said of pools and routes
 * only at the file's end (a pool may follow the routes to it) is said there.
 * Thread: main.
 * Not here: values (config_entries.c), YAML (config_yaml.c), the file (config_file.c).
 */
#include <stdlib.h>
#include <string.h>

#include "config_pool.h"
#include "config_reader.h"
#include "config_value.h"
#include "escape.h"

/* A map of the file: what its keys mean. */
struct level {
    const char *path; /* of the keys in it, "" at the top */
    enum { OPTIONS, POOLS, POOL } keys;
};

static void read_map(struct config_reader *reader, const struct level *level);

/* What NAME on this level says, or all of it for "", could not be read, which was told: that
 * something is missing because of it is no news. */
static void spoil(struct config_reader *reader, const struct level *level, const char *name)
{
    if (level->keys == POOLS || (level->keys == OPTIONS && strcmp(name, "upstreams") == 0))
        reader->pools_wrong = true;
    else if (level->keys == POOL)
        reader->given->pools[reader->pool].servers = true;
    else if (strcmp(name, "routes") == 0)
        reader->routes_wrong = true;
}

/* A deeper map; "key:" alone stands for one whose lines are all commented out. */
static void read_level(struct config_reader *reader, const struct level *level)
{
    struct config_place place = config_yaml_here(&reader->yaml);
    char names[CONFIG_NAMES_BYTES];

    if (reader->yaml.event.type == YAML_MAPPING_START_EVENT) {
        read_map(reader, level);
    } else if (!config_yaml_nothing(&reader->yaml)) {
        spoil(reader, level, "");
        config_names(level->path, level->keys == POOL, names, sizeof(names));
        config_errors_add(reader->errors, &place, level->path,
                          level->keys == POOLS ? "a map of pools: default and others" : "a map",
                          "%s%s%s", config_yaml_node(&reader->yaml),
                          level->keys == POOLS ? "" : " in place of ",
                          level->keys == POOLS ? "" : names);
        config_yaml_skip(&reader->yaml);
    }
}

static void unknown_key(struct config_reader *reader, const struct level *level, const char *key,
                        const char *name, const struct config_place *place)
{
    char names[CONFIG_NAMES_BYTES], near[RD_TEXT_BYTES] = "", near_text[RD_TEXT_BYTES + 32] = "";
    bool pool = level->keys == POOL;

    if (strchr(name, '.') && config_find(name, false))
        snprintf(near_text, sizeof(near_text), " (a dot is a level of its own here)");
    else if (config_nearest(level->path, pool, name, near, sizeof(near)))
        snprintf(near_text, sizeof(near_text), " (is %s meant?)", near);
    spoil(reader, level, near);
    config_errors_add(reader->errors, place, key,
                      config_names(level->path, pool, names, sizeof(names)), "an unknown key%s",
                      near_text);
    config_yaml_skip(&reader->yaml);
}

bool config_read_once(struct config_reader *reader, const char *key,
                      const struct config_place *place, size_t *line)
{
    if (*line == 0) {
        *line = place->line;
        return true;
    }
    config_errors_add(reader->errors, place, key, "once", "it a second time (first in line %zu)",
                      *line);
    config_yaml_skip(&reader->yaml);
    return false;
}

/* Makes the pool, with every default, where there is room for it. -1: an error was added. */
static int make_pool(struct config_reader *reader, const char *key, const char *name,
                     const struct config_place *place)
{
    char shown[CONFIG_SHOWN_BYTES], allowed[64];
    int pool;

    if (!config_pool_name_good(name)) {
        snprintf(allowed, sizeof(allowed), "1 to %d letters, digits, - _ and .", RD_TEXT_BYTES);
        config_errors_add(reader->errors, place, key, allowed, "a pool named \"%s\"",
                          escape_text(name, strlen(name), shown, sizeof(shown)));
        return -1;
    }
    pool = config_pool_add(reader->config, name);
    if (pool < 0) {
        snprintf(allowed, sizeof(allowed), "%d pools, default included", RD_MAX_POOLS);
        config_errors_add(reader->errors, place, key, allowed, "one pool too many");
    }
    return pool;
}

/* A key of the map UPSTREAMS; the present event is its value. */
static void read_pool(struct config_reader *reader, const char *key, const char *name,
                      const struct config_place *place)
{
    const struct level level = {key, POOL};
    int pool = make_pool(reader, key, name, place);

    if (pool < 0) {
        reader->pools_wrong = true;
        config_yaml_skip(&reader->yaml);
        return;
    }
    if (!config_read_once(reader, key, place, &reader->given->pools[pool].at.line))
        return;
    reader->given->pools[pool].at = *place;
    reader->pool = (unsigned)pool;
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++)
        if (config_options[i].pool)
            reader->option_line[i] = 0;
    read_level(reader, &level);
}

/* An option; the present event is its value. PLACE: the key's. */
static void read_option(struct config_reader *reader, const struct config_option *option,
                        const char *key, const struct config_place *place)
{
    struct config_given *given = reader->given;
    unsigned index = (unsigned)(option - config_options);

    if (!config_read_once(reader, key, place, &reader->option_line[index]))
        return;
    given->option[index] = true;
    if (index == CONFIG_POOL_servers)
        given->pools[reader->pool].servers = true;
    if (index == CONFIG_POOL_source)
        given->pools[reader->pool].source_at = config_yaml_here(&reader->yaml);
    if (index == CONFIG_cache_size)
        given->cache_size_at = config_yaml_here(&reader->yaml);
    config_read_value(reader, option, key);
}

/* One key of a map; the present event is its value. NAME: the key alone, KEY: with its levels. */
static void read_entry(struct config_reader *reader, const struct level *level, const char *key,
                       const char *name, const struct config_place *place)
{
    const struct level below = {key, OPTIONS}, pools = {key, POOLS};
    const struct config_option *option = NULL;
    enum config_index first;

    if (level->keys == POOLS) {
        read_pool(reader, key, name, place);
        return;
    }
    if (level->keys == POOL)
        option = config_find(name, true);
    else if (!strchr(name, '.'))
        option = config_find(key, false);

    if (option) {
        read_option(reader, option, key, place);
    } else if (level->keys == OPTIONS && strcmp(key, "upstreams") == 0) {
        if (config_read_once(reader, key, place, &reader->upstreams_line))
            read_level(reader, &pools);
    } else if (level->keys == OPTIONS && !strchr(name, '.') && config_is_level(key, &first)) {
        if (config_read_once(reader, key, place, &reader->level_line[first]))
            read_level(reader, &below);
    } else {
        unknown_key(reader, level, key, name, place);
    }
}

bool config_read_key(struct config_reader *reader, const char *path, char name[CONFIG_PATH_BYTES],
                     char key[CONFIG_PATH_BYTES])
{
    const yaml_event_t *event = &reader->yaml.event;
    struct config_place place = config_yaml_here(&reader->yaml);
    char shown[CONFIG_SHOWN_BYTES];
    size_t len;

    if (!config_yaml_plain(&reader->yaml, path[0] ? path : "file"))
        return false;
    if (event->type != YAML_SCALAR_EVENT) {
        config_errors_add(reader->errors, &place, path[0] ? path : "file", "the name of an option",
                          "%s as a key", config_yaml_node(&reader->yaml));
        return false;
    }
    len = event->data.scalar.length;
    escape_text((const char *)event->data.scalar.value, len, shown, sizeof(shown));
    /* A longer or stranger one is unknown in its shown form as well. */
    snprintf(name, CONFIG_PATH_BYTES, "%s", shown);
    snprintf(key, CONFIG_PATH_BYTES, "%s%s%s", path, path[0] ? "." : "", shown);
    return true;
}

static void read_map(struct config_reader *reader, const struct level *level)
{
    char name[CONFIG_PATH_BYTES] = "", key[CONFIG_PATH_BYTES];

    while (config_yaml_next(&reader->yaml) && reader->yaml.event.type != YAML_MAPPING_END_EVENT) {
        struct config_place place = config_yaml_here(&reader->yaml);
        bool good = config_read_key(reader, level->path, name, key);

        if (!good)
            config_yaml_skip(&reader->yaml);
        if (!config_yaml_next(&reader->yaml))
            return;
        if (good && config_yaml_plain(&reader->yaml, key)) {
            read_entry(reader, level, key, name, &place);
        } else {
            spoil(reader, level, name);
            config_yaml_skip(&reader->yaml);
        }
    }
}

static void read_document(struct config_reader *reader)
{
    static const struct level top = {"", OPTIONS};
    struct config_place place = config_yaml_here(&reader->yaml);

    if (!config_yaml_plain(&reader->yaml, "file"))
        config_yaml_skip(&reader->yaml);
    else if (reader->yaml.event.type == YAML_MAPPING_START_EVENT)
        read_map(reader, &top);
    else if (!config_yaml_nothing(&reader->yaml)) {
        config_errors_add(reader->errors, &place, "file", "a map: options with their values", "%s",
                          config_yaml_node(&reader->yaml));
        config_yaml_skip(&reader->yaml);
    }
}

static void read_stream(struct config_reader *reader)
{
    struct config_place place;
    bool first = true;

    /* STREAM-START, then documents, then STREAM-END. */
    if (!config_yaml_next(&reader->yaml))
        return;
    while (config_yaml_next(&reader->yaml) && reader->yaml.event.type != YAML_STREAM_END_EVENT) {
        if (!first) {
            place = config_yaml_here(&reader->yaml);
            config_errors_add(reader->errors, &place, "file", "one document (no --- inside)",
                              "a second document");
            return;
        }
        first = false;
        if (config_yaml_next(&reader->yaml))
            read_document(reader);
        if (!config_yaml_next(&reader->yaml)) /* DOCUMENT-END */
            return;
    }
}

/* Where pools and routes do not fit together; not said of a file that was not read to its end. */
static void check_routes(struct config_reader *reader)
{
    unsigned before = reader->errors->n;

    /* The pool that was read when the syntax broke may have gone on. */
    if (reader->yaml.broken)
        reader->given->pools[reader->pool].servers = true;
    if (reader->yaml.broken || reader->pools_wrong)
        return;
    config_routes_resolve(reader->config, reader->routes, reader->errors);
    if (reader->errors->n == before && !reader->routes_wrong)
        config_pools_reached(reader->config, reader->given, reader->errors);
}

bool config_text_read(const char *text, size_t len, const char *name, struct rd_config *config,
                      struct config_given *given, struct config_errors *errors)
{
    struct config_reader reader = {.errors = errors, .config = config, .given = given};
    const struct config_place place = {.file = name};
    unsigned before = errors->n;

    reader.routes = calloc(RD_MAX_ROUTES, sizeof(*reader.routes));
    if (!reader.routes) {
        config_errors_add(errors, &place, NULL, "enough memory", "no memory to read it");
        return false;
    }
    if (config_yaml_open(&reader.yaml, text, len, name, errors)) {
        read_stream(&reader);
        check_routes(&reader);
        config_yaml_close(&reader.yaml);
    }
    free(reader.routes);
    config->pools[0].from_system = config->pools[0].servers.n == 0;
    return errors->n == before;
}
