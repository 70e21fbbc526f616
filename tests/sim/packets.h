/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets.h - writing queries and replies for tests, sound ones by default and broken ones at will,
 * and reading what came out.
 *
 * Names are written by a few lines of their own, so that these packets do not lean on the code that
 * they test.
 */
#ifndef RINGDNS_TESTS_PACKETS_H
#define RINGDNS_TESTS_PACKETS_H

#include "ringdns/dns.h"
#include "sim/sim.h"
#include "wire/message.h"

struct packet {
    size_t len;
    size_t opt_length; /* where the open OPT record's RDLENGTH stands */
    uint8_t bytes[65536];
};

/* A query; what is zero is the plain case: A, IN, RD=1, no EDNS. */
struct ask {
    const char *name; /* dots between labels, spelled as it shall be sent */
    uint16_t type, class;
    uint16_t id;
    uint16_t set, clear; /* header flags */
    bool edns, dnssec_ok;
    uint8_t version;
    uint16_t payload;       /* with edns; 0: 1232 */
    const uint8_t *options; /* with edns: code, length, bytes, ... */
    size_t options_len;
};

void packet_query(struct packet *packet, const struct ask *ask);

/* The beginning of a reply to QUERY: its ID, question, RD and CD; QR, RA and FLAGS set. */
void packet_reply(struct packet *packet, const uint8_t *query, size_t len, uint16_t flags);
/* A record that is owned by the question's name. */
void packet_record(struct packet *packet, enum rd_section section, uint16_t type, uint32_t ttl_s,
                   const void *rdata, size_t len);
/* A record of another owner; NULL: the question's name. */
void packet_owned(struct packet *packet, enum rd_section section, const char *owner, uint16_t type,
                  uint32_t ttl_s, const void *rdata, size_t len);
/* An A record, 192.0.2.LAST. */
void packet_a(struct packet *packet, enum rd_section section, uint8_t last);
/* A TXT record with LEN bytes of RDATA, LEN from 1 to 256. */
void packet_txt(struct packet *packet, enum rd_section section, size_t len);
/* An OPT record; packet_option adds to it while nothing else is written. */
void packet_opt(struct packet *packet, uint16_t payload, uint8_t extended_rcode, uint8_t version,
                uint16_t flags);
void packet_option(struct packet *packet, uint16_t code, const void *bytes, size_t len);

/* Reads a packet that must be sound: everything else fails the test. RET_NAME may be NULL. */
void packet_parse(const uint8_t *bytes, size_t len, struct rd_message *ret_message,
                  struct rd_name *ret_name);
/* Finds an option of the OPT record: its bytes and length, or NULL. */
const uint8_t *packet_find_option(const uint8_t *bytes, const struct rd_message *message,
                                  uint16_t code, size_t *ret_len);

#endif
