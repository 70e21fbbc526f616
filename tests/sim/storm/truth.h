/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * truth.h - the names of a storm and what its upstreams know of them.
 *
 * A name's nature (addresses, an alias, text too large for UDP, no such name, ...) and its TTLs are
 * functions of the seed, the name in lower case and the type, so that nothing is kept of it. What
 * is said of it changes with each reply: every reply has RDATA that no other has, so that an answer
 * tells which reply it was made from. A few names nobody can find out about (SERVFAIL), but none in
 * a calm storm.
 *
 * Not here: faults (servers.c).
 */
#ifndef RINGDNS_TESTS_STORM_TRUTH_H
#define RINGDNS_TESTS_STORM_TRUTH_H

#include "sim/packets.h"
#include "sim/storm/storm.h"

#define TRUTH_NAME_BYTES 256

/* The zones in wire format, in lower case. */
#define TRUTH_FIRST_ZONE  "\5first\7example"
#define TRUTH_SECOND_ZONE "\6second\7example"

/* Writes name NUMBER, 0 .. plan.names - 1, in lower case with dots, to NAME. Odd numbers are of the
 * second zone, if there are two pools; some names are below other names of the plan. */
void truth_name(const struct storm *storm, unsigned number, char name[TRUTH_NAME_BYTES]);
/* A type that clients ask NUMBER for: mostly A and AAAA. */
uint16_t truth_type(struct storm *storm);
/* The pool that NAME (in wire format, any case) goes to: 0 or 1. */
unsigned truth_pool(const struct storm *storm, const uint8_t *name);

/* What the truth is about QUERY, which is sound: header, question, records and OPT as an honest
 * resolver that was asked by UDP (BY_TCP: by TCP) says it, TC=1 included. SERIAL: goes into the
 * RDATA. False: QUERY cannot be read. */
bool truth_reply(struct storm *storm, const uint8_t *query, size_t len, bool by_tcp,
                 uint32_t serial, struct packet *ret_reply);

#endif
