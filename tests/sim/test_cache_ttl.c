/* SPDX-License-Identifier: BSD-2-Clause */
/* test_cache_ttl.c - how long an answer lives, and what its records say of that meanwhile. */
#include <stdio.h>

#include "sim/zone.h"

static const struct ask A = {.name = "www.example.com", .edns = true};

/* Asks for A, answered with addresses of TTL_S: RET_FIRST. */
static void begin(struct scene *scene, uint32_t ttl_s, struct heard *ret_first)
{
    zone_address(ttl_s);
    *ret_first = hear(scene, &A);
}

/* An answer that came with FIRST ends LIFE_S later, not a nanosecond earlier or later. */
static void assert_ends(struct scene *scene, const struct heard *first, uint64_t life_s)
{
    unsigned asked = scene->upstream->queries.n;
    struct heard heard = hear_at(scene, first->left_ns + life_s * S - MS, &A);

    assert_at_once(&heard);
    assert_int_equal(heard.serial, first->serial);
    assert_int_equal(scene->upstream->queries.n, asked);
    heard = hear_at(scene, first->left_ns + life_s * S, &A);
    assert_int_equal(heard.waited_ns, 10 * MS);
    assert_int_equal(heard.serial, asked + 1);
}

static void test_every_second_takes_one_from_the_ttl(void **state)
{
    struct scene *scene = *state;
    struct heard first, heard;

    begin(scene, 300, &first);
    assert_address(&first, 1, 300);
    for (uint32_t s = 1; s < 300; s++) {
        heard = hear_at(scene, first.left_ns + s * S - MS, &A);
        assert_address(&heard, 1, 300 - (s - 1));
        assert_at_once(&heard);
        heard = hear_at(scene, first.left_ns + s * S, &A);
        assert_address(&heard, 1, 300 - s);
        assert_at_once(&heard);
    }
    assert_int_equal(scene->upstream->queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, cache_hits), 2 * 299);
    assert_int_equal(SCENE_STAT(scene, cache_misses), 1);
    assert_int_equal(SCENE_STAT(scene, cache_stored), 1);
}

static void test_an_answer_ends_with_its_ttl(void **state)
{
    static const uint32_t ttls[] = {1, 2, 60, 3600};
    struct heard first;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        static struct scene scene;

        zone_open(&scene, i + 1);
        begin(&scene, ttls[i], &first);
        assert_ends(&scene, &first, ttls[i]);
        scene_close(&scene);
    }
}

static void test_a_nanosecond_decides(void **state)
{
    struct scene *scene = *state;
    struct heard first, heard;

    begin(scene, 60, &first);
    heard = hear_at(scene, first.left_ns + 60 * S - 1, &A);
    assert_address(&heard, 1, 1);
    heard = hear_at(scene, first.left_ns + 60 * S, &A);
    assert_address(&heard, 2, 60);
}

static void test_a_new_answer_counts_from_its_own_time(void **state)
{
    struct scene *scene = *state;
    struct heard first, second, heard;

    begin(scene, 100, &first);
    second = hear_at(scene, first.left_ns + 150 * S, &A);
    assert_address(&second, 2, 100);
    heard = hear_at(scene, second.left_ns + 99 * S, &A);
    assert_address(&heard, 2, 1);
}

static void test_the_least_of_answer_and_authority_is_the_life(void **state)
{
    struct scene *scene = *state;
    struct heard first, heard;

    zone = (struct zone){.records = {{RD_ANSWER, RD_TYPE_A, 300},
                                     {RD_AUTHORITY, RD_TYPE_NS, 100, "example.com", "ns.test"},
                                     {RD_AUTHORITY, RD_TYPE_NS, 200, "example.com", "b.test"}}};
    first = hear(scene, &A);
    assert_int_equal(first.ttl_s[RD_AUTHORITY][0], 100);
    heard = hear_at(scene, first.left_ns + 99 * S, &A);
    assert_address(&heard, 1, 201);
    assert_int_equal(heard.n[RD_AUTHORITY], 2);
    assert_int_equal(heard.ttl_s[RD_AUTHORITY][0], 1);
    assert_int_equal(heard.ttl_s[RD_AUTHORITY][1], 101);
    assert_ends(scene, &first, 100);
}

