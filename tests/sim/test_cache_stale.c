/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_stale.c - an answer that has ended is better than none: when it is given, to whom, and
 * until when (RFC 8767).
 */
#include <stdio.h>

#include "base/timer.h"
#include "sim/zone.h"

static const struct ask A = {.name = "www.example.com", .edns = true};

#define LIFE_S 60
/* New names that fill the least of caches with their answers. */
#define CROWD 12000
/* How much later than due a timer may fire: sim turns are exact, the wheel has ticks. */
#define TICK_NS RD_TIMER_TICK_NS

/* An address that has ended a second ago, of a server that is silent from now on: when it ended. */
static uint64_t let_end(struct scene *scene)
{
    struct heard first;

    if (scene->config.cache_stale == 0)
        scene->config.cache_stale = 86400000;
    zone_address(LIFE_S);
    first = hear(scene, &A);
    zone_wait_until(scene, first.left_ns + (LIFE_S + 1) * S);
    zone.silent = true;
    return first.left_ns + LIFE_S * S;
}

static void assert_stale(const struct heard *heard)
{
    assert_address(heard, 1, 30);
    assert_int_equal(heard->ede, RD_EDE_STALE_ANSWER);
    assert_false(heard->ad);
}

static void test_after_1800_ms_the_stale_answer_is_given(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    let_end(scene);
    heard = hear(scene, &A);
    assert_stale(&heard);
    assert_in_range(heard.waited_ns, 1800 * MS, 1800 * MS + TICK_NS);
    assert_int_equal(SCENE_STAT(scene, cache_hits_stale), 1);
}

static void test_all_who_wait_get_it_then(void **state)
{
    struct scene *scene = *state;
    uint64_t asked_ns;

    let_end(scene);
    asked_ns = scene->sim->now_ns;
    for (unsigned i = 0; i < 18; i++) {
        scene_ask(scene, scene_client(scene, i), &A);
        sim_run_for(scene->sim, 100 * MS - (i == 17 ? MS : 0));
    }
    assert_int_equal(scene->sim->answers, 1); /* that of let_end */
    sim_run_for(scene->sim, MS + TICK_NS + MS);
    for (unsigned i = 0; i < 18; i++) {
        struct heard heard = heard_by(scene_client(scene, i), 1);

        assert_stale(&heard);
        assert_in_range(heard.left_ns - asked_ns, 1800 * MS, 1800 * MS + TICK_NS + MS);
    }
}

static void test_a_fresh_answer_in_time_is_the_better_one(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    let_end(scene);
    zone.silent = false;
    zone.delay_ns = 300 * MS;
    heard = hear(scene, &A);
    assert_address(&heard, 2, LIFE_S);
    assert_int_equal(heard.ede, RD_EDE_NONE);
    assert_int_equal(SCENE_STAT(scene, cache_hits_stale), 0);
}

static void test_while_it_is_under_way_the_next_ones_get_it_at_once(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    let_end(scene);
    hear(scene, &A);
    for (unsigned i = 0; i < 20; i++) {
        sim_run_for(scene->sim, 100 * MS);
        heard = hear(scene, &A);
        assert_stale(&heard);
        assert_at_once(&heard);
    }
    assert_in_range(zone_asked(scene, A.name), 2, 1 + RD_ATTEMPTS_PER_SERVER);
}

static void test_the_question_goes_on_and_its_answer_is_kept(void **state)
{
    struct scene *scene = *state;
    struct heard heard;
    unsigned asked;

    let_end(scene);
    zone.silent = false;
    zone.delay_ns = 2300 * MS; /* of every attempt: the first one's comes after 2.31 s */
    heard = hear(scene, &A);
    assert_stale(&heard);
    sim_run_for(scene->sim, 600 * MS);
    zone.silent = true;
    asked = zone_asked(scene, A.name);
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_NOERROR);
    assert_int_equal(heard.ede, RD_EDE_NONE);
    assert_true(heard.serial > 1);
    assert_at_once(&heard);
    assert_int_equal(zone_asked(scene, A.name), asked);
    assert_int_equal(scene->client->answers.n, 3); /* nobody gets two */
}

