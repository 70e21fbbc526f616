/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.c - a short list: the newest configuration and those that some worker may still read.
 *
 * Workers never tell when they leave one; they store the generation that they use, and what is
 * older than everyone's is free.
 * Thread: main.
 * Not here: what is in a snapshot (fastpath), ringing the workers (supervise.c).
 */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>

struct snapshot_entry {
    struct snapshot_entry *older;
    struct rd_snapshot *snapshot;
    uint64_t generation;
};

int snapshots_init(struct snapshots *snapshots)
{
    *snapshots = (struct snapshots){.fleet = rd_fleet_new()};
    return snapshots->fleet ? 0 : -ENOMEM;
}

int snapshots_make(struct snapshots *snapshots, const struct rd_config *config)
{
    struct snapshot_entry *entry = calloc(1, sizeof(*entry));
    int r;

    if (!entry)
        return -ENOMEM;
    entry->generation = snapshots->generation + 1;
    r = rd_snapshot_new(snapshots->fleet, config, entry->generation, &entry->snapshot);
    if (r < 0) {
        free(entry);
        return r;
    }
    entry->older = snapshots->newest;
    snapshots->newest = entry;
    snapshots->generation = entry->generation;
    return 0;
}

const struct rd_snapshot *snapshots_newest(const struct snapshots *snapshots)
{
    return snapshots->newest->snapshot;
}

static void free_from(struct snapshots *snapshots, struct snapshot_entry *entry)
{
    while (entry) {
        struct snapshot_entry *older = entry->older;

        rd_snapshot_free(snapshots->fleet, entry->snapshot);
        free(entry);
        entry = older;
    }
}

bool snapshots_collect(struct snapshots *snapshots, uint64_t oldest)
{
    struct snapshot_entry *entry = snapshots->newest;

    while (entry && entry->generation > oldest)
        entry = entry->older;
    if (entry) {
        free_from(snapshots, entry->older);
        entry->older = NULL;
    }
    return snapshots->newest && snapshots->newest->older;
}

void snapshots_deinit(struct snapshots *snapshots)
{
    free_from(snapshots, snapshots->newest);
    rd_fleet_free(snapshots->fleet);
    *snapshots = (struct snapshots){0};
}
