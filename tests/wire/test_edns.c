/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_edns.c - options of an OPT record (RFC 6891, RFC 8914) and our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ringdns/dns.h"
#include "wire/edns.h"

/* The options behind 100 other bytes, in memory that ends with them. */
static bool read_options(const void *options, size_t len, struct rd_edns *edns)
{
    uint8_t *data = malloc(100 + len);
    bool sound;

    memset(data, 0xee, 100);
    memcpy(data + 100, options, len);
    sound = rd_edns_options(data, 100, len, edns);
    free(data);
    return sound;
}

#define READ(options, edns) read_options(options, sizeof(options) - 1, edns)

static void test_no_options(void **state)
{
    struct rd_edns edns = {.nsid = true, .n_ede = 3};

    (void)state;
    assert_true(READ("", &edns));
    assert_false(edns.nsid);
    assert_int_equal(edns.n_ede, 0);
}

static void test_nsid_is_seen(void **state)
{
    struct rd_edns edns = {0};

    (void)state;
    assert_true(READ("\0\x0a\0\x02"
                     "ab"
                     "\0\x03\0\0",
                     &edns));
    assert_true(edns.nsid);
}

static void test_other_fields_are_left_alone(void **state)
{
    struct rd_edns edns = {.present = true,
                           .dnssec_ok = true,
                           .version = 7,
                           .extended_rcode = 9,
                           .payload_bytes = 4096};

    (void)state;
    assert_true(READ("\0\x0f\0\x02\0\x16", &edns));
    assert_true(edns.present && edns.dnssec_ok);
    assert_int_equal(edns.version, 7);
    assert_int_equal(edns.extended_rcode, 9);
    assert_int_equal(edns.payload_bytes, 4096);
}

static void test_options_that_overrun_are_refused(void **state)
{
    static const char options[] = "\0\x03\0\0"
                                  "\0\x0f\0\x06\0\x16text";
    struct rd_edns edns = {.n_ede = 4}, before = edns;

    (void)state;
    for (size_t len = 1; len < sizeof(options) - 1; len++)
        if (len != 4)
            assert_false(read_options(options, len, &edns));
    assert_false(READ("\0\x03\xff\xff", &edns));
    assert_memory_equal(&edns, &before, sizeof(edns));
    assert_true(READ("\0\x03\0\0"
                     "\0\x0f\0\x06\0\x16text",
                     &edns));
}

static void test_a_thousand_unknown_options_are_passed_over(void **state)
{
    uint8_t options[1000 * 6 + 4];
    struct rd_edns edns = {0};

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        rd_put_u16(options + 6 * i, (uint16_t)(1000 + i));
        memcpy(options + 6 * i + 2, "\0\2..", 4);
    }
    memcpy(options + 6000, "\0\3\0\0", 4);
    assert_true(read_options(options, sizeof(options), &edns));
    assert_true(edns.nsid);
    assert_int_equal(edns.n_ede, 0);
}

static void test_an_extended_error_is_found_with_its_text(void **state)
{
    struct rd_edns edns = {0};

    (void)state;
    assert_true(READ("\0\x0f\0\x06\0\x16text", &edns));
    assert_int_equal(edns.n_ede, 1);
    assert_int_equal(edns.ede[0].code, 22);
    assert_int_equal(edns.ede[0].text_offset, 106);
    assert_int_equal(edns.ede[0].text_len, 4);
}

static void test_extended_errors_beyond_the_limit_are_left_out(void **state)
{
    uint8_t options[6 * (RD_EDE_MAX + 2)];
    struct rd_edns edns = {0};

    (void)state;
    for (size_t i = 0; i < RD_EDE_MAX + 2; i++) {
        memcpy(options + 6 * i, "\0\x0f\0\2\0", 5);
        options[6 * i + 5] = (uint8_t)(20 + i);
    }
    assert_true(read_options(options, sizeof(options), &edns));
    assert_int_equal(edns.n_ede, RD_EDE_MAX);
    for (unsigned i = 0; i < RD_EDE_MAX; i++)
        assert_int_equal(edns.ede[i].code, 20 + i);
}

static void test_an_extended_error_without_a_code_is_passed_over(void **state)
{
    struct rd_edns edns = {0};

    (void)state;
    assert_true(READ("\0\x0f\0\0"
                     "\0\x0f\0\x01\0"
                     "\0\x0f\0\x02\0\x05",
                     &edns));
    assert_int_equal(edns.n_ede, 1);
    assert_int_equal(edns.ede[0].code, 5);
}

/* The length that a text of LEN bytes is cut to. */
static unsigned cut_of(const char *text, size_t len)
{
    uint8_t option[6 + 200] = {0, 15, 0, (uint8_t)(len + 2), 0, 1};
    struct rd_edns edns = {0};

    memcpy(option + 6, text, len);
    assert_true(read_options(option, 6 + len, &edns));
    assert_int_equal(edns.n_ede, 1);
    return edns.ede[0].text_len;
}

static void test_a_text_is_cut_between_characters(void **state)
{
    char text[200];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(cut_of(text, 64), 64);
    assert_int_equal(cut_of(text, 65), 64);
    memcpy(text + 63, "\xc3\xa9", 2); /* would be cut in the middle */
    assert_int_equal(cut_of(text, 100), 63);
    memcpy(text + 62,
           "\xc3\xa9"
           "a",
           3); /* just fits */
    assert_int_equal(cut_of(text, 100), 64);
    memcpy(text + 61, "\xf0\x9f\x8c\x8d", 4);
    assert_int_equal(cut_of(text, 100), 61);
    memcpy(text + 60,
           "\xf0\x9f\x8c\x8d"
           "a",
           5);
    assert_int_equal(cut_of(text, 100), 64);
}

