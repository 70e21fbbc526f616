/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain.h - which records of a reply's answer section lead from the question's name to what was
 * asked for, for tidy.c and rebuild.c.
 *
 * A link is a CNAME, with the DNAME that makes it if there is one above its owner (RFC 6672). The
 * chain ends at the first name that has records of the question's type, or no CNAME. RRSIGs belong
 * to it that cover one of its records.
 */
#ifndef RINGDNS_WIRE_CHAIN_H
#define RINGDNS_WIRE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"
#include "wire/record.h"

#define CHAIN_LINKS 16
/* Links times records that are out of order: with more than 128 of these fewer links are followed,
 * but one. */
#define CHAIN_LOOKS 2048
/* Records that an answer section can have. */
#define CHAIN_RECORDS (RD_DNS_TCP_BYTES / RECORD_LEAST + 1)

struct chain {
    size_t end; /* offset of its last name */
    unsigned links;
    bool found;  /* that name has records that were asked for */
    bool broken; /* it goes on from there, but where cannot be said: too many links, a DNAME that
                  * makes no CNAME here, or it was spent */
    bool spent;  /* names took more than PACKED_WORK to compare: not even the records of its last
                  * name are known, so that nothing in the message denies them */
    bool whole;  /* every record of the section belongs to it; else KEPT tells which */
    uint64_t kept[(CHAIN_RECORDS + 63) / 64];
};

/* Of the message DATA that was walked into *WIRE. Cheap where the records stand in the chain's
 * order and none is too many, which is nearly always; else a few passes for each link. Either way
 * of following has PACKED_WORK; a link for which that is not enough is not followed at all. */
void chain_follow(const uint8_t *data, const struct rd_message *wire, struct chain *ret_chain);

/* Whether answer record INDEX belongs to it. */
static inline bool chain_keeps(const struct chain *chain, unsigned index)
{
    return chain->whole || chain->kept[index / 64] >> index % 64 & 1;
}

#endif
