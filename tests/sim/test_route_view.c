/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_route_view.c - names that go to different pools, and reloads that change which: what one
 * pool says is never an answer to what was asked of another.
 */
#include "sim/says.h"

static const char *const NAME = "www.corp.test";

/* A second pool with one server, which says 192.0.2.2; the first one's says 192.0.2.1. */
struct two {
    struct scene *scene;
    struct sim_upstream *first, *second;
    struct says says[2];
};

static void set_pool(struct rd_pool_config *pool, const char *name,
                     const struct sim_upstream *upstream)
{
    *pool = (struct rd_pool_config){.probe.len = 1};
    memcpy(pool->name, name, strlen(name) + 1);
    pool->servers = (struct rd_server_list){1, {{upstream->address, 1, 0}}};
}

static void set_route(struct scene *scene, const char *suffix, uint8_t pool)
{
    scene->config.routes.n = 1;
    scene->config.routes.at[0].pool = pool;
    assert_true(rd_name_from_text(suffix, &scene->config.routes.at[0].suffix));
}

static void open_two(void **state, struct two *two)
{
    struct scene *scene = two->scene = *state;

    two->says[0] = (struct says){.last = 1};
    two->says[1] = (struct says){.last = 2};
    two->first = scene->upstream;
    two->second = sim_upstream_add(scene->sim, "198.51.100.2", NULL, NULL, 5 * MS);
    two->second->accept = SIM_ACCEPT;
    says_let(two->first, &two->says[0]);
    says_let(two->second, &two->says[1]);
    set_pool(&scene->config.pools[1], "corp", two->second);
    scene->config.n_pools = 2;
    set_route(scene, "corp.test", 1);
}

static uint8_t exchange(struct scene *scene, const char *name)
{
    struct rd_message message;
    const struct sim_packet *answer = scene_exchange(scene, &(struct ask){.name = name}, &message);

    return says_last(answer, &message);
}

/* What CLIENT's answer NUMBER says; 0: SERVFAIL. */
static uint8_t heard(struct sim_client *client, unsigned number)
{
    struct rd_message message;
    const struct sim_packet *answer = &client->answers.at[number];

    assert_true(client->answers.n > number);
    packet_parse(answer->bytes, answer->len, &message, NULL);
    if ((message.flags & RD_DNS_RCODE) == RD_SERVFAIL)
        return 0;
    return says_last(answer, &message);
}

static void test_a_route_takes_names_at_and_below_its_suffix(void **state)
{
    struct two two;

    open_two(state, &two);
    assert_int_equal(exchange(two.scene, "corp.test"), 2);
    assert_int_equal(exchange(two.scene, "A.b.CORP.test"), 2);
    assert_int_equal(exchange(two.scene, "xcorp.test"), 1);
    assert_int_equal(exchange(two.scene, "test"), 1);
    assert_int_equal(exchange(two.scene, "corp.test.example"), 1);
    assert_int_equal(two.first->queries.n, 3);
    assert_int_equal(two.second->queries.n, 2);
}

