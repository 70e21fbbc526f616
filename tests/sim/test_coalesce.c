/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_coalesce.c - a question is asked once in the whole process, whatever comes of it: RFC 5452
 * section 5 counts what an attacker gains from each one more.
 */
#include <stdio.h>

#include "sim/zone.h"

static const struct ask A = {.name = "www.example.com", .edns = true, .set = RD_DNS_AD};

#define CROWD    1000
#define DELAY_NS (300 * MS)

/* A scene of two workers whose upstream takes a while for CONTENT. */
static void open_two(struct scene *scene, uint64_t seed, const struct zone *content)
{
    zone_open(scene, seed);
    scene->n_workers = SCENE_WORKERS;
    scene->config.inflight_queries = 8192;
    scene->config.inflight_waiters = 8192;
    scene->config.pools[0].trust_ad = true;
    zone = *content;
    zone.delay_ns = DELAY_NS;
}

/* CROWD clients within 200 ms; some come with the same instant. All answers are alike. */
static struct heard ask_crowd(struct scene *scene)
{
    struct heard first, heard;

    for (unsigned i = 0; i < CROWD; i++) {
        scene_ask(scene, scene_client(scene, i), &A);
        if (sim_random_below(scene->sim, 3) == 0)
            sim_run_for(scene->sim, sim_random_below(scene->sim, 600) * RD_NS_PER_US);
    }
    sim_run_for(scene->sim, 6 * S);
    assert_string_equal(scene->sim->broken, "");
    first = heard_by(scene_client(scene, 0), 1);
    for (unsigned i = 1; i < CROWD; i++) {
        heard = heard_by(scene_client(scene, i), 1);
        assert_int_equal(heard.rcode, first.rcode);
        assert_int_equal(heard.ede, first.ede);
        assert_int_equal(heard.ad, first.ad);
        assert_int_equal(heard.serial, first.serial);
        assert_memory_equal(heard.n, first.n, sizeof(first.n));
        assert_memory_equal(heard.ttl_s, first.ttl_s, sizeof(first.ttl_s));
    }
    for (unsigned i = 0; i < SCENE_WORKERS; i++)
        assert_true(rd_stat_get(&rd_worker_stats(scene->workers[i])->queries_udp) > CROWD / 4);
    return first;
}

/* What one client costs, alone with one worker. */
static unsigned cost_of_one(const struct zone *content)
{
    static struct scene scene;
    unsigned asked;

    open_two(&scene, 99, content);
    scene.n_workers = 1;
    hear(&scene, &A);
    asked = zone_asked(&scene, A.name);
    scene_close(&scene);
    return asked;
}

/* The same for a crowd, with a cache of CACHE_BYTES, and any order of the workers' turns. */
static struct heard costs_as_much(const struct zone *content, uint64_t cache_bytes)
{
    static struct scene scene;
    unsigned cost = cost_of_one(content);
    struct heard heard;

    for (uint64_t seed = 1; seed <= 5; seed++) {
        open_two(&scene, seed, content);
        scene.cache_bytes = cache_bytes;
        heard = ask_crowd(&scene);
        assert_int_equal(zone_asked(&scene, A.name), cost);
        assert_true(SCENE_SUM(&scene, queries_followed) >= 1);
        assert_int_equal(SCENE_SUM(&scene, pending_full), 0);
        scene_close(&scene);
    }
    return heard;
}

static const struct zone ADDRESS = {
    .flags = RD_DNS_AD, .ede = 18, .records = {{RD_ANSWER, RD_TYPE_A, 300}}};

static void test_an_address(void **state)
{
    struct heard heard = costs_as_much(&ADDRESS, SCENE_CACHE_BYTES);

    (void)state;
    assert_address(&heard, 1, 300);
    assert_int_equal(heard.ede, 18);
    assert_true(heard.ad);
}

static void test_without_a_cache(void **state)
{
    struct heard heard = costs_as_much(&ADDRESS, 0);

    (void)state;
    assert_address(&heard, 1, 300);
    assert_int_equal(heard.ede, 18);
    assert_true(heard.ad);
}

