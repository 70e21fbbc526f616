/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.h - messages for tests, put together field by field so that each field can lie.
 */
#ifndef RINGDNS_TESTS_WIRE_PACKET_H
#define RINGDNS_TESTS_WIRE_PACKET_H

#include <string.h>

#include "ringdns/dns.h"
#include "wire/cursor.h"

struct packet {
    uint8_t bytes[65535];
    size_t len;
};

static inline void packet_add(struct packet *packet, const void *bytes, size_t len)
{
    memcpy(packet->bytes + packet->len, bytes, len);
    packet->len += len;
}

/* A string literal, its closing NUL not counted; NULs within are. */
#define packet_add_text(packet, text) packet_add(packet, text, sizeof(text) - 1)

static inline void packet_add_u16(struct packet *packet, unsigned value)
{
    rd_put_u16(packet->bytes + packet->len, (uint16_t)value);
    packet->len += 2;
}

/* A header with one question, www.example. A IN, and these counts. 12 + 17 bytes. */
static inline void packet_begin(struct packet *packet, unsigned an, unsigned ns, unsigned ar)
{
    packet->len = 0;
    packet_add_u16(packet, 0x1234);
    packet_add_u16(packet, RD_DNS_QR | RD_DNS_RD);
    packet_add_u16(packet, 1);
    packet_add_u16(packet, an);
    packet_add_u16(packet, ns);
    packet_add_u16(packet, ar);
    packet_add_text(packet, "\3www\7example\0");
    packet_add_u16(packet, RD_TYPE_A);
    packet_add_u16(packet, RD_CLASS_IN);
}

/* A record behind an owner's name that was added: type, class, TTL 300, RDATA. */
static inline void packet_add_fields(struct packet *packet, unsigned type, unsigned class,
                                     const void *rdata, size_t rdlength)
{
    packet_add_u16(packet, type);
    packet_add_u16(packet, class);
    packet_add_u16(packet, 0);
    packet_add_u16(packet, 300);
    packet_add_u16(packet, (unsigned)rdlength);
    packet_add(packet, rdata, rdlength);
}

/* A record of the question's name, by a pointer. */
static inline void packet_add_record(struct packet *packet, unsigned type, unsigned class,
                                     const void *rdata, size_t rdlength)
{
    packet_add_u16(packet, 0xc00c);
    packet_add_fields(packet, type, class, rdata, rdlength);
}

/* An OPT record: size 1232, version 0, no flags. */
static inline void packet_add_opt(struct packet *packet, const void *options, size_t len)
{
    packet_add(packet, "", 1);
    packet_add_u16(packet, RD_TYPE_OPT);
    packet_add_u16(packet, 1232);
    packet_add_u16(packet, 0);
    packet_add_u16(packet, 0);
    packet_add_u16(packet, (unsigned)len);
    packet_add(packet, options, len);
}

#endif
