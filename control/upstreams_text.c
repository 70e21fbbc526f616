/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upstreams_text.c - a table whose columns are as wide as what stands in them.
 *
 * It is made from the JSON document alone: ringdnsctl shows what the running server says, of an
 * older or newer version too; what is missing there is a "-" here. All text is escaped, as it may
 * come from anybody's socket.
 * Threads: any, no state.
 * Not here: the document (upstreams.c).
 */
#include "upstreams_text.h"

#include <inttypes.h>
#include <string.h>

#include "escape.h"
#include "ringdns/stats.h"

/* Text is cut so that the first of two lines holds the longest of each. */
enum { LINE = 120, POOL_BYTES = 25, ADDRESS_BYTES = 71, STATE_BYTES = 12, AGE_BYTES = 24 };
enum { CELL_BYTES = 80, MARK = 2, INDENT = 4 };
#define MOST_AGE_S (99999ll * 86400)

struct column {
    const char *heading, *field;
    void (*write)(const json_t *upstream, const char *field, char cell[CELL_BYTES]);
    bool text;     /* flush left; a long line breaks after the last one of these */
    bool optional; /* left out where the counter is 0 everywhere */
};

/* Up to four characters: 0, 999, 1.0k, 12k, 999k, 1.0M, ... */
static void write_count(uint64_t value, char cell[CELL_BYTES])
{
    static const char units[] = "kMGTPE";
    uint64_t whole = value, tenths = 0;
    unsigned unit = 0;

    for (; whole >= 1000; unit++) {
        tenths = whole % 1000 / 100;
        whole /= 1000;
    }
    if (unit == 0)
        snprintf(cell, CELL_BYTES, "%" PRIu64, whole);
    else if (whole < 10)
        snprintf(cell, CELL_BYTES, "%" PRIu64 ".%" PRIu64 "%c", whole, tenths, units[unit - 1]);
    else
        snprintf(cell, CELL_BYTES, "%" PRIu64 "%c", whole, units[unit - 1]);
}

/* Up to five characters: 128us, 1.0ms, 16ms, 524ms, 4.2s. */
static void write_time(json_int_t us, char cell[CELL_BYTES])
{
    bool seconds = us >= 1000000;
    double value = (double)us / (seconds ? 1e6 : 1e3);

    if (us < 1000)
        snprintf(cell, CELL_BYTES, "%" JSON_INTEGER_FORMAT "us", us);
    else
        snprintf(cell, CELL_BYTES, "%.*f%s", value < 10 ? 1 : 0, value, seconds ? "s" : "ms");
}

/* Whole units, rounded down, in up to six characters: 0s, 59s, 59m, 23h, 365d. */
static void write_age(json_int_t age_s, char text[AGE_BYTES])
{
    const json_int_t s = age_s < MOST_AGE_S ? age_s : MOST_AGE_S;
    static const struct {
        json_int_t s;
        char name;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    unsigned i = 0;

    while (i < 3 && s < units[i].s)
        i++;
    snprintf(text, AGE_BYTES, "%" JSON_INTEGER_FORMAT "%c", s / units[i].s, units[i].name);
}

static void escaped(const json_t *upstream, const char *field, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(upstream, field));

    value = value ? value : "-";
    escape_text(value, strlen(value), text, size);
}

static void pool_cell(const json_t *upstream, const char *field, char cell[CELL_BYTES])
{
    escaped(upstream, field, cell, POOL_BYTES);
}

static void address_cell(const json_t *upstream, const char *field, char cell[CELL_BYTES])
{
    escaped(upstream, field, cell, ADDRESS_BYTES);
}

static void state_cell(const json_t *upstream, const char *field, char cell[CELL_BYTES])
{
    const json_t *age = json_object_get(upstream, "for_s");
    char state[STATE_BYTES], text[AGE_BYTES] = "";

    escaped(upstream, field, state, sizeof(state));
    if (json_is_integer(age) && json_integer_value(age) >= 0)
        write_age(json_integer_value(age), text);
    snprintf(cell, CELL_BYTES, "%s%s%s", state, *text ? " " : "", text);
}

/* False: there is none, so that a "-" takes its place. */
static bool counter(const json_t *upstream, const char *field, uint64_t *ret_value)
{
    const json_t *value = json_object_get(json_object_get(upstream, "counters"), field);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret_value = (uint64_t)json_integer_value(value);
    return true;
}

static void counter_cell(const json_t *upstream, const char *field, char cell[CELL_BYTES])
{
    uint64_t value;

    if (counter(upstream, field, &value))
        write_count(value, cell);
    else
        snprintf(cell, CELL_BYTES, "-");
}

/* By UDP and by TCP. */
static void queries_cell(const json_t *upstream, const char *field, char cell[CELL_BYTES])
{
    uint64_t udp, tcp = 0;

    counter(upstream, "sent_tcp", &tcp);
    if (counter(upstream, field, &udp))
        write_count(udp + tcp, cell);
    else
        snprintf(cell, CELL_BYTES, "-");
}

static void outstanding_cell(const json_t *upstream, const char *field, char cell[CELL_BYTES])
{
    char outstanding[CELL_BYTES], cap[CELL_BYTES];

    counter_cell(upstream, field, outstanding);
    counter_cell(upstream, "cap", cap);
    snprintf(cell, CELL_BYTES, "%.8s/%.8s", outstanding, cap);
}

