/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tidy.c - what is found, lifetimes, where TTLs are, and the OPT (tidy.h). Which records stay
 * is in test_tidy_chain.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reply.h"

static void set_rcode(unsigned rcode)
{
    reply.bytes[3] = (uint8_t)(0x80 | rcode);
}

/* -- what is found ---------------------------------------------------------------------------- */

static void test_records_of_the_type_are_found(void **state)
{
    (void)state;
    reply_begin("WWW.example.", RD_TYPE_A);
    reply_add_a(NULL);
    reply_tidy();
    assert_finds(RD_FINDS_RECORDS);
    assert_false(tidied.behind_alias);
    assert_int_equal(tidied.least_ttl, 300);
    assert_int_equal(tidied.n_ttls, 1);
    assert_int_equal(tidied.ttls[0], reply_wire.question_end + 6);
}

static void test_a_soa_above_denies_type_or_name(void **state)
{
    static const char *const zones[] = {".", "example.", "EXAMPLE.", "www.example."};

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        reply_begin("www.example.", RD_TYPE_A);
        set_rcode(i & 1 ? RD_NXDOMAIN : RD_NOERROR);
        reply_add_soa(zones[i / 2], 600, 300);
        reply_tidy();
        assert_finds(i & 1 ? RD_FINDS_NO_NAME : RD_FINDS_NO_DATA);
        assert_false(tidied.behind_alias);
    }
}

static void test_a_soa_beside_or_below_denies_nothing(void **state)
{
    static const char *const zones[] = {"other.", "a.www.example.", "w.example.", "xample."};

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        reply_begin("www.example.", RD_TYPE_A);
        set_rcode(i & 1 ? RD_NXDOMAIN : RD_NOERROR);
        reply_add_soa(zones[i / 2], 600, 300);
        reply_tidy();
        assert_finds(RD_FINDS_NOTHING);
        assert_int_equal(reply_ttl(0), 600);
    }
}

static void test_no_soa_denies_nothing(void **state)
{
    (void)state;
    for (unsigned rcode = RD_NOERROR; rcode <= RD_NXDOMAIN; rcode += RD_NXDOMAIN) {
        reply_begin("www.example.", RD_TYPE_A);
        set_rcode(rcode);
        reply_add_name(RD_AUTHORITY, "example.", RD_TYPE_NS, "ns.example.");
        reply_tidy();
        assert_finds(RD_FINDS_NOTHING);
    }
}

static void test_a_denial_behind_an_alias_is_of_its_last_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        reply_begin("www.example.", RD_TYPE_A);
        set_rcode(i & 1 ? RD_NXDOMAIN : RD_NOERROR);
        reply_add_name(RD_ANSWER, NULL, RD_TYPE_CNAME, "a.other.");
        reply_add_soa(i & 2 ? "example." : "other.", 600, 300);
        reply_tidy();
        assert_true(tidied.behind_alias);
        assert_finds(i & 2 ? RD_FINDS_NOTHING : i & 1 ? RD_FINDS_NO_NAME : RD_FINDS_NO_DATA);
    }
}

static void test_that_there_is_no_ds_is_for_the_parent_to_say(void **state)
{
    static const struct {
        const char *name, *zone;
        enum rd_finding finding;
    } cases[] = {
        {"a.example.", "example.", RD_FINDS_NO_DATA},
        {"a.example.", "a.example.", RD_FINDS_NOTHING},
        {".", ".", RD_FINDS_NO_DATA},
    };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        reply_begin(cases[i].name, RD_TYPE_DS);
        reply_add_soa(cases[i].zone, 600, 300);
        reply_tidy();
        assert_finds(cases[i].finding);
    }
}

static void test_other_rcodes_and_cut_replies_find_nothing(void **state)
{
    (void)state;
    for (unsigned rcode = 0; rcode < 16; rcode++) {
        reply_begin("www.example.", RD_TYPE_A);
        set_rcode(rcode);
        reply_add_a(NULL);
        reply_tidy();
        assert_finds(rcode == RD_NOERROR ? RD_FINDS_RECORDS : RD_FINDS_NOTHING);
    }
    reply_begin("www.example.", RD_TYPE_A);
    reply.bytes[2] |= RD_DNS_TC >> 8;
    reply_add_a(NULL);
    reply_tidy();
    assert_finds(RD_FINDS_NOTHING);
}

