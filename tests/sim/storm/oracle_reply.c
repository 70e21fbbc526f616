/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_reply.c - replies: whose they are, and whether what they say counts.
 *
 * One that must not be accepted is as if it had not come; but when it is an upstream's own, it is a
 * reason for whatever error follows. Not here: what a good one says (oracle_said.c).
 */
#include <stdlib.h>
#include <string.h>

#include "sim/storm/oracle_state.h"

#define CLASS_IN  1
#define TYPE_NS   2
#define TYPE_SOA  6
#define UDP_BYTES 1232 /* that are offered upstream */
#define COOKIE    8
#define SERVER    32 /* the most of a server's cookie */

#define SWEEP_LEAST 16
#define MANY_PORTS  1024 /* enough for every server to have another one */

enum verdict {
    NOT_OURS, /* it changes nothing */
    FAILURE,  /* it is heard, and another server is asked, or the same in another way */
    TOLD,     /* a failure that may be told, in the server's own words */
    GOOD,
};

static uint64_t ask_hash(unsigned worker, const struct io_message *msg, uint16_t id)
{
    uint64_t key[2] = {(uint64_t)msg->port << 16 | id, (uint64_t)worker << 8 | msg->origin};

    return reading_hash(4, key, sizeof(key));
}

static bool is_of(const struct asked *ask, unsigned worker, const struct io_message *msg,
                  uint16_t id)
{
    return ask->worker == worker && ask->origin == msg->origin && ask->port == msg->port &&
           ask->id == id;
}

static struct asked *find_ask(struct oracle *oracle, unsigned worker, const struct io_message *msg,
                              uint16_t id)
{
    uint64_t hash = ask_hash(worker, msg, id);
    struct node *node = NULL;

    while ((node = table_find(&oracle->asks, hash, node)))
        if (is_of(HOLDER(node, struct asked, node), worker, msg, id))
            return HOLDER(node, struct asked, node);
    return NULL;
}

static void forget_ask(struct oracle *oracle, struct asked *ask)
{
    link_remove(&ask->aging);
    table_remove(&oracle->asks, &ask->node);
    free(ask);
}

struct asked *oracle_ask_new(struct oracle *oracle, unsigned worker, const struct io_message *msg)
{
    uint64_t now_ns = oracle_now(oracle);
    struct asked *ask = find_ask(oracle, worker, msg, oracle->reading.id);

    if (ask)
        forget_ask(oracle, ask);
    while (!link_is_alone(&oracle->asks_aging)) {
        struct asked *oldest = HOLDER(oracle->asks_aging.after, struct asked, aging);

        if (now_ns - oldest->asked_ns <= ORACLE_MEMORY_NS)
            break;
        forget_ask(oracle, oldest);
    }
    ask = oracle_memory(sizeof(*ask));
    ask->asked_ns = now_ns;
    ask->worker = (uint8_t)worker;
    ask->origin = msg->origin;
    ask->port = msg->port;
    ask->id = oracle->reading.id;
    ask->flushes = oracle->n_flushes;
    if (msg->origin == IO_PORT)
        ask->wrong_ids = oracle->wrong_ids[worker][msg->port];
    link_init(&ask->aging);
    link_append(&oracle->asks_aging, &ask->aging);
    table_add(&oracle->asks, &ask->node, ask_hash(worker, msg, ask->id));
    return ask;
}

/* -- acceptance ------------------------------------------------------------------------------- */

/* The question is the one that was asked, by UDP also in its spelling. CERTAIN is cleared where
 * that is not to be known from here. */
static bool is_asked(const struct oracle *oracle, const struct asked *ask, bool udp, bool *certain)
{
    const struct reading *reading = &oracle->reading;
    const struct subject *subject = ask->subject;
    bool same;

    if (!subject || reading->name_len != subject->len || reading->type != subject->type ||
        reading->class != CLASS_IN || memcmp(reading->text, subject->name, subject->len) != 0)
        return false;
    same = reading_hash(3, reading->spelled, reading->name_len) == ask->spelled;
    if (!same && ask->lower && oracle->randomizes)
        *certain = false;
    return same || !udp || ask->lower;
}

/* A wrong cookie does not pass; whether one may be missing depends on what the server did before.
 */
static bool has_cookie(const struct oracle *oracle, const struct asked *ask, bool *certain)
{
    const struct reading_edns *edns = &oracle->reading.edns;

    if (!ask->cookie)
        return true;
    if (edns->cookie_len == 0) {
        *certain = false;
        return true;
    }
    if (edns->cookie_len < COOKIE || memcmp(edns->cookie, ask->client_cookie, COOKIE) != 0)
        return false;
    return edns->cookie_len == COOKIE ||
           (edns->cookie_len >= 2 * COOKIE && edns->cookie_len <= COOKIE + SERVER);
}

static bool is_referral(const struct reading *reading)
{
    bool ns = false;

    for (unsigned i = 0; i < reading->n; i++) {
        if (reading->at[i].section != READING_AUTHORITY)
            continue;
        if (reading->at[i].type == TYPE_SOA)
            return false;
        ns |= reading->at[i].type == TYPE_NS;
    }
    return ns && reading->count[1] == 0 && !(reading->flags & FLAG_AA);
}

static bool is_bogus(const struct reading_edns *edns)
{
    for (unsigned i = 0; i < edns->n_edes && i < ORACLE_EDES; i++)
        if (edns->edes[i] >= RD_EDE_DNSSEC_FIRST && edns->edes[i] <= RD_EDE_DNSSEC_LAST)
            return true;
    return false;
}

