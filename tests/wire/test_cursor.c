/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cursor.c - fields are read and written whole or not at all, and errors stick.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/cursor.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};

static void test_reads_big_endian_fields(void **state)
{
    struct rd_cursor cursor = rd_cursor_at(bytes, sizeof(bytes), 0);

    (void)state;
    assert_int_equal(rd_cursor_u8(&cursor), 0x01);
    assert_int_equal(rd_cursor_u16(&cursor), 0x0203);
    assert_int_equal(rd_cursor_u32(&cursor), 0x04050607);
    assert_int_equal(rd_cursor_left(&cursor), 0);
    assert_false(cursor.failed);
}

static void test_a_failed_cursor_stays_failed(void **state)
{
    struct rd_cursor cursor = rd_cursor_at(bytes, sizeof(bytes), 5);

    (void)state;
    assert_int_equal(rd_cursor_u32(&cursor), 0);
    assert_true(cursor.failed);
    assert_int_equal(rd_cursor_u8(&cursor), 0);
    assert_int_equal(rd_cursor_offset(&cursor), 5);
}

static void test_a_cursor_behind_the_end_has_failed(void **state)
{
    struct rd_cursor at_end = rd_cursor_at(bytes, sizeof(bytes), sizeof(bytes));
    struct rd_cursor behind = rd_cursor_at(bytes, sizeof(bytes), sizeof(bytes) + 1);

    (void)state;
    assert_non_null(rd_cursor_take(&at_end, 0));
    assert_null(rd_cursor_take(&behind, 0));
}

static void test_writes_big_endian_fields(void **state)
{
    uint8_t written[sizeof(bytes)];
    struct rd_writer writer = rd_writer_at(written, sizeof(written), 0);

    (void)state;
    rd_writer_u8(&writer, 0x01);
    rd_writer_u16(&writer, 0x0203);
    rd_writer_u32(&writer, 0x04050607);
    assert_false(writer.full);
    assert_int_equal(rd_writer_offset(&writer), sizeof(bytes));
    assert_memory_equal(written, bytes, sizeof(bytes));
}

static void test_a_full_writer_writes_nothing_more(void **state)
{
    uint8_t written[4] = {9, 9, 9, 9};
    struct rd_writer writer = rd_writer_at(written, 3, 0);

    (void)state;
    rd_writer_bytes(&writer, bytes, 4);
    rd_writer_u8(&writer, 1);
    assert_true(writer.full);
    assert_int_equal(rd_writer_offset(&writer), 0);
    assert_memory_equal(written, "\11\11\11\11", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_big_endian_fields),
        cmocka_unit_test(test_a_failed_cursor_stays_failed),
        cmocka_unit_test(test_a_cursor_behind_the_end_has_failed),
        cmocka_unit_test(test_writes_big_endian_fields),
        cmocka_unit_test(test_a_full_writer_writes_nothing_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
