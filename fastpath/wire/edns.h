/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edns.h - the OPT pseudo-record (RFC 6891): what one says, and writing our own.
 *
 * Nothing of a received OPT is ever copied as it stands: ours is always built anew.
 */
#ifndef RINGDNS_WIRE_EDNS_H
#define RINGDNS_WIRE_EDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringdns/limits.h"
#include "wire/cursor.h"

/* An extended error (RFC 8914): INFO-CODE and where its text stands in the message, cut to
 * RD_EDE_TEXT_BYTES at a character's boundary (UTF-8). */
struct rd_ede {
    uint16_t code;
    uint16_t text_offset;
    uint16_t text_len;
};

struct rd_edns {
    bool present;
    bool dnssec_ok;     /* DO */
    bool nsid;          /* an NSID option is there */
    bool keepalive;     /* an edns-tcp-keepalive option is there (RFC 7828) */
    uint8_t cookie_len; /* of the first COOKIE option (RFC 7873), cut at 255; 0: there is none */
    uint16_t cookie_offset;
    uint8_t version;
    uint8_t extended_rcode; /* the upper 8 bits of the RCODE */
    uint8_t n_ede;          /* at most RD_EDE_MAX; further ones are left out */
    uint16_t payload_bytes; /* the sender's UDP size as it stands; values under 512 mean 512 */
    struct rd_ede ede[RD_EDE_MAX];
};

/* Bytes of an OPT record without options. */
#define RD_EDNS_BYTES 11

/* Reads the options of an OPT record: RDATA is LEN bytes at OFFSET of the message DATA, within it.
 * Fills nsid, keepalive, cookie, n_ede and ede of *RET_EDNS, and nothing else of it. False: an
 * option overruns. One pass over any number of options. */
bool rd_edns_options(const uint8_t *data, size_t offset, size_t len, struct rd_edns *ret_edns);

/* Whether its extended errors say that validation failed: a finding, not a failure. */
bool rd_edns_is_bogus(const struct rd_edns *edns);

/* Writes an OPT record without options and returns where its RDLENGTH stands, for rd_edns_close;
 * NULL when the writer is full. */
uint8_t *rd_edns_open(struct rd_writer *writer, uint16_t payload_bytes, uint16_t rcode,
                      bool dnssec_ok);
/* Writes one option behind it. */
void rd_edns_option(struct rd_writer *writer, uint16_t code, const void *bytes, size_t len);
/* Writes an EDE option with its text of LEN bytes. */
void rd_edns_ede(struct rd_writer *writer, uint16_t code, const void *text, size_t len);
/* Enters the length of the options that were written since. NULL is allowed: nothing is done. */
void rd_edns_close(struct rd_writer *writer, uint8_t *rdlength);

#endif
