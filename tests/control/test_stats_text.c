/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stats_text.c - counters as JSON and as a table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stats_text.h"

static struct rd_stats first, second;
static const struct rd_stats *const both[] = {&first, &second};

static int setup(void **state)
{
    (void)state;
    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    rd_stat_add(&first.queries_udp, 5);
    rd_stat_add(&second.queries_udp, 7);
    rd_stat_add(&first.answers_noerror, 3);
    rd_stat_add(&second.answers_servfail, 4);
    rd_stat_set(&second.inflight, UINT64_C(1) << 40);
    return 0;
}

static json_int_t number(const json_t *object, const char *field)
{
    const json_t *value = json_object_get(object, field);

    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void test_every_counter_is_in_the_json_in_order(void **state)
{
    static const char *const fields[] = {
#define STAT(field, ...) #field,
#define UPSTREAM_STAT(...)
#include "ringdns/stats.def"
    };
    json_t *object = stats_json(&first);
    const char *field;
    json_t *value;
    size_t i = 0;

    (void)state;
    json_object_foreach(object, field, value) assert_string_equal(field, fields[i++]);
    assert_int_equal(i, sizeof(fields) / sizeof(fields[0]));
    assert_int_equal(number(object, "queries_udp"), 5);
    json_decref(object);
}

static void test_the_total_is_the_sum_over_workers(void **state)
{
    json_t *total = stats_json_total(both, 2);

    (void)state;
    assert_int_equal(number(total, "queries_udp"), 12);
    assert_int_equal(number(total, "answers_noerror"), 3);
    assert_true(number(total, "inflight") == (json_int_t)1 << 40);
    assert_int_equal(number(total, "turns"), 0);
    json_decref(total);
}

static void test_a_family_is_the_sum_over_its_labels(void **state)
{
    (void)state;
    assert_int_equal(stats_family(both, 2, "ringdns_answers_total"), 7);
    assert_int_equal(stats_family(both, 1, "ringdns_answers_total"), 3);
    assert_int_equal(stats_family(both, 2, "no_such_family"), 0);
}

static char *table_of(json_t *document, bool *ret_good)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    *ret_good = stats_table(document, out);
    fclose(out);
    json_decref(document);
    return text;
}

static void test_the_table_has_totals_and_a_column_per_worker(void **state)
{
    json_t *document = json_pack("{s:[{s:i,s:o},{s:i,s:o}],s:o}", "workers", "worker", 0, "stats",
                                 stats_json(&first), "worker", 1, "stats", stats_json(&second),
                                 "total", stats_json_total(both, 2));
    bool good;
    char *text = table_of(document, &good);

    (void)state;
    assert_true(good);
    assert_non_null(strstr(text, "total      worker   0      worker   1\n"));
    assert_non_null(strstr(
        text, "queries_udp                             12               5               7\n"));
    assert_null(strstr(text, "turns"));
    assert_non_null(strstr(text, "counters that are 0 are not shown"));
    free(text);
}

static void test_the_table_refuses_another_document(void **state)
{
    bool good;
    char *text = table_of(json_pack("{s:s}", "workers", "none"), &good);

    (void)state;
    assert_false(good);
    assert_string_equal(text, "");
    free(text);
}

static void read_reference(bool markdown, char **ret_text)
{
    size_t size;
    FILE *out = open_memstream(ret_text, &size);

    assert_non_null(out);
    stats_help(markdown, out);
    fclose(out);
}

static void test_the_reference_explains_every_counter(void **state)
{
    static const char *const names[] = {
#define STAT(field, ...)          "| `" #field "` | `ringdns_",
#define UPSTREAM_STAT(field, ...) "| `" #field "` | `ringdns_upstream_server_",
#include "ringdns/stats.def"
    };
    char *text;

    (void)state;
    read_reference(true, &text);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_non_null(strstr(text, names[i]));
    assert_null(strstr(text, "|  |")); /* no line without a meaning */
    free(text);
}

static void test_the_upstreams_have_a_section_of_their_own(void **state)
{
    char *markdown, *text, *section;

    (void)state;
    read_reference(true, &markdown);
    read_reference(false, &text);
    section = strstr(markdown, "\n\n## Of each upstream\n\n");
    assert_non_null(section);
    assert_non_null(strstr(section, "\n\n| field | name |"));
    assert_non_null(strstr(section, "| `sent_tcp` | `ringdns_upstream_server_queries_total{"));
    assert_non_null(
        strstr(section, "| `rtt` | `ringdns_upstream_server_rtt_seconds` | histogram |"));
    assert_null(strstr(section, "`queries_udp`"));
    section = strstr(text, "\n\nOf each upstream (ringdnsctl upstreams --json):\n\nsent\n    ");
    assert_non_null(section);
    assert_non_null(strstr(section, "\nrtt\n    ringdns_upstream_server_rtt_seconds, histogram"));
    free(markdown);
    free(text);
}

static void test_an_upstreams_counters_are_summed_in_order(void **state)
{
    static const char *const fields[] = {
#define STAT(...)
#define UPSTREAM_STAT(field, ...) #field,
#include "ringdns/stats.def"
    };
    static struct rd_upstream_stats one, two;
    static const struct rd_upstream_stats *const upstreams[] = {&one, &two};
    const char *field;
    json_t *object, *value;
    size_t i = 0;

    (void)state;
    rd_stat_add(&one.sent, 5);
    rd_stat_add(&two.sent, 6);
    rd_stat_set(&two.links, 2);
    object = stats_json_upstream(upstreams, 2);
    json_object_foreach(object, field, value) assert_string_equal(field, fields[i++]);
    assert_int_equal(i, sizeof(fields) / sizeof(fields[0]));
    assert_int_equal(number(object, "sent"), 11);
    assert_int_equal(number(object, "links"), 2);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_counter_is_in_the_json_in_order, setup),
        cmocka_unit_test_setup(test_the_total_is_the_sum_over_workers, setup),
        cmocka_unit_test_setup(test_a_family_is_the_sum_over_its_labels, setup),
        cmocka_unit_test_setup(test_the_table_has_totals_and_a_column_per_worker, setup),
        cmocka_unit_test_setup(test_the_table_refuses_another_document, setup),
        cmocka_unit_test_setup(test_the_reference_explains_every_counter, setup),
        cmocka_unit_test_setup(test_the_upstreams_have_a_section_of_their_own, setup),
        cmocka_unit_test_setup(test_an_upstreams_counters_are_summed_in_order, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
