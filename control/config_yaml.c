/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_yaml.c - walks the events of a YAML file and sets the options that it names.
 *
 * Events rather than a tree: each one carries its position, and nothing is built that a hostile
 * file could blow up. Recursion follows the schema, so its depth is the schema's; what the schema
 * does not know is skipped with a counter. YAML's cleverness (anchors, tags, several documents) is
 * refused: a file means what it shows.
 * Thread: main.
 * Not here: values (config_value.c), the file (config_file.c).
 */
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "config_file.h"
#include "config_value.h"
#include "escape.h"

enum { PATH_BYTES = 256, SHOWN_BYTES = 80, NAMES_BYTES = 512, MAX_DEPTH = 32 };

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    const char *text, *file;
    size_t len;
    struct rd_config *config;
    struct config_errors *errors;
    size_t option_line[CONFIG_OPTIONS]; /* where it was first given; 0: not yet */
    size_t level_line[CONFIG_OPTIONS];  /* the same for a level, by its first option */
    size_t upstreams_line, pool_line;
    struct config_place pool;
    bool broken; /* the syntax is wrong, or there is no memory: no event follows */
};

/* A map of the file: what its keys mean. */
struct level {
    const char *path; /* of the keys in it, "" at the top */
    enum { OPTIONS, POOLS, POOL } keys;
};

static void read_map(struct reader *reader, const struct level *level);

static struct config_place place_at(const struct reader *reader, yaml_mark_t mark)
{
    return (struct config_place){reader->file, mark.line + 1, mark.column + 1};
}

static struct config_place here(const struct reader *reader)
{
    return place_at(reader, reader->event.start_mark);
}

/* The parser gives bytes that are no characters an offset only. */
static yaml_mark_t mark_at(const struct reader *reader, size_t offset)
{
    yaml_mark_t mark = {0};

    for (size_t i = 0; i < offset && i < reader->len; i++) {
        mark.column++;
        if (reader->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static bool has_tab(const struct reader *reader, size_t line)
{
    for (size_t i = 0, at = 0; i < reader->len && at <= line; i++) {
        if (at == line && reader->text[i] == '\t')
            return true;
        at += reader->text[i] == '\n';
    }
    return false;
}

static void syntax_error(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    bool bytes = parser->error == YAML_READER_ERROR;
    yaml_mark_t mark = bytes ? mark_at(reader, parser->problem_offset) : parser->problem_mark;
    struct config_place place = place_at(reader, mark);

    reader->broken = true;
    config_errors_add(reader->errors, &place, "syntax", "YAML in UTF-8, indented by spaces",
                      "broken YAML (%s%s)", parser->problem ? parser->problem : "no memory",
                      !bytes && has_tab(reader, mark.line) ? "; there is a tab in this line" : "");
}

/* Takes the next event; false: there is none, which was reported. */
static bool next(struct reader *reader)
{
    if (reader->broken)
        return false;
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event))
        return true;
    memset(&reader->event, 0, sizeof(reader->event));
    syntax_error(reader);
    return false;
}

/* Skips the node that begins with the present event. */
static void skip(struct reader *reader)
{
    struct config_place place;
    int depth = 0;

    do {
        yaml_event_type_t type = reader->event.type;

        if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
            depth++;
        else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT)
            depth--;
        if (depth > MAX_DEPTH) {
            place = here(reader);
            config_errors_add(reader->errors, &place, "syntax", "at most 32 levels",
                              "lists and maps nested deeper than that");
            reader->broken = true;
        }
    } while (depth > 0 && next(reader));
}

/* Whether the node that begins here is plain, without an anchor, an alias or a tag. */
static bool is_plain(struct reader *reader, const char *key)
{
    const yaml_event_t *event = &reader->event;
    struct config_place place = here(reader);
    const void *anchor = NULL, *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT) {
        anchor = event->data.alias.anchor;
    } else if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor)
        config_errors_add(reader->errors, &place, key, "the value itself, written out",
                          "an anchor or alias (& or *; quote a value that begins so: \"*\")");
    else if (tag)
        config_errors_add(reader->errors, &place, key, "the value itself", "a tag (!)");
    return !anchor && !tag;
}

