/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_value.h - setting, comparing and writing one option's value, of whatever kind.
 */
#ifndef RINGDNS_CONTROL_CONFIG_VALUE_H
#define RINGDNS_CONTROL_CONFIG_VALUE_H

#include "config_errors.h"
#include "config_schema.h"

/* In all of these, VALUE is the option's place in a configuration (config_value). */

/* Empties the value: zero, "" or no entries. */
void config_value_clear(const struct config_option *option, void *value);

/* Adds one entry to a list. KEY names the option in errors. LEN: TEXT's, which ends with NUL.
 * False: an error was added, the value is as before. */
bool config_value_append(const struct config_option *option, void *value, const char *key,
                         const char *text, size_t len, const struct config_place *place,
                         struct config_errors *errors);

/* Replaces the value by what TEXT says; entries of a list are separated by commas.
 * False: errors were added. */
bool config_value_set(const struct config_option *option, void *value, const char *key,
                      const char *text, size_t len, const struct config_place *place,
                      struct config_errors *errors);

/* Whether a list has as many entries as it must have; true for all other kinds. */
bool config_value_check(const struct config_option *option, const void *value, const char *key,
                        const struct config_place *place, struct config_errors *errors);

/* Whether a list has no room for one more entry; false for all other kinds. */
bool config_value_full(const struct config_option *option, const void *value);

/* Adds the error that FOUND is not allowed, WHY: half a sentence or "". */
void config_value_error(const struct config_option *option, const char *key, const char *found,
                        const char *why, const struct config_place *place,
                        struct config_errors *errors);

bool config_value_equal(const struct config_option *option, const void *a, const void *b);

/* What is allowed, one sentence's end; the caller frees it. */
char *config_value_allowed(const struct config_option *option);

/* Every option's default, and one pool, named default, that has no servers of its own. */
void config_defaults(struct rd_config *ret_config);

/* A pool's options' defaults. NAME fits. */
void config_pool_defaults(struct rd_pool_config *ret_pool, const char *name);

#endif
