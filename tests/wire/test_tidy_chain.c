/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tidy_chain.c - which answer records stay (tidy.h, RFC 1034 section 4.3.2, RFC 6672).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reply.h"

static void add_cname(const char *owner, const char *target)
{
    reply_add_name(RD_ANSWER, owner, RD_TYPE_CNAME, target);
}

static void add_dname(const char *owner, const char *target)
{
    reply_add_name(RD_ANSWER, owner, RD_TYPE_DNAME, target);
    reply_add_rrsig(owner, RD_TYPE_DNAME);
}

/* -- what belongs ----------------------------------------------------------------------------- */

static void test_a_chain_in_order_stays_as_it_is(void **state)
{
    static struct packet before;

    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    add_cname(NULL, "a.other.");
    reply_add_rrsig(NULL, RD_TYPE_CNAME);
    add_cname("a.other.", "b.third.");
    reply_add_rrsig("a.other.", RD_TYPE_CNAME);
    reply_add_a("B.third.");
    reply_add_a("b.third.");
    reply_add_rrsig("b.third.", RD_TYPE_A);
    before = reply;
    reply_tidy();
    assert_finds(RD_FINDS_RECORDS);
    assert_true(tidied.behind_alias);
    assert_int_equal(reply.len, before.len);
    assert_memory_equal(reply.bytes, before.bytes, before.len);
}

static void test_owners_by_pointer_are_followed(void **state)
{
    size_t target;

    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add(RD_ANSWER, NULL, RD_TYPE_CNAME, 300, "\1a\xc0\x10", 4);
    target = reply.len - 4;
    for (unsigned i = 0; i < 2; i++) {
        reply_count(RD_ANSWER);
        packet_add_u16(&reply, (unsigned)(0xc000 | target));
        packet_add_fields(&reply, RD_TYPE_A, RD_CLASS_IN, "abcd", 4);
    }
    assert_tidied(RD_FINDS_RECORDS, "www.example.:5 a.example.:1 a.example.:1");
    assert_int_equal(tidied.rotate_first, 1);
    assert_int_equal(tidied.rotate_n, 2);
}

static void test_records_of_other_names_and_types_go(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_a("example.");
    reply_add(RD_ANSWER, NULL, RD_TYPE_TXT, 300, "\1a", 2);
    reply_add_a("a.www.example.");
    reply_add_a("www.example.");
    reply_add_rrsig("www.example.", RD_TYPE_TXT);
    reply_add_rrsig("example.", RD_TYPE_A);
    reply_add_a("ww.example.");
    add_cname("a.example.", "b.example.");
    assert_tidied(RD_FINDS_RECORDS, "www.example.:1");
}

static void test_signatures_without_what_they_cover_go(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_rrsig(NULL, RD_TYPE_A);
    reply_add_rrsig(NULL, RD_TYPE_CNAME);
    reply_add_soa("example.", 300, 300);
    assert_tidied(RD_FINDS_NO_DATA, "");
}

static void test_signatures_in_front_stay(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_rrsig("a.example.", RD_TYPE_A);
    reply_add_rrsig(NULL, RD_TYPE_CNAME);
    reply_add_a("a.example.");
    add_cname(NULL, "a.example.");
    assert_tidied(RD_FINDS_RECORDS, "a.example.:46 www.example.:46 a.example.:1 www.example.:5");
}

static void test_other_classes_go_in_every_section(void **state)
{
    (void)state;
    for (enum rd_section section = RD_ANSWER; section <= RD_ADDITIONAL; section++) {
        reply_begin("www.example.", RD_TYPE_A);
        reply_add_a(NULL);
        if (section > RD_ANSWER)
            reply_add(section, NULL, RD_TYPE_A, 300, "abcd", 4);
        reply.bytes[reply.len - 11] = RD_CLASS_CH;
        reply_tidy();
        assert_int_equal(reply_wire.count[section], 0);
        assert_finds(section == RD_ANSWER ? RD_FINDS_NOTHING : RD_FINDS_RECORDS);
    }
}

