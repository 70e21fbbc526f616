/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_upstreams_text.c - the table of upstreams: what a person reads of the document.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"
#include "upstreams.h"
#include "upstreams_text.h"

enum { COLUMNS_MAX = 120 };

/* One upstream with the given state, age, counters and round-trip times. */
static json_t *entry(const char *state, json_int_t for_s, const char *counters, const char *rtt)
{
    json_t *upstream = json_pack("{s:s, s:s, s:s, s:o, s:o}", "pool", "default", "address",
                                 "192.0.2.1:53", "state", state, "counters",
                                 json_loads(counters, 0, NULL), "rtt", json_loads(rtt, 0, NULL));

    assert_non_null(upstream);
    json_object_set_new(upstream, "for_s", for_s < 0 ? json_null() : json_integer(for_s));
    return upstream;
}

static char *table_of(json_t *document, bool *ret_good)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    *ret_good = upstreams_table(document, out);
    fclose(out);
    json_decref(document);
    return text;
}

/* The table of UPSTREAM alone: the headings, the line, the note. */
static char *table_of_one(json_t *upstream)
{
    bool good;
    char *text = table_of(json_pack("{s:[o]}", "upstreams", upstream), &good);

    assert_true(good);
    return text;
}

static void assert_holds(json_t *upstream, const char *expected)
{
    char *text = table_of_one(upstream);

    if (!strstr(text, expected))
        fail_msg("no \"%s\" in:\n%s", expected, text);
    free(text);
}

static unsigned lines_within(const char *text, size_t most)
{
    unsigned lines = 0;

    while (*text) {
        size_t len = strcspn(text, "\n");

        if (len > most)
            fail_msg("%zu columns: %.*s", len, (int)len, text);
        assert_true(len == 0 || text[len - 1] != ' ');
        text += len + 1;
        lines++;
    }
    return lines;
}

static void test_the_table_is_readable(void **state)
{
    (void)state;
    assert_holds(entry("up", 3 * 3600,
                       "{\"sent\": 1234567, \"sent_tcp\": 12, \"retries\": 3,"
                       "\"timeouts\": 45, \"noerror\": 1000, \"nxdomain\": 999, \"servfail\": 0,"
                       "\"outstanding\": 7, \"cap\": 65536, \"links\": 1}",
                       "{\"count\": 9, \"median_us\": 512, \"p95_us\": 16384, \"p99_us\": null}"),
                 "  pool    address      state queries NOERR NXDOM t-out retry out/cap links "
                 "median  p95   p99\n"
                 "  default 192.0.2.1:53 up 3h    1.2M  1.0k   999    45     3   7/65k     1  "
                 "512us 16ms >4.2s\n");
}

static void test_only_those_that_are_not_up_are_marked(void **state)
{
    static const char *const others[] = {"degraded", "suspect", "down", "looping", "asleep"};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_holds(entry(others[i], 12, "{}", "{}"), "\n! default ");
    assert_holds(entry("up", 12, "{}", "{}"), "\n  default ");
}

static void test_ages_are_whole_units(void **state)
{
    static const struct {
        json_int_t s;
        const char *text;
    } ages[] = {{-1, " down  "},
                {0, " down 0s "},
                {59, " down 59s "},
                {60, " down 1m "},
                {3599, " down 59m "},
                {3600, " down 1h "},
                {86399, " down 23h "},
                {86400, " down 1d "},
                {400 * 86400, " down 400d "},
                {INT64_MAX, " down 99999d "}};

    (void)state;
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
        assert_holds(entry("down", ages[i].s, "{}", "{}"), ages[i].text);
}

