/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolv_watch.h - notices when the system's name servers change.
 */
#ifndef RINGDNS_CONTROL_RESOLV_WATCH_H
#define RINGDNS_CONTROL_RESOLV_WATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { RESOLV_WATCH_LINKS = 8 }; /* symbolic links followed from the path on */

struct resolv_watch {
    const char *path;
    int fd;            /* inotify, to be polled for reading; -1: not watching */
    uint64_t first_ms; /* when the changes that were not yet told began; 0: there are none */
    uint64_t last_ms;
    unsigned n; /* names of the file and of what it is a link to */
    char names[RESOLV_WATCH_LINKS + 1][NAME_MAX + 1];
};

/* Watches PATH, which outlives the watch. 0 or negative errno. */
int resolv_watch_open(struct resolv_watch *watch, const char *path);
void resolv_watch_close(struct resolv_watch *watch);

/* Takes what the descriptor has to say; to be called when it is readable. */
void resolv_watch_read(struct resolv_watch *watch, uint64_t now_ms);

/* Whether the file changed and has been quiet since: read it now. True once per change. */
bool resolv_watch_due(struct resolv_watch *watch, uint64_t now_ms);

/* Milliseconds until a change is due, -1: none is known. */
int resolv_watch_wait(const struct resolv_watch *watch, uint64_t now_ms);

#endif
