/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.c - header, question, and the one validating walk over all records.
 *
 * Each record is looked at once, where it stands: owner, fixed fields, RDATA by its type's layout
 * (layout.c). Nothing is copied and nothing is kept but a few offsets, and of names in messages of
 * many records (known.c) how they end, so that a message costs what its bytes cost. Pure functions,
 * any thread. What an answer means is not judged here.
 */
#include "wire/message.h"

#include <string.h>

#include "wire/cursor.h"
#include "wire/known.h"
#include "wire/layout.h"
#include "wire/record.h"

#define TYPE_SIG 24

/* In messages of more records it is noted in the end what is known of names. */
#define RECORDS_MANY 128

bool rd_message_header(const uint8_t *data, size_t len, struct rd_message *ret_message)
{
    if (len < RD_DNS_HEADER_BYTES)
        return false;
    *ret_message = (struct rd_message){
        .id = rd_get_u16(data),
        .flags = rd_get_u16(data + 2),
        .qdcount = rd_get_u16(data + 4),
        .count = {rd_get_u16(data + 6), rd_get_u16(data + 8), rd_get_u16(data + 10)},
    };
    return true;
}

enum rd_wire rd_message_question(const uint8_t *data, size_t len, struct rd_message *message,
                                 struct rd_name *ret_name, struct rd_name_case *ret_case)
{
    struct rd_name unwanted;
    size_t name_len, end;

    if (message->qdcount != 1)
        return RD_WIRE_QUESTION;
    name_len =
        rd_name_read(data, len, RD_DNS_HEADER_BYTES, ret_name ? ret_name : &unwanted, ret_case);
    end = RD_DNS_HEADER_BYTES + name_len + 4;
    if (name_len == 0 || end > len)
        return RD_WIRE_QUESTION;
    message->qtype = rd_get_u16(data + end - 4);
    message->qclass = rd_get_u16(data + end - 2);
    message->question_end = (uint16_t)end;
    return RD_WIRE_OK;
}

bool rd_message_skip_questions(const uint8_t *data, size_t len, struct rd_message *message)
{
    size_t at = RD_DNS_HEADER_BYTES;

    if (message->qdcount > RD_QUESTIONS_SKIPPED)
        return false;
    for (unsigned i = 0; i < message->qdcount; i++) {
        size_t name = rd_name_unpack(data, len, at, NULL);

        if (name == 0 || at + name + 4 > len)
            return false;
        at += name + 4;
    }
    message->question_end = (uint16_t)at;
    return true;
}

/* An OPT record may be the only one, at the root, in additional (RFC 6891 section 6.1.1). */
static enum rd_wire take_opt(const uint8_t *data, const struct record *record,
                             enum rd_section section, struct rd_message *message)
{
    struct rd_edns *edns = &message->edns;

    if (message->opt || section != RD_ADDITIONAL || data[record->start] != 0)
        return RD_WIRE_EDNS;
    message->opt = (uint16_t)record->start;
    message->opt_end = (uint16_t)record->end;
    edns->payload_bytes = record->class;
    edns->extended_rcode = (uint8_t)(record->ttl >> 24);
    edns->version = (uint8_t)(record->ttl >> 16);
    edns->dnssec_ok = (record->ttl & RD_EDNS_DO) != 0;
    /* What options of another version look like is not known (section 6.1.3). */
    if (edns->version != 0)
        return RD_WIRE_OK;
    if (!rd_edns_options(data, record->rdata, record->end - record->rdata, edns))
        return RD_WIRE_EDNS;
    return RD_WIRE_OK;
}

/* A TSIG, or a SIG that covers no type: SIG(0) (RFC 2931). */
static bool is_signature(const uint8_t *data, const struct record *record)
{
    if (record->type == RD_TYPE_TSIG)
        return true;
    return record->type == TYPE_SIG && record->end - record->rdata >= 2 &&
           rd_get_u16(data + record->rdata) == 0;
}

/* The record at OFFSET, within the message. False: its owner's name or a length lies; its type is
 * 0 then if it is not known. */
