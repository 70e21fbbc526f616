/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_upstreams.c - an upstream as JSON: where it stands, since when, how fast it answers.
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

#define S 1000000000ull

/* 2026-11-21T09:00:30.5Z, an hour after the machine started. */
static const struct upstreams_clock now = {.boot_ns = 3600 * S, .wall_ns = 1795251630500000000};
static struct rd_upstream_stats workers[2];
static const struct rd_upstream_stats *const stats[] = {&workers[0], &workers[1]};
static struct rd_pool_config pool;
static struct rd_server_config server;
static struct upstream upstream;

static int setup(void **state)
{
    (void)state;
    memset(workers, 0, sizeof(workers));
    memset(&pool, 0, sizeof(pool));
    snprintf(pool.name, sizeof(pool.name), "default");
    server = (struct rd_server_config){.weight = 1};
    assert_null(address_parse("192.0.2.1", 53, &server.address));
    upstream = (struct upstream){.pool = &pool, .server = &server, .stats = stats, .n_stats = 2};
    return 0;
}

/* PATH of the upstream's document, at most two keys. */
static json_t *get(const char *key, const char *inner)
{
    json_t *document = upstream_json(&upstream, &now), *value;

    assert_non_null(document);
    value = json_object_get(document, key);
    if (inner)
        value = json_object_get(value, inner);
    assert_non_null(value);
    json_incref(value);
    json_decref(document);
    return value;
}

static void assert_text(const char *key, const char *expected)
{
    json_t *value = get(key, NULL);

    if (expected)
        assert_string_equal(json_string_value(value), expected);
    else
        assert_true(json_is_null(value));
    json_decref(value);
}

/* EXPECTED -1: null. */
static void assert_number(const char *key, const char *inner, json_int_t expected)
{
    json_t *value = get(key, inner);

    assert_true(expected < 0 ? json_is_null(value) : json_is_integer(value));
    if (expected >= 0)
        assert_int_equal(json_integer_value(value), expected);
    json_decref(value);
}

static void test_the_document_is_as_documented(void **state)
{
    static const char *const keys[] = {"pool",  "policy", "address", "source",   "weight", "tier",
                                       "state", "since",  "for_s",   "counters", "rtt"};
    json_t *document = upstream_json(&upstream, &now), *value;
    const char *key;
    size_t i = 0;

    (void)state;
    json_object_foreach(document, key, value) assert_string_equal(key, keys[i++]);
    assert_int_equal(i, sizeof(keys) / sizeof(keys[0]));
    json_decref(document);
}

static void test_place_and_policy_are_the_configurations(void **state)
{
    static const char *const names[] = {
        [RD_POLICY_FASTEST] = "fastest",
        [RD_POLICY_ORDERED] = "ordered",
        [RD_POLICY_SPREAD] = "spread",
        [RD_POLICY_HASH] = "hash",
    };

    (void)state;
    server.weight = RD_MAX_WEIGHT;
    server.tier = RD_MAX_TIER;
    assert_text("pool", "default");
    assert_text("address", "192.0.2.1:53");
    assert_number("weight", NULL, RD_MAX_WEIGHT);
    assert_number("tier", NULL, RD_MAX_TIER);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        pool.policy = (enum rd_policy)i;
        assert_text("policy", names[i]);
    }
}

static void test_a_name_that_is_no_utf_8_is_escaped(void **state)
{
    (void)state;
    snprintf(pool.name, sizeof(pool.name), "a\xff\n\"b");
    assert_text("pool", "a\\xff\\x0a\"b");
    memset(pool.name, '\xff', RD_TEXT_BYTES);
    pool.name[RD_TEXT_BYTES] = '\0';
    json_decref(get("pool", NULL));
}

static void test_the_source_has_no_port(void **state)
{
    (void)state;
    assert_text("source", NULL);
    assert_null(address_parse("10.0.0.7", 0, &upstream.info.source));
    assert_text("source", "10.0.0.7");
    assert_null(address_parse("2001:db8::7", 0, &upstream.info.source));
    assert_text("source", "2001:db8::7");
    assert_null(address_parse("fe80::7%lo", 0, &upstream.info.source));
    assert_text("source", "fe80::7%lo");
}

static void test_every_state_has_its_name(void **state)
{
    static const char *const names[] = {
        [RD_SERVER_UP] = "up",           [RD_SERVER_DEGRADED] = "degraded",
        [RD_SERVER_SUSPECT] = "suspect", [RD_SERVER_DOWN] = "down",
        [RD_SERVER_LOOPING] = "looping",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        upstream.info.state = (enum rd_server_state)i;
        assert_text("state", names[i]);
    }
}

static void test_a_boot_time_becomes_a_wall_clock_time(void **state)
{
    (void)state;
    upstream.info.since_ns = (3600 - 30) * S;
    assert_text("since", "2026-11-21T09:00:00Z");
    assert_number("for_s", NULL, 30);
    upstream.info.since_ns = 1; /* at boot; the half second is rounded down */
    assert_text("since", "2026-11-21T08:00:30Z");
    assert_number("for_s", NULL, 3599);
}

static void test_the_first_state_has_no_since(void **state)
{
    (void)state;
    assert_text("since", NULL);
    assert_number("for_s", NULL, -1);
}

static void test_a_state_that_began_after_the_clock_was_read_is_new(void **state)
{
    (void)state;
    upstream.info.since_ns = now.boot_ns + 1000;
    assert_text("since", "2026-11-21T09:00:30Z");
    assert_number("for_s", NULL, 0);
}

