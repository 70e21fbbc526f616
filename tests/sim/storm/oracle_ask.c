/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_ask.c - what is asked of upstreams: how it must look, of whom, how often, and by whom.
 *
 * A worker that asks leads: no other one may ask the same as long as a client that came before the
 * asking still waits for it. There are exceptions, and each is looser here than it could be: after
 * a flush, after a reload, when the table of claims was full a moment ago, when an answer was lost.
 */
#include <stdio.h>
#include <string.h>

#include "sim/sim_io.h"
#include "sim/storm/oracle_state.h"
#include "sim/storm/truth.h"

#define CLASS_IN    1
#define TYPE_NS     2
#define TOKEN       16
#define COOKIE      8
#define SAME_IDS    3 /* in a row; by chance: once in 2^48 */
#define UDP_BYTES   1232
#define FULL_FOR_NS ORACLE_PATIENCE_NS
#define CHANGE_NS   (6 * RD_NS_PER_S) /* 4 s, and a worker that was held */
#define NO_SERVER   ORACLE_SERVERS
/* 10 s, a look at them now and then, and a worker that was held */
#define PORT_LIFE_NS (14 * RD_NS_PER_S)

/* A message to an upstream. */
struct asking {
    struct oracle *oracle;
    const struct io_message *msg;
    struct subject *subject; /* NULL: a probe */
    unsigned worker, view, server;
    bool lower;
};

static bool wrong(const struct asking *asking, const char *why)
{
    char who[40];
    struct subject shown = {.len = 0};
    const struct reading *reading = &asking->oracle->reading;

    snprintf(who, sizeof(who), "oracle: worker %u asks", asking->worker);
    if (reading->state > READING_QUESTION) {
        shown.len = (uint8_t)reading->name_len;
        shown.type = reading->type;
        memcpy(shown.name, reading->text, reading->name_len);
    }
    oracle_report(asking->oracle, who, shown.len ? &shown : NULL, "%s", why);
    return false;
}

/* -- its form --------------------------------------------------------------------------------- */

static bool is_form(struct asking *asking)
{
    const struct reading *reading = &asking->oracle->reading;
    const struct reading_edns *edns = &reading->edns;
    uint16_t dnssec_ok = edns->present ? edns->dnssec_ok : !(reading->flags & FLAG_AD);

    if (reading->state != READING_WHOLE || reading->n > 0 || reading->class != CLASS_IN)
        return wrong(asking, "what is no question");
    if ((reading->flags & (uint16_t)~FLAG_CD) != (FLAG_RD | (dnssec_ok ? 0 : FLAG_AD)))
        return wrong(asking, "flags other than RD, CD, and AD without DO");
    if (!edns->present && !asking->oracle->without_edns)
        return wrong(asking, "without EDNS, though no server has asked for that");
    if (edns->present && (edns->version != 0 || edns->extended || edns->payload != UDP_BYTES))
        return wrong(asking, "an OPT of another version or size");
    if (edns->nsid || edns->keepalive || edns->others || edns->n_edes > 0)
        return wrong(asking, "an OPT with a client's options");
    if (edns->cookie_len > 0 && edns->cookie_len < COOKIE)
        return wrong(asking, "half a cookie");
    asking->view = (unsigned)dnssec_ok << 1 | (reading->flags & FLAG_CD ? 1 : 0);
    return true;
}

/* Lower case, unless the pool randomizes; one pool that does is as good as all. */
static bool is_spelled(struct asking *asking)
{
    const struct reading *reading = &asking->oracle->reading;

    asking->lower = memcmp(reading->spelled, reading->text, reading->name_len) == 0;
    return asking->lower || asking->oracle->randomizes || wrong(asking, "in a client's spelling");
}

/* -- of whom ---------------------------------------------------------------------------------- */

/* Whether it begins with a probe's token, in front of SUFFIX. */
static bool is_below_token(const struct reading *reading, const uint8_t *suffix, size_t len)
{
    return reading->text[0] == TOKEN && reading->name_len == 1 + TOKEN + len &&
           memcmp(reading->text + 1 + TOKEN, suffix, len) == 0;
}

