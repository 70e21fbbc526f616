/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_oracle_said.c - what upstreams have said, and for how long it may be told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/storm/oracle_scene.h"

#define ONE   "www.one"
#define BELOW "below.www.one"
#define MS(n) ((n)*RD_NS_PER_MS)
#define S(n)  ((n)*RD_NS_PER_S)

static void short_lives(void)
{
    scene->rules.max_ttl_s = 60;
}

static void long_lives(void)
{
    scene->rules.min_ttl_s = 600;
}

static void never_stale(void)
{
    scene->rules.stale_ns = 0;
}

static void cut(void)
{
    scene->rules.cut = true;
}

static void trusting(void)
{
    scene->rules.trust_ad = true;
}

static void slack(void)
{
    scene->rules.clock_slack_ns = S(1);
}

/* Ages. */

static void later(uint64_t ns, uint32_t ttl_s)
{
    scene_exchange(ONE);
    scene_tell(ONE, 300, 1);
    scene_wait(ns);
    scene_want(0, 1, 1, ONE);
    scene_tell(ONE, ttl_s, 1);
}

static void to_the_end(void)
{
    later(S(299) + MS(999), 1);
}

static void too_young(void)
{
    later(S(10), 291);
}

static void too_old(void)
{
    later(S(9) + MS(999), 290);
}

static void over(void)
{
    later(S(300), 0);
}

static void by_a_slow_clock(void)
{
    later(S(10), 291);
}

static void frozen(void)
{
    struct sim *sim = scene->storm.sim;

    scene_exchange(ONE);
    scene_tell(ONE, 300, 1);
    sim->frozen = true;
    sim->frozen_ns = sim->now_ns + S(3);
    scene_wait(S(3) + MS(900));
    scene_want(0, 1, 1, ONE);
    scene_tell(ONE, 297, 1);
}

static void clamped_down(void)
{
    scene_exchange(ONE);
    scene_tell(ONE, 60, 1);
}

static void not_clamped(void)
{
    scene_exchange(ONE);
    scene_tell(ONE, 300, 1);
}

static void clamped_up(void)
{
    scene_exchange(ONE);
    scene_tell(ONE, 600, 1);
}

static void say_a(uint32_t ttl_s, uint8_t last)
{
    scene_write_reply(ONE, 0);
    scene_add_a(ttl_s, last);
    scene_reply(0, 7, STORM_GENUINE);
}

/* One waits, the other comes after the reply. */
static void of_no_life(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    say_a(0, 1);
    scene_tell(ONE, 0, 1);
}

static void of_no_life_kept(void)
{
    of_no_life();
    scene_want(0, 1, 1, ONE);
    scene_tell(ONE, 0, 1);
}

static void by_letter(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    say_a(300, 1);
    scene_wait(S(2));
    scene_tell(ONE, 300, 1);
}

/* Stale. */

static void tell_stale(uint64_t ns, uint32_t ttl_s, uint16_t ede)
{
    uint8_t code[2] = {(uint8_t)(ede >> 8), (uint8_t)ede};

    scene_exchange(ONE);
    scene_tell(ONE, 300, 1);
    scene_wait(ns);
    scene_want(0, 1, 1, ONE);
    scene_write_answer(1, ONE, 0);
    scene_add_a(ttl_s, 1);
    scene_add_opt();
    if (ede)
        packet_option(&scene->packet, RD_OPTION_EDE, code, sizeof(code));
    scene_answer(0, 1);
}

static void stale(void)
{
    tell_stale(S(301), 30, RD_EDE_STALE_ANSWER);
}

static void stale_and_silent(void)
{
    tell_stale(S(301), 30, 0);
}

static void stale_for_long(void)
{
    tell_stale(S(301), 31, RD_EDE_STALE_ANSWER);
}

static void stale_too_early(void)
{
    tell_stale(S(200), 30, RD_EDE_STALE_ANSWER);
}

static void stale_too_late(void)
{
    tell_stale(S(4000), 30, RD_EDE_STALE_ANSWER);
}

static void stale_in_calm(void)
{
    scene->rules.calm = true;
}

/* Flushes. */

static void after_flush(const char *wire, bool suffix)
{
    scene_exchange(ONE);
    scene_tell(ONE, 300, 1);
    oracle_flush(scene->oracle, (const uint8_t *)wire, suffix);
    scene_want(0, 1, 1, ONE);
    scene_tell(ONE, 300, 1);
}

static void flushed_all(void)
{
    after_flush(NULL, false);
}

static void flushed_name(void)
{
    after_flush("\3WWW\3one", false);
}

static void flushed_suffix(void)
{
    after_flush("\3one", true);
}

