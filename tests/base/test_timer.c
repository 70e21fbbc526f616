/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_timer.c - the wheel against what timer.h promises, by cases and against a plain list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/timer.h"

#define TICK  RD_TIMER_TICK_NS
#define ROUND (TICK * RD_TIMER_SLOTS)
/* Within a tick, so that nothing is right by the luck of a whole number. */
#define START (1000 * TICK + 12345)

static struct rd_timer_wheel wheel;

static int start(void **state)
{
    (void)state;
    rd_timer_wheel_init(&wheel, START);
    return 0;
}

static void arm(struct rd_timer *timer, uint64_t due_ns)
{
    rd_timer_init(timer);
    rd_timer_arm(&wheel, timer, due_ns);
}

static void test_a_zeroed_timer_is_not_armed(void **state)
{
    struct rd_timer timer;

    (void)state;
    rd_timer_init(&timer);
    assert_false(rd_timer_armed(&timer));
    rd_timer_cancel(&wheel, &timer);
    assert_false(rd_timer_armed(&timer));
    assert_null(rd_timer_expire(&wheel, START + ROUND));
}

static void test_fires_within_a_tick_and_never_before(void **state)
{
    static const uint64_t delays[] = {1,         TICK - 1, TICK,      TICK + 1,      50 * TICK + 7,
                                      ROUND - 1, ROUND,    ROUND + 1, 5 * ROUND + 99};

    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        uint64_t due = START + delays[i];
        struct rd_timer timer;

        start(state);
        arm(&timer, due);
        assert_null(rd_timer_expire(&wheel, due - 1));
        assert_true(rd_timer_armed(&timer));
        assert_ptr_equal(rd_timer_expire(&wheel, due + TICK), &timer);
        assert_false(rd_timer_armed(&timer));
        assert_null(rd_timer_expire(&wheel, due + 3 * ROUND));
    }
}

static void test_small_steps_fire_within_a_tick(void **state)
{
    uint64_t due = START + 3 * ROUND + 4321;
    struct rd_timer timer;

    (void)state;
    arm(&timer, due);
    for (uint64_t now = START; now < due + TICK; now += TICK / 3) {
        struct rd_timer *fired = rd_timer_expire(&wheel, now);

        if (fired) {
            assert_in_range(now, due, due + TICK);
            return;
        }
    }
    fail();
}

static void test_the_past_fires_at_the_next_call(void **state)
{
    struct rd_timer now, just_before, long_ago;

    (void)state;
    assert_null(rd_timer_expire(&wheel, START));
    arm(&now, START);
    assert_ptr_equal(rd_timer_expire(&wheel, START), &now);
    arm(&just_before, START - 1);
    assert_ptr_equal(rd_timer_expire(&wheel, START), &just_before);
    arm(&long_ago, 0);
    assert_ptr_equal(rd_timer_expire(&wheel, START), &long_ago);
}

static void test_armed_for_the_past_while_expiring_comes_in_the_same_series(void **state)
{
    uint64_t now = START + 10 * TICK + 77;
    struct rd_timer first, second;

    (void)state;
    arm(&first, START + TICK);
    rd_timer_init(&second);
    assert_ptr_equal(rd_timer_expire(&wheel, now), &first);
    rd_timer_arm(&wheel, &second, now - 5);
    assert_ptr_equal(rd_timer_expire(&wheel, now), &second);
    assert_null(rd_timer_expire(&wheel, now));
}

static void test_a_timer_that_arms_itself_again_waits(void **state)
{
    uint64_t now = START + 4 * TICK;
    struct rd_timer timer;

    (void)state;
    arm(&timer, START + TICK);
    assert_ptr_equal(rd_timer_expire(&wheel, now), &timer);
    rd_timer_arm(&wheel, &timer, now + ROUND);
    assert_null(rd_timer_expire(&wheel, now));
    assert_null(rd_timer_expire(&wheel, now + ROUND - 1));
    assert_ptr_equal(rd_timer_expire(&wheel, now + ROUND + TICK), &timer);
}

