/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_fetch.c - what was stored is fetched, under its own key and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "bed.h"

static struct bed bed;

static int open_bed(void **state)
{
    (void)state;
    bed_open(&bed, 32u << 20, 1);
    return 0;
}

static int close_bed(void **state)
{
    (void)state;
    rd_cache_free(bed.cache);
    return 0;
}

/* -- keys ------------------------------------------------------------------------------------- */

static void test_nothing_is_found_in_an_empty_cache(void **state)
{
    struct rd_key key = bed_key(1);

    (void)state;
    assert_int_equal(bed_fetch_as(&bed, &key, RD_CACHE_ANSWER), RD_CACHE_MISS);
    assert_false(rd_cache_prefetch_entries(bed.cache, &key));
}

static void test_what_was_stored_is_fetched(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct rd_key key = bed_key(i);

        assert_int_equal(bed_store(&bed, &key, BED_SMALL + i % 9, i), RD_CACHE_STORED);
    }
    for (unsigned i = 0; i < 1000; i++) {
        struct rd_key key = bed_key(i);

        rd_cache_prefetch(bed.cache, key.name_hash);
        assert_true(rd_cache_prefetch_entries(bed.cache, &key));
        bed_assert_has(&bed, &key, RD_CACHE_ANSWER, BED_SMALL + i % 9, i);
    }
}

static void test_all_that_stands_beside_a_message_comes_back(void **state)
{
    struct rd_cache_entry entry = {.stored_ns = 0x123456789abcdef,
                                   .lifetime_s = 0xfedcba98,
                                   .len = BED_SMALL,
                                   .n_ttls = 3,
                                   .rotate_first = 1,
                                   .rotate_n = 2,
                                   .trust_ad = true,
                                   .has_opt = true,
                                   .ttls = {0x1234, 0xffff, 1}};
    struct rd_key key = bed_key(1);

    (void)state;
    bed_fill(bed.message, &key, BED_SMALL, 1);
    assert_int_equal(
        rd_cache_store(bed.writer, &key, RD_CACHE_ANSWER, &entry, bed.message, bed.now_ns, 0),
        RD_CACHE_STORED);
    assert_true(bed_has(&bed, &key));
    assert_int_equal(bed.entry.stored_ns, entry.stored_ns);
    assert_int_equal(bed.entry.lifetime_s, entry.lifetime_s);
    assert_int_equal(bed.entry.n_ttls, 3);
    assert_int_equal(bed.entry.rotate_first, 1);
    assert_int_equal(bed.entry.rotate_n, 2);
    assert_int_equal(bed.entry.level, 0);
    assert_true(bed.entry.trust_ad);
    assert_true(bed.entry.has_opt);
    assert_memory_equal(bed.entry.ttls, entry.ttls, 6);
}

/* Six keys that differ from number 1 in one field each. */
static struct rd_key varied(unsigned field)
{
    struct rd_key key = bed_key(field == 5 ? 2 : 1);

    key.type = field == 0 ? RD_TYPE_AAAA : RD_TYPE_A;
    key.view = field == 1;
    key.incarnation = field == 2;
    key.dnssec_ok = field == 3;
    key.checking_disabled = field == 4;
    rd_key_hash(&bed_hash_key, &key);
    return key;
}

static void test_keys_that_differ_in_one_field_are_apart(void **state)
{
    struct rd_key plain = bed_key(1);

    (void)state;
    assert_int_equal(bed_store(&bed, &plain, BED_SMALL, 100), RD_CACHE_STORED);
    for (unsigned field = 0; field < 6; field++) {
        struct rd_key key = varied(field);

        assert_false(bed_has(&bed, &key));
        assert_int_equal(bed_store(&bed, &key, BED_SMALL, field), RD_CACHE_STORED);
    }
    bed_assert_has(&bed, &plain, RD_CACHE_ANSWER, BED_SMALL, 100);
    for (unsigned field = 0; field < 6; field++) {
        struct rd_key key = varied(field);

        bed_assert_has(&bed, &key, RD_CACHE_ANSWER, BED_SMALL, field);
    }
}

