/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forge.h - those who would be an upstream: they know that a question was asked, and answer it
 * before the one who knows.
 */
#ifndef RINGDNS_TESTS_STORM_FORGE_H
#define RINGDNS_TESTS_STORM_FORGE_H

#include "sim/storm/storm.h"
#include "wire/message.h"

/* UPSTREAM gets QUERY, which was read into *WIRE, from FROM_PORT; now and then somebody sends
 * replies in its name: to that port with guessed IDs, or to any. SERIAL: what was given out last;
 * each kind of forged RDATA takes one. */
void forge_overhear(struct storm *storm, const struct sim_upstream *upstream,
                    const struct rd_message *wire, const uint8_t *query, uint16_t from_port,
                    uint32_t *serial);

#endif
