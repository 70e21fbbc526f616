/* SPDX-License-Identifier: BSD-2-Clause */
/* test_connection.c - how many connections there are, of whom, and which goes when one comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "connection_bed.h"
#include "connection_table.h"

#define MANY 10000u

static int setup(void **state)
{
    *state = bed_new(4);
    return 0;
}

static int setup_many(void **state)
{
    *state = bed_new(MANY);
    return 0;
}

static int teardown(void **state)
{
    bed_free(*state);
    return 0;
}

static void test_an_accepted_connection_is_read(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 3, 1);

    assert_true(bed_open(bed, stream));
    assert_true(bed_stream(bed, stream)->reading);
    assert_int_equal(bed_stat(bed, connections), 1);
    assert_int_equal(bed_stat(bed, connections_accepted), 1);
}

/* A query makes a connection the newest of the idle ones once it has ended. */
static void test_the_idlest_makes_room(void **state)
{
    struct bed *bed = *state;
    uint32_t streams[4];
    static const unsigned order[] = {1, 3, 0, 2};

    for (uint32_t i = 0; i < 4; i++) {
        streams[i] = bed_accept(bed, i, i);
        assert_true(bed_begin(bed, streams[i]));
        bed_answer_taken(bed, streams[i]);
    }
    assert_true(bed_begin(bed, streams[0]));
    assert_true(bed_begin(bed, streams[2]));
    bed_answer_taken(bed, streams[0]);
    bed_answer_taken(bed, streams[2]);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(bed_open(bed, streams[order[i]]));
        assert_true(bed_open(bed, bed_accept(bed, 10 + i, 10)));
        assert_int_equal(bed_end(bed, streams[order[i]]), BED_FIN);
        assert_int_equal(bed_stat(bed, connections_evicted), i + 1);
        assert_int_equal(bed_stat(bed, connections), 4);
    }
    assert_int_equal(bed_stat(bed, connections_refused), 0);
}

