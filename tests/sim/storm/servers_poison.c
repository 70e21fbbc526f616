/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers_poison.c - records that belong to nobody's question, in replies that are sound otherwise:
 * each looks like what a cache would want to know.
 */
#include "sim/storm/servers_own.h"

#define ROOM     400 /* that all of them may take */
#define MOST     30000
#define TTL_S    86400
#define CLASS_CH 3

/* A record of another name, to be put behind all others of its section. */
struct stray {
    const char *owner;
    uint16_t type, class;
    const uint8_t *rdata;
    size_t len;
};

bool servers_may_poison(const struct hearing *hearing, const struct packet *reply)
{
    size_t limit = hearing->wire.edns.present ? hearing->wire.edns.payload_bytes : RD_DNS_UDP_BYTES;
    uint16_t flags = rd_get_u16(reply->bytes + 2);

    limit = limit > RD_EDNS_UPSTREAM_BYTES ? RD_EDNS_UPSTREAM_BYTES : limit;
    limit = hearing->by_tcp ? MOST : limit;
    return reply->len + ROOM <= limit && !(flags & RD_DNS_TC) &&
           (flags & RD_DNS_RCODE) != RD_SERVFAIL && (flags & RD_DNS_RCODE) != RD_REFUSED;
}

static void write_stray(struct rd_writer *writer, const struct stray *stray)
{
    const char *label = stray->owner;

    while (*label) {
        size_t len = strcspn(label, ".");

        rd_writer_u8(writer, (uint8_t)len);
        rd_writer_bytes(writer, label, len);
        label += len + (label[len] == '.');
    }
    rd_writer_u8(writer, 0);
    rd_writer_u16(writer, stray->type);
    rd_writer_u16(writer, stray->class);
    rd_writer_u32(writer, TTL_S);
    rd_writer_u16(writer, (uint16_t)stray->len);
    rd_writer_bytes(writer, stray->rdata, stray->len);
}

/* Nothing behind the place where it goes is pointed at. */
static void insert(struct packet *reply, enum rd_section section, const struct stray *stray)
{
    uint8_t record[ROOM];
    struct rd_writer writer = rd_writer_at(record, sizeof(record), 0);
    uint8_t *count = reply->bytes + 6 + 2 * section;
    struct rd_message wire;
    size_t at, len;

    servers_parse(reply, &wire);
    at = wire.end[section];
    if (section == RD_ADDITIONAL && wire.opt)
        at = wire.opt;
    write_stray(&writer, stray);
    len = rd_writer_offset(&writer);
    memmove(reply->bytes + at + len, reply->bytes + at, reply->len - at);
    memcpy(reply->bytes + at, record, len);
    reply->len += len;
    reply->opt_length += reply->opt_length ? len : 0;
    rd_put_u16(count, (uint16_t)(rd_get_u16(count) + 1));
}

/* Another name of the plan than the one that is asked for. */
static const char *draw_victim(const struct hearing *hearing, char name[TRUTH_NAME_BYTES])
{
    struct storm *storm = hearing->server->all->storm;
    struct rd_name victim;

    truth_name(storm, sim_random_below(storm->sim, storm->plan.names), name);
    if (!rd_name_from_text(name, &victim) ||
        (victim.len + RD_DNS_HEADER_BYTES + 4 == hearing->wire.question_end &&
         rd_name_matches(&victim, hearing->query + RD_DNS_HEADER_BYTES)))
        return "victim.test";
    return name;
}

void servers_poison(const struct hearing *hearing, struct packet *reply)
{
    static const uint8_t evil[] = "\4evil\4test";
    struct storm *storm = hearing->server->all->storm;
    char name[TRUTH_NAME_BYTES];
    const char *victim = draw_victim(hearing, name);
    uint8_t rdata[4];
    struct stray address = {victim, RD_TYPE_A, RD_CLASS_IN, rdata, sizeof(rdata)};
    struct stray alias = {victim, RD_TYPE_CNAME, RD_CLASS_IN, evil, sizeof(evil)};
    struct stray server = {"example", RD_TYPE_NS, RD_CLASS_IN, evil, sizeof(evil)};

    rd_put_u32(rdata, servers_serial(hearing->server->all) << 8);
    switch (sim_random_below(storm->sim, 6)) {
    case 0:
        insert(reply, RD_ANSWER, &address);
        break;
    case 1:
        insert(reply, RD_ANSWER, &alias);
        break;
    case 2:
        insert(reply, RD_AUTHORITY, &server);
        address.owner = "evil.test";
        insert(reply, RD_ADDITIONAL, &address);
        break;
    case 3:
        insert(reply, RD_ADDITIONAL, &address);
        break;
    case 4:
        server.owner = victim;
        insert(reply, RD_AUTHORITY, &server);
        break;
    default:
        address.class = CLASS_CH;
        insert(reply, RD_ANSWER, &address);
    }
}
