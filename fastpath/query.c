/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query.c - the life of a client's query; all that can become of it is decided here.
 *
 * The batch goes through each stage together. A stage ends queries (answered or dropped) and keeps
 * the rest in order, so that the memory the next stage reads can be asked for ahead.
 */
#include "query.h"

#include <string.h>

#include "answer.h"
#include "ask.h"
#include "attempt.h"
#include "connection.h"
#include "cut.h"
#include "follow.h"
#include "local.h"
#include "probe.h"
#include "recall.h"
#include "wire/message.h"

struct query {
    struct io_message *msg;
    struct rd_message wire;
    struct client client;
    struct rd_key key;
    struct recalled recalled;
    bool known; /* the cache seems to have something for the key */
};

/* What is left of a batch after each stage. */
struct batch {
    unsigned n;
    struct query *list[RD_BATCH];
    struct query queries[RD_BATCH];
};

/* What a stage says of a query: true, it goes on; false, it has ended and its buffer is gone. */
typedef bool stage_fn(struct context *context, struct query *query);

static bool dropped(struct context *context, const struct query *query, _Atomic uint64_t *counter)
{
    rd_stat_inc(counter);
    context_drop(context, query->msg);
    if (query->client.path.via == IO_TCP)
        connection_end(context, &query->client.path);
    return false;
}

/* What came over TCP is no DNS at all. */
static bool hung_up(struct context *context, const struct query *query)
{
    rd_stat_inc(&context->stats->queries_dropped_short);
    context_drop(context, query->msg);
    connection_abort(context, &query->client.path, &context->stats->connections_bad);
    return false;
}

/* An answer without the question, for what could not be read or must not be repeated. */
static bool answered_bare(struct context *context, const struct query *query,
                          enum rd_dns_rcode rcode)
{
    answer_error(context, NULL, &query->client, rcode, RD_EDE_NONE, query->msg);
    return false;
}

static struct answer_question question_of(const struct query *query)
{
    return (struct answer_question){&query->key.name, query->key.type, query->wire.qclass};
}

static bool answered(struct context *context, const struct query *query, enum rd_dns_rcode rcode,
                     int ede)
{
    struct answer_question question = question_of(query);

    answer_error(context, &question, &query->client, rcode, ede, query->msg);
    return false;
}

static bool refused(struct context *context, const struct query *query, int ede,
                    _Atomic uint64_t *counter)
{
    rd_stat_inc(counter);
    return answered(context, query, RD_REFUSED, ede);
}

static bool failed(struct context *context, const struct query *query, int ede,
                   _Atomic uint64_t *counter)
{
    rd_stat_inc(counter);
    return answered(context, query, RD_SERVFAIL, ede);
}

static void note_edns(struct query *query)
{
    const struct rd_edns *edns = &query->wire.edns;
    struct client *client = &query->client;

    client->edns = edns->present;
    client->payload_bytes = edns->payload_bytes;
    client->dnssec_ok = edns->dnssec_ok;
    client->nsid = edns->nsid;
    /* Over UDP the option means nothing (RFC 7828 section 3.2.1). */
    client->keepalive = edns->keepalive && client->path.via == IO_TCP;
}

/* A query with no question, or with several: what it says by OPT is answered by OPT all the same
 * (RFC 6891 section 6.1.1). */
static const struct query *note_opt(struct query *query)
{
    const struct io_message *msg = query->msg;

    if (!msg->cut && rd_message_skip_questions(msg->data, msg->len, &query->wire) &&
        rd_message_sections(msg->data, msg->len, &query->wire) == RD_WIRE_OK)
        note_edns(query);
    return query;
}