static void test_the_least_link_of_a_chain_is_the_life(void **state)
{
    struct scene *scene = *state;
    struct heard first;

    zone = (struct zone){.records = {{RD_ANSWER, RD_TYPE_CNAME, 40, NULL, "a.test"},
                                     {RD_ANSWER, RD_TYPE_A, 300, "a.test"}}};
    first = hear(scene, &A);
    assert_int_equal(first.n[RD_ANSWER], 2);
    assert_ends(scene, &first, 40);
}

/* They help, they are not what was asked; below 0 no TTL goes. */
static void test_additional_records_count_down_and_end_nothing(void **state)
{
    struct scene *scene = *state;
    struct heard first, heard;

    zone = (struct zone){.records = {{RD_ANSWER, RD_TYPE_A, 300},
                                     {RD_ADDITIONAL, RD_TYPE_A, 1000, "ns.test"},
                                     {RD_ADDITIONAL, RD_TYPE_A, 10, "b.test"}}};
    first = hear(scene, &A);
    heard = hear_at(scene, first.left_ns + 9 * S, &A);
    assert_int_equal(heard.ttl_s[RD_ADDITIONAL][0], 991);
    assert_int_equal(heard.ttl_s[RD_ADDITIONAL][1], 1);
    heard = hear_at(scene, first.left_ns + 250 * S, &A);
    assert_address(&heard, 1, 50);
    assert_int_equal(heard.n[RD_ADDITIONAL], 2);
    assert_int_equal(heard.ttl_s[RD_ADDITIONAL][0], 750);
    assert_int_equal(heard.ttl_s[RD_ADDITIONAL][1], 0);
    assert_ends(scene, &first, 300);
}

/* Its TTL field is no TTL: version and flags stand there. */
static void test_the_opt_does_not_count_down(void **state)
{
    struct scene *scene = *state;
    struct ask ask = {.name = "www.example.com", .edns = true, .dnssec_ok = true};
    struct rd_message message;

    zone_address(300);
    zone.ede = 18;
    scene_exchange(scene, &ask, &message);
    for (unsigned i = 0; i < 10; i++) {
        sim_run_for(scene->sim, 27 * S);
        scene_exchange(scene, &ask, &message);
        assert_true(message.edns.present);
        assert_int_equal(message.edns.version, 0);
        assert_int_equal(message.edns.extended_rcode, 0);
        assert_true(message.edns.dnssec_ok);
        assert_int_equal(message.edns.payload_bytes, 1232);
        assert_int_equal(scene_ede(&message), 18);
    }
    assert_int_equal(scene->upstream->queries.n, 1);
}

static void test_min_ttl_raises(void **state)
{
    static const uint32_t ttls[] = {0, 5, 59};
    struct heard first;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        static struct scene scene;

        zone_open(&scene, i + 1);
        scene.config.cache_min_ttl = 60000;
        begin(&scene, ttls[i], &first);
        assert_address(&first, 1, 60); /* those who waited hear the same */
        assert_ends(&scene, &first, 60);
        scene_close(&scene);
    }
}

static void test_max_ttl_lowers(void **state)
{
    static const uint32_t ttls[] = {101, 86400, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff};
    struct heard first;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        static struct scene scene;

        zone_open(&scene, i + 1);
        scene.config.cache_max_ttl = 100000;
        begin(&scene, ttls[i], &first);
        assert_address(&first, 1, 100);
        assert_ends(&scene, &first, 100);
        scene_close(&scene);
    }
}

static void test_ttl_0_is_answered_and_not_kept(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    zone_address(0);
    for (unsigned i = 1; i <= 5; i++) {
        heard = hear(scene, &A);
        assert_address(&heard, i, 0);
    }
    assert_int_equal(SCENE_STAT(scene, cache_refused_ttl), 5);
    assert_int_equal(SCENE_STAT(scene, cache_stored), 0);
}