static void test_a_text_that_fits_is_kept_whatever_follows(void **state)
{
    uint8_t options[6 + RD_EDE_TEXT_BYTES + 4] = {0, 15, 0, RD_EDE_TEXT_BYTES + 2, 0, 1};
    struct rd_edns edns = {0};

    (void)state;
    memset(options + 6, 'a', RD_EDE_TEXT_BYTES);
    rd_put_u16(options + 6 + RD_EDE_TEXT_BYTES, 0x8081);
    assert_true(read_options(options, sizeof(options), &edns));
    assert_int_equal(edns.ede[0].text_len, RD_EDE_TEXT_BYTES);
}

static void test_a_text_of_no_character_is_cut_to_nothing(void **state)
{
    char text[100];

    (void)state;
    memset(text, 0x80, sizeof(text));
    assert_int_equal(cut_of(text, 100), 0);
}

/* -- writing ---------------------------------------------------------------------------------- */

static void test_writes_an_empty_opt(void **state)
{
    uint8_t written[RD_EDNS_BYTES];
    struct rd_writer writer = rd_writer_at(written, sizeof(written), 0);
    uint8_t *rdlength = rd_edns_open(&writer, 1232, RD_BADVERS, false);

    (void)state;
    rd_edns_close(&writer, rdlength);
    assert_false(writer.full);
    assert_memory_equal(written, "\0\0\x29\x04\xd0\x01\0\0\0\0\0", sizeof(written));
}

static void test_writes_do_and_the_upper_bits_of_the_rcode(void **state)
{
    uint8_t written[RD_EDNS_BYTES];
    struct rd_writer writer = rd_writer_at(written, sizeof(written), 0);

    (void)state;
    rd_edns_close(&writer, rd_edns_open(&writer, 4096, 0xabc, true));
    assert_memory_equal(written, "\0\0\x29\x10\0\xab\0\x80\0\0\0", sizeof(written));
}

static void test_writes_options_that_are_read_back(void **state)
{
    uint8_t written[200];
    struct rd_writer writer = rd_writer_at(written, sizeof(written), 0);
    uint8_t *rdlength = rd_edns_open(&writer, 1232, 0, false);
    struct rd_edns edns = {0};
    size_t options;

    (void)state;
    rd_edns_option(&writer, RD_OPTION_NSID, "id", 2);
    rd_edns_option(&writer, 65001, NULL, 0);
    rd_edns_ede(&writer, 22, "none answers", 12);
    rd_edns_ede(&writer, 23, NULL, 0);
    rd_edns_close(&writer, rdlength);
    options = rd_writer_offset(&writer) - RD_EDNS_BYTES;
    assert_int_equal(rd_get_u16(rdlength), options);
    assert_int_equal(options, 6 + 4 + 18 + 6);
    assert_true(rd_edns_options(written, RD_EDNS_BYTES, options, &edns));
    assert_true(edns.nsid);
    assert_int_equal(edns.n_ede, 2);
    assert_int_equal(edns.ede[0].code, 22);
    assert_int_equal(edns.ede[0].text_len, 12);
    assert_memory_equal(written + edns.ede[0].text_offset, "none answers", 12);
    assert_int_equal(edns.ede[1].code, 23);
    assert_int_equal(edns.ede[1].text_len, 0);
}

static void test_no_room_for_the_record(void **state)
{
    uint8_t written[RD_EDNS_BYTES - 1] = {7};
    struct rd_writer writer = rd_writer_at(written, sizeof(written), 0);
    uint8_t *rdlength = rd_edns_open(&writer, 1232, 0, false);

    (void)state;
    assert_null(rdlength);
    rd_edns_close(&writer, rdlength);
    assert_true(writer.full);
    assert_int_equal(written[0], 7);
}

static void test_an_option_without_room_is_not_begun(void **state)
{
    uint8_t written[RD_EDNS_BYTES + 7];
    struct rd_writer writer = rd_writer_at(written, sizeof(written), 0);
    uint8_t *rdlength = rd_edns_open(&writer, 1232, 0, false);

    (void)state;
    rd_edns_ede(&writer, 1, "xx", 2);
    assert_true(writer.full);
    rd_edns_close(&writer, rdlength);
    assert_int_equal(rd_get_u16(rdlength), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_options),
        cmocka_unit_test(test_nsid_is_seen),
        cmocka_unit_test(test_other_fields_are_left_alone),
        cmocka_unit_test(test_options_that_overrun_are_refused),
        cmocka_unit_test(test_a_thousand_unknown_options_are_passed_over),
        cmocka_unit_test(test_an_extended_error_is_found_with_its_text),
        cmocka_unit_test(test_extended_errors_beyond_the_limit_are_left_out),
        cmocka_unit_test(test_an_extended_error_without_a_code_is_passed_over),
        cmocka_unit_test(test_a_text_is_cut_between_characters),
        cmocka_unit_test(test_a_text_that_fits_is_kept_whatever_follows),
        cmocka_unit_test(test_a_text_of_no_character_is_cut_to_nothing),
        cmocka_unit_test(test_writes_an_empty_opt),
        cmocka_unit_test(test_writes_do_and_the_upper_bits_of_the_rcode),
        cmocka_unit_test(test_writes_options_that_are_read_back),
        cmocka_unit_test(test_no_room_for_the_record),
        cmocka_unit_test(test_an_option_without_room_is_not_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
