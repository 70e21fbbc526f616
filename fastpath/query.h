/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query.h - the life of a client's query, stage by stage.
 */
#ifndef RINGDNS_QUERY_H
#define RINGDNS_QUERY_H

#include "context.h"

/* Takes N messages from clients, at most RD_BATCH, with their buffers: each is answered at once,
 * sent upstream, made to wait for a question under way, or dropped; and counted. */
void query_batch(struct context *context, struct io_message *msgs, unsigned n);

#endif
