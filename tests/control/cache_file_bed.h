/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_file_bed.h - a folder for a cache's file, a cache to save and another to fill.
 */
#ifndef RINGDNS_TESTS_CONTROL_CACHE_FILE_BED_H
#define RINGDNS_TESTS_CONTROL_CACHE_FILE_BED_H

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_bed.h"
#include "cache_file.h"

#define WALL_NS (INT64_C(1800000000) * 1000000000)

enum { FILE_BYTES = 4096 };

static char folder[64], path[100], reason[CACHE_FILE_REASON];
static struct rd_cache *cache, *second; /* to be saved, and to be filled */
static struct rd_cache_record record;
static struct cache_file_result result;
static _Alignas(8) uint8_t bytes[FILE_BYTES];
static size_t len;

static inline int setup(void **state)
{
    (void)state;
    umask(022); /* what others can write is not loaded */
    snprintf(folder, sizeof(folder), "/tmp/ringdns-cache-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/cache", folder);
    cache = bed_cache();
    second = bed_cache();
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    rd_cache_free(cache);
    rd_cache_free(second);
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* and nothing else is there */
    return 0;
}

static inline void put(void)
{
    assert_true(rd_cache_load(cache, &record));
}

static inline void save(uint64_t expected)
{
    uint64_t n = 0;
    const char *wrong = cache_file_save(path, cache, &bed_look, WALL_NS, &n, reason);

    if (wrong)
        fprintf(stderr, "%s\n", wrong);
    assert_null(wrong);
    assert_int_equal(n, expected);
}

/* S seconds after it was saved, in this run or another one. */
static inline const char *load_at(const struct cache_look *look, int64_t s)
{
    return cache_file_load(path, second, look, WALL_NS + s * (int64_t)S_NS, &result, reason);
}

static inline void assert_result(unsigned loaded, unsigned gone, unsigned expired, unsigned refused)
{
    assert_int_equal(result.loaded, loaded);
    assert_int_equal(result.gone, gone);
    assert_int_equal(result.expired, expired);
    assert_int_equal(result.refused, refused);
    assert_int_equal(bed_entries(second), loaded);
}

static inline void write_bytes(size_t n)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static inline void assert_ignored(const char *part)
{
    const char *wrong = load_at(&bed_look, 0);

    assert_non_null(wrong);
    assert_non_null(strstr(wrong ? wrong : "", part));
    assert_result(0, 0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
