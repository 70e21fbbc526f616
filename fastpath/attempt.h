/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attempt.h - one try at a question: which server, by UDP or TCP, and how long until the next.
 *
 * However a question goes, it costs RD_ATTEMPTS messages at most, and its clients wait
 * ATTEMPT_PATIENCE_NS at most.
 */
#ifndef RINGDNS_ATTEMPT_H
#define RINGDNS_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "context.h"

/* How long a client is worth answering. */
#define ATTEMPT_PATIENCE_NS (4 * RD_NS_PER_S)
/* When they get a stale answer, if there is one (RFC 8767 section 5). */
#define ATTEMPT_STALE_NS (1800 * RD_NS_PER_MS)
/* A resolver behind us is fast from its memory and slow when it walks the hierarchy: a time-out
 * below this would repeat most of its misses. */
#define ATTEMPT_FIRST_NS     (400 * RD_NS_PER_MS)
#define ATTEMPT_FIRST_MAX_NS RD_NS_PER_S

enum attempt_result {
    ATTEMPT_SENT,
    ATTEMPT_NO_PORT, /* the system gives no source port, and no connection */
    ATTEMPT_DOWN,    /* all servers are down, and it is not yet time to try one again */
    ATTEMPT_CAPPED,  /* all have as much under way as they may */
    ATTEMPT_LOOPING, /* all send our questions back to us */
    ATTEMPT_SPENT,   /* nothing more may be sent for this question */
    ATTEMPT_NO_POOL, /* a reload has taken the pool away */
};

/* QUESTION's timer: at DUE_NS, or its deadline, or when its clients get a stale answer. */
void attempt_arm(struct context *context, struct question *question, uint64_t due_ns);
/* Sends QUESTION to a server and arms its timer. MSG: a buffer to use, which is taken when the
 * result is ATTEMPT_SENT; NULL: one is allocated. */
enum attempt_result attempt_send(struct context *context, struct question *question,
                                 const struct io_message *msg);
/* Sends QUESTION to the server of attempt INDEX once more, in another way (ELSEWHERE: from another
 * port, as it was); that attempt is void.
 * False: it cannot be done, the question waits on as before. */
enum attempt_way { ATTEMPT_BY_TCP, ATTEMPT_PLAIN, ATTEMPT_WITH_COOKIE, ATTEMPT_ELSEWHERE };
bool attempt_other_way(struct context *context, struct question *question, unsigned index,
                       enum attempt_way way);
/* A question of our own to SERVER of POOL, which no client waits for: in KEY. False: not sent. */
bool attempt_probe(struct context *context, const struct snapshot_pool *pool, unsigned server,
                   const struct rd_key *key, uint64_t patience_ns);
/* QUESTION's timer fired and its deadline lies ahead: notes the time-out and tries again if it may.
 * The timer is armed again in any case. */
void attempt_again(struct context *context, struct question *question);
/* A reply to attempt INDEX of QUESTION was accepted: the server is alive. */
void attempt_replied(struct context *context, struct question *question, unsigned index);
/* Whether a reply of SERVER by TCP is awaited. */
bool attempt_is_by_tcp(const struct question *question, uint8_t server);
/* Attempt INDEX of QUESTION is over: OUTCOME is ATTEMPT_FAILED, or ATTEMPT_VOID where another one
 * at the same server takes its place. */
void attempt_end(struct context *context, struct question *question, unsigned index,
                 enum attempt_outcome outcome);
/* Whether a reply to any of QUESTION's attempts may still come. */
static inline bool attempt_is_awaited(const struct question *question)
{
    for (unsigned i = 0; i < question->n_attempts; i++)
        if (question->attempts[i].awaited)
            return true;
    return false;
}
/* The ports and links of QUESTION's attempts wait no more, its timer is off. */
void attempt_forget(struct context *context, struct question *question);
/* A network error was seen at PORT: what it waits for is not likely to come, so that the next
 * attempt may come at once. Ends nothing. */
void attempt_port_error(struct context *context, uint32_t port);
/* Too many wrong IDs came to PORT: what waits there is asked by TCP. */
void attempt_port_guessed(struct context *context, uint32_t port);
/* The link that attempt INDEX of QUESTION waited on is gone. PROVEN: it had served before, so that
 * a fresh one is worth a try (RFC 7766 section 6.2.4). */
void attempt_link_lost(struct context *context, struct question *question, unsigned index,
                       bool proven);

#endif
