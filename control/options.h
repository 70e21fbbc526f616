/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - the command line, and the configuration that it and the file make together.
 */
#ifndef RINGDNS_CONTROL_OPTIONS_H
#define RINGDNS_CONTROL_OPTIONS_H

#include <stdbool.h>

#include "config_errors.h"
#include "config_file.h"

enum { OPTIONS_OVERRIDES = 128 };

enum options_action {
    OPTIONS_RUN,
    OPTIONS_CHECK,
    OPTIONS_DUMP,
    OPTIONS_HELP,
    OPTIONS_HELP_CONFIG,
    OPTIONS_HELP_STATS,
    OPTIONS_VERSION,
};

/* Texts point into argv. */
struct options {
    enum options_action action;
    bool markdown;    /* of the two references */
    const char *file; /* NULL: no file */
    unsigned n;
    struct options_override {
        const struct config_option *option;
        const char *flag, *text;
    } overrides[OPTIONS_OVERRIDES];
};

/* Reads the command line. False: errors were added. Main thread, once. */
bool options_parse(int argc, char **argv, struct options *ret_options,
                   struct config_errors *errors);

/* Defaults, then the file, then the command line.
 * False: errors were added, *RET_CONFIG and *RET_GIVEN are of no use. */
bool options_load(const struct options *options, struct rd_config *ret_config,
                  struct config_given *ret_given, struct config_errors *errors);

/* What --help says. */
extern const char options_help[];

#endif
