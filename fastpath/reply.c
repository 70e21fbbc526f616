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
#include "connection.h"
#include "link.h"
#include "probe.h"
#include "wire/cursor.h"
#include "wire/message.h"

/* How long a server that needs it is asked without EDNS, until EDNS is tried again. */
#define PLAIN_NS (15 * 60 * RD_NS_PER_S)
/* What our OPT may take beyond the reply's own size. */
#define OPT_ROOM 512u

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
           wire->qtype == question->key.type && wire->qclass == question->key.class &&
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

/* Nothing can be said to CLIENT for want of a buffer. */
static void lose(struct context *context, const struct client *client)
{
    rd_stat_inc(&context->stats->answers_lost_buffer);
    if (client->path.via == IO_TCP)
        connection_abort(context, &client->path, &context->stats->connections_lost);
}

/* SERVFAIL to all who wait. MSG: a buffer for the last one, which is taken; NULL: none. */
static void fail(struct context *context, struct question *question, int ede,
                 _Atomic uint64_t *counter, struct io_message *msg)
{
    struct answer_question asked = {&question->key.name, question->key.type, question->key.class};
    struct client client;

    attempt_forget(context, question);
    while (inflight_leave(&context->inflight, question, &client)) {
        struct io_message other;

        rd_stat_inc(counter);
        if (msg && question->n_waiters == 0) {
            answer_error(context, &asked, &client, RD_SERVFAIL, ede, msg);
            msg = NULL;
        } else if (context_alloc(context, RD_DNS_UDP_BYTES, &other)) {
            answer_error(context, &asked, &client, RD_SERVFAIL, ede, &other);
        } else {
            lose(context, &client);
        }
    }
    if (msg)
        context_drop(context, msg);
    inflight_end(&context->inflight, question);
}

/* What an answer to CLIENT may need at most, of a reply of LEN bytes. */
static uint32_t answer_bytes(const struct context *context, const struct client *client,
                             uint32_t len)
{
    if (client->path.via == IO_UDP)
        return (uint32_t)context->snapshot->config.max_answer;
    return len + OPT_ROOM < RD_DNS_TCP_BYTES ? len + OPT_ROOM : RD_DNS_TCP_BYTES;
}

static void answer_all(struct context *context, struct question *question,
                       const struct rd_message *wire, struct io_message *msg)
{
    struct answer_source source = {
        .data = msg->data,
        .wire = wire,
        .name = &question->key.name,
        .trust_ad = question->trust_ad,
    };
    uint32_t len = msg->len;
    struct client client;
    bool taken = false;

    attempt_forget(context, question);
    while (inflight_leave(&context->inflight, question, &client)) {
        uint32_t bytes = answer_bytes(context, &client, len);
        struct io_message other;

        if (question->n_waiters == 0 && msg->cap >= bytes) {
            answer_reply(context, &source, &client, msg);
            taken = true;
        } else if (context_alloc(context, bytes, &other)) {
            answer_reply(context, &source, &client, &other);
        } else {
            lose(context, &client);
        }
    }
    if (!taken)
        context_drop(context, msg);
    inflight_end(&context->inflight, question);
}

enum verdict {
    ANSWER,
    TRUNCATED,  /* the rest is to be had by TCP */
    UNEDUCATED, /* the server knows no EDNS, it seems */
    BAD_COOKIE, /* it wants its new cookie back */
    FAILURE,    /* another server may know better */
};

/* SERVFAIL because of DNSSEC is a finding, not a failure: no other server may find otherwise. */
static bool is_bogus(const struct rd_message *wire)
{
    for (unsigned i = 0; i < wire->edns.n_ede; i++)
        if (wire->edns.ede[i].code >= RD_EDE_DNSSEC_FIRST &&
            wire->edns.ede[i].code <= RD_EDE_DNSSEC_LAST)
            return true;
    return false;
}

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
        return is_bogus(wire) ? ANSWER : FAILURE;
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

/* Attempt INDEX got no answer and never will. Another server is asked; when there is none left,
 * who waits gets SERVFAIL, with what the server said of its own. Takes MSG. */
static void fail_over(struct context *context, struct question *question, unsigned index,
                      const struct rd_message *wire, bool is_its_fault, struct io_message *msg)
{
    uint8_t server = question->attempts[index].server;

    attempt_end(context, question, index, ATTEMPT_FAILED);
    if (is_its_fault && fleet_failed(context->fleet, server, probe_suffix_hash(&question->key.name),
                                     context->now_ns))
        rd_stat_inc(&context->stats->servers_degraded);
    if (attempt_send(context, question, NULL) == ATTEMPT_SENT) {
        rd_stat_inc(&context->stats->upstream_failover);
        context_drop(context, msg);
    } else if (attempt_is_awaited(question)) {
        context_drop(context, msg);
    } else if ((wire->flags & RD_DNS_RCODE) == RD_SERVFAIL && wire->edns.n_ede > 0 &&
               wire->edns.extended_rcode == 0) {
        rd_stat_add(&context->stats->failed_rcode, question->n_waiters);
        answer_all(context, question, wire, msg);
    } else {
        fail(context, question, RD_EDE_NO_REACHABLE_AUTHORITY, &context->stats->failed_rcode, msg);
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
                        const struct rd_message *wire, struct io_message *msg)
{
    const struct attempt *attempt = &question->attempts[index];

    fleet_answered(context->fleet, attempt->server);
    if (attempt->plain)
        note_plain(context, question, attempt->server);
    if (attempt->hedge)
        rd_stat_inc(&context->stats->upstream_hedge_won);
    answer_all(context, question, wire, msg);
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
                       const struct rd_message *wire, struct io_message *msg)
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
        /* Without a way by TCP the fault may be ours. */
        fail_over(context, question, index, wire, verdict != TRUNCATED, msg);
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

void reply_timeout(struct context *context, struct rd_timer *timer)
{
    struct question *question = (struct question *)timer;
    bool over = context->now_ns >= question->deadline_ns;

    if (!over) {
        attempt_again(context, question);
        /* Nothing more will be sent, and nothing more can come. */
        over = !attempt_is_awaited(question) && timer->due_ns >= question->deadline_ns;
        if (!over)
            return;
    }
    if (question->key.view == QUESTION_PROBE)
        probe_lost(context, question);
    if (all_broken(question))
        fail(context, question, RD_EDE_NETWORK_ERROR, &context->stats->failed_network, NULL);
    else
        fail(context, question, RD_EDE_NO_REACHABLE_AUTHORITY, &context->stats->failed_timeout,
             NULL);
}

void reply_abandon(struct context *context, struct rd_timer *timer)
{
    fail(context, (struct question *)timer, RD_EDE_NOT_READY, &context->stats->failed_timeout,
         NULL);
}
