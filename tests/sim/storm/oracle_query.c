/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_query.c - queries: how each must be answered, and who waits for how long.
 *
 * A client that repeats itself while it waits may get one answer for all its copies, so what must
 * come is one answer to a group; what may come is one for each copy. Not here: answers.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/storm/oracle_state.h"

#define CLASS_IN   1
#define CLASS_CH   3
#define TYPE_OPT   41
#define TYPE_TKEY  249
#define TYPE_MAILA 254

static const uint8_t loop_suffix[] = "\12loop-probe\7ringdns";

/* -- fate ------------------------------------------------------------------------------------- */

static bool is_in(const uint8_t host[16], const struct rd_prefix *prefix)
{
    for (unsigned bit = 0; bit < prefix->bits; bit += 8) {
        unsigned left = prefix->bits - bit;
        uint8_t mask = (uint8_t)(left >= 8 ? 0xff : 0xff00u >> left);

        if ((host[bit / 8] ^ prefix->bytes[bit / 8]) & mask)
            return false;
    }
    return true;
}

static bool is_stranger(const struct rd_config *config, const union rd_address *peer)
{
    uint8_t host[16];

    rd_address_host(peer, host);
    for (uint32_t i = 0; i < config->access_allow.n; i++)
        if (is_in(host, &config->access_allow.at[i]))
            return false;
    return true;
}