static void test_one_record_of_ttl_0_keeps_the_answer_out(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    zone = (struct zone){.records = {{RD_ANSWER, RD_TYPE_CNAME, 300, NULL, "a.test"},
                                     {RD_ANSWER, RD_TYPE_A, 0, "a.test"}}};
    for (unsigned i = 1; i <= 2; i++) {
        heard = hear(scene, &A);
        assert_int_equal(heard.serial, i);
    }
    assert_int_equal(SCENE_STAT(scene, cache_refused_ttl), 2);
}

static void test_ttl_0_is_asked_once_for_all_who_wait(void **state)
{
    struct scene *scene = *state;

    zone_address(0);
    zone.delay_ns = 100 * MS;
    for (unsigned i = 0; i < 50; i++) {
        scene_ask(scene, scene_client(scene, i), &A);
        sim_run_for(scene->sim, MS);
    }
    sim_run_for(scene->sim, S);
    assert_int_equal(scene->sim->answers, 50);
    assert_int_equal(scene->upstream->queries.n, 1);
}

/* At one instant, of names 0 to N - 1. */
static void ask_all(struct scene *scene, uint64_t at_ns, unsigned n)
{
    char name[32];

    if (at_ns > 0)
        zone_wait_until(scene, at_ns);
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "n%u.test", i);
        scene_ask(scene, scene->client, &(struct ask){.name = name});
    }
    sim_run_for(scene->sim, 100 * MS);
}

/* 1,000 answers of TTL 1000 with half of that as jitter: all live 500 s, the half of them 750. */
static void test_jitter_spreads_lives_and_lengthens_none(void **state)
{
    struct scene *scene = *state;
    struct heard first;
    unsigned n = 1000;

    scene->config.cache_jitter = 50;
    zone_address(1000);
    ask_all(scene, 0, n);
    first = heard_of(&scene->client->answers.at[0]);
    assert_int_equal(scene->upstream->queries.n, n);
    ask_all(scene, first.left_ns + 500 * S - MS, n);
    assert_int_equal(scene->upstream->queries.n, n);
    ask_all(scene, first.left_ns + 625 * S, n);
    assert_in_range(scene->upstream->queries.n, n + 200, n + 300);
    ask_all(scene, first.left_ns + 750 * S, n);
    assert_in_range(scene->upstream->queries.n, n + 430, n + 570);
    ask_all(scene, first.left_ns + 1000 * S, n);
    assert_int_equal(scene->upstream->queries.n, 2 * n);
}

static void test_jitter_is_not_seen_in_the_ttl(void **state)
{
    struct scene *scene = *state;
    struct heard first, heard;

    scene->config.cache_jitter = 50;
    begin(scene, 1000, &first);
    heard = hear_at(scene, first.left_ns + 400 * S, &A);
    assert_address(&heard, 1, 600);
}

static void test_a_cache_of_size_0_keeps_nothing(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene->cache_bytes = 0;
    for (unsigned i = 1; i <= 3; i++) {
        heard = hear(scene, &A);
        assert_address(&heard, i, 300);
    }
    assert_int_equal(SCENE_STAT(scene, cache_stored), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ZONE_TEST(test_every_second_takes_one_from_the_ttl),
        cmocka_unit_test(test_an_answer_ends_with_its_ttl),
        ZONE_TEST(test_a_nanosecond_decides),
        ZONE_TEST(test_a_new_answer_counts_from_its_own_time),
        ZONE_TEST(test_the_least_of_answer_and_authority_is_the_life),
        ZONE_TEST(test_the_least_link_of_a_chain_is_the_life),
        ZONE_TEST(test_additional_records_count_down_and_end_nothing),
        ZONE_TEST(test_the_opt_does_not_count_down),
        cmocka_unit_test(test_min_ttl_raises),
        cmocka_unit_test(test_max_ttl_lowers),
        ZONE_TEST(test_ttl_0_is_answered_and_not_kept),
        ZONE_TEST(test_one_record_of_ttl_0_keeps_the_answer_out),
        ZONE_TEST(test_ttl_0_is_asked_once_for_all_who_wait),
        ZONE_TEST(test_jitter_spreads_lives_and_lengthens_none),
        ZONE_TEST(test_jitter_is_not_seen_in_the_ttl),
        ZONE_TEST(test_a_cache_of_size_0_keeps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
