/* SPDX-License-Identifier: BSD-2-Clause */
/* test_connection_time.c - how long a connection may take, and how much it may have under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "connection_bed.h"
#include "connection_table.h"

static int setup(void **state)
{
    *state = bed_new(16);
    return 0;
}

static int teardown(void **state)
{
    bed_free(*state);
    return 0;
}

/* STREAM is open until MS from now, less a moment, and then closed that way. */
static void assert_closes_in(struct bed *bed, uint32_t stream, uint64_t ms, enum bed_end end)
{
    bed_wait(bed, ms - 20);
    assert_true(bed_open(bed, stream));
    bed_wait(bed, 40);
    assert_false(bed_open(bed, stream));
    assert_int_equal(bed_end(bed, stream), end);
    assert_int_equal(bed_stat(bed, connections), 0);
    assert_int_equal(bed_stat(bed, connections_idle), end == BED_FIN);
    assert_int_equal(bed_stat(bed, connections_slow), end == BED_RESET);
}

static void test_one_that_never_asks_is_closed(void **state)
{
    assert_closes_in(*state, bed_accept(*state, 0, 1), 10000, BED_FIN);
}

static void test_idle_time_begins_when_the_last_query_ends(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    bed_wait(bed, 9000);
    assert_true(bed_begin(bed, stream) && bed_begin(bed, stream));
    bed_wait(bed, 9000);
    bed_answer_taken(bed, stream);
    bed_wait(bed, 12000);
    bed_answer_taken(bed, stream);
    assert_closes_in(bed, stream, 10000, BED_FIN);
}

static void test_idle_time_begins_when_the_answer_is_taken(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream));
    bed_answer(bed, stream, 1000);
    context_flush(&bed->context);
    bed_wait(bed, 4000);
    bed_drain(bed, stream);
    assert_closes_in(bed, stream, 10000, BED_FIN);
}

/* However short the idle time, what is not yet read is not thrown away. */
static void test_unsent_bytes_are_not_idle(void **state)
{
    struct bed *bed = *state;
    uint32_t stream;

    bed->snapshot.config.tcp_idle = 1000;
    stream = bed_accept(bed, 0, 1);
    assert_true(bed_begin(bed, stream));
    bed_answer(bed, stream, 1000);
    bed_wait(bed, 3000);
    assert_true(bed_open(bed, stream));
    bed_drain(bed, stream);
    assert_closes_in(bed, stream, 1000, BED_FIN);
}

static void test_a_new_idle_time_holds_for_what_comes(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream));
    bed->snapshot.config.tcp_idle = 2000;
    bed_answer_taken(bed, stream);
    assert_closes_in(bed, stream, 2000, BED_FIN);
}

static void test_a_message_has_its_time_from_its_first_byte(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    bed_wait(bed, 8000);
    bed_event(bed, stream, IO_STREAM_BEGUN);
    bed_wait(bed, 3000);
    bed_event(bed, stream, IO_STREAM_BEGUN); /* extends nothing, nor does any other event */
    bed_event(bed, stream, IO_STREAM_DRAINED);
    assert_closes_in(bed, stream, 2000, BED_RESET);
}

static void test_answers_do_not_extend_a_message(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream) && bed_begin(bed, stream));
    bed_event(bed, stream, IO_STREAM_BEGUN);
    bed_wait(bed, 2000);
    bed_answer_taken(bed, stream);
    bed_wait(bed, 2000);
    bed_answer_taken(bed, stream);
    assert_closes_in(bed, stream, 1000, BED_RESET);
}

static void test_the_message_itself_ends_its_time(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    for (unsigned i = 0; i < 5; i++) { /* each comes with the beginning of the next */
        bed_event(bed, stream, IO_STREAM_BEGUN);
        bed_wait(bed, 4000);
        assert_true(bed_begin(bed, stream));
    }
    bed_wait(bed, 20000);
    assert_true(bed_open(bed, stream));
    for (unsigned i = 0; i < 5; i++)
        bed_answer_taken(bed, stream);
    assert_closes_in(bed, stream, 10000, BED_FIN);
}

/* The rest cannot come while nothing is read; then it has the whole time. */
static void test_a_message_waits_while_reading_has_stopped(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    for (unsigned i = 0; i < 8; i++)
        assert_true(bed_begin(bed, stream));
    assert_false(bed_stream(bed, stream)->reading);
    bed_event(bed, stream, IO_STREAM_BEGUN);
    bed_wait(bed, 18000);
    for (unsigned i = 0; i < 8; i++)
        bed_answer_taken(bed, stream);
    assert_true(bed_stream(bed, stream)->reading);
    assert_closes_in(bed, stream, 5000, BED_RESET);
}

static void test_a_client_that_reads_nothing_is_closed(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream) && bed_begin(bed, stream));
    bed_answer(bed, stream, 1000);
    context_flush(&bed->context);
    bed_answer(bed, stream, 1000); /* sees what is unsent */
    assert_false(connection_find(&bed->context.connections, stream)->idle);
    assert_closes_in(bed, stream, 5000, BED_RESET);
}

