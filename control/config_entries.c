/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_entries.c - values as YAML writes them: one text, a list of texts, or what some kinds
 * have beyond that, a server as a map and the map of routes.
 *
 * Thread: main.
 * Not here: what a text means (config_value.c), which option a key is (config_read.c).
 */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "config_name.h"
#include "config_pool.h"
#include "config_reader.h"
#include "config_server.h"
#include "config_value.h"
#include "escape.h"

static void wrong_node(struct config_reader *reader, const struct config_option *option,
                       const char *key)
{
    struct config_place place = config_yaml_here(&reader->yaml);

    config_value_error(option, key, config_yaml_node(&reader->yaml), "", &place, reader->errors);
    config_yaml_skip(&reader->yaml);
}

/* A server's map, while it is read. */
struct server_map {
    struct config_place start;
    char path[CONFIG_PATH_BYTES]; /* upstreams.POOL.servers[NUMBER] */
    size_t lines[SERVER_FIELDS];  /* where each field was given first */
    struct config_server server;
};

/* A field that is there; the present event is its value. */
static void read_field(struct config_reader *reader, const struct config_option *field,
                       const char *key, struct config_server *server)
{
    struct config_place place = config_yaml_here(&reader->yaml);
    const char *text;
    size_t len;

    if (!config_yaml_scalar(&reader->yaml)) {
        wrong_node(reader, field, key);
        return;
    }
    text = config_yaml_text(&reader->yaml, &len);
    config_value_set(field, (char *)server + field->offset, key, text, len, &place, reader->errors);
}

/* The key NAME at PLACE; the present event is its value. */
static void read_server_key(struct config_reader *reader, struct server_map *map, const char *key,
                            const char *name, const struct config_place *place)
{
    unsigned best = config_reach(name);
    const char *near = NULL;

    for (unsigned i = 0; i < SERVER_FIELDS; i++) {
        const struct config_option *field = &config_server_fields[i];

        if (strcmp(name, field->key) == 0) {
            if (config_read_once(reader, key, place, &map->lines[i]))
                read_field(reader, field, key, &map->server);
            return;
        }
        if (config_nearer(name, field->key, &best))
            near = field->key;
    }
    config_errors_add(reader->errors, place, key, "address, weight, tier", "an unknown key%s%s%s",
                      near ? " (is " : "", near ? near : "", near ? " meant?)" : "");
    config_yaml_skip(&reader->yaml);
}

static void add_server(struct config_reader *reader, const struct config_option *option,
                       rd_kind_SERVERS *list, struct server_map *map)
{
    const struct config_option *address = &config_server_fields[SERVER_ADDRESS];
    char key[CONFIG_PATH_BYTES + 16], text[ADDRESS_TEXT_BYTES], found[ADDRESS_TEXT_BYTES + 2];
    const char *wrong;

    if (map->server.address.n == 0) {
        snprintf(key, sizeof(key), "%s.%s", map->path, address->key);
        config_value_error(address, key, "nothing", "", &map->start, reader->errors);
        return;
    }
    wrong = config_value_full(option, list) ? "one entry too many"
                                            : config_server_add(list, &map->server);
    if (!wrong)
        return;
    snprintf(found, sizeof(found), "\"%s\"", address_format(&map->server.address.at[0], text));
    config_value_error(option, map->path, found, wrong, &map->start, reader->errors);
}

/* { address: ..., weight: ..., tier: ... }, which begins here: entry NUMBER of LIST. */
static void read_server(struct config_reader *reader, const struct config_option *option,
                        rd_kind_SERVERS *list, unsigned number, const char *key)
{
    struct config_yaml *yaml = &reader->yaml;
    struct server_map map = {.start = config_yaml_here(yaml)};
    char name[CONFIG_PATH_BYTES], below[CONFIG_PATH_BYTES];
    unsigned before = reader->errors->n;

    snprintf(map.path, sizeof(map.path), "%.200s[%u]", key, number);
    config_server_init(&map.server);
    while (config_yaml_next(yaml) && yaml->event.type != YAML_MAPPING_END_EVENT) {
        struct config_place place = config_yaml_here(yaml);
        bool good = config_read_key(reader, map.path, name, below);

        if (!good)
            config_yaml_skip(yaml);
        if (!config_yaml_next(yaml))
            return;
        if (good && config_yaml_plain(yaml, below))
            read_server_key(reader, &map, below, name, &place);
        else
            config_yaml_skip(yaml);
    }
    if (reader->errors->n == before)
        add_server(reader, option, list, &map);
}

/* Each entry of a YAML list, with its own position. */
static void read_list(struct config_reader *reader, const struct config_option *option, void *value,
                      const char *key)
{
    struct config_yaml *yaml = &reader->yaml;
    struct config_place start = config_yaml_here(yaml);
    unsigned before = reader->errors->n, number = 0;

    config_value_clear(option, value);
    for (; config_yaml_next(yaml) && yaml->event.type != YAML_SEQUENCE_END_EVENT; number++) {
        struct config_place place = config_yaml_here(yaml);
        size_t len;

        if (!config_yaml_plain(yaml, key)) {
            config_yaml_skip(yaml);
        } else if (config_yaml_scalar(yaml)) {
            const char *text = config_yaml_text(yaml, &len);

            config_value_append(option, value, key, text, len, &place, reader->errors);
        } else if (yaml->event.type == YAML_MAPPING_START_EVENT &&
                   option->kind->form == CONFIG_SERVERS) {
            read_server(reader, option, value, number, key);
        } else {
            wrong_node(reader, option, key);
        }
    }
    if (reader->errors->n == before)
        config_value_check(option, value, key, &start, reader->errors);
}

