/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compose.h - a question as it goes to a server: our own header, spelling and OPT, nothing of the
 * client's (RFC 6891).
 */
#ifndef RINGDNS_COMPOSE_H
#define RINGDNS_COMPOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "inflight.h"
#include "upstream.h"

/* KEY as ATTEMPT says (id, spelling, plain, cookie) for a server whose cookies are COOKIE, into CAP
 * bytes at DATA, RD_COMPOSE_BYTES at least. The length. */
#define RD_COMPOSE_BYTES (12 + 255 + 4 + RD_EDNS_BYTES + 4 + 40)
uint32_t compose_question(const struct rd_key *key, const struct attempt *attempt,
                          const struct upstream_cookie *cookie, uint8_t *data, uint32_t cap);

/* Whether the name at AT, which is KEY's in some spelling, is spelled as ATTEMPT spelled it. */
bool compose_spelled(const struct rd_key *key, const struct attempt *attempt, const uint8_t *at);

#endif
