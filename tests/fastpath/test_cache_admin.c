/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_admin.c - what is known of a name in the pools of a snapshot is found and flushed, and
 * nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../cache/bed.h"
#include "snapshot.h"

/* In each view a name has with and without DO and CD: addresses of both families, that it does not
 * exist, and a failure. */
#define PER_BITS 4u
#define PER_VIEW (4u * PER_BITS)

static const struct pool_number {
    uint8_t view;
    uint16_t incarnation;
} ours[] = {{5, 2}, {0, 7}}, others[] = {{5, 1}, {0, 8}, {3, 2}};

static struct bed bed;
static struct rd_snapshot *snapshot;

static struct rd_name name_of(const char *text)
{
    struct rd_name name;

    assert_true(rd_name_from_text(text, &name));
    return name;
}

static void store(struct rd_key *key, enum rd_cache_kind kind, uint16_t type)
{
    key->type = type;
    rd_key_hash(&bed_hash_key, key);
    assert_int_equal(bed_store_as(&bed, key, kind, BED_SMALL, 1), RD_CACHE_STORED);
}

static void fill(const char *name, const struct pool_number *in)
{
    struct rd_key key = {.view = in->view, .incarnation = in->incarnation, .name = name_of(name)};

    for (unsigned bits = 0; bits < 4; bits++) {
        key.dnssec_ok = bits & 1;
        key.checking_disabled = bits & 2;
        store(&key, RD_CACHE_ANSWER, RD_TYPE_A);
        store(&key, RD_CACHE_ANSWER, RD_TYPE_AAAA);
        store(&key, RD_CACHE_NAME, 0);
        store(&key, RD_CACHE_FAILURE, RD_TYPE_A);
    }
}

/* Two pools, whose numbers are not in their order, and entries of them and of others. */
static int open_bed(void **state)
{
    (void)state;
    bed_open(&bed, 4u << 20, 1);
    snapshot = calloc(1, sizeof(*snapshot));
    assert_non_null(snapshot);
    for (unsigned i = 0; i < 2; i++) {
        snapshot->views[snapshot->n_views++] = ours[i].view;
        snapshot->pools[ours[i].view].incarnation = ours[i].incarnation;
        fill("www.example", &ours[i]);
        fill("example", &ours[i]);
        fill("a.www.example", &ours[i]);
    }
    for (unsigned i = 0; i < 3; i++)
        fill("www.example", &others[i]);
    return 0;
}

static int close_bed(void **state)
{
    (void)state;
    free(snapshot);
    rd_cache_free(bed.cache);
    return 0;
}

/* What was visited: the entries of each of our views by DO and CD, kind and type. */
struct seen {
    unsigned n, most;
    struct rd_name name;
    unsigned at[2][4][PER_BITS];
};

static unsigned what_of(const struct rd_cache_record *record)
{
    if (record->kind == RD_CACHE_NAME)
        return 2;
    if (record->kind == RD_CACHE_FAILURE)
        return 3;
    return record->type == RD_TYPE_AAAA;
}

static bool see(void *context, const struct rd_cache_record *record)
{
    struct seen *seen = context;
    unsigned i = record->view == ours[1].view;

    assert_int_equal(record->view, ours[i].view);
    assert_int_equal(record->incarnation, ours[i].incarnation);
    assert_int_equal(record->name.len, seen->name.len);
    assert_memory_equal(record->name.bytes, seen->name.bytes, seen->name.len);
    seen->at[i][record->dnssec_ok + 2u * record->checking_disabled][what_of(record)]++;
    return ++seen->n != seen->most;
}

static unsigned find(const char *name, struct seen *seen)
{
    *seen = (struct seen){.most = seen->most, .name = name_of(name)};
    rd_cache_find(bed.cache, snapshot, &seen->name, see, seen);
    return seen->n;
}

static unsigned found(const char *name)
{
    struct seen seen = {0};

    return find(name, &seen);
}

static uint64_t flush(const char *text)
{
    struct rd_name name = name_of(text);

    return rd_cache_flush(bed.cache, snapshot, &name);
}

