/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rebuild.h - a message once more without the records that do not belong, for tidy.c.
 */
#ifndef RINGDNS_WIRE_REBUILD_H
#define RINGDNS_WIRE_REBUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/chain.h"
#include "wire/message.h"

/* The message DATA, walked into *WIRE, which has no OPT and whose question has the spelling of
 * NAME: what CHAIN keeps of its answer, and of all sections the records of class IN (but no SOA
 * where the chain was spent). Names are
 * written whole, but for those that end like the question's name byte by byte, and owners that are
 * the last record's; in RDATA only where RFC 3597 section 4 allows it. It is put together in
 * SCRATCH and copied back if it is not over CAP bytes; then *WIRE and *SOA, the offset of a record,
 * follow. False: it is, or its names have more than PACKED_WORK bytes; nothing was changed. */
bool rebuild_message(uint8_t *data, uint32_t cap, struct rd_message *wire,
                     const struct chain *chain, const struct rd_name *name, uint8_t *scratch,
                     size_t *soa);

#endif
