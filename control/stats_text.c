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

#include <assert.h>
#include <inttypes.h>
#include <string.h>

struct stat {
    const char *field, *name, *kind, *unit, *labels, *help;
};

static const struct stat stats_all[] = {
#define STAT(field, name, kind, unit, labels, help) {#field, name, #kind, unit, labels, help},
#define UPSTREAM_STAT(...)
#include "ringdns/stats.def"
};

static const struct stat stats_upstream[] = {
#define STAT(...)
#define UPSTREAM_STAT(field, name, kind, unit, labels, help)                                       \
    {#field, name, #kind, unit, labels, help},
#include "ringdns/stats.def"
};

/* No line of stats.def: RD_RTT_BUCKETS counters and a sum. */
static const struct stat stats_rtt = {
    "rtt",
    "ringdns_upstream_server_rtt_seconds",
    "HISTOGRAM",
    "seconds",
    "",
    "round-trip times of accepted replies, in buckets: up to 128 us, twice that, and so on up to "
    "4.2 s, and what is above; shown in microseconds",
};
static_assert(RD_RTT_BOUND_US(0) == 128 && RD_RTT_BOUND_US(RD_RTT_BUCKETS - 2) == 4194304,
              "the histogram is as its help says");

enum {
    STATS = sizeof(stats_all) / sizeof(stats_all[0]),
    UPSTREAM_STATS = sizeof(stats_upstream) / sizeof(stats_upstream[0]),
};

static void read_values(const struct rd_stats *stats, uint64_t ret_values[STATS])
{
    unsigned i = 0;

#define STAT(field, ...) ret_values[i++] = rd_stat_get(&stats->field);
#define UPSTREAM_STAT(...)
#include "ringdns/stats.def"
}

static void add_upstream_values(const struct rd_upstream_stats *stats,
                                uint64_t sums[UPSTREAM_STATS])
{
    unsigned i = 0;

#define STAT(...)
#define UPSTREAM_STAT(field, ...) sums[i++] += rd_stat_get(&stats->field);
#include "ringdns/stats.def"
}

static json_t *values_json(const struct stat *stats, const uint64_t *values, unsigned n)
{
    json_t *object = json_object();

    for (unsigned i = 0; object && i < n; i++) {
        if (json_object_set_new(object, stats[i].field, json_integer((json_int_t)values[i])) == 0)
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
    return values_json(stats_all, sums, STATS);
}

json_t *stats_json_upstream(const struct rd_upstream_stats *const *stats, unsigned n)
{
    uint64_t sums[UPSTREAM_STATS] = {0};

    for (unsigned worker = 0; worker < n; worker++)
        add_upstream_values(stats[worker], sums);
    return values_json(stats_upstream, sums, UPSTREAM_STATS);
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

static const char *kind_text(const struct stat *stat)
{
    if (strcmp(stat->kind, "HISTOGRAM") == 0)
        return "histogram";
    return strcmp(stat->kind, "GAUGE") == 0 ? "gauge" : "counter";
}

static void help_text(const struct stat *stat, const char *help, FILE *out)
{
    fprintf(out, "%s\n    %s%s%s%s, %s, %s\n", stat->field, stat->name, stat->labels[0] ? "{" : "",
            stat->labels, stat->labels[0] ? "}" : "", kind_text(stat), stat->unit);
    if (help[0] != '\0')
        fprintf(out, "    %s\n", help);
    fputc('\n', out);
}

static void help_markdown(const struct stat *stat, const char *help, FILE *out)
{
    fprintf(out, "| `%s` | `%s%s%s%s` | %s | %s | %s |\n", stat->field, stat->name,
            stat->labels[0] ? "{" : "", stat->labels, stat->labels[0] ? "}" : "", kind_text(stat),
            stat->unit, help);
}

static void help_all(const struct stat *stats, unsigned n, bool markdown, FILE *out)
{
    const char *family = "";

    if (markdown)
        fputs("| field | name | kind | unit | meaning |\n|---|---|---|---|---|\n", out);
    for (unsigned i = 0; i < n; i++) {
        const char *help = stats[i].help;

        /* A family's first line explains those that say nothing themselves. */
        if (i == 0 || strcmp(stats[i].name, stats[i - 1].name) != 0)
            family = help;
        (markdown ? help_markdown : help_text)(&stats[i], help[0] ? help : family, out);
    }
}

void stats_help(bool markdown, FILE *out)
{
    if (markdown)
        fputs("# Counters\n\n"
              "Written by `ringdns --help-stats=markdown` from `include/ringdns/stats.def`.\n"
              "The first column is the name in `ringdnsctl stats`, with and without `--json`.\n"
              "A counter only grows; a gauge is a present value. Each worker has its own.\n\n",
              out);
    help_all(stats_all, STATS, markdown, out);
    fputs(markdown ? "\n## Of each upstream\n\n"
                     "The first column is the name in `ringdnsctl upstreams --json`, where the "
                     "workers' are added up.\n"
                     "A server that several pools ask from the same source address is one "
                     "upstream.\n\n"
                   : "Of each upstream (ringdnsctl upstreams --json):\n\n",
          out);
    help_all(stats_upstream, UPSTREAM_STATS, markdown, out);
    (markdown ? help_markdown : help_text)(&stats_rtt, stats_rtt.help, out);
}
