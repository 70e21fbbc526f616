/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acl.h - who is answered (RFC 5358): a set of addresses given as prefixes.
 */
#ifndef RINGDNS_GUARD_ACL_H
#define RINGDNS_GUARD_ACL_H

#include <stdbool.h>
#include <stdint.h>

#include "ringdns/address.h"
#include "ringdns/limits.h"

/* A 128-bit address as a number; IPv4 is ::ffff:a.b.c.d. */
struct rd_acl_key {
    uint64_t high, low;
};

struct rd_acl_range {
    struct rd_acl_key first, last;
};

/* Disjoint and ascending. */
struct rd_acl_list {
    uint32_t n;
    struct rd_acl_range ranges[RD_MAX_PREFIXES];
};

/* A list for each family: ::/0 is every IPv6 address and no other. Never changed once made, so any
 * thread may ask. */
struct rd_acl {
    struct rd_acl_list v4, v6;
};

/* N is at most RD_MAX_PREFIXES; overlapping prefixes are merged. */
void rd_acl_init(struct rd_acl *acl, const struct rd_prefix *prefixes, uint32_t n);
/* Whether the host of ADDRESS is in the set: a binary search. */
bool rd_acl_allows(const struct rd_acl *acl, const union rd_address *address);

#endif
