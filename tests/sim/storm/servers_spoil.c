/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers_spoil.c - what an upstream says instead of the truth: one table, in the order of
 * faults.def. The first fault that happens is the only one. Not here: lies about the message's own
 * shape (servers_lie.c), records that belong elsewhere (servers_poison.c).
 */
#include "sim/storm/servers_own.h"

#define FIRMLY     1 /* its question may go unanswered */
#define BY_UDP     2
#define BY_TCP     4
#define COOKIE_LEN 20 /* of the option, with its code and length */

static uint32_t draw(const struct hearing *hearing, uint32_t bound)
{
    return sim_random_below(hearing->server->all->storm->sim, bound);
}

void servers_parse(const struct packet *reply, struct rd_message *ret_wire)
{
    rd_message_header(reply->bytes, reply->len, ret_wire);
    rd_message_question(reply->bytes, reply->len, ret_wire, NULL, NULL);
    rd_message_sections(reply->bytes, reply->len, ret_wire);
}

static void set_flags(struct packet *reply, uint16_t flags)
{
    rd_put_u16(reply->bytes + 2, rd_get_u16(reply->bytes + 2) | flags);
}

/* Without an OPT, which is the last record where there is one. */
static void drop_opt(struct packet *reply)
{
    if (reply->opt_length == 0)
        return;
    reply->len = reply->opt_length + 2 - RD_EDNS_BYTES;
    reply->opt_length = 0;
    rd_put_u16(reply->bytes + 10, (uint16_t)(rd_get_u16(reply->bytes + 10) - 1));
}

static void say_servfail(const struct hearing *hearing, struct packet *reply)
{
    static const uint8_t codes[] = {0, 6, 7, 22, 23};
    uint8_t option[] = {0, 0, 'n', 'o'};
    uint32_t kind = draw(hearing, 10), cut = draw(hearing, 6);

    servers_bare(hearing, RD_SERVFAIL, reply);
    if (cut == 0)
        reply->bytes[2] |= RD_DNS_TC >> 8;
    if (kind >= sizeof(codes) || reply->opt_length == 0)
        return;
    option[1] = codes[kind];
    packet_option(reply, RD_OPTION_EDE, option, sizeof(option));
}

static void say_refused(const struct hearing *hearing, struct packet *reply)
{
    servers_bare(hearing, draw(hearing, 2) ? RD_REFUSED : RD_NOTIMP, reply);
}

static bool has_opt(const struct hearing *hearing, const struct packet *reply)
{
    (void)reply;
    return hearing->wire.edns.present;
}

static void say_uneducated(const struct hearing *hearing, struct packet *reply)
{
    servers_bare(hearing, RD_FORMERR, reply);
    drop_opt(reply);
}

/* TC, with everything, with nothing, or up to the middle of a record. */
static void say_truncated(const struct hearing *hearing, struct packet *reply)
{
    uint32_t kind = draw(hearing, 3), question_end = hearing->wire.question_end;

    if (kind == 1)
        servers_bare(hearing, RD_NOERROR, reply);
    if (kind == 2 && !hearing->by_tcp && reply->len > question_end)
        reply->len = question_end + draw(hearing, (uint32_t)reply->len - question_end);
    set_flags(reply, RD_DNS_TC);
}

/* The answer to another question: of another name, another type, or none. */
static void say_other_question(const struct hearing *hearing, struct packet *reply)
{
    struct storm *storm = hearing->server->all->storm;
    struct hearing other = *hearing;
    uint32_t kind = draw(hearing, 3);
    struct packet *query = &hearing->server->all->other;
    struct ask ask = {
        .id = hearing->wire.id, .type = hearing->wire.qtype, .edns = has_opt(hearing, reply)};
    char name[TRUTH_NAME_BYTES];

    if (kind == 0) {
        memmove(reply->bytes + RD_DNS_HEADER_BYTES, reply->bytes + hearing->wire.question_end,
                reply->len - hearing->wire.question_end);
        reply->len -= hearing->wire.question_end - RD_DNS_HEADER_BYTES;
        rd_put_u16(reply->bytes + 4, 0);
        return;
    }
    truth_name(storm, draw(hearing, storm->plan.names), name);
    ask.name = name;
    packet_query(query, &ask);
    if (kind == 1) {
        memcpy(query->bytes, hearing->query, hearing->len);
        query->len = hearing->len;
        query->bytes[hearing->wire.question_end - 3] ^= 1;
    }
    other.query = query->bytes;
    other.len = query->len;
    if (servers_read_query(&other))
        servers_compose(&other, reply);
}

/* Another letter is a capital one, or one less. */
static void say_in_other_letters(const struct hearing *hearing, struct packet *reply)
{
    uint8_t *name = reply->bytes + RD_DNS_HEADER_BYTES;
    unsigned len = hearing->wire.question_end - RD_DNS_HEADER_BYTES - 4u, i = draw(hearing, len);

    for (unsigned n = 0; n < len; n++, i = (i + 1) % len) {
        uint8_t lower = name[i] | 0x20;

        if (lower >= 'a' && lower <= 'z' && name[i] > RD_DNS_LABEL_BYTES) {
            name[i] ^= 0x20;
            return;
        }
    }
}

