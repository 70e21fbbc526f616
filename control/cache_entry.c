/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_entry.c - says what an entry is, how old it is and what it holds.
 *
 * Names are in presentation form, so all that gets out is printable ASCII without blanks in a word.
 * Threads: any, no state.
 * Not here: what is in a message (dns_text.c), who asks (cache_answers.c, cache_dump.c).
 */
#include "cache_entry.h"

#include <inttypes.h>
#include <stdlib.h>

#include "dns_text.h"
#include "machine.h"

enum { FLAGS_BYTES = 32 };
#define S_NS UINT64_C(1000000000)

const char cache_entry_heading[] = "name type kind pool flags state seconds rcode bytes";

void cache_look_read(const struct rd_snapshot *snapshot, struct cache_look *ret_look)
{
    cache_views_read(snapshot, &ret_look->views);
    ret_look->now_ns = machine_now_ns();
    ret_look->stale_ms = rd_snapshot_config(snapshot)->cache_stale;
}

enum cache_state cache_state(const struct rd_cache_record *record, uint64_t now_ns,
                             uint64_t stale_ms, uint64_t *ret_s)
{
    uint64_t age_ns = now_ns > record->stored_ns ? now_ns - record->stored_ns : 0;
    uint64_t life_ns = record->lifetime_s * S_NS;

    if (age_ns < life_ns) {
        *ret_s = record->lifetime_s - age_ns / S_NS;
        return CACHE_FRESH;
    }
    *ret_s = (age_ns - life_ns) / S_NS;
    if (record->kind == RD_CACHE_FAILURE || life_ns == 0 || age_ns - life_ns >= stale_ms * 1000000)
        return CACHE_EXPIRED;
    return CACHE_STALE;
}

static const char *state_text(enum cache_state state)
{
    static const char *const texts[] = {"fresh", "stale", "expired"};

    return texts[state];
}

static const char *kind_text(const struct rd_cache_record *record)
{
    static const char *const texts[] = {"answer", "name", "failure"};

    return record->kind < 3 ? texts[record->kind] : "unknown";
}

static const char *pool_text(const struct rd_cache_record *record, const struct cache_look *look)
{
    int pool = cache_views_find(&look->views, record);

    return pool < 0 ? "-" : look->views.at[pool].pool;
}

/* What the whole name stands for has no type. */
static const char *type_text(const struct rd_cache_record *record, char text[DNS_TYPE_TEXT])
{
    return record->kind == RD_CACHE_NAME ? "*" : dns_type_format(record->type, text);
}

static const char *rcode_text(const struct rd_cache_record *record, char text[DNS_RCODE_TEXT])
{
    if (record->len < RD_DNS_HEADER_BYTES)
        return "-";
    return dns_rcode_format(record->message[3] & RD_DNS_RCODE, text);
}

static const char *flags_text(const struct rd_cache_record *record, char text[FLAGS_BYTES])
{
    char failed[16] = "";

    if (record->kind == RD_CACHE_FAILURE)
        snprintf(failed, sizeof(failed), ",failed=%u", record->level + 1u);
    snprintf(text, FLAGS_BYTES, "%s%s%s%s", record->dnssec_ok ? ",do" : "",
             record->checking_disabled ? ",cd" : "", record->trust_ad ? ",ad" : "", failed);
    return text[0] ? text + 1 : "-";
}

void cache_entry_line(const struct rd_cache_record *record, const struct cache_look *look,
                      FILE *out)
{
    char name[RD_NAME_TEXT_BYTES], type[DNS_TYPE_TEXT], rcode[DNS_RCODE_TEXT], flags[FLAGS_BYTES];
    uint64_t seconds;
    enum cache_state state = cache_state(record, look->now_ns, look->stale_ms, &seconds);

    rd_name_to_text(&record->name, name);
    fprintf(out, "%s %s %s %s %s %s %" PRIu64 " %s %u\n", name, type_text(record, type),
            kind_text(record), pool_text(record, look), flags_text(record, flags),
            state_text(state), seconds, rcode_text(record, rcode), record->len);
}

static json_t *rdata_json(const struct dns_reader *reader, const struct dns_record *record)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    json_t *json = NULL;

    if (!out)
        return NULL;
    dns_rdata_write(reader, record, out);
    if (fclose(out) == 0)
        json = json_string(text);
    free(text);
    return json;
}

static json_t *record_json(const struct dns_reader *reader, const struct dns_record *record,
                           uint64_t age_s)
{
    static const char *const sections[] = {"answer", "authority", "additional"};
    char owner[RD_NAME_TEXT_BYTES], type[DNS_TYPE_TEXT];
    uint32_t ttl = record->ttl > age_s ? record->ttl - (uint32_t)age_s : 0;

    rd_name_to_text(&record->owner, owner);
    return json_pack("{s:s, s:s, s:I, s:s, s:o}", "section", sections[record->section], "name",
                     owner, "ttl", (json_int_t)ttl, "type", dns_type_format(record->type, type),
                     "data", rdata_json(reader, record));
}

static json_t *records_json(const struct rd_cache_record *record, uint64_t now_ns)
{
    uint64_t age_s = now_ns > record->stored_ns ? (now_ns - record->stored_ns) / S_NS : 0;
    json_t *array = json_array();
    struct dns_reader reader;
    struct dns_record one;

    if (record->len == 0)
        return array;
    dns_reader_open(record->message, record->len, &reader);
    while (dns_reader_next(&reader, &one))
        if (one.type != RD_TYPE_OPT)
            json_array_append_new(array, record_json(&reader, &one, age_s));
    return array;
}

json_t *cache_entry_json(const struct rd_cache_record *record, const struct cache_look *look)
{
    char type[DNS_TYPE_TEXT], rcode[DNS_RCODE_TEXT];
    uint64_t seconds;
    enum cache_state state = cache_state(record, look->now_ns, look->stale_ms, &seconds);

    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:b, s:b, s:i, s:i, s:o}", "pool",
                     pool_text(record, look), "type", type_text(record, type), "kind",
                     kind_text(record), "state", state_text(state), "seconds", (json_int_t)seconds,
                     "rcode", rcode_text(record, rcode), "dnssec_ok", (int)record->dnssec_ok,
                     "checking_disabled", (int)record->checking_disabled, "ad",
                     (int)record->trust_ad, "failed",
                     record->kind == RD_CACHE_FAILURE ? (int)record->level + 1 : 0, "bytes",
                     (int)record->len, "records", records_json(record, look->now_ns));
}
