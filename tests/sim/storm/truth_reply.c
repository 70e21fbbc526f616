/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * truth_reply.c - truth.h: a name's nature, written out as an honest resolver says it.
 *
 * Records are written one by one until one has no room; owners are pointers, as nearly everybody
 * sends them. Nothing is written that is not sent, since this is done for each query of a storm.
 */
#include "sim/storm/truth.h"
#include "sim/storm/truth_nature.h"

#define TYPE_RRSIG 46
#define TYPE_HTTPS 65

#define OPT_ROOM   48 /* kept for an OPT with a cookie */
#define MAIL_HOSTS 3

struct maker {
    struct rd_writer writer;
    const struct storm *storm;
    struct rd_message query;
    struct rd_name name;
    struct truth_nature nature;
    uint32_t serial;
    uint16_t count[3];
    size_t owner;  /* offset of the name that records are of now */
    size_t start;  /* of the record that is being written, */
    size_t length; /* and where its RDLENGTH stands */
    bool full;     /* what must be said has no room */
};

static size_t at(const struct maker *maker)
{
    return rd_writer_offset(&maker->writer);
}

/* A whole name that is below the zone, or the zone. It holds the serial: "m0-0001a2b3". LETTER 0:
 * the zone itself. PACKED: the zone is a pointer. */
static void write_name(struct maker *maker, char letter, unsigned index, bool packed)
{
    const struct rd_name *name = &maker->name;
    unsigned zone = maker->nature.zone;

    if (letter) {
        uint8_t label[12] = {11, (uint8_t)letter, (uint8_t)('0' + index), '-'};

        for (int i = 0; i < 8; i++)
            label[4 + i] = (uint8_t) "0123456789abcdef"[maker->serial >> (28 - 4 * i) & 15];
        rd_writer_bytes(&maker->writer, label, sizeof(label));
    }
    if (packed && name->bytes[zone] != 0)
        rd_writer_u16(&maker->writer, (uint16_t)(0xc000 | (RD_DNS_HEADER_BYTES + zone)));
    else
        rd_writer_bytes(&maker->writer, name->bytes + zone, name->len - zone);
}

static void begin(struct maker *maker, uint16_t type, uint32_t ttl_s)
{
    struct rd_writer *writer = &maker->writer;

    maker->start = at(maker);
    if (maker->writer.start[maker->owner] == 0)
        rd_writer_u8(writer, 0);
    else
        rd_writer_u16(writer, (uint16_t)(0xc000 | maker->owner));
    rd_writer_u16(writer, type);
    rd_writer_u16(writer, RD_CLASS_IN);
    rd_writer_u32(writer, ttl_s);
    maker->length = at(maker);
    rd_writer_u16(writer, 0);
}

/* What has no room is taken back, and so is all that would follow. */
static void end(struct maker *maker, enum rd_section section)
{
    if (maker->writer.full) {
        maker->writer.at = maker->writer.start + maker->start;
        maker->full |= section != RD_ADDITIONAL;
        return;
    }
    rd_put_u16(maker->writer.start + maker->length, (uint16_t)(at(maker) - maker->length - 2));
    maker->count[section]++;
}

static void write_signature(struct maker *maker, enum rd_section section, uint16_t type,
                            uint32_t ttl_s)
{
    uint8_t fixed[16] = {13, 3, 0, 0, 14, 16, 0x70, 0, 0, 0, 0x60, 0, 0, 0, 0x12, 0x34};
    uint8_t signature[64];

    if (!maker->nature.signs || !maker->query.edns.dnssec_ok || maker->writer.full)
        return;
    memset(signature, 0x5a, sizeof(signature));
    rd_put_u32(signature, maker->serial);
    begin(maker, TYPE_RRSIG, ttl_s);
    rd_writer_u16(&maker->writer, type);
    rd_writer_bytes(&maker->writer, fixed, sizeof(fixed));
    write_name(maker, 0, 0, false);
    rd_writer_bytes(&maker->writer, signature, sizeof(signature));
    end(maker, section);
}

static void write_address(struct maker *maker, enum rd_section section, uint16_t type,
                          uint32_t ttl_s, unsigned index)
{
    static const uint8_t network[11] = {0x20, 0x01, 0x0d, 0xb8};

    begin(maker, type, ttl_s);
    if (type == RD_TYPE_AAAA) {
        rd_writer_bytes(&maker->writer, network, sizeof(network));
        rd_writer_u32(&maker->writer, maker->serial);
        rd_writer_u8(&maker->writer, (uint8_t)index);
    } else {
        rd_writer_u32(&maker->writer, maker->serial << 8 | index);
    }
    end(maker, section);
}

