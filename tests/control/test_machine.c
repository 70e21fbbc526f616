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

/* One listening address, one server, and the options' defaults. */
static struct machine_need need(unsigned workers, uint32_t servers)
{
    return (struct machine_need){.workers = workers,
                                 .servers = servers,
                                 .listeners = 1,
                                 .ports = 128,
                                 .links = 2,
                                 .clients = 10000};
}

/* What WORKERS open at most, without the process's own. */
static uint64_t open_at_most(const struct machine_need *need, const struct machine_share *share)
{
    return need->workers * (2 * need->listeners + need->servers * (uint64_t)need->links +
                            share->ports + share->connections);
}

static void test_enough_descriptors_give_everything(void **state)
{
    struct machine_need one = need(1, 3), many = need(4, 20);
    struct machine_share share;
    uint64_t needed;

    (void)state;
    assert_true(machine_share(UINT64_MAX, &one, &share, &needed));
    assert_int_equal(share.ports, 128 * RD_MAX_SERVERS + RD_PORTS_LINGERING);
    assert_int_equal(share.connections, 10000);
    assert_true(machine_share(1 << 20, &many, &share, &needed));
    assert_int_equal(share.ports, 128 * 20 + RD_PORTS_LINGERING);
    assert_int_equal(share.connections, 10000);
}

static void test_ports_come_first_and_connections_get_a_quarter(void **state)
{
    struct machine_need one = need(1, 1), two = need(2, 1);
    struct machine_share share, half;
    uint64_t needed;

    (void)state;
    assert_true(machine_share(1024, &one, &share, &needed));
    assert_true(share.ports > 650 && share.connections > 200 && share.connections < 250);
    assert_true(machine_share(1024, &two, &half, &needed));
    assert_true(half.ports < share.ports / 2 && half.connections < share.connections / 2);
    /* All the ports that there can be, so the rest is for connections. */
    assert_true(machine_share(10000, &one, &share, &needed));
    assert_int_equal(share.ports, 128 * RD_MAX_SERVERS + RD_PORTS_LINGERING);
    assert_true(share.connections > 3700 && share.connections < 10000);
}

static void test_what_is_not_used_goes_to_the_ports(void **state)
{
    struct machine_need few = need(1, 1);
    struct machine_share share;
    uint64_t needed;

    (void)state;
    few.clients = 20;
    assert_true(machine_share(1024, &few, &share, &needed));
    assert_int_equal(share.connections, 20);
    assert_true(share.ports > 850);
}

static void test_never_more_than_there_are(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 8; workers *= 2)
        for (uint32_t servers = 1; servers <= RD_MAX_UPSTREAMS; servers += 9)
            for (uint64_t limit = 1; limit < 1 << 18; limit += limit / 3 + 1) {
                struct machine_need some = need(workers, servers);
                struct machine_share share;
                uint64_t needed;

                if (!machine_share(limit, &some, &share, &needed)) {
                    assert_true(limit < needed);
                    continue;
                }
                assert_true(limit >= needed);
                assert_true(share.ports >= RD_PORTS_MIN * servers);
                assert_in_range(share.connections, 16, 10000);
                /* The standard streams, the control socket's clients, and some to spare. */
                assert_true(open_at_most(&some, &share) + 3 + RD_CONTROL_CLIENTS + 16 < limit);
            }
}

static void test_too_few_descriptors_say_how_many_are_needed(void **state)
{
    struct machine_need some = need(2, 3);
    struct machine_share share = {1, 1};
    uint64_t needed, again;

    (void)state;
    assert_false(machine_share(20, &some, &share, &needed));
    assert_int_equal(share.ports, 1);
    assert_false(machine_share(needed - 1, &some, &share, &again));
    assert_int_equal(again, needed);
    assert_true(machine_share(needed, &some, &share, &again));
    assert_int_equal(share.ports, 3 * RD_PORTS_MIN);
    assert_int_equal(share.connections, 16);
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
        cmocka_unit_test(test_enough_descriptors_give_everything),
        cmocka_unit_test(test_ports_come_first_and_connections_get_a_quarter),
        cmocka_unit_test(test_what_is_not_used_goes_to_the_ports),
        cmocka_unit_test(test_never_more_than_there_are),
        cmocka_unit_test(test_too_few_descriptors_say_how_many_are_needed),
        cmocka_unit_test(test_reads_the_reserved_ports_of_the_kernel),
        cmocka_unit_test(test_joins_the_option_and_the_kernels_list),
        cmocka_unit_test(test_an_absent_file_reserves_nothing),
        cmocka_unit_test(test_too_many_ranges_widen_but_never_shrink),
        cmocka_unit_test(test_there_is_a_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
