/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply.c - match, validate, judge, answer everyone who waits; in that order.
 *
 * Every check looks at the reply alone and at what was asked; only when all of them hold does
 * anything change. A reply that is no answer (a failure, a referral, a truncated one) sends the
 * question on; one that is carries the last answer in its own buffer, the others are copied first.
 *
 * One worker's thread. Not here: sending a question on (attempt.c).
 */
#include "reply.h"

#include <string.h>

#include "answer.h"
#include "attempt.h"
#include "compose.h"
#include "follow.h"
#include "keep.h"
#include "link.h"
#include "probe.h"
#include "recall.h"
#include "settle.h"
#include "wire/cursor.h"
#include "wire/message.h"

/* How long a server that needs it is asked without EDNS, until EDNS is tried again. */
#define PLAIN_NS (15 * 60 * RD_NS_PER_S)

/* A reply that is too late to be an answer still says that its server is alive. */
static void take_late(struct context *context, const struct io_message *msg, uint16_t id)
{
    uint8_t server;

    rd_stat_inc(&context->stats->replies_late);
    if (msg->origin != IO_PORT)
        return;
    server = upstream_late(&context->upstream, msg->port, id, context->now_ns);
    if (fleet_replied(context->fleet, server, context->now_ns))
        rd_stat_inc(&context->stats->servers_up);
}

/* Whose reply MSG is, by the way it came; NULL: nobody's, and that is counted. */
static const struct upstream_wait *match(struct context *context, const struct io_message *msg,
                                         uint16_t id)
{
    const struct upstream_wait *wait = NULL;
    enum upstream_match found = msg->origin == IO_STREAM
                                    ? link_match(&context->links, msg->port, id, &wait)
                                    : upstream_match(&context->upstream, msg->port, id, &wait);

    if (found == UPSTREAM_AWAITED)
        return wait;
    if (found == UPSTREAM_LATE) {
        take_late(context, msg, id);
        return NULL;
    }
    rd_stat_inc(&context->stats->replies_bad_unknown_id);
    if (upstream_guessed(&context->upstream, msg->port))
        attempt_port_guessed(context, msg->port);
    return NULL;
}

/* A reply that has the right ID and port and is still not the server's, it seems: TCP can tell. */
static struct question *suspicious(struct context *context, struct question *question,
                                   unsigned attempt, _Atomic uint64_t *counter)
{
    rd_stat_inc(counter);
    if (!question->attempts[attempt].tcp &&
        attempt_other_way(context, question, attempt, ATTEMPT_BY_TCP))
        rd_stat_inc(&context->stats->upstream_tcp_forged);
    return NULL;
}

static struct question *bad(_Atomic uint64_t *counter)
{
    rd_stat_inc(counter);
    return NULL;
}

static bool is_asked(const struct question *question, const struct io_message *msg,
                     struct rd_message *wire)
{
    return rd_message_question(msg->data, msg->len, wire, NULL, NULL) == RD_WIRE_OK &&
           wire->qtype == question->key.type && wire->qclass == RD_CLASS_IN &&
           wire->question_end == RD_DNS_HEADER_BYTES + question->key.name.len + 4 &&
           rd_name_matches(&question->key.name, msg->data + RD_DNS_HEADER_BYTES);
}

/* Whether a reply by UDP has the cookie that it must have (RFC 7873 section 5.3); keeps the
 * server's. */
static bool take_cookie(struct context *context, const struct attempt *attempt,
                        const struct io_message *msg, const struct rd_message *wire)
{
    struct upstream_cookie *cookie = &context->upstream.servers[attempt->server].cookie;
    const uint8_t *data = msg->data + wire->edns.cookie_offset;
    unsigned len = wire->edns.cookie_len, client = sizeof(cookie->client);

    if (len == 0) {
        if (attempt->tcp || ++cookie->missing == UPSTREAM_COOKIE_MISSING)
            cookie->known = false;
        return !cookie->known;
    }
    if (len < client || memcmp(data, cookie->client, client) != 0 ||
        (len > client && (len < 2 * client || len > client + sizeof(cookie->server))))
        return false;
    cookie->known = true;
    cookie->missing = 0;
    cookie->server_len = (uint8_t)(len - client);
    memcpy(cookie->server, data + client, cookie->server_len);
    return true;
}