/* Strings of BYTES in all; the first one holds the serial and INDEX. */
static void write_text(struct maker *maker, unsigned index, uint32_t bytes)
{
    uint8_t first[13];

    for (int i = 0; i < 12; i++) {
        uint64_t digits = (uint64_t)maker->serial << 16 | index;

        first[1 + i] = (uint8_t) "0123456789abcdef"[digits >> (44 - 4 * i) & 15];
    }
    first[0] = sizeof(first) - 1;
    rd_writer_bytes(&maker->writer, first, sizeof(first));
    while (bytes > 0 && !maker->writer.full) {
        uint32_t len = bytes < 255 ? bytes : 255;
        uint8_t *string = rd_writer_take(&maker->writer, 1 + len);

        if (string)
            memset(string + 1, 'a' + (int)(index % 26), len);
        if (string)
            string[0] = (uint8_t)len;
        bytes -= len;
    }
}

static void write_opaque(struct maker *maker, unsigned index, uint32_t bytes)
{
    uint8_t *filler;

    rd_writer_u16(&maker->writer, (uint16_t)(1 + index)); /* SvcPriority */
    if (maker->query.qtype == TYPE_HTTPS) {
        rd_writer_u8(&maker->writer, 0); /* TargetName: the owner */
        rd_writer_u16(&maker->writer, 65281);
        rd_writer_u16(&maker->writer, (uint16_t)(4 + bytes));
    }
    rd_writer_u32(&maker->writer, maker->serial);
    filler = rd_writer_take(&maker->writer, bytes);
    if (filler)
        memset(filler, 0xe7, bytes);
}

static void write_rdata(struct maker *maker, unsigned index)
{
    const struct truth_nature *nature = &maker->nature;
    struct rd_writer *writer = &maker->writer;

    switch (maker->query.qtype) {
    case RD_TYPE_MX:
        rd_writer_u16(writer, (uint16_t)(10 * index));
        write_name(maker, 'm', index, true);
        break;
    case RD_TYPE_SRV:
        rd_writer_u32(writer, 10 << 16 | index); /* priority, weight */
        rd_writer_u16(writer, 443);
        write_name(maker, 'm', index, false);
        break;
    case RD_TYPE_NS:
        write_name(maker, 's', index, true);
        break;
    case RD_TYPE_TXT:
        write_text(maker, index, nature->bytes / nature->n);
        break;
    default:
        write_opaque(maker, index, nature->bytes);
    }
}

static bool has_host(uint16_t type)
{
    return type == RD_TYPE_MX || type == RD_TYPE_SRV;
}

/* The addresses of the hosts at HOSTS: offsets of names. */
static void write_hosts(struct maker *maker, const size_t *hosts)
{
    for (unsigned i = 0; i < maker->count[RD_ANSWER] && i < MAIL_HOSTS && hosts[i]; i++) {
        maker->owner = hosts[i];
        write_address(maker, RD_ADDITIONAL, i % 2 ? RD_TYPE_AAAA : RD_TYPE_A, maker->nature.ttl_s,
                      16 + i);
    }
}

static void write_records(struct maker *maker)
{
    const struct truth_nature *nature = &maker->nature;
    uint16_t type = maker->query.qtype == RD_TYPE_ANY ? RD_TYPE_A : maker->query.qtype;
    bool address = type == RD_TYPE_A || type == RD_TYPE_AAAA;
    size_t hosts[MAIL_HOSTS] = {0};

    for (unsigned i = 0; i < nature->n && !maker->writer.full; i++) {
        uint32_t ttl_s = i + 1 < nature->n ? nature->ttl_s : nature->last_s;

        if (address) {
            write_address(maker, RD_ANSWER, type, ttl_s, i);
            continue;
        }
        begin(maker, type, ttl_s);
        if (i < MAIL_HOSTS && has_host(type))
            hosts[i] = maker->length + (type == RD_TYPE_MX ? 4 : 8);
        write_rdata(maker, i);
        end(maker, RD_ANSWER);
    }
    write_signature(maker, RD_ANSWER, type, nature->ttl_s);
    if (has_host(type) && !maker->writer.full && nature->links == 0)
        write_hosts(maker, hosts);
}

/* The name of the plan that the last CNAME leads to. */
static void write_target(struct maker *maker)
{
    char text[TRUTH_NAME_BYTES];
    const char *label = text;

    truth_name(maker->storm, (unsigned)maker->nature.target, text);
    while (*label) {
        size_t len = strcspn(label, ".");

        rd_writer_u8(&maker->writer, (uint8_t)len);
        rd_writer_bytes(&maker->writer, label, len);
        label += len + 1;
    }
    rd_writer_u8(&maker->writer, 0);
}

static void write_chain(struct maker *maker)
{
    const struct truth_nature *nature = &maker->nature;

    for (unsigned i = 0; i < nature->links && !maker->writer.full; i++) {
        uint32_t ttl_s = i % 2 ? nature->last_s : nature->ttl_s;
        size_t target;

        begin(maker, RD_TYPE_CNAME, ttl_s);
        target = at(maker);
        if (i + 1 == nature->links && nature->target >= 0)
            write_target(maker);
        else
            write_name(maker, 'c', i, i % 2 == 0);
        end(maker, RD_ANSWER);
        write_signature(maker, RD_ANSWER, RD_TYPE_CNAME, ttl_s);
        maker->owner = target;
    }
}