static enum verdict judge(struct oracle *oracle)
{
    const struct reading *reading = &oracle->reading;
    unsigned rcode = (reading->flags & FLAG_RCODE) | (unsigned)reading->edns.extended << 4;

    if (reading->flags & FLAG_TC)
        return FAILURE;
    switch (rcode) {
    case RD_NOERROR:
        return is_referral(reading) ? FAILURE : GOOD;
    case RD_FORMERR:
    case RD_NOTIMP:
        oracle->without_edns |= !reading->edns.present;
        return FAILURE;
    case RD_SERVFAIL:
        if (is_bogus(&reading->edns))
            return GOOD;
        return reading->edns.n_edes > 0 ? TOLD : FAILURE;
    case RD_REFUSED:
        return FAILURE;
    default:
        return rcode > FLAG_RCODE ? FAILURE : GOOD;
    }
}

static enum verdict verdict_on(struct oracle *oracle, const struct asked *ask,
                               const struct io_message *msg, bool *certain)
{
    const struct reading *reading = &oracle->reading;
    bool udp = msg->origin == IO_PORT;

    if (!(reading->flags & FLAG_QR) || reading->flags & FLAG_OPCODE)
        return NOT_OURS;
    if ((udp && (msg->cut || msg->len > UDP_BYTES)) || reading->state < READING_RECORD ||
        !is_asked(oracle, ask, udp, certain))
        return NOT_OURS;
    if (udp && reading->flags & FLAG_TC)
        return FAILURE;
    if (reading->state != READING_WHOLE || reading->tsig)
        return NOT_OURS;
    if (!has_cookie(oracle, ask, certain) && udp)
        return NOT_OURS;
    return judge(oracle);
}

/* -- what is said ----------------------------------------------------------------------------- */

/* What is of no use any more; looked for when there is twice as much as was left the last time. */
static void forget_old(struct oracle *oracle, struct subject *subject)
{
    uint64_t now_ns = oracle_clock(oracle);
    struct said **at = &subject->said;

    if (subject->n_said < subject->sweep_at)
        return;
    while (*at) {
        struct said *said = *at;
        uint64_t life_ns = said->lifetime_s * RD_NS_PER_S + oracle->rules.stale_ns;

        if (now_ns - said->taken_ns <= ORACLE_FAILURE_NS + (said->kept ? life_ns : 0)) {
            at = &said->next;
            continue;
        }
        *at = said->next;
        subject->n_said--;
        free(said);
    }
    subject->sweep_at = 2 * subject->n_said + SWEEP_LEAST;
}

static void keep(struct oracle *oracle, const struct asked *ask, size_t len,
                 enum storm_origin origin)
{
    struct subject *subject = ask->subject;
    struct said *said = oracle_said_new(oracle, subject, len);

    if (said->of_name)
        subject = oracle_subject(oracle, subject->name, subject->len, 0, true);
    said->view = ask->view;
    said->unflushed = ask->flushes;
    said->forged = origin == STORM_FORGED;
    said->lucky = origin == STORM_LUCKY;
    forget_old(oracle, subject);
    said->next = subject->said;
    subject->said = said;
    subject->n_said++;
}

/* A reply that nobody asked for: somebody guesses. */
static void note_guess(struct oracle *oracle, unsigned worker, const struct io_message *msg)
{
    const struct reading *reading = &oracle->reading;

    if (msg->origin == IO_PORT && reading->flags & FLAG_QR && !(reading->flags & FLAG_OPCODE))
        oracle->wrong_ids[worker][msg->port]++;
}

/* Whether so many guesses had come to ASK's port that it should have been asked in another way, and
 * could be: there were ports and buffers for it all the time. */
static bool is_past_guessing(const struct oracle *oracle, const struct asked *ask)
{
    return ask->origin == IO_PORT && oracle->rules.storm->scarce_ns < ask->asked_ns &&
           oracle->rules.storm->plan.max_ports >= MANY_PORTS &&
           oracle->wrong_ids[ask->worker][ask->port] - ask->wrong_ids >= RD_WRONG_IDS &&
           oracle_may_ask_more(oracle, ask);
}

static void note_trouble(const struct oracle *oracle, struct subject *subject)
{
    if (subject->trouble_ns < oracle_now(oracle))
        subject->trouble_ns = oracle_now(oracle);
}

void oracle_reply(struct oracle *oracle, unsigned worker, const struct io_message *msg,
                  const union rd_address *from, enum storm_origin origin)
{
    enum verdict verdict;
    bool certain = true;
    struct asked *ask;

    (void)from; /* a port is connected: the kernel has looked */
    oracle->counts.replies++;
    oracle->event++;
    if (reading_take(&oracle->reading, msg->data, msg->len) == READING_SHORT)
        return;
    ask = find_ask(oracle, worker, msg, oracle->reading.id);
    if (!ask)
        note_guess(oracle, worker, msg);
    if (!ask || !ask->subject || ask->over)
        return;
    /* Whoever forged it may have seen the query with wrong bits; here it is known. */
    if (origin != STORM_GENUINE)
        origin = is_past_guessing(oracle, ask) ? STORM_FORGED : STORM_LUCKY;
    verdict = verdict_on(oracle, ask, msg, &certain);
    if (verdict != GOOD && origin != STORM_FORGED)
        note_trouble(oracle, ask->subject);
    if (verdict == NOT_OURS)
        return;
    ask->over = certain && origin != STORM_FORGED;
    if (verdict != FAILURE)
        keep(oracle, ask, msg->len, origin);
}
