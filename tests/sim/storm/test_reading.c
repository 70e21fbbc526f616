/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_reading.c - the storm's own reader of messages beside the forwarder's: whatever the bytes
 * are, both say the same of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/packets.h"
#include "sim/storm/reading.h"

#define ROUNDS 200000

static void write_some(struct sim *sim, struct packet *packet)
{
    static const uint8_t soa[] = "\xc0\x0c\4host\xc0\x0c\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
    static const uint8_t option[] = "\0\3\0\0\0\12\0\10abcdefgh\0\17\0\3\0\6x";
    struct ask ask = {.name = "WWW.Example.ORG", .type = RD_TYPE_MX, .id = 77};

    packet_query(packet, &ask);
    packet_record(packet, RD_ANSWER, RD_TYPE_MX, 300, "\0\5\4mail\xc0\x10", 9);
    packet_owned(packet, RD_ANSWER, "a.b.c", RD_TYPE_TXT, 300, "\3abc\1d", 6);
    packet_record(packet, RD_AUTHORITY, RD_TYPE_SOA, 300, soa, sizeof(soa) - 1);
    packet_record(packet, RD_ADDITIONAL, RD_TYPE_A, 300, "\1\2\3\4", 4);
    if (sim_random_below(sim, 2))
        packet_a(packet, RD_ADDITIONAL, 3);
    if (sim_random_below(sim, 8) == 0)
        packet_record(packet, RD_ADDITIONAL, RD_TYPE_TSIG, 0, "\0", 1);
    packet_opt(packet, 1232, 0, 0, RD_EDNS_DO);
    for (size_t at = 0; at + 4 < sizeof(option); at += 4u + option[at + 3])
        packet_option(packet, option[at + 1], option + at + 4, option[at + 3]);
}

static void spoil(struct sim *sim, struct packet *packet)
{
    unsigned n = sim_random_below(sim, 4);

    for (unsigned i = 0; i < n; i++) {
        uint32_t at = sim_random_below(sim, (uint32_t)packet->len);
        uint32_t bit = sim_random_below(sim, 8);

        packet->bytes[at] ^= (uint8_t)(1u << bit);
    }
    if (sim_random_below(sim, 4) == 0)
        packet->len = sim_random_below(sim, (uint32_t)packet->len + 1);
}

static enum reading_state verdict(const uint8_t *data, size_t len, struct rd_message *wire,
                                  struct rd_name *name)
{
    static const enum reading_state states[] = {
        [RD_WIRE_OK] = READING_WHOLE,
        [RD_WIRE_RECORD] = READING_RECORD,
        [RD_WIRE_EDNS] = READING_EDNS,
    };

    if (!rd_message_header(data, len, wire))
        return READING_SHORT;
    if (rd_message_question(data, len, wire, name, NULL) != RD_WIRE_OK)
        return READING_QUESTION;
    return states[rd_message_sections(data, len, wire)];
}

static void compare(struct reading *reading, const uint8_t *data, size_t len)
{
    struct rd_message wire;
    struct rd_name name;
    enum reading_state expected = verdict(data, len, &wire, &name);

    assert_int_equal(reading_take(reading, data, len), expected);
    if (expected <= READING_QUESTION)
        return;
    assert_int_equal(reading->name_len, name.len);
    assert_memory_equal(reading->text, name.bytes, name.len);
    assert_int_equal(reading->type, wire.qtype);
    if (expected == READING_RECORD)
        return;
    assert_int_equal(reading->edns.present, wire.edns.present);
    if (expected == READING_EDNS)
        return;
    assert_int_equal(reading->tsig, wire.tsig);
    assert_int_equal(reading->edns.dnssec_ok, wire.edns.dnssec_ok);
    assert_int_equal(reading->edns.payload, wire.edns.payload_bytes);
    assert_int_equal(reading->edns.nsid, wire.edns.nsid);
    assert_int_equal(reading->edns.cookie_len, wire.edns.cookie_len);
    assert_int_equal(reading->edns.n_edes, wire.edns.n_ede);
    assert_int_equal(reading->n + (wire.opt != 0), wire.count[0] + wire.count[1] + wire.count[2]);
}

static void test_any_bytes(void **state)
{
    struct sim *sim = sim_new(5);
    struct reading reading = {.n = 0};
    static struct packet packet;
    unsigned whole = 0;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t *exact;

        write_some(sim, &packet);
        spoil(sim, &packet);
        exact = malloc(packet.len + 1); /* so that a byte too many is seen by the sanitizer */
        assert_non_null(exact);
        memcpy(exact + 1, packet.bytes, packet.len);
        compare(&reading, exact + 1, packet.len);
        whole += reading.state == READING_WHOLE;
        free(exact);
    }
    assert_in_range(whole, ROUNDS / 10, ROUNDS * 9 / 10);
    reading_deinit(&reading);
    sim_free(sim);
}

static void test_compression_makes_no_difference(void **state)
{
    struct reading packed = {.n = 0}, whole = {.n = 0};
    struct packet *packets = calloc(2, sizeof(*packets));
    struct ask ask = {.name = "WWW.one", .type = RD_TYPE_MX};

    (void)state;
    assert_non_null(packets);
    for (unsigned i = 0; i < 2; i++)
        packet_query(&packets[i], &ask);
    packet_record(&packets[0], RD_ANSWER, RD_TYPE_MX, 300, "\0\5\1M\xc0\x10", 6);
    packet_owned(&packets[1], RD_ANSWER, "www.ONE", RD_TYPE_MX, 300, "\0\5\1m\3oNe", 9);
    assert_int_equal(reading_take(&packed, packets[0].bytes, packets[0].len), READING_WHOLE);
    assert_int_equal(reading_take(&whole, packets[1].bytes, packets[1].len), READING_WHOLE);
    assert_true(packed.at[0].whole == whole.at[0].whole);
    assert_true(packed.at[0].head == whole.at[0].head);
    reading_deinit(&packed);
    reading_deinit(&whole);
    free(packets);
}

static void test_a_question_is_guessed(void **state)
{
    static const uint8_t bytes[] = "\0\1\201\200\0\0\0\0\0\0\0\0\3WwW\3one\0\0\34\0";
    uint8_t name[255];
    uint16_t type;

    (void)state;
    assert_int_equal(reading_guess(bytes, sizeof(bytes) - 1, name, &type), 9);
    assert_memory_equal(name, "\3www\3one", 9);
    assert_int_equal(type, RD_TYPE_AAAA);
    assert_int_equal(reading_guess(bytes, 22, name, &type), 9);
    assert_int_equal(type, 0);
    assert_int_equal(reading_guess(bytes, 20, name, &type), 0);
    assert_int_equal(reading_guess(bytes, 12, name, &type), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_compression_makes_no_difference),
        cmocka_unit_test(test_a_question_is_guessed),
    };

    return cmocka_run_group_tests_name("reading", tests, NULL, NULL);
}