/* Header, the one question, EDNS. The opcode is looked at before the counts mean anything. */
static bool parse(struct context *context, struct query *query)
{
    const uint8_t *data = query->msg->data;
    size_t len = query->msg->len;
    struct rd_message *wire = &query->wire;
    struct client *client = &query->client;
    enum rd_wire sections;

    client->path = query->msg->path;
    if (!rd_message_header(data, len, wire))
        return client->path.via == IO_TCP
                   ? hung_up(context, query)
                   : dropped(context, query, &context->stats->queries_dropped_short);
    if (wire->flags & RD_DNS_QR)
        return dropped(context, query, &context->stats->queries_dropped_qr);
    if (context->stopping)
        return dropped(context, query, &context->stats->queries_dropped_stop);
    client->id = wire->id;
    client->flags = wire->flags;
    client->edns = false;
    if (wire->flags & RD_DNS_OPCODE)
        return answered_bare(context, query, RD_NOTIMP);
    if (query->msg->cut ||
        rd_message_question(data, len, wire, &query->key.name, &client->spelling) != RD_WIRE_OK)
        return answered_bare(context, note_opt(query), RD_FORMERR);
    query->key.type = wire->qtype;
    sections = rd_message_sections(data, len, wire);
    if (sections == RD_WIRE_RECORD)
        return answered_bare(context, query, RD_FORMERR);
    note_edns(query);
    if (sections == RD_WIRE_EDNS)
        return answered(context, query, RD_FORMERR, RD_EDE_NONE);
    return true;
}

/* Types that ask for a zone, a key or a mailbox, not for records (RFC 5936, 2930), and OPT, which
 * is none. */
static bool type_refused(uint16_t type)
{
    return type == RD_TYPE_OPT || (type >= RD_TYPE_TKEY && type <= RD_TYPE_MAILA);
}

/* Who may ask, and for what. */
static bool guard(struct context *context, struct query *query)
{
    struct rd_stats *stats = context->stats;
    const struct rd_message *wire = &query->wire;

    if (!rd_acl_allows(&context->snapshot->access, &query->client.path.peer)) {
        query->client.nsid = false; /* who we are is no stranger's business */
        return refused(context, query, RD_EDE_PROHIBITED, &stats->refused_acl);
    }
    if (wire->edns.present && wire->edns.version > 0)
        return answered(context, query, RD_BADVERS, RD_EDE_NONE);
    if (wire->tsig)
        return refused(context, query, RD_EDE_NOT_SUPPORTED, &stats->refused_tsig);
    if (type_refused(wire->qtype))
        return refused(context, query, RD_EDE_NOT_SUPPORTED, &stats->refused_type);
    return true;
}

static bool is_named(const struct query *query, const char *wire_name, size_t len)
{
    return query->key.name.len == len && memcmp(query->key.name.bytes, wire_name, len) == 0;
}

/* What we say of ourselves (RFC 4892): class CH; every class but IN ends here. */
static bool identify(struct context *context, struct query *query)
{
    static const char version_bind[] = "\7version\4bind";
    static const char id_server[] = "\2id\6server";
    const struct rd_snapshot *snapshot = context->snapshot;
    struct answer_question question = question_of(query);
    bool text = query->key.type == RD_TYPE_TXT || query->key.type == RD_TYPE_ANY;

    if (query->wire.qclass == RD_CLASS_IN)
        return true;
    if (query->wire.qclass == RD_CLASS_CH && text) {
        if (snapshot->version_len > 0 && is_named(query, version_bind, sizeof(version_bind))) {
            answer_text(context, &question, &query->client, snapshot->config.version_bind,
                        snapshot->version_len, query->msg);
            return false;
        }
        if (snapshot->server_id_len > 0 && is_named(query, id_server, sizeof(id_server))) {
            answer_text(context, &question, &query->client, snapshot->config.server_id,
                        snapshot->server_id_len, query->msg);
            return false;
        }
    }
    return refused(context, query, RD_EDE_NONE, &context->stats->refused_class);
}

static bool without_recursion(struct context *context, const struct query *query)
{
    return refused(context, query, RD_EDE_PROHIBITED, &context->stats->refused_rd);
}

/* Only those who ask for recursion are served: what others know is no one's business, unless it is
 * configured to be. */
static bool recursion(struct context *context, struct query *query)
{
    if (query->wire.flags & RD_DNS_RD || context->snapshot->config.cache_without_recursion)
        return true;
    return without_recursion(context, query);
}

/* Where the name goes; what never leaves is answered at once. */
static bool find_route(struct context *context, struct query *query)
{
    static const struct rd_name root = {.len = 1};
    const struct rd_snapshot *snapshot = context->snapshot;
    struct route route = route_find(snapshot->routes, &query->key.name, query->key.type);
    struct answer_question question;

    if (route.kind == ROUTE_LOOP) {
        if (probe_came_back(context, &query->key.name))
            return answered(context, query, RD_REFUSED, RD_EDE_NONE);
        route = route_find(snapshot->routes, &root, query->key.type);
    }
    if (route.kind == ROUTE_POOL) {
        query->key.view = snapshot->views[route.pool];
        query->key.incarnation = snapshot->pools[query->key.view].incarnation;
        return true;
    }
    question = question_of(query);
    local_answer(context, &route, &question, &query->client, query->msg);
    return false;
}

