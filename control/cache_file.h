/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_file.h - the cache from one run to the next.
 *
 * Times in the file are ages, and the wall-clock time of saving says how old the file is: the
 * boot-time clock of one run means nothing to the next.
 */
#ifndef RINGDNS_CONTROL_CACHE_FILE_H
#define RINGDNS_CONTROL_CACHE_FILE_H

#include "cache_entry.h"

enum { CACHE_FILE_REASON = 160 };

/* What became of the entries in a file. */
struct cache_file_result {
    uint64_t loaded;
    uint64_t gone;    /* of pools that are not there any more */
    uint64_t expired; /* of no use any more, or since longer than this machine runs */
    uint64_t refused; /* not sound, or no room */
    uint64_t elapsed_s;
    bool backwards; /* the wall clock is before the time of saving: ages are those of then */
};

/* Writes what is of use yet to PATH: beside it, synced, then in its place. A file there that is no
 * cache is left alone. Main thread, when no worker runs.
 * NULL: done, *RET_N entries. Otherwise what is wrong, half a sentence that may lie in REASON, and
 * what was at PATH is as it was. */
const char *cache_file_save(const char *path, struct rd_cache *cache, const struct cache_look *look,
                            int64_t wall_ns, uint64_t *ret_n, char reason[CACHE_FILE_REASON]);

/* Puts into CACHE what PATH holds, if nobody but its owner can write it, and that is us or root;
 * nothing of it before the checksum over all of it is right, and
 * each entry only if it is sound itself. Main thread, before the workers run.
 * NULL: done. Otherwise what is wrong, as above; *RET_RESULT tells what was loaded before that was
 * seen, mostly nothing. "": there is no such file. */
const char *cache_file_load(const char *path, struct rd_cache *cache, const struct cache_look *look,
                            int64_t wall_ns, struct cache_file_result *ret_result,
                            char reason[CACHE_FILE_REASON]);

#endif