static void test_the_upper_bits_of_the_rcode_count(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_a(NULL);
    reply_add_opt("", 0);
    reply.bytes[reply.len - 6] = 1;
    assert_true(reply_tidy_once(sizeof(reply.bytes)) > 0);
    assert_finds(RD_FINDS_NOTHING);
}

/* -- lifetimes -------------------------------------------------------------------------------- */

static void assert_clamped(uint32_t ttl, uint32_t expected)
{
    struct rd_tidy_limits kept = limits;

    reply_begin("www.example.", RD_TYPE_A);
    limits = kept;
    reply_add(RD_ANSWER, NULL, RD_TYPE_A, ttl, "abcd", 4);
    reply_tidy();
    assert_int_equal(reply_ttl(0), expected);
    assert_int_equal(tidied.least_ttl, expected);
}

static void test_ttls_are_clamped(void **state)
{
    (void)state;
    limits = (struct rd_tidy_limits){.min_ttl = 0, .max_ttl = 86400, .negative_ttl = 3600};
    assert_clamped(0, 0);
    assert_clamped(1, 1);
    assert_clamped(86400, 86400);
    assert_clamped(86401, 86400);
    assert_clamped(0x7fffffff, 86400);
    assert_clamped(0x80000000, 86400);
    assert_clamped(0xffffffff, 86400);
    limits.min_ttl = 60;
    assert_clamped(0, 60);
    assert_clamped(59, 60);
    assert_clamped(61, 61);
    limits.max_ttl = 0x7fffffff;
    assert_clamped(0x80000001, 0x7fffffff);
}

static void test_the_least_ttl_is_of_answer_and_authority(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add(RD_ANSWER, NULL, RD_TYPE_A, 300, "abcd", 4);
    reply_add(RD_AUTHORITY, "example.", RD_TYPE_NS, 200, "\2ns", 4);
    reply_add(RD_ADDITIONAL, "ns.", RD_TYPE_A, 100, "abcd", 4);
    reply_tidy();
    assert_int_equal(tidied.least_ttl, 200);
    assert_int_equal(tidied.n_ttls, 3);
    assert_int_equal(reply_ttl(2), 100);
}

static void test_without_records_the_least_ttl_is_0(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add(RD_ADDITIONAL, "ns.", RD_TYPE_A, 100, "abcd", 4);
    reply_tidy();
    assert_int_equal(tidied.least_ttl, 0);
    assert_int_equal(tidied.n_ttls, 1);
}

static void test_a_soa_that_denies_lives_by_its_minimum(void **state)
{
    static const struct {
        uint32_t ttl, minimum, expected;
    } cases[] = {
        {600, 300, 300},
        {300, 600, 300},
        {9000, 9000, 3600},
        {0, 300, 0},
        {300, 0, 0},
        {300, 0xffffffff, 300},
        {0xffffffff, 0x80000000, 3600},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        reply_begin("www.example.", RD_TYPE_A);
        reply_add_soa("example.", cases[i].ttl, cases[i].minimum);
        reply_tidy();
        assert_finds(RD_FINDS_NO_DATA);
        assert_int_equal(reply_ttl(0), cases[i].expected);
        assert_int_equal(tidied.least_ttl, cases[i].expected);
    }
}

static void test_other_soas_keep_their_ttl(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_a(NULL);
    reply_add_soa("example.", 600, 30);
    reply_tidy();
    assert_finds(RD_FINDS_RECORDS);
    assert_int_equal(reply_ttl(1), 600);
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_soa("other.", 600, 30);
    reply_add_soa("example.", 600, 30);
    reply_tidy();
    assert_int_equal(reply_ttl(0), 600);
    assert_int_equal(reply_ttl(1), 30);
}

static void test_a_rebuilt_denial_has_its_ttl(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_a("other.");
    reply_add_name(RD_AUTHORITY, "example.", RD_TYPE_NS, "ns.example.");
    reply_add_soa("example.", 600, 30);
    reply_tidy();
    assert_answer("");
    assert_finds(RD_FINDS_NO_DATA);
    assert_int_equal(reply_ttl(0), 300);
    assert_int_equal(reply_ttl(1), 30);
}

/* -- many records, and those that are turned -------------------------------------------------- */

static void add_addresses(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        reply_add_a(NULL);
}

static void test_addresses_are_turned(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= RD_TIDY_ROTATED + 1; n++) {
        reply_begin("www.example.", RD_TYPE_A);
        add_addresses(n);
        reply_tidy();
        assert_int_equal(tidied.rotate_n, n >= 2 && n <= RD_TIDY_ROTATED ? n : 0);
        assert_int_equal(tidied.rotate_first, 0);
    }
}

