/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_answers.h - the control socket's commands about the cache. CONTEXT is the service.
 */
#ifndef RINGDNS_CONTROL_CACHE_ANSWERS_H
#define RINGDNS_CONTROL_CACHE_ANSWERS_H

#include "control_socket.h"

/* {"bytes", "pages", ..., "hit_ratio", "counters": {...}} */
json_t *answer_cache_stats(void *context, const struct control_arguments *arguments);
/* {"name", "entries": [...], "omitted"}: see cache_entry_json. */
json_t *answer_cache_lookup(void *context, const struct control_arguments *arguments);
/* {"name", "suffix", "entries"}: how many were removed. */
json_t *answer_cache_flush(void *context, const struct control_arguments *arguments);
/* {"flushed": true} */
json_t *answer_cache_flush_all(void *context, const struct control_arguments *arguments);
/* Every entry as text, see cache_dump.h. */
json_t *take_cache_dump(void *context, int fd);

#endif
