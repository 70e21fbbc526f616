/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_room.c - what stays and what goes when there is not room for everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bed.h"

#define MILLION 1000000u
#define SECOND  1000000000ull

static struct bed bed;

static int open_bed(void **state)
{
    (void)state;
    bed_open(&bed, 5 * MILLION, 1);
    return 0;
}

static int close_bed(void **state)
{
    (void)state;
    rd_cache_free(bed.cache);
    return 0;
}

static void store_range(unsigned from, unsigned n, uint32_t len)
{
    for (unsigned i = from; i < from + n; i++) {
        struct rd_key key = bed_key(i);

        bed.now_ns += 1000;
        assert_int_equal(bed_store(&bed, &key, len, i), RD_CACHE_STORED);
    }
}

/* In tenths of a percent. */
static unsigned held(unsigned from, unsigned n)
{
    unsigned found = 0;

    for (unsigned i = from; i < from + n; i++) {
        struct rd_key key = bed_key(i);

        found += bed_has(&bed, &key);
    }
    return found * 1000 / n;
}

static void store_missing(unsigned from, unsigned n, uint32_t len)
{
    for (unsigned i = from; i < from + n; i++) {
        struct rd_key key = bed_key(i);

        bed.now_ns += 1000;
        if (!bed_has(&bed, &key))
            assert_int_equal(bed_store(&bed, &key, len, i), RD_CACHE_STORED);
    }
}

static void test_the_mix_of_sizes_may_change_and_change_back(void **state)
{
    (void)state;
    store_range(0, 20000, BED_SMALL);
    assert_in_range(held(0, 20000), 995, 1000);
    store_range(100000, 8000, 300);
    assert_in_range(held(100000, 8000), 950, 1000);
    store_missing(0, 20000, BED_SMALL);
    assert_in_range(held(0, 20000), 950, 1000);
}

static void test_what_was_used_stays_and_what_was_not_goes(void **state)
{
    (void)state;
    store_range(0, 1000, BED_SMALL);
    for (unsigned round = 0; round < 6; round++) {
        assert_in_range(held(0, 400), 990, 1000); /* less than 3/4 of a segment */
        store_range(100000 + round * 10000, 10000, BED_SMALL);
    }
    assert_in_range(held(500, 500), 0, 10);
}

static void test_the_oldest_goes_first(void **state)
{
    (void)state;
    store_range(0, 60000, BED_SMALL);
    assert_in_range(held(0, 10000), 0, 10);
    assert_in_range(held(50000, 10000), 970, 1000);
}

/* A hot set that is all there is room for does not shut out what is new. */
static void test_full_of_used_entries_is_never_full(void **state)
{
    struct rd_cache_info info;

    (void)state;
    store_range(0, 42000, BED_SMALL);
    for (unsigned round = 0; round < 5; round++) {
        held(0, 42000);
        store_range(100000 + round * 20000, 20000, BED_SMALL);
        assert_in_range(held(100000 + round * 20000 + 15000, 5000), 900, 1000);
    }
    rd_cache_info(bed.cache, &info);
    assert_true(info.entries <= info.slots && info.used_bytes <= info.entry_bytes);
    assert_true(info.segments_main > 0);
}

/* One worker filled all there is before the others had anything to keep. */
static void test_who_begins_late_has_room_at_once(void **state)
{
    (void)state;
    rd_cache_free(bed.cache);
    bed_open(&bed, 5 * MILLION, 3);
    store_range(0, 60000, BED_SMALL);
    for (unsigned worker = 1; worker < 3; worker++) {
        bed.writer = rd_cache_writer(bed.cache, worker);
        store_range(worker * 100000, 20000, BED_SMALL);
        assert_in_range(held(worker * 100000 + 15000, 5000), 970, 1000);
    }
}

/* Everything that is in a segment was used: seven eighths of it stay. */
static void test_at_most_seven_eighths_of_a_segment_stay(void **state)
{
    struct rd_cache_info info;
    unsigned per_segment, n;

    (void)state;
    rd_cache_info(bed.cache, &info);
    per_segment = info.segment_bytes / 104;
    n = (info.segments - 3) * per_segment;
    store_range(0, n, BED_SMALL);
    held(0, n);
    store_range(500000, 2 * per_segment, BED_SMALL);
    assert_in_range(held(0, per_segment), 830, 885);
}

