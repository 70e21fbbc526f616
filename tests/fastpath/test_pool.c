/* SPDX-License-Identifier: BSD-2-Clause */
/* test_pool.c - which servers may be asked, and who comes first. Policies: test_pool_policy.c. */
#include "pool_scene.h"

/* Three servers, the first one first: whatever else is chosen has a reason. */
static int setup(void **state)
{
    *state = scene_new(RD_POLICY_ORDERED, 3, 1);
    return 0;
}

static int teardown(void **state)
{
    scene_free(*state);
    return 0;
}

static void test_a_lone_server_that_is_well_is_chosen(void **state)
{
    struct pool_scene *scene = *state;

    scene->pool.n_servers = 1;
    assert_int_equal(scene_choose(scene), 0);
}

static void test_a_lone_server_that_is_not_so_well_is_chosen_too(void **state)
{
    struct pool_scene *scene = *state;

    scene->pool.n_servers = 1;
    scene_degrade(scene, 0);
    assert_int_equal(scene_choose(scene), 0);
    scene_suspect(scene, 0);
    assert_int_equal(scene_choose(scene), 0);
    scene_attempt(scene, 0, false, ATTEMPT_LATE);
    assert_int_equal(scene_choose(scene), 0);
}

static void test_the_next_try_goes_to_who_had_the_fewest(void **state)
{
    static const int order[] = {0, 1, 2, 0, 1, 2};
    struct pool_scene *scene = *state;

    for (unsigned i = 0; i < RD_ATTEMPTS; i++) {
        assert_int_equal(scene_choose(scene), order[i]);
        scene_attempt(scene, (unsigned)order[i], i % 2 == 1,
                      i % 2 == 1 ? ATTEMPT_BROKEN : ATTEMPT_LATE);
    }
}

static void test_what_was_given_up_for_another_try_there_does_not_count(void **state)
{
    struct pool_scene *scene = *state;

    scene_attempt(scene, 0, false, ATTEMPT_VOID);
    assert_int_equal(scene_choose(scene), 0);
}

static void test_who_is_degraded_or_suspect_comes_after_who_is_up(void **state)
{
    struct pool_scene *scene = *state;

    scene_degrade(scene, 0);
    assert_int_equal(scene_choose(scene), 1);
    scene_suspect(scene, 1);
    assert_int_equal(scene_choose(scene), 2);
    scene_degrade(scene, 2);
    assert_int_equal(scene_choose(scene), 0);
    scene->context.now_ns += FLEET_DEGRADED_NS;
    scene_suspect(scene, 0);
    assert_int_equal(scene_choose(scene), 2);
}

static void test_who_is_degraded_comes_before_who_was_asked(void **state)
{
    struct pool_scene *scene = *state;

    scene_degrade(scene, 1);
    scene_degrade(scene, 2);
    scene_attempt(scene, 0, false, ATTEMPT_LATE);
    assert_int_equal(scene_choose(scene), 1);
}

static void test_the_lowest_tier_comes_first(void **state)
{
    struct pool_scene *scene = *state;

    scene->pool.servers[0].tier = RD_MAX_TIER;
    scene->pool.servers[1].tier = 2;
    scene->pool.servers[2].tier = 1;
    assert_int_equal(scene_choose(scene), 2);
    scene_degrade(scene, 2);
    assert_int_equal(scene_choose(scene), 1);
    scene_attempt(scene, 1, false, ATTEMPT_LATE);
    assert_int_equal(scene_choose(scene), 0);
}

static void test_who_gave_no_answer_is_not_asked_again(void **state)
{
    struct pool_scene *scene = *state;

    for (unsigned place = 0; place < 3; place++) {
        assert_int_equal(scene_choose(scene), place);
        scene_attempt(scene, place, true, ATTEMPT_FAILED);
    }
    assert_int_equal(scene_choose(scene), POOL_SPENT);
}

static void test_a_server_has_three_messages_of_a_question_by_each_transport(void **state)
{
    struct pool_scene *scene = *state;

    scene->pool.n_servers = 1;
    for (unsigned i = 0; i < RD_ATTEMPTS_PER_SERVER; i++) {
        assert_int_equal(scene_choose(scene), 0);
        scene_attempt(scene, 0, false, i == 0 ? ATTEMPT_VOID : ATTEMPT_LATE);
    }
    assert_int_equal(scene_choose(scene), POOL_SPENT);
    for (unsigned i = 0; i < RD_ATTEMPTS_PER_SERVER; i++) {
        assert_int_equal(pool_choose(&scene->context, &scene->pool, &scene->question, true), 0);
        scene_attempt(scene, 0, true, ATTEMPT_BROKEN);
    }
    assert_int_equal(pool_choose(&scene->context, &scene->pool, &scene->question, true),
                     POOL_SPENT);
}