/* Names that may never leave; which of them do is a matter of configuration. */
static bool is_local(const struct reading *reading)
{
    static const struct {
        const char *name;
        size_t len;
    } names[] = {
#define LOCAL(name) {name, sizeof(name)}
        LOCAL("\11localhost"),      LOCAL("\4test"),
        LOCAL("\7invalid"),         LOCAL("\5onion"),
        LOCAL("\10resolver\4arpa"), LOCAL("\4home\4arpa"),
        LOCAL("\7in-addr\4arpa"),   LOCAL("\3ip6\4arpa"),
#undef LOCAL
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (reading_is_below(reading->text, reading->name_len, (const uint8_t *)names[i].name,
                             names[i].len))
            return true;
    return false;
}

static enum fate fate_of_sound(const struct oracle *oracle, const struct reading *reading,
                               const union rd_address *peer)
{
    const struct rd_config *config = &oracle->rules.storm->config;

    if (is_stranger(config, peer))
        return FATE_REFUSED;
    if (reading->edns.present && reading->edns.version > 0)
        return FATE_BADVERS;
    if (reading->tsig || reading->type == TYPE_OPT ||
        (reading->type >= TYPE_TKEY && reading->type <= TYPE_MAILA))
        return FATE_REFUSED;
    if (reading->class != CLASS_IN)
        return reading->class == CLASS_CH ? FATE_IDENTITY : FATE_REFUSED;
    if (!(reading->flags & FLAG_RD))
        return config->cache_without_recursion ? FATE_MEMORY : FATE_REFUSED;
    if (reading_is_below(reading->text, reading->name_len, loop_suffix, sizeof(loop_suffix)))
        return FATE_PROBE;
    return FATE_FORWARD;
}

/* CUT: the datagram was longer than its buffer. */
static enum fate fate_of(const struct oracle *oracle, const struct reading *reading, bool cut,
                         const union rd_address *peer)
{
    if (reading->flags & FLAG_OPCODE)
        return FATE_NOTIMP;
    if (cut || reading->state == READING_QUESTION || reading->state == READING_RECORD)
        return FATE_UNREAD;
    if (reading->state == READING_EDNS)
        return FATE_FORMERR;
    return fate_of_sound(oracle, reading, peer);
}

/* Whether what the query says by OPT is heard: not where it is broken elsewhere. */
static bool hears_opt(const struct reading *reading, enum fate fate, bool cut)
{
    if (fate == FATE_NOTIMP)
        return false;
    if (fate == FATE_UNREAD)
        return !cut && reading->state == READING_QUESTION && reading->rest == READING_WHOLE;
    return true;
}

/* -- groups ----------------------------------------------------------------------------------- */

/* Over UDP a client is known to all workers, over TCP a stream to its own. */
static uint64_t group_hash(unsigned worker, const struct io_path *path, uint16_t id,
                           const struct subject *subject, uint16_t class)
{
    struct {
        uint64_t subject;
        uint32_t way;
        uint16_t port, id, class;
        uint8_t worker, via;
        uint8_t host[16];
        uint32_t rest;
    } key = {.subject = subject ? subject->node.hash : 0,
             .way = path->via == IO_TCP ? path->way : 0,
             .port = path->peer.v4.sin_port,
             .id = id,
             .class = class,
             .worker = (uint8_t)(path->via == IO_TCP ? worker : 0),
             .via = path->via};

    static_assert(sizeof(key) == 40, "no padding is hashed");
    rd_address_host(&path->peer, key.host);
    return reading_hash(2, &key, sizeof(key));
}

static bool is_of(const struct group *group, unsigned worker, const struct io_path *path,
                  uint16_t id, const struct subject *subject, uint16_t class)
{
    return group->id == id && group->subject == subject && group->class == class &&
           group->via == path->via && rd_address_equal(&group->peer, &path->peer) &&
           (path->via != IO_TCP || (group->worker == worker && group->way == path->way));
}

struct group *oracle_group(struct oracle *oracle, unsigned worker, const struct io_path *path,
                           uint16_t id, const struct subject *subject, uint16_t class)
{
    uint64_t hash = group_hash(worker, path, id, subject, class);
    struct node *node = NULL;

    while ((node = table_find(&oracle->groups, hash, node)))
        if (is_of(HOLDER(node, struct group, node), worker, path, id, subject, class))
            return HOLDER(node, struct group, node);
    return NULL;
}

static struct stream *find_stream(struct oracle *oracle, unsigned worker, uint32_t handle,
                                  bool create)
{
    uint64_t hash = (uint64_t)handle << 8 | worker;
    struct node *node = table_find(&oracle->streams, hash, NULL);
    struct stream *stream;

    if (node || !create)
        return node ? HOLDER(node, struct stream, node) : NULL;
    stream = oracle_memory(sizeof(*stream));
    stream->handle = handle;
    stream->worker = (uint8_t)worker;
    link_init(&stream->groups);
    table_add(&oracle->streams, &stream->node, hash);
    return stream;
}

static struct group *new_group(struct oracle *oracle, unsigned worker, const struct io_path *path,
                               uint16_t id, struct subject *subject, uint16_t class)
{
    struct group *group = oracle_memory(sizeof(*group));

    group->subject = subject;
    group->peer = path->peer;
    group->way = path->way;
    group->via = path->via;
    group->worker = (uint8_t)worker;
    group->id = id;
    group->class = class;
    link_init(&group->aging);
    link_init(&group->waiting);
    link_init(&group->stream);
    table_add(&oracle->groups, &group->node, group_hash(worker, path, id, subject, class));
    if (path->via == IO_TCP)
        link_append(&find_stream(oracle, worker, path->way, true)->groups, &group->stream);
    return group;
}

/* -- copies ----------------------------------------------------------------------------------- */

/* COPY waits for what its worker finds out. */
static void wait_there(const struct group *group, struct copy *copy)
{
    struct side *side = oracle_side(group->subject, copy->worker, copy->view);

    link_append(&side->waiting, &copy->waiting);
    side->n_waiting++;
    side->id = group->id;
    copy->side = side;
}

static void wait_no_more(struct copy *copy)
{
    if (!copy->side)
        return;
    copy->side->n_waiting--;
    copy->side = NULL;
    link_remove(&copy->waiting);
}

/* Copies that its worker took for repetitions of COPY wait no more either. */
void oracle_answered(struct group *group, struct copy *copy)
{
    struct side *side = copy->side;

    copy->answered = true;
    link_remove(&group->waiting);
    for (struct copy *other = group->copies; side && other; other = other->next)
        if (other->side == side)
            wait_no_more(other);
}

static struct copy *new_copy(struct oracle *oracle, unsigned worker, const struct io_message *msg,
                             enum fate fate)
{
    const struct reading *reading = &oracle->reading;
    struct copy *copy = oracle_memory(sizeof(*copy));

    copy->taken_ns = oracle_now(oracle);
    copy->event = oracle->event;
    copy->flushes = oracle->n_flushes;
    copy->reloads = oracle->reloads;
    copy->lost = oracle_lost(oracle);
    link_init(&copy->waiting);
    copy->worker = (uint8_t)worker;
    copy->flags = reading->flags;
    copy->fate = (uint8_t)fate;
    if (reading->name_len > 0)
        copy->spelled = reading_hash(3, reading->spelled, reading->name_len);
    copy->local = (fate == FATE_FORWARD || fate == FATE_MEMORY) && is_local(reading);
    if (!hears_opt(reading, fate, msg->cut) || !reading->edns.present)
        return copy;
    copy->edns = true;
    copy->dnssec_ok = reading->edns.dnssec_ok;
    copy->payload = reading->edns.payload;
    copy->nsid =
        reading->edns.nsid &&
        !(fate == FATE_REFUSED && is_stranger(&oracle->rules.storm->config, &msg->path.peer));
    copy->keepalive = reading->edns.keepalive && msg->path.via == IO_TCP;
    copy->view = (uint8_t)(copy->dnssec_ok << 1);
    return copy;
}

void oracle_query(struct oracle *oracle, unsigned worker, const struct io_message *msg)
{
    struct reading *reading = &oracle->reading;
    struct subject *subject = NULL;
    struct group *group;
    struct copy *copy;
    enum fate fate;
    uint16_t class;

    oracle->counts.queries++;
    oracle->event++;
    oracle_age(oracle);
    if (reading_take(reading, msg->data, msg->len) == READING_SHORT || reading->flags & FLAG_QR)
        return;
    oracle->due++;
    fate = fate_of(oracle, reading, msg->cut, &msg->path.peer);
    if (fate > FATE_UNREAD)
        subject = oracle_subject_of(oracle, reading, true);
    class = subject ? reading->class : 0;
    group = oracle_group(oracle, worker, &msg->path, reading->id, subject, class);
    if (!group)
        group = new_group(oracle, worker, &msg->path, reading->id, subject, class);
    copy = new_copy(oracle, worker, msg, fate);
    copy->view |= (reading->flags & FLAG_CD) != 0;
    copy->next = group->copies;
    group->copies = copy;
    group->last_ns = copy->taken_ns;
    link_append(&oracle->groups_aging, &group->aging);
    if (fate == FATE_FORWARD)
        wait_there(group, copy);
    if (link_is_alone(&group->waiting)) {
        group->since_ns = copy->taken_ns;
        group->lost = copy->lost;
        link_append(&oracle->groups_waiting, &group->waiting);
    }
}

/* -- the end of waiting ----------------------------------------------------------------------- */

void oracle_complain(struct oracle *oracle, const struct group *group, const char *why)
{
    char host[INET6_ADDRSTRLEN] = "?", who[120];
    bool v6 = group->peer.any.sa_family == AF_INET6;
    const void *address =
        v6 ? (const void *)&group->peer.v6.sin6_addr : (const void *)&group->peer.v4.sin_addr;

    inet_ntop(v6 ? AF_INET6 : AF_INET, address, host, sizeof(host));
    snprintf(who, sizeof(who), "oracle: client %s#%u by %s, id %u", host,
             rd_address_port(&group->peer), group->via == IO_TCP ? "TCP" : "UDP", group->id);
    oracle_report(oracle, who, group->subject, "%s", why);
}

static void forget(struct oracle *oracle, struct group *group)
{
    link_remove(&group->aging);
    link_remove(&group->waiting);
    link_remove(&group->stream);
    table_remove(&oracle->groups, &group->node);
    for (struct copy *copy = group->copies, *next; copy; copy = next) {
        next = copy->next;
        wait_no_more(copy);
        free(copy);
    }
    free(group);
}

/* GROUP got no answer: a broken rule, unless something was wrong with everything meanwhile. */
static void give_up(struct oracle *oracle, struct group *group)
{
    char why[80];
    uint64_t ms = (oracle_now(oracle) - group->since_ns) / RD_NS_PER_MS;

    link_remove(&group->waiting);
    for (struct copy *copy = group->copies; copy; copy = copy->next)
        wait_no_more(copy);
    if ((oracle->trouble_ns && oracle->trouble_ns >= group->since_ns) ||
        oracle_lost(oracle) != group->lost)
        return;
    snprintf(why, sizeof(why), "never answered, after %" PRIu64 " ms", ms);
    oracle_complain(oracle, group, why);
}

void oracle_age(struct oracle *oracle)
{
    uint64_t now_ns = oracle_now(oracle);
    uint64_t patience_ns = ORACLE_PATIENCE_NS + oracle->rules.clock_slack_ns;

    while (!link_is_alone(&oracle->groups_waiting)) {
        struct group *group = HOLDER(oracle->groups_waiting.after, struct group, waiting);

        if (now_ns - group->since_ns <= patience_ns)
            break;
        give_up(oracle, group);
    }
    while (!link_is_alone(&oracle->groups_aging)) {
        struct group *group = HOLDER(oracle->groups_aging.after, struct group, aging);

        if (now_ns - group->last_ns <= ORACLE_MEMORY_NS)
            break;
        forget(oracle, group);
    }
}

void oracle_settle(struct oracle *oracle)
{
    while (!link_is_alone(&oracle->groups_waiting))
        give_up(oracle, HOLDER(oracle->groups_waiting.after, struct group, waiting));
}

bool oracle_awaits(struct oracle *oracle, unsigned worker, uint32_t handle)
{
    struct stream *stream = find_stream(oracle, worker, handle, false);

    if (!stream)
        return false;
    for (struct link *at = stream->groups.after; at != &stream->groups; at = at->after)
        if (!link_is_alone(&HOLDER(at, struct group, stream)->waiting))
            return true;
    return false;
}

void oracle_closed(struct oracle *oracle, unsigned worker, uint32_t handle)
{
    struct stream *stream = find_stream(oracle, worker, handle, false);

    if (!stream)
        return;
    while (!link_is_alone(&stream->groups)) {
        struct group *group = HOLDER(stream->groups.after, struct group, stream);

        link_remove(&group->stream);
        link_remove(&group->waiting);
        for (struct copy *copy = group->copies; copy; copy = copy->next)
            wait_no_more(copy);
    }
    table_remove(&oracle->streams, &stream->node);
    free(stream);
}