static void test_a_backward_chain_is_followed(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_a("c.");
    add_cname("b.", "c.");
    reply_add_a("junk.");
    add_cname("a.", "b.");
    add_cname("www.example.", "a.");
    assert_tidied(RD_FINDS_RECORDS, "c.:1 b.:5 a.:5 www.example.:5");
    assert_true(tidied.behind_alias);
}

static void test_a_name_has_one_cname(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    add_cname(NULL, "a.");
    add_cname(NULL, "b.");
    reply_add_a("b.");
    reply_add_a("a.");
    assert_tidied(RD_FINDS_RECORDS, "www.example.:5 a.:1");
}

static void test_records_of_the_type_win_over_a_cname(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    add_cname(NULL, "a.");
    reply_add_a("a.");
    reply_add_a(NULL);
    assert_tidied(RD_FINDS_RECORDS, "www.example.:1");
    assert_false(tidied.behind_alias);
}

static void test_a_target_too_far_for_pointers_is_not_taken_for_another(void **state)
{
    static const uint8_t covering[0x4000] = {0, RD_TYPE_CNAME};
    size_t left;

    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    add_cname(NULL, "a.");
    left = 0x400c - reply.len - 12 - (3 + 10); /* so that the next target is at 0x400c */
    reply_add(RD_ANSWER, NULL, TYPE_RRSIG, 300, covering, left);
    assert_int_equal(reply_add_name(RD_ANSWER, "a.", RD_TYPE_CNAME, "b."), 0x400c);
    reply_add_a(NULL);
    assert_tidied(RD_FINDS_RECORDS, "www.example.:1");
}

/* -- circles and lengths ---------------------------------------------------------------------- */

static void test_circles_find_nothing(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    add_cname(NULL, "WWW.example.");
    reply_add_soa("example.", 300, 300);
    assert_tidied(RD_FINDS_NOTHING, "www.example.:5");
    reply_begin("www.example.", RD_TYPE_A);
    add_cname(NULL, "a.");
    add_cname("a.", "b.");
    add_cname("b.", "a.");
    reply_add_soa(".", 300, 300);
    assert_tidied(RD_FINDS_NOTHING, "www.example.:5 a.:5 b.:5");
}

static void begin_chain(unsigned links, bool backward)
{
    char owner[16], target[16];

    reply_begin("n0.", RD_TYPE_A);
    for (unsigned i = 0; i < links; i++) {
        unsigned link = backward ? links - 1 - i : i;

        snprintf(owner, sizeof(owner), "n%u.", link);
        snprintf(target, sizeof(target), "n%u.", link + 1);
        add_cname(owner, target);
    }
    snprintf(owner, sizeof(owner), "n%u.", links);
    reply_add_a(owner);
}

static void test_16_links_are_followed_and_no_more(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        unsigned links = 15 + i / 2;

        begin_chain(links, i & 1);
        reply_tidy();
        assert_finds(links <= 16 ? RD_FINDS_RECORDS : RD_FINDS_NOTHING);
        assert_int_equal(reply_wire.count[RD_ANSWER], links <= 16 ? links + 1 : 17);
    }
}

static void test_thousands_of_records_in_order_are_followed(void **state)
{
    (void)state;
    begin_chain(16, false);
    for (unsigned i = 0; i < 3000; i++)
        reply_add_a("n16.");
    reply_tidy();
    assert_finds(RD_FINDS_RECORDS);
    assert_true(tidied.too_many);
    assert_int_equal(reply_wire.count[RD_ANSWER], 3017);
}

static void test_thousands_of_records_out_of_order_are_followed_less_far(void **state)
{
    (void)state;
    reply_begin("n0.", RD_TYPE_A);
    reply_add_a("n3.");
    for (unsigned i = 0; i < 3500; i++)
        reply_add_a("j.");
    add_cname("n2.", "n3.");
    add_cname("n1.", "n2.");
    add_cname("n0.", "n1.");
    assert_tidied(RD_FINDS_NOTHING, "n1.:5 n0.:5");
}

/* -- DNAME ------------------------------------------------------------------------------------ */

