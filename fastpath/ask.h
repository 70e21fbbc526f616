/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ask.h - opening a question: by this worker, or by another one that asks it already.
 */
#ifndef RINGDNS_ASK_H
#define RINGDNS_ASK_H

#include "context.h"
#include "recall.h"

/* CLIENT asks KEY, which is not under way here. RECALLED: what the cache has for it. MSG: the
 * query's buffer, which is taken in any case. */
void ask_for(struct context *context, const struct rd_key *key, const struct client *client,
             const struct recalled *recalled, struct io_message *msg);

/* Nobody waits: the answer is for the cache. Nothing is done where it is under way. */
void ask_refresh(struct context *context, const struct rd_key *key);

/* QUESTION, which was not asked yet or followed another worker until now, is asked from here, or
 * follows another one, or ends at once. MSG: a buffer to use, which is taken; NULL: none. */
void ask_question(struct context *context, struct question *question, struct io_message *msg);

#endif
