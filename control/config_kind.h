/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_kind.h - the kinds of values in config.def: how each is read, written and explained.
 */
#ifndef RINGDNS_CONTROL_CONFIG_KIND_H
#define RINGDNS_CONTROL_CONFIG_KIND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_REASON_BYTES 160

struct config_option;

struct config_kind {
    /* Reads TEXT into VALUE; of a list: one entry, appended (there is room).
     * NULL: done. Otherwise VALUE is as before, and the result says why in half a sentence; it may
     * be "" where the text is simply none of what is allowed, and may lie in REASON. */
    const char *(*parse)(const struct config_option *option, const char *text, void *value,
                         char reason[CONFIG_REASON_BYTES]);
    /* Writes the value as one would write it in the file; of a list: entry I. */
    void (*print)(const void *value, uint32_t i, FILE *out);
    /* Writes what is allowed; of a list: in one entry. */
    void (*allow)(const struct config_option *option, FILE *out);
    bool list;   /* the value starts with uint32_t n */
    bool quoted; /* in YAML, its text needs quotes */
};

enum config_kind_id {
    CONFIG_KIND_BOOL,
    CONFIG_KIND_COUNT,
    CONFIG_KIND_COUNT_AUTO,
    CONFIG_KIND_BYTES,
    CONFIG_KIND_IO,
    CONFIG_KIND_TEXT,
    CONFIG_KIND_PATH,
    CONFIG_KIND_ADDRESSES,
    CONFIG_KIND_PREFIXES,
    CONFIG_KIND_PORTS,
    CONFIG_KINDS
};

extern const struct config_kind config_kinds[CONFIG_KINDS];

#endif