static void test_cancelled_while_expiring_does_not_fire(void **state)
{
    struct rd_timer a, b;
    struct rd_timer *first, *other;

    (void)state;
    arm(&a, START + TICK);
    arm(&b, START + TICK);
    first = rd_timer_expire(&wheel, START + 2 * TICK);
    assert_non_null(first);
    other = first == &a ? &b : &a;
    rd_timer_cancel(&wheel, other);
    assert_false(rd_timer_armed(other));
    assert_null(rd_timer_expire(&wheel, START + 2 * TICK));
    assert_null(rd_timer_expire(&wheel, START + 2 * ROUND));
}

static void test_arming_again_moves(void **state)
{
    struct rd_timer timer;

    (void)state;
    arm(&timer, START + TICK);
    rd_timer_arm(&wheel, &timer, START + 9 * TICK);
    assert_null(rd_timer_expire(&wheel, START + 8 * TICK));
    assert_ptr_equal(rd_timer_expire(&wheel, START + 10 * TICK), &timer);
    assert_null(rd_timer_expire(&wheel, START + 10 * TICK));
}

static void test_a_sleep_of_rounds_fires_what_is_due_and_no_more(void **state)
{
    struct rd_timer due[300], later[300];
    uint64_t woken = START + 7 * ROUND + 5 * TICK;
    unsigned fired = 0;

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        arm(&due[i], START + i * (7 * ROUND / 300));
        arm(&later[i], woken + 1 + i * (3 * ROUND / 300));
    }
    for (struct rd_timer *timer; (timer = rd_timer_expire(&wheel, woken)); fired++)
        assert_true(timer >= due && timer < due + 300);
    assert_int_equal(fired, 300);
    for (unsigned i = 0; i < 300; i++)
        assert_true(rd_timer_armed(&later[i]));
}

static void test_timers_of_one_slot_and_several_rounds_fire_in_their_own(void **state)
{
    struct rd_timer timers[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        arm(&timers[i], START + TICK + i * ROUND);
    for (unsigned i = 0; i < 5; i++) {
        uint64_t due = START + TICK + i * ROUND;

        assert_null(rd_timer_expire(&wheel, due - 1));
        assert_ptr_equal(rd_timer_expire(&wheel, due + TICK), &timers[i]);
        assert_null(rd_timer_expire(&wheel, due + TICK));
    }
}

static void test_never_does_not_fire(void **state)
{
    struct rd_timer timer;

    (void)state;
    arm(&timer, RD_NEVER);
    assert_null(rd_timer_expire(&wheel, START + 100 * ROUND));
    assert_true(rd_timer_armed(&timer));
}

static void test_next_of_an_empty_wheel_is_never(void **state)
{
    struct rd_timer timer;

    (void)state;
    assert_true(rd_timer_next(&wheel) == RD_NEVER);
    arm(&timer, START + 5);
    rd_timer_cancel(&wheel, &timer);
    assert_true(rd_timer_next(&wheel) == RD_NEVER);
}

static void test_next_is_soon_enough(void **state)
{
    static const uint64_t delays[] = {0, 1, TICK, 63 * TICK, 500 * TICK + 3, ROUND, 9 * ROUND};

    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        uint64_t due = START + delays[i];
        struct rd_timer timer;

        start(state);
        arm(&timer, due);
        assert_in_range(rd_timer_next(&wheel), 0, due + TICK);
    }
}

/* Sleeping until next() alone fires everything, and wakes up in vain at most once a round. */
static void test_driven_by_next_everything_fires(void **state)
{
    struct rd_timer timers[100];
    unsigned fired = 0, wakes = 0;
    uint64_t now = START;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        arm(&timers[i], START + i * i * 11 * TICK / 3);
    for (uint64_t next; (next = rd_timer_next(&wheel)) != RD_NEVER; wakes++) {
        assert_true(wakes < 100 * 100);
        now = next > now ? next : now;
        for (struct rd_timer *timer; (timer = rd_timer_expire(&wheel, now)); fired++)
            assert_in_range(now, timer->due_ns, timer->due_ns + TICK);
    }
    assert_int_equal(fired, 100);
}

/* -- against a plain list -------------------------------------------------------------------- */

#define MODEL_TIMERS 200
#define MODEL_STEPS  200000

struct model {
    struct rd_timer timers[MODEL_TIMERS];
    uint64_t due[MODEL_TIMERS]; /* RD_NEVER: not armed */
    bool past[MODEL_TIMERS];    /* was due already when it was armed */
    uint64_t now, random;
    unsigned fired;
};

