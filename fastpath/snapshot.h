/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.h - a configuration in the form that the packet path reads. Never changed once made;
 * a worker uses one at a time and nothing that outlives a turn points into it.
 */
#ifndef RINGDNS_SNAPSHOT_H
#define RINGDNS_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "guard/acl.h"
#include "ringdns/worker.h"

struct snapshot_server {
    uint8_t number;       /* in the fleet */
    uint32_t incarnation; /* of that number */
    union rd_address address;
};

struct snapshot_pool {
    uint8_t n_servers;
    bool trust_ad;
    struct snapshot_server servers[RD_MAX_SERVERS];
};

struct rd_snapshot {
    uint64_t generation;
    struct rd_config config;
    struct rd_acl access;
    struct snapshot_pool pools[RD_MAX_POOLS];
    uint8_t nsid_len, server_id_len, version_len; /* of the texts in config */
};

#endif