static void test_a_dname_stays_with_what_it_makes(void **state)
{
    (void)state;
    reply_begin("a.b.example.", RD_TYPE_A);
    add_dname("Example.", "other.test.");
    add_cname("a.b.example.", "A.b.other.TEST.");
    reply_add_a("a.b.other.test.");
    assert_tidied(RD_FINDS_RECORDS, "Example.:39 Example.:46 a.b.example.:5 a.b.other.test.:1");
    assert_true(tidied.behind_alias);
}

static void test_a_chain_of_dnames_is_followed(void **state)
{
    (void)state;
    reply_begin("a.x.", RD_TYPE_A);
    reply_add_a("a.z.");
    add_cname("a.x.", "a.y.");
    add_cname("a.y.", "a.z.");
    add_dname("y.", "z.");
    add_dname("x.", "y.");
    assert_tidied(RD_FINDS_RECORDS, "a.z.:1 a.x.:5 a.y.:5 y.:39 y.:46 x.:39 x.:46");
}

static void test_a_dname_of_the_root_makes_names(void **state)
{
    (void)state;
    reply_begin("a.", RD_TYPE_A);
    add_dname(".", "z.");
    add_cname("a.", "a.z.");
    add_cname("a.z.", "a.z.z.");
    reply_add_a("a.z.z.");
    assert_tidied(RD_FINDS_RECORDS, ".:39 .:46 a.:5 a.z.:5 a.z.z.:1");
}

static void test_a_cname_that_a_dname_does_not_make_ends_the_chain(void **state)
{
    static const char *const wrong[] = {"other.test.", "b.other.test.", "a.other.tests.",
                                        "a.a.other.test.", "a.test."};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        reply_begin("a.example.", RD_TYPE_A);
        add_dname("example.", "other.test.");
        add_cname("a.example.", wrong[i]);
        reply_add_a(wrong[i]);
        reply_add_soa(".", 300, 300);
        assert_tidied(RD_FINDS_NOTHING, "example.:39 example.:46");
    }
}

static void test_a_dname_without_its_cname_finds_nothing(void **state)
{
    (void)state;
    reply_begin("a.example.", RD_TYPE_A);
    add_dname("example.", "other.test.");
    reply_add_a("a.other.test.");
    reply_add_soa(".", 300, 300);
    assert_tidied(RD_FINDS_NOTHING, "example.:39 example.:46");
}

static void test_dnames_elsewhere_go(void **state)
{
    (void)state;
    reply_begin("a.example.", RD_TYPE_A);
    add_dname("a.example.", "b.");
    add_dname("b.example.", "b.");
    add_dname("le.", "b.");
    add_dname("a.a.example.", "b.");
    reply_add_soa("example.", 300, 300);
    assert_tidied(RD_FINDS_NO_DATA, "");
}

static void test_a_dname_above_records_goes(void **state)
{
    (void)state;
    reply_begin("a.example.", RD_TYPE_A);
    add_dname("example.", "b.");
    reply_add_a(NULL);
    assert_tidied(RD_FINDS_RECORDS, "a.example.:1");
}

/* -- types that are asked otherwise ----------------------------------------------------------- */

static void test_a_cname_is_an_answer_to_cname(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_CNAME);
    add_cname(NULL, "a.");
    reply_add_rrsig(NULL, RD_TYPE_CNAME);
    reply_add_a("a.");
    add_cname(NULL, "b.");
    add_cname("a.", "b.");
    assert_tidied(RD_FINDS_RECORDS, "www.example.:5 www.example.:46");
    assert_false(tidied.behind_alias);
}

static void test_a_made_cname_is_an_answer_to_cname(void **state)
{
    (void)state;
    reply_begin("a.x.", RD_TYPE_CNAME);
    add_dname("x.", "y.");
    add_cname("a.x.", "a.y.");
    add_cname("a.y.", "z.");
    assert_tidied(RD_FINDS_RECORDS, "x.:39 x.:46 a.x.:5");
}

