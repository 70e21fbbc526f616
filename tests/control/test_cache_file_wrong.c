/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_file_wrong.c - nothing is loaded of a file that is not whole, nor what is not sound.
 */
#include <sodium.h>

#include "cache_file_bed.h"
#include "cache_format.h"

enum { HEAD = sizeof(struct cache_format_head), POOL = sizeof(struct cache_format_pool) };
enum { FIRST = HEAD + 2 * POOL, END = sizeof(struct cache_format_end) };

static void read_bytes(void)
{
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    assert_in_range(len, FIRST + END, sizeof(bytes) - 1);
}

/* With a checksum that fits. */
static void write_signed(void)
{
    crypto_generichash(bytes + len - CACHE_FORMAT_HASH, CACHE_FORMAT_HASH, bytes,
                       len - CACHE_FORMAT_HASH, NULL, 0);
    write_bytes(len);
}

static struct cache_format_entry *first_entry(void)
{
    return (struct cache_format_entry *)(void *)(bytes + FIRST);
}

/* A file with one entry, in BYTES too. */
static void make_file(void)
{
    bed_address(&record, "www.example", 300, 20);
    put();
    save(1);
    read_bytes();
}

static void test_each_changed_byte_is_found(void **state)
{
    (void)state;
    make_file();
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 0x10;
        write_bytes(len);
        assert_ignored("it");
        bytes[i] ^= 0x10;
    }
    write_bytes(len);
    assert_null(load_at(&bed_look, 0));
    assert_result(1, 0, 0, 0);
}

static void test_each_cut_is_found(void **state)
{
    (void)state;
    make_file();
    for (size_t n = 0; n < len; n++) {
        write_bytes(n);
        assert_ignored("it is cut");
    }
    bytes[len] = 0;
    write_bytes(len + 1);
    assert_ignored("cut or damaged");
}

static void test_foreign_files_are_told_apart(void **state)
{
    struct cache_format_head *head = (struct cache_format_head *)(void *)bytes;

    (void)state;
    make_file();
    head->version++;
    write_signed();
    assert_ignored("it has version 2 of the format, this program writes and reads 1");
    head->version--;
    head->order = __builtin_bswap32(head->order);
    write_signed();
    assert_ignored("another byte order");
    memset(bytes, 'x', len);
    write_signed();
    assert_ignored("it is not the file of a cache");
}

static void test_no_file_is_no_fault(void **state)
{
    (void)state;
    assert_string_equal(load_at(&bed_look, 0), "");
    assert_result(0, 0, 0, 0);
}

static void test_a_folder_is_no_file(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_ignored("it is no file");
    assert_int_equal(rmdir(path), 0);
}

/* Forms that a right checksum does not make right. */
/* It would be theirs to say what is answered. */
static void test_a_file_that_others_can_write_is_not_believed(void **state)
{
    (void)state;
    bed_address(&record, "www.example", 300, 20);
    put();
    save(1);
    assert_int_equal(chmod(path, 0620), 0);
    assert_ignored("others can write it");
    assert_int_equal(chmod(path, 0602), 0);
    assert_ignored("others can write it");
    assert_int_equal(chmod(path, 0644), 0);
    assert_null(load_at(&bed_look, 0));
    assert_result(1, 0, 0, 0);
}

static void test_wrong_entries_are_found_behind_a_right_checksum(void **state)
{
    struct cache_format_head *head = (struct cache_format_head *)(void *)bytes;
    uint64_t n;

    (void)state;
    make_file();
#define WRONG(field, value, part)                                                                  \
    do {                                                                                           \
        __typeof__(field) before = field;                                                          \
        field = (value);                                                                           \
        write_signed();                                                                            \
        assert_ignored(part);                                                                      \
        field = before;                                                                            \
    } while (0)
    WRONG(first_entry()->kind, 3, "entry 1 of 1 is wrong");
    WRONG(first_entry()->pool, 2, "entry 1 of 1 is wrong");
    WRONG(first_entry()->flags, 8, "entry 1 of 1 is wrong");
    WRONG(first_entry()->name_len, 0, "entry 1 of 1 is wrong");
    WRONG(first_entry()->name_len, 255, "entry 1 of 1 is wrong");
    WRONG(first_entry()->len, RD_CACHE_MESSAGE_BYTES + 1, "entry 1 of 1 is wrong");
    WRONG(head->n_pools, 3, "entry 1 of 1 is wrong");
    WRONG(head->n_pools, RD_MAX_POOLS + 1, "its list of pools is wrong");
    WRONG(head->n_pools, RD_MAX_POOLS, "its list of pools is wrong");
    n = 0;
    memcpy(bytes + len - END, &n, sizeof(n));
    write_signed();
    assert_ignored("there is more in it than its entries");
}

static void test_too_few_entries_are_found(void **state)
{
    const uint64_t n = UINT64_MAX;

    (void)state;
    make_file();
    memcpy(bytes + len - END, &n, sizeof(n));
    write_signed();
    assert_non_null(strstr(load_at(&bed_look, 0), "entry 2 of 18446744073709551615 is wrong"));
    assert_result(1, 0, 0, 0); /* that one was sound */
}

static void test_an_unsound_entry_is_refused_by_the_cache(void **state)
{
    (void)state;
    make_file();
    bytes[FIRST + sizeof(struct cache_format_entry)] = 0xc0; /* the name */
    write_signed();
    assert_null(load_at(&bed_look, 0));
    assert_result(0, 0, 0, 1);
}

static void test_a_failure_is_refused_by_the_cache(void **state)
{
    (void)state;
    make_file();
    first_entry()->kind = RD_CACHE_FAILURE;
    write_signed();
    assert_null(load_at(&bed_look, 0));
    assert_result(0, 0, 0, 1);
}

static void test_an_untidy_message_is_refused_by_the_cache(void **state)
{
    (void)state;
    make_file();
    bytes[len - END - 10] = 0x80; /* the top bit of a TTL */
    write_signed();
    assert_null(load_at(&bed_look, 0));
    assert_result(0, 0, 0, 1);
}

static void test_a_huge_age_does_not_wrap(void **state)
{
    (void)state;
    make_file();
    first_entry()->age_ns = UINT64_MAX;
    write_signed();
    assert_null(load_at(&bed_look, 5));
    assert_result(0, 0, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_changed_byte_is_found),
        TEST(test_each_cut_is_found),
        TEST(test_foreign_files_are_told_apart),
        TEST(test_no_file_is_no_fault),
        TEST(test_a_folder_is_no_file),
        TEST(test_a_file_that_others_can_write_is_not_believed),
        TEST(test_wrong_entries_are_found_behind_a_right_checksum),
        TEST(test_too_few_entries_are_found),
        TEST(test_an_unsound_entry_is_refused_by_the_cache),
        TEST(test_a_failure_is_refused_by_the_cache),
        TEST(test_an_untidy_message_is_refused_by_the_cache),
        TEST(test_a_huge_age_does_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
