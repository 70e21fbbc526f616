/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_answer.c - whether a client may be told what it is told: the shape of the answer, errors,
 * and what comes from no upstream.
 *
 * An answer is for the newest copy of its group that it would do for; what an older copy may be
 * told is never less. Not here: what upstreams have said (oracle_match.c).
 */
#include <string.h>

#include "sim/storm/oracle_state.h"

#define TYPE_TXT 16
#define TYPE_ANY 255
#define CLASS_CH 3

#define EDE_STALE_ANSWER   3
#define EDE_STALE_NXDOMAIN 19

#define LOCAL_TTL_S   10800
#define OPT_BYTES     11
#define OPTIONS_BYTES 256

/* In calm weather an answer takes so many ways to or from the farthest server at most, and this. */
#define CALM_LEGS 6
#define CALM_NS   (5 * RD_NS_PER_MS)

enum kind { KIND_NONE, KIND_FRESH, KIND_STALE, KIND_ERROR, KIND_BARE };

/* An answer, and for whom it may be. */
struct telling {
    struct oracle *oracle;
    const struct io_message *msg;
    struct group *group;
    const struct copy *copy;
    unsigned rcode; /* with its upper bits */
    bool lucky;
};

/* -- shape ------------------------------------------------------------------------------------ */

/* Bytes that the answer may have. */
static uint32_t limit_of(const struct telling *telling)
{
    const struct copy *copy = telling->copy;
    uint32_t most = telling->oracle->rules.max_answer;
    uint32_t limit = copy->edns && copy->payload > 512 ? copy->payload : 512;

    if (telling->msg->path.via == IO_TCP)
        return RD_DNS_TCP_BYTES;
    return limit < most ? limit : most;
}

/* What is left of them beside our OPT without extended errors. */
static uint32_t room_of(const struct telling *telling)
{
    const struct copy *copy = telling->copy;
    size_t nsid = copy->nsid ? strlen(telling->oracle->rules.storm->config.nsid) : 0;
    uint32_t opt = OPT_BYTES + (nsid ? 4 + (uint32_t)nsid : 0) + (copy->keepalive ? 6 : 0);

    return limit_of(telling) - (copy->edns ? opt : 0);
}

static bool is_bare(enum fate fate)
{
    return fate == FATE_NOTIMP || fate == FATE_UNREAD;
}

/* The flags that are the same whatever is said. */
static bool has_flags(const struct telling *telling)
{
    struct oracle *oracle = telling->oracle;
    const struct copy *copy = telling->copy;
    uint16_t flags = oracle->reading.flags, free = FLAG_RCODE | FLAG_AD | FLAG_TC;
    uint16_t expected = FLAG_QR | FLAG_RA | (copy->flags & (FLAG_RD | FLAG_CD));

    if (copy->fate == FATE_NOTIMP) {
        expected = (uint16_t)(FLAG_QR | (copy->flags & FLAG_OPCODE));
        free = FLAG_RCODE;
    }
    if (copy->local)
        free |= FLAG_AA;
    if ((flags & ~free) != expected)
        return oracle_wrong(oracle, "flags %04x, for a query's %04x", flags, copy->flags);
    return true;
}

