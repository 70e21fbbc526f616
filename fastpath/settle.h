/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settle.h - the end of a question: everyone who waits for it is told, here and in other workers.
 */
#ifndef RINGDNS_SETTLE_H
#define RINGDNS_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "context.h"
#include "wire/message.h"

/* There is an answer: LEN bytes at DATA, tidied, walked into *WIRE. MSG: the buffer that DATA is
 * in, which is taken; NULL: DATA is somebody else's and only read. QUESTION ends. */
void settle_answered(struct context *context, struct question *question, const uint8_t *data,
                     uint32_t len, const struct rd_message *wire, struct io_message *msg);

/* There is none: who waits gets the stale answer where there is one, or SERVFAIL with EDE, counted
 * by COUNTER for each. MSG: a buffer for the last one, which is taken; NULL: none. QUESTION ends.
 */
void settle_failed(struct context *context, struct question *question, int ede,
                   _Atomic uint64_t *counter, struct io_message *msg);

/* What somebody else put into the cache meanwhile is given to all who wait, at least one, and
 * QUESTION ends; a failure counts, too. False: there is nothing, and those who are left wait on. */
bool settle_recalled(struct context *context, struct question *question);

/* QUESTION, which nobody waits for, ends without an outcome. */
void settle_dropped(struct context *context, struct question *question);

/* Those who wait get the stale answer, if it is still there; QUESTION goes on without them. */
void settle_stale(struct context *context, struct question *question);

#endif