/* The same hashes by force, and the same length: only the name itself tells them apart. */
static void test_equal_hashes_do_not_make_equal_keys(void **state)
{
    struct rd_key keys[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        keys[i] = bed_key(i);
        keys[i].name_hash = keys[0].name_hash;
        keys[i].hash = keys[0].hash;
        assert_false(bed_has(&bed, &keys[i]));
        bed.now_ns++;
        assert_int_equal(bed_store(&bed, &keys[i], BED_SMALL, i), RD_CACHE_STORED);
    }
    for (unsigned i = 0; i < 5; i++)
        bed_assert_has(&bed, &keys[i], RD_CACHE_ANSWER, BED_SMALL, i);
}

static void test_kinds_are_apart(void **state)
{
    struct rd_key key = bed_key(1);

    (void)state;
    assert_int_equal(bed_store_as(&bed, &key, RD_CACHE_ANSWER, 80, 1), RD_CACHE_STORED);
    assert_int_equal(bed_fetch_as(&bed, &key, RD_CACHE_NAME), RD_CACHE_MISS);
    assert_int_equal(bed_fetch_as(&bed, &key, RD_CACHE_FAILURE), RD_CACHE_MISS);
    assert_int_equal(bed_store_as(&bed, &key, RD_CACHE_NAME, 90, 2), RD_CACHE_STORED);
    assert_int_equal(bed_store_as(&bed, &key, RD_CACHE_FAILURE, 0, 3), RD_CACHE_STORED);
    bed_assert_has(&bed, &key, RD_CACHE_ANSWER, 80, 1);
    bed_assert_has(&bed, &key, RD_CACHE_NAME, 90, 2);
    bed_assert_has(&bed, &key, RD_CACHE_FAILURE, 0, 3);
}

static void test_a_name_that_does_not_exist_is_found_by_any_type(void **state)
{
    struct rd_key key = bed_key(1);

    (void)state;
    assert_int_equal(bed_store_as(&bed, &key, RD_CACHE_NAME, 90, 2), RD_CACHE_STORED);
    rd_key_retype(&key, RD_TYPE_MX);
    assert_true(rd_cache_prefetch_entries(bed.cache, &key));
    bed_assert_has(&bed, &key, RD_CACHE_NAME, 90, 2);
    rd_key_retype(&key, 0);
    bed_assert_has(&bed, &key, RD_CACHE_NAME, 90, 2);
}

static void test_a_failure_has_its_level_and_no_message(void **state)
{
    struct rd_cache_entry entry = {.stored_ns = 5, .lifetime_s = 9, .level = 3};
    struct rd_key keys[2] = {bed_key(1), bed_key(2)};

    (void)state;
    keys[1].name_hash = keys[0].name_hash;
    keys[1].hash = keys[0].hash;
    assert_int_equal(
        rd_cache_store(bed.writer, &keys[0], RD_CACHE_FAILURE, &entry, NULL, bed.now_ns, 0),
        RD_CACHE_STORED);
    assert_int_equal(bed_fetch_as(&bed, &keys[0], RD_CACHE_FAILURE), RD_CACHE_HIT);
    assert_int_equal(bed.entry.len, 0);
    assert_int_equal(bed.entry.level, 3);
    assert_int_equal(bed.entry.stored_ns, 5);
    assert_int_equal(bed_fetch_as(&bed, &keys[1], RD_CACHE_FAILURE), RD_CACHE_MISS);
}

/* -- replacing -------------------------------------------------------------------------------- */

static void test_a_newer_answer_takes_the_place_of_the_older(void **state)
{
    struct rd_key key = bed_key(1);
    struct rd_cache_info info;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        uint32_t len = BED_SMALL + i % 300;

        bed.now_ns += i % 2;
        assert_int_equal(bed_store(&bed, &key, len, i), RD_CACHE_STORED);
        bed_assert_has(&bed, &key, RD_CACHE_ANSWER, len, i);
    }
    rd_cache_info(bed.cache, &info);
    assert_int_equal(info.entries, 1);
}

/* -- sizes ------------------------------------------------------------------------------------ */