static void test_a_busy_connection_never_makes_room(void **state)
{
    struct bed *bed = *state;
    uint32_t streams[4], refused;

    for (uint32_t i = 0; i < 4; i++)
        streams[i] = bed_accept(bed, i, i);
    assert_true(bed_begin(bed, streams[0])); /* under way */
    assert_true(bed_begin(bed, streams[1])); /* answered, not flushed */
    assert_true(bed_begin(bed, streams[2])); /* answered, not taken */
    bed_answer(bed, streams[2], 100);
    context_flush(&bed->context);
    assert_true(bed_begin(bed, streams[3])); /* answered, and a message has begun */
    bed_event(bed, streams[3], IO_STREAM_BEGUN);
    bed_answer_taken(bed, streams[3]);
    bed_answer(bed, streams[1], 100);
    refused = bed_accept(bed, 4, 4);
    assert_false(bed_open(bed, refused));
    assert_int_equal(bed_end(bed, refused), BED_RESET);
    assert_int_equal(bed_stat(bed, connections_refused), 1);
    assert_int_equal(bed_stat(bed, connections_evicted), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_true(bed_open(bed, streams[i]));
    bed_drain(bed, streams[2]); /* idle from now on */
    assert_true(bed_open(bed, bed_accept(bed, 4, 4)));
    assert_false(bed_open(bed, streams[2]));
}

static void test_a_prefix_at_its_cap_ends_its_own_idlest(void **state)
{
    struct bed *bed = *state;
    uint32_t other, first, second;

    bed->snapshot.config.tcp_per_prefix = 2;
    other = bed_accept(bed, 0, 0x100);
    first = bed_accept(bed, 1, 1);
    second = bed_accept(bed, 2, 2);
    assert_true(bed_open(bed, bed_accept(bed, 3, 3)));
    assert_true(bed_open(bed, other) && bed_open(bed, second));
    assert_int_equal(bed_end(bed, first), BED_FIN);
    assert_int_equal(bed_stat(bed, connections_evicted), 1);
}

static void test_a_prefix_of_busy_connections_gets_no_more(void **state)
{
    struct bed *bed = *state;
    uint32_t idle, busy;

    bed->snapshot.config.tcp_per_prefix = 1;
    idle = bed_accept(bed, 0, 0x100);
    busy = bed_accept(bed, 1, 1);
    assert_true(bed_begin(bed, busy));
    assert_false(bed_open(bed, bed_accept(bed, 2, 2)));
    assert_true(bed_open(bed, idle) && bed_open(bed, busy));
    assert_int_equal(bed_stat(bed, connections_refused), 1);
    bed_answer_taken(bed, busy);
    assert_true(bed_open(bed, bed_accept(bed, 2, 2)));
    assert_true(bed_open(bed, idle));
}

/* Both caps are met at once: what goes for the prefix is enough for all. */
static void test_one_goes_for_one_that_comes(void **state)
{
    struct bed *bed = *state;
    uint32_t other = bed_accept(bed, 0, 0x100);

    bed->snapshot.config.tcp_per_prefix = 3;
    for (uint32_t i = 1; i < 4; i++)
        bed_accept(bed, i, i);
    assert_true(bed_open(bed, bed_accept(bed, 4, 4)));
    assert_true(bed_open(bed, other));
    assert_int_equal(bed_stat(bed, connections_evicted), 1);
}

static void test_a_cap_that_was_lowered_is_reached(void **state)
{
    struct bed *bed = *state;

    for (uint32_t i = 0; i < 4; i++)
        bed_accept(bed, i, i);
    bed->snapshot.config.tcp_per_prefix = 2;
    assert_true(bed_open(bed, bed_accept(bed, 4, 4)));
    assert_int_equal(bed_stat(bed, connections), 3);
    assert_true(bed_open(bed, bed_accept(bed, 5, 5)));
    assert_int_equal(bed_stat(bed, connections), 2);
    assert_true(bed_open(bed, bed_accept(bed, 6, 6)));
    assert_int_equal(bed_stat(bed, connections), 2);
}

static void test_one_idle_connection_is_enough_over_the_cap(void **state)
{
    struct bed *bed = *state;

    for (uint32_t i = 0; i < 4; i++)
        bed_accept(bed, i, i);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(bed_begin(bed, bed->streams[i].handle));
    bed->snapshot.config.tcp_per_prefix = 1;
    assert_true(bed_open(bed, bed_accept(bed, 4, 4)));
    assert_int_equal(bed_stat(bed, connections), 4);
    assert_int_equal(bed_stat(bed, connections_evicted), 1);
}

static union rd_address v6(const uint8_t bytes[16])
{
    union rd_address address = {0};

    address.v6.sin6_family = AF_INET6;
    memcpy(&address.v6.sin6_addr, bytes, 16);
    return address;
}

static void test_prefixes_are_24_and_56_bits(void **state)
{
    struct bed *bed = *state;
    union rd_address a = v6((const uint8_t[16]){0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8});
    union rd_address near = v6((const uint8_t[16]){0x20, 1, 0xd, 0xb8, 1, 2, 3, 0xff, 1});
    union rd_address far = v6((const uint8_t[16]){0x20, 1, 0xd, 0xb8, 1, 2, 4, 4, 5, 6, 7, 8});
    union rd_address alike = v6((const uint8_t[16]){10, 0, 0});
    union rd_address zero = v6((const uint8_t[16]){0});
    union rd_address mapped =
        v6((const uint8_t[16]){0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7});
    union rd_address plain = bed_v4(1), next = bed_v4(0x100);
    const struct {
        const union rd_address *one, *two;
        bool same;
    } rows[] = {
        {&a, &near, true},       {&a, &far, false},      {&plain, &mapped, true},
        {&plain, &next, false},  {&zero, &plain, false}, {&zero, &mapped, false},
        {&alike, &plain, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct prefix_key one = prefix_key_of(&bed->context.hash_key, rows[i].one);
        struct prefix_key two = prefix_key_of(&bed->context.hash_key, rows[i].two);

        assert_int_equal(one.bits == two.bits, rows[i].same);
        assert_int_equal(one.hash == two.hash, rows[i].same);
    }
}

/* Nothing is left over: as many prefixes can be counted as before. */
static void assert_empty(struct bed *bed)
{
    const struct connections *connections = &bed->context.connections;

    assert_int_equal(bed_stat(bed, connections), 0);
    assert_int_equal(rd_slab_used(&connections->prefixes), 0);
    for (uint64_t i = 0; i <= connections->mask; i++)
        assert_int_equal(connections->buckets[i], RD_SLAB_NONE);
    assert_int_equal(connections->idle.oldest, UINT32_MAX);
    assert_int_equal(connections->idle.newest, UINT32_MAX);
    assert_int_equal(rd_timer_next(&bed->context.timers), UINT64_MAX);
}

/* HOST_SHIFT 0: 256 of a prefix; 8: each of its own. Closed in an order unlike that of coming. */
static void fill_and_empty(struct bed *bed, unsigned host_shift, uint32_t prefixes)
{
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < MANY; i++)
            assert_true(bed_open(bed, bed_accept(bed, i, i << host_shift)));
        assert_int_equal(bed_stat(bed, connections), MANY);
        assert_int_equal(rd_slab_used(&bed->context.connections.prefixes), prefixes);
        for (uint32_t i = 0, place = 0; i < MANY; i++, place = (place + 7919) % MANY) {
            bed_event(bed, bed->streams[place].handle, IO_STREAM_CLOSED);
            bed->streams[place].alive = false;
        }
        assert_empty(bed);
    }
}

