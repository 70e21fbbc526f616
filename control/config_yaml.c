/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_yaml.c - YAML, as far as a configuration needs it.
 *
 * Events rather than a tree: each one carries its position, and nothing is built that a hostile
 * file could blow up; what is not wanted is skipped with a counter. YAML's cleverness (anchors,
 * tags) is refused: a file means what it shows.
 * Thread: main.
 * Not here: what the keys mean (config_read.c), the file (config_file.c).
 */
#include "config_yaml.h"

#include <string.h>

enum { MAX_DEPTH = 32 };

static struct config_place place_at(const struct config_yaml *yaml, yaml_mark_t mark)
{
    return (struct config_place){yaml->file, mark.line + 1, mark.column + 1};
}

struct config_place config_yaml_here(const struct config_yaml *yaml)
{
    return place_at(yaml, yaml->event.start_mark);
}

/* The parser gives bytes that are no characters an offset only. */
static yaml_mark_t mark_at(const struct config_yaml *yaml, size_t offset)
{
    yaml_mark_t mark = {0};

    for (size_t i = 0; i < offset && i < yaml->len; i++) {
        mark.column++;
        if (yaml->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static bool has_tab(const struct config_yaml *yaml, size_t line)
{
    for (size_t i = 0, at = 0; i < yaml->len && at <= line; i++) {
        if (at == line && yaml->text[i] == '\t')
            return true;
        at += yaml->text[i] == '\n';
    }
    return false;
}

/* What the parser's own words do not tell. */
static const char *advice(const struct config_yaml *yaml, size_t line)
{
    const char *problem = yaml->parser.problem;

    if (yaml->parser.error == YAML_READER_ERROR)
        return "";
    if (has_tab(yaml, line))
        return "; there is a tab in this line";
    /* An alias or an anchor whose name cannot be one. */
    if (problem && strstr(problem, "expected alphabetic or numeric"))
        return "; what begins with * or & needs quotes";
    return "";
}

static void syntax_error(struct config_yaml *yaml)
{
    const yaml_parser_t *parser = &yaml->parser;
    bool bytes = parser->error == YAML_READER_ERROR;
    yaml_mark_t mark = bytes ? mark_at(yaml, parser->problem_offset) : parser->problem_mark;
    struct config_place place = place_at(yaml, mark);

    yaml->broken = true;
    config_errors_add(yaml->errors, &place, "syntax", "YAML in UTF-8, indented by spaces",
                      "broken YAML (%s%s)", parser->problem ? parser->problem : "no memory",
                      advice(yaml, mark.line));
}

bool config_yaml_next(struct config_yaml *yaml)
{
    if (yaml->broken)
        return false;
    yaml_event_delete(&yaml->event);
    if (yaml_parser_parse(&yaml->parser, &yaml->event))
        return true;
    memset(&yaml->event, 0, sizeof(yaml->event));
    syntax_error(yaml);
    return false;
}

void config_yaml_skip(struct config_yaml *yaml)
{
    struct config_place place;
    int depth = 0;

    do {
        yaml_event_type_t type = yaml->event.type;

        if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
            depth++;
        else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT)
            depth--;
        if (depth > MAX_DEPTH) {
            place = config_yaml_here(yaml);
            config_errors_add(yaml->errors, &place, "syntax", "at most 32 levels",
                              "lists and maps nested deeper than that");
            yaml->broken = true;
        }
    } while (depth > 0 && config_yaml_next(yaml));
}

bool config_yaml_plain(struct config_yaml *yaml, const char *key)
{
    const yaml_event_t *event = &yaml->event;
    struct config_place place = config_yaml_here(yaml);
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
        config_errors_add(yaml->errors, &place, key, "the value itself, written out",
                          "an anchor or alias (& or *; quote a value that begins so: \"*\")");
    else if (tag)
        config_errors_add(yaml->errors, &place, key, "the value itself", "a tag (!)");
    return !anchor && !tag;
}

bool config_yaml_nothing(const struct config_yaml *yaml)
{
    const yaml_event_t *event = &yaml->event;
    const char *text;

    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    text = (const char *)event->data.scalar.value;
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

bool config_yaml_scalar(const struct config_yaml *yaml)
{
    return yaml->event.type == YAML_SCALAR_EVENT && !config_yaml_nothing(yaml);
}

const char *config_yaml_text(const struct config_yaml *yaml, size_t *ret_len)
{
    *ret_len = yaml->event.data.scalar.length;
    return (const char *)yaml->event.data.scalar.value;
}

const char *config_yaml_node(const struct config_yaml *yaml)
{
    return yaml->event.type == YAML_MAPPING_START_EVENT    ? "a map"
           : yaml->event.type == YAML_SEQUENCE_START_EVENT ? "a list"
           : config_yaml_nothing(yaml)                     ? "nothing"
                                                           : "a single value";
}

bool config_yaml_open(struct config_yaml *yaml, const char *text, size_t len, const char *name,
                      struct config_errors *errors)
{
    const struct config_place place = {.file = name};

    *yaml = (struct config_yaml){.text = text, .len = len, .file = name, .errors = errors};
    if (!yaml_parser_initialize(&yaml->parser)) {
        config_errors_add(errors, &place, NULL, "enough memory", "no memory to read it");
        return false;
    }
    yaml_parser_set_encoding(&yaml->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&yaml->parser, (const unsigned char *)text, len);
    return true;
}

void config_yaml_close(struct config_yaml *yaml)
{
    yaml_event_delete(&yaml->event);
    yaml_parser_delete(&yaml->parser);
}
