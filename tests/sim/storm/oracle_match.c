/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_match.c - an answer beside what upstreams have said of its question.
 *
 * Records stand in the order in which they were said, but for addresses that may be turned; what
 * was said may be old, not stale beyond measure, and not from before a flush that the client knows
 * of. Who asked before the reply came may be told of it as it came.
 */
#include <stdio.h>
#include <string.h>

#include "sim/storm/oracle_state.h"
#include "sim/storm/truth.h"

#define TYPE_A    1
#define TYPE_SOA  6
#define TYPE_AAAA 28
#define LATE_S    10 /* lives shorter than this are not refreshed */
#define NXDOMAIN  3
#define SERVFAIL  2

#define STALE_TTL_S 30

/* An answer beside one thing that was said. */
struct pair {
    struct oracle *oracle;
    const struct reading *answer;
    const struct copy *copy;
    const struct subject *subject; /* that was asked for */
    struct said *said;
    uint32_t room; /* for all but our OPT */
    bool above;    /* a denial of a name above: of it the SOA alone counts */
};

static bool near(const struct pair *pair, enum nearness near)
{
    if (near > pair->oracle->near) {
        pair->oracle->near = near;
        pair->oracle->near_said = pair->said;
    }
    return false;
}

/* -- records ---------------------------------------------------------------------------------- */

static bool may_turn(const struct pair *pair, const struct said_record *record)
{
    return record->section == READING_ANSWER && record->type == pair->subject->type &&
           (record->type == TYPE_A || record->type == TYPE_AAAA);
}

/* Each record of the answer is the one that was said in its place. */
static bool in_order(const struct pair *pair)
{
    const struct said *said = pair->said;
    uint64_t turned = 0;

    for (unsigned i = 0; i < pair->answer->n; i++) {
        const struct reading_record *is = &pair->answer->at[i];
        const struct said_record *was = &said->at[i];

        if (i >= said->n || is->head != was->head || is->section != was->section)
            return false;
        if (may_turn(pair, was))
            turned += is->whole - was->whole;
        else if (is->whole != was->whole)
            return false;
    }
    return turned == 0;
}

/* Each is one of those that were said, in its section. */
static bool in_any_order(const struct pair *pair)
{
    const struct said *said = pair->said;

    for (unsigned i = 0; i < pair->answer->n; i++) {
        const struct reading_record *is = &pair->answer->at[i];
        unsigned k = 0;

        while (k < said->n &&
               (said->at[k].whole != is->whole || said->at[k].section != is->section))
            k++;
        if (k == said->n)
            return false;
    }
    return true;
}

/* Whether what is missing may be: additional records at the end, by whole RRsets, for want of room.
 */
static bool is_enough(const struct pair *pair)
{
    const struct said *said = pair->said;
    unsigned n = pair->answer->n;

    if (n < said->count[READING_ANSWER] + said->count[READING_AUTHORITY])
        return false;
    if (n == said->n)
        return true;
    if (n > 0 && said->at[n].section == said->at[n - 1].section &&
        said->at[n].head == said->at[n - 1].head)
        return false;
    return said->bytes[1] > pair->room;
}

static bool has_records(const struct pair *pair)
{
    if (pair->answer->flags & FLAG_TC)
        return pair->said->bytes[0] > pair->room || near(pair, NEAR_PART);
    if (pair->said->odd)
        return in_any_order(pair) || near(pair, NEAR_RECORDS);
    if (!in_order(pair))
        return near(pair, NEAR_RECORDS);
    return is_enough(pair) || near(pair, NEAR_PART);
}

/* The denial's SOA, the first one, and nothing else. */
static const struct said_record *soa_of(const struct said *said)
{
    for (unsigned i = 0; i < said->n; i++)
        if (said->at[i].section == READING_AUTHORITY && said->at[i].type == TYPE_SOA)
            return &said->at[i];
    return NULL;
}

static bool has_soa(const struct pair *pair)
{
    const struct said_record *soa = soa_of(pair->said);
    const struct reading *answer = pair->answer;

    if (!soa)
        return false;
    if (answer->flags & FLAG_TC)
        return pair->said->bytes[0] + 255 > pair->room || near(pair, NEAR_PART);
    return (answer->n == 1 && answer->at[0].section == READING_AUTHORITY &&
            answer->at[0].whole == soa->whole) ||
           near(pair, NEAR_RECORDS);
}

