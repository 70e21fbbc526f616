/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h - questions of our own to servers: is it alive, and does it lead back to us?
 *
 * They are questions without waiters, found by their replies alone.
 */
#ifndef RINGDNS_PROBE_H
#define RINGDNS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "context.h"
#include "wire/message.h"

/* A hash of NAME (lower case) for telling names apart in a server's health. */
uint32_t probe_name_hash(const struct rd_name *name);
/* The same of its last two labels. */
uint32_t probe_suffix_hash(const struct rd_name *name);

/* Asks SERVER whether it is alive, unless that was done a moment ago. */
void probe_server(struct context *context, uint8_t server);
/* A reply to the probe QUESTION was accepted. */
void probe_replied(struct context *context, const struct question *question);
/* The probe QUESTION was not answered. */
void probe_lost(struct context *context, const struct question *question);
/* A client asks for NAME, which is below the names of loop probes. False: the probe is another
 * forwarder's, which finds out only if it is passed on as any other name. */
bool probe_came_back(struct context *context, const struct rd_name *name);

/* Sends what probes are due; of all workers one does. Returns when to call again. */
uint64_t probe_tend(struct context *context);

#endif
