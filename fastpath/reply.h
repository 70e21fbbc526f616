/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply.h - the life of an upstream's reply, and the end of the questions that got none.
 */
#ifndef RINGDNS_REPLY_H
#define RINGDNS_REPLY_H

#include "context.h"

/* Takes N messages from upstreams with their buffers. A reply that is not what was asked for
 * changes nothing but a counter: the wait goes on (TuDoor, CVE-2023-28452). */
void reply_batch(struct context *context, struct io_message *msgs, unsigned n);

/* TIMER of a question has fired: it is tried again, or answered SERVFAIL. */
void reply_timeout(struct context *context, struct rd_timer *timer);

/* Ends the question of TIMER; who still waits gets SERVFAIL. For the end of a worker. */
void reply_abandon(struct context *context, struct rd_timer *timer);

#endif