static void test_ten_thousand_of_many_prefixes(void **state)
{
    fill_and_empty(*state, 8, MANY);
}

static void test_ten_thousand_of_a_few_prefixes(void **state)
{
    fill_and_empty(*state, 0, (MANY + 255) / 256);
}

static void test_ten_thousand_of_one_prefix_keep_to_its_cap(void **state)
{
    struct bed *bed = *state;
    uint32_t first = bed_accept(bed, 0, 0x100);

    bed->snapshot.config.tcp_per_prefix = 256;
    for (uint32_t i = 1; i <= MANY; i++)
        assert_true(bed_open(bed, bed_accept(bed, i, i & 0xff)));
    assert_int_equal(bed_stat(bed, connections), 257);
    assert_int_equal(bed_stat(bed, connections_evicted), MANY - 256);
    assert_true(bed_open(bed, first));
    for (uint32_t i = 1; i <= MANY; i++)
        assert_int_equal(bed->streams[i].alive, i > MANY - 256);
}

/* Each is the second of its prefix, whose first goes: the count of every prefix is right. */
static void test_ten_thousand_prefixes_are_counted_apart(void **state)
{
    struct bed *bed = *state;

    bed->snapshot.config.tcp_per_prefix = 1;
    for (uint32_t i = 0; i < MANY / 2; i++)
        bed_accept(bed, i, i << 8);
    for (uint32_t i = 0; i < MANY / 2; i++) {
        bed_accept(bed, MANY / 2 + i, i << 8 | 1);
        assert_false(bed->streams[i].alive);
        assert_int_equal(bed_stat(bed, connections_evicted), i + 1);
    }
    assert_int_equal(bed_stat(bed, connections), MANY / 2);
}

static void test_many_times_as_many_leave_in_the_order_they_came(void **state)
{
    struct bed *bed = *state;

    for (uint32_t i = 0; i < 64; i++)
        for (uint32_t place = 0; place < 8; place++) {
            uint32_t before = bed->streams[(place + 4) % 8].handle;

            assert_true(bed_open(bed, bed_accept(bed, place, place << 8)));
            if (i > 0)
                assert_false(bed_open(bed, before));
        }
    assert_int_equal(bed_stat(bed, connections), 4);
    assert_int_equal(bed_stat(bed, connections_evicted), 64 * 8 - 4);
}

