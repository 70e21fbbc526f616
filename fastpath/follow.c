/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * follow.c - leading for other workers, and following one.
 *
 * A worker follows with one letter however many clients it has for a question, and keeps them: an
 * answer always leaves from the worker that its query came to. A letter may find no room or a
 * leader that is done; so who follows looks again now and then, and leads where nobody does.
 *
 * One worker's thread. Not here: claims and letters themselves (exchange.c).
 */
#include "follow.h"

#include <string.h>

#include "ask.h"
#include "attempt.h"
#include "settle.h"
#include "wire/message.h"

/* How often who follows looks whether somebody leads. */
#define LOOK_NS (250 * RD_NS_PER_MS)

/* FLUSHES: what the one who is written to compares. */
static bool write_to(struct context *context, unsigned worker, enum letter_kind kind,
                     const struct rd_key *key, uint64_t flushes)
{
    struct letter_note note = {.kind = kind, .flushes = flushes};

    return exchange_send(context->exchange, context->worker, worker, &note, key, NULL, 0);
}

/* Whether anybody here wants to know what becomes of QUESTION. A refresh is for the cache alone;
 * where the stale answer was given, it is given until the outcome is known. */
static bool is_wanted(const struct question *question)
{
    return question->n_waiters > 0 || question->stale_given;
}

enum follow follow_claim(struct context *context, struct question *question)
{
    unsigned leader;

    question->following = false;
    if (!context->exchange)
        return FOLLOW_LEAD;
    switch (exchange_claim(context->exchange, question->key.hash, context->worker, &leader)) {
    case PENDING_MINE:
        question->claimed = true;
        return FOLLOW_LEAD;
    case PENDING_THEIRS:
        if (!is_wanted(question))
            return FOLLOW_NOBODY;
        if (write_to(context, leader, LETTER_FOLLOW, &question->key, question->flushes))
            break;
        /* fall through */
    case PENDING_FULL:
        rd_stat_inc(&context->stats->pending_full);
        return FOLLOW_LEAD;
    }
    question->following = true;
    attempt_arm(context, question, context->now_ns + LOOK_NS);
    return FOLLOW_OTHER;
}

/* To each follower of QUESTION. Where no letter is left it finds out by itself. */
static void tell(struct context *context, const struct question *question, enum letter_kind kind,
                 int ede, const uint8_t *data, uint32_t len)
{
    struct letter_note note = {kind, question->trust_ad, ede, question->flushes};

    for (unsigned i = 0; i < RD_MAX_WORKERS / 64; i++)
        for (uint64_t left = question->followers[i]; left != 0; left &= left - 1)
            exchange_send(context->exchange, context->worker,
                          i * 64 + (unsigned)__builtin_ctzll(left), &note, &question->key, data,
                          len);
}

void follow_tell_reply(struct context *context, const struct question *question,
                       const uint8_t *data, uint32_t len)
{
    tell(context, question, LETTER_REPLY, RD_EDE_NONE, data, len);
}

void follow_tell_failed(struct context *context, const struct question *question, int ede)
{
    tell(context, question, LETTER_FAILED, ede, NULL, 0);
}

void follow_dismiss(struct context *context, struct question *question)
{
    tell(context, question, LETTER_UNKNOWN, RD_EDE_NONE, NULL, 0);
    memset(question->followers, 0, sizeof(question->followers));
}

void follow_release(struct context *context, struct question *question)
{
    if (question->claimed)
        exchange_release(context->exchange, question->key.hash, context->worker);
    question->claimed = false;
}

static void outdate(struct context *context, struct question *question)
{
    question->outdated = true;
    follow_release(context, question);
}

struct question *follow_current(struct context *context, const struct rd_key *key)
{
    struct question *question = inflight_find(&context->inflight, key);
    uint64_t flushes = rd_cache_flushes(context->cache);

    if (!question || question->flushes == flushes)
        return question;
    if (!question->following) {
        outdate(context, question);
        return NULL;
    }
    /* Nothing was sent from here, so all who wait may as well have the newer answer. */
    question->flushes = flushes;
    ask_question(context, question, NULL);
    return inflight_find(&context->inflight, key);
}

/* Another worker has clients for what is asked here; or for what was asked here before a flush, of
 * which they are not to hear. */
static void take_follower(struct context *context, const struct letter *letter,
                          struct question *question)
{
    if (question && !question->following && question->flushes < letter->flushes) {
        outdate(context, question);
        question = NULL;
    }
    if (question && !question->following)
        question->followers[letter->from / 64] |= 1ull << letter->from % 64;
    else
        write_to(context, letter->from, LETTER_UNKNOWN, &letter->key, letter->flushes);
}

static bool walk(const struct letter *letter, struct rd_message *ret_wire)
{
    return rd_message_header(letter->data, letter->len, ret_wire) &&
           rd_message_question(letter->data, letter->len, ret_wire, NULL, NULL) == RD_WIRE_OK &&
           rd_message_sections(letter->data, letter->len, ret_wire) == RD_WIRE_OK;
}

/* What a server said of its failure is not better than a stale answer, of which the leader need not
 * know; what DNSSEC finds is final. */
static bool is_worse_than_stale(const struct question *question, const struct rd_message *wire)
{
    return question->stale && (wire->flags & RD_DNS_RCODE) == RD_SERVFAIL &&
           !rd_edns_is_bogus(&wire->edns);
}

static void take_reply(struct context *context, const struct letter *letter,
                       struct question *question)
{
    struct rd_message wire;

    question->trust_ad = letter->trust_ad;
    if (walk(letter, &wire) && !is_worse_than_stale(question, &wire))
        settle_answered(context, question, letter->data, letter->len, &wire, NULL);
    else
        settle_failed(context, question, RD_EDE_NO_REACHABLE_AUTHORITY,
                      &context->stats->failed_followed, NULL);
}

static void take_letter(struct context *context, const struct letter *letter)
{
    struct question *question = inflight_find(&context->inflight, &letter->key);

    if (letter->kind == LETTER_FOLLOW) {
        take_follower(context, letter, question);
        return;
    }
    if (!question || !question->following || letter->flushes < question->flushes)
        return; /* it ended meanwhile, or is asked from here by now, or was asked after a flush */
    if (letter->kind == LETTER_REPLY)
        take_reply(context, letter, question);
    else if (letter->kind == LETTER_FAILED)
        settle_failed(context, question, letter->ede, &context->stats->failed_followed, NULL);
    else
        follow_again(context, question);
}

void follow_letters(struct context *context)
{
    struct letter *letter =
        context->exchange ? exchange_take(context->exchange, context->worker) : NULL;

    while (letter) {
        struct letter *next = letter_next(letter);

        take_letter(context, letter);
        exchange_return(letter);
        letter = next;
    }
}

void follow_again(struct context *context, struct question *question)
{
    ask_question(context, question, NULL);
}