/* Which question MSG's bytes answer, fully validated; NULL: none, and the reason is counted. */
static struct question *accept_reply(struct context *context, const struct io_message *msg,
                                     struct rd_message *wire, unsigned *ret_attempt)
{
    struct rd_stats *stats = context->stats;
    const struct upstream_wait *wait;
    const struct attempt *attempt;
    struct question *question;
    bool udp = msg->origin == IO_PORT;

    if (!rd_message_header(msg->data, msg->len, wire) || !(wire->flags & RD_DNS_QR) ||
        wire->flags & RD_DNS_OPCODE)
        return bad(&stats->replies_bad_header);
    wait = match(context, msg, wire->id);
    if (!wait)
        return NULL;
    *ret_attempt = wait->attempt;
    question = inflight_at(&context->inflight, wait->question);
    attempt = &question->attempts[wait->attempt];
    if (udp && (msg->cut || msg->len > RD_EDNS_UPSTREAM_BYTES))
        return suspicious(context, question, wait->attempt, &stats->replies_bad_oversize);
    if (!is_asked(question, msg, wire))
        return bad(&stats->replies_bad_question);
    if (attempt->spelling != 0 && udp &&
        !compose_spelled(&question->key, attempt, msg->data + RD_DNS_HEADER_BYTES))
        return suspicious(context, question, wait->attempt, &stats->replies_bad_case);
    /* Some servers cut in the middle of a record; all that it says is that TCP has the rest. */
    if (udp && wire->flags & RD_DNS_TC)
        return question;
    if (rd_message_sections(msg->data, msg->len, wire) != RD_WIRE_OK || wire->tsig)
        return bad(&stats->replies_bad_malformed);
    if (attempt->cookie && !take_cookie(context, attempt, msg, wire) && udp)
        return suspicious(context, question, wait->attempt, &stats->replies_bad_cookie);
    return question;
}

enum verdict {
    ANSWER,
    TRUNCATED,  /* the rest is to be had by TCP */
    UNEDUCATED, /* the server knows no EDNS, it seems */
    BAD_COOKIE, /* it wants its new cookie back */
    FAILURE,    /* another server may know better */
};

/* Where to ask instead of an answer: servers that resolve do not say that. */
static bool is_referral(const struct rd_message *wire)
{
    return wire->count[RD_ANSWER] == 0 && wire->ns && !wire->soa && !(wire->flags & RD_DNS_AA);
}

static enum verdict judge(const struct rd_message *wire, const struct attempt *attempt)
{
    unsigned rcode = (wire->flags & RD_DNS_RCODE) |
                     (wire->edns.present ? (unsigned)wire->edns.extended_rcode << 4 : 0);

    if (wire->flags & RD_DNS_TC)
        return attempt->tcp ? FAILURE : TRUNCATED;
    switch (rcode) {
    case RD_NOERROR:
        return is_referral(wire) ? FAILURE : ANSWER;
    case RD_FORMERR:
    case RD_NOTIMP:
        return wire->edns.present || attempt->plain ? FAILURE : UNEDUCATED;
    case RD_SERVFAIL:
        /* No other server may find otherwise. */
        return rd_edns_is_bogus(&wire->edns) ? ANSWER : FAILURE;
    case RD_REFUSED:
        return FAILURE;
    case RD_BADCOOKIE:
        return BAD_COOKIE;
    default: /* BADVERS and the like are about our OPT, which no client has to do with */
        return rcode > RD_DNS_RCODE ? FAILURE : ANSWER;
    }
}

static void count_rcode(struct rd_upstream_stats *stats, const struct rd_message *wire)
{
    switch (wire->flags & RD_DNS_RCODE) {
    case RD_NOERROR:
        rd_stat_inc(&stats->noerror);
        break;
    case RD_FORMERR:
        rd_stat_inc(&stats->formerr);
        break;
    case RD_SERVFAIL:
        rd_stat_inc(&stats->servfail);
        break;
    case RD_NXDOMAIN:
        rd_stat_inc(&stats->nxdomain);
        break;
    case RD_NOTIMP:
        rd_stat_inc(&stats->notimp);
        break;
    case RD_REFUSED:
        rd_stat_inc(&stats->refused);
        break;
    default:
        rd_stat_inc(&stats->other);
    }
}

/* The server's own words of it go to those who wait, unless they may have a stale answer. */
static void give_failure(struct context *context, struct question *question,
                         struct rd_message *wire, struct io_message *msg)
{
    bool kept = keep_answer(context, question, wire, msg);

