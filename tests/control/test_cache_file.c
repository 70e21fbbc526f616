/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_file.c - what is saved is loaded, at its age; and only what is ours is replaced.
 */
#include "cache_file_bed.h"

#include "cache/cache.h"

static struct rd_cache_record found;

/* As a worker does: loading takes none. */
static void put_failure(void)
{
    const struct rd_cache_entry entry = {.stored_ns = record.stored_ns,
                                         .lifetime_s = record.lifetime_s,
                                         .len = record.len,
                                         .level = record.level};
    struct rd_key key = {
        .type = record.type, .incarnation = record.incarnation, .name = record.name};

    rd_key_hash(&(struct rd_hash_key){{0}}, &key);
    assert_int_equal(rd_cache_store(rd_cache_writer(cache, 0), &key, RD_CACHE_FAILURE, &entry,
                                    record.message, record.stored_ns, rd_cache_flushes(cache)),
                     RD_CACHE_STORED);
}

static void test_all_of_an_entry_comes_back(void **state)
{
    (void)state;
    bed_address(&record, "www.example", 300, 20);
    record.view = 5;
    record.incarnation = 1;
    record.dnssec_ok = record.checking_disabled = record.trust_ad = true;
    put();
    save(1);
    assert_null(load_at(&bed_look, 0));
    assert_result(1, 0, 0, 0);
    bed_find(second, "www.example", &found);
    assert_int_equal(found.kind, RD_CACHE_ANSWER);
    assert_int_equal(found.type, RD_TYPE_A);
    assert_int_equal(found.view, 5);
    assert_int_equal(found.incarnation, 1);
    assert_true(found.dnssec_ok && found.checking_disabled && found.trust_ad);
    assert_true(found.stored_ns == record.stored_ns);
    assert_int_equal(found.lifetime_s, 300);
    assert_int_equal(found.len, record.len);
    assert_memory_equal(found.message, record.message, record.len);
}

static void test_each_kind_comes_back(void **state)
{
    (void)state;
    bed_address(&record, "www.example", 300, 20);
    put();
    bed_no_name(&record, "no.example", 5, 2); /* its MINIMUM */
    put();
    bed_no_data(&record, "bare.example", 30, 10);
    put();
    save(3);
    assert_null(load_at(&bed_look, 0));
    assert_result(3, 0, 0, 0);
    bed_find(second, "no.example", &found);
    assert_int_equal(found.kind, RD_CACHE_NAME);
    assert_int_equal(found.type, 0);
    bed_find(second, "bare.example", &found);
    assert_int_equal(found.kind, RD_CACHE_ANSWER);
    assert_int_equal(found.type, RD_TYPE_A);
    assert_int_equal(found.len, record.len);
    assert_memory_equal(found.message, record.message, record.len);
}

/* Neither one that nobody answered nor one that a server told of. */
static void test_failures_are_not_saved(void **state)
{
    (void)state;
    bed_failure(&record, "silent.example", 3, 300, 0);
    put_failure();
    bed_failure(&record, "bad.example", 0, 300, 0);
    bed_message(&record, RD_SERVFAIL, RD_TYPE_A);
    put_failure();
    assert_int_equal(bed_entries(cache), 2);
    save(0);
    bed_address(&record, "www.example", 300, 20);
    put();
    save(1);
    assert_null(load_at(&bed_look, 0));
    assert_result(1, 0, 0, 0);
}

static void test_an_empty_cache_is_a_file_too(void **state)
{
    (void)state;
    save(0);
    assert_null(load_at(&bed_look, 0));
    assert_result(0, 0, 0, 0);
}

static void test_time_between_is_counted_by_the_wall_clock(void **state)
{
    struct cache_look later = bed_look;

    (void)state;
    later.now_ns = 500000 * S_NS; /* another boot: it has nothing to do with the one before */
    bed_address(&record, "www.example", 300, 20);
    put();
    save(1);
    assert_null(load_at(&later, 100));
    assert_result(1, 0, 0, 0);
    assert_int_equal(result.elapsed_s, 100);
    assert_false(result.backwards);
    bed_find(second, "www.example", &found);
    assert_true(found.stored_ns == later.now_ns - 120 * S_NS);
    assert_int_equal(found.lifetime_s, 300);
}

static void test_what_the_boot_clock_cannot_express_is_taken_off_the_ttls(void **state)
{
    struct cache_look young = bed_look;
    struct rd_cache_record expected;

    (void)state;
    young.now_ns = 10 * S_NS; /* 10 s after boot, the answer is 120 s old */
    bed_address(&record, "www.example", 300, 20);
    put();
    save(1);
    assert_null(load_at(&young, 100));
    assert_result(1, 0, 0, 0);
    bed_find(second, "www.example", &found);
    bed_address(&expected, "www.example", 189, 0);
    assert_true(found.stored_ns == 1 * S_NS);
    assert_int_equal(found.lifetime_s, 189);
    assert_memory_equal(found.message, expected.message, expected.len);
}

/* Its SOA's TTL is under its MINIMUM then, which is tidy too. */
static void test_a_denial_outlasts_a_boot(void **state)
{
    struct cache_look young = bed_look;

    (void)state;
    young.now_ns = 10 * S_NS;
    bed_no_name(&record, "no.example", 300, 20);
    put();
    save(1);
    assert_null(load_at(&young, 100));
    assert_result(1, 0, 0, 0);
    bed_find(second, "no.example", &found);
    assert_int_equal(found.lifetime_s, 189);
    assert_int_equal(found.len, record.len);
    assert_memory_equal(found.message + found.len - 4, record.message + record.len - 4, 4);
}

