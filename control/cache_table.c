/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_table.c - shows what the running server says of its cache.
 *
 * It is made from the JSON document alone, which may be a newer server's: what is missing is left
 * out, numbers are shown by the names they come with. All text is escaped, as it may come from
 * anybody's socket.
 * Threads: any, no state.
 * Not here: the documents (cache_answers.c, cache_entry.c).
 */
#include "cache_table.h"

#include <string.h>

#include "escape.h"

enum { PIECE = 64 };

static void put(const char *text, FILE *out)
{
    char shown[4 * PIECE + 8];

    for (size_t len = text ? strlen(text) : 0; len > 0;) {
        size_t piece = len < PIECE ? len : PIECE;

        fputs(escape_text(text, piece, shown, sizeof(shown)), out);
        text += piece;
        len -= piece;
    }
}

/* The member FIELD of OBJECT, a text, with AFTER behind it; nothing where it is none. */
static void put_member(const json_t *object, const char *field, const char *after, FILE *out)
{
    const char *text = json_string_value(json_object_get(object, field));

    if (!text)
        return;
    put(text, out);
    fputs(after, out);
}

static json_int_t number(const json_t *object, const char *field)
{
    return json_integer_value(json_object_get(object, field));
}

/* One line: a name and a single value, of whatever type. */
static void value_line(const char *field, const json_t *value, FILE *out)
{
    char name[48];

    fprintf(out, "%-26s ", escape_text(field, strlen(field), name, sizeof(name)));
    if (json_is_integer(value))
        fprintf(out, "%15" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        fprintf(out, "%15.4f", json_real_value(value));
    else if (json_is_string(value))
        put(json_string_value(value), out);
    else
        fprintf(out, "%15s", "-");
    fputc('\n', out);
}

bool cache_stats_table(const json_t *document, FILE *out)
{
    json_t *counters = json_object_get(document, "counters"), *value;
    unsigned zeros = 0;
    const char *field;

    if (!json_is_object(counters))
        return false;
    json_object_foreach((json_t *)document, field, value) if (value != counters)
        value_line(field, value, out);
    json_object_foreach(counters, field, value)
    {
        if (json_integer_value(value) == 0)
            zeros++;
        else
            value_line(field, value, out);
    }
    if (zeros > 0)
        fprintf(out, "(%u counters that are 0 are not shown; --json shows all)\n", zeros);
    return true;
}

static void put_flags(const json_t *entry, FILE *out)
{
    static const struct {
        const char *field, *text;
    } flags[] = {{"dnssec_ok", ", DO"}, {"checking_disabled", ", CD"}, {"ad", ", AD"}};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (json_is_true(json_object_get(entry, flags[i].field)))
            fputs(flags[i].text, out);
    if (number(entry, "failed") > 0)
        fprintf(out, ", failed %" JSON_INTEGER_FORMAT " in a row", number(entry, "failed"));
}

static void put_entry(const json_t *entry, FILE *out)
{
    const char *state = json_string_value(json_object_get(entry, "state"));
    json_t *record;
    size_t i;

    put_member(entry, "type", " ", out);
    put_member(entry, "kind", ", pool ", out);
    put_member(entry, "pool", ": ", out);
    put_member(entry, "state", ", ", out);
    fprintf(out, "%" JSON_INTEGER_FORMAT " s %s, ", number(entry, "seconds"),
            state && strcmp(state, "fresh") == 0 ? "left" : "past its end");
    put_member(entry, "rcode", ", ", out);
    fprintf(out, "%" JSON_INTEGER_FORMAT " bytes", number(entry, "bytes"));
    put_flags(entry, out);
    fputc('\n', out);
    json_array_foreach(json_object_get(entry, "records"), i, record)
    {
        fputs("    ", out);
        put_member(record, "section", ": ", out);
        put_member(record, "name", " ", out);
        fprintf(out, "%" JSON_INTEGER_FORMAT " ", number(record, "ttl"));
        put_member(record, "type", " ", out);
        put_member(record, "data", "\n", out);
    }
}

bool cache_lookup_table(const json_t *document, FILE *out)
{
    json_t *entries = json_object_get(document, "entries"), *entry;
    size_t i;

    if (!json_is_array(entries))
        return false;
    if (json_array_size(entries) == 0) {
        fputs("nothing is known of ", out);
        put_member(document, "name", "\n", out);
    }
    json_array_foreach(entries, i, entry) put_entry(entry, out);
    if (number(document, "omitted") > 0)
        fprintf(out, "and %" JSON_INTEGER_FORMAT " more\n", number(document, "omitted"));
    return true;
}

bool cache_flush_table(const json_t *document, FILE *out)
{
    json_int_t n = number(document, "entries");

    if (!json_is_integer(json_object_get(document, "entries")))
        return false;
    fprintf(out, "%" JSON_INTEGER_FORMAT " %s removed: ", n, n == 1 ? "entry" : "entries");
    put_member(document, "name",
               json_is_true(json_object_get(document, "suffix")) ? " and all below it\n" : "\n",
               out);
    return true;
}

bool cache_flush_all_table(const json_t *document, FILE *out)
{
    if (!json_is_true(json_object_get(document, "flushed")))
        return false;
    fputs("the cache is empty: nothing that was asked before now is answered from it\n", out);
    return true;
}
