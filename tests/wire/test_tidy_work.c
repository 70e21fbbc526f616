/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tidy_work.c - that there is an end to what tidying does for one reply (tidy.h), and that
 * large ones which are in order do not come near it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reply.h"

/* A name of 127 labels that differs from others in its last but one. */
static const char *long_name(char different)
{
    static char text[2][2 * 127 + 1];
    static unsigned turn;
    char *at = text[turn++ % 2];

    for (unsigned i = 0; i < 127; i++) {
        at[2 * i] = i == 125 ? different : 'a';
        at[2 * i + 1] = '.';
    }
    at[2 * 127] = '\0';
    return at;
}

static void add_cname(const char *owner, const char *target)
{
    reply_add_name(RD_ANSWER, owner, RD_TYPE_CNAME, target);
}

/* A's, the owners of which go to the offsets A and B by turns. */
static void add_many(unsigned n, size_t a, size_t b)
{
    for (unsigned i = 0; i < n; i++) {
        reply_count(RD_ANSWER);
        packet_add_u16(&reply, (unsigned)(0xc000 | (i & 1 ? b : a)));
        packet_add_fields(&reply, RD_TYPE_A, RD_CLASS_IN, "abcd", 4);
    }
}

/* As NAME, for pointers to it. */
static size_t add_a(const char *name)
{
    size_t at = reply.len;

    reply_add_a(name);
    return at;
}

static void test_thousands_of_twins_are_too_much(void **state)
{
    size_t a, b;

    (void)state;
    reply_begin(long_name('a'), RD_TYPE_A);
    a = add_a(long_name('b'));
    b = add_a(long_name('c'));
    add_many(3000, a, b);
    add_cname(NULL, long_name('b'));
    reply_add_soa(".", 300, 300);
    assert_tidied(RD_FINDS_NOTHING, "");
}

static void test_links_in_front_of_too_much_are_kept(void **state)
{
    size_t a, b;

    (void)state;
    reply_begin("n0.", RD_TYPE_A);
    a = add_a(long_name('b'));
    b = add_a(long_name('c'));
    add_many(3000, a, b);
    add_cname("n0.", long_name('b'));
    reply_add_soa(".", 300, 300);
    assert_tidied(RD_FINDS_NOTHING, "n0.:5");
    assert_true(tidied.behind_alias);
}

static void test_twins_of_one_place_are_followed(void **state)
{
    size_t a;

    (void)state;
    reply_begin(long_name('a'), RD_TYPE_A);
    a = add_a(long_name('b'));
    add_many(3000, a, a);
    add_cname(NULL, long_name('b'));
    reply_tidy();
    assert_finds(RD_FINDS_RECORDS);
    assert_int_equal(reply_wire.count[RD_ANSWER], 3002);
}

static void test_names_in_order_may_point_elsewhere(void **state)
{
    size_t a;

    (void)state;
    reply_begin("n0.", RD_TYPE_A);
    add_cname("n0.", long_name('b'));
    a = add_a(long_name('b'));
    add_many(3900, a, a);
    reply_tidy();
    assert_finds(RD_FINDS_RECORDS);
    assert_int_equal(reply_wire.count[RD_ANSWER], 3902);
}

static void test_names_in_order_may_be_whole(void **state)
{
    (void)state;
    reply_begin("www.quite-an-ordinary-name.example.", RD_TYPE_A);
    for (unsigned i = 0; i < 1200; i++)
        reply_add_a("www.quite-an-ordinary-name.example.");
    reply_tidy();
    assert_finds(RD_FINDS_RECORDS);
    assert_int_equal(reply_wire.count[RD_ANSWER], 1200);
}

static void test_hundreds_of_whole_names_may_be_out_of_order(void **state)
{
    (void)state;
    reply_begin("www.quite-an-ordinary-name.example.", RD_TYPE_A);
    for (unsigned i = 0; i < 600; i++)
        reply_add_a("another.quite-ordinary-name.example.");
    add_cname("www.quite-an-ordinary-name.example.", "another.quite-ordinary-name.example.");
    reply_tidy();
    assert_finds(RD_FINDS_RECORDS);
    assert_int_equal(reply_wire.count[RD_ANSWER], 601);
}

static void test_thousands_of_dnames_are_too_much(void **state)
{
    size_t target;

    (void)state;
    reply_begin(long_name('a'), RD_TYPE_A);
    target = reply_add_name(RD_ANSWER, long_name('c') + 2, RD_TYPE_DNAME, "b.");
    for (unsigned i = 0; i < 3000; i++) {
        reply_count(RD_ANSWER);
        packet_add_u16(&reply, (unsigned)(0xc000 | (14 + 2 * (i % 32))));
        packet_add_fields(&reply, RD_TYPE_DNAME, RD_CLASS_IN,
                          (uint8_t[]){(uint8_t)(0xc0 | target >> 8), (uint8_t)target}, 2);
    }
    reply_add_soa(".", 300, 300);
    assert_tidied(RD_FINDS_NOTHING, "");
}

static void test_thousands_of_soas_deny_nothing(void **state)
{
    (void)state;
    for (unsigned others = 1; others <= 1500; others += 1499) {
        size_t at;

        reply_begin(long_name('a'), RD_TYPE_A);
        at = reply.len;
        reply_add_soa(long_name('b'), 300, 300);
        for (unsigned i = 1; i < others; i++) {
            reply_add_soa(NULL, 300, 300);
            rd_put_u16(reply.bytes + reply.len - 34, (uint16_t)(0xc000 | at));
        }
        reply_add_soa(NULL, 300, 300);
        assert_int_equal(reply_walk(&reply_wire), RD_WIRE_OK);
        assert_tidied(others == 1 ? RD_FINDS_NO_DATA : RD_FINDS_NOTHING, "");
    }
}

static void test_too_many_names_are_not_rebuilt(void **state)
{
    (void)state;
    for (unsigned n = 300; n <= 3000; n += 2700) {
        reply_begin(long_name('a'), RD_TYPE_PTR);
        reply_add_a("junk.");
        for (unsigned i = 0; i < n; i++) {
            reply_count(RD_ANSWER);
            packet_add_u16(&reply, 0xc00c);
            packet_add_fields(&reply, RD_TYPE_PTR, RD_CLASS_IN, "\xc0\x0e", 2);
        }
        if (n == 300) {
            reply_tidy();
            assert_finds(RD_FINDS_RECORDS);
            assert_int_equal(reply_wire.count[RD_ANSWER], 300);
        } else {
            assert_int_equal(reply_tidy_once(sizeof(reply.bytes)), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thousands_of_twins_are_too_much),
        cmocka_unit_test(test_links_in_front_of_too_much_are_kept),
        cmocka_unit_test(test_twins_of_one_place_are_followed),
        cmocka_unit_test(test_names_in_order_may_point_elsewhere),
        cmocka_unit_test(test_names_in_order_may_be_whole),
        cmocka_unit_test(test_hundreds_of_whole_names_may_be_out_of_order),
        cmocka_unit_test(test_thousands_of_dnames_are_too_much),
        cmocka_unit_test(test_thousands_of_soas_deny_nothing),
        cmocka_unit_test(test_too_many_names_are_not_rebuilt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