static void test_what_ended_before_the_boot_is_left_out(void **state)
{
    struct cache_look young = bed_look;

    (void)state;
    young.now_ns = 10 * S_NS;
    bed_address(&record, "www.example", 100, 20);
    put();
    save(1);
    assert_null(load_at(&young, 100)); /* ended 20 s ago: stale, but the clock says 10 s at most */
    assert_result(0, 0, 1, 0);
}

static void test_a_clock_that_went_backwards_makes_nothing_older(void **state)
{
    (void)state;
    bed_address(&record, "www.example", 300, 20);
    put();
    save(1);
    assert_null(load_at(&bed_look, -1));
    assert_result(1, 0, 0, 0);
    assert_true(result.backwards);
    bed_find(second, "www.example", &found);
    assert_true(found.stored_ns == record.stored_ns);
}

static void test_stale_entries_are_kept_while_they_are_of_use(void **state)
{
    (void)state;
    bed_address(&record, "stale.example", 10, 20);
    put();
    bed_address(&record, "expired.example", 10, 10 + BED_STALE_S);
    put();
    save(1);
    assert_null(load_at(&bed_look, BED_STALE_S - 11));
    assert_result(1, 0, 0, 0);
}

static void test_what_expires_meanwhile_is_left_out(void **state)
{
    (void)state;
    bed_address(&record, "stale.example", 10, 20);
    put();
    save(1);
    assert_null(load_at(&bed_look, BED_STALE_S - 10));
    assert_result(0, 0, 1, 0);
}

static void test_pools_are_known_by_their_names(void **state)
{
    static const struct cache_look other = {
        .views = {.n = 2,
                  .at = {{.pool = "default", .view = 3, .incarnation = 4},
                         {.pool = "new", .view = 5, .incarnation = 1}}},
        .now_ns = BED_NOW_S * S_NS,
    };

    (void)state;
    bed_address(&record, "www.example", 300, 20);
    put();
    bed_address(&record, "corp.example", 300, 20);
    record.view = 5;
    record.incarnation = 1;
    put();
    save(2);
    assert_null(load_at(&other, 0));
    assert_result(1, 1, 0, 0);
    bed_find(second, "www.example", &found);
    assert_int_equal(found.view, 3);
    assert_int_equal(found.incarnation, 4);
}

static void test_pools_of_the_past_are_not_saved(void **state)
{
    (void)state;
    bed_address(&record, "www.example", 300, 20);
    record.incarnation = 6;
    put();
    save(0);
}

static void test_the_file_is_for_its_owner_only(void **state)
{
    struct stat file;

    (void)state;
    save(0);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
}

static void test_a_foreign_file_is_not_overwritten(void **state)
{
    FILE *file;
    uint64_t n;

    (void)state;
    len = 32;
    memset(bytes, 'x', len);
    write_bytes(len);
    assert_non_null(strstr(cache_file_save(path, cache, &bed_look, WALL_NS, &n, reason),
                           "a file is there that is not ours"));
    file = fopen(path, "r");
    assert_int_equal(fread(bytes + len, 1, len + 1, file), len);
    fclose(file);
    assert_memory_equal(bytes + len, bytes, len);
}

static void test_an_empty_file_and_an_old_one_are_replaced(void **state)
{
    (void)state;
    write_bytes(0);
    save(0);
    bed_address(&record, "www.example", 300, 20);
    put();
    save(1);
    assert_null(load_at(&bed_look, 0));
    assert_result(1, 0, 0, 0);
}

static void test_a_folder_is_not_replaced(void **state)
{
    uint64_t n;

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_non_null(strstr(cache_file_save(path, cache, &bed_look, WALL_NS, &n, reason),
                           "something is there that is no file"));
    assert_int_equal(rmdir(path), 0);
}

static void test_what_cannot_be_written_is_told(void **state)
{
    uint64_t n;
    char below[120];

    (void)state;
    snprintf(below, sizeof(below), "%s/none/cache", folder);
    assert_non_null(strstr(cache_file_save(below, cache, &bed_look, WALL_NS, &n, reason),
                           "cannot be written (No such file or directory)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_of_an_entry_comes_back),
        TEST(test_each_kind_comes_back),
        TEST(test_failures_are_not_saved),
        TEST(test_a_denial_outlasts_a_boot),
        TEST(test_an_empty_cache_is_a_file_too),
        TEST(test_time_between_is_counted_by_the_wall_clock),
        TEST(test_what_the_boot_clock_cannot_express_is_taken_off_the_ttls),
        TEST(test_what_ended_before_the_boot_is_left_out),
        TEST(test_a_clock_that_went_backwards_makes_nothing_older),
        TEST(test_stale_entries_are_kept_while_they_are_of_use),
        TEST(test_what_expires_meanwhile_is_left_out),
        TEST(test_pools_are_known_by_their_names),
        TEST(test_pools_of_the_past_are_not_saved),
        TEST(test_the_file_is_for_its_owner_only),
        TEST(test_a_foreign_file_is_not_overwritten),
        TEST(test_an_empty_file_and_an_old_one_are_replaced),
        TEST(test_a_folder_is_not_replaced),
        TEST(test_what_cannot_be_written_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
