/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer.c - from a reply, or from nothing, to what a client gets.
 *
 * A reply is reused as it stands, names and their compression with it: the question keeps its
 * length and place when the client's spelling is written over it. Only the end changes: the
 * upstream's OPT is cut off and ours is put there. Additional records behind the upstream's OPT,
 * which hardly any server sends, go with it: they are optional (RFC 2181 section 9), and moving
 * them would break names that point into them.
 */
#include "answer.h"

#include <string.h>

#include "wire/cursor.h"
#include "wire/edns.h"

/* What of the upstream's extended errors is passed on; copied before their place is overwritten. */
struct errors {
    unsigned n;
    struct {
        uint16_t code;
        uint8_t len;
        uint8_t text[RD_EDE_TEXT_BYTES];
    } at[RD_EDE_MAX + 1]; /* and one of our own */
};

static uint32_t limit_of(const struct context *context, const struct client *client, uint32_t cap)
{
    uint32_t limit = RD_DNS_UDP_BYTES;

    if (client->path.via == IO_TCP)
        return cap < RD_DNS_TCP_BYTES ? cap : RD_DNS_TCP_BYTES;
    /* Sizes under 512 mean 512 (RFC 6891 section 6.2.3). */
    if (client->edns && client->payload_bytes > limit)
        limit = client->payload_bytes;
    if (limit > context->snapshot->config.max_answer)
        limit = (uint32_t)context->snapshot->config.max_answer;
    return limit < cap ? limit : cap;
}

/* The flags that are the client's own to have back. */
static uint16_t flags_of(const struct client *client)
{
    return (uint16_t)(RD_DNS_QR | RD_DNS_RA | (client->flags & (RD_DNS_RD | RD_DNS_CD)));
}

static void write_header(uint8_t *data, const struct client *client, uint16_t flags,
                         const uint16_t count[4])
{
    rd_put_u16(data, client->id);
    rd_put_u16(data + 2, flags);
    for (int i = 0; i < 4; i++)
        rd_put_u16(data + 4 + 2 * i, count[i]);
}

static _Atomic uint64_t *counter_of(struct rd_stats *stats, unsigned rcode)
{
    switch (rcode) {
    case RD_NOERROR:
        return &stats->answers_noerror;
    case RD_FORMERR:
        return &stats->answers_formerr;
    case RD_SERVFAIL:
        return &stats->answers_servfail;
    case RD_NXDOMAIN:
        return &stats->answers_nxdomain;
    case RD_NOTIMP:
        return &stats->answers_notimp;
    case RD_REFUSED:
        return &stats->answers_refused;
    case RD_BADVERS:
        return &stats->answers_badvers;
    default:
        return &stats->answers_other;
    }
}

static void finish(struct context *context, const struct client *client, struct io_message *msg,
                   size_t len, unsigned rcode)
{
    msg->len = (uint32_t)len;
    msg->origin = IO_CLIENT;
    msg->path = client->path;
    rd_stat_inc(counter_of(context->stats, rcode));
    context_send(context, msg);
    if (client->path.via == IO_TCP)
        connection_end(context, &client->path);
}

/* Bytes that our OPT will take, without extended errors. */
static size_t opt_bytes(const struct context *context, const struct client *client)
{
    size_t nsid = context->snapshot->nsid_len;

    if (!client->edns)
        return 0;
    return RD_EDNS_BYTES + (client->nsid && nsid > 0 ? 4 + nsid : 0) + (client->keepalive ? 6 : 0);
}