static bool is_probe(const struct asking *asking)
{
    static const uint8_t loops[] = "\12loop-probe\7ringdns";
    const struct reading *reading = &asking->oracle->reading;
    const struct rd_config *config = &asking->oracle->rules.storm->config;

    if (reading->name_len == 1 && reading->type == TYPE_NS)
        return true;
    if (is_below_token(reading, loops, sizeof(loops)))
        return true;
    for (uint32_t i = 0; i < config->n_pools; i++)
        if (config->pools[i].probe.len > 1 &&
            is_below_token(reading, config->pools[i].probe.bytes, config->pools[i].probe.len))
            return true;
    return false;
}

static bool find_server(struct asking *asking, const union rd_address *to)
{
    const struct storm *storm = asking->oracle->rules.storm;

    asking->server = NO_SERVER;
    if (to->any.sa_family == AF_UNSPEC)
        return true; /* its stream is dead: nobody hears it */
    for (unsigned i = 0; i < ORACLE_SERVERS; i++) {
        const struct sim_upstream *server =
            storm->servers[i / STORM_MAX_SERVERS][i % STORM_MAX_SERVERS];

        if (server && rd_address_equal(&server->address, to)) {
            asking->server = i;
            return true;
        }
    }
    return wrong(asking, "somebody who is no upstream");
}

/* Whether the configuration has it; what was asked before a reload may be asked again after it. */
static bool is_configured(const struct asking *asking)
{
    const struct oracle *oracle = asking->oracle;
    const struct rd_config *config = &oracle->rules.storm->config;
    const struct rd_server_list *list = &config->pools[asking->server / STORM_MAX_SERVERS].servers;
    const struct sim_upstream *server;

    if (asking->server == NO_SERVER || oracle->reloads == 0 ||
        (oracle->changed_ns && oracle_now(oracle) - oracle->changed_ns <= CHANGE_NS))
        return true;
    server = oracle->rules.storm
                 ->servers[asking->server / STORM_MAX_SERVERS][asking->server % STORM_MAX_SERVERS];
    for (unsigned i = 0; i < list->n; i++)
        if (rd_address_equal(&list->at[i].address, &server->address))
            return true;
    return wrong(asking, "a server that is configured no more");
}

static bool is_of_pool(const struct asking *asking)
{
    const struct oracle *oracle = asking->oracle;

    if (asking->server == NO_SERVER ||
        asking->server / STORM_MAX_SERVERS == truth_pool(oracle->rules.storm, oracle->reading.text))
        return true;
    return wrong(asking, "a server of another pool");
}

/* -- how often, and who ----------------------------------------------------------------------- */

/* The client of SIDE who has waited longest, if he waits for what is asked for him, and no answer
 * was lost; else NULL. After a flush or a reload what was asked before may go on for those who
 * asked before, and beside it the same is asked anew, by anybody. */
static const struct copy *oldest_of(const struct oracle *oracle, const struct side *side)
{
    const struct copy *copy;

    if (link_is_alone(&side->waiting) ||
        (oracle->changed_ns && oracle_now(oracle) - oracle->changed_ns <= CHANGE_NS))
        return NULL;
    copy = HOLDER(side->waiting.after, struct copy, waiting);
    return copy->flushes == oracle->n_flushes && copy->reloads == oracle->reloads &&
                   copy->lost == oracle_lost(oracle)
               ? copy
               : NULL;
}

/* Whether SIDE has asked since COPY came. */
static bool has_asked(const struct side *side, const struct copy *copy)
{
    return side->n_asks > 0 && side->asks[(side->n_asks - 1) % SIDE_ASKS].event > copy->event;
}