/* "key:" with nothing behind it. */
static bool is_nothing(const yaml_event_t *event)
{
    const char *text;

    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    text = (const char *)event->data.scalar.value;
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

static const char *node_name(const yaml_event_t *event)
{
    return event->type == YAML_MAPPING_START_EVENT    ? "a map"
           : event->type == YAML_SEQUENCE_START_EVENT ? "a list"
           : is_nothing(event)                        ? "nothing"
                                                      : "a single value";
}

static void wrong_node(struct reader *reader, const struct config_option *option, const char *key)
{
    struct config_place place = here(reader);
    char *allowed = config_value_allowed(option);

    config_errors_add(reader->errors, &place, key, allowed ? allowed : option->unit, "%s",
                      node_name(&reader->event));
    free(allowed);
    skip(reader);
}

/* Each entry of a YAML list, with its own position. */
static void read_list(struct reader *reader, const struct config_option *option, const char *key)
{
    struct config_place start = here(reader);
    unsigned before = reader->errors->n;

    config_value_clear(option, reader->config);
    while (next(reader) && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        const yaml_event_t *event = &reader->event;
        struct config_place place = here(reader);

        if (!is_plain(reader, key))
            skip(reader);
        else if (event->type != YAML_SCALAR_EVENT || is_nothing(event))
            wrong_node(reader, option, key);
        else
            config_value_append(option, reader->config, key, (const char *)event->data.scalar.value,
                                event->data.scalar.length, &place, reader->errors);
    }
    if (reader->errors->n == before)
        config_value_check(option, reader->config, key, &start, reader->errors);
}

static void read_option(struct reader *reader, const struct config_option *option, const char *key)
{
    const yaml_event_t *event = &reader->event;
    struct config_place place = here(reader);

    if (event->type == YAML_SEQUENCE_START_EVENT && option->kind->list)
        read_list(reader, option, key);
    else if (event->type != YAML_SCALAR_EVENT || is_nothing(event))
        wrong_node(reader, option, key);
    else
        config_value_set(option, reader->config, key, (const char *)event->data.scalar.value,
                         event->data.scalar.length, &place, reader->errors);
}

/* A deeper map; "key:" alone stands for one whose lines are all commented out. */
static void read_level(struct reader *reader, const struct level *level)
{
    struct config_place place = here(reader);
    char names[NAMES_BYTES];

    if (reader->event.type == YAML_MAPPING_START_EVENT) {
        read_map(reader, level);
    } else if (!is_nothing(&reader->event)) {
        config_names(level->path, level->keys == POOL, names, sizeof(names));
        config_errors_add(reader->errors, &place, level->path,
                          level->keys == POOLS ? "a map of pools: default" : "a map", "%s%s%s",
                          node_name(&reader->event), level->keys == POOLS ? "" : " in place of ",
                          level->keys == POOLS ? "" : names);
        skip(reader);
    }
}

static void unknown_key(struct reader *reader, const struct level *level, const char *key,
                        const char *name, const struct config_place *place)
{
    char names[NAMES_BYTES], near[RD_TEXT_BYTES], near_text[RD_TEXT_BYTES + 32] = "";
    bool pool = level->keys == POOL;

    if (strchr(name, '.') && config_find(name, false))
        snprintf(near_text, sizeof(near_text), " (a dot is a level of its own here)");
    else if (config_nearest(level->path, pool, name, near, sizeof(near)))
        snprintf(near_text, sizeof(near_text), " (is %s meant?)", near);
    config_errors_add(reader->errors, place, key,
                      config_names(level->path, pool, names, sizeof(names)), "an unknown key%s",
                      near_text);
    skip(reader);
}

/* Whether KEY is here for the first time; *LINE remembers. */
static bool is_first(struct reader *reader, const char *key, const struct config_place *place,
                     size_t *line)
{
    if (*line == 0) {
        *line = place->line;
        return true;
    }
    config_errors_add(reader->errors, place, key, "once", "it a second time (first in line %zu)",
                      *line);
    skip(reader);
    return false;
}

/* A key of the map UPSTREAMS; the present event is its value. */
static void read_pool(struct reader *reader, const char *key, const char *name,
                      const struct config_place *place)
{
    const struct level pool = {key, POOL};
    char shown[SHOWN_BYTES];

    if (strcmp(name, "default") != 0) {
        config_errors_add(reader->errors, place, key,
                          "default (no route can lead to another pool yet)", "a pool named \"%s\"",
                          escape_text(name, strlen(name), shown, sizeof(shown)));
        skip(reader);
    } else if (is_first(reader, key, place, &reader->pool_line)) {
        reader->pool = *place;
        read_level(reader, &pool);
    }
}

/* One key of a map; the present event is its value. NAME: the key alone, KEY: with its levels. */
static void read_entry(struct reader *reader, const struct level *level, const char *key,
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
        if (is_first(reader, key, place, &reader->option_line[option - config_options]))
            read_option(reader, option, key);
    } else if (level->keys == OPTIONS && strcmp(key, "upstreams") == 0) {
        if (is_first(reader, key, place, &reader->upstreams_line))
            read_level(reader, &pools);
    } else if (level->keys == OPTIONS && !strchr(name, '.') && config_is_level(key, &first)) {
        if (is_first(reader, key, place, &reader->level_line[first]))
            read_level(reader, &below);
    } else {
        unknown_key(reader, level, key, name, place);
    }
}

