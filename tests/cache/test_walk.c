/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_walk.c - looking into the cache and flushing it, from outside of the workers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bed.h"
#include "cache/walk.h"

#define N 500u

static struct bed bed;
static const struct rd_cache_view views[] = {{0, 0}, {3, 7}};

static int open_bed(void **state)
{
    (void)state;
    bed_open(&bed, 8u << 20, 1);
    for (unsigned i = 0; i < N; i++) {
        struct rd_key key = bed_key(i);

        assert_int_equal(bed_store(&bed, &key, BED_SMALL, i), RD_CACHE_STORED);
    }
    return 0;
}

static int close_bed(void **state)
{
    (void)state;
    rd_cache_free(bed.cache);
    return 0;
}

struct seen {
    unsigned n, most;
    uint64_t hashes;
    struct rd_cache_record last;
};

static bool see(void *context, const struct rd_cache_record *record)
{
    struct seen *seen = context;
    struct rd_key key = {.type = record->type, .name = record->name};

    rd_key_hash(&bed_hash_key, &key);
    seen->hashes ^= key.hash;
    seen->last = *record;
    return ++seen->n != seen->most;
}

static struct rd_name name_of(const char *text)
{
    struct rd_name name;

    assert_true(rd_name_from_text(text, &name));
    return name;
}

static uint64_t entries(void)
{
    struct rd_cache_info info;

    rd_cache_info(bed.cache, &info);
    return info.entries;
}

static void test_a_walk_visits_each_entry_once(void **state)
{
    struct seen seen = {0};
    uint64_t hashes = 0;

    (void)state;
    for (unsigned i = 0; i < N; i++)
        hashes ^= bed_key(i).hash;
    rd_cache_walk(bed.cache, see, &seen);
    assert_int_equal(seen.n, N);
    assert_true(seen.hashes == hashes);
    assert_int_equal(entries(), N);
}

static void test_a_walk_ends_when_the_visitor_has_enough(void **state)
{
    struct seen seen = {.most = 3};

    (void)state;
    rd_cache_walk(bed.cache, see, &seen);
    assert_int_equal(seen.n, 3);
}

static void test_a_record_says_all_of_an_entry(void **state)
{
    struct rd_cache_entry entry = {
        .stored_ns = 77, .lifetime_s = 88, .len = BED_SMALL, .trust_ad = true};
    struct rd_key key = bed_key(1000);
    struct seen seen = {0};

    (void)state;
    key.view = 3;
    key.incarnation = 7;
    key.dnssec_ok = true;
    key.checking_disabled = true;
    rd_key_hash(&bed_hash_key, &key);
    bed_fill(bed.message, &key, BED_SMALL, 1);
    assert_int_equal(
        rd_cache_store(bed.writer, &key, RD_CACHE_ANSWER, &entry, bed.message, bed.now_ns, 0),
        RD_CACHE_STORED);
    rd_cache_find_views(bed.cache, views, 2, &key.name, see, &seen);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.last.type, RD_TYPE_A);
    assert_int_equal(seen.last.kind, RD_CACHE_ANSWER);
    assert_int_equal(seen.last.view, 3);
    assert_int_equal(seen.last.incarnation, 7);
    assert_true(seen.last.dnssec_ok && seen.last.checking_disabled && seen.last.trust_ad);
    assert_int_equal(seen.last.stored_ns, 77);
    assert_int_equal(seen.last.lifetime_s, 88);
    assert_int_equal(seen.last.len, BED_SMALL);
    assert_memory_equal(seen.last.message, bed.message, BED_SMALL);
    assert_int_equal(seen.last.name.len, key.name.len);
    assert_memory_equal(seen.last.name.bytes, key.name.bytes, key.name.len);
}

static void test_a_flushed_name_is_gone_in_all_its_kinds(void **state)
{
    struct rd_key key = bed_key(5), other = bed_key(6);
    struct seen seen = {0};

    (void)state;
    bed_store_as(&bed, &key, RD_CACHE_NAME, BED_SMALL, 1);
    bed_store_as(&bed, &key, RD_CACHE_FAILURE, 0, 1);
    rd_cache_find_views(bed.cache, views, 2, &key.name, see, &seen);
    assert_int_equal(seen.n, 3);
    assert_int_equal(rd_cache_flush_views(bed.cache, views, 2, &key.name), 3);
    assert_false(bed_has(&bed, &key));
    assert_true(bed_has(&bed, &other));
    assert_int_equal(entries(), N - 1);
    assert_int_equal(rd_cache_flushes(bed.cache), 1);
    assert_int_equal(rd_cache_flush_views(bed.cache, views, 2, &key.name), 0);
}