static bool read_record(struct known *known, const uint8_t *data, size_t len, size_t offset,
                        struct record *ret_record)
{
    struct rd_cursor cursor;
    size_t rdlength;

    ret_record->type = 0;
    ret_record->start = offset;
    offset += known_name(known, data, len, offset);
    if (offset == ret_record->start)
        return false;
    cursor = rd_cursor_at(data, len, offset);
    ret_record->type = rd_cursor_u16(&cursor);
    ret_record->class = rd_cursor_u16(&cursor);
    ret_record->ttl = rd_cursor_u32(&cursor);
    rdlength = rd_cursor_u16(&cursor);
    ret_record->rdata = rd_cursor_offset(&cursor);
    ret_record->end = ret_record->rdata + rdlength;
    return rd_cursor_take(&cursor, rdlength) != NULL;
}

static enum rd_wire take_record(struct known *known, const uint8_t *data, size_t len, size_t offset,
                                enum rd_section section, struct rd_message *message,
                                size_t *ret_end)
{
    struct record record;
    bool sound = read_record(known, data, len, offset, &record);

    if (record.type == RD_TYPE_OPT)
        message->edns.present = true;
    if (!sound)
        return RD_WIRE_RECORD;
    *ret_end = record.end;
    if (record.type == RD_TYPE_OPT)
        return take_opt(data, &record, section, message);
    if (section == RD_ADDITIONAL && is_signature(data, &record))
        message->tsig = true;
    if (section == RD_AUTHORITY) {
        message->soa |= record.type == RD_TYPE_SOA;
        message->ns |= record.type == RD_TYPE_NS;
    }
    if (record.class == RD_CLASS_IN &&
        !layout_holds(known, data, record.rdata, record.end, record.type))
        return RD_WIRE_RECORD;
    return RD_WIRE_OK;
}

/* Inlined, so that the usual walk has no trace of what is known. */
static inline __attribute__((always_inline)) enum rd_wire
take_sections(struct known *known, const uint8_t *data, size_t len, struct rd_message *message)
{
    size_t at = message->question_end;

    for (enum rd_section section = RD_ANSWER; section <= RD_ADDITIONAL; section++) {
        for (unsigned i = 0; i < message->count[section]; i++) {
            enum rd_wire wire = take_record(known, data, len, at, section, message, &at);

            if (wire != RD_WIRE_OK)
                return wire;
        }
        message->end[section] = (uint16_t)at;
    }
    return at == len ? RD_WIRE_OK : RD_WIRE_RECORD;
}

/* In a frame of its own: few messages need as much of the stack. */
__attribute__((noinline)) static enum rd_wire take_many(const uint8_t *data, size_t len,
                                                        struct rd_message *message)
{
    struct known known;

    known.names = 0;
    return take_sections(&known, data, len, message);
}

enum rd_wire rd_message_sections(const uint8_t *data, size_t len, struct rd_message *message)
{
    if ((uint32_t)message->count[RD_ANSWER] + message->count[RD_AUTHORITY] +
            message->count[RD_ADDITIONAL] >
        RECORDS_MANY)
        return take_many(data, len, message);
    return take_sections(NULL, data, len, message);
}

size_t rd_message_skip_record(const uint8_t *data, size_t len, size_t offset)
{
    while (offset < len && data[offset] != 0 && data[offset] < 0xc0)
        offset += data[offset] + 1u;
    if (offset >= len)
        return 0;
    offset += data[offset] == 0 ? 1 : 2;
    if (offset + RECORD_BYTES > len)
        return 0;
    return offset + RECORD_BYTES + rd_get_u16(data + offset + RECORD_BYTES - 2);
}

bool rd_message_same_rrset(const uint8_t *data, size_t len, size_t a, size_t b)
{
    struct rd_name owner_a, owner_b;
    size_t taken_a = rd_name_unpack(data, len, a, &owner_a);
    size_t taken_b = rd_name_unpack(data, len, b, &owner_b);

    return taken_a > 0 && taken_b > 0 && a + taken_a + 4 <= len && b + taken_b + 4 <= len &&
           memcmp(data + a + taken_a, data + b + taken_b, 4) == 0 &&
           rd_name_equal(&owner_a, &owner_b);
}