/* Takes the key that is the present event; false: it cannot be one. */
static bool take_key(struct reader *reader, const struct level *level, char name[PATH_BYTES],
                     char key[PATH_BYTES])
{
    const yaml_event_t *event = &reader->event;
    struct config_place place = here(reader);
    char shown[SHOWN_BYTES];
    size_t len;

    if (!is_plain(reader, level->path[0] ? level->path : "file"))
        return false;
    if (event->type != YAML_SCALAR_EVENT) {
        config_errors_add(reader->errors, &place, level->path[0] ? level->path : "file",
                          "the name of an option", "%s as a key", node_name(event));
        return false;
    }
    len = event->data.scalar.length;
    escape_text((const char *)event->data.scalar.value, len, shown, sizeof(shown));
    /* A longer or stranger one is unknown in its shown form as well. */
    snprintf(name, PATH_BYTES, "%s", shown);
    snprintf(key, PATH_BYTES, "%s%s%s", level->path, level->path[0] ? "." : "", shown);
    return true;
}

static void read_map(struct reader *reader, const struct level *level)
{
    char name[PATH_BYTES], key[PATH_BYTES];

    while (next(reader) && reader->event.type != YAML_MAPPING_END_EVENT) {
        struct config_place place = here(reader);
        bool good = take_key(reader, level, name, key);

        if (!good)
            skip(reader);
        if (!next(reader))
            return;
        if (good && is_plain(reader, key))
            read_entry(reader, level, key, name, &place);
        else
            skip(reader);
    }
}

static void read_document(struct reader *reader)
{
    static const struct level top = {"", OPTIONS};
    struct config_place place = here(reader);

    if (!is_plain(reader, "file"))
        skip(reader);
    else if (reader->event.type == YAML_MAPPING_START_EVENT)
        read_map(reader, &top);
    else if (!is_nothing(&reader->event)) {
        config_errors_add(reader->errors, &place, "file", "a map: options with their values", "%s",
                          node_name(&reader->event));
        skip(reader);
    }
}

static void read_stream(struct reader *reader)
{
    struct config_place place;
    bool first = true;

    /* STREAM-START, then documents, then STREAM-END. */
    if (!next(reader))
        return;
    while (next(reader) && reader->event.type != YAML_STREAM_END_EVENT) {
        if (!first) {
            place = here(reader);
            config_errors_add(reader->errors, &place, "file", "one document (no --- inside)",
                              "a second document");
            return;
        }
        first = false;
        if (next(reader))
            read_document(reader);
        if (!next(reader)) /* DOCUMENT-END */
            return;
    }
}

bool config_text_read(const char *text, size_t len, const char *name, struct rd_config *config,
                      struct config_given *given, struct config_errors *errors)
{
    struct reader reader = {
        .text = text, .len = len, .file = name, .config = config, .errors = errors};
    unsigned before = errors->n;

    if (!yaml_parser_initialize(&reader.parser)) {
        const struct config_place place = {.file = name};

        config_errors_add(errors, &place, NULL, "enough memory", "no memory to read it");
        return false;
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
    read_stream(&reader);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++)
        given->option[i] |= reader.option_line[i] != 0;
    given->pool = reader.pool;
    return errors->n == before;
}
