/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_reader.h - what is known while a file is walked; shared by config_read.c, which knows
 * the levels of keys, and config_entries.c, which knows what values look like in YAML.
 */
#ifndef RINGDNS_CONTROL_CONFIG_READER_H
#define RINGDNS_CONTROL_CONFIG_READER_H

#include "config_file.h"
#include "config_route.h"
#include "config_yaml.h"

enum { CONFIG_PATH_BYTES = 256, CONFIG_SHOWN_BYTES = 80, CONFIG_NAMES_BYTES = 512 };

struct config_reader {
    struct config_yaml yaml;
    struct config_errors *errors;
    struct rd_config *config;
    struct config_given *given;
    struct config_route_text *routes;   /* one for each of CONFIG's */
    bool routes_wrong, pools_wrong;     /* some could not be read, which was told */
    unsigned pool;                      /* whose options are read */
    size_t option_line[CONFIG_OPTIONS]; /* where it was first given; 0: not yet, in this pool */
    size_t level_line[CONFIG_OPTIONS];  /* the same for a level, by its first option */
    size_t upstreams_line;
};

/* Reads the value of OPTION, which begins with the present event. KEY: with its levels. */
void config_read_value(struct config_reader *reader, const struct config_option *option,
                       const char *key);

/* Whether KEY is here for the first time; *LINE remembers. If not, an error was added, and the
 * value, which begins with the present event, is skipped. */
bool config_read_once(struct config_reader *reader, const char *key,
                      const struct config_place *place, size_t *line);

/* Takes the key that is the present event: NAME as it is shown, KEY: PATH, a dot and NAME.
 * False: it cannot be one, an error was added. */
bool config_read_key(struct config_reader *reader, const char *path, char name[CONFIG_PATH_BYTES],
                     char key[CONFIG_PATH_BYTES]);

#endif
