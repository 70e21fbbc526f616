/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keep.h - what of the outcome of a question goes into the cache, and for how long.
 */
#ifndef RINGDNS_KEEP_H
#define RINGDNS_KEEP_H

#include "context.h"
#include "wire/message.h"
#include "wire/tidy.h"

/* Tidies the reply in MSG, whose walk is *WIRE, and keeps it if it may be kept; a SERVFAIL as a
 * failure, with what the server said of it. False: tidied it has no room in MSG; what is there is
 * no message any more. */
bool keep_answer(struct context *context, const struct question *question, struct rd_message *wire,
                 struct io_message *msg);
/* Remembers that QUESTION has failed (RFC 9520). Not for what is our own shortage. */
void keep_failure(struct context *context, const struct question *question);

#endif
