/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_machine.c - what is made of limits and of the kernel's reserved ports.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine.h"

static void test_ports_are_what_descriptors_are_left_for(void **state)
{
    uint64_t needed, twice;
    unsigned one = machine_max_ports(1024, 1, 1, 128, 1, &needed);
    unsigned two = machine_max_ports(1024, 2, 1, 128, 1, &twice);

    (void)state;
    assert_true(one > 900 && one < 1024);
    assert_true(two > 440 && two < one / 2);
    assert_true(needed < 64);
    assert_true(twice > needed);
}

static void test_ports_are_bounded_by_what_can_be_used(void **state)
{
    uint64_t needed;

    (void)state;
    assert_int_equal(machine_max_ports(UINT64_MAX, 1, 2, 128, 1, &needed),
                     128 * RD_MAX_SERVERS + RD_PORTS_LINGERING);
}

static void test_too_few_descriptors_say_how_many_are_needed(void **state)
{
    uint64_t needed, again;

    (void)state;
    assert_int_equal(machine_max_ports(20, 2, 2, 128, 3, &needed), 0);
    assert_int_equal(machine_max_ports(needed - 1, 2, 2, 128, 3, &again), 0);
    assert_int_equal(machine_max_ports(needed, 2, 2, 128, 3, &again), 3 * RD_PORTS_MIN);
}

/* The ranges that TEXT, as the kernel writes it, and AVOID make. */
static unsigned avoid_all(const char *text, const struct rd_port_list *avoid,
                          struct rd_port_list *ret_all)
{
    char path[] = "/tmp/ringdns-ports-XXXXXX";
    int fd = mkstemp(path);
    unsigned left;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    left = machine_ports_avoid(avoid, path, ret_all);
    unlink(path);
    return left;
}

static void test_reads_the_reserved_ports_of_the_kernel(void **state)
{
    const struct rd_port_list none = {0};
    struct rd_port_list all;

    (void)state;
    assert_int_equal(avoid_all("8080,9000-9010\n", &none, &all), 65536 - 1024 - 12);
    assert_int_equal(all.n, 2);
    assert_int_equal(all.at[0].first, 8080);
    assert_int_equal(all.at[1].last, 9010);
    assert_int_equal(avoid_all("\n", &none, &all), 65536 - 1024);
    assert_int_equal(all.n, 0);
}

static void test_joins_the_option_and_the_kernels_list(void **state)
{
    const struct rd_port_list avoid = {3, {{1, 2000}, {9005, 9100}, {65535, 65535}}};
    struct rd_port_list all;

    (void)state;
    assert_int_equal(avoid_all("9000-9010,9101\n", &avoid, &all), 65536 - 2001 - 102 - 1);
    assert_int_equal(all.n, 3);
    assert_int_equal(all.at[1].first, 9000);
    assert_int_equal(all.at[1].last, 9101);
    assert_int_equal(all.at[2].last, 65535);
}

static void test_an_absent_file_reserves_nothing(void **state)
{
    const struct rd_port_list avoid = {1, {{5000, 5009}}};
    struct rd_port_list all;

    (void)state;
    assert_int_equal(machine_ports_avoid(&avoid, "/nonexistent", &all), 65536 - 1024 - 10);
    assert_int_equal(all.n, 1);
}

static void test_too_many_ranges_widen_but_never_shrink(void **state)
{
    const struct rd_port_list none = {0};
    struct rd_port_list all;
    char text[8192];
    size_t len = 0;
    uint32_t at = 0;

    (void)state;
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d", i ? "," : "",
                                2000 + i * (i < 100 ? 2 : 50));
    avoid_all(text, &none, &all);
    assert_in_range(all.n, 1, RD_MAX_PORTRANGES);
    for (int i = 0; i < 200; i++) {
        unsigned port = 2000 + (unsigned)i * (i < 100 ? 2 : 50);

        while (at < all.n && all.at[at].last < port)
            at++;
        assert_true(at < all.n && all.at[at].first <= port);
    }
}

static void test_there_is_a_cpu(void **state)
{
    unsigned cpus[RD_MAX_WORKERS], n = machine_cpus(cpus);

    (void)state;
    assert_in_range(n, 1, RD_MAX_WORKERS);
    for (unsigned i = 1; i < n; i++)
        assert_true(cpus[i] > cpus[i - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ports_are_what_descriptors_are_left_for),
        cmocka_unit_test(test_ports_are_bounded_by_what_can_be_used),
        cmocka_unit_test(test_too_few_descriptors_say_how_many_are_needed),
        cmocka_unit_test(test_reads_the_reserved_ports_of_the_kernel),
        cmocka_unit_test(test_joins_the_option_and_the_kernels_list),
        cmocka_unit_test(test_an_absent_file_reserves_nothing),
        cmocka_unit_test(test_too_many_ranges_widen_but_never_shrink),
        cmocka_unit_test(test_there_is_a_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