static bool has_opt(const struct telling *telling)
{
    struct oracle *oracle = telling->oracle;
    const struct reading *reading = &oracle->reading;
    const struct reading_edns *edns = &reading->edns;
    const struct copy *copy = telling->copy;
    size_t nsid = strlen(oracle->rules.storm->config.nsid);

    if (edns->present != copy->edns)
        return oracle_wrong(oracle, edns->present ? "an OPT for a query without one"
                                                  : "no OPT for a query that has one");
    if (!edns->present)
        return true;
    if (edns->dnssec_ok != copy->dnssec_ok || edns->version != 0 ||
        edns->payload != oracle->rules.max_answer)
        return oracle_wrong(oracle, "an OPT with DO=%u, version %u, size %u", edns->dnssec_ok,
                            edns->version, edns->payload);
    if (edns->extended != telling->rcode >> 4 || (edns->extended && copy->fate != FATE_BADVERS))
        return oracle_wrong(oracle, "an OPT with RCODE %u", telling->rcode);
    if (reading->n > 0 && reading->at[reading->n - 1].late)
        return oracle_wrong(oracle, "records behind the OPT");
    if (edns->others || edns->cookie_len > 0)
        return oracle_wrong(oracle, "an OPT with a foreign option");
    if (edns->nsid && (!copy->nsid || nsid == 0 || edns->nsid_len != nsid))
        return oracle_wrong(oracle, "an OPT with NSID, for nobody who may know");
    if (edns->keepalive && !copy->keepalive)
        return oracle_wrong(oracle, "an OPT with keepalive, for nobody who asked");
    if (telling->msg->len + OPTIONS_BYTES > RD_DNS_TCP_BYTES) /* they go before records do */
        return true;
    if (copy->nsid && nsid > 0 && !edns->nsid)
        return oracle_wrong(oracle, "no NSID for one who asked");
    if (copy->keepalive && !edns->keepalive)
        return oracle_wrong(oracle, "no keepalive for one who asked");
    if (edns->keepalive && edns->keepalive_units != 0 &&
        edns->keepalive_units != oracle->rules.storm->config.tcp_idle / 100)
        return oracle_wrong(oracle, "keepalive of %u units", edns->keepalive_units);
    return true;
}

static bool has_size(const struct telling *telling)
{
    struct oracle *oracle = telling->oracle;
    bool truncated = oracle->reading.flags & FLAG_TC;
    uint32_t limit = limit_of(telling);

    if (telling->msg->path.via == IO_TCP)
        return !truncated || oracle_wrong(oracle, "TC by TCP");
    if (telling->msg->len > limit)
        return oracle_wrong(oracle, "%u bytes, and %u are the most", telling->msg->len, limit);
    if (truncated && oracle->reading.n > 0)
        return oracle_wrong(oracle, "TC, and %u records all the same", oracle->reading.n);
    return true;
}

static bool is_shaped(const struct telling *telling)
{
    struct oracle *oracle = telling->oracle;
    const struct reading *reading = &oracle->reading;

    if (!is_bare(telling->copy->fate) &&
        reading_hash(3, reading->spelled, reading->name_len) != telling->copy->spelled)
        return oracle_wrong(oracle, "the question in another spelling");
    return has_flags(telling) && has_opt(telling) && has_size(telling);
}

/* -- errors ----------------------------------------------------------------------------------- */

static bool has_edes(const struct telling *telling, const uint16_t *allowed, size_t n)
{
    const struct reading_edns *edns = &telling->oracle->reading.edns;

    for (unsigned i = 0; i < edns->n_edes; i++) {
        size_t at = 0;

        while (at < n && allowed[at] != edns->edes[i])
            at++;
        if (at == n)
            return oracle_wrong(telling->oracle, "extended error %u without a reason",
                                edns->edes[i]);
    }
    return true;
}

/* Nothing but RCODE, in an answer of our own. */
static enum kind error_of(const struct telling *telling, unsigned rcode)
{
    static const uint16_t edes[] = {0, 13, 14, 18, 21, 22, 23};
    struct oracle *oracle = telling->oracle;

    if (telling->rcode != rcode) {
        oracle_wrong(oracle, "RCODE %u where only %u may be", telling->rcode, rcode);
        return KIND_NONE;
    }
    if (oracle->reading.n > 0 || oracle->reading.flags & (FLAG_TC | FLAG_AD)) {
        oracle_wrong(oracle, "an error of our own, RCODE %u, with records, TC or AD", rcode);
        return KIND_NONE;
    }
    if (!has_edes(telling, edes, sizeof(edes) / sizeof(edes[0])))
        return KIND_NONE;
    return is_bare(telling->copy->fate) ? KIND_BARE : KIND_ERROR;
}

/* Whether anything that went wrong, now or earlier in a row, may be told to COPY. */
static bool has_reason(struct oracle *oracle, const struct subject *subject,
                       const struct copy *copy)
{
    uint64_t slack_ns = ORACLE_FAILURE_NS + oracle->rules.clock_slack_ns;
    uint64_t since_ns = copy->taken_ns > slack_ns ? copy->taken_ns - slack_ns : 0;
    const struct subject *name;

    if (oracle->rules.calm)
        return false;
    if ((subject->trouble_ns && subject->trouble_ns >= since_ns) ||
        (oracle->trouble_ns && oracle->trouble_ns >= since_ns))
        return true;
    name = oracle_subject(oracle, subject->name, subject->len, 0, false);
    return (name && name->trouble_ns && name->trouble_ns >= since_ns) || oracle_was_short(oracle);
}

