/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_oracle.c - what clients may be told: for each rule an exchange that keeps it and one that
 * breaks it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/storm/oracle_scene.h"

#define ONE   "www.one"
#define MS(n) ((n)*RD_NS_PER_MS)
#define S(n)  ((n)*RD_NS_PER_S)

/* Good exchanges. */

static void plain_answer(void)
{
    scene_exchange(ONE);
    scene_tell(ONE, 300, 1);
}

static void from_memory(void)
{
    plain_answer();
    scene_wait(S(10) + MS(999));
    scene_want(0, 1, 1, ONE);
    scene_tell(ONE, 290, 1);
}

static void spelled(void)
{
    scene_want(0, 1, 1, "wWw.oNe");
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, 0);
    scene_add_a(300, 1);
    scene_reply(0, 7, STORM_GENUINE);
    scene_tell("wWw.oNe", 300, 1);
}

/* Two addresses are said, and told in the other order. */
static void said_two(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, 0);
    scene_add_a(300, 1);
    scene_add_a(300, 2);
    scene_reply(0, 7, STORM_GENUINE);
}

static void tell_two(uint8_t first, uint8_t second)
{
    scene_write_answer(1, ONE, 0);
    scene_add_a(300, first);
    scene_add_a(300, second);
    scene_add_opt();
    scene_answer(0, 1);
}

static void turned(void)
{
    said_two();
    tell_two(2, 1);
}

static void twice_the_same(void)
{
    said_two();
    tell_two(1, 1);
}

static void one_of_two(void)
{
    said_two();
    scene_tell(ONE, 300, 1);
}

static void tell_error(uint16_t rcode)
{
    scene_write_answer(1, ONE, rcode);
    scene_add_opt();
    scene_answer(0, 1);
}

static void say_rcode(uint16_t rcode)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, rcode);
    scene_reply(0, 7, STORM_GENUINE);
}

static void failed_upstream(void)
{
    say_rcode(RD_SERVFAIL);
    tell_error(RD_SERVFAIL);
}

static void failed_without_reason(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    tell_error(RD_SERVFAIL);
}

static void failed_in_trouble(void)
{
    scene_want(0, 1, 1, ONE);
    oracle_trouble(scene->oracle, scene->packet.bytes, scene->packet.len, 0);
    tell_error(RD_SERVFAIL);
}

static void failed_long_after(void)
{
    scene_want(0, 1, 1, ONE);
    oracle_trouble(scene->oracle, NULL, 0, 0);
    scene_wait(S(400));
    scene_want(0, 1, 2, ONE);
    scene_write_answer(2, ONE, RD_SERVFAIL);
    scene_add_opt();
    scene_answer(0, 1);
}

static void refused(void)
{
    scene_want(0, 1, 1, ONE);
    tell_error(RD_REFUSED);
}

static void refused_without_rd(void)
{
    scene_write(1, 0, ONE, RD_TYPE_A);
    scene_query(0, 1);
    scene_write(1, RD_DNS_QR | RD_DNS_RA | RD_REFUSED, ONE, RD_TYPE_A);
    scene_answer(0, 1);
}

static void opcode(void)
{
    scene_write(1, 0x2000 | RD_DNS_RD, ONE, RD_TYPE_A);
    scene_query(0, 1);
    scene->packet.len = 12;
    memset(scene->packet.bytes + 4, 0, 8);
    rd_put_u16(scene->packet.bytes + 2, RD_DNS_QR | 0x2000 | 4);
    scene_answer(0, 1);
}

static void formerr(void)
{
    scene_want(0, 1, 1, ONE);
    tell_error(RD_FORMERR);
}

static void broken_query(void)
{
    scene_write(1, RD_DNS_RD, ONE, RD_TYPE_A);
    scene->packet.len--;
    scene_query(0, 1);
    scene->packet.len = 12;
    memset(scene->packet.bytes + 4, 0, 8);
    rd_put_u16(scene->packet.bytes + 2, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA | RD_FORMERR);
    scene_answer(0, 1);
}

/* Nobody. */

static void to_nobody(void)
{
    scene_exchange(ONE);
    scene_write_answer(2, ONE, 0);
    scene_add_a(300, 1);
    scene_add_opt();
    scene_answer(0, 1);
}

static void too_often(void)
{
    plain_answer();
    scene_tell(ONE, 300, 1);
}

static void repeated(void)
{
    scene_want(0, 1, 1, ONE);
    plain_answer();
    scene_wait(S(20));
    scene_want(0, 1, 9, ONE);
}

static void never(void)
{
    scene_want(0, 1, 1, ONE);
    scene_wait(S(11));
    scene_want(0, 1, 2, ONE);
}

static void never_in_trouble(void)
{
    scene_want(0, 1, 1, ONE);
    oracle_trouble(scene->oracle, NULL, 0, 0);
    scene_wait(S(11));
    scene_want(0, 1, 2, ONE);
}

static void left_over(void)
{
    scene_want(0, 1, 1, ONE);
    oracle_settle(scene->oracle);
}

static void left_closed(void)
{
    scene->tcp = true;
    scene_want(0, 1, 1, ONE);
    oracle_closed(scene->oracle, 0, 1);
    oracle_settle(scene->oracle);
}

