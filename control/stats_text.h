/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats_text.h - the counters of stats.def as JSON, as a table and as a reference.
 */
#ifndef RINGDNS_CONTROL_STATS_TEXT_H
#define RINGDNS_CONTROL_STATS_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "ringdns/stats.h"

/* {field: value, ...} in the order of stats.def. NULL: no memory. */
json_t *stats_json(const struct rd_stats *stats);

/* The same, summed up over N workers. */
json_t *stats_json_total(const struct rd_stats *const *stats, unsigned n);

/* The counters of one upstream, summed up over N workers; its round-trip times are not among them.
 * NULL: no memory. */
json_t *stats_json_upstream(const struct rd_upstream_stats *const *stats, unsigned n);

/* The sum of all counters with the Prometheus name NAME, over N workers. */
uint64_t stats_family(const struct rd_stats *const *stats, unsigned n, const char *name);

/* Writes the answer to the command "stats" as a table: totals, and a column per worker. Lines that
 * are zero everywhere are left out, with a note. False: DOCUMENT is no such answer. */
bool stats_table(const json_t *document, FILE *out);

/* Every counter and what it means, then those of each upstream. MARKDOWN: as in
 * build/doc/counters.md. */
void stats_help(bool markdown, FILE *out);

#endif
