/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolv_conf.h - the system's own name servers.
 */
#ifndef RINGDNS_CONTROL_RESOLV_CONF_H
#define RINGDNS_CONTROL_RESOLV_CONF_H

#include "local_address.h"
#include "ringdns/config.h"

#define RESOLV_CONF_PATH "/etc/resolv.conf"

/* The name servers that the file PATH names, without those that are our own LISTENers, without
 * repetitions, at most RD_MAX_SERVERS. What is left out is logged as a warning.
 * 0: *RET_SERVERS is set, all of weight 1 in tier 0, and may be empty. Negative errno: the file
 * cannot be read. */
int resolv_conf_read(const char *path, const struct rd_address_list *listen,
                     const struct local_addresses *local, struct rd_server_list *ret_servers);

#endif
