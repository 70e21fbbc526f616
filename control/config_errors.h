/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_errors.h - what is wrong with a configuration, all of it, in order.
 */
#ifndef RINGDNS_CONTROL_CONFIG_ERRORS_H
#define RINGDNS_CONTROL_CONFIG_ERRORS_H

#include <stddef.h>
#include <stdio.h>

#include "ringdns/limits.h"

/* Where a text came from; line and column count from 1. No file: the command line. */
struct config_place {
    const char *file;
    size_t line, column; /* 0: the file as a whole */
};

/* Starts as all zero. */
struct config_errors {
    unsigned n;                    /* all that were found */
    char *lines[RD_CONFIG_ERRORS]; /* the first of them */
};

/* Adds "FILE:LINE:COLUMN: KEY: found ...; allowed: ALLOWED". FORMAT writes what was found. */
void config_errors_add(struct config_errors *errors, const struct config_place *place,
                       const char *key, const char *allowed, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The I-th line as it is shown, and past the last one how many more there are; NULL: no more.
 * BUFFER (64 bytes) may be used. */
const char *config_errors_line(const struct config_errors *errors, unsigned i, char *buffer);

void config_errors_print(const struct config_errors *errors, FILE *out);
/* Frees the lines; all zero again. */
void config_errors_clear(struct config_errors *errors);

#endif
