/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_chance.c - two workers and their cache in disorder: servers that fail and come back,
 * flushes, reloads, workers whose turn comes late. Every query has one answer, and no record lives
 * longer than it was said to.
 */
#include <stdio.h>

#include "sim/zone.h"

#define NAMES   40
#define MOST_S  120
#define QUERIES 3000

static const struct zone contents[] = {
    {.records = {{RD_ANSWER, ZONE_ASKED, MOST_S}}},
    {.records = {{RD_ANSWER, ZONE_ASKED, 12}}},
    {.records = {{RD_ANSWER, ZONE_ASKED, 0}}},
    {.records = {{RD_ANSWER, RD_TYPE_CNAME, 60, NULL, "alias.test"},
                 {RD_ANSWER, ZONE_ASKED, 30, "alias.test"}}},
    {.flags = RD_NXDOMAIN, .records = {{RD_AUTHORITY, RD_TYPE_SOA, 50, "test", NULL, 20}}},
    {.records = {{RD_AUTHORITY, RD_TYPE_SOA, 50, "test", NULL, 20}}},
    {.flags = RD_NXDOMAIN},
    {.flags = RD_SERVFAIL, .ede = 22},
    {.flags = RD_REFUSED},
    {.bulk = 10, .records = {{RD_ANSWER, ZONE_ASKED, 30}}},
    {.bulk = 80, .records = {{RD_ANSWER, ZONE_ASKED, 30}}},
    {.silent = true},
};

static void open_chance(struct scene *scene, uint64_t seed)
{
    struct rd_config *config = &scene->config;

    zone_open(scene, seed);
    scene->n_workers = SCENE_WORKERS;
    config->cache_max_ttl = MOST_S * 1000;
    config->cache_stale = 60000;
    config->cache_stale_mode = seed % 3 ? RD_STALE_ON_FAILURE : RD_STALE_IMMEDIATE;
    config->cache_prefetch = seed % 4;
    config->cache_nxdomain_cut = seed % 5 == 0;
    config->cache_jitter = seed % 2 ? 20 : 0;
    if (seed % 7 == 0)
        scene->cache_bytes = rd_cache_least_bytes(SCENE_WORKERS);
}

/* What an operator or the system may do meanwhile. */
static void disturb(struct scene *scene)
{
    struct sim *sim = scene->sim;
    struct rd_name name;

    switch (sim_random_below(sim, 60)) {
    case 0:
        rd_cache_flush_all(scene->cache, sim->now_ns);
        break;
    case 1:
        assert_true(rd_name_from_text("n3.test", &name));
        rd_cache_flush(scene->cache, scene->snapshots[scene->n_snapshots - 1], &name);
        break;
    case 2:
        if (scene->n_snapshots < SCENE_SNAPSHOTS)
            scene_publish(scene);
        break;
    case 3:
        sim->workers[sim_random_below(sim, SCENE_WORKERS)].held = true;
        break;
    default:
        for (unsigned i = 0; i < SCENE_WORKERS; i++)
            sim->workers[i].held = false;
    }
}

static void ask_something(struct scene *scene, unsigned serial)
{
    static const uint16_t types[] = {RD_TYPE_A, RD_TYPE_AAAA, RD_TYPE_TXT};
    struct sim *sim = scene->sim;
    char name[32];

    snprintf(name, sizeof(name), "%sn%u.test", sim_random_below(sim, 4) ? "" : "below.",
             sim_random_below(sim, NAMES));
    scene_ask(scene, scene_client(scene, sim_random_below(sim, 100)),
              &(struct ask){.name = name,
                            .type = types[sim_random_below(sim, 3)],
                            .id = (uint16_t)serial,
                            .edns = sim_random_below(sim, 2),
                            .set = sim_random_below(sim, 8) ? 0 : RD_DNS_CD});
}

/* Answers are sound, each query has one, and TTLs are what they may be. */
static void look_at_answers(const struct scene *scene)
{
    static unsigned seen[QUERIES];

    memset(seen, 0, sizeof(seen));
    for (unsigned i = 0; i < scene->sim->n_clients; i++) {
        const struct sim_log *log = &scene->sim->clients[i]->answers;

        for (unsigned k = 0; k < log->n; k++) {
            struct heard heard = heard_of(&log->at[k]);

            seen[rd_get_u16(log->at[k].bytes)]++;
            for (unsigned section = 0; section < 3; section++)
                for (unsigned r = 0; r < heard.n[section] && r < HEARD_RECORDS; r++)
                    assert_true(heard.ttl_s[section][r] <= MOST_S);
        }
    }
    for (unsigned i = 0; i < QUERIES; i++)
        assert_int_equal(seen[i], 1);
}

static uint64_t history(uint64_t seed)
{
    static struct scene scene;
    uint64_t trace;

    open_chance(&scene, seed);
    scene_start(&scene);
    for (unsigned i = 0; i < QUERIES; i++) {
        zone = contents[sim_random_below(scene.sim, sizeof(contents) / sizeof(contents[0]))];
        zone.delay_ns = sim_random_below(scene.sim, 500) * MS;
        ask_something(&scene, i);
        disturb(&scene);
        sim_run_for(scene.sim, sim_random_below(scene.sim, 200) * MS);
    }
    for (unsigned i = 0; i < SCENE_WORKERS; i++)
        scene.sim->workers[i].held = false;
    sim_run_for(scene.sim, 6 * S);
    assert_string_equal(scene.sim->broken, "");
    look_at_answers(&scene);
    trace = scene.sim->trace;
    scene_close(&scene);
    return trace;
}

static void test_every_query_has_one_answer(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++)
        history(seed);
}

static void test_one_seed_is_one_history(void **state)
{
    uint64_t trace = history(5);

    (void)state;
    assert_true(history(5) == trace);
    assert_true(history(6) != trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_query_has_one_answer),
        cmocka_unit_test(test_one_seed_is_one_history),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