static void test_a_wall_clock_that_was_never_set_tells_the_age_only(void **state)
{
    const struct upstreams_clock unset = {.boot_ns = 3600 * S, .wall_ns = 60 * (int64_t)S};
    json_t *document;

    (void)state;
    upstream.info.since_ns = 10 * S;
    document = upstream_json(&upstream, &unset);
    assert_true(json_is_null(json_object_get(document, "since")));
    assert_int_equal(json_integer_value(json_object_get(document, "for_s")), 3590);
    json_decref(document);
}

static void test_counters_are_summed_over_the_workers(void **state)
{
    static const char *const fields[] = {
#define STAT(...)
#define UPSTREAM_STAT(field, ...) #field,
#include "ringdns/stats.def"
    };
    json_t *counters;

    (void)state;
    rd_stat_add(&workers[0].sent, 3);
    rd_stat_add(&workers[1].sent, 4);
    rd_stat_set(&workers[1].cap, UINT64_C(1) << 40);
    counters = get("counters", NULL);
    assert_int_equal(json_object_size(counters), sizeof(fields) / sizeof(fields[0]));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        assert_true(json_is_integer(json_object_get(counters, fields[i])));
    json_decref(counters);
    assert_number("counters", "sent", 7);
    assert_number("counters", "cap", (json_int_t)1 << 40);
    assert_number("counters", "timeouts", 0);
}

static void test_an_empty_histogram_has_no_percentiles(void **state)
{
    (void)state;
    assert_number("rtt", "count", 0);
    assert_number("rtt", "mean_us", -1);
    assert_number("rtt", "median_us", -1);
    assert_number("rtt", "p95_us", -1);
    assert_number("rtt", "p99_us", -1);
}

static void test_the_buckets_are_bounds_and_counts(void **state)
{
    json_t *buckets, *last;

    (void)state;
    rd_stat_add(&workers[0].rtt[0], 2);
    rd_stat_add(&workers[1].rtt[0], 3);
    rd_stat_add(&workers[1].rtt[RD_RTT_BUCKETS - 1], 1);
    buckets = get("rtt", "buckets");
    assert_int_equal(json_array_size(buckets), RD_RTT_BUCKETS);
    for (unsigned i = 0; i < RD_RTT_BUCKETS - 1; i++)
        assert_int_equal(json_integer_value(json_array_get(json_array_get(buckets, i), 0)),
                         RD_RTT_BOUND_US(i));
    last = json_array_get(buckets, RD_RTT_BUCKETS - 1);
    assert_true(json_is_null(json_array_get(last, 0)));
    assert_int_equal(json_integer_value(json_array_get(last, 1)), 1);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(buckets, 0), 1)), 5);
    json_decref(buckets);
    assert_number("rtt", "count", 6);
}

static void test_one_time_is_all_percentiles(void **state)
{
    (void)state;
    rd_stat_add(&workers[0].rtt[4], 1);
    rd_stat_add(&workers[0].rtt_sum_us, 1900);
    assert_number("rtt", "mean_us", 1900);
    assert_number("rtt", "median_us", 2048);
    assert_number("rtt", "p95_us", 2048);
    assert_number("rtt", "p99_us", 2048);
}

static void test_a_percentile_is_where_its_share_is_full(void **state)
{
    (void)state;
    rd_stat_add(&workers[0].rtt[0], 50);
    rd_stat_add(&workers[1].rtt[1], 45);
    rd_stat_add(&workers[0].rtt[2], 4);
    rd_stat_add(&workers[1].rtt[3], 1);
    assert_number("rtt", "median_us", 128); /* the 50th of 100 */
    assert_number("rtt", "p95_us", 256);
    assert_number("rtt", "p99_us", 512);
    rd_stat_add(&workers[0].rtt[3], 1); /* 101: the 51st, 96th and 100th */
    assert_number("rtt", "median_us", 256);
    assert_number("rtt", "p95_us", 512);
    assert_number("rtt", "p99_us", 1024);
}

static void test_the_longest_times_have_no_bound(void **state)
{
    (void)state;
    rd_stat_add(&workers[0].rtt[RD_RTT_BUCKETS - 2], 50);
    rd_stat_add(&workers[0].rtt[RD_RTT_BUCKETS - 1], 50);
    assert_number("rtt", "median_us", 4194304);
    assert_number("rtt", "p95_us", -1);
    assert_number("rtt", "count", 100);
}

static void test_large_counts_do_not_overflow(void **state)
{
    (void)state;
    rd_stat_add(&workers[0].rtt[1], UINT64_C(1) << 61);
    rd_stat_add(&workers[1].rtt[2], UINT64_C(1) << 61);
    assert_number("rtt", "median_us", 256);
    assert_number("rtt", "p99_us", 512);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_document_is_as_documented),
        TEST(test_place_and_policy_are_the_configurations),
        TEST(test_a_name_that_is_no_utf_8_is_escaped),
        TEST(test_the_source_has_no_port),
        TEST(test_every_state_has_its_name),
        TEST(test_a_boot_time_becomes_a_wall_clock_time),
        TEST(test_the_first_state_has_no_since),
        TEST(test_a_state_that_began_after_the_clock_was_read_is_new),
        TEST(test_a_wall_clock_that_was_never_set_tells_the_age_only),
        TEST(test_counters_are_summed_over_the_workers),
        TEST(test_an_empty_histogram_has_no_percentiles),
        TEST(test_the_buckets_are_bounds_and_counts),
        TEST(test_one_time_is_all_percentiles),
        TEST(test_a_percentile_is_where_its_share_is_full),
        TEST(test_the_longest_times_have_no_bound),
        TEST(test_large_counts_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
