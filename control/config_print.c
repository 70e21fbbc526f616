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

#include "config_schema.h"
#include "config_value.h"

static void dump_quoted(const struct config_option *option, const void *value, uint32_t i,
                        FILE *out)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);

    if (!memory)
        return;
    option->kind->print(value, i, memory);
    if (fclose(memory) == 0) {
        fputc('"', out);
        for (const char *at = text; *at != '\0'; at++) {
            if (*at == '"' || *at == '\\')
                fputc('\\', out);
            fputc(*at, out);
        }
        fputc('"', out);
    }
    free(text);
}

static void dump_option(const struct config_option *option, const struct rd_config *config,
                        const char *name, int indent, FILE *out)
{
    const void *value = config_value_const(option, config);
    uint32_t n = option->kind->list ? *(const uint32_t *)value : 1;

    fprintf(out, "%*s%s:", indent, "", name);
    if (n == 0)
        fputs(" []\n", out);
    else if (option->kind->list)
        fputc('\n', out);
    for (uint32_t i = 0; i < n; i++) {
        if (option->kind->list)
            fprintf(out, "%*s-", indent + 2, "");
        fputc(' ', out);
        if (option->kind->quoted)
            dump_quoted(option, value, i, out);
        else
            option->kind->print(value, i, out);
        fputc('\n', out);
    }
}

/* The options whose keys begin with the PREFIX_LEN bytes of PREFIX, level by level. */
static void dump_level(const struct rd_config *config, bool pool, const char *prefix,
                       size_t prefix_len, int indent, FILE *out)
{
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++) {
        const struct config_option *option = &config_options[i];
        const char *name = option->key + prefix_len;
        size_t len;
        unsigned first = 0;

        if (option->pool != pool || strncmp(option->key, prefix, prefix_len) != 0)
            continue;
        len = strcspn(name, ".");
        if (name[len] == '\0') {
            dump_option(option, config, name, indent, out);
            continue;
        }
        len += prefix_len + 1; /* of the deeper level's prefix; its first option opens it */
        while (config_options[first].pool != pool ||
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
    dump_level(config, false, "", 0, 0, out);
    if (config->pools[0].servers.n == 0) {
        fputs("# upstreams: none is given\n", out);
        return;
    }
    fprintf(out, "upstreams:\n  %s:\n", config->pools[0].name);
    dump_level(config, true, "", 0, 4, out);
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
              "with commas.\n",
              out);
    for (unsigned i = 0; i < CONFIG_OPTIONS; i++) {
        char *allowed = config_value_allowed(&config_options[i]);

        if (markdown)
            fputc('\n', out);
        (markdown ? help_markdown : help_text)(&config_options[i], allowed ? allowed : "?", out);
        free(allowed);
    }
}