static void test_a_stale_handle_finds_nothing(void **state)
{
    struct bed *bed = *state;
    uint32_t stale = bed_accept(bed, 2, 1), stream = 0;

    assert_true(bed_begin(bed, stale));
    bed_event(bed, stale, IO_STREAM_CLOSED);
    bed->streams[2].alive = false;
    assert_int_equal(bed_stat(bed, connections), 0);
    for (unsigned i = 0; i < 2; i++) { /* the place is free, then it has another connection */
        assert_false(bed_begin(bed, stale));
        bed_answer(bed, stale, 100);
        connection_abort(&bed->context, &(struct io_path){.way = stale, .via = IO_TCP},
                         &bed->stats.connections_bad);
        bed_event(bed, stale, IO_STREAM_BEGUN);
        bed_event(bed, stale, IO_STREAM_DRAINED);
        bed_event(bed, stale, IO_STREAM_ENDED);
        bed_event(bed, stale, IO_STREAM_CLOSED);
        assert_int_equal(bed_stat(bed, connections), i);
        assert_int_equal(bed_stat(bed, connections_bad), 0);
        if (i == 0)
            stream = bed_accept(bed, 2, 1);
    }
    assert_true(bed_open(bed, stream));
    assert_false(bed_begin(bed, BED_PLACES)); /* no place at all */
}

/* Generations are few; the connection that has the handle now owes nothing to the old query. */
static void test_a_handle_that_came_round_does_no_harm(void **state)
{
    struct bed *bed = *state;
    uint32_t first = bed_accept(bed, 2, 1), stream;

    assert_true(bed_begin(bed, first));
    do {
        bed_event(bed, bed->streams[2].handle, IO_STREAM_CLOSED);
        bed->streams[2].alive = false;
        stream = bed_accept(bed, 2, 1);
    } while (stream != first);
    bed_answer(bed, stream, 100);
    assert_true(bed_open(bed, stream));
    assert_true(bed_begin(bed, stream));
    bed_answer(bed, stream, 100);
    assert_int_equal(connection_find(&bed->context.connections, stream)->under_way, 0);
}

static void test_abort_resets_and_counts(void **state)
{
    struct bed *bed = *state;
    uint32_t stream = bed_accept(bed, 0, 1);

    assert_true(bed_begin(bed, stream));
    assert_true(bed_begin(bed, stream));
    connection_abort(&bed->context, &(struct io_path){.way = stream, .via = IO_TCP},
                     &bed->stats.connections_bad);
    assert_false(bed_open(bed, stream));
    assert_int_equal(bed_end(bed, stream), BED_RESET);
    assert_int_equal(bed_stat(bed, connections_bad), 1);
    bed_answer(bed, stream, 100); /* the other query's */
    assert_empty(bed);
}

static void test_keepalive_tells_the_idle_time(void **state)
{
    static const struct {
        uint64_t idle_ms;
        uint16_t units;
    } rows[] = {{1000, 10}, {10000, 100}, {600000, 6000}, {6553500, 65535}, {6553600, 65535}};
    struct bed *bed = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bed->snapshot.config.tcp_idle = rows[i].idle_ms;
        assert_int_equal(connection_keepalive(&bed->context), rows[i].units);
    }
}

static void test_keepalive_is_0_when_nearly_full_or_stopping(void **state)
{
    struct bed *bed = *state;

    for (uint32_t i = 0; i < MANY / 8 * 7; i++)
        bed_accept(bed, i, i);
    assert_int_equal(connection_keepalive(&bed->context), 100);
    bed_accept(bed, MANY, 0);
    assert_int_equal(connection_keepalive(&bed->context), 0);
    bed_event(bed, bed->streams[MANY].handle, IO_STREAM_CLOSED);
    assert_int_equal(connection_keepalive(&bed->context), 100);
    bed->context.stopping = true;
    assert_int_equal(connection_keepalive(&bed->context), 0);
}

