/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets.c - packets.h, on rd_writer; reading is the wire folder's, which has tests of its own.
 * Not here: what fails a test (packets_checked.c).
 */
#include "sim/packets.h"

#include <stdlib.h>

static struct rd_writer resume(struct packet *packet)
{
    return rd_writer_at(packet->bytes, sizeof(packet->bytes), packet->len);
}

static void finish(struct packet *packet, const struct rd_writer *writer)
{
    if (writer->full)
        abort();
    packet->len = rd_writer_offset(writer);
}

static void write_name(struct rd_writer *writer, const char *name)
{
    while (*name) {
        size_t label = strcspn(name, ".");

        rd_writer_u8(writer, (uint8_t)label);
        rd_writer_bytes(writer, name, label);
        name += label + (name[label] == '.');
    }
    rd_writer_u8(writer, 0);
}

static void count(struct packet *packet, enum rd_section section)
{
    uint8_t *at = packet->bytes + 6 + 2 * section;

    rd_put_u16(at, (uint16_t)(rd_get_u16(at) + 1));
}

void packet_query(struct packet *packet, const struct ask *ask)
{
    struct rd_writer writer;

    packet->len = 0;
    writer = resume(packet);
    rd_writer_u16(&writer, ask->id);
    rd_writer_u16(&writer, (uint16_t)((RD_DNS_RD | ask->set) & ~ask->clear));
    rd_writer_u16(&writer, 1);
    for (int i = 0; i < 3; i++)
        rd_writer_u16(&writer, 0);
    write_name(&writer, ask->name);
    rd_writer_u16(&writer, ask->type ? ask->type : RD_TYPE_A);
    rd_writer_u16(&writer, ask->class ? ask->class : RD_CLASS_IN);
    finish(packet, &writer);
    if (!ask->edns)
        return;
    packet_opt(packet, ask->payload ? ask->payload : 1232, 0, ask->version,
               ask->dnssec_ok ? RD_EDNS_DO : 0);
    writer = resume(packet);
    rd_writer_bytes(&writer, ask->options, ask->options_len);
    finish(packet, &writer);
    rd_put_u16(packet->bytes + packet->opt_length, (uint16_t)ask->options_len);
}

void packet_record(struct packet *packet, enum rd_section section, uint16_t type, uint32_t ttl_s,
                   const void *rdata, size_t len)
{
    packet_owned(packet, section, NULL, type, ttl_s, rdata, len);
}

void packet_owned(struct packet *packet, enum rd_section section, const char *owner, uint16_t type,
                  uint32_t ttl_s, const void *rdata, size_t len)
{
    struct rd_writer writer = resume(packet);

    if (owner)
        write_name(&writer, owner);
    else
        rd_writer_u16(&writer, 0xc000 | RD_DNS_HEADER_BYTES);
    rd_writer_u16(&writer, type);
    rd_writer_u16(&writer, RD_CLASS_IN);
    rd_writer_u32(&writer, ttl_s);
    rd_writer_u16(&writer, (uint16_t)len);
    rd_writer_bytes(&writer, rdata, len);
    finish(packet, &writer);
    count(packet, section);
}

void packet_a(struct packet *packet, enum rd_section section, uint8_t last)
{
    packet_record(packet, section, RD_TYPE_A, 300, (uint8_t[]){192, 0, 2, last}, 4);
}

void packet_txt(struct packet *packet, enum rd_section section, size_t len)
{
    uint8_t rdata[256];

    memset(rdata, 'x', sizeof(rdata));
    rdata[0] = (uint8_t)(len - 1);
    packet_record(packet, section, RD_TYPE_TXT, 300, rdata, len);
}

void packet_opt(struct packet *packet, uint16_t payload, uint8_t extended_rcode, uint8_t version,
                uint16_t flags)
{
    struct rd_writer writer = resume(packet);

    rd_writer_u8(&writer, 0);
    rd_writer_u16(&writer, RD_TYPE_OPT);
    rd_writer_u16(&writer, payload);
    rd_writer_u8(&writer, extended_rcode);
    rd_writer_u8(&writer, version);
    rd_writer_u16(&writer, flags);
    packet->opt_length = rd_writer_offset(&writer);
    rd_writer_u16(&writer, 0);
    finish(packet, &writer);
    count(packet, RD_ADDITIONAL);
}

void packet_option(struct packet *packet, uint16_t code, const void *bytes, size_t len)
{
    uint8_t *length = packet->bytes + packet->opt_length;
    struct rd_writer writer = resume(packet);

    rd_writer_u16(&writer, code);
    rd_writer_u16(&writer, (uint16_t)len);
    rd_writer_bytes(&writer, bytes, len);
    finish(packet, &writer);
    rd_put_u16(length, (uint16_t)(rd_get_u16(length) + 4 + len));
}

const uint8_t *packet_find_option(const uint8_t *bytes, const struct rd_message *message,
                                  uint16_t code, size_t *ret_len)
{
    struct rd_cursor cursor = rd_cursor_at(bytes, message->opt_end, message->opt + RD_EDNS_BYTES);

    while (message->opt && rd_cursor_left(&cursor)) {
        uint16_t found = rd_cursor_u16(&cursor), len = rd_cursor_u16(&cursor);
        const uint8_t *option = rd_cursor_take(&cursor, len);

        if (!option)
            break;
        if (found == code) {
            *ret_len = len;
            return option;
        }
    }
    return NULL;
}