/* All attempts have failed: there is nothing to wait for. */
static void test_after_a_failure_it_is_given_at_once(void **state)
{
    static const uint16_t rcodes[] = {RD_SERVFAIL, RD_REFUSED, RD_NOTIMP};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        static struct scene scene;
        struct heard heard;

        zone_open(&scene, i + 1);
        let_end(&scene);
        zone = (struct zone){.flags = rcodes[i]};
        heard = hear(&scene, &A);
        assert_stale(&heard);
        assert_in_range(heard.waited_ns, 10 * MS, 100 * MS);
        scene_close(&scene);
    }
}

static void test_for_30_s_after_a_failure_nothing_is_asked(void **state)
{
    struct scene *scene = *state;
    struct heard failed, heard;
    unsigned asked;

    let_end(scene);
    zone = (struct zone){.flags = RD_SERVFAIL};
    failed = hear(scene, &A);
    asked = zone_asked(scene, A.name);
    for (unsigned s = 1; s < 30; s++) {
        heard = hear_at(scene, failed.left_ns + s * S, &A);
        assert_stale(&heard);
        assert_at_once(&heard);
    }
    heard = hear_at(scene, failed.left_ns + 30 * S - 1, &A);
    assert_stale(&heard);
    assert_at_once(&heard);
    assert_int_equal(zone_asked(scene, A.name), asked);
    zone_address(300);
    heard = hear_at(scene, failed.left_ns + 30 * S, &A);
    assert_int_equal(heard.serial, asked + 1);
    assert_int_equal(heard.ede, RD_EDE_NONE);
    assert_int_equal(heard.ttl_s[RD_ANSWER][0], 300);
}

/* It began to fail with silence: the 30 s run from the end of patience. */
static void test_each_failure_buys_another_30_s(void **state)
{
    struct scene *scene = *state;
    uint64_t failed_ns;

    let_end(scene);
    failed_ns = hear(scene, &A).left_ns - 1800 * MS + 4 * S;
    for (unsigned i = 0; i < 5; i++) {
        unsigned asked = zone_asked(scene, A.name);
        struct heard heard = hear_at(scene, failed_ns + 29 * S, &A);

        assert_stale(&heard);
        assert_at_once(&heard);
        assert_int_equal(zone_asked(scene, A.name), asked);
        heard = hear_at(scene, failed_ns + 30 * S + 2 * TICK_NS, &A);
        assert_stale(&heard);
        assert_true(zone_asked(scene, A.name) > asked || heard.waited_ns < 1800 * MS);
        failed_ns = failed_ns + 30 * S + 2 * TICK_NS + 4 * S;
    }
}

static void test_it_is_not_older_than_allowed(void **state)
{
    struct scene *scene = *state;
    uint64_t ended_ns;
    struct heard heard;

    scene->config.cache_stale = 100000;
    ended_ns = let_end(scene);
    zone = (struct zone){.flags = RD_SERVFAIL};
    heard = hear_at(scene, ended_ns + 100 * S - 20 * MS, &A);
    assert_stale(&heard);
    heard = hear_at(scene, ended_ns + 100 * S, &A);
    assert_int_equal(heard.rcode, RD_SERVFAIL);
}

static void test_it_is_never_given_where_the_option_says_so(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    let_end(scene);
    scene->config.cache_stale = 0;
    scene_publish(scene);
    heard = hear(scene, &A);
    assert_failed(&heard, RD_EDE_NO_REACHABLE_AUTHORITY);
    assert_in_range(heard.waited_ns, 4 * S, 4 * S + TICK_NS);
}

/* Room is made at the cost of what was never asked for again. */
static void test_it_does_not_give_way_because_it_has_ended(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene->cache_bytes = rd_cache_least_bytes(1);
    scene->config.cache_stale = 86400000;
    zone_address(LIFE_S);
    hear(scene, &A);
    heard = hear(scene, &A);
    assert_at_once(&heard);
    zone_wait_until(scene, heard.left_ns + (LIFE_S + 1) * S);
    for (unsigned i = 0; i < CROWD; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%u.example.com", i);
        heard = hear(scene, &(struct ask){.name = name});
    }
    zone.silent = true;
    heard = hear(scene, &A);
    assert_stale(&heard);
}

