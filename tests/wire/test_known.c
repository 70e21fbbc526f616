/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_known.c - what is known of names changes no verdict (known.h), also not of a whole walk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "packet.h"
#include "wire/known.h"
#include "wire/message.h"

static struct packet packet;
static struct known known;

static void begin(void)
{
    packet.len = 0;
    packet_add(&packet, "\0\0\0\0\0\0\0\0\0\0\0", 12);
    known.names = KNOWN_FROM; /* the next one clears it */
}

static size_t add_name(const char *labels, size_t len, size_t to)
{
    size_t at = packet.len;

    packet_add(&packet, labels, len);
    packet_add_u16(&packet, (unsigned)(0xc000 | to));
    return at;
}

/* LABELS labels of one byte, and the root. */
static size_t add_labels(unsigned labels)
{
    size_t at = packet.len;

    while (labels-- > 0)
        packet_add(&packet, "\1a", 2);
    packet_add(&packet, "", 1);
    return at;
}

/* Twice: what the first time finds, the second one knows. */
static void assert_name(size_t at, size_t taken)
{
    assert_int_equal(rd_name_unpack(packet.bytes, packet.len, at, NULL), taken);
    assert_int_equal(known_name(&known, packet.bytes, packet.len, at), taken);
    assert_int_equal(known_name(&known, packet.bytes, packet.len, at), taken);
}

static void test_ends_are_known_from_any_label_on(void **state)
{
    size_t end, name;

    (void)state;
    begin();
    end = add_labels(100);
    name = add_name("\2bc", 3, end);
    assert_name(name, 5);
    for (unsigned i = 0; i <= 100; i++) {
        assert_int_equal(known.at[end + 2 * i].bytes, 201 - 2 * i);
        assert_int_equal(known.at[end + 2 * i].pointers, 0);
        assert_name(add_name("", 0, end + 2 * i), 2);
    }
    assert_name(add_name("\1b", 2, name), 4);
    assert_int_equal(known.at[name].bytes, 204);
    assert_int_equal(known.at[name].pointers, 1);
    assert_int_equal(known.at[name].next, end);
}

static void test_a_name_of_256_bytes_is_refused(void **state)
{
    size_t end;

    (void)state;
    begin();
    end = add_labels(126); /* 253 bytes */
    assert_name(add_name("\1b", 2, end), 4);
    assert_name(add_name("\2bc", 3, end), 0);
    assert_name(add_name("\1b", 2, end), 4);
}

static void test_128_pointers_are_refused(void **state)
{
    size_t at;

    (void)state;
    begin();
    at = add_labels(0);
    for (unsigned i = 1; i <= 130; i++) {
        at = add_name("", 0, at);
        assert_name(at, i <= 127 ? 2 : 0);
    }
}

static void test_pointers_go_strictly_down_where_names_meet(void **state)
{
    size_t low, part, middle, name;

    (void)state;
    begin();
    low = add_labels(1);
    part = packet.len;
    packet_add(&packet, "\1a", 2);
    middle = packet.len;
    packet_add(&packet, "\1b", 2);
    packet_add_u16(&packet, (unsigned)(0xc000 | part)); /* lower than MIDDLE, but not than PART */
    name = add_name("", 0, middle);
    assert_name(name, 0);
    packet.bytes[middle + 3] = (uint8_t)low;
    assert_name(name, 2);
    assert_name(add_name("", 0, part), 2);
    begin();
    packet.len = 12;
    add_labels(1);
    part = add_name("\1a", 2, low); /* goes to LOW, so from in front of it that is refused */
    assert_name(add_name("", 0, part), 2);
}

/* A label from the front leads into a part that is known by itself, and goes back to itself. */
static void test_a_known_end_may_be_too_high_for_another_name(void **state)
{
    size_t root, part, label, end;

    (void)state;
    begin();
    root = add_labels(0);
    part = packet.len;
    packet_add(&packet, "\4", 1);
    label = packet.len;
    packet_add(&packet, "\1x\xc0\x0c", 4);
    end = add_name("", 0, label);
    assert_int_equal(root, 12);
    assert_name(end, 2);
    assert_name(add_name("", 0, end), 2);
    packet.bytes[end + 1] = (uint8_t)label; /* unchanged: END goes to LABEL, behind PART */
    assert_name(add_name("", 0, part), 0);
    assert_name(add_name("", 0, label), 2);
}

static void test_an_end_that_runs_on_is_not_known(void **state)
{
    size_t end, name;

    (void)state;
    begin();
    end = packet.len;
    packet_add(&packet, "\2", 1);
    name = add_name("", 0, end);
    packet_add(&packet, "\1a\0", 3);
    assert_name(name, 2);
    assert_int_equal(known.at[end].bytes, 0);
    assert_int_equal(known_name(&known, packet.bytes, name + 2, name), 0);
}

/* -- in a walk -------------------------------------------------------------------------------- */

static enum rd_wire walk(void)
{
    struct rd_message message;

    assert_true(rd_message_header(packet.bytes, packet.len, &message));
    assert_int_equal(rd_message_question(packet.bytes, packet.len, &message, NULL, NULL),
                     RD_WIRE_OK);
    return rd_message_sections(packet.bytes, packet.len, &message);
}

static void add_minfo(const char *labels, size_t len, size_t to)
{
    uint8_t rdata[4] = {0xc0, 12, (uint8_t)(0xc0 | to >> 8), (uint8_t)to};

    add_name(labels, len, to);
    packet_add_fields(&packet, 14, RD_CLASS_IN, rdata, sizeof(rdata));
}

static void test_thousands_of_long_names_are_walked(void **state)
{
    static const char *const last[] = {"\1b", "\2b"}; /* of 255 bytes, of 256 */
    size_t rdata = 12 + 17 + 2 + 10;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        packet_begin(&packet, 3002, 0, 0);
        packet_add_record(&packet, 999, RD_CLASS_IN, "", 0);
        assert_int_equal(packet.len, rdata);
        packet.bytes[rdata - 1] = 253;
        add_labels(126);
        for (unsigned j = 0; j < 3000; j++)
            add_minfo("", 0, rdata + 2 * (j % 126));
        add_minfo(last[i], i ? 3 : 2, rdata);
        assert_int_equal(walk(), i ? RD_WIRE_RECORD : RD_WIRE_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_are_known_from_any_label_on),
        cmocka_unit_test(test_a_name_of_256_bytes_is_refused),
        cmocka_unit_test(test_128_pointers_are_refused),
        cmocka_unit_test(test_pointers_go_strictly_down_where_names_meet),
        cmocka_unit_test(test_a_known_end_may_be_too_high_for_another_name),
        cmocka_unit_test(test_an_end_that_runs_on_is_not_known),
        cmocka_unit_test(test_thousands_of_long_names_are_walked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