static void test_who_is_down_or_looping_is_not_asked(void **state)
{
    struct pool_scene *scene = *state;

    scene_down(scene, 0);
    scene_loop(scene, 1);
    assert_int_equal(scene_choose(scene), 2);
    scene_attempt(scene, 2, false, ATTEMPT_LATE);
    assert_int_equal(scene_choose(scene), 2);
}

static void test_who_has_as_much_as_it_may_is_not_asked(void **state)
{
    struct pool_scene *scene = *state;

    scene_fill(scene, 0);
    assert_int_equal(scene_choose(scene), 1);
    scene_way(scene, 0)->outstanding--;
    assert_int_equal(scene_choose(scene), 0);
}

static void test_a_cap_that_stands_in_the_way_is_told(void **state)
{
    struct pool_scene *scene = *state;

    for (unsigned place = 0; place < 3; place++)
        scene_fill(scene, place);
    assert_int_equal(scene_choose(scene), POOL_CAPPED);
    scene->pool.n_servers = 1;
    assert_int_equal(scene_choose(scene), POOL_CAPPED);
}

/* Load is shed, not shifted to servers that do not answer. */
static void test_where_one_is_capped_none_that_is_down_is_tried(void **state)
{
    struct pool_scene *scene = *state;

    scene_fill(scene, 0);
    scene_down(scene, 1);
    scene_loop(scene, 2);
    assert_int_equal(scene_choose(scene), POOL_CAPPED);
    scene_attempt(scene, 0, false, ATTEMPT_FAILED);
    assert_int_equal(scene_choose(scene), 1);
}

static void test_with_all_down_the_one_heard_last_is_asked_now_and_then(void **state)
{
    struct pool_scene *scene = *state;

    for (unsigned place = 0; place < 3; place++)
        scene_down(scene, place);
    scene_way(scene, 0)->last_reply_ns = 5;
    scene_way(scene, 1)->last_reply_ns = 7;
    scene_way(scene, 2)->last_reply_ns = 6;
    assert_int_equal(scene_choose(scene), 1);
    assert_int_equal(scene_choose(scene), POOL_DOWN);
    scene->context.now_ns += FLEET_LAST_HOPE_NS;
    assert_int_equal(scene_choose(scene), 1);
}

static void test_the_last_hope_goes_round_for_one_question(void **state)
{
    static const unsigned order[] = {0, 2, 1, 0};
    struct pool_scene *scene = *state;

    for (unsigned place = 0; place < 3; place++)
        scene_down(scene, place);
    scene_way(scene, 0)->last_reply_ns = 9;
    scene_way(scene, 1)->last_reply_ns = 7;
    scene_way(scene, 2)->last_reply_ns = 8;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(scene_choose(scene), order[i]);
        scene_attempt(scene, order[i], false, ATTEMPT_LATE);
        scene->context.now_ns += FLEET_LAST_HOPE_NS;
    }
}

static void test_the_last_hope_is_none_that_failed_or_leads_back(void **state)
{
    struct pool_scene *scene = *state;

    for (unsigned place = 0; place < 3; place++)
        scene_down(scene, place);
    scene_way(scene, 0)->last_reply_ns = 9;
    scene_way(scene, 1)->last_reply_ns = 8;
    scene_attempt(scene, 0, false, ATTEMPT_FAILED);
    scene_loop(scene, 1);
    assert_int_equal(scene_choose(scene), 2);
}

/* What it has under way are time-outs. */
static void test_the_last_hope_has_no_cap(void **state)
{
    struct pool_scene *scene = *state;

    for (unsigned place = 0; place < 3; place++) {
        scene_down(scene, place);
        scene_fill(scene, place);
    }
    assert_int_equal(scene_choose(scene), 0);
}

static void test_no_last_hope_is_spent_while_one_is_up(void **state)
{
    struct pool_scene *scene = *state;

    scene_down(scene, 0);
    assert_int_equal(scene_choose(scene), 1);
    assert_true(fleet_last_hope(scene->context.fleet, scene->pool.servers[0].number,
                                scene->context.now_ns));
}

static void test_servers_that_only_lead_back_are_told(void **state)
{
    struct pool_scene *scene = *state;

    scene_loop(scene, 0);
    scene_loop(scene, 1);
    scene_attempt(scene, 2, false, ATTEMPT_FAILED);
    assert_int_equal(scene_choose(scene), POOL_LOOPING);
    scene_attempt(scene, 0, false, ATTEMPT_FAILED);
    scene_attempt(scene, 1, false, ATTEMPT_FAILED);
    assert_int_equal(scene_choose(scene), POOL_SPENT);
}