static void test_immediate_mode_gives_it_at_once_and_refreshes_behind_it(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene->config.cache_stale_mode = RD_STALE_IMMEDIATE;
    let_end(scene);
    zone.silent = false;
    zone.delay_ns = 100 * MS;
    for (unsigned i = 0; i < 10; i++) {
        heard = hear(scene, &A);
        assert_stale(&heard);
        assert_at_once(&heard);
        sim_run_for(scene->sim, MS);
    }
    assert_int_equal(zone_asked(scene, A.name), 2);
    sim_run_for(scene->sim, 200 * MS);
    heard = hear(scene, &A);
    assert_int_equal(heard.serial, 2);
    assert_int_equal(heard.ede, RD_EDE_NONE);
    assert_at_once(&heard);
}

static void test_immediate_mode_asks_a_dead_server_no_more_often(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene->config.cache_stale_mode = RD_STALE_IMMEDIATE;
    let_end(scene);
    zone = (struct zone){.flags = RD_SERVFAIL};
    for (unsigned i = 0; i < 290; i++) {
        heard = hear(scene, &A);
        assert_stale(&heard);
        assert_at_once(&heard);
        sim_run_for(scene->sim, 100 * MS);
    }
    assert_in_range(zone_asked(scene, A.name), 2, 1 + RD_ATTEMPTS_PER_SERVER);
}

/* What comes instead cannot be kept, and is no reason to give the old answer for days. */
static void test_immediate_mode_ends_with_an_answer_of_ttl_0(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene->config.cache_stale_mode = RD_STALE_IMMEDIATE;
    let_end(scene);
    zone_address(0);
    heard = hear(scene, &A);
    assert_stale(&heard);
    sim_run_for(scene->sim, 100 * MS);
    for (unsigned serial = 3; serial < 6; serial++) {
        heard = hear(scene, &A);
        assert_address(&heard, serial, 0);
        assert_int_equal(heard.ede, RD_EDE_NONE);
    }
}

/* The query is in another buffer by then, since the stale answer needs a larger one. */
static void test_who_repeats_while_a_large_one_is_refreshed_is_answered_once(void **state)
{
    struct scene *scene = *state;
    struct ask ask = {.name = A.name, .type = RD_TYPE_TXT};
    struct rd_message message;

    scene->config.cache_stale = 86400000;
    zone = (struct zone){.bulk = 50};
    scene_exchange(scene, &ask, &message);
    sim_run_for(scene->sim, 301 * S);
    zone = (struct zone){.silent = true};
    scene_ask(scene, scene->client, &ask);
    sim_run_for(scene->sim, 100 * MS);
    scene_ask(scene, scene->client, &ask);
    sim_run_for(scene->sim, 5 * S);
    assert_int_equal(scene->client->answers.n, 2);
    assert_int_equal(SCENE_STAT(scene, queries_dropped_repeat), 1);
    assert_int_equal(SCENE_STAT(scene, cache_hits_stale), 1);
}

static void test_a_stale_denial_of_a_name_says_so(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene->config.cache_stale = 86400000;
    zone_denial(RD_NXDOMAIN, 60, 60);
    hear(scene, &A);
    sim_run_for(scene->sim, 61 * S);
    zone.silent = true;
    for (uint16_t i = 0; i < 2; i++) {
        heard =
            hear(scene,
                 &(struct ask){.name = A.name, .edns = true, .type = i ? RD_TYPE_AAAA : RD_TYPE_A});
        assert_int_equal(heard.rcode, RD_NXDOMAIN);
        assert_int_equal(heard.ede, RD_EDE_STALE_NXDOMAIN);
        assert_int_equal(heard.n[RD_AUTHORITY], 1);
        assert_int_equal(heard.ttl_s[RD_AUTHORITY][0], 30);
    }
}

static void test_a_stale_denial_of_records_is_a_stale_answer(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene->config.cache_stale = 86400000;
    zone_denial(RD_NOERROR, 60, 60);
    hear(scene, &A);
    sim_run_for(scene->sim, 61 * S);
    zone.silent = true;
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_NOERROR);
    assert_int_equal(heard.n[RD_ANSWER], 0);
    assert_int_equal(heard.ede, RD_EDE_STALE_ANSWER);
    assert_int_equal(heard.ttl_s[RD_AUTHORITY][0], 30);
}

/* A finding is final: for who waited, and for those who come while it is remembered. */
static void test_what_dnssec_finds_is_told_instead_of_a_stale_answer(void **state)
{
    struct scene *scene = *state;

    let_end(scene);
    zone = (struct zone){.flags = RD_SERVFAIL, .ede = RD_EDE_DNSSEC_FIRST};
    for (unsigned i = 0; i < 3; i++) {
        struct heard heard = hear(scene, &A);

        assert_int_equal(heard.rcode, RD_SERVFAIL);
        assert_int_equal(zone_asked(scene, A.name), 2);
    }
}

