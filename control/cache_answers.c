/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_answers.c - looks into the cache and empties it, for the operator.
 *
 * Thread: main. A flush below a name goes through the whole cache, so that the control socket is
 * silent for some seconds where it is large; the workers go on.
 * Not here: how an entry is told of (cache_entry.c), all entries (cache_dump.c).
 */
#include "cache_answers.h"

#include <string.h>

#include "cache_dump.h"
#include "cache_entry.h"
#include "cache_request.h"
#include "service.h"
#include "stats_text.h"

/* What one name can have, by any sensible use; the rest is counted. */
enum { LOOKUP_ENTRIES = 100 };

/* The counters cache_..., without that beginning. */
static json_t *cache_counters(const json_t *total)
{
    static const char prefix[] = "cache_";
    const size_t skip = sizeof(prefix) - 1;
    json_t *counters = json_object();
    const char *field;
    json_t *value;

    json_object_foreach((json_t *)total, field, value) if (strncmp(field, prefix, skip) == 0)
        json_object_set(counters, field + skip, value);
    return counters;
}

/* Of the queries that were looked up, the share that was answered from here; null: none were. */
static json_t *hit_ratio(const struct rd_stats *const *stats, unsigned n)
{
    double hits = (double)stats_family(stats, n, "ringdns_cache_hits_total");
    double misses = (double)stats_family(stats, n, "ringdns_cache_misses_total");

    return hits + misses > 0 ? json_real(hits / (hits + misses)) : json_null();
}

static json_t *sizes(const struct rd_cache_info *info)
{
    static const char *const pages[] = {[RD_PAGES_SMALL] = "small",
                                        [RD_PAGES_TRANSPARENT] = "transparent",
                                        [RD_PAGES_HUGE] = "huge"};

    return json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "bytes",
                     (json_int_t)info->bytes, "pages", pages[info->pages], "index_bytes",
                     (json_int_t)info->index_bytes, "entry_bytes", (json_int_t)info->entry_bytes,
                     "used_bytes", (json_int_t)info->used_bytes, "slots", (json_int_t)info->slots,
                     "entries", (json_int_t)info->entries, "segment_bytes",
                     (json_int_t)info->segment_bytes, "segments", (json_int_t)info->segments,
                     "segments_free", (json_int_t)info->segments_free, "segments_new",
                     (json_int_t)info->segments_new, "segments_main",
                     (json_int_t)info->segments_main);
}

json_t *answer_cache_stats(void *context, const struct control_arguments *arguments)
{
    struct service *service = context;
    const struct rd_stats *stats[RD_MAX_WORKERS];
    struct rd_cache_info info;
    json_t *document, *total;

    (void)arguments;
    for (unsigned i = 0; i < service->crew.n; i++)
        stats[i] = crew_stats(&service->crew, i);
    rd_cache_info(service->cache, &info);
    document = sizes(&info);
    total = stats_json_total(stats, service->crew.n);
    json_object_set_new(document, "hit_ratio", hit_ratio(stats, service->crew.n));
    json_object_set_new(document, "counters", cache_counters(total));
    json_decref(total);
    return document;
}

struct lookup {
    struct cache_look look;
    json_t *entries;
    json_int_t omitted;
};

static bool add_entry(void *context, const struct rd_cache_record *record)
{
    struct lookup *lookup = context;

    if (json_array_size(lookup->entries) == LOOKUP_ENTRIES)
        lookup->omitted++;
    else
        json_array_append_new(lookup->entries, cache_entry_json(record, &lookup->look));
    return true;
}

json_t *answer_cache_lookup(void *context, const struct control_arguments *arguments)
{
    const struct service *service = context;
    struct lookup lookup = {.omitted = 0};
    char name[RD_NAME_TEXT_BYTES];
    struct cache_request request;
    json_t *error = cache_request_read(arguments, false, &request);

    if (error)
        return error;
    cache_look_read(snapshots_newest(&service->snapshots), &lookup.look);
    lookup.entries = json_array();
    rd_cache_find(service->cache, snapshots_newest(&service->snapshots), &request.name, add_entry,
                  &lookup);
    rd_name_to_text(&request.name, name);
    return json_pack("{s:s, s:o, s:I}", "name", name, "entries", lookup.entries, "omitted",
                     lookup.omitted);
}

json_t *answer_cache_flush(void *context, const struct control_arguments *arguments)
{
    const struct service *service = context;
    char name[RD_NAME_TEXT_BYTES];
    struct cache_request request;
    json_t *error = cache_request_read(arguments, true, &request);
    uint64_t n;

    if (error)
        return error;
    n = request.suffix
            ? rd_cache_flush_suffix(service->cache, &request.name)
            : rd_cache_flush(service->cache, snapshots_newest(&service->snapshots), &request.name);
    rd_name_to_text(&request.name, name);
    return json_pack("{s:s, s:b, s:I}", "name", name, "suffix", (int)request.suffix, "entries",
                     (json_int_t)n);
}

json_t *answer_cache_flush_all(void *context, const struct control_arguments *arguments)
{
    const struct service *service = context;

    (void)arguments;
    rd_cache_flush_all(service->cache, machine_now_ns());
    return json_pack("{s:b}", "flushed", 1);
}

json_t *take_cache_dump(void *context, int fd)
{
    struct service *service = context;
    struct cache_look look;
    const char *error;

    cache_look_read(snapshots_newest(&service->snapshots), &look);
    error = cache_dump_start(service->cache, &look, fd, &service->dump);
    return error ? json_pack("{s:s}", "error", error) : NULL;
}
