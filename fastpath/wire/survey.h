/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * survey.h - where a message has bytes that will change, for tidy.c.
 *
 * TTLs are clamped and count down, addresses are turned. A compressed name may lead anywhere, also
 * through such bytes; no sound server sends that, but such a name would change with them.
 */
#ifndef RINGDNS_WIRE_SURVEY_H
#define RINGDNS_WIRE_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/message.h"
#include "wire/tidy.h"

/* Of the message DATA that was walked into *WIRE and has no OPT: n_ttls, too_many, ttls and the
 * rotation's fields. False: it cannot stay as it is, since a record is of another class than IN, or
 * a name leads through a TTL or an address; what was returned means nothing then.
 * SCRATCH, of RD_DNS_TCP_BYTES, is used for messages of more than a few records. */
bool survey_message(const uint8_t *data, const struct rd_message *wire, uint8_t *scratch,
                    struct rd_tidy *ret_tidy);

#endif
