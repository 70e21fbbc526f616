/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_dump.h - every entry of the cache as a line of text, written to a client as fast as it
 * reads.
 *
 * The first line begins with "; " and names the fields; the last one is "; N entries", without
 * which the dump is not complete.
 */
#ifndef RINGDNS_CONTROL_CACHE_DUMP_H
#define RINGDNS_CONTROL_CACHE_DUMP_H

#include "cache_entry.h"

struct cache_dump;

/* Begins to write to the socket FD, which is the dump's from now on. LOOK is copied. *DUMP: the
 * last one or NULL, becomes this one. Main thread. NULL: done. Otherwise FD is still the caller's,
 * and the result says why. */
const char *cache_dump_start(struct rd_cache *cache, const struct cache_look *look, int fd,
                             struct cache_dump **dump);
/* Ends it, wherever it is. NULL is allowed. Main thread, before the cache goes. */
void cache_dump_stop(struct cache_dump *dump);

#endif
