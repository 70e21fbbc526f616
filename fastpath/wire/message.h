/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.h - a whole message (RFC 1035 section 4), walked once and validated on the way.
 *
 * After a walk that says RD_WIRE_OK every byte of the message is accounted for: the header's
 * counts are true, every name is sound, every RDATA lies within the message and, for the types
 * whose RDATA holds names or has a fixed size, is what its type says, nothing trails behind.
 */
#ifndef RINGDNS_WIRE_MESSAGE_H
#define RINGDNS_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringdns/dns.h"
#include "wire/edns.h"
#include "wire/name.h"

enum rd_wire {
    RD_WIRE_OK,
    RD_WIRE_SHORT,    /* under 12 bytes */
    RD_WIRE_QUESTION, /* not exactly one question, or not a sound one */
    RD_WIRE_RECORD,   /* a record, a count or a length lies; or bytes trail */
    RD_WIRE_EDNS,     /* two OPTs, one that is not at the root or not in additional, a bad option */
};

#define RD_QUESTIONS_SKIPPED 16

enum rd_section { RD_ANSWER, RD_AUTHORITY, RD_ADDITIONAL };

/* Offsets are from the message's start. */
struct rd_message {
    uint16_t id, flags; /* host order */
    uint16_t qdcount;
    uint16_t count[3]; /* by enum rd_section, as in the header */
    uint16_t end[3];   /* by enum rd_section: offset behind its last record */
    uint16_t qtype, qclass;
    uint16_t question_end; /* offset behind the question */
    uint16_t opt;          /* offset of the OPT record, 0: none */
    uint16_t opt_end;      /* offset behind it */
    bool tsig;             /* a TSIG or SIG(0) record is in additional */
    bool soa, ns;          /* such a record is in authority */
    struct rd_edns edns;
};

/* The header alone: id, flags, qdcount, count. False: under 12 bytes. */
bool rd_message_header(const uint8_t *data, size_t len, struct rd_message *ret_message);

/* The question behind a header that was read: sets qtype, qclass, question_end, and the name as
 * rd_name_read does (NULL for what is not wanted).
 * RD_WIRE_OK or RD_WIRE_QUESTION. */
enum rd_wire rd_message_question(const uint8_t *data, size_t len, struct rd_message *message,
                                 struct rd_name *ret_name, struct rd_name_case *ret_case);

/* Passes over whatever questions there are, up to RD_QUESTIONS_SKIPPED: sets question_end. False:
 * they are more, or not sound. */
bool rd_message_skip_questions(const uint8_t *data, size_t len, struct rd_message *message);

/* The three sections behind a question that was read, LEN at most 65,535. RD_WIRE_OK, _RECORD or
 * _EDNS; the header's and the question's fields stay valid in any case, and with _EDNS so does
 * edns.present. Bounded: a pass over the bytes; behind
 * the first few hundred names what stands behind a pointer is looked at once. */
enum rd_wire rd_message_sections(const uint8_t *data, size_t len, struct rd_message *message);

/* Offset behind the record at OFFSET of a message that was walked; 0 at its end. */
size_t rd_message_skip_record(const uint8_t *data, size_t len, size_t offset);

/* Whether the records at A and B of a message that was walked have one owner, type and class: they
 * are of one RRset, which stays together or goes (RFC 2181 section 5). */
bool rd_message_same_rrset(const uint8_t *data, size_t len, size_t a, size_t b);

#endif