static void test_a_flushed_suffix_takes_whole_labels(void **state)
{
    struct rd_name tail = name_of("ample.com"), all = name_of("example.com"), root = name_of(".");
    struct rd_name one = name_of("name0000007.example.com");

    (void)state;
    assert_int_equal(rd_cache_flush_suffix(bed.cache, &tail), 0);
    assert_int_equal(rd_cache_flush_suffix(bed.cache, &one), 1);
    assert_int_equal(rd_cache_flush_suffix(bed.cache, &all), N - 1);
    assert_int_equal(entries(), 0);
    assert_int_equal(rd_cache_flush_suffix(bed.cache, &root), 0);
}

static void test_a_flush_of_all_leaves_nothing_to_be_found(void **state)
{
    struct rd_key key = bed_key(1);
    struct seen seen = {0};

    (void)state;
    rd_cache_flush_all(bed.cache, bed.now_ns);
    for (unsigned i = 0; i < N; i++) {
        struct rd_key each = bed_key(i);

        assert_false(bed_has(&bed, &each));
    }
    rd_cache_walk(bed.cache, see, &seen);
    assert_int_equal(seen.n, 0);
    assert_int_equal(bed_store(&bed, &key, BED_SMALL, 1), RD_CACHE_FLUSHED);
    bed.now_ns++;
    assert_int_equal(bed_store(&bed, &key, BED_SMALL, 2), RD_CACHE_STORED);
    bed_assert_has(&bed, &key, RD_CACHE_ANSWER, BED_SMALL, 2);
}

static void test_what_was_asked_before_a_flush_is_not_kept(void **state)
{
    struct rd_cache_entry entry = {.stored_ns = 5, .lifetime_s = 1};
    struct rd_key key = bed_key(1000);
    uint64_t flushes = rd_cache_flushes(bed.cache);

    (void)state;
    rd_cache_flush_views(bed.cache, views, 2, &key.name);
    assert_int_equal(rd_cache_store(bed.writer, &key, RD_CACHE_FAILURE, &entry, NULL, 5, flushes),
                     RD_CACHE_FLUSHED);
    assert_int_equal(bed_fetch_as(&bed, &key, RD_CACHE_FAILURE), RD_CACHE_MISS);
    assert_int_equal(
        rd_cache_store(bed.writer, &key, RD_CACHE_FAILURE, &entry, NULL, 5, flushes + 1),
        RD_CACHE_STORED);
}

static void test_a_cache_that_keeps_nothing_has_nothing_to_flush(void **state)
{
    struct rd_name name = name_of("example.com");
    struct seen seen = {0};

    (void)state;
    rd_cache_walk(NULL, see, &seen);
    rd_cache_find_views(NULL, views, 2, &name, see, &seen);
    rd_cache_flush_all(NULL, 1);
    assert_int_equal(rd_cache_flush_views(NULL, views, 2, &name), 0);
    assert_int_equal(rd_cache_flush_suffix(NULL, &name), 0);
    assert_int_equal(seen.n, 0);
}

/* The least size is enough for every writer to go on and on. */
static void check_least(unsigned workers)
{
    struct bed small;

    bed_open(&small, rd_cache_least_bytes(workers), workers);
    for (unsigned i = 0; i < 40000; i++) {
        struct rd_key key = bed_key(i);

        small.now_ns += 1000;
        small.writer = rd_cache_writer(small.cache, i % (workers + 1));
        assert_int_equal(bed_store(&small, &key, BED_SMALL + i % 200, i), RD_CACHE_STORED);
        bed_assert_has(&small, &key, RD_CACHE_ANSWER, BED_SMALL + i % 200, i);
    }
    rd_cache_free(small.cache);
}

static void test_the_least_size_works(void **state)
{
    (void)state;
    check_least(1);
    check_least(8);
}

#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, open_bed, close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(test_a_walk_visits_each_entry_once),
        WITH_BED(test_a_walk_ends_when_the_visitor_has_enough),
        WITH_BED(test_a_record_says_all_of_an_entry),
        WITH_BED(test_a_flushed_name_is_gone_in_all_its_kinds),
        WITH_BED(test_a_flushed_suffix_takes_whole_labels),
        WITH_BED(test_a_flush_of_all_leaves_nothing_to_be_found),
        WITH_BED(test_what_was_asked_before_a_flush_is_not_kept),
        cmocka_unit_test(test_a_cache_that_keeps_nothing_has_nothing_to_flush),
        cmocka_unit_test(test_the_least_size_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
