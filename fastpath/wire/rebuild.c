/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rebuild.c - record by record into another place: a record that is cut out where it stands would
 * leave pointers behind that lead to other bytes than before.
 *
 * Pure but for its own messages, any thread.
 */
#include "wire/rebuild.h"

#include <string.h>

#include "wire/layout.h"
#include "wire/packed.h"
#include "wire/record.h"

#define POINTER          0xc000u
#define POINTER_REACHES  0x4000u
#define LAST_COMPRESSING 15 /* the types of RFC 1035 that have names go up to MX */

struct rebuild {
    struct packed names;
    const struct rd_name *question;
    uint64_t ends[4]; /* bit n: a label of the question's name begins n bytes before its end */
    struct rd_writer writer;
    struct rd_name owner; /* that was written last */
    size_t owner_at;      /* 0: none, or too far for a pointer */
    uint16_t pointer;     /* that stood for it in the old message; 0: none did */
};

static void note_ends(struct rebuild *rebuild)
{
    const struct rd_name *question = rebuild->question;

    for (size_t at = 0; question->bytes[at] != 0; at += question->bytes[at] + 1u)
        rebuild->ends[(question->len - at) / 64] |= 1ull << (question->len - at) % 64;
}

/* Where the longest end of NAME begins that is an end of the question's, too: offset in NAME. */
static size_t common_end(const struct rebuild *rebuild, const struct rd_name *name)
{
    const uint8_t *end = rebuild->question->bytes + rebuild->question->len;
    size_t at = 0;

    for (; name->bytes[at] != 0; at += name->bytes[at] + 1u) {
        size_t left = name->len - at;

        if ((rebuild->ends[left / 64] >> left % 64 & 1) &&
            memcmp(name->bytes + at, end - left, left) == 0)
            break;
    }
    return at;
}

static void write_name(struct rebuild *rebuild, const struct rd_name *name, bool compress)
{
    size_t own = compress ? common_end(rebuild, name) : name->len - 1u;
    size_t left = name->len - own;

    rd_writer_bytes(&rebuild->writer, name->bytes, own);
    if (left == 1)
        rd_writer_u8(&rebuild->writer, 0);
    else
        rd_writer_u16(&rebuild->writer,
                      (uint16_t)(POINTER | (RD_DNS_HEADER_BYTES + rebuild->question->len - left)));
}

/* Names that take too much to read are like names that there is no room for. */
static bool read_name(struct rebuild *rebuild, size_t at, struct rd_name *ret_name)
{
    if (!packed_unpack(&rebuild->names, at, ret_name))
        rebuild->writer.full = true;
    return !rebuild->writer.full;
}

/* Whether the owner at AT is the one that was written last, and can be a pointer to it. */
static bool is_last_owner(struct rebuild *rebuild, size_t at, struct rd_name *ret_name)
{
    uint16_t pointer = rd_get_u16(rebuild->names.data + at);

    if (rebuild->owner_at && rebuild->owner.len > 1 && pointer >= POINTER &&
        pointer == rebuild->pointer)
        return true;
    rebuild->pointer = pointer >= POINTER ? pointer : 0;
    return read_name(rebuild, at, ret_name) && rebuild->owner_at && ret_name->len > 1 &&
           ret_name->len == rebuild->owner.len &&
           memcmp(ret_name->bytes, rebuild->owner.bytes, ret_name->len) == 0;
}

static void write_owner(struct rebuild *rebuild, size_t at)
{
    struct rd_name name;

    if (is_last_owner(rebuild, at, &name)) {
        rd_writer_u16(&rebuild->writer, (uint16_t)(POINTER | rebuild->owner_at));
        return;
    }
    if (rebuild->writer.full)
        return;
    rebuild->owner = name;
    rebuild->owner_at = rd_writer_offset(&rebuild->writer);
    if (rebuild->owner_at >= POINTER_REACHES)
        rebuild->owner_at = 0;
    write_name(rebuild, &name, true);
}

static void write_rdata(struct rebuild *rebuild, const struct record *record)
{
    const uint8_t *data = rebuild->names.data;
    size_t at = record->rdata;
    unsigned names = layout_names(data, record->rdata, record->type, &at);
    struct rd_name name;

    rd_writer_bytes(&rebuild->writer, data + record->rdata, at - record->rdata);
    for (; names > 0 && read_name(rebuild, at, &name); names--) {
        at = record_skip_name(data, at);
        write_name(rebuild, &name, record->type <= LAST_COMPRESSING);
    }
    rd_writer_bytes(&rebuild->writer, data + at, record->end - at);
}

static void write_record(struct rebuild *rebuild, const struct record *record)
{
    uint8_t *rdlength;

    write_owner(rebuild, record->start);
    rd_writer_bytes(&rebuild->writer, rebuild->names.data + record->rdata - RECORD_BYTES,
                    RECORD_BYTES - 2);
    rdlength = rd_writer_take(&rebuild->writer, 2);
    write_rdata(rebuild, record);
    if (rdlength)
        rd_put_u16(rdlength, (uint16_t)(rebuild->writer.at - rdlength - 2));
}

/* The records of SECTION, which begins at AT. */
static void write_section(struct rebuild *rebuild, const struct rd_message *old, size_t at,
                          enum rd_section section, const struct chain *chain,
                          struct rd_message *wire, size_t *soa)
{
    struct record record;
    size_t old_soa = *soa;

    wire->count[section] = 0;
    for (unsigned i = 0; i < old->count[section] && !rebuild->writer.full; i++, at = record.end) {
        record = record_at(rebuild->names.data, at);
        if (record.class != RD_CLASS_IN || (section == RD_ANSWER && !chain_keeps(chain, i)))
            continue;
        if (section == RD_AUTHORITY && record.type == RD_TYPE_SOA && chain->spent)
            continue;
        if (section == RD_AUTHORITY) {
            wire->soa |= record.type == RD_TYPE_SOA;
            wire->ns |= record.type == RD_TYPE_NS;
            if (at == old_soa)
                *soa = rd_writer_offset(&rebuild->writer);
        }
        write_record(rebuild, &record);
        wire->count[section]++;
    }
    wire->end[section] = (uint16_t)rd_writer_offset(&rebuild->writer);
}

bool rebuild_message(uint8_t *data, uint32_t cap, struct rd_message *wire,
                     const struct chain *chain, const struct rd_name *name, uint8_t *scratch,
                     size_t *soa)
{
    struct rebuild rebuild = {
        .names = packed_in(data),
        .question = name,
        .writer = rd_writer_at(scratch, cap < RD_DNS_TCP_BYTES ? cap : RD_DNS_TCP_BYTES, 0),
    };
    struct rd_message new = *wire;
    size_t at = wire->question_end, new_soa = *soa;

    note_ends(&rebuild);
    new.soa = new.ns = false;
    rd_writer_bytes(&rebuild.writer, data, wire->question_end);
    for (enum rd_section section = RD_ANSWER; section <= RD_ADDITIONAL; section++) {
        write_section(&rebuild, wire, at, section, chain, &new, &new_soa);
        at = wire->end[section];
    }
    if (rebuild.writer.full)
        return false;
    memcpy(data, scratch, rd_writer_offset(&rebuild.writer));
    for (enum rd_section section = RD_ANSWER; section <= RD_ADDITIONAL; section++)
        rd_put_u16(data + 6 + 2 * section, new.count[section]);
    *wire = new;
    *soa = new_soa;
    return true;
}