static void test_counts_have_four_characters_at_most(void **state)
{
    static const struct {
        json_int_t n;
        const char *text;
    } counts[] = {{0, "    0 "},        {999, "  999 "},     {1000, " 1.0k "},
                  {1099, " 1.0k "},     {9999, " 9.9k "},    {10000, "  10k "},
                  {999999, " 999k "},   {1000000, " 1.0M "}, {1234567890, " 1.2G "},
                  {INT64_MAX, " 9.2E "}};
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        snprintf(text, sizeof(text), "{\"retries\": %" JSON_INTEGER_FORMAT "}", counts[i].n);
        assert_holds(entry("up", -1, text, "{}"), counts[i].text);
    }
}

static void test_times_are_bounds(void **state)
{
    static const char *const bounds[] = {"128us", "256us", "512us", "1.0ms", "2.0ms", "4.1ms",
                                         "8.2ms", "16ms",  "33ms",  "66ms",  "131ms", "262ms",
                                         "524ms", "1.0s",  "2.1s",  "4.2s"};
    char text[64];

    (void)state;
    assert_int_equal(sizeof(bounds) / sizeof(bounds[0]), RD_RTT_BUCKETS - 1);
    for (unsigned i = 0; i < RD_RTT_BUCKETS - 1; i++) {
        snprintf(text, sizeof(text), "{\"count\": 1, \"p99_us\": %llu}", RD_RTT_BOUND_US(i));
        assert_holds(entry("up", -1, "{}", text), bounds[i]);
    }
}

static void test_where_nothing_was_measured_there_is_no_time(void **state)
{
    (void)state;
    assert_holds(entry("up", -1, "{}",
                       "{\"count\": 0, \"median_us\": null, \"p95_us\": null, \"p99_us\": null}"),
                 "      -   -   -\n");
}

static void test_rcodes_that_nobody_answered_are_left_out(void **state)
{
    char *text = table_of_one(entry("up", -1, "{\"refused\": 1, \"noerror\": 0}", "{}"));

    (void)state;
    assert_non_null(strstr(text, " REFUS "));
    assert_null(strstr(text, " NOERR "));
    assert_non_null(strstr(text, " t-out "));
    free(text);
}

static void test_what_an_older_server_does_not_tell_is_a_dash(void **state)
{
    (void)state;
    assert_holds(json_object(), "\n! -    -       -           -     -     -     -/-     -");
}

static void test_nothing_in_it_reaches_the_terminal_raw(void **state)
{
    json_t *upstream = entry("\x1b[2J", 1, "{}", "{}");
    char line[UPSTREAMS_LINE_BYTES];
    char *text;

    (void)state;
    json_object_set_new(upstream, "pool", json_string("a\nb\x1b[31m\xc3\xa9"));
    json_object_set_new(upstream, "address", json_string("\r192.0.2.1:53"));
    upstreams_line(upstream, line);
    assert_null(strpbrk(line, "\x1b\r\n"));
    text = table_of_one(upstream);
    assert_non_null(strstr(text, "a\\x0ab\\x1b[31m\\xc3\\xa9"));
    assert_null(strpbrk(text, "\x1b\r\xc3"));
    assert_int_equal(lines_within(text, COLUMNS_MAX), 3);
    free(text);
}

/* Everything that can be long is. */
static json_t *longest(unsigned i)
{
    json_t *upstream = entry("degraded", 99999ll * 86400, "{}", "{\"count\": 1}");
    json_t *counters = json_object_get(upstream, "counters");
    char pool[80], address[ADDRESS_TEXT_BYTES];

#define STAT(...)
#define UPSTREAM_STAT(field, ...) json_object_set_new(counters, #field, json_integer(999999));
#include "ringdns/stats.def"
    snprintf(pool, sizeof(pool), "%u-%s", i % 16,
             "a-name-of-sixty-four-characters-as-an-operator-is-free-to-choose-it");
    snprintf(address, sizeof(address),
             "[fe80:1111:2222:3333:4444:5555:6666:%04x%%longinterface00]"
             ":65535",
             i);
    json_object_set_new(upstream, "pool", json_string(pool));
    json_object_set_new(upstream, "address", json_string(address));
    return upstream;
}

