/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.h - the configurations that workers use, from publication until nobody looks at them.
 */
#ifndef RINGDNS_CONTROL_SNAPSHOT_H
#define RINGDNS_CONTROL_SNAPSHOT_H

#include "ringdns/worker.h"

struct snapshot_entry;

/* Starts as all zero. */
struct snapshots {
    struct rd_fleet *fleet;
    struct snapshot_entry *newest; /* then older ones */
    uint64_t generation;           /* of the newest */
};

/* 0 or -ENOMEM. */
int snapshots_init(struct snapshots *snapshots);
/* When no worker is left. */
void snapshots_deinit(struct snapshots *snapshots);

/* Compiles CONFIG as the newest one. 0 or negative errno, as rd_snapshot_new. */
int snapshots_make(struct snapshots *snapshots, const struct rd_config *config);
const struct rd_snapshot *snapshots_newest(const struct snapshots *snapshots);

/* Frees those that are older than OLDEST, the least generation that a worker still uses.
 * Returns whether older ones than the newest remain. */
bool snapshots_collect(struct snapshots *snapshots, uint64_t oldest);

#endif