static void test_the_earlier_of_two_deadlines_counts(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream) && bed_begin(bed, stream));
    bed_answer(bed, stream, 1000);
    context_flush(&bed->context);
    bed_answer(bed, stream, 1000);
    bed_wait(bed, 2000);
    bed_event(bed, stream, IO_STREAM_BEGUN);
    assert_closes_in(bed, stream, 3000, BED_RESET);
}

/* The timer finds that all was taken, and that nothing is left to do. */
static void test_what_the_timer_finds_counts(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream) && bed_begin(bed, stream));
    bed_answer(bed, stream, 1000);
    context_flush(&bed->context);
    bed_answer(bed, stream, 0);
    bed_stream(bed, stream)->unsent = 0;
    assert_closes_in(bed, stream, 15000, BED_FIN);
}

/* Nobody looks before the timer does: twice the time at most. */
static void test_a_single_answer_that_is_not_read_is_found(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream));
    bed_answer(bed, stream, 1000);
    assert_closes_in(bed, stream, 10000, BED_RESET);
}

static void test_progress_keeps_a_slow_reader(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream));
    bed_answer(bed, stream, 1000);
    for (unsigned i = 0; i < 8; i++) {
        bed_wait(bed, 5000);
        bed_stream(bed, stream)->unsent -= 100;
    }
    assert_true(bed_open(bed, stream));
    bed_wait(bed, 11000);
    assert_int_equal(bed_end(bed, stream), BED_RESET);
    assert_int_equal(bed_stat(bed, connections_slow), 1);
}

/* The client asks as fast as it reads: at every look as much is unsent as before, yet all that was
 * has been taken. */
static void test_draining_is_progress(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    for (unsigned i = 0; i < 10; i++) {
        assert_true(bed_begin(bed, stream));
        bed_answer(bed, stream, 1000);
        context_flush(&bed->context);
        bed_stream(bed, stream)->unsent = 1000;
        bed_event(bed, stream, IO_STREAM_DRAINED);
        bed_wait(bed, 3000);
    }
    assert_true(bed_open(bed, stream));
    assert_int_equal(bed_stat(bed, connections_slow), 0);
}

/* Adding to what is not read is no progress. */
static void test_asking_on_without_reading_is_no_progress(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    for (unsigned i = 0; i < 5; i++) {
        assert_true(bed_begin(bed, stream));
        bed_answer(bed, stream, 100);
        context_flush(&bed->context);
        bed_wait(bed, 1000);
    }
    bed_wait(bed, 1020);
    assert_int_equal(bed_end(bed, stream), BED_RESET);
    assert_int_equal(bed_stat(bed, connections_slow), 1);
}

static void test_a_query_moves_no_timer(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);
    const struct connection *connection = connection_find(&bed->context.connections, stream);
    uint64_t due_ns;

    assert_true(bed_begin(bed, stream));
    bed_answer_taken(bed, stream);
    due_ns = connection->timer.due_ns;
    for (unsigned i = 0; i < 40; i++) {
        bed_wait(bed, 100);
        assert_true(bed_begin(bed, stream));
        bed_answer_taken(bed, stream);
        assert_int_equal(connection->timer.due_ns, due_ns);
    }
}

static void test_reading_stops_at_the_pipeline_and_goes_on_at_half(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    for (unsigned i = 0; i < 7; i++)
        assert_true(bed_begin(bed, stream));
    assert_true(bed_stream(bed, stream)->reading);
    for (unsigned i = 0; i < 5; i++) { /* some were read already */
        assert_true(bed_begin(bed, stream));
        assert_false(bed_stream(bed, stream)->reading);
    }
    assert_int_equal(bed_stream(bed, stream)->paused, 1);
    assert_int_equal(bed_stat(bed, connections_paused), 1);
    for (unsigned i = 0; i < 7; i++) {
        bed_answer_taken(bed, stream);
        assert_false(bed_stream(bed, stream)->reading);
    }
    bed_answer_taken(bed, stream); /* four are left */
    assert_true(bed_stream(bed, stream)->reading);
    for (unsigned i = 0; i < 4; i++)
        assert_true(bed_begin(bed, stream));
    assert_int_equal(bed_stream(bed, stream)->paused, 2);
    assert_int_equal(bed_stat(bed, connections_paused), 2);
}

static void test_one_at_a_time_is_possible(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    bed->snapshot.config.tcp_pipeline = 1;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(bed_begin(bed, stream));
        assert_false(bed_stream(bed, stream)->reading);
        bed_answer_taken(bed, stream);
        assert_true(bed_stream(bed, stream)->reading);
    }
    assert_int_equal(bed_stat(bed, connections_paused), 3);
}

static void test_reading_stops_while_much_is_unsent(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream));
    bed_answer(bed, stream, 65535);
    context_flush(&bed->context);
    assert_true(bed_begin(bed, stream));
    assert_true(bed_stream(bed, stream)->reading);
    bed_answer(bed, stream, 1);
    context_flush(&bed->context);
    assert_true(bed_begin(bed, stream));
    assert_false(bed_stream(bed, stream)->reading);
    bed_answer(bed, stream, 1);
    context_flush(&bed->context);
    assert_false(bed_stream(bed, stream)->reading);
    bed_drain(bed, stream);
    assert_true(bed_stream(bed, stream)->reading);
    assert_int_equal(bed_stat(bed, connections_paused), 1);
}