    if (question->stale || !kept) {
        settle_failed(context, question, RD_EDE_NO_REACHABLE_AUTHORITY,
                      &context->stats->failed_rcode, msg);
        return;
    }
    rd_stat_add(&context->stats->failed_rcode, question->n_waiters);
    settle_answered(context, question, msg->data, msg->len, wire, msg);
}

/* Whether a server said of its own why it failed, and said all of it. */
static bool explains(const struct rd_message *wire)
{
    return (wire->flags & RD_DNS_RCODE) == RD_SERVFAIL && wire->edns.n_ede > 0 &&
           wire->edns.extended_rcode == 0 && !(wire->flags & RD_DNS_TC);
}

static bool was_sent_by_tcp(const struct question *question)
{
    for (unsigned i = 0; i < question->n_attempts; i++)
        if (question->attempts[i].tcp)
            return true;
    return false;
}

/* Somebody might know, but could not be asked from here: no finding on the name. CUT: the last one
 * has the rest by TCP. */
static bool is_our_shortage(const struct question *question, enum attempt_result result, bool cut)
{
    return result == ATTEMPT_NO_PORT || result == ATTEMPT_CAPPED || result == ATTEMPT_NO_POOL ||
           (cut && !was_sent_by_tcp(question));
}

/* Attempt INDEX got no answer and never will. Another server is asked; when there is none left,
 * who waits gets SERVFAIL, with what the server said of its own. CUT: it has the rest by TCP, and
 * the fault may be ours. Takes MSG. */
static void fail_over(struct context *context, struct question *question, unsigned index,
                      struct rd_message *wire, bool cut, struct io_message *msg)
{
    uint8_t server = question->attempts[index].server;
    enum attempt_result next;
    bool shortage;

    attempt_end(context, question, index, ATTEMPT_FAILED);
    if (!cut && fleet_failed(context->fleet, server, probe_suffix_hash(&question->key.name),
                             context->now_ns))
        rd_stat_inc(&context->stats->servers_degraded);
    next = attempt_send(context, question, NULL);
    shortage = is_our_shortage(question, next, cut);
    if (next == ATTEMPT_SENT) {
        rd_stat_inc(&context->stats->upstream_failover);
        context_drop(context, msg);
    } else if (attempt_is_awaited(question)) {
        context_drop(context, msg);
    } else if (!shortage && explains(wire)) {
        give_failure(context, question, wire, msg);
    } else {
        if (!shortage)
            keep_failure(context, question);
        settle_failed(context, question, RD_EDE_NO_REACHABLE_AUTHORITY,
                      &context->stats->failed_rcode, msg);
    }
}

/* A name that worked without EDNS; when there are enough of them, it is the server. */
static void note_plain(struct context *context, const struct question *question, uint8_t server)
{
    struct upstream_plain *plain = &context->upstream.servers[server].plain;
    uint32_t name = probe_name_hash(&question->key.name);

    if (plain->n == UPSTREAM_PLAIN_NAMES) {
        if (context->now_ns < plain->until_ns)
            return;
        plain->n = 0; /* EDNS was tried again, and failed again */
    }
    for (unsigned i = 0; i < plain->n; i++)
        if (plain->names[i] == name)
            return;
    plain->names[plain->n++] = name;
    plain->until_ns = context->now_ns + PLAIN_NS;
}

static void take_answer(struct context *context, struct question *question, unsigned index,
                        struct rd_message *wire, struct io_message *msg)
{
    const struct attempt *attempt = &question->attempts[index];

    fleet_answered(context->fleet, attempt->server);
    if (attempt->plain)
        note_plain(context, question, attempt->server);
    if (attempt->hedge)
        rd_stat_inc(&context->stats->upstream_hedge_won);
    if (keep_answer(context, question, wire, msg))
        settle_answered(context, question, msg->data, msg->len, wire, msg);
    else
        settle_failed(context, question, RD_EDE_OTHER, &context->stats->failed_room, msg);
}

static bool was_replaced(const struct question *question, uint8_t server)
{
    for (unsigned i = 0; i < question->n_attempts; i++)
        if (question->attempts[i].server == server && question->attempts[i].outcome == ATTEMPT_VOID)
            return true;
    return false;
}

