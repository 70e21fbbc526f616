/* SPDX-License-Identifier: BSD-2-Clause */
/* test_health.c - what all workers together make of a server's replies, failures and silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fleet.h"

#define START_NS (1000 * RD_NS_PER_S)

/* One server, number 0. */
static int setup(void **state)
{
    struct rd_fleet *fleet = rd_fleet_new();
    union rd_address address = {0}, any = {0};

    *state = fleet;
    address.v4.sin_family = AF_INET;
    return fleet && fleet_hold(fleet, &address, &any) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    rd_fleet_free(*state);
    return 0;
}

static enum rd_server_state state_at(const struct rd_fleet *fleet, uint64_t now_ns)
{
    return fleet_state(fleet, 0, now_ns);
}

/* Questions for N different names time out, the first one FIRST: what the last one's caller hears.
 */
static bool time_out(struct rd_fleet *fleet, uint32_t first, uint32_t n, uint64_t now_ns)
{
    bool suspect = false;

    for (uint32_t name = first; name < first + n; name++)
        suspect = fleet_timed_out(fleet, 0, name, now_ns);
    return suspect;
}

/* The same for failures: how many callers hear that it is degraded. */
static unsigned let_fail(struct rd_fleet *fleet, uint32_t first, uint32_t n, uint64_t now_ns)
{
    unsigned degraded = 0;

    for (uint32_t suffix = first; suffix < first + n; suffix++)
        degraded += fleet_failed(fleet, 0, suffix, now_ns);
    return degraded;
}

static void answer(struct rd_fleet *fleet, unsigned n)
{
    while (n-- > 0)
        fleet_answered(fleet, 0);
}

static void take_down(struct rd_fleet *fleet, uint64_t now_ns)
{
    time_out(fleet, 1, FLEET_TIMEOUTS_SUSPECT, now_ns);
    assert_true(fleet_lost(fleet, 0, now_ns));
}