static void test_addresses_behind_an_alias_are_turned(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_name(RD_ANSWER, NULL, RD_TYPE_CNAME, "a.example.");
    reply_add_rrsig(NULL, RD_TYPE_CNAME);
    reply_add_a("a.example.");
    reply_add_a("A.example.");
    reply_add_a("a.example.");
    reply_add_rrsig("a.example.", RD_TYPE_A);
    reply_tidy();
    assert_int_equal(tidied.rotate_first, 2);
    assert_int_equal(tidied.rotate_n, 3);
}

static void test_other_types_and_scattered_addresses_are_not_turned(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_TXT);
    for (unsigned i = 0; i < 2; i++)
        reply_add(RD_ANSWER, NULL, RD_TYPE_TXT, 300, "\1a", 2);
    reply_tidy();
    assert_int_equal(tidied.rotate_n, 0);
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_a(NULL);
    reply_add_rrsig(NULL, RD_TYPE_A);
    add_addresses(2);
    reply_tidy();
    assert_finds(RD_FINDS_RECORDS);
    assert_int_equal(tidied.rotate_n, 0);
}

static void test_255_records_are_not_too_many(void **state)
{
    (void)state;
    for (unsigned n = 254; n < 258; n++) {
        reply_begin("www.example.", RD_TYPE_A);
        limits.max_ttl = 100;
        add_addresses(n);
        reply_tidy();
        assert_finds(RD_FINDS_RECORDS);
        assert_int_equal(tidied.too_many, n > RD_TIDY_TTLS);
        assert_int_equal(tidied.n_ttls, n < RD_TIDY_TTLS ? n : RD_TIDY_TTLS);
        /* That of the last record, too. */
        assert_int_equal(rd_get_u32(reply.bytes + reply.len - 10), 100);
        assert_int_equal(tidied.least_ttl, 100);
    }
}

/* -- names that lead through what changes ----------------------------------------------------- */

/* An NS record in authority whose name is at OFFSET. */
static void add_name_at(size_t offset)
{
    uint8_t pointer[2] = {(uint8_t)(0xc0 | offset >> 8), (uint8_t)offset};

    reply_add(RD_AUTHORITY, "example.", RD_TYPE_NS, 300, pointer, 2);
}

static void test_a_name_that_leads_through_a_ttl_does_not_change_with_it(void **state)
{
    (void)state;
    for (unsigned others = 0; others <= RD_TIDY_TTLS; others += RD_TIDY_TTLS) {
        reply_begin("www.example.", RD_TYPE_A);
        limits.max_ttl = 0x10000;
        add_addresses(others);
        reply_add(RD_ANSWER, NULL, RD_TYPE_A, 0x02000100, "\1a\0\0", 4);
        add_name_at(reply.len - 10);
        reply_tidy();
        assert_string_equal(name_at(reply.len - 4), "\\000\\001.");
        assert_int_equal(reply_ttl(0), others ? 300 : 0x10000);
    }
}

static void test_a_name_that_leads_through_an_address_does_not_turn_with_it(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add(RD_ANSWER, NULL, RD_TYPE_A, 300, "\1a\0\0", 4);
    add_name_at(reply.len - 4);
    reply_tidy();
    assert_memory_equal(reply.bytes + reply.len - 3, "\1a\0", 3);
}

static void test_a_name_within_its_own_ttl_is_found(void **state)
{
    size_t ttl;

    (void)state;
    reply_begin("www.example.", RD_TYPE_NS);
    ttl = reply.len + 6;
    reply_add(RD_ANSWER, NULL, RD_TYPE_NS, 0x01610000,
              (uint8_t[]){(uint8_t)(0xc0 | ttl >> 8), (uint8_t)ttl}, 2);
    reply_tidy();
    assert_memory_equal(reply.bytes + reply.len - 3, "\1a\0", 3);
}

/* -- the OPT ---------------------------------------------------------------------------------- */

static void test_an_opt_without_errors_goes(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_a(NULL);
    reply_add(RD_ADDITIONAL, "b.", RD_TYPE_A, 300, "abcd", 4);
    reply_add_opt("\0\x0a\0\x08"
                  "12345678",
                  12);
    reply_tidy();
    assert_false(reply_wire.edns.present);
    assert_string_equal(reply_text(RD_ADDITIONAL), "b.:1");
}

