/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_weather.c - each fault of the network by itself: what becomes of a datagram, and that the
 * oracle is told while its question can still be read.
 */
#include <errno.h>

#include "sim/storm/test_stub.h"
#include "sim/storm/weather.h"

#define MS      RD_NS_PER_MS
#define S       RD_NS_PER_S
#define CARRIED 200 /* datagrams, for each fault */

static struct packet query, honest;

/* Carries the honest reply for name NUMBER, which takes 1 ms, and keeps what arrives. When it was
 * sent. */
static uint64_t carry(struct stub *stub, unsigned number, int fault, int error)
{
    struct sim *sim = stub->storm.sim;
    struct sim_datagram *datagram;
    uint64_t sent_ns = sim->now_ns;

    stub_clear(stub);
    stub_keep_arrivals(stub, false);
    stub_query(stub, number, RD_TYPE_A, &query);
    stub_ask_honestly(stub, &query, &honest);
    stub_keep_arrivals(stub, true);
    datagram = sim_datagram_new(honest.len);
    datagram->to = sim_address("192.0.2.1", 1);
    datagram->tag = STORM_LUCKY;
    datagram->error = error;
    memcpy(datagram->bytes, honest.bytes, honest.len);
    stub->fault = fault;
    weather_carry(&stub->storm, datagram, MS);
    sim_run_for(sim, 5 * S);
    for (unsigned i = 0; i < stub->n; i++)
        assert_int_equal(stub->kept[i]->tag, STORM_LUCKY);
    return sent_ns;
}

static void assert_told(const struct stub *stub)
{
    assert_int_equal(stub->troubles, 1);
    assert_int_equal(stub->told.len, honest.len);
    assert_memory_equal(stub->told.bytes, honest.bytes, honest.len);
}

static void assert_whole(const struct stub *stub, unsigned i)
{
    assert_int_equal(stub->kept[i]->len, honest.len);
    assert_memory_equal(stub->kept[i]->bytes, honest.bytes, honest.len);
}

static void test_in_calm_weather_it_arrives(void **state)
{
    struct stub *stub = *state;
    uint64_t sent_ns = carry(stub, 1, -1, 0);

    assert_int_equal(stub->n, 1);
    assert_int_equal(stub->kept[0]->due_ns, sent_ns + MS);
    assert_whole(stub, 0);
    assert_int_equal(stub->troubles, 0);
}

static void test_it_is_lost(void **state)
{
    struct stub *stub = *state;

    carry(stub, 1, STORM_LOSS, 0);
    assert_int_equal(stub->n, 0);
    assert_told(stub);
}

static void test_it_comes_twice(void **state)
{
    struct stub *stub = *state;
    uint64_t sent_ns = carry(stub, 1, STORM_DUPLICATE, 0);

    assert_int_equal(stub->n, 2);
    assert_int_equal(stub->kept[0]->due_ns, sent_ns + MS);
    assert_true(stub->kept[1]->due_ns > sent_ns + MS);
    assert_whole(stub, 0);
    assert_whole(stub, 1);
    assert_int_equal(stub->troubles, 0);
}

static void test_it_is_delayed(void **state)
{
    struct stub *stub = *state;
    uint64_t sent_ns = carry(stub, 1, STORM_DELAY, 0);

    assert_int_equal(stub->kept[0]->due_ns, sent_ns + MS + 2 * S);
    assert_whole(stub, 0);
    assert_told(stub);
}

static void test_it_is_overtaken(void **state)
{
    struct stub *stub = *state;
    uint64_t sent_ns = carry(stub, 1, STORM_REORDER, 0);

    assert_int_equal(stub->kept[0]->due_ns, sent_ns + 2 * MS);
    assert_whole(stub, 0);
    assert_int_equal(stub->troubles, 0);
}

static void test_it_loses_its_end(void **state)
{
    struct stub *stub = *state;
    size_t least = 65535, most = 0;

    for (unsigned i = 0; i < CARRIED; i++) {
        carry(stub, i, STORM_CUT, 0);
        assert_int_equal(stub->n, 1);
        assert_told(stub);
        assert_true(stub->kept[0]->len < honest.len);
        assert_memory_equal(stub->kept[0]->bytes, honest.bytes, stub->kept[0]->len);
        least = stub->kept[0]->len < least ? stub->kept[0]->len : least;
        most = stub->kept[0]->len > most ? stub->kept[0]->len : most;
    }
    assert_true(least < 12 && most > 60);
}

static unsigned wrong_bits(const struct sim_datagram *datagram, size_t from, size_t to)
{
    unsigned wrong = 0;

    for (size_t i = from; i < to; i++)
        wrong += (unsigned)__builtin_popcount(datagram->bytes[i] ^ honest.bytes[i]);
    return wrong;
}

static void test_it_has_wrong_bits(void **state)
{
    struct stub *stub = *state;
    unsigned header = 0, question = 0, behind = 0;

    for (unsigned i = 0; i < CARRIED; i++) {
        size_t end;

        carry(stub, i, STORM_CORRUPT, 0);
        end = query.len - 23; /* before an OPT with a cookie of 8 bytes */
        assert_int_equal(stub->n, 1);
        assert_told(stub);
        assert_int_equal(stub->kept[0]->len, honest.len);
        assert_true(wrong_bits(stub->kept[0], 0, honest.len) <= 3);
        header += wrong_bits(stub->kept[0], 0, 12);
        question += wrong_bits(stub->kept[0], 12, end);
        behind += wrong_bits(stub->kept[0], end, honest.len);
    }
    assert_true(header > CARRIED / 4 && question > CARRIED / 4 && behind > CARRIED / 4);
}

static void test_errors_pass(void **state)
{
    static const int faults[] = {STORM_LOSS,    STORM_DUPLICATE, STORM_DELAY,
                                 STORM_REORDER, STORM_CUT,       STORM_CORRUPT};
    struct stub *stub = *state;

    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        uint64_t sent_ns = carry(stub, i, faults[i], ECONNREFUSED);

        assert_int_equal(stub->n, 1);
        assert_int_equal(stub->kept[0]->error, ECONNREFUSED);
        assert_int_equal(stub->kept[0]->due_ns, sent_ns + MS);
        assert_int_equal(stub->troubles, 0);
    }
}

static void test_a_datagram_without_bytes_has_none_to_spoil(void **state)
{
    struct stub *stub = *state;

    stub_keep_arrivals(stub, true);
    for (int fault = STORM_CUT; fault <= STORM_CORRUPT; fault++) {
        struct sim_datagram *datagram = sim_datagram_new(0);

        datagram->to = sim_address("192.0.2.1", 1);
        stub->fault = fault;
        weather_carry(&stub->storm, datagram, 0);
        sim_run_for(stub->storm.sim, MS);
    }
    assert_int_equal(stub->n, 2);
    assert_int_equal(stub->troubles, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STUB_TEST(test_in_calm_weather_it_arrives),
        STUB_TEST(test_it_is_lost),
        STUB_TEST(test_it_comes_twice),
        STUB_TEST(test_it_is_delayed),
        STUB_TEST(test_it_is_overtaken),
        STUB_TEST(test_it_loses_its_end),
        STUB_TEST(test_it_has_wrong_bits),
        STUB_TEST(test_errors_pass),
        STUB_TEST(test_a_datagram_without_bytes_has_none_to_spoil),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
