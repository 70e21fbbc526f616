/* SPDX-License-Identifier: BSD-2-Clause */
/* pool_scene.h - a pool of servers and a question, made by hand: no packet is sent. */
#ifndef TESTS_FASTPATH_POOL_SCENE_H
#define TESTS_FASTPATH_POOL_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "pool.h"

struct pool_scene {
    struct context context;
    struct snapshot_pool pool;
    struct question question;
};

/* Any odd number would do: servers with the same N have the same mark in every scene. */
static inline uint64_t scene_mark(uint32_t n)
{
    return (n + 1) * 0x9e3779b97f4a7c15ull;
}

/* Adds the server N, weight 1, tier 0, to the pool's end: its place. */
static inline unsigned scene_add(struct pool_scene *scene, uint32_t n)
{
    union rd_address address = {0}, any = {0};
    struct snapshot_server *server = &scene->pool.servers[scene->pool.n_servers];

    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(53);
    address.v4.sin_addr.s_addr = htonl(0xc0000200u + n);
    server->number = (uint8_t)fleet_hold(scene->context.fleet, &address, &any);
    server->weight = 1;
    server->mark = scene_mark(n);
    server->address = address;
    scene->context.upstream.servers[server->number].cap = 10;
    return scene->pool.n_servers++;
}

/* With servers 0 to N - 1. */
static inline struct pool_scene *scene_new(enum rd_policy policy, uint32_t n, uint8_t seed)
{
    struct pool_scene *scene = test_calloc(1, sizeof(*scene));
    uint8_t seeds[32] = {seed};

    scene->context.fleet = rd_fleet_new();
    assert_non_null(scene->context.fleet);
    scene->context.now_ns = 1000 * RD_NS_PER_S;
    rd_random_init(&scene->context.random, seeds);
    scene->pool.policy = (uint8_t)policy;
    scene->question.key.name.len = 1;
    for (uint32_t i = 0; i < n; i++)
        scene_add(scene, i);
    return scene;
}

static inline void scene_free(struct pool_scene *scene)
{
    rd_fleet_free(scene->context.fleet);
    test_free(scene);
}

static inline struct upstream_server *scene_way(struct pool_scene *scene, unsigned place)
{
    return &scene->context.upstream.servers[scene->pool.servers[place].number];
}

/* The question has been to the server at PLACE. */
static inline void scene_attempt(struct pool_scene *scene, unsigned place, bool tcp,
                                 enum attempt_outcome outcome)
{
    struct attempt *attempt = &scene->question.attempts[scene->question.n_attempts++];

    attempt->server = scene->pool.servers[place].number;
    attempt->tcp = tcp;
    attempt->outcome = (uint8_t)outcome;
}

static inline void scene_suspect(struct pool_scene *scene, unsigned place)
{
    for (uint32_t name = 1; name <= FLEET_TIMEOUTS_SUSPECT; name++)
        fleet_timed_out(scene->context.fleet, scene->pool.servers[place].number, name,
                        scene->context.now_ns);
}

static inline void scene_down(struct pool_scene *scene, unsigned place)
{
    scene_suspect(scene, place);
    assert_true(
        fleet_lost(scene->context.fleet, scene->pool.servers[place].number, scene->context.now_ns));
}

static inline void scene_degrade(struct pool_scene *scene, unsigned place)
{
    for (uint32_t suffix = 1; suffix <= FLEET_FAILURES_DEGRADED; suffix++)
        fleet_failed(scene->context.fleet, scene->pool.servers[place].number, suffix,
                     scene->context.now_ns);
}

static inline void scene_loop(struct pool_scene *scene, unsigned place)
{
    fleet_loop_sent(scene->context.fleet, scene->pool.servers[place].number, 77 + place);
    assert_true(fleet_loop_seen(scene->context.fleet, 77 + place, scene->context.now_ns));
}

static inline void scene_fill(struct pool_scene *scene, unsigned place)
{
    scene_way(scene, place)->outstanding = scene_way(scene, place)->cap;
}

static inline int scene_choose(struct pool_scene *scene)
{
    return pool_choose(&scene->context, &scene->pool, &scene->question, false);
}

static inline int scene_hedge(struct pool_scene *scene)
{
    return pool_hedge(&scene->context, &scene->pool, &scene->question);
}

/* The question is for the name "N.example." */
static inline void scene_name(struct pool_scene *scene, unsigned n)
{
    struct rd_name *name = &scene->question.key.name;
    int len = snprintf((char *)name->bytes + 1, 16, "%u", n);

    name->bytes[0] = (uint8_t)len;
    memcpy(name->bytes + 1 + len, "\7example", 9);
    name->len = (uint8_t)(1 + len + 9);
}

#endif