/* SERVFAIL: as an upstream has said it, or of our own. */
static enum kind failure_of(const struct telling *telling)
{
    struct oracle *oracle = telling->oracle;
    const struct subject *subject = telling->group->subject;

    if (oracle_match_failure(oracle, subject, telling->copy, room_of(telling)))
        return KIND_ERROR;
    if (error_of(telling, 2) == KIND_NONE)
        return KIND_NONE;
    if (has_reason(oracle, subject, telling->copy))
        return KIND_ERROR;
    oracle_wrong(oracle, "SERVFAIL without a reason");
    return KIND_NONE;
}

/* -- without an upstream ---------------------------------------------------------------------- */

/* One TXT record that says TEXT. */
static bool says(const struct reading *reading, const char *text)
{
    const struct reading_record *record = reading->at;
    size_t len = strlen(text);

    return reading->n == 1 && record->section == READING_ANSWER && record->type == TYPE_TXT &&
           record->class == CLASS_CH && record->ttl == 0 && record->name == reading->name &&
           len > 0 && record->rdata_len == len + 1 &&
           memcmp(reading->text + record->rdata + 1, text, len) == 0;
}

static enum kind identity_of(const struct telling *telling)
{
    struct oracle *oracle = telling->oracle;
    const struct rd_config *config = &oracle->rules.storm->config;
    const struct reading *reading = &oracle->reading;

    if (telling->rcode != 0)
        return error_of(telling, 5);
    if ((reading->type == TYPE_TXT || reading->type == TYPE_ANY) &&
        (says(reading, config->version_bind) || says(reading, config->server_id)))
        return KIND_FRESH;
    oracle_wrong(oracle, "something other of class CH than what is configured");
    return KIND_NONE;
}

static enum kind local_of(const struct telling *telling)
{
    return oracle_match_local(telling->oracle, telling->rcode) ? KIND_FRESH : KIND_NONE;
}

/* -- what upstreams have said ----------------------------------------------------------------- */

/* A stale answer says so, if there is room. */
static bool tells_staleness(const struct telling *telling)
{
    struct oracle *oracle = telling->oracle;
    const struct reading_edns *edns = &oracle->reading.edns;
    uint16_t ede = telling->rcode == 3 ? EDE_STALE_NXDOMAIN : EDE_STALE_ANSWER;

    if (oracle->reading.flags & FLAG_AD)
        return oracle_wrong(oracle, "a stale answer with AD");
    for (unsigned i = 0; i < edns->n_edes; i++)
        if (edns->edes[i] == ede)
            return true;
    if (!edns->present || edns->n_edes == READING_EDES || telling->msg->len + 6 > limit_of(telling))
        return true;
    return oracle_wrong(oracle, "a stale answer without extended error %u", ede);
}

static enum kind said_of(struct telling *telling)
{
    switch (oracle_match(telling->oracle, telling->group->subject, telling->copy, room_of(telling),
                         &telling->lucky)) {
    case MATCH_FRESH:
        return KIND_FRESH;
    case MATCH_STALE:
        return tells_staleness(telling) ? KIND_STALE : KIND_NONE;
    case MATCH_NONE:
        break;
    }
    return KIND_NONE;
}

static enum kind forwarded_of(struct telling *telling)
{
    struct oracle *oracle = telling->oracle;

    if (telling->copy->local && oracle->reading.flags & FLAG_AA)
        return local_of(telling);
    if (telling->rcode == 2)
        return failure_of(telling);
    if (telling->rcode == 1 || telling->rcode == 4 || telling->rcode == 5 || telling->rcode > 15) {
        oracle_wrong(oracle, "RCODE %u without a reason", telling->rcode);
        return KIND_NONE;
    }
    return said_of(telling);
}