/* Our OPT. Extended errors are left out one by one where they do not fit; the rest has its room. */
static void write_opt(const struct context *context, const struct client *client, unsigned rcode,
                      const struct errors *errors, struct rd_writer *writer)
{
    const struct rd_config *config = &context->snapshot->config;
    uint8_t *rdlength;

    if (!client->edns)
        return;
    rdlength =
        rd_edns_open(writer, (uint16_t)config->max_answer, (uint16_t)rcode, client->dnssec_ok);
    if (client->nsid && context->snapshot->nsid_len > 0)
        rd_edns_option(writer, RD_OPTION_NSID, config->nsid, context->snapshot->nsid_len);
    if (client->keepalive) {
        rd_writer_u16(writer, RD_OPTION_KEEPALIVE);
        rd_writer_u16(writer, 2);
        rd_writer_u16(writer, connection_keepalive(context));
    }
    for (unsigned i = 0; i < errors->n; i++)
        if ((size_t)(writer->end - writer->at) >= 6u + errors->at[i].len)
            rd_edns_ede(writer, errors->at[i].code, errors->at[i].text, errors->at[i].len);
    rd_edns_close(writer, rdlength);
}

static void add_error(struct errors *errors, int ede)
{
    if (ede == RD_EDE_NONE)
        return;
    errors->at[errors->n].code = (uint16_t)ede;
    errors->at[errors->n++].len = 0;
}

static void copy_errors(const struct answer_source *source, struct errors *ret_errors)
{
    const struct rd_edns *edns = &source->wire->edns;

    ret_errors->n = edns->present ? edns->n_ede : 0;
    for (unsigned i = 0; i < ret_errors->n; i++) {
        ret_errors->at[i].code = edns->ede[i].code;
        ret_errors->at[i].len = (uint8_t)edns->ede[i].text_len;
        memcpy(ret_errors->at[i].text, source->data + edns->ede[i].text_offset,
               edns->ede[i].text_len);
    }
    add_error(ret_errors, source->ede);
}

/* How much of a reply is used: up to where, and how many additional records that leaves. */
struct cut {
    size_t end;
    uint16_t additional;
    bool truncated;
};

/* The RRsets at the beginning of SOURCE's additional section, up to END, that fit into ROOM bytes.
 */
static struct cut cut_additional(const struct answer_source *source, size_t end, size_t room)
{
    size_t len = source->wire->end[RD_ADDITIONAL];
    size_t at = source->wire->end[RD_AUTHORITY], next;
    struct cut cut = {at, 0, false};

    for (uint16_t n = 1; at < end; n++, at = next) {
        next = rd_message_skip_record(source->data, len, at);
        if (next == 0 || next > room)
            break;
        if (next < end && rd_message_same_rrset(source->data, len, at, next))
            continue;
        cut.end = next;
        cut.additional = n;
    }
    return cut;
}

/* The most of SOURCE that fits into ROOM bytes; additional records go by whole RRsets (RFC 2181
 * section 9). */
static struct cut cut_to_fit(const struct answer_source *source, size_t room)
{
    const struct rd_message *wire = source->wire;
    size_t end = wire->opt ? wire->opt : wire->end[RD_ADDITIONAL];

    if (wire->flags & RD_DNS_TC || wire->end[RD_AUTHORITY] > room)
        return (struct cut){wire->question_end, 0, true};
    if (end <= room && (!wire->opt || wire->opt_end == wire->end[RD_ADDITIONAL]))
        return (struct cut){end, (uint16_t)(wire->count[RD_ADDITIONAL] - (wire->opt ? 1 : 0)),
                            false};
    return cut_additional(source, end, room);
}

/* Over TCP nothing is cut for the sake of options: there is no larger way to ask for it. */
static bool is_crowded(const struct answer_source *source, const struct client *client, size_t room)
{
    return client->path.via == IO_TCP && (client->nsid || client->keepalive) &&
           source->wire->end[RD_ADDITIONAL] > room;
}

/* AD only to those who asked for it, on the word of a pool that may be believed. */
static uint16_t ad_of(const struct client *client, uint16_t flags, bool trust_ad)
{
    bool told = trust_ad && (client->flags & RD_DNS_AD || client->dnssec_ok);

    return told ? flags & RD_DNS_AD : 0;
}

