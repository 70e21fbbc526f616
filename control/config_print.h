/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_print.h - the configuration and its reference as text.
 */
#ifndef RINGDNS_CONTROL_CONFIG_PRINT_H
#define RINGDNS_CONTROL_CONFIG_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "ringdns/config.h"

/* CONFIG as YAML that reads back as the same. */
void config_dump(const struct rd_config *config, FILE *out);

/* Every option: what it means, what is allowed, its default. MARKDOWN: as build/doc/options.md. */
void config_help(bool markdown, FILE *out);

#endif
