/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_protocol.c - no way of running the cache's protocol gives a bad answer, and each memory
 * order in it that is stronger than relaxed is needed for that.
 *
 * Not shown: that the code does the steps that protocol.c writes down, that anybody gets on, and
 * what a bit of use does. Each scenario has to give the good answers that it can, so none of them
 * passes because nothing happens in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "model/protocol.h"

static void tell_way(const struct model_scenario *scenario, const struct model_result *result)
{
    for (unsigned i = 0; i < result->n_moves; i++) {
        const struct model_move *move = &result->moves[i];
        const struct model_step *step = &scenario->programs[move->thread][move->step];

        printf("#   thread %u step %u, operation %u at place %u: choice %u\n", move->thread,
               move->step, step->operation, step->at, move->choice);
    }
}

static void test_no_bad_answer(void **state)
{
    struct model_result result;

    (void)state;
    for (unsigned i = 0; i < PROTOCOL_SCENARIOS; i++) {
        const struct model_scenario *scenario = &protocol_scenarios[i];

        model_search(scenario, protocol_orders, &result);
        printf("# %s: %" PRIu64 " states\n", scenario->name, result.states);
        if (result.bad)
            tell_way(scenario, &result);
        assert_false(result.bad);
        assert_int_equal(result.answers, scenario->answers);
    }
}

#define ONE(order) (1u << (order))

/* In how many scenarios there is a bad answer with the orders of SET no more than ORDER. */
static unsigned found_with(unsigned set, int order)
{
    unsigned n = 0;
    int orders[PROTOCOL_ORDERS];
    struct model_result result;

    for (unsigned i = 0; i < PROTOCOL_ORDERS; i++)
        orders[i] = set >> i & 1 ? order : protocol_orders[i];
    for (unsigned i = 0; i < PROTOCOL_SCENARIOS; i++) {
        model_search(&protocol_scenarios[i], orders, &result);
        if (result.bad)
            printf("# found in: %s, %" PRIu64 " states\n", protocol_scenarios[i].name,
                   result.states);
        n += result.bad;
    }
    return n;
}

static void test_weaker(void **state)
{
    unsigned which = *(const unsigned *)*state;

    assert_int_not_equal(protocol_orders[which], memory_order_relaxed);
    assert_int_not_equal(found_with(ONE(which), memory_order_relaxed), 0);
    if (protocol_orders[which] == memory_order_seq_cst)
        assert_int_not_equal(found_with(ONE(which), memory_order_acq_rel), 0);
}

/* A writer takes a bucket only at the version that it acquired when it looked at it, by
 * ORDER_VERSION_FIRST; that look is needed, and so the lock is not. (FENCE_FLUSH acquires as well,
 * so it has to go to see this.) */
static void test_the_look_before_the_lock_acquires(void **state)
{
    unsigned look = ONE(FLUSH) | ONE(WRITER_FIRST);
    unsigned without_flush = found_with(ONE(FLUSH), memory_order_relaxed);

    (void)state;
    assert_int_equal(protocol_orders[LOCK], memory_order_relaxed);
    assert_true(found_with(look, memory_order_relaxed) > without_flush);
}

static void test_the_others_are_relaxed_already(void **state)
{
    (void)state;
    assert_int_equal(protocol_orders[READ_WORD], memory_order_relaxed);
    assert_int_equal(protocol_orders[VERSION_SECOND], memory_order_relaxed);
    assert_int_equal(protocol_orders[LOCK_FAILED], memory_order_relaxed);
    assert_int_equal(protocol_orders[WRITE_WORD], memory_order_relaxed);
}

#define WEAKER(name, which)                                                                        \
    {                                                                                              \
        "weaker " name " is found out", test_weaker, NULL, NULL, &(unsigned)                       \
        {                                                                                          \
            which                                                                                  \
        }                                                                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_bad_answer),
        WEAKER("ORDER_VERSION_FIRST", VERSION_FIRST),
        WEAKER("FENCE_BEFORE_SECOND", BEFORE_SECOND),
        WEAKER("FENCE_LOCKED", LOCKED),
        WEAKER("ORDER_UNLOCK", UNLOCK),
        WEAKER("FENCE_REUSE", REUSE),
        WEAKER("FENCE_FLUSH", FLUSH),
        WEAKER("ORDER_GATE_TAKE", GATE_TAKE),
        WEAKER("ORDER_GATE_GIVE", GATE_GIVE),
        cmocka_unit_test(test_the_look_before_the_lock_acquires),
        cmocka_unit_test(test_the_others_are_relaxed_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
