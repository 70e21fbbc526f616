/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_name.h - domain names as people write them in a configuration.
 */
#ifndef RINGDNS_CONTROL_CONFIG_NAME_H
#define RINGDNS_CONTROL_CONFIG_NAME_H

#include "config_kind.h"
#include "ringdns/address.h"
#include "ringdns/dns.h"

/* Reads a name in presentation form; it becomes lower case.
 * NULL: *RET_NAME is set. Otherwise what is wrong, as in struct config_kind. */
const char *config_name_parse(const char *text, struct rd_name *ret_name,
                              char reason[CONFIG_REASON_BYTES]);

/* The same for what a route leads away: a name, or a prefix such as 10.0.0.0/8, which stands for
 * the names of its addresses (RFC 1035 section 3.5, RFC 3596 section 2.5). */
const char *config_suffix_parse(const char *text, struct rd_name *ret_name,
                                char reason[CONFIG_REASON_BYTES]);

#endif
