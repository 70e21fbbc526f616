/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers.h - whom to ask and from where: the configured servers, or those of the system.
 */
#ifndef RINGDNS_CONTROL_SERVERS_H
#define RINGDNS_CONTROL_SERVERS_H

#include "config_errors.h"
#include "config_file.h"
#include "ringdns/config.h"

/* Whether the pool default of CONFIG has the system's servers, or waits for them. */
bool servers_from_system(const struct rd_config *config);

/* Adds an error for each server of any pool that is a listener of our own. */
void servers_check(const struct rd_config *config, struct config_errors *errors);

/* Adds an error for each pool's source address that this machine does not have. */
void servers_check_sources(const struct rd_config *config, struct config_errors *errors);

/* Fills pool default of CONFIG from the file PATH.
 * 0: done. -ENODATA: it names no usable server. Other negative errno: it cannot be read.
 * CONFIG is untouched on error; warnings are logged. */
int servers_read(const char *path, struct rd_config *config);

/* Where no listen address was given and this machine has no IPv6, takes [::1] out, with a
 * warning. */
void servers_fit_listen(const struct config_given *given, struct rd_config *config);

/* Each writes the addresses with commas to TEXT, which is returned; "..." where they do not fit. */
const char *servers_format(const struct rd_server_list *list, char *text, size_t size);
const char *addresses_format(const struct rd_address_list *list, char *text, size_t size);

#endif
