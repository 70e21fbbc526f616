/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_value.h - setting, comparing and writing one option's value, of whatever kind.
 */
#ifndef RINGDNS_CONTROL_CONFIG_VALUE_H
#define RINGDNS_CONTROL_CONFIG_VALUE_H

#include "config_errors.h"
#include "config_schema.h"

/* Empties the value: zero, "" or no entries. */
void config_value_clear(const struct config_option *option, struct rd_config *config);

/* Adds one entry to a list. KEY names the option in errors. LEN: TEXT's, which ends with NUL.
 * False: an error was added, CONFIG is as before. */
bool config_value_append(const struct config_option *option, struct rd_config *config,
                         const char *key, const char *text, size_t len,
                         const struct config_place *place, struct config_errors *errors);

/* Replaces the value by what TEXT says; entries of a list are separated by commas.
 * False: errors were added. */
bool config_value_set(const struct config_option *option, struct rd_config *config, const char *key,
                      const char *text, size_t len, const struct config_place *place,
                      struct config_errors *errors);

/* Whether a list has as many entries as it must have; true for all other kinds. */
bool config_value_check(const struct config_option *option, const struct rd_config *config,
                        const char *key, const struct config_place *place,
                        struct config_errors *errors);

bool config_value_equal(const struct config_option *option, const struct rd_config *a,
                        const struct rd_config *b);

/* What is allowed, one sentence's end; the caller frees it. */
char *config_value_allowed(const struct config_option *option);

/* Every option's default, and one pool named default. */
void config_defaults(struct rd_config *ret_config);

#endif