static void test_any_takes_all_of_the_name_and_no_more(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_ANY);
    reply_add_a(NULL);
    reply_add_a(NULL);
    reply_add(RD_ANSWER, NULL, RD_TYPE_TXT, 300, "\1a", 2);
    reply_add_rrsig(NULL, RD_TYPE_SRV);
    reply_add_a("a.");
    assert_tidied(RD_FINDS_RECORDS, "www.example.:1 www.example.:1 www.example.:16 "
                                    "www.example.:46");
    assert_int_equal(tidied.rotate_n, 0);
    reply_begin("www.example.", RD_TYPE_ANY);
    add_cname(NULL, "a.");
    reply_add_a("a.");
    assert_tidied(RD_FINDS_RECORDS, "www.example.:5");
    assert_false(tidied.behind_alias);
}

static void test_rrsig_takes_those_of_the_name(void **state)
{
    (void)state;
    reply_begin("www.example.", TYPE_RRSIG);
    add_cname(NULL, "a.");
    reply_add_rrsig(NULL, RD_TYPE_CNAME);
    reply_add_rrsig("a.", RD_TYPE_A);
    assert_tidied(RD_FINDS_RECORDS, "www.example.:46");
    reply_begin("www.example.", TYPE_RRSIG);
    add_cname(NULL, "a.");
    reply_add_rrsig("a.", RD_TYPE_A);
    assert_tidied(RD_FINDS_RECORDS, "www.example.:5 a.:46");
}

static void test_dname_and_ds_are_asked_like_others(void **state)
{
    (void)state;
    reply_begin("x.", RD_TYPE_DNAME);
    add_dname("x.", "y.");
    add_dname("y.", "z.");
    assert_tidied(RD_FINDS_RECORDS, "x.:39 x.:46");
    reply_begin("a.x.", RD_TYPE_DNAME);
    add_dname("x.", "y.");
    add_cname("a.x.", "a.y.");
    reply_add_name(RD_ANSWER, "a.y.", RD_TYPE_DNAME, "z.");
    assert_tidied(RD_FINDS_RECORDS, "x.:39 x.:46 a.x.:5 a.y.:39");
    reply_begin("x.", RD_TYPE_DS);
    reply_add(RD_ANSWER, NULL, RD_TYPE_DS, 300, "\0\1\5\1abcd", 8);
    reply_add_rrsig(NULL, RD_TYPE_DS);
    assert_tidied(RD_FINDS_RECORDS, "x.:43 x.:46");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain_in_order_stays_as_it_is),
        cmocka_unit_test(test_owners_by_pointer_are_followed),
        cmocka_unit_test(test_records_of_other_names_and_types_go),
        cmocka_unit_test(test_signatures_without_what_they_cover_go),
        cmocka_unit_test(test_signatures_in_front_stay),
        cmocka_unit_test(test_other_classes_go_in_every_section),
        cmocka_unit_test(test_a_backward_chain_is_followed),
        cmocka_unit_test(test_a_name_has_one_cname),
        cmocka_unit_test(test_records_of_the_type_win_over_a_cname),
        cmocka_unit_test(test_a_target_too_far_for_pointers_is_not_taken_for_another),
        cmocka_unit_test(test_circles_find_nothing),
        cmocka_unit_test(test_16_links_are_followed_and_no_more),
        cmocka_unit_test(test_thousands_of_records_in_order_are_followed),
        cmocka_unit_test(test_thousands_of_records_out_of_order_are_followed_less_far),
        cmocka_unit_test(test_a_dname_stays_with_what_it_makes),
        cmocka_unit_test(test_a_chain_of_dnames_is_followed),
        cmocka_unit_test(test_a_dname_of_the_root_makes_names),
        cmocka_unit_test(test_a_cname_that_a_dname_does_not_make_ends_the_chain),
        cmocka_unit_test(test_a_dname_without_its_cname_finds_nothing),
        cmocka_unit_test(test_dnames_elsewhere_go),
        cmocka_unit_test(test_a_dname_above_records_goes),
        cmocka_unit_test(test_a_cname_is_an_answer_to_cname),
        cmocka_unit_test(test_a_made_cname_is_an_answer_to_cname),
        cmocka_unit_test(test_any_takes_all_of_the_name_and_no_more),
        cmocka_unit_test(test_rrsig_takes_those_of_the_name),
        cmocka_unit_test(test_dname_and_ds_are_asked_like_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