static void test_extended_errors_stay_and_nothing_else(void **state)
{
    static const char options[] = "\0\x0a\0\x08"
                                  "12345678"
                                  "\0\x0f\0\5\0\x16oof"
                                  "\0\3\0\0"
                                  "\0\x0f\0\2\0\1";

    (void)state;
    for (unsigned junk = 0; junk < 2; junk++) {
        reply_begin("www.example.", RD_TYPE_A);
        reply_add_a(NULL);
        if (junk)
            reply_add_a("other.");
        reply_add(RD_ADDITIONAL, "b.", RD_TYPE_A, 300, "abcd", 4);
        reply_add_opt(options, sizeof(options) - 1);
        reply_add(RD_ADDITIONAL, "c.", RD_TYPE_A, 300, "abcd", 4);
        reply_tidy();
        assert_string_equal(reply_text(RD_ADDITIONAL), "b.:1 .:41");
        assert_memory_equal(reply.bytes + reply_wire.opt,
                            "\0\0\x29\0\0\0\0\0\0\0\x0f\0\x0f\0\5\0\x16oof\0\x0f\0\2\0\1", 26);
        assert_int_equal(reply_wire.edns.n_ede, 2);
        assert_memory_equal(reply.bytes + reply_wire.edns.ede[0].text_offset, "oof", 3);
        assert_int_equal(tidied.n_ttls, 2);
        assert_answer("www.example.:1");
    }
}

static void test_errors_without_room_are_left_out(void **state)
{
    size_t whole;

    (void)state;
    for (unsigned missing = 0; missing < 2; missing++) {
        reply_begin("www.example.", RD_TYPE_A);
        reply_add_a(NULL);
        whole = reply.len;
        reply_add_a("other.");
        reply_add_opt("\0\x0f\0\2\0\1", 6);
        assert_int_equal(reply_tidy_once((uint32_t)(whole + 17 - missing)),
                         missing ? whole : whole + 17);
        assert_int_equal(reply_wire.edns.n_ede, 1 - missing);
    }
}

static void test_the_question_is_in_lower_case_and_other_names_are_not(void **state)
{
    (void)state;
    reply_begin("wWw.Example.", RD_TYPE_A);
    reply_add_name(RD_ANSWER, "WWW.example.", RD_TYPE_CNAME, "A.Example.");
    reply_add_a("a.EXAMPLE.");
    reply_add_a("junk.");
    reply_tidy();
    assert_answer("WWW.example.:5 a.EXAMPLE.:1");
    assert_memory_equal(reply.bytes + 12, "\3www\7example", 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_of_the_type_are_found),
        cmocka_unit_test(test_a_soa_above_denies_type_or_name),
        cmocka_unit_test(test_a_soa_beside_or_below_denies_nothing),
        cmocka_unit_test(test_no_soa_denies_nothing),
        cmocka_unit_test(test_a_denial_behind_an_alias_is_of_its_last_name),
        cmocka_unit_test(test_that_there_is_no_ds_is_for_the_parent_to_say),
        cmocka_unit_test(test_other_rcodes_and_cut_replies_find_nothing),
        cmocka_unit_test(test_the_upper_bits_of_the_rcode_count),
        cmocka_unit_test(test_ttls_are_clamped),
        cmocka_unit_test(test_the_least_ttl_is_of_answer_and_authority),
        cmocka_unit_test(test_without_records_the_least_ttl_is_0),
        cmocka_unit_test(test_a_soa_that_denies_lives_by_its_minimum),
        cmocka_unit_test(test_other_soas_keep_their_ttl),
        cmocka_unit_test(test_a_rebuilt_denial_has_its_ttl),
        cmocka_unit_test(test_addresses_are_turned),
        cmocka_unit_test(test_addresses_behind_an_alias_are_turned),
        cmocka_unit_test(test_other_types_and_scattered_addresses_are_not_turned),
        cmocka_unit_test(test_255_records_are_not_too_many),
        cmocka_unit_test(test_a_name_that_leads_through_a_ttl_does_not_change_with_it),
        cmocka_unit_test(test_a_name_that_leads_through_an_address_does_not_turn_with_it),
        cmocka_unit_test(test_a_name_within_its_own_ttl_is_found),
        cmocka_unit_test(test_an_opt_without_errors_goes),
        cmocka_unit_test(test_extended_errors_stay_and_nothing_else),
        cmocka_unit_test(test_errors_without_room_are_left_out),
        cmocka_unit_test(test_the_question_is_in_lower_case_and_other_names_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
