/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_memory.c - the memory that the protocol is tried on does what C11 allows, and no more.
 *
 * The well-known small programs (message passing, store buffering, ...), each with an outcome that
 * must be found or must not be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>

#include "model/search.h"
#include "model/steps.h"

enum { X, Y };
enum { ZERO, A, B };
enum { RLX, ACQ, REL, ALL };
static const int orders[] = {memory_order_relaxed, memory_order_acquire, memory_order_release,
                             memory_order_seq_cst};

struct litmus {
    struct model_scenario scenario;
    bool allowed;
};

#define PROGRAM(name, ...) static const struct model_step name[] = {__VA_ARGS__, END}

PROGRAM(send_relaxed, STORE(X, 1, RLX), STORE(Y, 1, RLX));
PROGRAM(send, STORE(X, 1, RLX), STORE(Y, 1, REL));
PROGRAM(send_fenced, STORE(X, 1, RLX), FENCE(REL), STORE(Y, 1, RLX));
PROGRAM(receive_relaxed, LOAD(A, Y, RLX), LOAD(B, X, RLX));
PROGRAM(receive, LOAD(A, Y, ACQ), LOAD(B, X, RLX));
PROGRAM(receive_fenced, LOAD(A, Y, RLX), FENCE(ACQ), LOAD(B, X, RLX));
PROGRAM(pass_on, SWAP_SUM(Y, ZERO, 2, RLX, RLX));
PROGRAM(pass_on_swap, LOAD(A, Y, RLX), IF_IS(A, 1), SWAP_SUM(Y, A, 1, RLX, RLX));
PROGRAM(pass_on_store, LOAD(A, Y, RLX), IF_IS(A, 1), STORE(Y, 2, RLX));
PROGRAM(write_x_read_y, STORE(X, 1, REL), LOAD(A, Y, ACQ));
PROGRAM(write_y_read_x, STORE(Y, 1, REL), LOAD(A, X, ACQ));
PROGRAM(write_x_read_y_fenced, STORE(X, 1, RLX), FENCE(ALL), LOAD(A, Y, RLX));
PROGRAM(write_y_read_x_fenced, STORE(Y, 1, RLX), FENCE(ALL), LOAD(A, X, RLX));
PROGRAM(read_x_y_fenced, LOAD(A, X, RLX), FENCE(ALL), LOAD(B, Y, RLX));
PROGRAM(read_y_x_fenced, LOAD(A, Y, RLX), FENCE(ALL), LOAD(B, X, RLX));
PROGRAM(write_x_twice, STORE(X, 1, RLX), STORE(X, 2, RLX));
PROGRAM(read_x_twice, LOAD(A, X, RLX), LOAD(B, X, RLX));
PROGRAM(write_x, STORE(X, 1, REL));
PROGRAM(write_y, STORE(Y, 1, REL));
PROGRAM(read_x_y, LOAD(A, X, ACQ), LOAD(B, Y, ACQ));
PROGRAM(read_y_x, LOAD(A, Y, ACQ), LOAD(B, X, ACQ));
PROGRAM(write_x1_y2, STORE(X, 1, RLX), STORE(Y, 2, RLX), LOAD(A, Y, RLX));
PROGRAM(write_y1_x2, STORE(Y, 1, RLX), STORE(X, 2, RLX), LOAD(A, X, RLX));
PROGRAM(read_x_write_y, LOAD(A, X, RLX), STORE(Y, 1, RLX));
PROGRAM(read_y_write_x, LOAD(A, Y, RLX), STORE(X, 1, RLX));
PROGRAM(on_x_then_y, LOAD(A, X, ACQ), IF_IS(A, 1), STORE(Y, 1, REL));
PROGRAM(add, SWAP_SUM(X, ZERO, 1, RLX, RLX), LOAD(A, X, RLX), STORE(Y, 1, RLX));

static bool has(const struct model_state *state, unsigned thread, unsigned a, unsigned b)
{
    const uint8_t *registers = state->threads[thread].registers;

    return registers[A] == a && registers[B] == b;
}

static bool second_missed_x(const struct model_state *state)
{
    return has(state, 1, 1, 0);
}

static bool third_missed_x(const struct model_state *state)
{
    return has(state, 2, 1, 0);
}

static bool third_missed_x_behind_two(const struct model_state *state)
{
    return has(state, 2, 2, 0);
}

static bool both_missed(const struct model_state *state)
{
    return has(state, 0, 0, 0) && has(state, 1, 0, 0);
}

static bool both_saw(const struct model_state *state)
{
    return has(state, 0, 1, 0) && has(state, 1, 1, 0);
}

static bool went_back(const struct model_state *state)
{
    return has(state, 1, 2, 1) || has(state, 1, 1, 0) || has(state, 1, 2, 0);
}

static bool readers_disagree(const struct model_state *state)
{
    return has(state, 2, 1, 0) && has(state, 3, 1, 0);
}

static bool both_added(const struct model_state *state)
{
    return has(state, 0, 1, 0) && has(state, 1, 1, 0);
}

#define LITMUS(name, allowed, bad, ...)                                                            \
    {                                                                                              \
#name, test_litmus, NULL, NULL, &(struct litmus)                                           \
        {                                                                                          \
            {#name, {0}, {__VA_ARGS__}, bad, 0}, allowed                                           \
        }                                                                                          \
    }

static void test_litmus(void **state)
{
    const struct litmus *litmus = *state;
    struct model_result result;

    model_search(&litmus->scenario, orders, &result);
    assert_int_equal(result.bad, litmus->allowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LITMUS(message_passing_relaxed_fails, true, second_missed_x, send_relaxed, receive_relaxed),
        LITMUS(message_passing_release_alone_fails, true, second_missed_x, send, receive_relaxed),
        LITMUS(message_passing_acquire_alone_fails, true, second_missed_x, send_relaxed, receive),
        LITMUS(message_passing_release_acquire, false, second_missed_x, send, receive),
        LITMUS(message_passing_fence_to_load, false, second_missed_x, send_fenced, receive),
        LITMUS(message_passing_store_to_fence, false, second_missed_x, send, receive_fenced),
        LITMUS(message_passing_fences, false, second_missed_x, send_fenced, receive_fenced),
        LITMUS(release_sequence_by_swap, false, third_missed_x_behind_two, send, pass_on_swap,
               receive),
        LITMUS(no_release_sequence_by_store, true, third_missed_x_behind_two, send, pass_on_store,
               receive),
        LITMUS(swap_before_the_release, true, third_missed_x_behind_two, send, pass_on, receive),
        LITMUS(store_buffering, true, both_missed, write_x_read_y, write_y_read_x),
        LITMUS(store_buffering_one_fence, true, both_missed, write_x_read_y_fenced, write_y_read_x),
        LITMUS(store_buffering_fences, false, both_missed, write_x_read_y_fenced,
               write_y_read_x_fenced),
        LITMUS(independent_readers_fenced, false, readers_disagree, write_x, write_y,
               read_x_y_fenced, read_y_x_fenced),
        LITMUS(coherence_of_reads, false, went_back, write_x_twice, read_x_twice),
        LITMUS(independent_readers_may_disagree, true, readers_disagree, write_x, write_y, read_x_y,
               read_y_x),
        LITMUS(stores_go_between_others, true, both_saw, write_x1_y2, write_y1_x2),
        LITMUS(causality_through_a_third, false, third_missed_x, write_x, on_x_then_y, receive),
        LITMUS(only_one_swap_succeeds, false, both_added, add, add),
        LITMUS(load_buffering_is_not_produced, false, both_saw, read_x_write_y, read_y_write_x),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
