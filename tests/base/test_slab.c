/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab.c - indices are handed out once each, and memory is touched only as it is used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/slab.h"

#define COUNT 8u

static int init_small(void **state)
{
    static struct rd_slab slab;

    *state = &slab;
    return rd_slab_init(&slab, 64, COUNT);
}

static int deinit_small(void **state)
{
    rd_slab_deinit(*state);
    return 0;
}

static void test_every_index_is_given_once(void **state)
{
    struct rd_slab *slab = *state;
    unsigned seen = 0;

    for (unsigned i = 0; i < COUNT; i++) {
        uint32_t index = rd_slab_take(slab);

        assert_in_range(index, 0, COUNT - 1);
        assert_false(seen & 1u << index);
        seen |= 1u << index;
    }
}

static void test_an_exhausted_slab_gives_none(void **state)
{
    struct rd_slab *slab = *state;

    for (unsigned i = 0; i < COUNT; i++)
        rd_slab_take(slab);
    assert_int_equal(rd_slab_take(slab), RD_SLAB_NONE);
    assert_int_equal(rd_slab_used(slab), COUNT);
}

static void test_last_returned_is_first_given(void **state)
{
    struct rd_slab *slab = *state;
    uint32_t a = rd_slab_take(slab), b = rd_slab_take(slab);

    rd_slab_take(slab);
    rd_slab_give(slab, b);
    rd_slab_give(slab, a);
    assert_int_equal(rd_slab_take(slab), a);
    assert_int_equal(rd_slab_take(slab), b);
}

static void test_used_counts_what_is_out(void **state)
{
    struct rd_slab *slab = *state;
    uint32_t first = rd_slab_take(slab);

    rd_slab_take(slab);
    assert_int_equal(rd_slab_used(slab), 2);
    rd_slab_give(slab, first);
    assert_int_equal(rd_slab_used(slab), 1);
}

static void test_objects_start_as_zeros_and_are_apart(void **state)
{
    static const uint8_t zeros[64];
    struct rd_slab *slab = *state;

    for (unsigned i = 0; i < COUNT; i++) {
        uint8_t *object = rd_slab_at(slab, rd_slab_take(slab));

        assert_memory_equal(object, zeros, 64);
        memset(object, 0xaa, 64);
    }
}

static void test_an_object_keeps_what_its_owner_left(void **state)
{
    struct rd_slab *slab = *state;
    uint32_t index = rd_slab_take(slab);

    memset(rd_slab_at(slab, index), 0x5a, 64);
    rd_slab_give(slab, index);
    assert_int_equal(rd_slab_take(slab), index);
    assert_int_equal(*(uint8_t *)rd_slab_at(slab, index), 0x5a);
}

static void test_objects_of_whole_lines_are_aligned(void **state)
{
    struct rd_slab *slab = *state;

    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal((uintptr_t)rd_slab_at(slab, i) % 64, 0);
}

static void test_too_much_is_no_memory(void **state)
{
    struct rd_slab slab, before;

    (void)state;
    memset(&slab, 0x77, sizeof(slab));
    before = slab;
    assert_int_equal(rd_slab_init(&slab, SIZE_MAX / 2, 3), -ENOMEM);
    assert_int_equal(rd_slab_init(&slab, SIZE_MAX / 16, 8), -ENOMEM);
    assert_memory_equal(&slab, &before, sizeof(slab));
}

static void test_no_objects_at_all(void **state)
{
    struct rd_slab slab;

    (void)state;
    assert_int_equal(rd_slab_init(&slab, 64, 0), 0);
    assert_int_equal(rd_slab_take(&slab), RD_SLAB_NONE);
    rd_slab_deinit(&slab);
}

/* Huge pages may make a touched piece 2 MiB large, so it is counted against 64 MiB. */
static void test_memory_is_not_touched_ahead(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 64u << 20, resident = 0;
    unsigned char *in_core = malloc(bytes / page);
    struct rd_slab slab;

    (void)state;
    assert_int_equal(rd_slab_init(&slab, 4096, (uint32_t)(bytes / 4096)), 0);
    memset(rd_slab_at(&slab, rd_slab_take(&slab)), 1, 4096);
    assert_int_equal(mincore(slab.objects, bytes, in_core), 0);
    for (size_t i = 0; i < bytes / page; i++)
        resident += in_core[i] & 1u;
    assert_in_range(resident, 1, bytes / page / 8);
    rd_slab_deinit(&slab);
    free(in_core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_index_is_given_once, init_small, deinit_small),
        cmocka_unit_test_setup_teardown(test_an_exhausted_slab_gives_none, init_small,
                                        deinit_small),
        cmocka_unit_test_setup_teardown(test_last_returned_is_first_given, init_small,
                                        deinit_small),
        cmocka_unit_test_setup_teardown(test_used_counts_what_is_out, init_small, deinit_small),
        cmocka_unit_test_setup_teardown(test_objects_start_as_zeros_and_are_apart, init_small,
                                        deinit_small),
        cmocka_unit_test_setup_teardown(test_an_object_keeps_what_its_owner_left, init_small,
                                        deinit_small),
        cmocka_unit_test_setup_teardown(test_objects_of_whole_lines_are_aligned, init_small,
                                        deinit_small),
        cmocka_unit_test(test_too_much_is_no_memory),
        cmocka_unit_test(test_no_objects_at_all),
        cmocka_unit_test(test_memory_is_not_touched_ahead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