/* The name existed once, and was seen not to since then. */
static void test_of_two_the_younger_one_is_given(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    let_end(scene);
    zone_denial(RD_NXDOMAIN, 60, 60);
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_NXDOMAIN);
    sim_run_for(scene->sim, 70 * S);
    zone.silent = true;
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_NXDOMAIN);
    assert_int_equal(heard.ede, RD_EDE_STALE_NXDOMAIN);
}

static void test_a_stale_answer_is_not_authentic_any_more(void **state)
{
    struct scene *scene = *state;
    struct ask ask = A;
    struct heard heard;

    ask.dnssec_ok = true;
    scene->config.cache_stale = 86400000;
    scene->config.pools[0].trust_ad = true;
    zone_address(60);
    zone.flags = RD_DNS_AD;
    hear(scene, &ask);
    heard = hear(scene, &ask);
    assert_true(heard.ad);
    sim_run_for(scene->sim, 61 * S);
    zone.silent = true;
    heard = hear(scene, &ask);
    assert_stale(&heard);
}

static void test_a_client_without_edns_gets_it_without_a_word(void **state)
{
    struct scene *scene = *state;
    struct ask ask = A;
    struct rd_message message;

    ask.edns = false;
    let_end(scene);
    scene_exchange(scene, &ask, &message);
    assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_int_equal(message.opt, 0);
}

static void test_all_its_ttls_are_30(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene->config.cache_stale = 86400000;
    zone = (struct zone){.records = {{RD_ANSWER, RD_TYPE_CNAME, 5, NULL, "a.test"},
                                     {RD_ANSWER, RD_TYPE_A, 3600, "a.test"},
                                     {RD_AUTHORITY, RD_TYPE_NS, 86400, "a.test", "ns.test"},
                                     {RD_ADDITIONAL, RD_TYPE_A, 1, "ns.test"}}};
    hear(scene, &A);
    sim_run_for(scene->sim, 100 * S);
    zone.silent = true;
    heard = hear(scene, &A);
    for (unsigned section = 0; section < 3; section++) {
        assert_int_equal(heard.n[section], section == RD_ANSWER ? 2 : 1);
        for (unsigned i = 0; i < heard.n[section]; i++)
            assert_int_equal(heard.ttl_s[section][i], 30);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ZONE_TEST(test_after_1800_ms_the_stale_answer_is_given),
        ZONE_TEST(test_all_who_wait_get_it_then),
        ZONE_TEST(test_a_fresh_answer_in_time_is_the_better_one),
        ZONE_TEST(test_while_it_is_under_way_the_next_ones_get_it_at_once),
        ZONE_TEST(test_the_question_goes_on_and_its_answer_is_kept),
        cmocka_unit_test(test_after_a_failure_it_is_given_at_once),
        ZONE_TEST(test_for_30_s_after_a_failure_nothing_is_asked),
        ZONE_TEST(test_each_failure_buys_another_30_s),
        ZONE_TEST(test_it_is_not_older_than_allowed),
        ZONE_TEST(test_it_is_never_given_where_the_option_says_so),
        ZONE_TEST(test_it_does_not_give_way_because_it_has_ended),
        ZONE_TEST(test_immediate_mode_gives_it_at_once_and_refreshes_behind_it),
        ZONE_TEST(test_immediate_mode_asks_a_dead_server_no_more_often),
        ZONE_TEST(test_immediate_mode_ends_with_an_answer_of_ttl_0),
        ZONE_TEST(test_who_repeats_while_a_large_one_is_refreshed_is_answered_once),
        ZONE_TEST(test_a_stale_denial_of_a_name_says_so),
        ZONE_TEST(test_a_stale_denial_of_records_is_a_stale_answer),
        ZONE_TEST(test_what_dnssec_finds_is_told_instead_of_a_stale_answer),
        ZONE_TEST(test_of_two_the_younger_one_is_given),
        ZONE_TEST(test_a_stale_answer_is_not_authentic_any_more),
        ZONE_TEST(test_a_client_without_edns_gets_it_without_a_word),
        ZONE_TEST(test_all_its_ttls_are_30),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