/* -- times ------------------------------------------------------------------------------------ */

static uint32_t left_of(uint32_t ttl, uint64_t age_s)
{
    return ttl > age_s ? ttl - (uint32_t)age_s : 0;
}

/* Of the records that are the same as RECORD. */
static uint32_t most_ttl(const struct said *said, const struct reading_record *record)
{
    uint32_t most = 0;

    for (unsigned i = 0; i < said->n; i++)
        if (said->at[i].whole == record->whole && said->at[i].ttl > most)
            most = said->at[i].ttl;
    return most;
}

static bool ttls_are(const struct pair *pair, uint64_t age_s)
{
    const struct said *said = pair->said;

    if (pair->above && pair->answer->n == 1)
        return pair->answer->at[0].ttl == left_of(soa_of(said)->ttl, age_s);
    for (unsigned i = 0; i < pair->answer->n; i++) {
        const struct reading_record *is = &pair->answer->at[i];

        if (said->odd ? is->ttl > most_ttl(said, is) : is->ttl != left_of(said->at[i].ttl, age_s))
            return false;
    }
    return true;
}

static bool ttls_are_stale(const struct pair *pair)
{
    for (unsigned i = 0; i < pair->answer->n; i++)
        if (pair->answer->at[i].ttl != STALE_TTL_S)
            return false;
    return true;
}

/* How old what was said may be taken for. */
struct age {
    uint64_t low_ns, high_ns;
};

static struct age age_of(const struct pair *pair)
{
    uint64_t slack_ns = pair->oracle->rules.clock_slack_ns;
    uint64_t ns = oracle_clock(pair->oracle) - pair->said->taken_ns;

    return (struct age){ns > slack_ns ? ns - slack_ns : 0, ns + slack_ns};
}

/* Of those who waited when it came, also at other workers. */
static bool is_direct(const struct pair *pair)
{
    return pair->copy->event < pair->said->event && pair->subject == pair->said->subject &&
           pair->copy->fate != FATE_MEMORY &&
           oracle_clock(pair->oracle) - pair->said->taken_ns <= ORACLE_PATIENCE_NS;
}

static bool is_fresh(const struct pair *pair)
{
    const struct said *said = pair->said;
    uint64_t end_ns = said->lifetime_s * RD_NS_PER_S;
    struct age age = age_of(pair);

    if (is_direct(pair) && ttls_are(pair, 0))
        return true;
    if (!said->kept || age.low_ns >= end_ns)
        return false;
    if (age.high_ns >= end_ns)
        age.high_ns = end_ns - 1;
    for (uint64_t s = age.low_ns / RD_NS_PER_S; s <= age.high_ns / RD_NS_PER_S; s++)
        if (ttls_are(pair, s))
            return true;
    return false;
}

static bool is_stale(const struct pair *pair)
{
    const struct oracle_rules *rules = &pair->oracle->rules;
    const struct said *said = pair->said;
    struct age age = age_of(pair);

    if (!said->kept || rules->stale_ns == 0 || pair->above || pair->copy->fate == FATE_MEMORY)
        return false;
    if (rules->calm && rules->storm->config.cache_stale_mode == RD_STALE_ON_FAILURE)
        return false;
    return age.high_ns >= said->least_lifetime_s * RD_NS_PER_S &&
           age.low_ns <= said->lifetime_s * RD_NS_PER_S + rules->stale_ns + ORACLE_PATIENCE_NS &&
           ttls_are_stale(pair);
}

/* -- all of it -------------------------------------------------------------------------------- */

/* Whether a flush that COPY came after has done away with SAID. */
static bool is_flushed(const struct pair *pair)
{
    const struct oracle *oracle = pair->oracle;
    struct said *said = pair->said;

    for (; !said->flushed && said->unflushed < pair->copy->flushes; said->unflushed++)
        if (oracle_flush_covers(&oracle->flushes[said->unflushed], said->subject)) {
            said->flushed = true;
            break;
        }
    return said->flushed && said->unflushed < pair->copy->flushes;
}