/* Whether a worker asked without a claim a moment ago, and may do so again and again. */
static bool was_full(struct oracle *oracle)
{
    const struct storm *storm = oracle->rules.storm;
    uint64_t sum = 0;

    for (unsigned i = 0; i < STORM_MAX_WORKERS; i++)
        if (storm->workers[i])
            sum += rd_stat_get(&rd_worker_stats(storm->workers[i])->pending_full);
    if (sum != oracle->pending_full) {
        oracle->pending_full = sum;
        oracle->pending_full_ns = oracle_now(oracle);
    }
    return sum && oracle_now(oracle) - oracle->pending_full_ns <= FULL_FOR_NS;
}

static bool leads_alone(const struct asking *asking)
{
    struct oracle *oracle = asking->oracle;
    char why[100];
    bool full = was_full(oracle);

    for (const struct side *side = asking->subject->sides; side; side = side->next) {
        const struct copy *copy;

        if (side->worker == asking->worker || side->view != asking->view || full)
            continue;
        copy = oldest_of(oracle, side);
        if (!copy || !has_asked(side, copy))
            continue;
        snprintf(why, sizeof(why), "what worker %u asks already, for %u clients", side->worker,
                 side->n_waiting);
        return wrong(asking, why);
    }
    return true;
}

static void note_ask(const struct asking *asking, struct side *side)
{
    unsigned at = side->n_asks++ % SIDE_ASKS;

    side->asks[at].event = asking->oracle->event;
    side->asks[at].server = (uint8_t)asking->server;
    side->asks[at].tcp = asking->msg->origin == IO_STREAM;
    side->asks[at].port = asking->msg->port;
    side->asked_ns = oracle_now(asking->oracle);
}

/* How often it was asked since EVENT; *RET_SAME: of this server, in this way. */
static unsigned asked_since(const struct asking *asking, const struct side *side, uint64_t event,
                            unsigned *ret_same)
{
    unsigned n = 0;

    *ret_same = 0;
    for (unsigned i = 0; i < SIDE_ASKS && i < side->n_asks; i++) {
        if (side->asks[i].event <= event)
            continue;
        n++;
        *ret_same += side->asks[i].server == asking->server && asking->server != NO_SERVER &&
                     side->asks[i].tcp == (asking->msg->origin == IO_STREAM);
    }
    return n;
}

bool oracle_may_ask_more(const struct oracle *oracle, const struct asked *ask)
{
    const struct side *side = oracle_side(ask->subject, ask->worker, ask->view);
    const struct copy *copy = oldest_of(oracle, side);
    unsigned n = 0;

    for (unsigned i = 0; copy && i < SIDE_ASKS && i < side->n_asks; i++)
        n += side->asks[i].event > copy->event;
    return copy && n < RD_ATTEMPTS_PER_SERVER;
}

/* A guess must hit port and ID together: what is sent again leaves from another port. */
static bool is_from_new_port(const struct asking *asking, const struct side *side)
{
    const struct copy *copy = oldest_of(asking->oracle, side);

    if (!asking->oracle->rules.storm->sim->ios[asking->worker])
        return true; /* there are no ports */
    for (unsigned i = 0; copy && i < SIDE_ASKS && i < side->n_asks; i++)
        if (side->asks[i].event > copy->event && !side->asks[i].tcp &&
            asking->msg->origin == IO_PORT && side->asks[i].port == asking->msg->port)
            return wrong(asking, "from the same port once more");
    return true;
}

/* And a port does not live for long. */
static bool is_port_young(const struct asking *asking)
{
    const struct storm *storm = asking->oracle->rules.storm;
    struct port_life *life;
    uint64_t opened_ns;
    uint32_t number;

    if (asking->msg->origin != IO_PORT)
        return true;
    life = &asking->oracle->ports[asking->worker][asking->msg->port];
    opened_ns = sim_port_opened(storm->sim->ios[asking->worker], asking->msg->port, &number);
    if (life->number != number)
        *life = (struct port_life){.number = number};
    if (number && ++life->asked > RD_PORT_QUESTIONS)
        return wrong(asking, "from a port that has asked enough");
    if (number && oracle_now(asking->oracle) - opened_ns > PORT_LIFE_NS)
        return wrong(asking, "from a port that is too old");
    return true;
}

