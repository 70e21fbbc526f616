/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attempt.h - one try at a question: which server, from which port, and how long until the next.
 */
#ifndef RINGDNS_ATTEMPT_H
#define RINGDNS_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "context.h"

/* How long a client is worth answering. */
#define ATTEMPT_PATIENCE_NS (4 * RD_NS_PER_S)
/* A resolver behind us is fast from its memory and slow when it walks the hierarchy: a time-out
 * below this would repeat most of its misses. */
#define ATTEMPT_FIRST_NS     (400 * RD_NS_PER_MS)
#define ATTEMPT_FIRST_MAX_NS (2 * RD_NS_PER_S)

enum attempt_result {
    ATTEMPT_SENT,
    ATTEMPT_NO_PORT, /* the system gives no source port */
    ATTEMPT_DOWN,    /* all servers are down, and it is not yet time to try one again */
    ATTEMPT_SPENT,   /* nothing more may be sent for this question */
};

/* Sends QUESTION to a server and arms its timer. MSG: a buffer to use, which is taken when the
 * result is ATTEMPT_SENT; NULL: one is allocated. */
enum attempt_result attempt_send(struct context *context, struct question *question,
                                 const struct io_message *msg);
/* QUESTION's timer fired and its deadline lies ahead: notes the time-out and tries again if it may.
 * The timer is armed again in any case. */
void attempt_again(struct context *context, struct question *question);
/* A reply to ATTEMPT of QUESTION was accepted: the server is well. */
void attempt_replied(struct context *context, struct question *question, unsigned attempt);
/* The ports of QUESTION's attempts wait no more, its timer is off. */
void attempt_forget(struct context *context, struct question *question);
/* A network error was seen at PORT: what it waits for is not likely to come. Ends nothing. */
void attempt_port_error(struct context *context, uint32_t port);

#endif