/* Whether QUESTION, which attempt INDEX got VERDICT for, is asked there once more. */
static bool ask_otherwise(struct context *context, struct question *question, unsigned index,
                          enum verdict verdict)
{
    switch (verdict) {
    case TRUNCATED:
        if (attempt_is_by_tcp(question, question->attempts[index].server)) {
            attempt_end(context, question, index, ATTEMPT_VOID);
            return true;
        }
        if (!attempt_other_way(context, question, index, ATTEMPT_BY_TCP))
            return false;
        rd_stat_inc(&context->stats->upstream_tcp);
        return true;
    case UNEDUCATED:
        return attempt_other_way(context, question, index, ATTEMPT_PLAIN);
    case BAD_COOKIE:
        /* The second time: the way by TCP needs none (RFC 7873 section 5.3). */
        return attempt_other_way(context, question, index,
                                 was_replaced(question, question->attempts[index].server)
                                     ? ATTEMPT_BY_TCP
                                     : ATTEMPT_WITH_COOKIE);
    default:
        return false;
    }
}

/* Whatever it says: it came. Takes MSG. */
static void end_probe(struct context *context, struct question *question,
                      const struct io_message *msg)
{
    probe_replied(context, question);
    attempt_forget(context, question);
    inflight_end(&context->inflight, question);
    context_drop(context, msg);
}

/* An accepted reply to attempt INDEX. Takes MSG. */
static void take_reply(struct context *context, struct question *question, unsigned index,
                       struct rd_message *wire, struct io_message *msg)
{
    const struct attempt *attempt = &question->attempts[index];
    enum verdict verdict = judge(wire, attempt);

    rd_stat_inc(&context->stats->replies_accepted);
    count_rcode(&context->upstream.servers[attempt->server].stats, wire);
    attempt_replied(context, question, index);
    if (wire->edns.present && !attempt->plain)
        context->upstream.servers[attempt->server].plain.n = 0;
    if (question->key.view == QUESTION_PROBE) {
        end_probe(context, question, msg);
    } else if (verdict == ANSWER) {
        take_answer(context, question, index, wire, msg);
    } else if (ask_otherwise(context, question, index, verdict)) {
        context_drop(context, msg);
    } else {
        fail_over(context, question, index, wire, verdict == TRUNCATED, msg);
    }
}

void reply_batch(struct context *context, struct io_message *msgs, unsigned n)
{
    if (n == 0)
        return;
    rd_stat_add(&context->stats->replies_received, n);
    for (unsigned i = 0; i < n; i++) {
        struct rd_message wire;
        unsigned attempt;
        struct question *question = accept_reply(context, &msgs[i], &wire, &attempt);

        if (question)
            take_reply(context, question, attempt, &wire, &msgs[i]);
        else
            context_drop(context, &msgs[i]);
    }
}

/* But for those that another one stands for. */
static bool all_broken(const struct question *question)
{
    for (unsigned i = 0; i < question->n_attempts; i++)
        if (question->attempts[i].outcome != ATTEMPT_BROKEN &&
            question->attempts[i].outcome != ATTEMPT_VOID)
            return false;
    return true;
}

/* Whether QUESTION has nothing more to wait for; if it has, the next attempt is under way. */
static bool is_over(struct context *context, struct question *question)
{
    if (context->now_ns >= question->deadline_ns)
        return true;
    if (question->following) {
        follow_again(context, question);
        return false;
    }
    attempt_again(context, question);
    /* Nothing more will be sent, and nothing more can come. */
    return !attempt_is_awaited(question) && question->due_ns >= question->deadline_ns;
}

void reply_timeout(struct context *context, struct rd_timer *timer)
{
    struct question *question = (struct question *)timer;

    if (question->stale && !question->stale_given &&
        context->now_ns >= question->asked_ns + ATTEMPT_STALE_NS)
        settle_stale(context, question);
    if (context->now_ns < question->due_ns) {
        attempt_arm(context, question, question->due_ns);
        return;
    }
    if (!is_over(context, question))
        return;
    if (question->key.view == QUESTION_PROBE)
        probe_lost(context, question);
    else if (!question->following)
        keep_failure(context, question);
    if (question->following)
        settle_failed(context, question, RD_EDE_NO_REACHABLE_AUTHORITY,
                      &context->stats->failed_followed, NULL);
    else if (all_broken(question))
        settle_failed(context, question, RD_EDE_NETWORK_ERROR, &context->stats->failed_network,
                      NULL);
    else
        settle_failed(context, question, RD_EDE_NO_REACHABLE_AUTHORITY,
                      &context->stats->failed_timeout, NULL);
}

void reply_abandon(struct context *context, struct rd_timer *timer)
{
    struct question *question = (struct question *)timer;

    follow_dismiss(context, question);
    settle_failed(context, question, RD_EDE_NOT_READY, &context->stats->failed_timeout, NULL);
}