static bool has_budget(const struct asking *asking, struct side *side)
{
    const struct copy *copy = oldest_of(asking->oracle, side);
    unsigned n, same;
    char why[100];

    note_ask(asking, side);
    if (!copy)
        return true;
    n = asked_since(asking, side, copy->event, &same);
    if (n > RD_ATTEMPTS) {
        snprintf(why, sizeof(why), "for the %uth time, for the same clients", n);
        return wrong(asking, why);
    }
    if (same > RD_ATTEMPTS_PER_SERVER) {
        snprintf(why, sizeof(why), "one server by %s for the %uth time",
                 asking->msg->origin == IO_STREAM ? "TCP" : "UDP", same);
        return wrong(asking, why);
    }
    return true;
}

static bool is_drawn(const struct asking *asking)
{
    struct oracle *oracle = asking->oracle;
    const struct reading_edns *edns = &oracle->reading.edns;

    if (asking->server == NO_SERVER || asking->msg->origin != IO_PORT)
        return true;
    if (oracle_port_repeats(oracle, asking->worker, asking->server, asking->msg->port))
        return wrong(asking, "from one port again and again");
    if (oracle_end_repeats(oracle, asking->server / STORM_MAX_SERVERS))
        return wrong(asking, "with ends of names in lower case again and again");
    if (edns->cookie_len >= COOKIE &&
        oracle_cookie_repeats(oracle, asking->worker, asking->server, edns->cookie))
        return wrong(asking, "with another server's cookie");
    return true;
}

static bool is_chosen(const struct asking *asking, const struct side *side,
                      const union rd_address *to)
{
    const char *why = NULL;

    if (asking->server != NO_SERVER && asking->msg->origin == IO_PORT)
        why = oracle_choice(asking->oracle, asking->subject, side, to);
    return !why || wrong(asking, why);
}

/* A client's ID may come up by chance, not again and again. */
static bool has_own_id(const struct asking *asking, const struct side *side)
{
    struct oracle *oracle = asking->oracle;

    if (side->n_waiting == 0)
        return true;
    oracle->same_ids = side->id == oracle->reading.id ? oracle->same_ids + 1 : 0;
    return oracle->same_ids < SAME_IDS || wrong(asking, "with a client's own ID");
}

static bool is_allowed(struct asking *asking, const union rd_address *to)
{
    struct side *side;

    if (!is_form(asking) || !is_spelled(asking) || !find_server(asking, to) ||
        !is_configured(asking) || !is_port_young(asking))
        return false;
    if (is_probe(asking))
        return true;
    asking->subject = oracle_subject_of(asking->oracle, &asking->oracle->reading, true);
    side = oracle_side(asking->subject, asking->worker, asking->view);
    return is_of_pool(asking) && is_drawn(asking) && is_chosen(asking, side, to) &&
           leads_alone(asking) && is_from_new_port(asking, side) && has_budget(asking, side) &&
           has_own_id(asking, side);
}

static void remember(const struct asking *asking)
{
    const struct reading *reading = &asking->oracle->reading;
    struct asked *ask = oracle_ask_new(asking->oracle, asking->worker, asking->msg);

    ask->subject = asking->subject;
    if (!ask->subject) /* clients may ask for the same */
        ask->subject = oracle_subject_of(asking->oracle, reading, reading->name_len == 1);
    ask->view = (uint8_t)asking->view;
    ask->lower = asking->lower;
    ask->spelled = reading_hash(3, reading->spelled, reading->name_len);
    ask->cookie = reading->edns.cookie_len >= COOKIE;
    if (ask->cookie)
        memcpy(ask->client_cookie, reading->edns.cookie, COOKIE);
}

void oracle_ask(struct oracle *oracle, unsigned worker, const struct io_message *msg,
                const union rd_address *to)
{
    struct asking asking = {.oracle = oracle, .msg = msg, .worker = worker};

    oracle->counts.asked++;
    oracle->event++;
    reading_take(&oracle->reading, msg->data, msg->len);
    if (is_allowed(&asking, to))
        remember(&asking);
}