static void write_soa(struct maker *maker)
{
    const struct truth_nature *nature = &maker->nature;
    struct rd_writer *writer = &maker->writer;

    if (writer->full)
        return;
    maker->owner = RD_DNS_HEADER_BYTES + nature->zone;
    begin(maker, RD_TYPE_SOA, nature->soa_s);
    write_name(maker, 'p', 0, true);
    write_name(maker, 'h', 0, true);
    rd_writer_u32(writer, maker->serial);
    rd_writer_u32(writer, 7200);
    rd_writer_u32(writer, 3600);
    rd_writer_u32(writer, 1209600);
    rd_writer_u32(writer, nature->minimum_s);
    end(maker, RD_AUTHORITY);
    write_signature(maker, RD_AUTHORITY, RD_TYPE_SOA, nature->soa_s);
}

/* All that is said, without an OPT. The RCODE. */
static uint16_t write_sections(struct maker *maker)
{
    const struct truth_nature *nature = &maker->nature;

    switch (nature->end) {
    case TRUTH_FOREIGN:
        return RD_REFUSED;
    case TRUTH_FAILS:
    case TRUTH_BOGUS:
        return RD_SERVFAIL;
    default:
        break;
    }
    write_chain(maker);
    if (nature->end == TRUTH_RECORDS)
        write_records(maker);
    else if (nature->end != TRUTH_ALIAS)
        write_soa(maker);
    return nature->end == TRUTH_NO_NAME ? RD_NXDOMAIN : RD_NOERROR;
}

static uint16_t flags(const struct maker *maker)
{
    uint16_t asked = maker->query.flags, said = RD_DNS_QR | RD_DNS_RA;

    said |= asked & (RD_DNS_RD | RD_DNS_CD);
    if (maker->nature.validated && (asked & RD_DNS_AD || maker->query.edns.dnssec_ok) &&
        maker->nature.end <= TRUTH_ALIAS)
        said |= RD_DNS_AD;
    return said;
}

/* Flags, counts and OPT. Half of those who cannot say all say nothing. */
static void close_reply(struct maker *maker, uint16_t rcode, struct packet *reply)
{
    uint16_t truncated = maker->full ? RD_DNS_TC : 0;

    reply->len = at(maker);
    if (maker->full && maker->serial % 2) {
        reply->len = maker->query.question_end;
        memset(maker->count, 0, sizeof(maker->count));
    }
    reply->opt_length = 0;
    rd_put_u16(reply->bytes + 2, (uint16_t)(flags(maker) | truncated | rcode));
    for (int i = 0; i < 3; i++)
        rd_put_u16(reply->bytes + 6 + 2 * i, maker->count[i]);
    if (!maker->query.edns.present)
        return;
    packet_opt(reply, 1232, 0, 0, maker->query.edns.dnssec_ok ? RD_EDNS_DO : 0);
    if (maker->nature.end == TRUTH_BOGUS)
        packet_option(reply, RD_OPTION_EDE, (uint8_t[]){0, 6}, 2);
}

/* Bytes that may be sent, without an OPT. */
static size_t room(const struct rd_message *query, bool by_tcp)
{
    size_t room = query->edns.present ? query->edns.payload_bytes : RD_DNS_UDP_BYTES;

    room = room < RD_DNS_UDP_BYTES ? RD_DNS_UDP_BYTES : room;
    room = room > RD_EDNS_UPSTREAM_BYTES ? RD_EDNS_UPSTREAM_BYTES : room;
    room = by_tcp ? RD_DNS_TCP_BYTES : room;
    return query->edns.present ? room - OPT_ROOM : room;
}

bool truth_reply(struct storm *storm, const uint8_t *query, size_t len, bool by_tcp,
                 uint32_t serial, struct packet *ret_reply)
{
    struct maker maker = {.storm = storm, .serial = serial, .owner = RD_DNS_HEADER_BYTES};

    if (!rd_message_header(query, len, &maker.query) || maker.query.flags & RD_DNS_QR ||
        rd_message_question(query, len, &maker.query, &maker.name, NULL) != RD_WIRE_OK ||
        rd_message_sections(query, len, &maker.query) != RD_WIRE_OK)
        return false;
    truth_nature(storm, &maker.name, maker.query.qtype, &maker.nature);
    if (maker.query.qclass != RD_CLASS_IN)
        maker.nature.end = TRUTH_FOREIGN;
    else if (maker.nature.end == TRUTH_BOGUS && maker.query.flags & RD_DNS_CD)
        maker.nature.end = maker.nature.n ? TRUTH_RECORDS : TRUTH_NO_DATA;
    memcpy(ret_reply->bytes, query, maker.query.question_end);
    maker.writer =
        rd_writer_at(ret_reply->bytes, room(&maker.query, by_tcp), maker.query.question_end);
    close_reply(&maker, write_sections(&maker), ret_reply);
    return true;
}
