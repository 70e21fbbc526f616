/* SPDX-License-Identifier: BSD-2-Clause */
/* test_fleet.c - stable numbers of servers and pools. Health: test_health.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "fleet.h"

static const union rd_address any;

static union rd_address server(uint32_t n)
{
    union rd_address address = {0};

    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(53);
    address.v4.sin_addr.s_addr = htonl(0xc0000200u + n);
    return address;
}

static int hold(struct rd_fleet *fleet, uint32_t n)
{
    union rd_address address = server(n);

    return fleet_hold(fleet, &address, &any);
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
    int first = hold(*state, 1);

    assert_true(first >= 0);
    assert_int_not_equal(hold(*state, 2), first);
    assert_int_equal(hold(*state, 1), first);
}

static void test_an_address_asked_from_two_sources_is_two_servers(void **state)
{
    struct rd_fleet *fleet = *state;
    union rd_address a = server(1), here = server(100), there = server(101);
    int first = fleet_hold(fleet, &a, &here), second = fleet_hold(fleet, &a, &there);
    struct rd_server_info info;

    assert_int_not_equal(first, second);
    assert_int_not_equal(hold(fleet, 1), first);
    assert_int_equal(fleet_hold(fleet, &a, &here), first);
    assert_int_equal(fleet_hold(fleet, &a, &there), second);
    assert_true(rd_fleet_server(fleet, (unsigned)second, &info));
    assert_true(rd_address_equal(&info.address, &a));
    assert_true(rd_address_equal(&info.source, &there));
}

static void test_a_number_stays_as_long_as_one_snapshot_holds_it(void **state)
{
    struct rd_fleet *fleet = *state;
    unsigned number = (unsigned)hold(fleet, 1);
    struct rd_server_info info;

    hold(fleet, 1);
    fleet_release(fleet, number);
    assert_true(rd_fleet_server(fleet, number, &info));
    for (uint32_t n = 2; n <= RD_MAX_UPSTREAMS; n++)
        assert_int_not_equal(hold(fleet, n), number);
    assert_int_equal(hold(fleet, RD_MAX_UPSTREAMS + 1), -ENOSPC);
    fleet_release(fleet, number);
    assert_false(rd_fleet_server(fleet, number, &info));
    assert_int_equal(hold(fleet, RD_MAX_UPSTREAMS + 1), number);
}

static void test_a_number_that_another_gets_is_another_incarnation(void **state)
{
    struct rd_fleet *fleet = *state;
    uint32_t before;

    for (uint32_t n = 0; n < RD_MAX_UPSTREAMS; n++)
        hold(fleet, n);
    before = fleet->servers[17].incarnation;
    fleet_release(fleet, 17);
    assert_int_equal(hold(fleet, RD_MAX_UPSTREAMS), 17);
    assert_int_not_equal(fleet->servers[17].incarnation, before);
}

static void test_a_server_that_comes_back_has_its_number_and_a_clean_record(void **state)
{
    struct rd_fleet *fleet = *state;
    unsigned number = (unsigned)hold(fleet, 1);
    uint32_t before = fleet->servers[number].incarnation;

    for (uint32_t name = 1; name <= FLEET_TIMEOUTS_SUSPECT; name++)
        fleet_timed_out(fleet, number, name, 1);
    fleet_lost(fleet, number, 1);
    fleet_release(fleet, number);
    assert_int_not_equal(hold(fleet, 2), number);
    assert_int_equal(hold(fleet, 1), number);
    assert_int_equal(fleet->servers[number].incarnation, before);
    assert_int_equal(fleet_state(fleet, number, 2), RD_SERVER_UP);
    assert_int_equal(fleet->servers[number].since_ns, 0);
}

static void test_health_outlives_a_reload(void **state)
{
    struct rd_fleet *fleet = *state;
    unsigned number = (unsigned)hold(fleet, 1);

    for (uint32_t name = 1; name <= FLEET_TIMEOUTS_SUSPECT; name++)
        fleet_timed_out(fleet, number, name, 1);
    assert_int_equal(hold(fleet, 1), number);
    fleet_release(fleet, number);
    assert_int_equal(fleet_state(fleet, number, 2), RD_SERVER_SUSPECT);
}

static void test_a_pool_keeps_its_number(void **state)
{
    int corp = fleet_hold_view(*state, "corp"), other = fleet_hold_view(*state, "default");

    assert_true(corp >= 0);
    assert_true(other >= 0);
    assert_int_not_equal(corp, other);
    assert_int_equal(fleet_hold_view(*state, "corp"), corp);
}

static void test_a_pool_that_comes_back_has_its_number_again(void **state)
{
    int corp = fleet_hold_view(*state, "corp"), other = fleet_hold_view(*state, "default");

    fleet_release_view(*state, (unsigned)corp);
    assert_int_not_equal(fleet_hold_view(*state, "lab"), corp);
    assert_int_equal(fleet_hold_view(*state, "corp"), corp);
    assert_int_equal(fleet_hold_view(*state, "default"), other);
}

static void test_pools_over_the_limit_wait_until_a_number_is_free(void **state)
{
    char longest[RD_TEXT_BYTES + 1] = {0};
    char name[8];

    memset(longest, 'x', RD_TEXT_BYTES);
    for (unsigned i = 0; i < RD_MAX_VIEWS; i++) {
        snprintf(name, sizeof(name), "p%u", i);
        assert_int_equal(fleet_hold_view(*state, name), i);
    }
    assert_int_equal(fleet_hold_view(*state, longest), -ENOSPC);
    assert_int_equal(fleet_hold_view(*state, "p9"), 9);
    fleet_release_view(*state, 9);
    assert_int_equal(fleet_hold_view(*state, longest), -ENOSPC);
    fleet_release_view(*state, 9);
    assert_int_equal(fleet_hold_view(*state, longest), 9);
    assert_int_equal(fleet_hold_view(*state, longest), 9);
    assert_int_equal(fleet_hold_view(*state, "p9"), -ENOSPC);
}

static void test_connections_are_counted_up_to_the_limit(void **state)
{
    unsigned number = (unsigned)hold(*state, 1);

    assert_false(fleet_link(*state, number, 0));
    assert_true(fleet_link(*state, number, 2));
    assert_true(fleet_link(*state, number, 2));
    assert_false(fleet_link(*state, number, 2));
    fleet_unlink(*state, number);
    assert_true(fleet_link(*state, number, 2));
    assert_false(fleet_link(*state, number, 2));
}

/* They close only after the number has gone to another server. */
static void test_connections_of_a_server_that_went_stay_counted(void **state)
{
    unsigned number = (unsigned)hold(*state, 1);

    assert_true(fleet_link(*state, number, 2));
    fleet_release(*state, number);
    assert_int_equal(hold(*state, 1), number);
    assert_true(fleet_link(*state, number, 2));
    assert_false(fleet_link(*state, number, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_address_keeps_its_number, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_address_asked_from_two_sources_is_two_servers,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_number_stays_as_long_as_one_snapshot_holds_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_number_that_another_gets_is_another_incarnation,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_server_that_comes_back_has_its_number_and_a_clean_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_health_outlives_a_reload, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_pool_keeps_its_number, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_pool_that_comes_back_has_its_number_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_pools_over_the_limit_wait_until_a_number_is_free,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_connections_are_counted_up_to_the_limit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_connections_of_a_server_that_went_stay_counted, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