static void test_64_long_ones_have_two_lines_each(void **state)
{
    json_t *document = json_pack("{s:[]}", "upstreams");
    char line[UPSTREAMS_LINE_BYTES];
    bool good;
    char *text;

    (void)state;
    for (unsigned i = 0; i < RD_MAX_UPSTREAMS; i++)
        json_array_append_new(json_object_get(document, "upstreams"), longest(i));
    upstreams_line(json_array_get(json_object_get(document, "upstreams"), 15), line);
    assert_string_equal(line, "15-a-name-of-sixty-fo... [fe80:1111:2222:3333:4444:5555:6666:000f"
                              "%longinterface00]:65535: degraded 99999d");
    text = table_of(document, &good);
    assert_true(good);
    assert_int_equal(lines_within(text, COLUMNS_MAX), 2 + 2 * RD_MAX_UPSTREAMS + 1);
    assert_non_null(
        strstr(text, ":003f%longinterface00]:65535 degraded 99999d\n       1.9M  999k"));
    free(text);
}

static void test_usual_ones_have_one_line_each(void **state)
{
    json_t *upstream = longest(0);
    char *text;

    (void)state;
    json_object_set_new(upstream, "pool", json_string("default"));
    json_object_set_new(upstream, "address", json_string("192.0.2.1:53"));
    json_object_del(json_object_get(upstream, "counters"), "formerr");
    json_object_del(json_object_get(upstream, "counters"), "notimp");
    json_object_del(json_object_get(upstream, "counters"), "other");
    text = table_of_one(upstream);
    assert_int_equal(lines_within(text, COLUMNS_MAX), 3);
    free(text);
}

static void test_the_document_and_the_table_fit_together(void **state)
{
    static struct rd_upstream_stats stats;
    static const struct rd_upstream_stats *const all[] = {&stats};
    static struct rd_pool_config pool = {.name = "corp"};
    struct rd_server_config server = {.weight = 1};
    struct upstream upstream = {&pool, &server, {.state = RD_SERVER_DOWN, .since_ns = 1}, all, 1};
    json_t *object;
    char line[UPSTREAMS_LINE_BYTES];

    (void)state;
    assert_null(address_parse("2001:db8::1", 53, &server.address));
    rd_stat_add(&stats.sent, 2);
    rd_stat_add(&stats.sent_tcp, 1);
    rd_stat_add(&stats.rtt[0], 1);
    object = upstream_json(&upstream, &(struct upstreams_clock){.boot_ns = 12000000001});
    assert_non_null(object);
    assert_false(upstreams_is_up(object));
    assert_string_equal(upstreams_line(object, line), "corp [2001:db8::1]:53: down 12s");
    assert_holds(object, "! corp [2001:db8::1]:53 down 12s       3     0     0     0/0     0  "
                         "128us 128us 128us\n");
}

static void test_the_table_refuses_another_document(void **state)
{
    bool good;
    char *text = table_of(json_pack("{s:{}}", "upstreams"), &good);

    (void)state;
    assert_false(good);
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_readable),
        cmocka_unit_test(test_only_those_that_are_not_up_are_marked),
        cmocka_unit_test(test_ages_are_whole_units),
        cmocka_unit_test(test_counts_have_four_characters_at_most),
        cmocka_unit_test(test_times_are_bounds),
        cmocka_unit_test(test_where_nothing_was_measured_there_is_no_time),
        cmocka_unit_test(test_rcodes_that_nobody_answered_are_left_out),
        cmocka_unit_test(test_what_an_older_server_does_not_tell_is_a_dash),
        cmocka_unit_test(test_nothing_in_it_reaches_the_terminal_raw),
        cmocka_unit_test(test_64_long_ones_have_two_lines_each),
        cmocka_unit_test(test_usual_ones_have_one_line_each),
        cmocka_unit_test(test_the_document_and_the_table_fit_together),
        cmocka_unit_test(test_the_table_refuses_another_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