static void test_no_other_pool_helps_out(void **state)
{
    struct two two;
    struct rd_message message;

    open_two(state, &two);
    two.says[1] = (struct says){.flags = RD_REFUSED};
    scene_exchange(two.scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    two.says[1] = (struct says){.silent = true};
    scene_exchange(two.scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(two.first->queries.n, 0);
}

static void test_a_name_that_gets_a_route_is_another_question(void **state)
{
    struct two two;
    struct sim_client *before, *after;

    open_two(state, &two);
    before = scene_client(two.scene, 1);
    after = scene_client(two.scene, 2);
    two.scene->config.routes.n = 0;
    two.says[0].delay_ns = 200 * MS;
    scene_ask(two.scene, before, &(struct ask){.name = NAME});
    scene_wait_query(two.scene, two.first, 1);
    set_route(two.scene, "corp.test", 1);
    scene_publish(two.scene);
    sim_run_for(two.scene->sim, MS);
    scene_ask(two.scene, after, &(struct ask){.name = NAME});
    scene_wait(two.scene, after, 1);
    assert_int_equal(before->answers.n, 0);
    assert_int_equal(heard(after, 0), 2);
    scene_wait(two.scene, before, 1);
    assert_int_equal(heard(before, 0), 1);
    assert_int_equal(SCENE_STAT(two.scene, queries_joined), 0);
}

static void test_and_one_that_loses_it_too(void **state)
{
    struct two two;
    struct sim_client *before, *after;

    open_two(state, &two);
    before = scene_client(two.scene, 1);
    after = scene_client(two.scene, 2);
    two.says[1].delay_ns = 200 * MS;
    scene_ask(two.scene, before, &(struct ask){.name = NAME});
    scene_wait_query(two.scene, two.second, 1);
    two.scene->config.routes.n = 0;
    scene_publish(two.scene);
    sim_run_for(two.scene->sim, MS);
    scene_ask(two.scene, after, &(struct ask){.name = NAME});
    scene_wait(two.scene, before, 1);
    assert_int_equal(heard(after, 0), 1);
    assert_int_equal(heard(before, 0), 2);
}

static void take_corp_away(struct two *two)
{
    two->scene->config.routes.n = 0;
    two->scene->config.n_pools = 1;
    scene_publish(two->scene);
    sim_run_for(two->scene->sim, MS);
    rd_snapshot_free(two->scene->fleet, two->scene->snapshots[0]);
    two->scene->snapshots[0] = NULL;
}

static void test_a_pool_that_is_taken_away_still_answers_what_it_was_asked(void **state)
{
    struct two two;

    open_two(state, &two);
    two.says[1].delay_ns = 200 * MS;
    scene_ask(two.scene, two.scene->client, &(struct ask){.name = NAME});
    scene_wait_query(two.scene, two.second, 1);
    take_corp_away(&two);
    scene_wait(two.scene, two.scene->client, 1);
    assert_int_equal(heard(two.scene->client, 0), 2);
    assert_int_equal(two.first->queries.n, 0);
}

static void test_or_nobody_does(void **state)
{
    struct two two;

    open_two(state, &two);
    two.says[1].silent = true;
    scene_ask(two.scene, two.scene->client, &(struct ask){.name = NAME});
    scene_wait_query(two.scene, two.second, 1);
    take_corp_away(&two);
    scene_wait(two.scene, two.scene->client, 1);
    assert_int_equal(heard(two.scene->client, 0), 0);
    assert_int_equal(two.first->queries.n, 0);
    assert_int_equal(two.second->queries.n, 1);
    assert_int_equal(exchange(two.scene, NAME), 1);
}

/* Replies to a question whose pool is gone, in each way that leads to another message. */
static void gone_with(void **state, struct says last_words)
{
    struct two two;

    open_two(state, &two);
    last_words.delay_ns = 200 * MS;
    two.says[1] = last_words;
    scene_ask(two.scene, two.scene->client, &(struct ask){.name = NAME});
    scene_wait_query(two.scene, two.second, 1);
    take_corp_away(&two);
    scene_wait(two.scene, two.scene->client, 1);
    assert_int_equal(heard(two.scene->client, 0), 0);
    assert_int_equal(two.first->queries.n + two.first->stream_queries.n, 0);
}

static void test_a_failure_when_the_pool_is_gone_is_servfail(void **state)
{
    gone_with(state, (struct says){.flags = RD_SERVFAIL});
}

static void test_a_truncated_reply_when_the_pool_is_gone_goes_nowhere_else(void **state)
{
    gone_with(state, (struct says){.flags = RD_DNS_TC});
}

static void test_a_pool_is_known_by_its_name(void **state)
{
    struct two two;
    struct sim_upstream *third;
    struct rd_config *config;
    struct says says = {.last = 3};

    open_two(state, &two);
    config = &two.scene->config;
    third = sim_upstream_add(two.scene->sim, "198.51.100.3", NULL, NULL, 5 * MS);
    says_let(third, &says);
    set_pool(&config->pools[2], "lab", third);
    config->n_pools = 3;
    two.says[1].silent = true;
    scene_ask(two.scene, two.scene->client, &(struct ask){.name = NAME});
    scene_wait_query(two.scene, two.second, 1);
    /* The pools change places; the question is asked again where it was. */
    set_pool(&config->pools[1], "lab", third);
    set_pool(&config->pools[2], "corp", two.second);
    config->routes.at[0].pool = 2;
    scene_publish(two.scene);
    sim_run_for(two.scene->sim, MS);
    two.says[1].silent = false;
    scene_wait(two.scene, two.scene->client, 1);
    assert_int_equal(heard(two.scene->client, 0), 2);
    assert_int_equal(two.second->queries.n, 2);
    assert_int_equal(third->queries.n + two.first->queries.n, 0);
}

static void test_a_question_follows_its_pool_to_other_servers(void **state)
{
    struct two two;
    struct sim_upstream *third;
    struct says says = {.last = 3};

    open_two(state, &two);
    third = sim_upstream_add(two.scene->sim, "198.51.100.3", NULL, NULL, 5 * MS);
    says_let(third, &says);
    two.says[1].silent = true;
    scene_ask(two.scene, two.scene->client, &(struct ask){.name = NAME});
    scene_wait_query(two.scene, two.second, 1);
    set_pool(&two.scene->config.pools[1], "corp", third);
    scene_publish(two.scene);
    scene_wait(two.scene, two.scene->client, 1);
    assert_int_equal(heard(two.scene->client, 0), 3);
    assert_int_equal(two.first->queries.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_a_route_takes_names_at_and_below_its_suffix),
        SCENE_TEST(test_no_other_pool_helps_out),
        SCENE_TEST(test_a_name_that_gets_a_route_is_another_question),
        SCENE_TEST(test_and_one_that_loses_it_too),
        SCENE_TEST(test_a_pool_that_is_taken_away_still_answers_what_it_was_asked),
        SCENE_TEST(test_or_nobody_does),
        SCENE_TEST(test_a_failure_when_the_pool_is_gone_is_servfail),
        SCENE_TEST(test_a_truncated_reply_when_the_pool_is_gone_goes_nowhere_else),
        SCENE_TEST(test_a_pool_is_known_by_its_name),
        SCENE_TEST(test_a_question_follows_its_pool_to_other_servers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