static bool hash(struct context *context, struct query *query)
{
    struct rd_key *key = &query->key;

    key->dnssec_ok = query->client.dnssec_ok;
    key->checking_disabled = query->wire.flags & RD_DNS_CD;
    rd_key_hash(&context->hash_key, key);
    recall_prefetch(context, key);
    return true;
}

/* What the index says of the key; the entries themselves are on their way after this. */
static bool look(struct context *context, struct query *query)
{
    query->known = recall_prefetch_entries(context, &query->key);
    if (!query->known)
        inflight_prefetch(&context->inflight, query->key.hash);
    return true;
}

/* What is in the cache is answered from there. */
static bool recall(struct context *context, struct query *query)
{
    bool recursive = query->wire.flags & RD_DNS_RD;

    query->recalled = (struct recalled){0};
    if (query->known) {
        enum recall found = recall_client(context, &query->key, &query->client, query->msg,
                                          !recursive, &query->recalled);

        if (found == RECALL_REFRESH && recursive)
            ask_refresh(context, &query->key);
        if (found != RECALL_MISS)
            return false;
    }
    if (cut_client(context, &query->key, &query->client, query->msg))
        return false;
    if (!recursive)
        return without_recursion(context, query);
    rd_stat_inc(&context->stats->cache_misses);
    return true;
}

/* Waits with those who asked the same. The question itself is under way already. */
static bool join(struct context *context, struct query *query, struct question *question)
{
    struct rd_stats *stats = context->stats;

    switch (inflight_join(&context->inflight, question, &query->client)) {
    case INFLIGHT_REPEATED:
        return dropped(context, query, &stats->queries_dropped_repeat);
    case INFLIGHT_FULL:
        return failed(context, query, RD_EDE_NOT_READY, &stats->failed_waiters);
    case INFLIGHT_JOINED:
        break;
    }
    rd_stat_inc(&stats->queries_joined);
    context_drop(context, query->msg);
    return false;
}

/* Someone asks it already; perhaps for so long that clients get the stale answer at once. */
static bool attend(struct context *context, struct query *query, struct question *question)
{
    if (question->stale_given &&
        recall_stale(context, &query->key, question->stale, &query->client, query->msg))
        return false;
    if (!question->stale && query->recalled.stale) { /* nobody waited for it: it was a refresh */
        question->stale = query->recalled.stale;
        attempt_arm(context, question, question->due_ns);
    }
    return join(context, query, question);
}

static bool resolve(struct context *context, struct query *query)
{
    struct question *question = follow_current(context, &query->key);

    if (question)
        return attend(context, query, question);
    ask_for(context, &query->key, &query->client, &query->recalled, query->msg);
    return false;
}

static void run(struct context *context, struct batch *batch, stage_fn *stage)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < batch->n; i++)
        if (stage(context, batch->list[i]))
            batch->list[kept++] = batch->list[i];
    batch->n = kept;
}

/* Counts a message that came over TCP to its connection. False: that is closed by now. */
static bool take_tcp(struct context *context, const struct io_message *msg)
{
    rd_stat_inc(&context->stats->queries_tcp);
    if (connection_begin(context, &msg->path))
        return true;
    context_drop(context, msg);
    return false;
}

void query_batch(struct context *context, struct io_message *msgs, unsigned n)
{
    static stage_fn *const stages[] = {parse, guard, identify, recursion, find_route,
                                       hash,  look,  recall,   resolve};
    struct batch batch;
    unsigned udp = 0;

    if (n == 0)
        return;
    batch.n = 0;
    for (unsigned i = 0; i < n; i++) {
        if (msgs[i].path.via == IO_UDP)
            udp++;
        else if (!take_tcp(context, &msgs[i]))
            continue;
        batch.queries[i].msg = &msgs[i];
        batch.list[batch.n++] = &batch.queries[i];
    }
    rd_stat_add(&context->stats->queries_udp, udp);
    for (unsigned i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
        run(context, &batch, stages[i]);
}