/* What the answer is to COPY; KIND_NONE: it may not be told that. */
static enum kind kind_for(struct telling *telling, const struct copy *copy)
{
    telling->copy = copy;
    if (!is_shaped(telling))
        return KIND_NONE;
    switch ((enum fate)copy->fate) {
    case FATE_NOTIMP:
        return error_of(telling, 4);
    case FATE_UNREAD:
    case FATE_FORMERR:
        return error_of(telling, 1);
    case FATE_REFUSED:
        return error_of(telling, 5);
    case FATE_BADVERS:
        return error_of(telling, 16);
    case FATE_IDENTITY:
        return identity_of(telling);
    case FATE_MEMORY:
        if (telling->rcode == 5)
            return error_of(telling, 5);
        return copy->local && telling->oracle->reading.flags & FLAG_AA ? local_of(telling)
                                                                       : said_of(telling);
    case FATE_PROBE:
        return telling->rcode == 5 ? error_of(telling, 5) : forwarded_of(telling);
    case FATE_FORWARD:
        break;
    }
    return forwarded_of(telling);
}

/* -- the answer ------------------------------------------------------------------------------- */

static bool is_read(const struct reading *reading)
{
    if (reading->state == READING_WHOLE)
        return true;
    return reading->state == READING_QUESTION && reading->count[0] == 0 &&
           reading->rest == READING_WHOLE;
}

static void count(struct oracle *oracle, const struct telling *telling, enum kind kind)
{
    struct oracle_counts *counts = &oracle->counts;

    counts->fresh += kind == KIND_FRESH;
    counts->stale += kind == KIND_STALE;
    counts->errors += kind == KIND_ERROR;
    counts->bare += kind == KIND_BARE;
    counts->lucky += telling->lucky;
}

/* Where nothing goes wrong nobody waits for longer than a question takes: by UDP, then by TCP. */
static void expect_promptness(const struct telling *telling)
{
    const struct storm_plan *plan = &telling->oracle->rules.storm->plan;
    uint64_t ns = oracle_now(telling->oracle) - telling->copy->taken_ns, most_ns = 0;

    if (!telling->oracle->rules.calm)
        return;
    for (unsigned pool = 0; pool < plan->pools; pool++)
        for (unsigned i = 0; i < plan->servers[pool]; i++)
            if (plan->latency_ns[pool][i] > most_ns)
                most_ns = plan->latency_ns[pool][i];
    if (ns > CALM_LEGS * most_ns + CALM_NS)
        oracle_complain(telling->oracle, telling->group, "answered late, and all is calm");
}

/* Tries the copies of the group that have no answer yet. */
static void take(struct telling *telling)
{
    struct oracle *oracle = telling->oracle;
    char text[200];
    bool any = false;

    oracle->near = NEAR_NOTHING;
    oracle->near_said = NULL;
    for (struct copy *copy = telling->group->copies; copy; copy = copy->next) {
        enum kind kind = copy->answered ? KIND_NONE : kind_for(telling, copy);

        any |= !copy->answered;
        if (kind == KIND_NONE)
            continue;
        expect_promptness(telling);
        oracle_answered(telling->group, copy);
        count(oracle, telling, kind);
        return;
    }
    if (!any) {
        oracle_complain(oracle, telling->group, "more answers than queries");
        return;
    }
    oracle_match_tell(oracle, text, sizeof(text));
    oracle_complain(oracle, telling->group, text);
}

void oracle_answer(struct oracle *oracle, unsigned worker, const struct io_message *msg)
{
    struct reading *reading = &oracle->reading;
    struct telling telling = {.oracle = oracle, .msg = msg};
    struct subject *subject = NULL;
    bool bare;

    oracle->counts.answers++;
    oracle->event++;
    oracle_age(oracle);
    reading_take(reading, msg->data, msg->len);
    if (!is_read(reading)) {
        oracle_report(oracle, "oracle: an answer", NULL, "cannot be read (%d)", reading->state);
        return;
    }
    bare = reading->state == READING_QUESTION;
    if (!bare)
        subject = oracle_subject_of(oracle, reading, false);
    if (bare || subject)
        telling.group = oracle_group(oracle, worker, &msg->path, reading->id, subject,
                                     bare ? 0 : reading->class);
    if (!telling.group) {
        const struct group nobody = {
            .peer = msg->path.peer, .via = msg->path.via, .id = reading->id, .subject = subject};

        oracle_complain(oracle, &nobody, "an answer to nobody's question");
        return;
    }
    telling.rcode = (reading->flags & FLAG_RCODE) | (unsigned)reading->edns.extended << 4;
    take(&telling);
}
