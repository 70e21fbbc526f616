/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * follow.h - a question that another worker asks already: its clients wait here, its outcome comes
 * by letter (exchange.h).
 */
#ifndef RINGDNS_FOLLOW_H
#define RINGDNS_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "context.h"

enum follow {
    FOLLOW_LEAD,   /* nobody asks it, or nobody can be told: it is asked from here */
    FOLLOW_OTHER,  /* another worker asks it; QUESTION follows */
    FOLLOW_NOBODY, /* another worker asks it, and nobody here waits for it */
};

/* Claims QUESTION for this worker, or has it follow the one that leads. */
enum follow follow_claim(struct context *context, struct question *question);
/* Tells the workers that follow QUESTION what came of it. DATA is LEN bytes, tidied. */
void follow_tell_reply(struct context *context, const struct question *question,
                       const uint8_t *data, uint32_t len);
void follow_tell_failed(struct context *context, const struct question *question, int ede);
/* QUESTION is given up here, not for want of an answer: who follows is to ask by itself. */
void follow_dismiss(struct context *context, struct question *question);
/* The question with KEY that may be joined, or NULL. One that was asked before a flush may not:
 * those who wait get its answer, nobody else does, here or elsewhere. */
struct question *follow_current(struct context *context, const struct rd_key *key);
/* Others may ask QUESTION from now on. */
void follow_release(struct context *context, struct question *question);

/* Takes what other workers wrote. */
void follow_letters(struct context *context);
/* The timer of QUESTION, which follows: whether it is still asked at all. */
void follow_again(struct context *context, struct question *question);

#endif
