/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_pool.h - the pools of a configuration, by their names.
 */
#ifndef RINGDNS_CONTROL_CONFIG_POOL_H
#define RINGDNS_CONTROL_CONFIG_POOL_H

#include "config_errors.h"
#include "config_file.h"
#include "ringdns/config.h"

enum {
    POOL_NAMES_BYTES = RD_MAX_POOLS * (RD_TEXT_BYTES + 2) + 1,
    CONFIG_POOL_KEY_BYTES = RD_TEXT_BYTES + 64, /* upstreams.NAME.OPTION */
};

/* The index of the pool NAME; -1: there is none. */
int config_pool_find(const struct rd_config *config, const char *name);

/* The pool NAME, which is made, with every option's default, where there is none yet.
 * -1: RD_MAX_POOLS are there already. NAME fits (config_pool_name_good). */
int config_pool_add(struct rd_config *config, const char *name);

/* Letters, digits, - _ and ., 1 to RD_TEXT_BYTES of them. */
bool config_pool_name_good(const char *name);

/* The names with commas; BUFFER is returned. */
const char *config_pool_names(const struct rd_config *config, char *buffer, size_t size);

/* What NAME is probably a misspelling of; NULL: no pool's name is near. BUFFER takes the result. */
const char *config_pool_nearest(const struct rd_config *config, const char *name,
                                char buffer[RD_TEXT_BYTES + 1]);

/* Adds an error for each pool but default that no route leads to. */
void config_pools_reached(const struct rd_config *config, const struct config_given *given,
                          struct config_errors *errors);

/* What can be said only when file and command line are both read: pools without servers, source
 * addresses that no server is asked from, too many servers in all. Adds an error for each. */
void config_pools_check(const struct rd_config *config, const struct config_given *given,
                        struct config_errors *errors);

/* How many different servers all pools have: the same address asked from another source is another
 * one. */
unsigned config_servers_count(const struct rd_config *config);

/* The source that POOL's SERVER is asked from; AF_UNSPEC: the system chooses. */
union rd_address config_server_source(const struct rd_pool_config *pool,
                                      const union rd_address *server);

#endif
