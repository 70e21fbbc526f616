/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_oracle_reply.c - replies that do not count, and what of a reply does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/storm/oracle_scene.h"

#define ONE "www.one"

static void say_a(uint32_t ttl_s, uint8_t last)
{
    scene_write_reply(ONE, 0);
    scene_add_a(ttl_s, last);
    scene_reply(0, 7, STORM_GENUINE);
}

static void wrong_reply(uint16_t id_off, uint16_t flags, const char *name, enum storm_origin origin)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene->ask_id = (uint16_t)(scene->ask_id + id_off);
    scene_write_reply(name, 0);
    rd_put_u16(scene->packet.bytes + 2, flags);
    scene_add_a(300, 1);
    scene_reply(0, 7, origin);
    scene_tell(ONE, 300, 1);
}

/* The ID is right after all, by wrong bits on the way. */
static void forged(void)
{
    wrong_reply(0, RD_DNS_QR, ONE, STORM_FORGED);
}

/* After so many guesses it should have been asked in another way. */
static void guessed(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    for (uint16_t i = 1; i <= RD_WRONG_IDS; i++) {
        scene_write((uint16_t)(scene->ask_id + i), RD_DNS_QR, ONE, RD_TYPE_A);
        scene_reply(0, 7, STORM_FORGED);
    }
    scene_write_reply(ONE, 0);
    scene_add_a(300, 1);
    scene_reply(0, 7, STORM_LUCKY);
    scene_tell(ONE, 300, 1);
}

static void lucky(void)
{
    struct oracle_counts counts;

    wrong_reply(0, RD_DNS_QR, ONE, STORM_LUCKY);
    oracle_count(scene->oracle, &counts);
    assert_int_equal(counts.lucky, 1);
}

static void with_wrong_id(void)
{
    wrong_reply(1, RD_DNS_QR, ONE, STORM_GENUINE);
}

static void no_reply(void)
{
    wrong_reply(0, 0, ONE, STORM_GENUINE);
}

static void to_another_question(void)
{
    wrong_reply(0, RD_DNS_QR, "wwx.one", STORM_GENUINE);
}

static void cut_short(void)
{
    wrong_reply(0, RD_DNS_QR | RD_DNS_TC, ONE, STORM_GENUINE);
}

static void of_another_opcode(void)
{
    wrong_reply(0, RD_DNS_QR | 0x0800, ONE, STORM_GENUINE);
}

static void second_reply(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    say_a(300, 1);
    say_a(300, 2);
    scene_tell(ONE, 300, 2);
}

static void malformed(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, 0);
    packet_record(&scene->packet, RD_ANSWER, RD_TYPE_A, 300, "\300\0\2", 3);
    scene_reply(0, 7, STORM_GENUINE);
    scene_tell(ONE, 300, 2);
}

/* An answer with a record of somebody else's. */
static void said_with_poison(bool told)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, 0);
    scene_add_a(300, 1);
    packet_owned(&scene->packet, RD_ANSWER, "bank.one", RD_TYPE_A, 300, "\12\0\0\1", 4);
    scene_reply(0, 7, STORM_GENUINE);
    scene_write_answer(1, ONE, 0);
    scene_add_a(300, 1);
    if (told)
        packet_owned(&scene->packet, RD_ANSWER, "bank.one", RD_TYPE_A, 300, "\12\0\0\1", 4);
    scene_add_opt();
    scene_answer(0, 1);
}

static void without_poison(void)
{
    said_with_poison(false);
}

static void with_poison(void)
{
    said_with_poison(true);
}

static void referral(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, 0);
    packet_owned(&scene->packet, RD_AUTHORITY, "one", RD_TYPE_NS, 300, "\2ns\3one", 8);
    scene_reply(0, 7, STORM_GENUINE);
    scene_write_answer(1, ONE, 0);
    packet_owned(&scene->packet, RD_AUTHORITY, "one", RD_TYPE_NS, 300, "\2ns\3one", 8);
    scene_add_opt();
    scene_answer(0, 1);
}

/* A failure in a server's own words is told as it is, but not that it was cut. */
static void failed_with_words(uint16_t told)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, RD_SERVFAIL);
    scene_add_opt();
    packet_option(&scene->packet, RD_OPTION_EDE, "\0\6", 2);
    scene_reply(0, 7, STORM_GENUINE);
    scene_write_answer(1, ONE, told);
    scene_add_opt();
    packet_option(&scene->packet, RD_OPTION_EDE, "\0\6", 2);
    scene_answer(0, 1);
}

static void failed_as_it_says(void)
{
    failed_with_words(RD_SERVFAIL);
}

static void failed_and_cut(void)
{
    failed_with_words(RD_SERVFAIL | RD_DNS_TC);
}

static void calm(void)
{
    scene->rules.calm = true;
}

static const struct play plays[] = {
    OKAY(failed_as_it_says),
    UNDER(failed_as_it_says, calm, NULL),
    WRONG(failed_and_cut, "with records, TC or AD"),
    OKAY(lucky),
    OKAY(without_poison),
    OKAY(forged),
    WRONG(guessed, "only a forger"),
    WRONG(with_wrong_id, "nobody has said anything"),
    WRONG(no_reply, "nobody has said anything"),
    WRONG(to_another_question, "nobody has said anything"),
    WRONG(cut_short, "nobody has said anything"),
    WRONG(of_another_opcode, "nobody has said anything"),
    WRONG(second_reply, "nobody has said these records"),
    WRONG(malformed, "nobody has said anything"),
    WRONG(with_poison, "nobody has said these records"),
    WRONG(referral, "nobody has said anything"),
};

int main(void)
{
    return scene_run_all("oracle_reply", plays, sizeof(plays) / sizeof(plays[0]));
}