static void flushed_other(void)
{
    after_flush("\3one", false);
}

static void flushed_while_asked(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    oracle_flush(scene->oracle, NULL, false);
    scene_want(0, 2, 2, ONE);
    say_a(300, 1);
    scene_tell(ONE, 300, 1); /* to who asked before */
}

static void flushed_before_asking(void)
{
    flushed_while_asked();
    scene_write_answer(2, ONE, 0);
    scene_add_a(300, 1);
    scene_add_opt();
    scene_answer(0, 2);
}

/* Aliases and denials. */

static void write_alias(void)
{
    packet_record(&scene->packet, RD_ANSWER, RD_TYPE_CNAME, 300, "\1a\3one", 7);
    packet_owned(&scene->packet, RD_ANSWER, "a.one", RD_TYPE_A, 200, "\300\0\2\1", 4);
}

static void alias(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, 0);
    write_alias();
    scene_reply(0, 7, STORM_GENUINE);
    scene_write_answer(1, ONE, 0);
    write_alias();
    scene_add_opt();
    scene_answer(0, 1);
}

static void say_none(uint32_t ttl_s, uint32_t minimum)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, RD_NXDOMAIN);
    scene_add_soa(ttl_s, minimum);
    scene_reply(0, 7, STORM_GENUINE);
}

static void tell_none(const char *name, uint16_t type, uint32_t ttl_s, uint32_t minimum)
{
    scene_write(1, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA | RD_NXDOMAIN, name, type);
    scene_add_soa(ttl_s, minimum);
    scene_add_opt();
    scene_answer(0, 1);
}

static void denied(void)
{
    say_none(300, 100);
    tell_none(ONE, RD_TYPE_A, 100, 100);
}

static void denied_too_long(void)
{
    say_none(300, 100);
    tell_none(ONE, RD_TYPE_A, 300, 100);
}

/* The same name of another type, and one below it. */
static void deny_other(const char *name, uint16_t type)
{
    denied();
    scene_write(1, RD_DNS_RD, name, type);
    scene_add_opt();
    scene_query(0, 1);
    scene_wait(S(10));
    tell_none(name, type, 90, 100);
}

static void denied_other_type(void)
{
    deny_other(ONE, RD_TYPE_AAAA);
}

static void denied_below(void)
{
    deny_other(BELOW, RD_TYPE_A);
}

/* AD. */
static void with_ad(void)
{
    scene_write(1, RD_DNS_RD | RD_DNS_AD, ONE, RD_TYPE_A);
    scene_query(0, 1);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, RD_DNS_AD);
    scene_add_a(300, 1);
    scene_reply(0, 7, STORM_GENUINE);
    scene_write_answer(1, ONE, RD_DNS_AD);
    scene_add_a(300, 1);
    scene_answer(0, 1);
}

static const struct play plays[] = {
    OKAY(to_the_end),
    OKAY(frozen),
    UNDER(by_a_slow_clock, slack, NULL),
    UNDER(clamped_down, short_lives, NULL),
    UNDER(clamped_up, long_lives, NULL),
    OKAY(of_no_life),
    OKAY(by_letter),
    OKAY(stale),
    OKAY(flushed_other),
    OKAY(flushed_while_asked),
    OKAY(alias),
    OKAY(denied),
    OKAY(denied_other_type),
    UNDER(denied_below, cut, NULL),
    UNDER(with_ad, trusting, NULL),
    WRONG(too_young, "a TTL, or its age"),
    WRONG(too_old, "a TTL, or its age"),
    WRONG(over, "a TTL, or its age"),
    UNDER(not_clamped, short_lives, "a TTL, or its age"),
    WRONG(of_no_life_kept, "not kept"),
    WRONG(stale_and_silent, "without extended error 3"),
    WRONG(stale_for_long, "a TTL, or its age"),
    WRONG(stale_too_early, "a TTL, or its age"),
    WRONG(stale_too_late, "a TTL, or its age"),
    UNDER(stale, never_stale, "a TTL, or its age"),
    UNDER(stale, stale_in_calm, "a TTL, or its age"),
    WRONG(flushed_all, "before a flush"),
    WRONG(flushed_name, "before a flush"),
    WRONG(flushed_suffix, "before a flush"),
    WRONG(flushed_before_asking, "before a flush"),
    WRONG(denied_too_long, "a TTL, or its age"),
    WRONG(denied_below, "nobody has said anything"),
    WRONG(with_ad, "AD or an extended error"),
};

int main(void)
{
    return scene_run_all("oracle_said", plays, sizeof(plays) / sizeof(plays[0]));
}
