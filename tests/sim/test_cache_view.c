/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_view.c - what one pool has said is never given for another, also not when a reload
 * gives its number to that one.
 */
#include <stdio.h>

#include "sim/says.h"

static const char *const NAME = "www.corp.test";

/* A second pool with one server, which says 192.0.2.2; the first one's says 192.0.2.1, and a third
 * server, which a test may put into a pool of its own, 192.0.2.3. */
struct pools {
    struct scene *scene;
    struct sim_upstream *servers[3];
    struct says says[3];
};

static void set_pool(struct rd_pool_config *pool, const char *name,
                     const struct sim_upstream *upstream)
{
    *pool = (struct rd_pool_config){.probe.len = 1};
    memcpy(pool->name, name, strlen(name) + 1);
    pool->servers = (struct rd_server_list){1, {{upstream->address, 1, 0}}};
}

static void open_pools(void **state, struct pools *pools)
{
    static const char *const addresses[] = {NULL, "198.51.100.2", "198.51.100.3"};
    struct scene *scene = pools->scene = *state;

    scene->cache_bytes = SCENE_CACHE_BYTES;
    for (uint8_t i = 0; i < 3; i++) {
        pools->servers[i] = i == 0 ? scene->upstream
                                   : sim_upstream_add(scene->sim, addresses[i], NULL, NULL, 5 * MS);
        pools->says[i] = (struct says){.last = (uint8_t)(i + 1)};
        says_let(pools->servers[i], &pools->says[i]);
    }
    set_pool(&scene->config.pools[1], "corp", pools->servers[1]);
    scene->config.n_pools = 2;
    scene->config.routes.n = 1;
    scene->config.routes.at[0].pool = 1;
    assert_true(rd_name_from_text("corp.test", &scene->config.routes.at[0].suffix));
}

/* 0: SERVFAIL. */
static uint8_t heard(struct scene *scene)
{
    struct rd_message message;
    const struct sim_packet *answer = scene_exchange(scene, &(struct ask){.name = NAME}, &message);

    return (message.flags & RD_DNS_RCODE) == RD_SERVFAIL ? 0 : says_last(answer, &message);
}

/* Publishes the configuration and lets the last snapshot go. */
static void reload(struct scene *scene)
{
    unsigned last = scene->n_snapshots - 1;

    scene_publish(scene);
    sim_run_for(scene->sim, MS);
    assert_int_equal(rd_worker_generation(scene->worker), scene->n_snapshots);
    rd_snapshot_free(scene->fleet, scene->snapshots[last]);
    scene->snapshots[last] = NULL;
}

static const struct rd_snapshot *newest(const struct scene *scene)
{
    return scene->snapshots[scene->n_snapshots - 1];
}

/* Uses all numbers of pools up, so that the next new name gets one that was used: by a
 * configuration that is compiled and never published. */
static void use_up_numbers(struct scene *scene)
{
    static struct rd_config config;
    uint64_t generation = 1000;

    config = scene->config;
    for (unsigned name = 0; name < RD_MAX_VIEWS;) {
        struct rd_snapshot *snapshot;

        config.n_pools = RD_MAX_POOLS;
        for (unsigned i = 1; i < RD_MAX_POOLS; i++) {
            config.pools[i] = config.pools[0];
            snprintf(config.pools[i].name, sizeof(config.pools[i].name), "lab-%u", name++);
        }
        assert_int_equal(rd_snapshot_new(scene->fleet, &config, ++generation, &snapshot), 0);
        rd_snapshot_free(scene->fleet, snapshot);
    }
}

/* Takes corp away and puts a pool NAME with the third server in its place: at its number. */
static void replace_corp(struct pools *pools, const char *name)
{
    struct scene *scene = pools->scene;
    uint16_t before, after;
    unsigned number = rd_snapshot_view(newest(scene), 1, &before);

    use_up_numbers(scene);
    scene->config.routes.n = 0;
    scene->config.n_pools = 1;
    reload(scene);
    scene->config.routes.n = 1;
    scene->config.n_pools = 2;
    set_pool(&scene->config.pools[1], name, pools->servers[2]);
    reload(scene);
    assert_int_equal(rd_snapshot_view(newest(scene), 1, &after), number);
    assert_int_not_equal(after, before);
}

