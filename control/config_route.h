/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_route.h - routes: which names go to which pool.
 */
#ifndef RINGDNS_CONTROL_CONFIG_ROUTE_H
#define RINGDNS_CONTROL_CONFIG_ROUTE_H

#include "config_errors.h"
#include "ringdns/config.h"

/* A route as the file has it, until all pools are known: they may follow the routes. */
struct config_route_text {
    char pool[RD_TEXT_BYTES + 1];
    struct config_place suffix_at, pool_at;
};

/* Sets the pools of CONFIG's routes; TEXTS has one for each. Adds an error for every pool that is
 * none of CONFIG's. */
void config_routes_resolve(struct rd_config *config, const struct config_route_text *texts,
                           struct config_errors *errors);

/* How many routes lead to the pool with this index. */
unsigned config_routes_to(const struct rd_config *config, unsigned pool);

/* Writes "SUFFIX": "POOL". */
void config_route_dump(const struct rd_config *config, uint32_t i, FILE *out);

#endif
