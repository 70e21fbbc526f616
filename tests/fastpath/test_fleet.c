/* SPDX-License-Identifier: BSD-2-Clause */
/* test_fleet.c - stable numbers and shared health of servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "fleet.h"

static union rd_address server(uint32_t n)
{
    union rd_address address = {0};

    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(53);
    address.v4.sin_addr.s_addr = htonl(0xc0000200u + n);
    return address;
}

static int setup(void **state)
{
    *state = rd_fleet_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    rd_fleet_free(*state);
    return 0;
}

static void test_an_address_keeps_its_number(void **state)
{
    union rd_address a = server(1), b = server(2);
    int first = fleet_hold(*state, &a);

    assert_true(first >= 0);
    assert_int_not_equal(fleet_hold(*state, &b), first);
    assert_int_equal(fleet_hold(*state, &a), first);
}

static void test_a_released_number_is_another_incarnation(void **state)
{
    struct rd_fleet *fleet = *state;
    union rd_address a = server(1), b = server(2);
    int number = fleet_hold(fleet, &a);
    uint32_t before = fleet->servers[number].incarnation;

    fleet_release(fleet, (unsigned)number);
    assert_int_equal(fleet_hold(fleet, &b), number);
    assert_int_not_equal(fleet->servers[number].incarnation, before);
}

static void test_a_full_fleet_takes_no_more_until_one_is_released(void **state)
{
    union rd_address address;

    for (uint32_t i = 0; i < RD_MAX_UPSTREAMS; i++) {
        address = server(i);
        assert_true(fleet_hold(*state, &address) >= 0);
    }
    address = server(RD_MAX_UPSTREAMS);
    assert_int_equal(fleet_hold(*state, &address), -ENOSPC);
    fleet_release(*state, 17);
    assert_int_equal(fleet_hold(*state, &address), 17);
}

static void test_time_outs_in_a_row_make_a_server_suspect(void **state)
{
    union rd_address a = server(1);
    unsigned number = (unsigned)fleet_hold(*state, &a);

    for (int i = 0; i < FLEET_TIMEOUTS_SUSPECT - 1; i++)
        assert_false(fleet_timed_out(*state, number));
    assert_true(fleet_timed_out(*state, number));
    assert_true(fleet_timed_out(*state, number));
    assert_false(fleet_is_down(*state, number));
}

static void test_a_lost_probe_takes_a_server_down_once(void **state)
{
    union rd_address a = server(1);
    unsigned number = (unsigned)fleet_hold(*state, &a);

    assert_true(fleet_lost(*state, number));
    assert_true(fleet_is_down(*state, number));
    assert_false(fleet_lost(*state, number));
}

static void test_a_server_that_is_down_is_not_suspected(void **state)
{
    union rd_address a = server(1);
    unsigned number = (unsigned)fleet_hold(*state, &a);

    fleet_lost(*state, number);
    for (int i = 0; i < 2 * FLEET_TIMEOUTS_SUSPECT; i++)
        assert_false(fleet_timed_out(*state, number));
}

static void test_a_reply_starts_the_count_anew(void **state)
{
    union rd_address a = server(1);
    unsigned number = (unsigned)fleet_hold(*state, &a);

    for (int i = 0; i < FLEET_TIMEOUTS_SUSPECT - 1; i++)
        fleet_timed_out(*state, number);
    assert_false(fleet_replied(*state, number));
    for (int i = 0; i < FLEET_TIMEOUTS_SUSPECT - 1; i++)
        assert_false(fleet_timed_out(*state, number));
}

static void test_a_reply_brings_a_server_back_once(void **state)
{
    union rd_address a = server(1);
    unsigned number = (unsigned)fleet_hold(*state, &a);

    fleet_lost(*state, number);
    assert_true(fleet_replied(*state, number));
    assert_false(fleet_is_down(*state, number));
    assert_false(fleet_replied(*state, number));
}

static void test_a_probe_is_given_once_per_interval(void **state)
{
    union rd_address a = server(1);
    unsigned number = (unsigned)fleet_hold(*state, &a);

    assert_true(fleet_probe(*state, number, FLEET_PROBE_NS));
    assert_false(fleet_probe(*state, number, FLEET_PROBE_NS));
    assert_false(fleet_probe(*state, number, 2 * FLEET_PROBE_NS - 1));
    assert_true(fleet_probe(*state, number, 2 * FLEET_PROBE_NS));
}

static void test_probes_and_clients_questions_have_turns_of_their_own(void **state)
{
    union rd_address a = server(1);
    unsigned number = (unsigned)fleet_hold(*state, &a);

    for (uint64_t i = 1; i <= 10; i++)
        assert_true(fleet_last_hope(*state, number, i * FLEET_LAST_HOPE_NS));
    assert_false(fleet_last_hope(*state, number, 11 * FLEET_LAST_HOPE_NS - 1));
    assert_true(fleet_probe(*state, number, FLEET_PROBE_NS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_address_keeps_its_number, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_released_number_is_another_incarnation, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_full_fleet_takes_no_more_until_one_is_released,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_outs_in_a_row_make_a_server_suspect, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_probe_takes_a_server_down_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_server_that_is_down_is_not_suspected, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_reply_starts_the_count_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_reply_brings_a_server_back_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_probe_is_given_once_per_interval, setup, teardown),
        cmocka_unit_test_setup_teardown(test_probes_and_clients_questions_have_turns_of_their_own,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