static void test_every_length_comes_back_whole(void **state)
{
    struct rd_key key = bed_key(1);
    uint32_t least = RD_DNS_HEADER_BYTES + key.name.len + 4u;

    (void)state;
    for (uint32_t len = least; len < least + 70; len++) {
        assert_int_equal(bed_store(&bed, &key, len, len), RD_CACHE_STORED);
        bed_assert_has(&bed, &key, RD_CACHE_ANSWER, len, len);
    }
}

static void test_the_largest_message_with_the_most_ttls(void **state)
{
    struct rd_cache_entry entry = {.len = RD_CACHE_MESSAGE_BYTES, .n_ttls = RD_CACHE_TTLS};
    struct rd_key key = bed_key(1);

    (void)state;
    bed_fill(bed.message, &key, RD_CACHE_MESSAGE_BYTES, 7);
    for (uint16_t i = 0; i < RD_CACHE_TTLS; i++)
        entry.ttls[i] = (uint16_t)(i * 64);
    assert_int_equal(
        rd_cache_store(bed.writer, &key, RD_CACHE_ANSWER, &entry, bed.message, bed.now_ns, 0),
        RD_CACHE_STORED);
    assert_true(bed_has(&bed, &key));
    assert_memory_equal(bed.got, bed.message, RD_CACHE_MESSAGE_BYTES);
    assert_memory_equal(bed.entry.ttls, entry.ttls, sizeof(entry.ttls));
    entry.len++;
    assert_int_equal(
        rd_cache_store(bed.writer, &key, RD_CACHE_ANSWER, &entry, bed.message, bed.now_ns, 0),
        RD_CACHE_TOO_LARGE);
}

/* No byte behind the message's end is written but within the room that was given. */
static void test_room_is_kept_to(void **state)
{
    struct rd_key key = bed_key(1);
    uint8_t data[BED_SMALL + 9];

    (void)state;
    assert_int_equal(bed_store(&bed, &key, BED_SMALL, 1), RD_CACHE_STORED);
    for (uint32_t room = BED_SMALL; room < sizeof(data); room++) {
        memset(data, 0xa5, sizeof(data));
        assert_int_equal(rd_cache_fetch(bed.cache, &key, RD_CACHE_ANSWER, data, room, &bed.entry),
                         RD_CACHE_HIT);
        assert_memory_equal(data, bed.message, BED_SMALL);
        for (uint32_t i = room; i < sizeof(data); i++)
            assert_int_equal(data[i], 0xa5);
    }
}

static void test_too_little_room_is_said(void **state)
{
    struct rd_key keys[2] = {bed_key(1), bed_key(2)};
    uint8_t data[4] = {9, 9, 9, 9};

    (void)state;
    keys[1].name_hash = keys[0].name_hash;
    keys[1].hash = keys[0].hash;
    assert_int_equal(bed_store(&bed, &keys[0], 1000, 1), RD_CACHE_STORED);
    assert_int_equal(rd_cache_fetch(bed.cache, &keys[0], RD_CACHE_ANSWER, data, 3, &bed.entry),
                     RD_CACHE_ROOM);
    assert_int_equal(bed.entry.len, 1000);
    assert_int_equal(data[3], 9);
    assert_int_equal(rd_cache_fetch(bed.cache, &keys[1], RD_CACHE_ANSWER, data, 3, &bed.entry),
                     RD_CACHE_MISS);
}

static void test_the_root_and_the_longest_name(void **state)
{
    struct rd_key root = {.type = RD_TYPE_NS, .name = {1, {0}}}, longest = {.type = RD_TYPE_A};

    (void)state;
    for (unsigned i = 0; i < 254; i++)
        longest.name.bytes[i] = i % 2 ? 'x' : 1;
    longest.name.len = 255;
    rd_key_hash(&bed_hash_key, &root);
    rd_key_hash(&bed_hash_key, &longest);
    assert_int_equal(bed_store(&bed, &root, 17, 1), RD_CACHE_STORED);
    assert_int_equal(bed_store(&bed, &longest, 300, 2), RD_CACHE_STORED);
    assert_int_equal(bed_store_as(&bed, &root, RD_CACHE_FAILURE, 0, 3), RD_CACHE_STORED);
    assert_int_equal(bed_store_as(&bed, &longest, RD_CACHE_FAILURE, 0, 4), RD_CACHE_STORED);
    bed_assert_has(&bed, &root, RD_CACHE_ANSWER, 17, 1);
    bed_assert_has(&bed, &longest, RD_CACHE_ANSWER, 300, 2);
    bed_assert_has(&bed, &root, RD_CACHE_FAILURE, 0, 3);
    bed_assert_has(&bed, &longest, RD_CACHE_FAILURE, 0, 4);
}

