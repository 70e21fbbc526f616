/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_server.h - an entry of upstreams.<pool>.servers that is a map.
 */
#ifndef RINGDNS_CONTROL_CONFIG_SERVER_H
#define RINGDNS_CONTROL_CONFIG_SERVER_H

#include "config_schema.h"

enum config_server_field { SERVER_ADDRESS, SERVER_WEIGHT, SERVER_TIER, SERVER_FIELDS };

/* The fields of such a map, as options whose values lie in a struct config_server. */
extern const struct config_option config_server_fields[SERVER_FIELDS];

struct config_server {
    rd_kind_ADDRESSES address; /* one, or none yet */
    rd_kind_COUNT weight, tier;
};

/* A server of weight 1 in tier 0. */
void config_server_init(struct config_server *ret_server);

/* Appends the server to a list that has room. NULL: done. Otherwise why not, in half a sentence. */
const char *config_server_add(rd_kind_SERVERS *list, const struct config_server *server);

#endif