void answer_reply(struct context *context, const struct answer_source *source,
                  const struct client *client, struct io_message *msg)
{
    const struct rd_message *wire = source->wire;
    uint32_t limit = limit_of(context, client, msg->cap);
    size_t opt = opt_bytes(context, client);
    struct client bare;
    struct cut cut;
    uint16_t count[4] = {1};
    uint16_t flags = (uint16_t)(flags_of(client) | (wire->flags & RD_DNS_RCODE));
    struct errors errors;
    struct rd_writer writer;

    if (is_crowded(source, client, limit - opt)) {
        bare = *client;
        bare.nsid = bare.keepalive = false;
        client = &bare;
        opt = opt_bytes(context, client);
    }
    cut = cut_to_fit(source, limit - opt);
    count[3] = (uint16_t)(cut.additional + (client->edns ? 1 : 0));
    copy_errors(source, &errors);
    if (msg->data != source->data)
        memcpy(msg->data, source->data, cut.end);
    if (cut.truncated) {
        flags |= RD_DNS_TC;
        rd_stat_inc(&context->stats->answers_truncated);
    } else {
        count[1] = wire->count[RD_ANSWER];
        count[2] = wire->count[RD_AUTHORITY];
        flags |= ad_of(client, wire->flags, source->trust_ad);
    }
    write_header(msg->data, client, flags, count);
    rd_name_spell(source->name, &client->spelling, msg->data + RD_DNS_HEADER_BYTES);
    writer = rd_writer_at(msg->data, limit, cut.end);
    write_opt(context, client, wire->flags & RD_DNS_RCODE, &errors, &writer);
    finish(context, client, msg, rd_writer_offset(&writer), wire->flags & RD_DNS_RCODE);
}

/* A kept message that must be looked into: it holds extended errors, or is too long. */
static void answer_walked(struct context *context, const struct answer_kept *kept,
                          const struct client *client, struct io_message *msg)
{
    struct rd_message wire;
    struct answer_source source = {
        .data = msg->data,
        .wire = &wire,
        .name = kept->question->name,
        .trust_ad = kept->trust_ad,
        .ede = kept->ede,
    };

    /* What was kept was walked before; memory that lies must not get out all the same. */
    if (rd_message_header(msg->data, msg->len, &wire) &&
        rd_message_question(msg->data, msg->len, &wire, NULL, NULL) == RD_WIRE_OK &&
        rd_message_sections(msg->data, msg->len, &wire) == RD_WIRE_OK)
        answer_reply(context, &source, client, msg);
    else
        answer_error(context, kept->question, client, RD_SERVFAIL, RD_EDE_OTHER, msg);
}

void answer_kept(struct context *context, const struct answer_kept *kept,
                 const struct client *client, struct io_message *msg)
{
    static const struct errors none = {.n = 0};
    const struct answer_question *question = kept->question;
    uint8_t *data = msg->data;
    uint8_t *name = data + RD_DNS_HEADER_BYTES;
    uint32_t limit = limit_of(context, client, msg->cap);
    uint16_t flags = rd_get_u16(data + 2), rcode = flags & RD_DNS_RCODE;
    struct rd_writer writer;

    rd_put_u16(name + question->name->len, question->type);
    if (kept->has_opt || kept->ede != RD_EDE_NONE ||
        msg->len + opt_bytes(context, client) > limit) {
        answer_walked(context, kept, client, msg);
        return;
    }
    rd_put_u16(data, client->id);
    rd_put_u16(data + 2,
               (uint16_t)(flags_of(client) | rcode | ad_of(client, flags, kept->trust_ad)));
    rd_name_spell(question->name, &client->spelling, name);
    writer = rd_writer_at(data, limit, msg->len);
    if (client->edns) {
        rd_put_u16(data + 10, (uint16_t)(rd_get_u16(data + 10) + 1));
        write_opt(context, client, rcode, &none, &writer);
    }
    finish(context, client, msg, rd_writer_offset(&writer), rcode);
}

