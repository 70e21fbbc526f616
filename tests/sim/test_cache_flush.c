/* SPDX-License-Identifier: BSD-2-Clause */
/* test_cache_flush.c - after a flush nothing from before is given, also not what was under way. */
#include "sim/zone.h"

static const struct ask A = {.name = "www.example.com", .edns = true};
static const struct ask TXT = {.name = "www.example.com", .type = RD_TYPE_TXT, .edns = true};

/* The ways to flush A. */
enum way { ALL, BY_NAME, BY_SUFFIX, WAYS };

static struct rd_name name_of(const char *text)
{
    struct rd_name name;

    assert_true(rd_name_from_text(text, &name));
    return name;
}

static const struct rd_snapshot *newest(const struct scene *scene)
{
    return scene->snapshots[scene->n_snapshots - 1];
}

static void flush(struct scene *scene, enum way way)
{
    struct rd_name name = name_of(A.name);

    if (way == ALL)
        rd_cache_flush_all(scene->cache, scene->sim->now_ns);
    else if (way == BY_NAME)
        rd_cache_flush(scene->cache, newest(scene), &name);
    else
        rd_cache_flush_suffix(scene->cache, &name);
    sim_run_for(scene->sim, MS);
}

/* Runs ONE_WAY in a scene of its own, for each way. */
static void each_way(void (*one_way)(struct scene *scene, enum way way))
{
    for (enum way way = ALL; way < WAYS; way++) {
        static struct scene scene;

        zone_open(&scene, way + 1);
        one_way(&scene, way);
        scene_close(&scene);
    }
}

static void asked_again(struct scene *scene, enum way way)
{
    struct heard heard;

    hear(scene, &A);
    hear(scene, &TXT);
    sim_run_for(scene->sim, S);
    flush(scene, way);
    heard = hear(scene, &A);
    assert_address(&heard, 3, 300);
    assert_int_equal(hear(scene, &TXT).serial, 4);
    heard = hear(scene, &A);
    assert_int_equal(heard.serial, 3);
    assert_at_once(&heard);
}

static void test_what_was_flushed_is_asked_again(void **state)
{
    (void)state;
    each_way(asked_again);
}

static void denied_again(struct scene *scene, enum way way)
{
    zone_denial(RD_NXDOMAIN, 300, 300);
    hear(scene, &A);
    sim_run_for(scene->sim, S);
    flush(scene, way);
    zone_address(300);
    assert_int_equal(hear(scene, &TXT).rcode, RD_NOERROR);
}

static void test_denials_are_flushed(void **state)
{
    (void)state;
    each_way(denied_again);
}

static void failed_again(struct scene *scene, enum way way)
{
    zone = (struct zone){.flags = RD_SERVFAIL};
    hear(scene, &A);
    sim_run_for(scene->sim, S);
    flush(scene, way);
    zone_address(300);
    assert_int_equal(hear(scene, &A).rcode, RD_NOERROR);
}

static void test_failures_are_flushed(void **state)
{
    (void)state;
    each_way(failed_again);
}

static void not_kept(struct scene *scene, enum way way)
{
    struct heard heard;

    zone.delay_ns = 200 * MS;
    scene_ask(scene, scene->client, &A);
    sim_run_for(scene->sim, 100 * MS);
    flush(scene, way);
    scene_wait(scene, scene->client, 1);
    heard = heard_by(scene->client, 1);
    assert_address(&heard, 1, 300);
    assert_int_equal(SCENE_STAT(scene, cache_refused_flushed), 1);
    heard = hear(scene, &A);
    assert_address(&heard, 2, 300);
    heard = hear(scene, &A);
    assert_int_equal(heard.serial, 2);
    assert_at_once(&heard);
}

static void test_what_is_under_way_is_answered_and_not_kept(void **state)
{
    (void)state;
    each_way(not_kept);
}

static void failure_not_kept(struct scene *scene, enum way way)
{
    zone = (struct zone){.flags = RD_SERVFAIL, .delay_ns = 200 * MS};
    scene_ask(scene, scene->client, &A);
    sim_run_for(scene->sim, 100 * MS);
    flush(scene, way);
    scene_wait(scene, scene->client, 1);
    zone_address(300);
    assert_int_equal(hear(scene, &A).rcode, RD_NOERROR);
}

/* The one under way was asked before the flush, and its answer is for those who waited then. */
static void not_joined(struct scene *scene, enum way way)
{
    zone.delay_ns = 100 * MS;
    scene_ask(scene, scene->client, &A);
    sim_run_for(scene->sim, 20 * MS);
    flush(scene, way);
    scene_ask(scene, scene_client(scene, 1), &A);
    sim_run_for(scene->sim, S);
    assert_int_equal(zone_asked(scene, A.name), 2);
    assert_int_equal(heard_by(scene->client, 1).serial, 1);
    assert_int_equal(heard_by(scene_client(scene, 1), 1).serial, 2);
    assert_int_equal(hear(scene, &A).serial, 2);
}

