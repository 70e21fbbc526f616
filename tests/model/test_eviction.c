/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_eviction.c - a scan does not push out what is asked for again and again, and the price for
 * that is small.
 *
 * Hit ratios are in hundredths of a point. All of it is drawn from one seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "model/eviction.h"

#define CAPACITY  16384u
#define POINT     100
#define EXPONENTS 3u

static const char *const names[EVICTIONS] = {"segments", "LRU", "FIFO"};
/* Of the Zipf distribution, in tenths. */
static const unsigned exponents[EXPONENTS] = {9, 10, 11};

/* -- drawing names ---------------------------------------------------------------------------- */

/* SplitMix64. */
static uint64_t draw(uint64_t *seed)
{
    uint64_t n = *seed += 0x9e3779b97f4a7c15;

    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    return n ^ n >> 31;
}

static double power(double base, unsigned exponent)
{
    double result = 1;

    while (exponent--)
        result *= base;
    return result;
}

struct zipf {
    uint32_t n;
    double *up_to; /* of the first names together */
};

/* Name number I, from 0, is asked for in proportion to (I + 1) ^ -(TENTHS / 10). */
static struct zipf zipf_new(uint32_t n, unsigned tenths)
{
    struct zipf zipf = {n, calloc(n, sizeof(double))};
    double sum = 0, root = 1;

    assert_non_null(zipf.up_to);
    for (uint32_t i = 0; i < n; i++) {
        /* Newton's way to the tenth root, from the one before. */
        for (unsigned j = 0; j < 6; j++)
            root -= (root - (i + 1) / power(root, 9)) / 10;
        zipf.up_to[i] = sum += 1 / power(root, tenths);
    }
    return zipf;
}

