/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_file.h - the configuration file, YAML.
 */
#ifndef RINGDNS_CONTROL_CONFIG_FILE_H
#define RINGDNS_CONTROL_CONFIG_FILE_H

#include <stdbool.h>

#include "config_errors.h"
#include "config_schema.h"

/* Which options were written down; all others have their defaults. */
struct config_given {
    bool option[CONFIG_OPTIONS];       /* a pool's: in any of them */
    struct config_place cache_size_at; /* line 0: not in the file */
    struct config_given_pool {
        struct config_place at, source_at; /* line 0: not in the file */
        bool servers;                      /* good or not */
    } pools[RD_MAX_POOLS];
};

/* Reads the file NAME over the defaults in CONFIG. At most RD_CONFIG_FILE_BYTES.
 * False: errors were added; CONFIG and GIVEN are then of no use. */
bool config_file_read(const char *name, struct rd_config *config, struct config_given *given,
                      struct config_errors *errors);

/* The same for LEN bytes of TEXT that came from the file NAME. */
bool config_text_read(const char *text, size_t len, const char *name, struct rd_config *config,
                      struct config_given *given, struct config_errors *errors);

#endif
