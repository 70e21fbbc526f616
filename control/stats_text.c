/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats_text.c - stats.def shown to programs and people.
 *
 * The table is made from the JSON document, not from stats.def: ringdnsctl shows whatever the
 * running server counts, of an older or newer version too.
 * Thread: main.
 * Not here: where the numbers come from (supervise.c), Prometheus' text form.
 */
#include "stats_text.h"

#include <inttypes.h>
#include <string.h>

static const struct stat {
    const char *field, *name, *kind, *unit, *labels, *help;
} stats_all[] = {
#define STAT(field, name, kind, unit, labels, help) {#field, name, #kind, unit, labels, help},
#include "ringdns/stats.def"
};

enum { STATS = sizeof(stats_all) / sizeof(stats_all[0]) };

static void read_values(const struct rd_stats *stats, uint64_t ret_values[STATS])
{
    unsigned i = 0;

#define STAT(field, ...) ret_values[i++] = rd_stat_get(&stats->field);
#include "ringdns/stats.def"
}

static json_t *values_json(const uint64_t values[STATS])
{
    json_t *object = json_object();

    for (unsigned i = 0; object && i < STATS; i++) {
        if (json_object_set_new(object, stats_all[i].field, json_integer((json_int_t)values[i])) ==
            0)
            continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *stats_json(const struct rd_stats *stats)
{
    return stats_json_total(&stats, 1);
}

json_t *stats_json_total(const struct rd_stats *const *stats, unsigned n)
{
    uint64_t sums[STATS] = {0}, values[STATS];

    for (unsigned worker = 0; worker < n; worker++) {
        read_values(stats[worker], values);
        for (unsigned i = 0; i < STATS; i++)
            sums[i] += values[i];
    }
    return values_json(sums);
}

uint64_t stats_family(const struct rd_stats *const *stats, unsigned n, const char *name)
{
    uint64_t values[STATS], sum = 0;

    for (unsigned worker = 0; worker < n; worker++) {
        read_values(stats[worker], values);
        for (unsigned i = 0; i < STATS; i++)
            if (strcmp(stats_all[i].name, name) == 0)
                sum += values[i];
    }
    return sum;
}

static void table_line(const json_t *workers, const char *field, json_int_t total, FILE *out)
{
    size_t i;
    json_t *worker;

    fprintf(out, "%-26s %15" JSON_INTEGER_FORMAT, field, total);
    json_array_foreach(workers, i, worker)
        fprintf(out, " %15" JSON_INTEGER_FORMAT,
                json_integer_value(json_object_get(json_object_get(worker, "stats"), field)));
    fputc('\n', out);
}

bool stats_table(const json_t *document, FILE *out)
{
    json_t *workers = json_object_get(document, "workers");
    json_t *total = json_object_get(document, "total");
    unsigned zeros = 0;
    const char *field;
    json_t *value, *worker;
    size_t i;

    if (!json_is_array(workers) || !json_is_object(total))
        return false;
    fprintf(out, "%-26s %15s", "", "total");
    json_array_foreach(workers, i, worker)
        fprintf(out, "      worker %3" JSON_INTEGER_FORMAT,
                json_integer_value(json_object_get(worker, "worker")));
    fputc('\n', out);
    json_object_foreach(total, field, value)
    {
        if (json_integer_value(value) == 0)
            zeros++;
        else
            table_line(workers, field, json_integer_value(value), out);
    }
    if (zeros > 0)
        fprintf(out, "(%u counters that are 0 are not shown; --json shows all)\n", zeros);
    return true;
}

static void help_text(const struct stat *stat, const char *help, FILE *out)
{
    fprintf(out, "%s\n    %s%s%s%s, %s, %s\n", stat->field, stat->name, stat->labels[0] ? "{" : "",
            stat->labels, stat->labels[0] ? "}" : "",
            strcmp(stat->kind, "GAUGE") == 0 ? "gauge" : "counter", stat->unit);
    if (help[0] != '\0')
        fprintf(out, "    %s\n", help);
    fputc('\n', out);
}

static void help_markdown(const struct stat *stat, const char *help, FILE *out)
{
    fprintf(out, "| `%s` | `%s%s%s%s` | %s | %s | %s |\n", stat->field, stat->name,
            stat->labels[0] ? "{" : "", stat->labels, stat->labels[0] ? "}" : "",
            strcmp(stat->kind, "GAUGE") == 0 ? "gauge" : "counter", stat->unit, help);
}

void stats_help(bool markdown, FILE *out)
{
    const char *family = "";

    if (markdown)
        fputs("# Counters\n\n"
              "Written by `ringdns --help-stats=markdown` from `include/ringdns/stats.def`.\n"
              "The first column is the name in `ringdnsctl stats`, with and without `--json`.\n"
              "A counter only grows; a gauge is a present value. Each worker has its own.\n\n"
              "| field | name | kind | unit | meaning |\n|---|---|---|---|---|\n",
              out);
    for (unsigned i = 0; i < STATS; i++) {
        const char *help = stats_all[i].help;

        /* A family's first line explains those that say nothing themselves. */
        if (i == 0 || strcmp(stats_all[i].name, stats_all[i - 1].name) != 0)
            family = help;
        (markdown ? help_markdown : help_text)(&stats_all[i], help[0] ? help : family, out);
    }
}