static void rtt_cell(const json_t *upstream, const char *field, char cell[CELL_BYTES])
{
    const json_t *rtt = json_object_get(upstream, "rtt"), *bound = json_object_get(rtt, field);
    char bound_text[CELL_BYTES];

    if (json_is_integer(bound) && json_integer_value(bound) >= 0) {
        write_time(json_integer_value(bound), cell);
    } else if (json_integer_value(json_object_get(rtt, "count")) > 0) {
        write_time((json_int_t)RD_RTT_BOUND_US(RD_RTT_BUCKETS - 2), bound_text);
        snprintf(cell, CELL_BYTES, ">%.8s", bound_text);
    } else {
        snprintf(cell, CELL_BYTES, "-");
    }
}

/* clang-format off */
static const struct column columns[] = {
    {"pool",    "pool",        pool_cell,        true,  false},
    {"address", "address",     address_cell,     true,  false},
    {"state",   "state",       state_cell,       true,  false},
    {"queries", "sent",        queries_cell,     false, false},
    {"NOERR",   "noerror",     counter_cell,     false, true},
    {"NXDOM",   "nxdomain",    counter_cell,     false, true},
    {"SERVF",   "servfail",    counter_cell,     false, true},
    {"REFUS",   "refused",     counter_cell,     false, true},
    {"FORME",   "formerr",     counter_cell,     false, true},
    {"NOTIM",   "notimp",      counter_cell,     false, true},
    {"other",   "other",       counter_cell,     false, true},
    {"t-out",   "timeouts",    counter_cell,     false, false},
    {"retry",   "retries",     counter_cell,     false, false},
    {"out/cap", "outstanding", outstanding_cell, false, false},
    {"links",   "links",       counter_cell,     false, false},
    {"median",  "median_us",   rtt_cell,         false, false},
    {"p95",     "p95_us",      rtt_cell,         false, false},
    {"p99",     "p99_us",      rtt_cell,         false, false},
};
/* clang-format on */

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct layout {
    int width[COLUMNS]; /* 0: left out */
    bool broken;        /* each upstream has two lines */
};

static bool is_wanted(const struct column *column, const json_t *upstreams)
{
    const json_t *upstream;
    uint64_t value;
    size_t i;

    json_array_foreach(upstreams, i, upstream) if (counter(upstream, column->field, &value) &&
                                                   value > 0) return true;
    return !column->optional;
}

static void lay_out(const json_t *upstreams, struct layout *ret_layout)
{
    char cell[CELL_BYTES];
    const json_t *upstream;
    int line = MARK;
    size_t k;

    *ret_layout = (struct layout){0};
    for (unsigned i = 0; i < COLUMNS; i++) {
        int *width = &ret_layout->width[i];

        if (!is_wanted(&columns[i], upstreams))
            continue;
        *width = (int)strlen(columns[i].heading);
        json_array_foreach(upstreams, k, upstream)
        {
            columns[i].write(upstream, columns[i].field, cell);
            *width = (int)strlen(cell) > *width ? (int)strlen(cell) : *width;
        }
        line += *width + (i > 0);
    }
    ret_layout->broken = line > LINE;
}

/* UPSTREAM NULL: the headings. */
static void write_row(const struct layout *layout, const json_t *upstream, FILE *out)
{
    char cell[CELL_BYTES];
    int gap = 1; /* blanks due before the next cell */

    fputc(upstream && !upstreams_is_up(upstream) ? '!' : ' ', out);
    for (unsigned i = 0; i < COLUMNS; i++) {
        const struct column *column = &columns[i];

        if (layout->width[i] == 0)
            continue;
        if (upstream)
            column->write(upstream, column->field, cell);
        else
            snprintf(cell, sizeof(cell), "%s", column->heading);
        if (layout->broken && !column->text && columns[i - 1].text) {
            fputc('\n', out);
            gap = INDENT;
        }
        if (!column->text)
            gap += layout->width[i] - (int)strlen(cell);
        fprintf(out, "%*s%s", gap, "", cell);
        gap = column->text ? layout->width[i] - (int)strlen(cell) + 1 : 1;
    }
    fputc('\n', out);
}

bool upstreams_table(const json_t *document, FILE *out)
{
    const json_t *upstreams = json_object_get(document, "upstreams"), *upstream;
    struct layout layout;
    size_t i;

    if (!json_is_array(upstreams))
        return false;
    lay_out(upstreams, &layout);
    write_row(&layout, NULL, out);
    json_array_foreach(upstreams, i, upstream) write_row(&layout, upstream, out);
    fputs(
        "(!: not up; out/cap: not yet answered, and the most that may be; median, p95, p99: upper "
        "bounds; --json shows all)\n",
        out);
    return true;
}

bool upstreams_is_up(const json_t *upstream)
{
    const char *state = json_string_value(json_object_get(upstream, "state"));

    return state && strcmp(state, "up") == 0;
}

const char *upstreams_line(const json_t *upstream, char buffer[UPSTREAMS_LINE_BYTES])
{
    char pool[CELL_BYTES], address[CELL_BYTES], state[CELL_BYTES];

    pool_cell(upstream, "pool", pool);
    address_cell(upstream, "address", address);
    state_cell(upstream, "state", state);
    snprintf(buffer, UPSTREAMS_LINE_BYTES, "%.24s %.70s: %.20s", pool, address, state);
    return buffer;
}
