/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.h - what the RDATA of a type is made of, for the files of this folder.
 */
#ifndef RINGDNS_WIRE_LAYOUT_H
#define RINGDNS_WIRE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/known.h"

/* Whether the RDATA from offset RDATA to END, within the message DATA, is what TYPE of class IN
 * demands. True for a type whose RDATA holds no names and has no fixed size. Names may be
 * compressed in any type (RFC 3597 section 4 asks receivers for it); their own bytes lie within
 * the RDATA. KNOWN: as of known_name. */
bool layout_holds(struct known *known, const uint8_t *data, size_t rdata, size_t end,
                  uint16_t type);

/* How many names the RDATA at offset RDATA has, that layout_holds was true for: one behind the
 * other, the first at *RET_FIRST (left alone if there is none). */
unsigned layout_names(const uint8_t *data, size_t rdata, uint16_t type, size_t *ret_first);

#endif