static uint32_t zipf_draw(const struct zipf *zipf, uint64_t *seed)
{
    double at = (double)(draw(seed) >> 11) / (double)(1ull << 53) * zipf->up_to[zipf->n - 1];
    uint32_t low = 0, high = zipf->n - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (zipf->up_to[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* -- asking ----------------------------------------------------------------------------------- */

struct scene {
    const struct zipf *zipf;
    struct evicting *cache;
    uint64_t seed;
    uint32_t first, scan; /* the number of the first name, of the next that is asked for once */
};

static struct scene scene_new(enum eviction eviction, const struct zipf *zipf, uint32_t all)
{
    return (struct scene){zipf, evicting_new(eviction, CAPACITY, all), 1, 0, 0};
}

/* Asks COUNT times; how often it was there. */
static uint32_t ask(struct scene *scene, uint32_t count)
{
    uint32_t hits = 0;

    for (uint32_t i = 0; i < count; i++)
        hits += evicting_ask(scene->cache, scene->first + zipf_draw(scene->zipf, &scene->seed));
    return hits;
}

static int in_points(uint64_t hits, uint32_t count)
{
    return (int)(hits * 100 * POINT / count);
}

static void tell(const char *what, unsigned tenths, const int *ratios)
{
    printf("# %-28s zipf %u.%u", what, tenths / 10, tenths % 10);
    for (unsigned i = 0; i < EVICTIONS; i++)
        printf("  %s %d.%02d", names[i], ratios[i] / POINT, abs(ratios[i]) % POINT);
    printf("\n");
}

/* -- what is to hold -------------------------------------------------------------------------- */

/* A hot set beside names that are asked for once: a scan of ten times the capacity. */
struct scan {
    const char *what;
    uint32_t hot, scans, each; /* SCANS behind EACH questions for the hot set */
};

/* The hit ratio of the hot set, without the scan or with it. */
static int ratio_in_scan(enum eviction eviction, const struct scan *scan, const struct zipf *zipf,
                         bool scanned)
{
    struct scene scene = scene_new(eviction, zipf, scan->hot + 10 * CAPACITY + scan->scans);
    uint32_t rounds = 10 * CAPACITY / scan->scans;
    uint64_t sum = 0;

    scene.scan = scan->hot;
    ask(&scene, 20 * CAPACITY);
    for (uint32_t i = 0; i < rounds; i++) {
        sum += ask(&scene, scan->each);
        for (uint32_t j = 0; scanned && j < scan->scans; j++)
            evicting_ask(scene.cache, scene.scan++);
    }
    evicting_free(scene.cache);
    return in_points(sum, rounds * scan->each);
}

/* What the scan takes from the hit ratio: *RET_LOST of each way. */
static void lose(const struct scan *scan, unsigned tenths, int *ret_lost)
{
    struct zipf zipf = zipf_new(scan->hot, tenths);
    int quiet[EVICTIONS], scanned[EVICTIONS];

    for (unsigned i = 0; i < EVICTIONS; i++) {
        quiet[i] = ratio_in_scan(i, scan, &zipf, false);
        scanned[i] = ratio_in_scan(i, scan, &zipf, true);
        ret_lost[i] = quiet[i] - scanned[i];
    }
    free(zipf.up_to);
    printf("# %s\n", scan->what);
    tell("without the scan", tenths, quiet);
    tell("beside it", tenths, scanned);
    tell("lost", tenths, ret_lost);
}

static void test_a_scan_takes_less_than_two_points(void **state)
{
    const struct scan scans[] = {
        {"hot set of 1/4 of what fits, scan as fast", CAPACITY / 4, 1, 1},
        {"hot set of 1/2, scan as fast", CAPACITY / 2, 1, 1},
        {"hot set of 1/2, scan a quarter as fast", CAPACITY / 2, 1, 4},
        {"hot set of 1/16, scan four times as fast", CAPACITY / 16, 4, 1},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(scans) / sizeof(*scans); i++)
        for (unsigned j = 0; j < EXPONENTS; j++) {
            int lost[EVICTIONS];

            lose(&scans[i], exponents[j], lost);
            assert_true(lost[EVICTION_SEGMENTS] < 2 * POINT);
            assert_true(lost[EVICTION_LRU] > 4 * lost[EVICTION_SEGMENTS]);
        }
}

static void test_without_a_scan_it_beats_lru(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EXPONENTS; i++) {
        struct zipf zipf = zipf_new(10 * CAPACITY, exponents[i]);
        int ratios[EVICTIONS];

        for (unsigned j = 0; j < EVICTIONS; j++) {
            struct scene scene = scene_new(j, &zipf, 10 * CAPACITY);

            ask(&scene, 20 * CAPACITY);
            ratios[j] = in_points(ask(&scene, 20 * CAPACITY), 20 * CAPACITY);
            evicting_free(scene.cache);
        }
        tell("ten times what fits", exponents[i], ratios);
        assert_true(ratios[EVICTION_SEGMENTS] > ratios[EVICTION_LRU]);
        assert_true(ratios[EVICTION_LRU] > ratios[EVICTION_FIFO]);
        free(zipf.up_to);
    }
}

static void test_other_names_take_over_as_with_lru(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EXPONENTS; i++) {
        struct zipf zipf = zipf_new(2 * CAPACITY, exponents[i]);
        int early[EVICTIONS], late[EVICTIONS];

        for (unsigned j = 0; j < EVICTIONS; j++) {
            struct scene scene = scene_new(j, &zipf, 4 * CAPACITY);

            ask(&scene, 20 * CAPACITY);
            scene.first = 2 * CAPACITY;
            early[j] = in_points(ask(&scene, 5 * CAPACITY), 5 * CAPACITY);
            late[j] = in_points(ask(&scene, 10 * CAPACITY), 10 * CAPACITY);
            evicting_free(scene.cache);
        }
        tell("other names, at first", exponents[i], early);
        tell("other names, then", exponents[i], late);
        assert_true(early[EVICTION_SEGMENTS] > early[EVICTION_LRU] - 2 * POINT);
        assert_true(late[EVICTION_SEGMENTS] > late[EVICTION_LRU] - POINT);
        free(zipf.up_to);
    }
}

/* Asks for COUNT names from FIRST on, once each; how many were there. */
static uint32_t ask_each(struct evicting *cache, uint32_t first, uint32_t count)
{
    uint32_t hits = 0;

    for (uint32_t i = 0; i < count; i++)
        hits += evicting_ask(cache, first + i);
    return hits;
}

/* Even when the first ones have all been asked for again, so that they are worth something. */
static void test_what_was_just_stored_is_there(void **state)
{
    const uint32_t first = CAPACITY / 10 * 8, others = CAPACITY / 10 * 6;
    struct evicting *cache = evicting_new(EVICTION_SEGMENTS, CAPACITY, first + others);

    (void)state;
    assert_int_equal(ask_each(cache, 0, first), 0);
    assert_int_equal(ask_each(cache, 0, first), first);
    assert_int_equal(ask_each(cache, first, others), 0);
    assert_in_range(ask_each(cache, first, others), others / 100 * 95, others);
    ask_each(cache, 0, first);
    assert_in_range(ask_each(cache, 0, first), first / 100 * 95, first);
    evicting_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_scan_takes_less_than_two_points),
        cmocka_unit_test(test_without_a_scan_it_beats_lru),
        cmocka_unit_test(test_other_names_take_over_as_with_lru),
        cmocka_unit_test(test_what_was_just_stored_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