static bool denies(const struct hearing *hearing, const struct packet *reply)
{
    (void)hearing;
    return rd_get_u16(reply->bytes + 8) != 0;
}

static void say_without_soa(const struct hearing *hearing, struct packet *reply)
{
    struct rd_message wire;
    size_t removed;

    (void)hearing;
    servers_parse(reply, &wire);
    removed = (size_t)(wire.end[RD_AUTHORITY] - wire.end[RD_ANSWER]);
    memmove(reply->bytes + wire.end[RD_ANSWER], reply->bytes + wire.end[RD_AUTHORITY],
            reply->len - wire.end[RD_AUTHORITY]);
    reply->len -= removed;
    reply->opt_length -= reply->opt_length ? removed : 0;
    rd_put_u16(reply->bytes + 8, 0);
}

static void say_referral(const struct hearing *hearing, struct packet *reply)
{
    static const uint8_t server[] = "\2ns\5other\7example";
    uint8_t address[4];

    rd_put_u32(address, servers_serial(hearing->server->all) << 8);
    servers_bare(hearing, RD_NOERROR, reply);
    drop_opt(reply);
    packet_owned(reply, RD_AUTHORITY, "example", RD_TYPE_NS, 300, server, sizeof(server));
    packet_owned(reply, RD_ADDITIONAL, "ns.other.example", RD_TYPE_A, 300, address, 4);
    if (!hearing->wire.edns.present)
        return;
    packet_opt(reply, 1232, 0, 0, 0);
    servers_cookie(hearing, reply);
}

/* Only one that has ever returned cookies may be known for doing so. */
static bool has_cookie(const struct hearing *hearing, const struct packet *reply)
{
    return hearing->server->knows_cookies && hearing->wire.edns.cookie_len >= 8 &&
           reply->opt_length != 0;
}

/* BADCOOKIE; or a client's cookie that nobody sent, none, or one of a length that none has. The
 * cookie is the last option of the last record. */
static void say_other_cookie(const struct hearing *hearing, struct packet *reply)
{
    uint32_t kind = draw(hearing, 4);
    uint8_t *option;

    if (kind == 0) {
        hearing->server->cookies++;
        servers_bare(hearing, RD_BADCOOKIE, reply);
        return;
    }
    option = reply->bytes + reply->len - COOKIE_LEN;
    if (kind == 1) {
        option[4] ^= 1;
        return;
    }
    reply->len -= COOKIE_LEN;
    rd_put_u16(reply->bytes + reply->opt_length,
               (uint16_t)(rd_get_u16(reply->bytes + reply->opt_length) - COOKIE_LEN));
    if (kind == 2)
        packet_option(reply, RD_OPTION_COOKIE, hearing->query + hearing->wire.edns.cookie_offset,
                      8 + 3);
}

struct spoiler {
    enum storm_fault fault;
    unsigned where;
    bool (*fits)(const struct hearing *hearing, const struct packet *reply); /* NULL: always */
    void (*spoil)(const struct hearing *hearing, struct packet *reply);
};

static const struct spoiler spoilers[] = {
    {STORM_SERVFAIL, BY_UDP | BY_TCP | FIRMLY, NULL, say_servfail},
    {STORM_REFUSED, BY_UDP | BY_TCP | FIRMLY, NULL, say_refused},
    {STORM_UNEDUCATED, BY_UDP | BY_TCP | FIRMLY, has_opt, say_uneducated},
    {STORM_TRUNCATE, BY_UDP | FIRMLY, NULL, say_truncated},
    {STORM_TRUNCATE_TCP, BY_TCP | FIRMLY, NULL, say_truncated},
    {STORM_LIE, BY_UDP | BY_TCP | FIRMLY, NULL, servers_lie},
    {STORM_QUESTION, BY_UDP | BY_TCP | FIRMLY, NULL, say_other_question},
    {STORM_SPELLING, BY_UDP | BY_TCP | FIRMLY, NULL, say_in_other_letters},
    {STORM_NO_SOA, BY_UDP | BY_TCP, denies, say_without_soa},
    {STORM_REFERRAL, BY_UDP | BY_TCP | FIRMLY, NULL, say_referral},
    {STORM_COOKIE, BY_UDP | FIRMLY, has_cookie, say_other_cookie},
    {STORM_POISON, BY_UDP | BY_TCP, servers_may_poison, servers_poison},
};

bool servers_spoil(const struct hearing *hearing, struct packet *reply)
{
    for (unsigned i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++) {
        const struct spoiler *spoiler = &spoilers[i];

        if (!(spoiler->where & (hearing->by_tcp ? BY_TCP : BY_UDP)) ||
            (spoiler->fits && !spoiler->fits(hearing, reply)) ||
            !storm_chance(hearing->server->all->storm, spoiler->fault))
            continue;
        spoiler->spoil(hearing, reply);
        return spoiler->where & FIRMLY;
    }
    return false;
}
