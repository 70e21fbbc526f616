/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_message.c - header, question and the walk over all records (RFC 1035 section 4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "packet.h"
#include "wire/message.h"

static struct packet packet;

/* All three steps over memory that ends with the packet. */
static enum rd_wire walk(struct rd_message *ret_message)
{
    uint8_t *data = malloc(packet.len ? packet.len : 1);
    enum rd_wire wire = RD_WIRE_SHORT;

    memcpy(data, packet.bytes, packet.len);
    if (rd_message_header(data, packet.len, ret_message))
        wire = rd_message_question(data, packet.len, ret_message, NULL, NULL);
    if (wire == RD_WIRE_OK)
        wire = rd_message_sections(data, packet.len, ret_message);
    free(data);
    return wire;
}

static void assert_walk(enum rd_wire expected)
{
    struct rd_message message;

    assert_int_equal(walk(&message), expected);
}

/* -- header and question ---------------------------------------------------------------------- */

static void test_a_header_is_read(void **state)
{
    struct rd_message message;

    (void)state;
    assert_true(
        rd_message_header((const uint8_t *)"\x12\x34\x81\x80\0\1\0\2\0\3\1\4", 12, &message));
    assert_int_equal(message.id, 0x1234);
    assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA);
    assert_int_equal(message.qdcount, 1);
    assert_int_equal(message.count[RD_ANSWER], 2);
    assert_int_equal(message.count[RD_AUTHORITY], 3);
    assert_int_equal(message.count[RD_ADDITIONAL], 0x104);
}

static void test_eleven_bytes_are_no_header(void **state)
{
    struct rd_message message = {.id = 77};

    (void)state;
    assert_false(rd_message_header((const uint8_t *)"...........", 11, &message));
    assert_int_equal(message.id, 77);
}

static void test_a_question_is_read_with_its_spelling(void **state)
{
    struct rd_message message;
    struct rd_name name;
    struct rd_name_case upper;

    (void)state;
    packet_begin(&packet, 0, 0, 0);
    packet.bytes[13] = 'W';
    assert_true(rd_message_header(packet.bytes, packet.len, &message));
    assert_int_equal(rd_message_question(packet.bytes, packet.len, &message, &name, &upper),
                     RD_WIRE_OK);
    assert_int_equal(message.qtype, RD_TYPE_A);
    assert_int_equal(message.qclass, RD_CLASS_IN);
    assert_int_equal(message.question_end, packet.len);
    assert_memory_equal(name.bytes, "\3www\7example\0", 13);
    assert_int_equal(upper.bits[0], 2);
}

static void test_not_one_question_is_refused(void **state)
{
    (void)state;
    for (uint8_t qdcount = 0; qdcount < 3; qdcount++) {
        packet_begin(&packet, 0, 0, 0);
        packet.bytes[5] = qdcount;
        assert_walk(qdcount == 1 ? RD_WIRE_OK : RD_WIRE_QUESTION);
    }
}

static void test_a_question_that_ends_early_is_refused(void **state)
{
    (void)state;
    packet_begin(&packet, 0, 0, 0);
    while (--packet.len >= RD_DNS_HEADER_BYTES)
        assert_walk(RD_WIRE_QUESTION);
    assert_walk(RD_WIRE_SHORT);
}

static void test_a_compressed_question_is_refused(void **state)
{
    (void)state;
    packet_begin(&packet, 0, 0, 0);
    packet.len = RD_DNS_HEADER_BYTES;
    packet_add_text(&packet, "\1a\xc0\x0c\0\1\0\1");
    assert_walk(RD_WIRE_QUESTION);
}

/* -- sections --------------------------------------------------------------------------------- */

