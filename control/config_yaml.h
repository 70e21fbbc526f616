/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_yaml.h - a YAML file as a sequence of events, each with its position.
 */
#ifndef RINGDNS_CONTROL_CONFIG_YAML_H
#define RINGDNS_CONTROL_CONFIG_YAML_H

#include <stdbool.h>
#include <yaml.h>

#include "config_errors.h"

struct config_yaml {
    yaml_parser_t parser;
    yaml_event_t event; /* the present one */
    const char *text, *file;
    size_t len;
    struct config_errors *errors;
    bool broken; /* the syntax is wrong, or there is no memory: no event follows */
};

/* Begins to read LEN bytes of TEXT from the file NAME; all three outlive the reading.
 * False: an error was added, nothing is to be closed. */
bool config_yaml_open(struct config_yaml *yaml, const char *text, size_t len, const char *name,
                      struct config_errors *errors);
void config_yaml_close(struct config_yaml *yaml);

/* Takes the next event; false: there is none, which was reported. */
bool config_yaml_next(struct config_yaml *yaml);
/* Skips the node that begins with the present event. */
void config_yaml_skip(struct config_yaml *yaml);
/* Where the present event is. */
struct config_place config_yaml_here(const struct config_yaml *yaml);

/* Whether the node that begins here is plain, without an anchor, an alias or a tag; else an error
 * for KEY was added. */
bool config_yaml_plain(struct config_yaml *yaml, const char *key);
/* "key:" with nothing behind it. */
bool config_yaml_nothing(const struct config_yaml *yaml);
/* A single value, that is, not nothing, a list or a map. */
bool config_yaml_scalar(const struct config_yaml *yaml);
/* Its text, which ends with NUL; and its length. */
const char *config_yaml_text(const struct config_yaml *yaml, size_t *ret_len);
/* "a map", "a list", "nothing" or "a single value". */
const char *config_yaml_node(const struct config_yaml *yaml);

#endif