static void test_a_stop_closes_each_when_it_is_done(void **state)
{
    struct bed *bed = *state;
    uint32_t idle = bed_accept(bed, 0, 0), begun = bed_accept(bed, 1, 1);
    uint32_t asks = bed_accept(bed, 2, 2), unread = bed_accept(bed, 3, 3);

    bed_event(bed, begun, IO_STREAM_BEGUN);
    assert_true(bed_begin(bed, asks) && bed_begin(bed, asks) && bed_begin(bed, unread));
    bed_answer(bed, unread, 100); /* in context->out yet */
    bed->context.stopping = true;
    connections_stop(&bed->context);
    assert_int_equal(bed_end(bed, idle), BED_FIN);
    assert_int_equal(bed_end(bed, begun), BED_FIN);
    assert_true(bed_open(bed, asks) && bed_open(bed, unread));
    bed_drain(bed, unread);
    assert_int_equal(bed_end(bed, unread), BED_FIN);
    bed_answer_taken(bed, asks);
    assert_true(bed_open(bed, asks));
    bed_answer(bed, asks, 100);
    assert_true(bed_open(bed, asks));
    bed_drain(bed, asks);
    assert_int_equal(bed_end(bed, asks), BED_FIN);
    assert_empty(bed);
}

static void test_nobody_is_accepted_after_a_stop(void **state)
{
    struct bed *bed = *state;
    uint32_t stream;

    bed->context.stopping = true;
    connections_stop(&bed->context);
    stream = bed_accept(bed, 0, 1);
    assert_int_equal(bed_end(bed, stream), BED_RESET);
    assert_int_equal(bed_stat(bed, connections_refused), 1);
    assert_int_equal(bed_stat(bed, connections_accepted), 0);
}

static void test_close_closes_whatever_is_under_way(void **state)
{
    struct bed *bed = *state;
    uint32_t idle = bed_accept(bed, 0, 0), asks = bed_accept(bed, 1, 1);

    assert_true(bed_begin(bed, asks));
    connections_close(&bed->context);
    assert_int_equal(bed_end(bed, idle), BED_FIN);
    assert_int_equal(bed_end(bed, asks), BED_FIN);
    assert_empty(bed);
}

#define TEST(name, made) cmocka_unit_test_setup_teardown(name, made, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_accepted_connection_is_read, setup),
        TEST(test_the_idlest_makes_room, setup),
        TEST(test_a_busy_connection_never_makes_room, setup),
        TEST(test_a_prefix_at_its_cap_ends_its_own_idlest, setup),
        TEST(test_a_prefix_of_busy_connections_gets_no_more, setup),
        TEST(test_one_goes_for_one_that_comes, setup),
        TEST(test_a_cap_that_was_lowered_is_reached, setup),
        TEST(test_one_idle_connection_is_enough_over_the_cap, setup),
        TEST(test_prefixes_are_24_and_56_bits, setup),
        TEST(test_ten_thousand_of_many_prefixes, setup_many),
        TEST(test_ten_thousand_of_a_few_prefixes, setup_many),
        TEST(test_ten_thousand_of_one_prefix_keep_to_its_cap, setup_many),
        TEST(test_ten_thousand_prefixes_are_counted_apart, setup_many),
        TEST(test_many_times_as_many_leave_in_the_order_they_came, setup),
        TEST(test_a_stale_handle_finds_nothing, setup),
        TEST(test_a_handle_that_came_round_does_no_harm, setup),
        TEST(test_abort_resets_and_counts, setup),
        TEST(test_keepalive_tells_the_idle_time, setup),
        TEST(test_keepalive_is_0_when_nearly_full_or_stopping, setup_many),
        TEST(test_a_stop_closes_each_when_it_is_done, setup),
        TEST(test_nobody_is_accepted_after_a_stop, setup),
        TEST(test_close_closes_whatever_is_under_way, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
