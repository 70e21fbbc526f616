/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address.h - text forms of addresses and prefixes.
 */
#ifndef RINGDNS_CONTROL_ADDRESS_H
#define RINGDNS_CONTROL_ADDRESS_H

#include "ringdns/address.h"

/* "[", an IPv6 address, "%", an interface, "]:65535" and NUL. */
#define ADDRESS_TEXT_BYTES 80
#define PREFIX_TEXT_BYTES  64
#define PREFIX_NONE        255

/* Reads 192.0.2.1, 192.0.2.1:53, 2001:db8::1, [2001:db8::1]:53, fe80::1%eth0, * or *:53 (every
 * IPv4 interface). PORT is taken where the text has none. Main thread: looks interfaces up.
 * NULL: *RET_ADDRESS is set. Otherwise what is wrong with the text, static, as half a sentence. */
const char *address_parse(const char *text, uint16_t port, union rd_address *ret_address);

/* Writes 192.0.2.1:53 or [fe80::1%eth0]:53 to BUFFER, which is returned. */
const char *address_format(const union rd_address *address, char buffer[ADDRESS_TEXT_BYTES]);

/* The same without the port: 192.0.2.1 or fe80::1%eth0. */
const char *address_format_host(const union rd_address *address, char buffer[ADDRESS_TEXT_BYTES]);

/* 0.0.0.0 or [::]. */
bool address_is_any(const union rd_address *address);
/* Neither wildcard, multicast nor broadcast: the address of one host. */
bool address_is_host(const union rd_address *address);

/* Reads 10.0.0.0/8, 2001:db8::/32 or a single address.
 * NULL: *RET_PREFIX is set. Otherwise what is wrong, as above; where only bits beyond the length
 * are set, *RET_PREFIX is the prefix that was probably meant, else its bits are PREFIX_NONE. */
const char *prefix_parse(const char *text, struct rd_prefix *ret_prefix);

const char *prefix_format(const struct rd_prefix *prefix, char buffer[PREFIX_TEXT_BYTES]);

#endif
