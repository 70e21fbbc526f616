/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tidy.h - what of an accepted reply may be passed on and kept, and for how long.
 *
 * A reply speaks for its own question alone. Its answer section may hold the chain that leads from
 * the question's name (CNAME, DNAME and what it makes, RFC 6672) to records of the question's type,
 * and the RRSIGs that cover these; anything else there is left out. Lifetimes are clamped, and of
 * the upstream's OPT nothing stays but its extended errors.
 */
#ifndef RINGDNS_WIRE_TIDY_H
#define RINGDNS_WIRE_TIDY_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/message.h"

#define RD_TIDY_TTLS 255 /* with more records a message is not kept */

enum rd_finding {
    RD_FINDS_RECORDS, /* of the type that was asked for (any, for ANY; the CNAME itself for CNAME)
                       */
    RD_FINDS_NO_DATA, /* the last name of the chain has no such records: NOERROR, and a SOA */
    RD_FINDS_NO_NAME, /* it does not exist: NXDOMAIN, and a SOA */
    RD_FINDS_NOTHING, /* none of these: no SOA where one must be, a broken or endless chain, names
                       * that take too much work, another RCODE, TC. It may be passed on, not kept
                       */
};

/* In seconds. */
struct rd_tidy_limits {
    uint32_t min_ttl, max_ttl; /* of every record */
    uint32_t negative_ttl;     /* the most for a SOA that denies */
};

struct rd_tidy {
    enum rd_finding finding;
    bool behind_alias; /* a chain leads to what is found or denied: a denial is not the first name's
                        */
    uint32_t least_ttl; /* of answer and authority, clamped; 0 where there is no record */
    uint8_t n_ttls;
    bool too_many;                  /* more than RD_TIDY_TTLS records */
    uint8_t rotate_first, rotate_n; /* of TTLS: the A or AAAA records at the chain's end, one owner,
                                     * one behind the other; rotate_n 0: fewer than two, or more
                                     * than RD_TIDY_ROTATED */
    uint16_t ttls[RD_TIDY_TTLS];    /* offsets of all TTLs but the OPT's, in order */
};

#define RD_TIDY_ROTATED 32

/* Tidies the reply DATA in place. It was walked (rd_message_sections said OK, and no TSIG) into
 * *WIRE, which is brought up to date. NAME (lower case) and wire->qtype: the question; it gets that
 * spelling. CAP: room at DATA. SCRATCH: of at least RD_DNS_TCP_BYTES; used only for messages of
 * more than a few records, and where the message cannot stay as it is: records must be left
 * out, also those of another class than IN in any section, or a compressed name leads through a TTL
 * or an address, and would change with them. Then it is rebuilt there record by record (names whole
 * but for those that can point at the question's or at the last owner), and copied back.
 * An OPT is left only where there are extended errors and room for them: one with nothing but
 * those, at the end. What stands behind the upstream's OPT in additional goes with it, and so do
 * the upper bits of its RCODE (they count for the finding).
 * TTLs are clamped in place: one with the top bit set counts as max_ttl (RFC 8767 section 4),
 * min_ttl raises also 0; the SOA of a denial gets min(TTL, MINIMUM, negative_ttl) (RFC 2308 section
 * 5). A SOA denies names at or below its own; a DS only below (RFC 4035 section 3.1.4.1).
 * The new length; 0: rebuilt it has no room, the message is spoiled. One pass over answer records
 * in the chain's order, else a few for each link; of at most 16 links, fewer with more than 128
 * such records. The CNAME of one link more stays, so that nobody takes the chain for ended.
 * Bounded: comparing names may look at 256 KiB of them in the chain's order, as much again in any
 * other, and for a SOA; then the chain ends with the last link that was followed, or nothing is
 * denied; with such a chain goes every SOA of authority, so that nobody takes it for denied. Owners
 * that point at the chain's name, or all at one other place, cost nothing. To be rebuilt a message
 * may have 256 KiB of names, too; one of more is as one without room. */
uint32_t rd_tidy(uint8_t *data, uint32_t len, uint32_t cap, struct rd_message *wire,
                 const struct rd_name *name, const struct rd_tidy_limits *limits, uint8_t *scratch,
                 struct rd_tidy *ret_tidy);

#endif