static void write_question(const struct answer_question *question, const struct client *client,
                           struct rd_writer *writer)
{
    uint8_t *name = rd_writer_take(writer, question->name->len);

    if (name)
        rd_name_spell(question->name, &client->spelling, name);
    rd_writer_u16(writer, question->type);
    rd_writer_u16(writer, question->class);
}

void answer_error(struct context *context, const struct answer_question *question,
                  const struct client *client, enum rd_dns_rcode rcode, int ede,
                  struct io_message *msg)
{
    bool edns = client->edns;
    uint16_t count[4] = {question ? 1 : 0, 0, 0, edns ? 1 : 0};
    uint16_t opcode = client->flags & RD_DNS_OPCODE;
    uint16_t flags = (uint16_t)(flags_of(client) | opcode | (rcode & RD_DNS_RCODE));
    struct errors errors = {.n = 0};
    struct rd_writer writer =
        rd_writer_at(msg->data, limit_of(context, client, msg->cap), RD_DNS_HEADER_BYTES);

    /* Of an opcode that we do not know, no flag means anything that we could repeat. */
    if (rcode == RD_NOTIMP)
        flags = (uint16_t)(RD_DNS_QR | opcode | RD_NOTIMP);
    add_error(&errors, ede);
    write_header(msg->data, client, flags, count);
    if (question)
        write_question(question, client, &writer);
    write_opt(context, client, rcode, &errors, &writer);
    finish(context, client, msg, rd_writer_offset(&writer), rcode);
}

struct rd_writer answer_open(struct context *context, const struct answer_question *question,
                             const struct client *client, struct io_message *msg)
{
    struct rd_writer writer =
        rd_writer_at(msg->data, limit_of(context, client, msg->cap) - opt_bytes(context, client),
                     RD_DNS_HEADER_BYTES);

    write_question(question, client, &writer);
    return writer;
}

void answer_close(struct context *context, const struct answer_question *question,
                  const struct client *client, enum rd_dns_rcode rcode, bool authoritative,
                  const uint16_t count[3], struct rd_writer *writer, struct io_message *msg)
{
    static const struct errors none = {.n = 0};
    uint16_t counts[4] = {1, count[0], count[1], (uint16_t)(count[2] + (client->edns ? 1 : 0))};
    uint16_t flags =
        (uint16_t)(flags_of(client) | (rcode & RD_DNS_RCODE) | (authoritative ? RD_DNS_AA : 0));

    if (writer->full) {
        *writer = rd_writer_at(msg->data, msg->cap, RD_DNS_HEADER_BYTES + question->name->len + 4u);
        counts[1] = counts[2] = 0;
        counts[3] = client->edns ? 1 : 0;
        flags |= RD_DNS_TC;
        rd_stat_inc(&context->stats->answers_truncated);
    }
    writer->end = msg->data + limit_of(context, client, msg->cap);
    write_header(msg->data, client, flags, counts);
    write_opt(context, client, rcode, &none, writer);
    finish(context, client, msg, rd_writer_offset(writer), rcode);
}

void answer_text(struct context *context, const struct answer_question *question,
                 const struct client *client, const char *text, uint8_t len, struct io_message *msg)
{
    static const uint16_t count[3] = {1, 0, 0};
    struct rd_writer writer = answer_open(context, question, client, msg);

    rd_writer_u16(&writer, 0xc000u | RD_DNS_HEADER_BYTES); /* the question's name */
    rd_writer_u16(&writer, RD_TYPE_TXT);
    rd_writer_u16(&writer, question->class);
    rd_writer_u32(&writer, 0);
    rd_writer_u16(&writer, (uint16_t)(len + 1));
    rd_writer_u8(&writer, len);
    rd_writer_bytes(&writer, text, len);
    answer_close(context, question, client, RD_NOERROR, false, count, &writer, msg);
}