static void test_sections_end_where_their_records_end(void **state)
{
    struct rd_message message;

    (void)state;
    packet_begin(&packet, 2, 1, 1);
    packet_add_record(&packet, RD_TYPE_CNAME, RD_CLASS_IN, "\1x\xc0\x10", 4);
    packet_add_record(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0\1", 4);
    packet_add_record(&packet, RD_TYPE_NS, RD_CLASS_IN, "\2ns\xc0\x10", 5);
    packet_add_record(&packet, RD_TYPE_AAAA, RD_CLASS_IN, "................", 16);
    assert_int_equal(walk(&message), RD_WIRE_OK);
    assert_int_equal(message.question_end, 29);
    assert_int_equal(message.end[RD_ANSWER], 29 + 16 + 16);
    assert_int_equal(message.end[RD_AUTHORITY], 29 + 16 + 16 + 17);
    assert_int_equal(message.end[RD_ADDITIONAL], 29 + 16 + 16 + 17 + 28);
    assert_false(message.edns.present);
    assert_false(message.tsig);
    assert_int_equal(message.opt, 0);
}

static void test_a_count_too_high_is_refused(void **state)
{
    (void)state;
    for (unsigned section = 0; section < 3; section++) {
        packet_begin(&packet, 0, 0, 1);
        packet_add_record(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0\1", 4);
        packet.bytes[7 + 2 * section]++;
        assert_walk(RD_WIRE_RECORD);
    }
}

static void test_counts_of_65535_are_refused_at_once(void **state)
{
    (void)state;
    packet_begin(&packet, 0xffff, 0xffff, 0xffff);
    assert_walk(RD_WIRE_RECORD);
}

static void test_trailing_bytes_are_refused(void **state)
{
    (void)state;
    packet_begin(&packet, 1, 0, 0);
    packet_add_record(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0\1", 4);
    assert_walk(RD_WIRE_OK);
    packet_add_text(&packet, "\0");
    assert_walk(RD_WIRE_RECORD);
    packet_begin(&packet, 0, 0, 0);
    packet_add_record(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0\1", 4);
    assert_walk(RD_WIRE_RECORD);
}

static void test_a_record_that_ends_early_is_refused(void **state)
{
    (void)state;
    packet_begin(&packet, 1, 0, 0);
    packet_add_record(&packet, RD_TYPE_TXT, RD_CLASS_IN, "\4text", 5);
    while (--packet.len >= 29)
        assert_walk(RD_WIRE_RECORD);
}

static void test_an_rdlength_that_lies_is_refused(void **state)
{
    (void)state;
    for (unsigned rdlength = 0; rdlength < 300; rdlength++) {
        packet_begin(&packet, 1, 0, 0);
        packet_add_record(&packet, 65280, RD_CLASS_IN, "....", 4);
        rd_put_u16(packet.bytes + packet.len - 6, (uint16_t)rdlength);
        assert_walk(rdlength == 4 ? RD_WIRE_OK : RD_WIRE_RECORD);
    }
}

static void test_owners_must_be_sound(void **state)
{
    static const char *const owners[] = {
        "\xc0\x1d", /* itself: 29 */
        "\xc0\x30", /* forward */
        "\xc0\x04", /* the header */
        "\x40....", /* an unknown kind of label */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
        packet_begin(&packet, 1, 0, 0);
        packet_add(&packet, owners[i], strlen(owners[i]));
        packet_add_fields(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0\1", 4);
        assert_walk(RD_WIRE_RECORD);
    }
}

static void test_rdata_is_held_to_its_type(void **state)
{
    (void)state;
    packet_begin(&packet, 1, 0, 0);
    packet_add_record(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0", 3);
    assert_walk(RD_WIRE_RECORD);
}

static void test_other_classes_are_held_to_lengths_alone(void **state)
{
    static const unsigned classes[] = {2, RD_CLASS_CH, 254, 255};

    (void)state;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        packet_begin(&packet, 2, 0, 0);
        packet_add_record(&packet, RD_TYPE_A, classes[i], "", 0);
        packet_add_record(&packet, RD_TYPE_CNAME, classes[i], "\xc0\xff", 2);
        assert_walk(RD_WIRE_OK);
        rd_put_u16(packet.bytes + packet.len - 4, 3);
        assert_walk(RD_WIRE_RECORD);
    }
}

static void test_the_largest_message_is_walked(void **state)
{
    struct rd_message message;

    (void)state;
    packet_begin(&packet, 1, 0, 0);
    packet_add_u16(&packet, 0xc00c);
    packet_add_fields(&packet, 65280, RD_CLASS_IN, "", 0);
    rd_put_u16(packet.bytes + packet.len - 2, (uint16_t)(sizeof(packet.bytes) - packet.len));
    packet.len = sizeof(packet.bytes);
    assert_int_equal(walk(&message), RD_WIRE_OK);
    assert_int_equal(message.end[RD_ADDITIONAL], 65535);
}

/* -- OPT -------------------------------------------------------------------------------------- */

static void test_an_opt_is_taken_apart(void **state)
{
    struct rd_message message;

    (void)state;
    packet_begin(&packet, 0, 0, 1);
    packet_add_text(&packet, "\0\0\x29\x10\x01\xab\0\xff\xff\0\4\0\3\0\0");
    assert_int_equal(walk(&message), RD_WIRE_OK);
    assert_int_equal(message.opt, 29);
    assert_int_equal(message.opt_end, packet.len);
    assert_true(message.edns.present);
    assert_true(message.edns.dnssec_ok);
    assert_true(message.edns.nsid);
    assert_int_equal(message.edns.payload_bytes, 0x1001);
    assert_int_equal(message.edns.extended_rcode, 0xab);
    assert_int_equal(message.edns.version, 0);
}

/* What overruns by the rules of version 0 may be sound by those of its own. */
static void test_options_of_another_version_are_not_judged(void **state)
{
    struct rd_message message;

    (void)state;
    packet_begin(&packet, 0, 0, 1);
    packet_add_text(&packet, "\0\0\x29\x10\x01\xab\x05\xff\xff\0\4\0\3\0\xff");
    assert_int_equal(walk(&message), RD_WIRE_OK);
    assert_int_equal(message.edns.version, 5);
    assert_false(message.edns.nsid);
}

static void test_an_opt_may_stand_among_others(void **state)
{
    struct rd_message message;

    (void)state;
    packet_begin(&packet, 0, 0, 3);
    packet_add_record(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0\1", 4);
    packet_add_opt(&packet, "", 0);
    packet_add_record(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0\2", 4);
    assert_int_equal(walk(&message), RD_WIRE_OK);
    assert_int_equal(message.opt, 29 + 16);
    assert_int_equal(message.opt_end, 29 + 16 + 11);
    assert_false(message.edns.dnssec_ok);
}

/* RD_WIRE_EDNS, and the client is known to speak EDNS. */
static void assert_edns_refused(void)
{
    struct rd_message message;

    assert_int_equal(walk(&message), RD_WIRE_EDNS);
    assert_true(message.edns.present);
    assert_int_equal(message.id, 0x1234);
    assert_int_equal(message.question_end, 29);
}

static void test_two_opts_are_refused(void **state)
{
    (void)state;
    packet_begin(&packet, 0, 0, 2);
    packet_add_opt(&packet, "", 0);
    packet_add_opt(&packet, "", 0);
    assert_edns_refused();
}

static void test_an_opt_in_answer_or_authority_is_refused(void **state)
{
    (void)state;
    packet_begin(&packet, 1, 0, 0);
    packet_add_opt(&packet, "", 0);
    assert_edns_refused();
    packet_begin(&packet, 0, 1, 0);
    packet_add_opt(&packet, "", 0);
    assert_edns_refused();
}

static void test_an_opt_not_at_the_root_is_refused(void **state)
{
    (void)state;
    packet_begin(&packet, 0, 0, 1);
    packet_add_record(&packet, RD_TYPE_OPT, 1232, "", 0);
    assert_edns_refused();
    packet_begin(&packet, 0, 0, 1);
    packet_add_u16(&packet, 0xc018); /* the question's own root */
    packet_add_fields(&packet, RD_TYPE_OPT, 1232, "", 0);
    assert_edns_refused();
}

static void test_an_option_that_overruns_is_refused(void **state)
{
    (void)state;
    packet_begin(&packet, 0, 0, 1);
    packet_add_opt(&packet, "\0\3\0\1", 4);
    assert_edns_refused();
    packet_begin(&packet, 0, 0, 1);
    packet_add_opt(&packet, "\0\3\0", 3);
    assert_edns_refused();
}

static void test_an_opt_that_overruns_the_message_was_seen(void **state)
{
    struct rd_message message;

    (void)state;
    packet_begin(&packet, 0, 0, 1);
    packet_add_opt(&packet, "\0\3\0\0", 4);
    packet.len--;
    assert_int_equal(walk(&message), RD_WIRE_RECORD);
    assert_true(message.edns.present);
}

static void test_extended_errors_are_found_in_the_message(void **state)
{
    struct rd_message message;

    (void)state;
    packet_begin(&packet, 0, 0, 1);
    packet_add_opt(&packet, "\0\x0f\0\x05\0\x17oof", 9);
    assert_int_equal(walk(&message), RD_WIRE_OK);
    assert_int_equal(message.edns.n_ede, 1);
    assert_int_equal(message.edns.ede[0].code, RD_EDE_NETWORK_ERROR);
    assert_memory_equal(packet.bytes + message.edns.ede[0].text_offset, "oof", 3);
}

/* -- signatures, skipping ---------------------------------------------------------------------- */

static void test_a_tsig_is_seen_in_additional_alone(void **state)
{
    struct rd_message message;

    (void)state;
    packet_begin(&packet, 0, 0, 1);
    packet_add_record(&packet, RD_TYPE_TSIG, 255, "....", 4);
    assert_int_equal(walk(&message), RD_WIRE_OK);
    assert_true(message.tsig);
    packet_begin(&packet, 1, 0, 0);
    packet_add_record(&packet, RD_TYPE_TSIG, 255, "....", 4);
    assert_int_equal(walk(&message), RD_WIRE_OK);
    assert_false(message.tsig);
}

static void test_a_sig_is_a_signature_only_if_it_covers_no_type(void **state)
{
    struct rd_message message;
    uint8_t rdata[18 + 1 + 8] = {0};

    (void)state;
    packet_begin(&packet, 0, 0, 1);
    packet_add_record(&packet, 24, 255, rdata, sizeof(rdata));
    assert_int_equal(walk(&message), RD_WIRE_OK);
    assert_true(message.tsig);
    rdata[1] = RD_TYPE_A;
    packet_begin(&packet, 0, 0, 1);
    packet_add_record(&packet, 24, RD_CLASS_IN, rdata, sizeof(rdata));
    assert_int_equal(walk(&message), RD_WIRE_OK);
    assert_false(message.tsig);
}

static void test_skipping_goes_from_record_to_record(void **state)
{
    size_t at;

    (void)state;
    packet_begin(&packet, 2, 0, 1);
    packet_add_record(&packet, RD_TYPE_TXT, RD_CLASS_IN, "\3abc", 4);
    packet_add_text(&packet, "\1a\2bc\xc0\x10");
    packet_add_fields(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0\1", 4);
    packet_add_opt(&packet, "", 0);
    assert_walk(RD_WIRE_OK);
    at = rd_message_skip_record(packet.bytes, packet.len, 29);
    assert_int_equal(at, 29 + 16);
    at = rd_message_skip_record(packet.bytes, packet.len, at);
    assert_int_equal(at, 29 + 16 + 21);
    at = rd_message_skip_record(packet.bytes, packet.len, at);
    assert_int_equal(at, packet.len);
    assert_int_equal(rd_message_skip_record(packet.bytes, packet.len, at), 0);
}

static void test_an_rrset_is_of_one_owner_type_and_class(void **state)
{
    size_t at[5] = {29};

    (void)state;
    packet_begin(&packet, 5, 0, 0);
    packet_add_record(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0\1", 4);
    packet_add_record(&packet, RD_TYPE_A, RD_CLASS_IN, "\12\0\0\2", 4);
    packet_add_record(&packet, RD_TYPE_TXT, RD_CLASS_IN, "\3abc", 4);
    packet_add_record(&packet, RD_TYPE_TXT, RD_CLASS_CH, "\3abc", 4);
    packet_add_text(&packet, "\1a\xc0\x0c");
    packet_add_fields(&packet, RD_TYPE_TXT, RD_CLASS_CH, "\3abc", 4);
    assert_walk(RD_WIRE_OK);
    for (int i = 0; i < 4; i++)
        at[i + 1] = rd_message_skip_record(packet.bytes, packet.len, at[i]);
    assert_true(rd_message_same_rrset(packet.bytes, packet.len, at[0], at[1]));
    for (int i = 1; i < 4; i++)
        assert_false(rd_message_same_rrset(packet.bytes, packet.len, at[i], at[i + 1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_header_is_read),
        cmocka_unit_test(test_eleven_bytes_are_no_header),
        cmocka_unit_test(test_a_question_is_read_with_its_spelling),
        cmocka_unit_test(test_not_one_question_is_refused),
        cmocka_unit_test(test_a_question_that_ends_early_is_refused),
        cmocka_unit_test(test_a_compressed_question_is_refused),
        cmocka_unit_test(test_sections_end_where_their_records_end),
        cmocka_unit_test(test_a_count_too_high_is_refused),
        cmocka_unit_test(test_counts_of_65535_are_refused_at_once),
        cmocka_unit_test(test_trailing_bytes_are_refused),
        cmocka_unit_test(test_a_record_that_ends_early_is_refused),
        cmocka_unit_test(test_an_rdlength_that_lies_is_refused),
        cmocka_unit_test(test_owners_must_be_sound),
        cmocka_unit_test(test_rdata_is_held_to_its_type),
        cmocka_unit_test(test_other_classes_are_held_to_lengths_alone),
        cmocka_unit_test(test_the_largest_message_is_walked),
        cmocka_unit_test(test_an_opt_is_taken_apart),
        cmocka_unit_test(test_options_of_another_version_are_not_judged),
        cmocka_unit_test(test_an_opt_may_stand_among_others),
        cmocka_unit_test(test_two_opts_are_refused),
        cmocka_unit_test(test_an_opt_in_answer_or_authority_is_refused),
        cmocka_unit_test(test_an_opt_not_at_the_root_is_refused),
        cmocka_unit_test(test_an_option_that_overruns_is_refused),
        cmocka_unit_test(test_an_opt_that_overruns_the_message_was_seen),
        cmocka_unit_test(test_extended_errors_are_found_in_the_message),
        cmocka_unit_test(test_a_tsig_is_seen_in_additional_alone),
        cmocka_unit_test(test_a_sig_is_a_signature_only_if_it_covers_no_type),
        cmocka_unit_test(test_skipping_goes_from_record_to_record),
        cmocka_unit_test(test_an_rrset_is_of_one_owner_type_and_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