static void test_with_the_smallest_cache(void **state)
{
    struct heard heard = costs_as_much(&ADDRESS, rd_cache_least_bytes(SCENE_WORKERS));

    (void)state;
    assert_address(&heard, 1, 300);
}

static void test_an_address_that_is_not_kept(void **state)
{
    struct heard heard =
        costs_as_much(&(struct zone){.records = {{RD_ANSWER, RD_TYPE_A, 0}}}, SCENE_CACHE_BYTES);

    (void)state;
    assert_address(&heard, 1, 0);
}

static void test_a_denial_that_is_not_kept(void **state)
{
    struct heard heard = costs_as_much(&(struct zone){.flags = RD_NXDOMAIN}, SCENE_CACHE_BYTES);

    (void)state;
    assert_int_equal(heard.rcode, RD_NXDOMAIN);
}

static void test_servfail(void **state)
{
    struct heard heard =
        costs_as_much(&(struct zone){.flags = RD_SERVFAIL, .ede = 6}, SCENE_CACHE_BYTES);

    (void)state;
    assert_failed(&heard, 6);
}

static void test_servfail_without_a_cache(void **state)
{
    struct heard heard = costs_as_much(&(struct zone){.flags = RD_SERVFAIL}, 0);

    (void)state;
    assert_int_equal(heard.rcode, RD_SERVFAIL);
}

static void test_a_refusal(void **state)
{
    struct heard heard = costs_as_much(&(struct zone){.flags = RD_REFUSED}, SCENE_CACHE_BYTES);

    (void)state;
    assert_int_equal(heard.rcode, RD_SERVFAIL);
}

static void test_silence(void **state)
{
    struct heard heard = costs_as_much(&(struct zone){.silent = true}, SCENE_CACHE_BYTES);

    (void)state;
    assert_failed(&heard, RD_EDE_NO_REACHABLE_AUTHORITY);
}

/* Each client is told to come by TCP. */
static void test_an_answer_too_large_to_keep(void **state)
{
    static const struct zone large = {.bulk = 80, .records = {{RD_ANSWER, RD_TYPE_TXT, 300}}};
    static struct scene scene;

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct ask ask = {.name = A.name, .type = RD_TYPE_TXT};
        struct rd_message message;

        open_two(&scene, seed, &large);
        for (unsigned i = 0; i < 200; i++) {
            scene_ask(&scene, scene_client(&scene, i), &ask);
            if (i % 10 == 0)
                sim_run_for(scene.sim, 5 * MS);
        }
        sim_run_for(scene.sim, 3 * S);
        assert_int_equal(scene.upstream->queries.n, 1);
        assert_int_equal(scene.upstream->stream_queries.n, 1);
        for (unsigned i = 0; i < 200; i++) {
            const struct sim_log *log = &scene_client(&scene, i)->answers;

            assert_int_equal(log->n, 1);
            packet_parse(log->at[0].bytes, log->at[0].len, &message, NULL);
            assert_true(message.flags & RD_DNS_TC);
        }
        scene_close(&scene);
    }
}

/* And whole to those who came by TCP, at either worker. */
static void test_an_answer_too_large_to_keep_goes_whole_by_tcp(void **state)
{
    static const struct zone large = {.bulk = 80, .records = {{RD_ANSWER, RD_TYPE_TXT, 300}}};
    static struct scene scene;
    struct sim_conn *conns[16];

    (void)state;
    open_two(&scene, 1, &large);
    for (unsigned i = 0; i < 16; i++) {
        conns[i] = scene_connect(&scene, scene_client(&scene, i));
        scene_conn_ask(conns[i], &(struct ask){.name = A.name, .type = RD_TYPE_TXT});
    }
    sim_run_for(scene.sim, 2 * S);
    assert_int_equal(scene.upstream->stream_queries.n, 1);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(conns[i]->messages.n, 1);
        assert_int_equal(heard_of(&conns[i]->messages.at[0]).n[RD_ANSWER], 81);
    }
    assert_int_equal(SCENE_SUM(&scene, cache_refused_large), 1);
    scene_close(&scene);
}