static void test_a_pool_without_servers_is_spent(void **state)
{
    struct pool_scene *scene = *state;

    scene->pool.n_servers = 0;
    assert_int_equal(scene_choose(scene), POOL_SPENT);
    assert_int_equal(scene_hedge(scene), POOL_SPENT);
}

static void test_a_full_pool_is_looked_through(void **state)
{
    struct pool_scene *scene = *state;

    for (uint32_t n = 3; n < RD_MAX_SERVERS; n++)
        scene_add(scene, n);
    for (unsigned place = 0; place + 1 < RD_MAX_SERVERS; place++)
        scene_down(scene, place);
    assert_int_equal(scene_choose(scene), RD_MAX_SERVERS - 1);
    assert_int_equal(scene_hedge(scene), RD_MAX_SERVERS - 1);
}

static void test_a_hedge_goes_to_one_that_had_nothing(void **state)
{
    struct pool_scene *scene = *state;

    scene_attempt(scene, 0, false, ATTEMPT_VOID);
    assert_int_equal(scene_hedge(scene), 1);
    scene_attempt(scene, 1, true, ATTEMPT_WAITING);
    assert_int_equal(scene_hedge(scene), 2);
    scene_attempt(scene, 2, false, ATTEMPT_WAITING);
    assert_int_equal(scene_hedge(scene), POOL_SPENT);
}

static void test_a_hedge_goes_to_none_but_the_well(void **state)
{
    struct pool_scene *scene = *state;
    unsigned degraded = scene_add(scene, 3), suspect = scene_add(scene, 4);

    scene_down(scene, 0);
    scene_loop(scene, 1);
    scene_fill(scene, 2);
    scene_degrade(scene, degraded);
    scene_suspect(scene, suspect);
    assert_int_equal(scene_hedge(scene), POOL_SPENT);
    scene_way(scene, 2)->outstanding--;
    assert_int_equal(scene_hedge(scene), 2);
}

static void test_a_hedge_keeps_to_the_lowest_tier(void **state)
{
    struct pool_scene *scene = *state;

    scene->pool.servers[0].tier = 1;
    scene->pool.servers[1].tier = 1;
    assert_int_equal(scene_hedge(scene), 2);
    scene_attempt(scene, 2, false, ATTEMPT_WAITING);
    assert_int_equal(scene_hedge(scene), 0);
}

#define WITH_SETUP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SETUP(test_a_lone_server_that_is_well_is_chosen),
        WITH_SETUP(test_a_lone_server_that_is_not_so_well_is_chosen_too),
        WITH_SETUP(test_the_next_try_goes_to_who_had_the_fewest),
        WITH_SETUP(test_what_was_given_up_for_another_try_there_does_not_count),
        WITH_SETUP(test_who_is_degraded_or_suspect_comes_after_who_is_up),
        WITH_SETUP(test_who_is_degraded_comes_before_who_was_asked),
        WITH_SETUP(test_the_lowest_tier_comes_first),
        WITH_SETUP(test_who_gave_no_answer_is_not_asked_again),
        WITH_SETUP(test_a_server_has_three_messages_of_a_question_by_each_transport),
        WITH_SETUP(test_who_is_down_or_looping_is_not_asked),
        WITH_SETUP(test_who_has_as_much_as_it_may_is_not_asked),
        WITH_SETUP(test_a_cap_that_stands_in_the_way_is_told),
        WITH_SETUP(test_where_one_is_capped_none_that_is_down_is_tried),
        WITH_SETUP(test_with_all_down_the_one_heard_last_is_asked_now_and_then),
        WITH_SETUP(test_the_last_hope_goes_round_for_one_question),
        WITH_SETUP(test_the_last_hope_is_none_that_failed_or_leads_back),
        WITH_SETUP(test_the_last_hope_has_no_cap),
        WITH_SETUP(test_no_last_hope_is_spent_while_one_is_up),
        WITH_SETUP(test_servers_that_only_lead_back_are_told),
        WITH_SETUP(test_a_pool_without_servers_is_spent),
        WITH_SETUP(test_a_full_pool_is_looked_through),
        WITH_SETUP(test_a_hedge_goes_to_one_that_had_nothing),
        WITH_SETUP(test_a_hedge_goes_to_none_but_the_well),
        WITH_SETUP(test_a_hedge_keeps_to_the_lowest_tier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