/* An end looks too, at what is left of earlier answers. */
static void test_reading_goes_on_below_half_of_what_may_be_unsent(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    for (unsigned i = 0; i < 8; i++)
        assert_true(bed_begin(bed, stream));
    for (unsigned i = 0; i < 6; i++)
        bed_answer_taken(bed, stream);
    for (unsigned i = 0; i < 6; i++)
        assert_true(bed_begin(bed, stream));
    assert_false(bed_stream(bed, stream)->reading);
    bed_stream(bed, stream)->unsent = 32768;
    for (unsigned i = 0; i < 4; i++)
        bed_answer(bed, stream, 0);
    assert_false(bed_stream(bed, stream)->reading);
    bed_stream(bed, stream)->unsent = 32767;
    bed_answer(bed, stream, 0);
    assert_true(bed_stream(bed, stream)->reading);
}

static void test_half_closed_with_nothing_under_way_is_closed(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    bed_event(bed, stream, IO_STREAM_BEGUN); /* the rest never comes */
    bed_event(bed, stream, IO_STREAM_ENDED);
    assert_int_equal(bed_end(bed, stream), BED_FIN);
    assert_int_equal(bed_stat(bed, connections), 0);
}

static void test_half_closed_gets_its_answers_first(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream) && bed_begin(bed, stream));
    bed_event(bed, stream, IO_STREAM_BEGUN);
    bed_event(bed, stream, IO_STREAM_ENDED);
    bed_wait(bed, 20000); /* no idle time counts, and no message is awaited */
    bed_event(bed, stream, IO_STREAM_BEGUN);
    bed_wait(bed, 20000);
    bed_answer_taken(bed, stream);
    assert_true(bed_open(bed, stream));
    bed_answer(bed, stream, 100);
    assert_true(bed_open(bed, stream));
    assert_int_equal(bed_stream(bed, stream)->unsent, 100); /* it was flushed */
    bed_drain(bed, stream);
    assert_int_equal(bed_end(bed, stream), BED_FIN);
    assert_int_equal(bed_stat(bed, connections), 0);
}

static void test_half_closed_with_the_answer_on_its_way(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream));
    bed_answer(bed, stream, 100); /* in context->out */
    bed_event(bed, stream, IO_STREAM_ENDED);
    assert_true(bed_open(bed, stream));
    bed_drain(bed, stream);
    assert_int_equal(bed_end(bed, stream), BED_FIN);
}

static void test_half_closed_and_not_reading_is_closed(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream));
    bed_event(bed, stream, IO_STREAM_ENDED);
    bed_answer(bed, stream, 100);
    assert_closes_in(bed, stream, 5000, BED_RESET);
}

static void test_half_closed_while_reading_has_stopped(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    for (unsigned i = 0; i < 8; i++)
        assert_true(bed_begin(bed, stream));
    bed_event(bed, stream, IO_STREAM_ENDED);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(bed_open(bed, stream));
        bed_answer_taken(bed, stream);
        if (i < 7)
            assert_false(bed_stream(bed, stream)->reading); /* there is nothing more to read */
    }
    assert_int_equal(bed_end(bed, stream), BED_FIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_that_never_asks_is_closed),
        TEST(test_idle_time_begins_when_the_last_query_ends),
        TEST(test_idle_time_begins_when_the_answer_is_taken),
        TEST(test_unsent_bytes_are_not_idle),
        TEST(test_a_new_idle_time_holds_for_what_comes),
        TEST(test_a_message_has_its_time_from_its_first_byte),
        TEST(test_answers_do_not_extend_a_message),
        TEST(test_the_message_itself_ends_its_time),
        TEST(test_a_message_waits_while_reading_has_stopped),
        TEST(test_a_client_that_reads_nothing_is_closed),
        TEST(test_the_earlier_of_two_deadlines_counts),
        TEST(test_what_the_timer_finds_counts),
        TEST(test_a_single_answer_that_is_not_read_is_found),
        TEST(test_progress_keeps_a_slow_reader),
        TEST(test_draining_is_progress),
        TEST(test_asking_on_without_reading_is_no_progress),
        TEST(test_a_query_moves_no_timer),
        TEST(test_reading_stops_at_the_pipeline_and_goes_on_at_half),
        TEST(test_one_at_a_time_is_possible),
        TEST(test_reading_stops_while_much_is_unsent),
        TEST(test_reading_goes_on_below_half_of_what_may_be_unsent),
        TEST(test_half_closed_with_nothing_under_way_is_closed),
        TEST(test_half_closed_gets_its_answers_first),
        TEST(test_half_closed_with_the_answer_on_its_way),
        TEST(test_half_closed_and_not_reading_is_closed),
        TEST(test_half_closed_while_reading_has_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
