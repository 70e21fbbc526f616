/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * local.h - answers for names that never leave: localhost, test, reverse names of private addresses
 * and their like (RFC 6303, 6761, 7686, 8375, 9462).
 */
#ifndef RINGDNS_LOCAL_H
#define RINGDNS_LOCAL_H

#include "answer.h"
#include "route.h"

/* Answers QUESTION, which ROUTE (not a pool, not the loop probe) leads to, in MSG's buffer, which
 * is taken. Negative answers carry the zone's SOA (RFC 2308 section 3, RFC 6303 section 3). */
void local_answer(struct context *context, const struct route *route,
                  const struct answer_question *question, const struct client *client,
                  struct io_message *msg);

#endif
