/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stale_fresh.c - that a name does not exist, found anew by a question of one type while a
 * question of another type waits with the old finding at hand (RFC 8020, RFC 8767).
 */
#include "base/timer.h"
#include "sim/zone.h"

static const struct ask A = {.name = "www.example.com", .edns = true};
static const struct ask AAAA = {.name = "www.example.com", .edns = true, .type = RD_TYPE_AAAA};

#define FRESH_TTL_S 5
#define FRESH_AT    (300 * MS) /* since the question of type A */

/* What is said to questions of type A, later than the zone's own answer to others. */
static struct {
    uint16_t rcode; /* RD_NOERROR: nothing is said */
    uint64_t delay_ns;
} to_a;

static void apart_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                        size_t len, uint16_t from_port)
{
    static struct packet reply;
    struct rd_message message;

    packet_parse(query, len, &message, NULL);
    if (message.qtype != RD_TYPE_A) {
        zone_model(sim, upstream, query, len, from_port);
    } else if (to_a.rcode != RD_NOERROR) {
        packet_reply(&reply, query, len, to_a.rcode);
        sim_reply(sim, upstream, reply.bytes, reply.len, from_port, to_a.delay_ns);
    }
}

/* A denial of the name that has ended a second ago; A gets no answer any more, other types a fresh
 * denial. */
static void let_denial_end(struct scene *scene)
{
    struct heard heard;

    scene->config.cache_stale = 86400000;
    zone_denial(RD_NXDOMAIN, 60, 60);
    heard = hear(scene, &A);
    zone_wait_until(scene, heard.left_ns + 61 * S);
    scene->upstream->reply = apart_model;
    zone_denial(RD_NXDOMAIN, FRESH_TTL_S, FRESH_TTL_S);
}

static void assert_fresh_denial(const struct heard *heard, uint32_t ttl_s)
{
    assert_int_equal(heard->rcode, RD_NXDOMAIN);
    assert_int_equal(heard->ede, RD_EDE_NONE);
    assert_int_equal(heard->n[RD_AUTHORITY], 1);
    assert_int_equal(heard->ttl_s[RD_AUTHORITY][0], ttl_s);
}

/* A is asked, then AAAA, which is answered. A gets that with TTL_S left; how long it waited. */
static uint64_t a_behind_aaaa(struct scene *scene, uint32_t ttl_s)
{
    struct sim_client *other = scene_client(scene, 1);
    uint64_t asked_ns = scene->sim->now_ns;
    struct heard heard;

    scene_ask(scene, other, &A);
    heard = hear_at(scene, asked_ns + FRESH_AT, &AAAA);
    assert_fresh_denial(&heard, FRESH_TTL_S);
    assert_int_equal(other->answers.n, 0);
    scene_wait(scene, other, 1);
    heard = heard_by(other, 1);
    assert_fresh_denial(&heard, ttl_s);
    assert_int_equal(SCENE_STAT(scene, cache_hits_stale), 0);
    assert_int_equal(SCENE_STAT(scene, cache_hits_negative), 1);
    return heard.left_ns - asked_ns;
}

static void test_who_waits_for_1800_ms_gets_the_fresh_denial(void **state)
{
    uint64_t waited_ns;

    to_a.rcode = RD_NOERROR;
    let_denial_end(*state);
    waited_ns = a_behind_aaaa(*state, FRESH_TTL_S - 1); /* it is 1.5 s old by then */
    assert_in_range(waited_ns, 1800 * MS, 1800 * MS + RD_TIMER_TICK_NS);
}

static void test_who_waits_for_a_failure_gets_the_fresh_denial(void **state)
{
    to_a.rcode = RD_SERVFAIL;
    to_a.delay_ns = 350 * MS;
    let_denial_end(*state);
    assert_int_equal(a_behind_aaaa(*state, FRESH_TTL_S), 360 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ZONE_TEST(test_who_waits_for_1800_ms_gets_the_fresh_denial),
        ZONE_TEST(test_who_waits_for_a_failure_gets_the_fresh_denial),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
