/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_schema.h - config.def as a table: what the parser, the checks, the dump and the
 * reference go by.
 */
#ifndef RINGDNS_CONTROL_CONFIG_SCHEMA_H
#define RINGDNS_CONTROL_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config_kind.h"
#include "ringdns/config.h"

/* Each option's number, in the order of config.def. */
enum config_index {
#define OPTION(key, field, ...)      CONFIG_##field,
#define POOL_OPTION(key, field, ...) CONFIG_POOL_##field,
#include "ringdns/config.def"
    CONFIG_OPTIONS
};

struct config_option {
    const char *key; /* a dot is a level of the file */
    const struct config_kind *kind;
    const char *initial; /* the default, as it would be written in the file */
    uint64_t min, max;
    const char *unit;
    const char *reference;
    const char *help;
    size_t offset, size; /* the value's place in struct rd_config, or in struct rd_pool_config */
    uint16_t port;       /* taken by an address without one */
    bool restart;        /* a reload does not apply it */
    bool pool;           /* below upstreams.<pool> */
};

extern const struct config_option config_options[CONFIG_OPTIONS];

/* The value of OPTION in CONFIG. POOL: the index of the pool, where it is a pool's option. */
void *config_value(const struct config_option *option, struct rd_config *config, unsigned pool);
const void *config_value_const(const struct config_option *option, const struct rd_config *config,
                               unsigned pool);

/* The option with KEY (a pool's option or one of the others); NULL: there is none. */
const struct config_option *config_find(const char *key, bool pool);

/* Whether KEY followed by a dot begins options: a level of the file. RET_FIRST: the first one. */
bool config_is_level(const char *key, enum config_index *ret_first);

/* The name, among those of the level PATH ("" for the top; POOL: a pool's options), that TEXT is
 * probably a misspelling of; NULL: none is near. BUFFER takes the result. */
const char *config_nearest(const char *path, bool pool, const char *text, char *buffer,
                           size_t size);

/* Writes the names of that level, with commas, to BUFFER, which is returned. */
const char *config_names(const char *path, bool pool, char *buffer, size_t size);

#endif
