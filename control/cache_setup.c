/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_setup.c - checks the cache's size before anything is started, makes the cache, says so.
 *
 * How little is too little depends on the number of workers, so it is known only when the file and
 * the command line are both read.
 * Thread: main.
 * Not here: what is in the cache (cache_answers.c), its file (cache_file.c).
 */
#include "cache_setup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache_file.h"
#include "config_value.h"
#include "machine.h"
#include "ringdns/log.h"

const char *cache_bytes_format(uint64_t bytes, char text[CACHE_BYTES_TEXT])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    unsigned unit = 0;

    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(text, CACHE_BYTES_TEXT, "%.*f %s", unit > 0 && value < 10 ? 1 : 0, value, units[unit]);
    return text;
}

/* Rounded up to what one would write in the file. */
static void format_least(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"", "KiB", "MiB"};
    unsigned unit = bytes > 1 << 20 ? 2 : bytes > 1 << 10 ? 1 : 0;

    bytes = (bytes + (UINT64_C(1) << 10 * unit) - 1) >> 10 * unit;
    snprintf(text, size, "%" PRIu64 "%s", bytes, units[unit]);
}

void cache_check(const struct rd_config *config, const struct config_given *given,
                 struct config_errors *errors)
{
    unsigned cpus[RD_MAX_WORKERS];
    unsigned workers = config->workers ? config->workers : machine_cpus(cpus);
    uint64_t least = rd_cache_least_bytes(workers);
    char least_text[32], allowed[96];

    if (config->cache_size == 0 || config->cache_size >= least)
        return;
    format_least(least, least_text, sizeof(least_text));
    snprintf(allowed, sizeof(allowed), "0, or at least %s for %u worker%s", least_text, workers,
             workers == 1 ? "" : "s");
    config_errors_add(errors, &given->cache_size_at, config_options[CONFIG_cache_size].key, allowed,
                      "%" PRIu64 " bytes", (uint64_t)config->cache_size);
}

static void log_cache(const struct rd_cache *cache, uint64_t bytes)
{
    static const char *const pages[] = {[RD_PAGES_SMALL] = "small pages",
                                        [RD_PAGES_TRANSPARENT] = "transparent huge pages",
                                        [RD_PAGES_HUGE] = "huge pages"};
    struct rd_cache_info info;
    char text[CACHE_BYTES_TEXT];

    if (bytes == 0) {
        rd_log(RD_LOG_INFO, "no cache: cache.size is 0");
        return;
    }
    rd_cache_info(cache, &info);
    rd_log(RD_LOG_INFO, "cache of %s in %s", cache_bytes_format(bytes, text), pages[info.pages]);
}

bool cache_open(const struct rd_config *config, unsigned workers, const uint8_t hash_key[16],
                struct rd_cache **ret_cache)
{
    struct rd_cache_setup setup = {
        .bytes = config->cache_size, .populate = config->cache_populate, .workers = workers};
    char text[CACHE_BYTES_TEXT];
    int r;

    memcpy(setup.hash_key, hash_key, sizeof(setup.hash_key));
    r = rd_cache_new(&setup, ret_cache);
    explicit_bzero(&setup, sizeof(setup));
    if (r == 0) {
        log_cache(*ret_cache, config->cache_size);
        return true;
    }
    cache_bytes_format(config->cache_size, text);
    if (r == -ENOMEM)
        rd_log(RD_LOG_ERROR,
               "no memory for a cache of %s; lower cache.size, or give the process more (the "
               "machine's memory, ulimit -v, MemoryMax= in a systemd unit)",
               text);
    else
        rd_log(RD_LOG_ERROR, "no cache of %s can be made (%s); give another cache.size", text,
               strerror(-r));
    return false;
}

static void log_restored(const char *path, const struct cache_file_result *result)
{
    char note[128] = "";

    if (result->backwards)
        rd_log(RD_LOG_WARNING,
               "the clock is before the time when %s was saved; its entries are taken to be as old "
               "as they were then",
               path);
    else
        snprintf(note, sizeof(note), ", saved %" PRIu64 " s ago", result->elapsed_s);
    rd_log(RD_LOG_INFO,
           "%" PRIu64 " entries of the cache loaded from %s%s; left out: %" PRIu64
           " expired, %" PRIu64 " of pools that are gone, %" PRIu64 " unsound or without room",
           result->loaded, path, note, result->expired, result->gone, result->refused);
}

void cache_restore(const struct rd_snapshot *snapshot, struct rd_cache *cache)
{
    const struct rd_config *config = rd_snapshot_config(snapshot);
    char reason[CACHE_FILE_REASON];
    struct cache_file_result result;
    struct cache_look look;
    const char *wrong;

    if (config->cache_file[0] == '\0' || config->cache_size == 0)
        return;
    cache_look_read(snapshot, &look);
    wrong = cache_file_load(config->cache_file, cache, &look, machine_wall_ns(), &result, reason);
    if (!wrong)
        log_restored(config->cache_file, &result);
    else if (wrong[0] == '\0')
        rd_log(RD_LOG_INFO, "no cache was saved yet: there is no %s", config->cache_file);
    else
        rd_log(RD_LOG_WARNING, "%s is not loaded: %s; the cache starts with %" PRIu64 " entries",
               config->cache_file, wrong, result.loaded);
}

void cache_save(const struct rd_snapshot *snapshot, struct rd_cache *cache)
{
    const struct rd_config *config = rd_snapshot_config(snapshot);
    char reason[CACHE_FILE_REASON];
    struct cache_look look;
    const char *wrong;
    uint64_t n;

    if (config->cache_file[0] == '\0' || config->cache_size == 0)
        return;
    cache_look_read(snapshot, &look);
    wrong = cache_file_save(config->cache_file, cache, &look, machine_wall_ns(), &n, reason);
    if (wrong)
        rd_log(RD_LOG_ERROR, "the cache is not saved to %s: %s", config->cache_file, wrong);
    else
        rd_log(RD_LOG_INFO, "%" PRIu64 " entries of the cache saved to %s", n, config->cache_file);
}