/* xorshift64: any fixed sequence will do. */
static uint64_t draw(struct model *model, uint64_t below)
{
    model->random ^= model->random << 13;
    model->random ^= model->random >> 7;
    model->random ^= model->random << 17;
    return model->random % below;
}

static uint64_t draw_span(struct model *model)
{
    switch (draw(model, 5)) {
    case 0:
        return 0;
    case 1:
        return draw(model, TICK);
    case 2:
        return draw(model, 20) * TICK;
    case 3:
        return draw(model, ROUND);
    default:
        return draw(model, 4 * ROUND);
    }
}

static void model_arm(struct model *model)
{
    uint64_t i = draw(model, MODEL_TIMERS), span = draw_span(model);

    model->due[i] = draw(model, 4) ? model->now + span : model->now - span;
    model->past[i] = model->due[i] <= model->now;
    rd_timer_arm(&wheel, &model->timers[i], model->due[i]);
}

static void model_cancel(struct model *model)
{
    uint64_t i = draw(model, MODEL_TIMERS);

    model->due[i] = RD_NEVER;
    rd_timer_cancel(&wheel, &model->timers[i]);
}

/* What comes is due and comes once; what had to come has come. */
static void model_expire(struct model *model)
{
    for (struct rd_timer *timer; (timer = rd_timer_expire(&wheel, model->now)); model->fired++) {
        size_t i = (size_t)(timer - model->timers);

        assert_false(rd_timer_armed(timer));
        assert_in_range(model->due[i], 0, model->now);
        model->due[i] = RD_NEVER;
        if (draw(model, 8) == 0)
            model_cancel(model);
        if (draw(model, 8) == 0)
            model_arm(model);
    }
    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        if (model->due[i] == RD_NEVER)
            continue;
        assert_false(model->past[i]);
        assert_true(model->due[i] + TICK > model->now);
    }
}

static void model_check(struct model *model)
{
    uint64_t earliest = RD_NEVER;

    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        assert_int_equal(rd_timer_armed(&model->timers[i]), model->due[i] != RD_NEVER);
        if (model->due[i] < earliest)
            earliest = model->due[i];
    }
    if (earliest == RD_NEVER)
        assert_true(rd_timer_next(&wheel) == RD_NEVER);
    else
        assert_in_range(rd_timer_next(&wheel), 0, (earliest / TICK + 1) * TICK);
}

static void test_behaves_like_a_plain_list(void **state)
{
    static struct model model;

    (void)state;
    memset(&model, 0, sizeof(model));
    memset(model.due, 0xff, sizeof(model.due));
    model.random = 0x9e3779b97f4a7c15ull;
    model.now = START + 10 * ROUND;
    rd_timer_wheel_init(&wheel, model.now);
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        switch (draw(&model, 8)) {
        case 0:
            model_cancel(&model);
            break;
        case 1:
            model.now += draw_span(&model) >> draw(&model, 8);
            model_expire(&model);
            break;
        default:
            model_arm(&model);
        }
        model_check(&model);
    }
    assert_in_range(model.fired, MODEL_STEPS / 10, MODEL_STEPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_zeroed_timer_is_not_armed, start),
        cmocka_unit_test_setup(test_fires_within_a_tick_and_never_before, start),
        cmocka_unit_test_setup(test_small_steps_fire_within_a_tick, start),
        cmocka_unit_test_setup(test_the_past_fires_at_the_next_call, start),
        cmocka_unit_test_setup(test_armed_for_the_past_while_expiring_comes_in_the_same_series,
                               start),
        cmocka_unit_test_setup(test_a_timer_that_arms_itself_again_waits, start),
        cmocka_unit_test_setup(test_cancelled_while_expiring_does_not_fire, start),
        cmocka_unit_test_setup(test_arming_again_moves, start),
        cmocka_unit_test_setup(test_a_sleep_of_rounds_fires_what_is_due_and_no_more, start),
        cmocka_unit_test_setup(test_timers_of_one_slot_and_several_rounds_fire_in_their_own, start),
        cmocka_unit_test_setup(test_never_does_not_fire, start),
        cmocka_unit_test_setup(test_next_of_an_empty_wheel_is_never, start),
        cmocka_unit_test_setup(test_next_is_soon_enough, start),
        cmocka_unit_test_setup(test_driven_by_next_everything_fires, start),
        cmocka_unit_test_setup(test_behaves_like_a_plain_list, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