/* The entries of NAME in that view are all there, or all gone. */
static unsigned held(const char *name, const struct pool_number *in)
{
    struct rd_key key = {.view = in->view, .incarnation = in->incarnation, .name = name_of(name)};
    unsigned n = 0;

    for (unsigned bits = 0; bits < 4; bits++) {
        key.dnssec_ok = bits & 1;
        key.checking_disabled = bits & 2;
        key.type = RD_TYPE_AAAA;
        rd_key_hash(&bed_hash_key, &key);
        n += bed_fetch_as(&bed, &key, RD_CACHE_ANSWER) == RD_CACHE_HIT;
        rd_key_retype(&key, RD_TYPE_A);
        n += bed_fetch_as(&bed, &key, RD_CACHE_ANSWER) == RD_CACHE_HIT;
        n += bed_fetch_as(&bed, &key, RD_CACHE_FAILURE) == RD_CACHE_HIT;
        rd_key_retype(&key, 0);
        n += bed_fetch_as(&bed, &key, RD_CACHE_NAME) == RD_CACHE_HIT;
    }
    return n;
}

static void test_a_name_is_found_in_all_its_forms(void **state)
{
    struct seen seen = {0};

    (void)state;
    assert_int_equal(find("www.example", &seen), 2 * PER_VIEW);
    for (unsigned view = 0; view < 2; view++)
        for (unsigned bits = 0; bits < 4; bits++)
            for (unsigned what = 0; what < PER_BITS; what++)
                assert_int_equal(seen.at[view][bits][what], 1);
}

static void test_a_visitor_may_have_enough(void **state)
{
    struct seen seen = {.most = 3};

    (void)state;
    assert_int_equal(find("www.example", &seen), 3);
}

static void test_what_is_not_there_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(found("none.example"), 0);
    assert_int_equal(flush("none.example"), 0);
    assert_int_equal(found("www.example"), 2 * PER_VIEW);
}

static void test_a_name_is_flushed_in_all_its_forms(void **state)
{
    (void)state;
    assert_int_equal(flush("www.example"), 2 * PER_VIEW);
    assert_int_equal(found("www.example"), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(held("www.example", &ours[i]), 0);
    assert_int_equal(flush("www.example"), 0);
}

static void test_names_above_and_below_stay(void **state)
{
    (void)state;
    flush("www.example");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(held("example", &ours[i]), PER_VIEW);
        assert_int_equal(held("a.www.example", &ours[i]), PER_VIEW);
    }
    assert_int_equal(found("example"), 2 * PER_VIEW);
}

/* Of a pool that is gone, of one that had the number before or gets it next. */
static void test_what_other_pools_know_stays(void **state)
{
    (void)state;
    flush("www.example");
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(held("www.example", &others[i]), PER_VIEW);
}

static void test_a_flush_is_counted_for_those_who_ask_at_this_moment(void **state)
{
    struct rd_key key = {.view = 5, .incarnation = 2, .name = name_of("www.example")};
    uint64_t before = rd_cache_flushes(bed.cache);
    struct rd_cache_entry entry = {.stored_ns = bed.now_ns, .lifetime_s = 5};

    (void)state;
    flush("www.example");
    rd_key_hash(&bed_hash_key, &key);
    assert_int_equal(
        rd_cache_store(bed.writer, &key, RD_CACHE_FAILURE, &entry, NULL, bed.now_ns, before),
        RD_CACHE_FLUSHED);
    assert_int_equal(found("www.example"), 0);
}

static void test_without_pools_nothing_is_known(void **state)
{
    (void)state;
    snapshot->n_views = 0;
    assert_int_equal(found("www.example"), 0);
    assert_int_equal(flush("www.example"), 0);
    assert_int_equal(held("www.example", &ours[0]), PER_VIEW);
}

static void test_a_cache_that_keeps_nothing_has_nothing(void **state)
{
    struct rd_name name = name_of("www.example");
    struct seen seen = {.name = name};

    (void)state;
    rd_cache_find(NULL, snapshot, &name, see, &seen);
    assert_int_equal(seen.n, 0);
    assert_int_equal(rd_cache_flush(NULL, snapshot, &name), 0);
}

#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, open_bed, close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(test_a_name_is_found_in_all_its_forms),
        WITH_BED(test_a_visitor_may_have_enough),
        WITH_BED(test_what_is_not_there_is_not_found),
        WITH_BED(test_a_name_is_flushed_in_all_its_forms),
        WITH_BED(test_names_above_and_below_stay),
        WITH_BED(test_what_other_pools_know_stays),
        WITH_BED(test_a_flush_is_counted_for_those_who_ask_at_this_moment),
        WITH_BED(test_without_pools_nothing_is_known),
        WITH_BED(test_a_cache_that_keeps_nothing_has_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