static void test_time_outs_of_different_names_make_a_server_suspect(void **state)
{
    assert_false(time_out(*state, 1, FLEET_TIMEOUTS_SUSPECT - 1, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_UP);
    assert_true(time_out(*state, 100, 1, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_SUSPECT);
    assert_true(time_out(*state, 100, 1, START_NS));
}

static void test_a_name_counts_once_however_often_it_times_out(void **state)
{
    for (unsigned i = 0; i < 10; i++)
        assert_false(time_out(*state, 0, FLEET_TIMEOUTS_SUSPECT - 1, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_UP);
}

static void test_a_reply_starts_the_count_anew(void **state)
{
    assert_false(time_out(*state, 1, FLEET_TIMEOUTS_SUSPECT - 1, START_NS));
    assert_false(fleet_replied(*state, 0, START_NS));
    assert_false(time_out(*state, 50, FLEET_TIMEOUTS_SUSPECT - 1, START_NS));
    assert_true(time_out(*state, 100, 1, START_NS));
}

static void test_a_reply_clears_a_suspicion(void **state)
{
    time_out(*state, 1, FLEET_TIMEOUTS_SUSPECT, START_NS);
    assert_false(fleet_replied(*state, 0, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_UP);
    assert_false(time_out(*state, 50, FLEET_TIMEOUTS_SUSPECT - 1, START_NS));
}

static void test_a_lost_probe_takes_a_suspect_down_once(void **state)
{
    time_out(*state, 1, FLEET_TIMEOUTS_SUSPECT, START_NS);
    assert_true(fleet_lost(*state, 0, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_DOWN);
    assert_false(fleet_lost(*state, 0, START_NS));
}

/* The probe's time is over, but meanwhile another question was answered. */
static void test_a_lost_probe_does_not_outweigh_a_later_reply(void **state)
{
    time_out(*state, 1, FLEET_TIMEOUTS_SUSPECT, START_NS);
    fleet_replied(*state, 0, START_NS);
    assert_false(fleet_lost(*state, 0, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_UP);
}

static void test_a_server_that_is_down_is_not_suspected(void **state)
{
    take_down(*state, START_NS);
    assert_false(time_out(*state, 50, 2 * FLEET_TIMEOUTS_SUSPECT, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_DOWN);
}

static void test_a_reply_brings_a_server_back_once(void **state)
{
    take_down(*state, START_NS);
    assert_true(fleet_replied(*state, 0, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_UP);
    assert_false(fleet_replied(*state, 0, START_NS));
    assert_false(time_out(*state, 1, FLEET_TIMEOUTS_SUSPECT - 1, START_NS));
}

static void test_a_probe_is_given_once_per_interval(void **state)
{
    assert_true(fleet_probe(*state, 0, FLEET_PROBE_NS));
    assert_false(fleet_probe(*state, 0, FLEET_PROBE_NS));
    assert_false(fleet_probe(*state, 0, 2 * FLEET_PROBE_NS - 1));
    assert_true(fleet_probe(*state, 0, 2 * FLEET_PROBE_NS));
}

static void test_probes_and_clients_questions_have_turns_of_their_own(void **state)
{
    for (uint64_t i = 1; i <= 10; i++)
        assert_true(fleet_last_hope(*state, 0, i * FLEET_LAST_HOPE_NS));
    assert_false(fleet_last_hope(*state, 0, 11 * FLEET_LAST_HOPE_NS - 1));
    assert_true(fleet_probe(*state, 0, FLEET_PROBE_NS));
    assert_true(fleet_loop_probe(*state, 0, FLEET_PROBE_NS, RD_NS_PER_S));
    assert_false(fleet_loop_probe(*state, 0, FLEET_PROBE_NS + RD_NS_PER_S - 1, RD_NS_PER_S));
    assert_true(fleet_loop_probe(*state, 0, FLEET_PROBE_NS + RD_NS_PER_S, RD_NS_PER_S));
}

static void test_failures_for_different_suffixes_degrade_for_a_while(void **state)
{
    assert_int_equal(let_fail(*state, 1, FLEET_FAILURES_DEGRADED - 1, START_NS), 0);
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_UP);
    assert_int_equal(let_fail(*state, 100, 1, START_NS), 1);
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_DEGRADED);
    assert_int_equal(state_at(*state, START_NS + FLEET_DEGRADED_NS - 1), RD_SERVER_DEGRADED);
    assert_int_equal(state_at(*state, START_NS + FLEET_DEGRADED_NS), RD_SERVER_UP);
}

static void test_one_broken_suffix_counts_once(void **state)
{
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(let_fail(*state, 0, FLEET_FAILURES_DEGRADED - 1, START_NS), 0);
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_UP);
}

/* Sixteen others later the ring has forgotten it. */
static void test_a_suffix_counts_again_when_the_ring_has_moved_on(void **state)
{
    struct rd_fleet *fleet = *state;

    let_fail(fleet, 1, 1, START_NS);
    for (uint32_t i = 0; i < FLEET_FAILURES_DEGRADED; i++) {
        let_fail(fleet, 10 + i, 1, START_NS);
        answer(fleet, 1);
    }
    assert_int_equal(fleet->servers[0].failures, 1);
    let_fail(fleet, 1, 1, START_NS);
    assert_int_equal(fleet->servers[0].failures, 2);
    let_fail(fleet, 1, 1, START_NS);
    assert_int_equal(fleet->servers[0].failures, 2);
}

static void test_each_good_answer_takes_one_failure_off(void **state)
{
    struct rd_fleet *fleet = *state;

    answer(fleet, 100);
    for (uint32_t round = 0; round < 20; round++) {
        assert_int_equal(let_fail(fleet, 100 * round, FLEET_FAILURES_DEGRADED - 1, START_NS), 0);
        answer(fleet, FLEET_FAILURES_DEGRADED - 1);
    }
    assert_int_equal(let_fail(fleet, 5000, FLEET_FAILURES_DEGRADED - 1, START_NS), 0);
    answer(fleet, 1);
    assert_int_equal(let_fail(fleet, 6000, 1, START_NS), 0);
    assert_int_equal(let_fail(fleet, 6001, 1, START_NS), 1);
}

/* On trial: the very suffixes that failed before count again. */
static void test_on_trial_four_failures_degrade_for_twice_as_long(void **state)
{
    static const uint64_t seconds[] = {2, 4, 8, 16, 32, 60, 60};
    uint64_t now_ns = START_NS;

    assert_int_equal(let_fail(*state, 1, FLEET_FAILURES_DEGRADED, now_ns), 1);
    for (unsigned i = 0; i < 7; i++) {
        uint64_t over_ns = now_ns + seconds[i] * RD_NS_PER_S;

        assert_int_equal(state_at(*state, over_ns - 1), RD_SERVER_DEGRADED);
        assert_int_equal(state_at(*state, over_ns), RD_SERVER_UP);
        now_ns = over_ns;
        assert_int_equal(let_fail(*state, 1, FLEET_FAILURES_TRIAL - 1, now_ns), 0);
        assert_int_equal(state_at(*state, now_ns), RD_SERVER_UP);
        assert_int_equal(let_fail(*state, 100, 1, now_ns), 1);
    }
}

static void test_answers_on_trial_make_up_for_failures(void **state)
{
    uint64_t later_ns = START_NS + FLEET_DEGRADED_NS;

    let_fail(*state, 1, FLEET_FAILURES_DEGRADED, START_NS);
    answer(*state, 3);
    assert_int_equal(let_fail(*state, 100, FLEET_FAILURES_TRIAL + 2, later_ns), 0);
    assert_int_equal(let_fail(*state, 200, 1, later_ns), 1);
}

static void test_a_good_record_resets_the_length(void **state)
{
    uint64_t later_ns = START_NS + FLEET_DEGRADED_NS;

    let_fail(*state, 1, FLEET_FAILURES_DEGRADED, START_NS);
    answer(*state, FLEET_FAILURES_DEGRADED - FLEET_FAILURES_TRIAL);
    assert_int_equal(let_fail(*state, 100, FLEET_FAILURES_DEGRADED - 1, later_ns), 0);
    assert_int_equal(let_fail(*state, 200, 1, later_ns), 1);
    assert_int_equal(state_at(*state, later_ns + FLEET_DEGRADED_NS), RD_SERVER_UP);
}

/* Where there is no other server it goes on being asked. */
static void test_failures_while_degraded_do_not_spend_the_trial(void **state)
{
    uint64_t later_ns = START_NS + FLEET_DEGRADED_NS;

    let_fail(*state, 1, FLEET_FAILURES_DEGRADED, START_NS);
    assert_int_equal(let_fail(*state, 100, 1000, START_NS + 1), 0);
    assert_int_equal(state_at(*state, later_ns), RD_SERVER_UP);
    assert_int_equal(let_fail(*state, 5000, FLEET_FAILURES_TRIAL - 1, later_ns), 0);
    assert_int_equal(let_fail(*state, 6000, 1, later_ns), 1);
}

static void test_failures_while_degraded_make_up_for_answers(void **state)
{
    struct rd_fleet *fleet = *state;

    let_fail(fleet, 1, FLEET_FAILURES_DEGRADED, START_NS);
    for (uint32_t i = 0; i < 100; i++) {
        answer(fleet, 1);
        let_fail(fleet, 100 + i, 1, START_NS + 1);
    }
    assert_int_equal(fleet->servers[0].failures, FLEET_FAILURES_DEGRADED - FLEET_FAILURES_TRIAL);
    assert_int_equal(fleet->servers[0].degraded_for_ns, FLEET_DEGRADED_NS);
}

static void test_who_is_degraded_and_silent_is_suspect_then_down(void **state)
{
    let_fail(*state, 1, FLEET_FAILURES_DEGRADED, START_NS);
    time_out(*state, 1, FLEET_TIMEOUTS_SUSPECT, START_NS);
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_SUSPECT);
    fleet_lost(*state, 0, START_NS);
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_DOWN);
    assert_true(fleet_replied(*state, 0, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_DEGRADED);
}

static void test_a_loop_probe_that_comes_back_tells_of_a_loop_once(void **state)
{
    assert_false(fleet_loop_seen(*state, 0, START_NS));
    fleet_loop_sent(*state, 0, 7);
    assert_false(fleet_loop_seen(*state, 8, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_UP);
    assert_true(fleet_loop_seen(*state, 7, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_LOOPING);
    assert_false(fleet_loop_seen(*state, 7, START_NS));
    fleet_loop_sent(*state, 0, 9);
    assert_false(fleet_loop_seen(*state, 9, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_LOOPING);
}

static void test_a_loop_is_over_when_a_probe_is_answered_elsewhere(void **state)
{
    fleet_loop_sent(*state, 0, 7);
    fleet_loop_seen(*state, 7, START_NS);
    fleet_loop_clear(*state, 0, 7, START_NS); /* the answer that it had from us */
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_LOOPING);
    fleet_loop_sent(*state, 0, 8);
    fleet_loop_clear(*state, 0, 7, START_NS);
    fleet_loop_clear(*state, 0, 0, START_NS);
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_LOOPING);
    fleet_loop_clear(*state, 0, 8, START_NS);
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_UP);
}

static void test_a_loop_is_told_before_all_else(void **state)
{
    take_down(*state, START_NS);
    fleet_loop_sent(*state, 0, 7);
    fleet_loop_seen(*state, 7, START_NS);
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_LOOPING);
    assert_true(fleet_replied(*state, 0, START_NS));
    assert_int_equal(state_at(*state, START_NS), RD_SERVER_LOOPING);
}

static void assert_since(struct rd_fleet *fleet, enum rd_server_state state, uint64_t since_ns)
{
    struct rd_server_info info;

    assert_true(rd_fleet_server(fleet, 0, &info));
    assert_int_equal(info.state, state);
    assert_int_equal(info.since_ns, since_ns);
}

static void test_the_time_of_each_change_is_kept(void **state)
{
    assert_since(*state, RD_SERVER_UP, 0);
    fleet_replied(*state, 0, 5);
    assert_since(*state, RD_SERVER_UP, 0);
    time_out(*state, 1, FLEET_TIMEOUTS_SUSPECT, 10);
    time_out(*state, 1, FLEET_TIMEOUTS_SUSPECT, 11);
    assert_since(*state, RD_SERVER_SUSPECT, 10);
    fleet_lost(*state, 0, 12);
    fleet_lost(*state, 0, 13);
    assert_since(*state, RD_SERVER_DOWN, 12);
    fleet_loop_sent(*state, 0, 7);
    fleet_loop_seen(*state, 7, 14);
    fleet_replied(*state, 0, 15);
    assert_since(*state, RD_SERVER_LOOPING, 14);
    fleet_loop_sent(*state, 0, 8);
    fleet_loop_clear(*state, 0, 8, 16);
    fleet_replied(*state, 0, 17);
    assert_since(*state, RD_SERVER_UP, 16);
}

/* Against the clock itself, for the main thread has no other: far ahead, and long ago. */
static void test_the_end_of_a_degradation_is_a_change(void **state)
{
    uint64_t now_ns = rd_clock_now();

    let_fail(*state, 1, FLEET_FAILURES_DEGRADED, now_ns + 1000 * RD_NS_PER_S);
    assert_since(*state, RD_SERVER_DEGRADED, now_ns + 1000 * RD_NS_PER_S);
    teardown(state);
    setup(state);
    assert_int_equal(let_fail(*state, 1, FLEET_FAILURES_DEGRADED, 0), 1);
    ((struct rd_fleet *)*state)->servers[0].degraded_until_ns = 1;
    assert_since(*state, RD_SERVER_UP, 1);
    time_out(*state, 1, FLEET_TIMEOUTS_SUSPECT, 2);
    fleet_replied(*state, 0, 3);
    assert_since(*state, RD_SERVER_UP, 3);
}

#define WITH_SETUP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SETUP(test_time_outs_of_different_names_make_a_server_suspect),
        WITH_SETUP(test_a_name_counts_once_however_often_it_times_out),
        WITH_SETUP(test_a_reply_starts_the_count_anew),
        WITH_SETUP(test_a_reply_clears_a_suspicion),
        WITH_SETUP(test_a_lost_probe_takes_a_suspect_down_once),
        WITH_SETUP(test_a_lost_probe_does_not_outweigh_a_later_reply),
        WITH_SETUP(test_a_server_that_is_down_is_not_suspected),
        WITH_SETUP(test_a_reply_brings_a_server_back_once),
        WITH_SETUP(test_a_probe_is_given_once_per_interval),
        WITH_SETUP(test_probes_and_clients_questions_have_turns_of_their_own),
        WITH_SETUP(test_failures_for_different_suffixes_degrade_for_a_while),
        WITH_SETUP(test_one_broken_suffix_counts_once),
        WITH_SETUP(test_a_suffix_counts_again_when_the_ring_has_moved_on),
        WITH_SETUP(test_each_good_answer_takes_one_failure_off),
        WITH_SETUP(test_on_trial_four_failures_degrade_for_twice_as_long),
        WITH_SETUP(test_answers_on_trial_make_up_for_failures),
        WITH_SETUP(test_a_good_record_resets_the_length),
        WITH_SETUP(test_failures_while_degraded_do_not_spend_the_trial),
        WITH_SETUP(test_failures_while_degraded_make_up_for_answers),
        WITH_SETUP(test_who_is_degraded_and_silent_is_suspect_then_down),
        WITH_SETUP(test_a_loop_probe_that_comes_back_tells_of_a_loop_once),
        WITH_SETUP(test_a_loop_is_over_when_a_probe_is_answered_elsewhere),
        WITH_SETUP(test_a_loop_is_told_before_all_else),
        WITH_SETUP(test_the_time_of_each_change_is_kept),
        WITH_SETUP(test_the_end_of_a_degradation_is_a_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