static bool has_ede(const struct said *said, uint16_t ede)
{
    for (unsigned i = 0; i < said->n_edes; i++)
        if (said->edes[i] == ede)
            return true;
    return false;
}

/* Whether the answer has, where there is room, what the upstream said of it. */
static bool has_said_edes(const struct pair *pair)
{
    const struct said *said = pair->said;
    const struct reading_edns *edns = &pair->answer->edns;
    uint32_t most = said->n_edes * (6 + RD_EDE_TEXT_BYTES);

    if (!edns->present || pair->above || said->odd || said->n_edes == 0 ||
        pair->answer->flags & FLAG_TC || said->bytes[1] + most > pair->room)
        return true;
    for (unsigned i = 0; i < said->n_edes; i++) {
        unsigned k = 0;

        while (k < edns->n_edes && edns->edes[k] != said->edes[i])
            k++;
        if (k == edns->n_edes)
            return false;
    }
    return true;
}

/* The word of a pool that is trusted, for those who asked. */
static bool may_have_ad(const struct pair *pair)
{
    const struct oracle_rules *rules = &pair->oracle->rules;
    const struct rd_config *config = &rules->storm->config;
    bool trusted =
        rules->trust_ad || config->pools[truth_pool(rules->storm, pair->subject->name)].trust_ad;

    return trusted && pair->said->ad && !pair->above && !(pair->answer->flags & FLAG_TC) &&
           (pair->copy->flags & FLAG_AD || pair->copy->dnssec_ok);
}

/* AD and extended errors; OWN: one that may be our own. */
static bool has_flags(const struct pair *pair, uint16_t own)
{
    const struct said *said = pair->said;
    const struct reading_edns *edns = &pair->answer->edns;
    bool has_ad = pair->answer->flags & FLAG_AD;

    if (has_ad && !may_have_ad(pair))
        return false;
    if (!has_ad && own == UINT16_MAX && may_have_ad(pair))
        return false;
    for (unsigned i = 0; i < edns->n_edes; i++)
        if (edns->edes[i] != own && (pair->above || !has_ede(said, edns->edes[i])))
            return false;
    return has_said_edes(pair);
}

/* A late one must have been asked for again: audit.c compares. */
static void note_hit(struct oracle *oracle, const struct said *said, const struct copy *copy)
{
    const struct rd_config *config = &oracle->rules.storm->config;
    uint64_t age_ns = oracle_now(oracle) - said->taken_ns;

    if (oracle->rules.calm && config->cache_prefetch && copy->fate == FATE_FORWARD &&
        copy->event > said->event && said->kept && !said->odd && said->least_lifetime_s >= LATE_S &&
        age_ns >= said->lifetime_s * (RD_NS_PER_S / 10) * 9)
        oracle->counts.late_hits++;
}

static enum match match_one(const struct pair *pair)
{
    const struct said *said = pair->said;
    bool fresh, stale;

    if (said->view != pair->copy->view)
        return MATCH_NONE;
    if (said->rcode != (pair->answer->flags & FLAG_RCODE)) {
        near(pair, NEAR_RCODE);
        return MATCH_NONE;
    }
    if (!(pair->above ? has_soa(pair) : has_records(pair)))
        return MATCH_NONE;
    if (said->forged || is_flushed(pair)) {
        near(pair, said->forged ? NEAR_FORGED : NEAR_FLUSHED);
        return MATCH_NONE;
    }
    fresh = is_fresh(pair);
    stale = is_stale(pair);
    if (fresh && has_flags(pair, UINT16_MAX)) {
        note_hit(pair->oracle, said, pair->copy);
        return MATCH_FRESH;
    }
    if (stale && has_flags(pair, said->rcode == NXDOMAIN ? 19 : 3))
        return MATCH_STALE;
    near(pair, fresh || stale ? NEAR_FLAGS : NEAR_TIME);
    return MATCH_NONE;
}