/* -- a cache that keeps nothing, and wrong sizes ---------------------------------------------- */

static void test_no_bytes_make_a_cache_that_keeps_nothing(void **state)
{
    struct rd_cache_setup setup = {.bytes = 0, .workers = 3};
    struct rd_cache *cache = (struct rd_cache *)&setup;
    struct rd_cache_entry entry = {.len = 0};
    struct rd_key key = bed_key(1);
    struct rd_cache_info info;

    (void)state;
    assert_int_equal(rd_cache_new(&setup, &cache), 0);
    assert_null(cache);
    assert_null(rd_cache_writer(cache, 1));
    rd_cache_prefetch(cache, 1);
    assert_false(rd_cache_prefetch_entries(cache, &key));
    assert_int_equal(rd_cache_fetch(cache, &key, RD_CACHE_ANSWER, bed.got, 9, &entry),
                     RD_CACHE_MISS);
    assert_int_equal(rd_cache_store(NULL, &key, RD_CACHE_FAILURE, &entry, NULL, 1, 0),
                     RD_CACHE_TOO_LARGE);
    assert_int_equal(rd_cache_flushes(cache), 0);
    rd_cache_info(cache, &info);
    assert_int_equal(info.bytes, 0);
    rd_cache_free(cache);
}

static void test_sizes_out_of_range_are_refused(void **state)
{
    struct rd_cache_setup setup = {.bytes = rd_cache_least_bytes(8) - 1, .workers = 8};
    struct rd_cache *cache = NULL;

    (void)state;
    assert_int_equal(rd_cache_new(&setup, &cache), -EINVAL);
    setup.bytes = RD_CACHE_MOST_BYTES + 1;
    assert_int_equal(rd_cache_new(&setup, &cache), -EINVAL);
    assert_null(cache);
    assert_in_range(rd_cache_least_bytes(1), 1u << 20, 1u << 20);
}

static void test_memory_may_be_touched_at_the_start(void **state)
{
    struct rd_cache_setup setup = {.bytes = 4u << 20, .workers = 1, .populate = true};
    struct rd_cache_info info;
    struct rd_cache *cache;

    (void)state;
    assert_int_equal(rd_cache_new(&setup, &cache), 0);
    rd_cache_info(cache, &info);
    assert_true(info.index_bytes + info.entry_bytes <= setup.bytes);
    assert_true(info.index_bytes + info.entry_bytes > setup.bytes - 64);
    assert_int_equal(info.segments_free, info.segments - 2); /* the worker's stock */
    assert_int_equal(info.entries, 0);
    rd_cache_free(cache);
}

#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, open_bed, close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(test_nothing_is_found_in_an_empty_cache),
        WITH_BED(test_what_was_stored_is_fetched),
        WITH_BED(test_all_that_stands_beside_a_message_comes_back),
        WITH_BED(test_keys_that_differ_in_one_field_are_apart),
        WITH_BED(test_equal_hashes_do_not_make_equal_keys),
        WITH_BED(test_kinds_are_apart),
        WITH_BED(test_a_name_that_does_not_exist_is_found_by_any_type),
        WITH_BED(test_a_failure_has_its_level_and_no_message),
        WITH_BED(test_a_newer_answer_takes_the_place_of_the_older),
        WITH_BED(test_every_length_comes_back_whole),
        WITH_BED(test_the_largest_message_with_the_most_ttls),
        WITH_BED(test_room_is_kept_to),
        WITH_BED(test_too_little_room_is_said),
        WITH_BED(test_the_root_and_the_longest_name),
        cmocka_unit_test(test_no_bytes_make_a_cache_that_keeps_nothing),
        cmocka_unit_test(test_sizes_out_of_range_are_refused),
        cmocka_unit_test(test_memory_may_be_touched_at_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
