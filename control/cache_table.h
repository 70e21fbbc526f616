/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_table.h - the answers to the commands about the cache as people read them.
 */
#ifndef RINGDNS_CONTROL_CACHE_TABLE_H
#define RINGDNS_CONTROL_CACHE_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Each writes one kind of answer. False: DOCUMENT is no such answer, and nothing was written. */
bool cache_stats_table(const json_t *document, FILE *out);
bool cache_lookup_table(const json_t *document, FILE *out);
bool cache_flush_table(const json_t *document, FILE *out);
bool cache_flush_all_table(const json_t *document, FILE *out);

#endif