/* Of all that was said of SUBJECT, the newest first. */
static enum match match_all(struct pair *pair, const struct subject *subject, bool of_name,
                            bool *ret_lucky)
{
    enum match match = MATCH_NONE;

    for (struct said *said = subject ? subject->said : NULL; said; said = said->next) {
        pair->said = said;
        if (of_name && !said->of_name)
            continue;
        match = match_one(pair);
        if (match == MATCH_NONE)
            continue;
        *ret_lucky = said->lucky;
        break;
    }
    return match;
}

/* By denials of the names above (RFC 8020). */
static enum match match_above(struct pair *pair, bool *ret_lucky)
{
    const struct subject *subject = pair->subject;
    enum match match = MATCH_NONE;

    pair->above = true;
    for (size_t at = subject->name[0] + 1u; subject->len > 1 && subject->name[at] != 0;
         at += subject->name[at] + 1u) {
        match = match_all(
            pair, oracle_subject(pair->oracle, subject->name + at, subject->len - at, 0, false),
            true, ret_lucky);
        if (match != MATCH_NONE)
            break;
    }
    return match;
}

enum match oracle_match(struct oracle *oracle, const struct subject *subject,
                        const struct copy *copy, uint32_t room, bool *ret_lucky)
{
    struct pair pair = {.oracle = oracle,
                        .answer = &oracle->reading,
                        .copy = copy,
                        .subject = subject,
                        .room = room};
    enum match match = match_all(&pair, subject, false, ret_lucky);

    if (match != MATCH_NONE || (oracle->reading.flags & FLAG_RCODE) != NXDOMAIN)
        return match;
    match = match_all(&pair, oracle_subject(oracle, subject->name, subject->len, 0, false), true,
                      ret_lucky);
    if (match == MATCH_NONE && oracle->rules.cut && !copy->dnssec_ok)
        match = match_above(&pair, ret_lucky);
    return match;
}

/* It is given as it was said, for as long as it is remembered. */
bool oracle_match_failure(struct oracle *oracle, const struct subject *subject,
                          const struct copy *copy, uint32_t room)
{
    struct pair pair = {.oracle = oracle,
                        .answer = &oracle->reading,
                        .copy = copy,
                        .subject = subject,
                        .room = room};

    for (struct said *said = subject->said; said; said = said->next) {
        pair.said = said;
        if (age_of(&pair).low_ns > ORACLE_FAILURE_NS)
            break;
        if (said->rcode != SERVFAIL || said->forged || said->view != copy->view ||
            is_flushed(&pair))
            continue;
        if (has_records(&pair) && ttls_are(&pair, 0) && has_flags(&pair, 13))
            return true;
    }
    return false;
}

static uint64_t ms(uint64_t ns)
{
    return ns / RD_NS_PER_MS;
}

void oracle_match_tell(const struct oracle *oracle, char *text, size_t bytes)
{
    static const char *const texts[] = {
        [NEAR_NOTHING] = "nobody has said anything of it",
        [NEAR_RCODE] = "nobody has said such an RCODE",
        [NEAR_RECORDS] = "nobody has said these records of it",
        [NEAR_PART] = "not all that was said, though there is room",
        [NEAR_FORGED] = "only a forger has said so",
        [NEAR_FLUSHED] = "it was asked before a flush",
        [NEAR_TIME] = "a TTL, or its age, is wrong",
        [NEAR_FLAGS] = "AD or an extended error that nobody has said, or one is missing",
        [NEAR_TOLD] = "",
    };
    const struct reading *reading = &oracle->reading;
    const struct said *said = oracle->near_said;
    int n;

    if (oracle->near == NEAR_TOLD) {
        snprintf(text, bytes, "%s", oracle->why);
        return;
    }
    n = snprintf(text, bytes, "%s (RCODE %u, %u records, first TTL %u", texts[oracle->near],
                 reading->flags & FLAG_RCODE, reading->n, reading->n ? reading->at[0].ttl : 0);
    if (said)
        snprintf(text + n, bytes - (size_t)n,
                 "; said %" PRIu64 " ms ago: RCODE %u, %u records, first TTL %u, life %u s%s)",
                 ms(oracle_clock(oracle) - said->taken_ns), said->rcode, said->n,
                 said->n ? said->at[0].ttl : 0, said->lifetime_s, said->kept ? "" : ", not kept");
    else
        snprintf(text + n, bytes - (size_t)n, ")");
}