static void test_expired_entries_do_not_survive(void **state)
{
    (void)state;
    store_range(0, 1000, BED_SMALL);
    assert_int_equal(held(0, 1000), 1000);
    bed.now_ns += 3601 * SECOND;
    store_range(100000, 60000, BED_SMALL);
    assert_in_range(held(0, 1000), 0, 10);
}

static void test_expired_entries_survive_while_they_may_be_served(void **state)
{
    (void)state;
    rd_cache_keep_stale(bed.cache, 86400 * SECOND);
    store_range(0, 1000, BED_SMALL);
    assert_int_equal(held(0, 1000), 1000);
    bed.now_ns += 3601 * SECOND;
    for (unsigned round = 0; round < 6; round++) {
        store_range(100000 + round * 10000, 10000, BED_SMALL);
        assert_in_range(held(0, 400), 970, 1000);
    }
}

/* All keys lie in the same two buckets: there are 16 slots, and the unused lose theirs first. */
static void test_two_full_buckets_hold_what_was_used(void **state)
{
    uint64_t name_hash = bed_key(0).name_hash;
    unsigned there = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct rd_key key = bed_key(i);

        key.name_hash = name_hash;
        assert_int_equal(bed_store(&bed, &key, BED_SMALL, i), RD_CACHE_STORED);
        key = bed_key(7);
        key.name_hash = name_hash;
        assert_true(i < 7 || bed_has(&bed, &key));
    }
    for (unsigned i = 0; i < 100; i++) {
        struct rd_key key = bed_key(i);

        key.name_hash = name_hash;
        there += bed_has(&bed, &key);
        assert_true(i < 99 || bed_has(&bed, &key));
    }
    assert_int_equal(there, 16);
}

/* -- a scan beside a hot set ------------------------------------------------------------------ */

#define HOT 20000u

static uint64_t random_state = 88172645463325252ull;

static uint32_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

/* Zipf's law with exponent 1, near enough: the logarithm of the rank is even. */
static unsigned draw_hot(void)
{
    unsigned octave = draw() % 15, within = draw() & ((1u << octave) - 1);
    unsigned rank = (1u << octave) + within;

    return rank < HOT ? rank : HOT - 1;
}

/* How many of N questions for hot names were in the cache, in tenths of a percent; SCANNED other
 * names are stored for each of them. */
static unsigned ask_hot(unsigned n, unsigned scanned)
{
    static unsigned next = 1000000;
    unsigned hits = 0;

    for (unsigned i = 0; i < n; i++) {
        struct rd_key key = bed_key(draw_hot());

        bed.now_ns += 10000;
        if (bed_has(&bed, &key))
            hits++;
        else
            bed_store(&bed, &key, BED_SMALL, 1);
        store_range(next, scanned, BED_SMALL);
        next += scanned;
    }
    return (unsigned)(hits * 1000ull / n);
}

static void test_a_scan_does_not_push_out_what_is_asked_for(void **state)
{
    unsigned before, during;

    (void)state;
    ask_hot(200000, 0); /* nothing but hot names until the scan begins */
    before = ask_hot(100000, 0);
    during = ask_hot(200000, 2); /* nine times what there is room for */
    print_message("# hits of a thousand: %u before, %u during the scan\n", before, during);
    assert_in_range(before, 900, 1000);
    assert_true(during + 20 > before);
}

#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, open_bed, close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(test_the_mix_of_sizes_may_change_and_change_back),
        WITH_BED(test_what_was_used_stays_and_what_was_not_goes),
        WITH_BED(test_the_oldest_goes_first),
        WITH_BED(test_full_of_used_entries_is_never_full),
        WITH_BED(test_who_begins_late_has_room_at_once),
        WITH_BED(test_at_most_seven_eighths_of_a_segment_stay),
        WITH_BED(test_expired_entries_do_not_survive),
        WITH_BED(test_expired_entries_survive_while_they_may_be_served),
        WITH_BED(test_two_full_buckets_hold_what_was_used),
        WITH_BED(test_a_scan_does_not_push_out_what_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