/* The number of the route with this suffix; -1: there is none. */
static int find_route(const rd_kind_ROUTES *routes, const struct rd_name *suffix)
{
    for (uint32_t i = 0; i < routes->n; i++)
        if (routes->at[i].suffix.len == suffix->len &&
            memcmp(routes->at[i].suffix.bytes, suffix->bytes, suffix->len) == 0)
            return (int)i;
    return -1;
}

/* A suffix, which is the present event. False: it is none, or there already; an error was added. */
static bool read_suffix(struct config_reader *reader, const struct config_option *option,
                        const char *key, struct rd_name *ret_suffix)
{
    static const char allowed[] = "a name such as corp.example, \".\" for all names, or a prefix "
                                  "such as 10.0.0.0/8 or 2001:db8::/32 for its reverse zone";
    const rd_kind_ROUTES *routes = &reader->config->routes;
    struct config_place place = config_yaml_here(&reader->yaml);
    char reason[CONFIG_REASON_BYTES], shown[CONFIG_SHOWN_BYTES];
    size_t len;
    const char *text = config_yaml_text(&reader->yaml, &len);
    const char *wrong = strlen(text) != len ? "a NUL character inside"
                                            : config_suffix_parse(text, ret_suffix, reason);
    int before;

    if (wrong) {
        config_errors_add(reader->errors, &place, key, allowed, "\"%s\" (%s)",
                          escape_text(text, len, shown, sizeof(shown)), wrong);
        return false;
    }
    before = find_route(routes, ret_suffix);
    if (before >= 0)
        config_errors_add(reader->errors, &place, key, "once",
                          "it a second time (first in line %zu)",
                          reader->routes[before].suffix_at.line);
    else if (config_value_full(option, routes))
        config_value_error(option, key, "a route", "one entry too many", &place, reader->errors);
    else
        return true;
    return false;
}

/* The pool that a route leads to; the present event is its name. False: an error was added. */
static bool read_pool_name(struct config_reader *reader, const char *key,
                           struct config_route_text *ret_route)
{
    static const char allowed[] = "the name of a pool";
    struct config_place place = config_yaml_here(&reader->yaml);
    char shown[CONFIG_SHOWN_BYTES];
    const char *text;
    size_t len;

    if (!config_yaml_scalar(&reader->yaml)) {
        config_errors_add(reader->errors, &place, key, allowed, "%s",
                          config_yaml_node(&reader->yaml));
        config_yaml_skip(&reader->yaml);
        return false;
    }
    text = config_yaml_text(&reader->yaml, &len);
    if (strlen(text) != len || !config_pool_name_good(text)) {
        config_errors_add(reader->errors, &place, key, allowed, "\"%s\"",
                          escape_text(text, len, shown, sizeof(shown)));
        return false;
    }
    memcpy(ret_route->pool, text, len + 1);
    ret_route->pool_at = place;
    return true;
}

/* suffix: pool; the suffix is the present event. False: nothing follows. */
static bool read_route(struct config_reader *reader, const struct config_option *option,
                       const char *path)
{
    struct config_yaml *yaml = &reader->yaml;
    rd_kind_ROUTES *routes = &reader->config->routes;
    struct config_route_text text = {.suffix_at = config_yaml_here(yaml)};
    char name[CONFIG_PATH_BYTES], key[CONFIG_PATH_BYTES];
    struct rd_route_config route = {0};
    bool named = config_read_key(reader, path, name, key), good = false;

    if (named)
        good = read_suffix(reader, option, key, &route.suffix);
    else
        config_yaml_skip(yaml);
    if (!config_yaml_next(yaml))
        return false;
    if (named && config_yaml_plain(yaml, key)) {
        good &= read_pool_name(reader, key, &text);
    } else {
        config_yaml_skip(yaml);
        good = false;
    }
    if (good) {
        reader->routes[routes->n] = text;
        routes->at[routes->n++] = route;
    }
    reader->routes_wrong |= !good;
    return true;
}

static void read_routes(struct config_reader *reader, const struct config_option *option,
                        const char *key)
{
    while (config_yaml_next(&reader->yaml) && reader->yaml.event.type != YAML_MAPPING_END_EVENT)
        if (!read_route(reader, option, key))
            return;
}

void config_read_value(struct config_reader *reader, const struct config_option *option,
                       const char *key)
{
    struct config_yaml *yaml = &reader->yaml;
    struct config_place place = config_yaml_here(yaml);
    void *value = config_value(option, reader->config, reader->pool);
    bool map = yaml->event.type == YAML_MAPPING_START_EVENT;
    size_t len;

    if (option->kind->form == CONFIG_ROUTES && (map || config_yaml_nothing(yaml))) {
        if (map)
            read_routes(reader, option, key);
    } else if (option->kind->form == CONFIG_SERVERS && map) {
        config_value_clear(option, value);
        read_server(reader, option, value, 0, key);
    } else if (option->kind->list && yaml->event.type == YAML_SEQUENCE_START_EVENT &&
               option->kind->form != CONFIG_ROUTES) {
        read_list(reader, option, value, key);
    } else if (config_yaml_scalar(yaml) && option->kind->form != CONFIG_ROUTES) {
        const char *text = config_yaml_text(yaml, &len);

        config_value_set(option, value, key, text, len, &place, reader->errors);
    } else {
        wrong_node(reader, option, key);
        reader->routes_wrong |= option->kind->form == CONFIG_ROUTES;
    }
}