/* Keys that differ are different questions. */
static void test_do_and_cd_are_asked_for_themselves(void **state)
{
    static struct scene scene;

    (void)state;
    open_two(&scene, 1, &ADDRESS);
    for (unsigned i = 0; i < 400; i++)
        scene_ask(&scene, scene_client(&scene, i),
                  &(struct ask){.name = i & 4 ? "WWW.example.com" : A.name,
                                .edns = true,
                                .dnssec_ok = i & 1,
                                .set = i & 2 ? RD_DNS_CD : 0});
    sim_run_for(scene.sim, S);
    assert_int_equal(zone_asked(&scene, A.name), 4);
    assert_int_equal(scene.sim->answers, 400);
    scene_close(&scene);
}

/* However long it takes. */
static void test_a_question_that_is_followed_is_counted_once(void **state)
{
    static struct scene scene;

    (void)state;
    open_two(&scene, 1, &(struct zone){.silent = true});
    for (unsigned i = 0; i < 20; i++)
        scene_ask(&scene, scene_client(&scene, i), &A);
    sim_run_for(scene.sim, 6 * S);
    assert_int_equal(SCENE_SUM(&scene, queries_led), 1);
    assert_int_equal(SCENE_SUM(&scene, queries_followed), 1);
    assert_int_equal(SCENE_SUM(&scene, queries_joined), 18);
    scene_close(&scene);
}

/* Of a name that is asked for again and again, when the server last heard. */
static uint64_t heard_ns[30];

static void jealous_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                          size_t len, uint16_t from_port)
{
    unsigned name = query[RD_DNS_HEADER_BYTES + 1] - 'a';

    assert_in_range(name, 0, 25);
    if (heard_ns[name] > 0) /* the way back and here again */
        assert_true(sim->now_ns - heard_ns[name] >= 10 * MS);
    heard_ns[name] = sim->now_ns;
    zone_model(sim, upstream, query, len, from_port);
}

/* Nothing is kept, so every client's question is asked or joined. */
static void chance(uint64_t seed)
{
    static struct scene scene;
    char name[] = "a.test";

    memset(heard_ns, 0, sizeof(heard_ns));
    open_two(&scene, seed, &(struct zone){.records = {{RD_ANSWER, RD_TYPE_A, 0}}});
    zone.delay_ns = 0;
    scene.upstream->reply = jealous_model;
    scene.cache_bytes = seed % 2 ? SCENE_CACHE_BYTES : 0;
    for (unsigned i = 0; i < 5000; i++) {
        name[0] = (char)('a' + sim_random_below(scene.sim, 26));
        scene_ask(&scene, scene_client(&scene, i % 100),
                  &(struct ask){.name = name, .id = (uint16_t)i});
        sim_run_for(scene.sim, sim_random_below(scene.sim, 300) * RD_NS_PER_US);
    }
    sim_run_for(scene.sim, 5 * S);
    assert_int_equal(scene.sim->answers, 5000);
    assert_int_equal(SCENE_SUM(&scene, answers_noerror), 5000);
    assert_true(SCENE_SUM(&scene, queries_followed) > 100);
    scene_close(&scene);
}

static void test_no_two_are_ever_under_way(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        chance(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address),
        cmocka_unit_test(test_without_a_cache),
        cmocka_unit_test(test_with_the_smallest_cache),
        cmocka_unit_test(test_an_address_that_is_not_kept),
        cmocka_unit_test(test_a_denial_that_is_not_kept),
        cmocka_unit_test(test_servfail),
        cmocka_unit_test(test_servfail_without_a_cache),
        cmocka_unit_test(test_a_refusal),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_an_answer_too_large_to_keep),
        cmocka_unit_test(test_an_answer_too_large_to_keep_goes_whole_by_tcp),
        cmocka_unit_test(test_do_and_cd_are_asked_for_themselves),
        cmocka_unit_test(test_a_question_that_is_followed_is_counted_once),
        cmocka_unit_test(test_no_two_are_ever_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
