/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * local.c - local.h. The zones are empty but for their apex, so their few records are written here,
 * none is kept; owners are compression pointers into the question, in the client's own spelling.
 * One thread: the worker's.
 * Not here: which names are local (route.c); flags, sizes and EDNS (answer.c).
 */
#include "local.h"

#include <string.h>

#define TTL_S 10800 /* RFC 6303 section 3 */

/* An answer while it is written. */
struct draft {
    const struct answer_question *question;
    const struct route *route;
    struct rd_writer writer;
    uint16_t count[3];
};

static bool asks_for(const struct draft *draft, uint16_t type)
{
    return draft->question->type == type || draft->question->type == RD_TYPE_ANY;
}

/* The name that begins at AT of the question's. */
static void put_name(struct draft *draft, uint8_t at)
{
    rd_writer_u16(&draft->writer, (uint16_t)(0xc000u | (RD_DNS_HEADER_BYTES + at)));
}

/* A record up to its RDATA, of RDLENGTH bytes; its owner as in put_name. */
static void put_head(struct draft *draft, enum rd_section section, uint8_t at, uint16_t type,
                     uint16_t rdlength)
{
    draft->count[section]++;
    put_name(draft, at);
    rd_writer_u16(&draft->writer, type);
    rd_writer_u16(&draft->writer, RD_CLASS_IN);
    rd_writer_u32(&draft->writer, TTL_S);
    rd_writer_u16(&draft->writer, rdlength);
}

/* @ SOA @ nobody.invalid. 1 3600 1200 604800 10800 (RFC 6303 section 3). */
static void put_soa(struct draft *draft, enum rd_section section)
{
    static const char mailbox[] = "\6nobody\7invalid";
    static const uint32_t numbers[] = {1, 3600, 1200, 604800, TTL_S};

    put_head(draft, section, draft->route->at, RD_TYPE_SOA,
             (uint16_t)(2 + sizeof(mailbox) + sizeof(numbers)));
    put_name(draft, draft->route->at);
    rd_writer_bytes(&draft->writer, mailbox, sizeof(mailbox));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        rd_writer_u32(&draft->writer, numbers[i]);
}

/* What stands at the top of each of these zones: SOA, and @ NS @. */
static void put_apex(struct draft *draft)
{
    if (asks_for(draft, RD_TYPE_SOA))
        put_soa(draft, RD_ANSWER);
    if (!asks_for(draft, RD_TYPE_NS))
        return;
    put_head(draft, RD_ANSWER, draft->route->at, RD_TYPE_NS, 2);
    put_name(draft, draft->route->at);
}

/* 127.0.0.1 and ::1, whatever stands before localhost (RFC 6761 section 6.3). */
static void put_addresses(struct draft *draft)
{
    static const uint8_t v4[4] = {127, 0, 0, 1};
    static const uint8_t v6[16] = {[15] = 1};

    if (asks_for(draft, RD_TYPE_A)) {
        put_head(draft, RD_ANSWER, 0, RD_TYPE_A, sizeof(v4));
        rd_writer_bytes(&draft->writer, v4, sizeof(v4));
    }
    if (asks_for(draft, RD_TYPE_AAAA)) {
        put_head(draft, RD_ANSWER, 0, RD_TYPE_AAAA, sizeof(v6));
        rd_writer_bytes(&draft->writer, v6, sizeof(v6));
    }
}

static void put_pointer(struct draft *draft)
{
    static const char localhost[] = "\11localhost";

    if (!asks_for(draft, RD_TYPE_PTR))
        return;
    put_head(draft, RD_ANSWER, 0, RD_TYPE_PTR, sizeof(localhost));
    rd_writer_bytes(&draft->writer, localhost, sizeof(localhost));
}

/* 127.in-addr.arpa, which holds the name of 127.0.0.1 and those on the way to it, or the zone that
 * is the name of ::1 and nothing more. */
static enum rd_dns_rcode put_loopback(struct draft *draft)
{
    static const char below[] = {1, '1', 1, '0', 1, '0'};
    const uint8_t *name = draft->question->name->bytes;
    size_t len = draft->route->at;
    bool v6 = name[len] == 1; /* the zone's first label: 1, not 127 */
    size_t depth = v6 ? 0 : sizeof(below);

    if (len > depth || memcmp(name, below + sizeof(below) - len, len) != 0)
        return RD_NXDOMAIN;
    if (len == 0)
        put_apex(draft);
    if (len == depth)
        put_pointer(draft);
    return RD_NOERROR;
}

/* The answer section. */
static enum rd_dns_rcode put_answer(struct draft *draft)
{
    switch (draft->route->kind) {
    case ROUTE_LOCALHOST:
        put_addresses(draft);
        return RD_NOERROR;
    case ROUTE_LOOPBACK:
        return put_loopback(draft);
    case ROUTE_EMPTY:
    case ROUTE_NODATA:
        if (draft->route->at == 0)
            put_apex(draft);
        else if (draft->route->kind == ROUTE_EMPTY)
            return RD_NXDOMAIN;
        return RD_NOERROR;
    default:
        return RD_NXDOMAIN;
    }
}

void local_answer(struct context *context, const struct route *route,
                  const struct answer_question *question, const struct client *client,
                  struct io_message *msg)
{
    struct draft draft = {.question = question, .route = route};
    enum rd_dns_rcode rcode;

    draft.writer = answer_open(context, question, client, msg);
    rcode = put_answer(&draft);
    if (draft.count[RD_ANSWER] == 0)
        put_soa(&draft, RD_AUTHORITY);
    rd_stat_inc(&context->stats->answers_local);
    answer_close(context, question, client, rcode, true, draft.count, &draft.writer, msg);
}
