/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_text.h - the records of a message for people: types, RCODEs, RDATA in presentation form.
 */
#ifndef RINGDNS_CONTROL_DNS_TEXT_H
#define RINGDNS_CONTROL_DNS_TEXT_H

#include <stdio.h>

#include "ringdns/dns.h"

enum { DNS_TYPE_TEXT = 16, DNS_RCODE_TEXT = 16 };

/* "AAAA", or "TYPE65280" (RFC 3597 section 5); TEXT is returned. */
const char *dns_type_format(uint16_t type, char text[DNS_TYPE_TEXT]);
/* "NXDOMAIN", or "RCODE12"; TEXT is returned. */
const char *dns_rcode_format(unsigned rcode, char text[DNS_RCODE_TEXT]);

/* Goes through the records of a message; it borrows the message. Every read is bounded, whatever
 * the bytes say. */
struct dns_reader {
    const uint8_t *message;
    size_t len, at;
    unsigned section; /* of the next record: 0 answer, 1 authority, 2 additional */
    uint16_t left[3];
    bool broken;
};

struct dns_record {
    struct rd_name owner;
    uint16_t type, class;
    uint32_t ttl;
    unsigned section;
    size_t ttl_at; /* offset in the message */
    size_t rdata;
    uint16_t rdata_len;
};

void dns_reader_open(const uint8_t *message, size_t len, struct dns_reader *ret_reader);
/* False: that was the last one, or reader->broken. */
bool dns_reader_next(struct dns_reader *reader, struct dns_record *ret_record);

/* Writes RECORD's RDATA: in the form of its type, or as \# LENGTH HEX (RFC 3597 section 5). */
void dns_rdata_write(const struct dns_reader *reader, const struct dns_record *record, FILE *out);

#endif