static void test_pools_do_not_answer_for_each_other(void **state)
{
    struct pools pools;

    open_pools(state, &pools);
    assert_int_equal(heard(pools.scene), 2);
    pools.scene->config.routes.n = 0;
    scene_publish(pools.scene);
    assert_int_equal(heard(pools.scene), 1);
    pools.scene->config.routes.n = 1;
    scene_publish(pools.scene);
    assert_int_equal(heard(pools.scene), 2);
    assert_int_equal(pools.servers[0]->queries.n, 1);
    assert_int_equal(pools.servers[1]->queries.n, 1);
}

static void test_a_reload_keeps_what_its_pools_know(void **state)
{
    struct pools pools;

    open_pools(state, &pools);
    assert_int_equal(heard(pools.scene), 2);
    for (unsigned i = 0; i < 3; i++) {
        reload(pools.scene);
        assert_int_equal(heard(pools.scene), 2);
    }
    assert_int_equal(pools.servers[1]->queries.n, 1);
}

static void test_a_pool_at_an_old_number_knows_nothing(void **state)
{
    struct pools pools;

    open_pools(state, &pools);
    assert_int_equal(heard(pools.scene), 2);
    replace_corp(&pools, "new");
    assert_int_equal(heard(pools.scene), 3);
    assert_int_equal(heard(pools.scene), 3);
    assert_int_equal(pools.servers[2]->queries.n, 1);
    assert_int_equal(pools.servers[1]->queries.n, 1);
}

static void test_nor_has_it_anything_stale(void **state)
{
    struct pools pools;

    open_pools(state, &pools);
    assert_int_equal(heard(pools.scene), 2);
    sim_run_for(pools.scene->sim, 400 * S);
    pools.says[2].flags = RD_SERVFAIL;
    replace_corp(&pools, "new");
    assert_int_equal(heard(pools.scene), 0);
}

static void test_nor_a_failure(void **state)
{
    struct pools pools;

    open_pools(state, &pools);
    pools.says[1].flags = RD_SERVFAIL;
    assert_int_equal(heard(pools.scene), 0);
    replace_corp(&pools, "new");
    assert_int_equal(heard(pools.scene), 3);
}

static void test_a_late_answer_of_the_old_pool_is_not_the_new_ones(void **state)
{
    struct pools pools;
    struct scene *scene = *state;

    open_pools(state, &pools);
    pools.says[1].delay_ns = 200 * MS;
    scene_ask(scene, scene->client, &(struct ask){.name = NAME});
    scene_wait_query(scene, pools.servers[1], 1);
    replace_corp(&pools, "new");
    scene_wait(scene, scene->client, 1);
    assert_int_equal(heard(scene), 3);
    assert_int_equal(heard(scene), 3);
    assert_int_equal(pools.servers[2]->queries.n, 1);
}

static void test_the_new_pool_is_not_asked_what_the_old_one_left_unanswered(void **state)
{
    struct pools pools;
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    open_pools(state, &pools);
    pools.says[1].silent = true;
    scene_ask(scene, scene->client, &(struct ask){.name = NAME});
    scene_wait_query(scene, pools.servers[1], 1);
    replace_corp(&pools, "new");
    answer = scene_wait(scene, scene->client, 1);
    packet_parse(answer->bytes, answer->len, &message, NULL);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(pools.servers[2]->queries.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_pools_do_not_answer_for_each_other),
        SCENE_TEST(test_a_reload_keeps_what_its_pools_know),
        SCENE_TEST(test_a_pool_at_an_old_number_knows_nothing),
        SCENE_TEST(test_nor_has_it_anything_stale),
        SCENE_TEST(test_nor_a_failure),
        SCENE_TEST(test_a_late_answer_of_the_old_pool_is_not_the_new_ones),
        SCENE_TEST(test_the_new_pool_is_not_asked_what_the_old_one_left_unanswered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
