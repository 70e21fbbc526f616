/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evidence.h - what an attempt that got no reply says of its server (fleet.h), and what not.
 */
#ifndef RINGDNS_EVIDENCE_H
#define RINGDNS_EVIDENCE_H

#include <stdbool.h>

#include "context.h"

/* Whether the outcome of ATTEMPT says something about its server: by TCP only where the pool asks
 * by TCP alone, for some servers have none, and connecting is in its time. */
bool evidence_counts(const struct context *context, const struct question *question,
                     const struct attempt *attempt);
/* Attempt INDEX got no reply. A question counts once against a server, however often it was sent
 * there, and only if nothing was heard since; a probe decides. */
void evidence_against(struct context *context, const struct question *question, unsigned index);
/* Attempts of QUESTION whose time is over are late from now on, and speak against their servers. */
void evidence_of_time(struct context *context, struct question *question);

#endif
