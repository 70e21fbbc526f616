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
#include "route.h"

struct snapshot_server {
    uint8_t number;       /* in the fleet */
    uint8_t weight, tier; /* as configured */
    uint32_t incarnation; /* of that number */
    uint64_t mark;        /* a hash of its address, the same at each start: for policy hash */
    union rd_address address;
    union rd_address source; /* port 0; AF_UNSPEC: any */
};

struct snapshot_pool {
    uint8_t n_servers;    /* 0: no such pool */
    uint16_t incarnation; /* of its view's number */
    uint8_t policy;       /* enum rd_policy */
    uint8_t hedge;        /* percent */
    bool trust_ad, tcp, randomize_case, cookies;
    struct rd_name probe; /* the root: ask for its NS */
    struct snapshot_server servers[RD_MAX_SERVERS];
};

struct rd_snapshot {
    uint64_t generation;
    struct rd_config config;
    struct rd_acl access;
    struct routes *routes;
    uint8_t n_views;                              /* pools that are compiled */
    uint8_t views[RD_MAX_POOLS];                  /* of the configuration's pools, by index */
    struct snapshot_pool pools[RD_MAX_VIEWS];     /* by view: what a question keeps */
    uint8_t nsid_len, server_id_len, version_len; /* of the texts in config */
};

#endif
