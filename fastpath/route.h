/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * route.h - where a name goes: to a pool, or nowhere, because it is answered here (RFC 6303, 6761,
 * 7686, 8375, 9462).
 *
 * Explicit routes and the names answered locally are one set of suffixes; the longest wins, and of
 * equal ones the explicit route. Beyond that, an explicit route takes all local names at and below
 * its suffix with it: who routes in-addr.arpa knows the reverse names of private addresses. Only
 * the route of the root does not, for it is another way of saying which pool is the default. No
 * route takes the names of loop probes: ours end here, those of others go where the root goes, so
 * that they find out as well.
 *
 * DS is the parent's business (RFC 4035 section 3.1.4.1): asked at the very top of a suffix it goes
 * where the name above goes.
 */
#ifndef RINGDNS_ROUTE_H
#define RINGDNS_ROUTE_H

#include <stdint.h>

#include "ringdns/config.h"
#include "wire/name.h"

enum route_kind {
    ROUTE_POOL,
    ROUTE_LOCALHOST, /* loopback addresses, at the suffix and below */
    ROUTE_LOOPBACK,  /* reverse zones of loopback addresses: PTR localhost for those themselves */
    ROUTE_EMPTY,     /* SOA and NS at the suffix, nothing below: NXDOMAIN */
    ROUTE_NXDOMAIN,  /* not even the suffix exists */
    ROUTE_NODATA,    /* every name exists and has no records but SOA and NS at the suffix */
    ROUTE_LOOP,      /* below it are the names of loop probes */
};

struct route {
    uint8_t kind; /* enum route_kind */
    uint8_t pool; /* ROUTE_POOL: index into the configuration's pools */
    uint8_t at;   /* where the suffix begins in the name's bytes */
};

/* Names below it are asked by loop probes alone: 16 hexadecimal digits, then this. */
#define ROUTE_LOOP_SUFFIX "loop-probe.ringdns"

struct routes;

/* Of CONFIG, which is not needed any more afterwards. Main thread. NULL: no memory. */
struct routes *routes_new(const struct rd_config *config);
void routes_free(struct routes *routes);

/* Where NAME (lower case) goes, asked for TYPE. Any thread. A name that no suffix holds costs a
 * walk over its label lengths. */
struct route route_find(const struct routes *routes, const struct rd_name *name, uint16_t type);

#endif
