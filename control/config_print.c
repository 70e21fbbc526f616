/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_print.c - config.def shown to people: the dump and the option reference.
 *
 * Everything is derived from the table, so a new option appears in both by itself.
 * Thread: main.
 * Not here: a comment-keeping editor of files; the dump is a file of its own.
 */
#include "config_print.h"

#include <stdlib.h>
#include <string.h>

#include "config_route.h"
#include "config_schema.h"
#include "config_value.h"
#include "escape.h"

static void dump_entry(const struct config_option *option, const void *value, uint32_t i, FILE *out)
{
    char *text = NULL;
    size_t size;
    FILE *memory;

    if (!option->kind->quoted) {
        option->kind->print(option, value, i, out);
        return;
    }
    memory = open_memstream(&text, &size);
    if (!memory)
        return;
    option->kind->print(option, value, i, memory);
    if (fclose(memory) == 0)
        escape_yaml(text, out);
    free(text);
}

static void dump_option(const struct config_option *option, const struct rd_config *config,
                        unsigned pool, const char *name, int indent, FILE *out)
{
    const void *value = config_value_const(option, config, pool);
    bool list = option->kind->list, map = option->kind->form == CONFIG_ROUTES;
    uint32_t n = list ? *(const uint32_t *)value : 1;

    fprintf(out, "%*s%s:", indent, "", name);
    if (n == 0)
        fputs(map ? " {}\n" : " []\n", out);
    else if (list)
        fputc('\n', out);
    for (uint32_t i = 0; i < n; i++) {
        if (list)
            fprintf(out, "%*s", indent + 1, "");
        if (list && !map)
            fputs(" -", out);
        fputc(' ', out);
        if (map)
            config_route_dump(config, i, out);
        else
            dump_entry(option, value, i, out);
        fputc('\n', out);
    }
}

enum { NO_POOL = -1 };

/* The options whose keys begin with the PREFIX_LEN bytes of PREFIX, level by level. */
static void dump_level(const struct rd_config *config, int pool, const char *prefix,
                       size_t prefix_len, int indent, FILE *out)
{
    bool in_pool = pool != NO_POOL;

    for (unsigned i = 0; i < CONFIG_OPTIONS; i++) {
        const struct config_option *option = &config_options[i];
        const char *name = option->key + prefix_len;
        size_t len;
        unsigned first = 0;

        if (option->pool != in_pool || strncmp(option->key, prefix, prefix_len) != 0)
            continue;
        len = strcspn(name, ".");
        if (name[len] == '\0') {
            dump_option(option, config, in_pool ? (unsigned)pool : 0, name, indent, out);
            continue;
        }
        len += prefix_len + 1; /* of the deeper level's prefix; its first option opens it */
        while (config_options[first].pool != in_pool ||
               strncmp(config_options[first].key, option->key, len) != 0)
            first++;
        if (first != i)
            continue;
        fprintf(out, "%*s%.*s:\n", indent, "", (int)(len - prefix_len - 1), name);
        dump_level(config, pool, option->key, len, indent + 2, out);
    }
}

void config_dump(const struct rd_config *config, FILE *out)
{
    bool from_system = config->pools[0].from_system;

    dump_level(config, NO_POOL, "", 0, 0, out);
    if (from_system)
        fputs("# upstreams.default: the name servers of /etc/resolv.conf\n", out);
    if (from_system && config->n_pools == 1)
        return;
    fputs("upstreams:\n", out);
    for (unsigned i = from_system; i < config->n_pools; i++) {
        fprintf(out, "  %s:\n", config->pools[i].name);
        dump_level(config, (int)i, "", 0, 4, out);
    }
}

static void help_text(const struct config_option *option, const char *allowed, FILE *out)
{
    fprintf(out, "%s%s\n    %s\n    allowed: %s\n", option->pool ? "upstreams.<pool>." : "",
            option->key, option->help, allowed);
    if (option->initial[0] != '\0')
        fprintf(out, "    default: %s\n", option->initial);
    else
        fputs("    default: none\n", out);
    fprintf(out, "    %s%s%s\n\n",
            option->restart ? "applied at the next start" : "applied by a reload (SIGHUP)",
            option->reference[0] ? "; see " : "", option->reference);
}

static void help_markdown(const struct config_option *option, const char *allowed, FILE *out)
{
    const char *quote = option->initial[0] ? "`" : "";

    fprintf(out, "## `%s%s`\n\n%s.\n\n", option->pool ? "upstreams.<pool>." : "", option->key,
            option->help);
    fprintf(out, "- Allowed: %s\n- Default: %s%s%s\n- Applied: %s\n", allowed, quote,
            option->initial[0] ? option->initial : "none", quote,
            option->restart ? "at the next start" : "by a reload (SIGHUP)");
    if (option->reference[0] != '\0')
        fprintf(out, "- See: %s\n", option->reference);
}

void config_help(bool markdown, FILE *out)
{
    if (markdown)
        fputs("# Options of the configuration file\n\n"
              "Written by `ringdns --help-config=markdown` from `include/ringdns/config.def`.\n"
              "A dot in a key is a level in the YAML file; lists may also be written as one text "
              "with commas. The pool `default` is asked for all names that no route takes "
              "elsewhere.\n",
              out);
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++) {
        char *allowed = config_value_allowed(&config_options[i]);

        if (markdown)
            fputc('\n', out);
        (markdown ? help_markdown : help_text)(&config_options[i], allowed ? allowed : "?", out);
        free(allowed);
    }
}