static void test_who_asks_after_a_flush_joins_nothing_from_before(void **state)
{
    (void)state;
    each_way(not_joined);
}

static void test_nor_are_failures(void **state)
{
    (void)state;
    each_way(failure_not_kept);
}

static void refresh_not_kept(struct scene *scene, enum way way)
{
    uint64_t stored_ns;

    scene->config.cache_prefetch = true;
    stored_ns = hear(scene, &A).left_ns;
    zone.delay_ns = 200 * MS;
    hear_at(scene, stored_ns + 280 * S, &A);
    sim_run_for(scene->sim, 50 * MS);
    flush(scene, way);
    sim_run_for(scene->sim, S);
    assert_int_equal(hear(scene, &A).serial, 3);
}

static void test_nor_are_refreshes(void **state)
{
    (void)state;
    each_way(refresh_not_kept);
}

/* Nothing is left to be given stale, also not to those who wait already. */
static void no_stale(struct scene *scene, enum way way)
{
    struct heard heard;

    scene->config.cache_stale = 86400000;
    hear(scene, &A);
    sim_run_for(scene->sim, 400 * S);
    zone.silent = true;
    scene_ask(scene, scene->client, &A);
    sim_run_for(scene->sim, S);
    flush(scene, way);
    sim_run_for(scene->sim, 5 * S);
    heard = heard_by(scene->client, 2);
    assert_failed(&heard, RD_EDE_NO_REACHABLE_AUTHORITY);
    zone = (struct zone){.flags = RD_SERVFAIL};
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_SERVFAIL);
}

static void test_nothing_stale_is_left(void **state)
{
    (void)state;
    each_way(no_stale);
}

static void test_a_flushed_name_leaves_the_others(void **state)
{
    struct scene *scene = *state;
    struct rd_name name = name_of(A.name);
    struct heard heard;

    hear(scene, &A);
    hear(scene, &(struct ask){.name = "a.www.example.com"});
    hear(scene, &(struct ask){.name = "example.com"});
    assert_int_equal(rd_cache_flush(scene->cache, newest(scene), &name), 1);
    heard = hear(scene, &(struct ask){.name = "a.www.example.com"});
    assert_int_equal(heard.serial, 2);
    heard = hear(scene, &(struct ask){.name = "example.com"});
    assert_int_equal(heard.serial, 3);
    assert_int_equal(hear(scene, &A).serial, 4);
}

static void test_a_flushed_suffix_takes_all_at_and_below_it(void **state)
{
    static const char *const names[] = {"example.com", "www.example.com", "a.b.example.com",
                                        "xexample.com", "com"};
    struct scene *scene = *state;
    struct rd_name suffix = name_of("example.com");

    for (unsigned i = 0; i < 5; i++)
        hear(scene, &(struct ask){.name = names[i]});
    assert_int_equal(rd_cache_flush_suffix(scene->cache, &suffix), 3);
    for (unsigned i = 0; i < 5; i++)
        hear(scene, &(struct ask){.name = names[i]});
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(zone_asked(scene, names[i]), i < 3 ? 2 : 1);
}

/* One worker has the clients, the other one asks for them. */
static void test_a_flush_reaches_both_workers(void **state)
{
    struct scene *scene = *state;

    scene->n_workers = SCENE_WORKERS;
    zone.delay_ns = 200 * MS;
    for (unsigned i = 0; i < 2; i++)
        scene_ask(scene, scene_client_of(scene, i, 0), &A);
    sim_run_for(scene->sim, 100 * MS);
    flush(scene, ALL);
    sim_run_for(scene->sim, 200 * MS);
    assert_int_equal(zone_asked(scene, A.name), 1);
    for (unsigned i = 0; i < 2; i++)
        scene_ask(scene, scene_client_of(scene, i, 0), &A);
    sim_run_for(scene->sim, S);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(heard_by(scene_client_of(scene, i, 0), 2).serial, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_flushed_is_asked_again),
        cmocka_unit_test(test_denials_are_flushed),
        cmocka_unit_test(test_failures_are_flushed),
        cmocka_unit_test(test_what_is_under_way_is_answered_and_not_kept),
        cmocka_unit_test(test_who_asks_after_a_flush_joins_nothing_from_before),
        cmocka_unit_test(test_nor_are_failures),
        cmocka_unit_test(test_nor_are_refreshes),
        cmocka_unit_test(test_nothing_stale_is_left),
        ZONE_TEST(test_a_flushed_name_leaves_the_others),
        ZONE_TEST(test_a_flushed_suffix_takes_all_at_and_below_it),
        ZONE_TEST(test_a_flush_reaches_both_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
