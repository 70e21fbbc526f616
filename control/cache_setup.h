/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_setup.h - the cache as the configuration wants it.
 */
#ifndef RINGDNS_CONTROL_CACHE_SETUP_H
#define RINGDNS_CONTROL_CACHE_SETUP_H

#include "config_errors.h"
#include "config_file.h"
#include "ringdns/cache.h"
#include "ringdns/config.h"
#include "ringdns/worker.h"

enum { CACHE_BYTES_TEXT = 32 };

/* When file and command line are both read: adds an error where the cache is too small for that
 * many workers. */
void cache_check(const struct rd_config *config, const struct config_given *given,
                 struct config_errors *errors);

/* Makes the cache. HASH_KEY: the workers'. False: what is wrong and what helps was logged. */
bool cache_open(const struct rd_config *config, unsigned workers, const uint8_t hash_key[16],
                struct rd_cache **ret_cache);

/* Fills it from cache.file and saves it there, where that is set; what became of it is logged.
 * Main thread, when no worker runs. */
void cache_restore(const struct rd_snapshot *snapshot, struct rd_cache *cache);
void cache_save(const struct rd_snapshot *snapshot, struct rd_cache *cache);

/* Writes BYTES as "512 MiB" to TEXT, which is returned; a tenth is shown below 10. */
const char *cache_bytes_format(uint64_t bytes, char text[CACHE_BYTES_TEXT]);

#endif
