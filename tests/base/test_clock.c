/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_clock.c - the clock is the boot-time clock, in nanoseconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

static uint64_t boottime_ns(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void test_is_boot_time(void **state)
{
    uint64_t before = boottime_ns();
    uint64_t now = rd_clock_now();

    (void)state;
    assert_in_range(now, before, boottime_ns());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_boot_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