static void counts(void)
{
    struct oracle_counts counts;

    plain_answer();
    scene_want(0, 1, 2, ONE);
    oracle_count(scene->oracle, &counts);
    assert_int_equal(counts.queries, 2);
    assert_int_equal(counts.answers, 1);
    assert_int_equal(counts.fresh, 1);
    assert_int_equal(counts.asked, 1);
    assert_int_equal(counts.replies, 1);
    assert_int_equal(counts.unanswered, 1);
}

/* Shape: the usual answer, spoilt. */

static void spoilt(void (*spoil)(uint8_t *bytes))
{
    scene_exchange(ONE);
    scene_write_answer(1, ONE, 0);
    scene_add_a(300, 1);
    scene_add_opt();
    spoil(scene->packet.bytes);
    scene_answer(0, 1);
}

static void clear_ra(uint8_t *bytes)
{
    bytes[3] &= 0x7f;
}

static void set_aa(uint8_t *bytes)
{
    bytes[2] |= 4;
}

static void set_ad(uint8_t *bytes)
{
    bytes[3] |= 0x20;
}

static void set_do(uint8_t *bytes)
{
    bytes[scene->packet.len - 4] |= 0x80;
}

static void set_tc(uint8_t *bytes)
{
    bytes[2] |= 2;
}

static void respell(uint8_t *bytes)
{
    bytes[13] = 'W';
}

static void change_address(uint8_t *bytes)
{
    bytes[scene->packet.len - 12] ^= 1;
}

static void no_ra(void)
{
    spoilt(clear_ra);
}

static void with_aa(void)
{
    spoilt(set_aa);
}

static void with_ad(void)
{
    spoilt(set_ad);
}

static void with_do(void)
{
    spoilt(set_do);
}

static void with_tc(void)
{
    spoilt(set_tc);
}

static void respelled(void)
{
    spoilt(respell);
}

static void other_address(void)
{
    spoilt(change_address);
}

static void without_opt(void)
{
    scene_exchange(ONE);
    scene_write_answer(1, ONE, 0);
    scene_add_a(300, 1);
    scene_answer(0, 1);
}

static void with_opt(void)
{
    scene_write(1, RD_DNS_RD, ONE, RD_TYPE_A);
    scene_query(0, 1);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, 0);
    scene_add_a(300, 1);
    scene_reply(0, 7, STORM_GENUINE);
    scene_tell(ONE, 300, 1);
}

static void foreign_option(void)
{
    scene_exchange(ONE);
    scene_write_answer(1, ONE, 0);
    scene_add_a(300, 1);
    scene_add_opt();
    packet_option(&scene->packet, 8, "\0\1\0\0", 4);
    scene_answer(0, 1);
}

static void too_large(void)
{
    scene_want(0, 1, 1, ONE);
    scene_write_answer(1, ONE, 0);
    for (unsigned i = 0; i < 100; i++)
        scene_add_a(300, (uint8_t)i);
    scene_add_opt();
    scene_answer(0, 1);
}

static void cut_though_it_fits(void)
{
    scene_exchange(ONE);
    scene_write_answer(1, ONE, RD_DNS_TC);
    scene_add_opt();
    scene_answer(0, 1);
}

static void cut_by_tcp(void)
{
    scene->tcp = true;
    cut_though_it_fits();
}

static void unreadable(void)
{
    scene_exchange(ONE);
    scene_write_answer(1, ONE, 0);
    scene->packet.len--;
    scene_answer(0, 1);
}

static void calm(void)
{
    scene->rules.calm = true;
}

static const struct play plays[] = {
    OKAY(plain_answer),
    OKAY(from_memory),
    OKAY(spelled),
    OKAY(turned),
    OKAY(failed_upstream),
    OKAY(failed_in_trouble),
    OKAY(refused_without_rd),
    OKAY(opcode),
    OKAY(broken_query),
    OKAY(repeated),
    OKAY(never_in_trouble),
    OKAY(left_closed),
    OKAY(counts),
    WRONG(twice_the_same, "nobody has said these records"),
    WRONG(one_of_two, "not all that was said"),
    WRONG(failed_without_reason, "SERVFAIL without a reason"),
    WRONG(failed_long_after, "SERVFAIL without a reason"),
    UNDER(failed_in_trouble, calm, "SERVFAIL without a reason"),
    WRONG(refused, "RCODE 5 without a reason"),
    WRONG(formerr, "RCODE 1 without a reason"),
    WRONG(to_nobody, "an answer to nobody's question"),
    WRONG(too_often, "more answers than queries"),
    WRONG(never, "never answered"),
    WRONG(left_over, "never answered"),
    WRONG(no_ra, "flags"),
    WRONG(with_aa, "flags"),
    WRONG(with_ad, "AD or an extended error"),
    WRONG(with_do, "an OPT with DO=1"),
    WRONG(with_tc, "TC, and 1 records"),
    WRONG(respelled, "in another spelling"),
    WRONG(other_address, "nobody has said these records"),
    WRONG(without_opt, "no OPT"),
    WRONG(with_opt, "an OPT for a query without one"),
    WRONG(foreign_option, "a foreign option"),
    WRONG(too_large, "1232 are the most"),
    WRONG(cut_though_it_fits, "though there is room"),
    WRONG(cut_by_tcp, "TC by TCP"),
    WRONG(unreadable, "cannot be read"),
};

int main(void)
{
    return scene_run_all("oracle", plays, sizeof(plays) / sizeof(plays[0]));
}
