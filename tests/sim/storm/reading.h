/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reading.h - a DNS message read to the end, by a reader that has nothing in common with the
 * forwarder's own, so that the two do not err alike.
 *
 * Names stand whole and in lower case, also those within RDATA, so that neither compression nor
 * spelling makes a difference; what is compared often is hashed. Any bytes may come. One reading is
 * used again and again: it keeps its memory. Not here: what a message means.
 */
#ifndef RINGDNS_TESTS_STORM_READING_H
#define RINGDNS_TESTS_STORM_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READING_EDES       8
#define READING_TEXT_BYTES 280 /* of a name for people, cut where it is longer */

enum reading_state {
    READING_SHORT,    /* under 12 bytes: nothing else is valid */
    READING_QUESTION, /* not exactly one question, or not a sound one */
    READING_RECORD,   /* a record, a count or a length lies, or bytes trail */
    READING_EDNS,     /* two OPTs, one in a wrong place, or an option that overruns */
    READING_WHOLE,
};

enum reading_section { READING_ANSWER, READING_AUTHORITY, READING_ADDITIONAL };

struct reading_record {
    uint8_t section; /* enum reading_section */
    bool late;       /* it stands behind the OPT */
    bool belongs;    /* for whoever judges the message */
    uint16_t type, class;
    uint32_t ttl;
    uint32_t owner, rdata; /* where they stand in the reading's text */
    uint32_t owner_len, rdata_len;
    uint64_t name;  /* hash of the owner, */
    uint64_t head;  /* of owner, type and class, */
    uint64_t whole; /* of these and RDATA */
};

struct reading_edns {
    bool present, dnssec_ok, nsid, keepalive;
    bool others; /* options beside NSID, keepalive, cookie and extended errors */
    uint8_t version, extended;
    uint16_t payload, keepalive_units;
    unsigned n_edes;
    uint16_t edes[READING_EDES];
    size_t nsid_len, cookie_len; /* of the first one */
    const uint8_t *cookie;       /* within the message */
};

struct reading {
    enum reading_state state;
    enum reading_state rest; /* with READING_QUESTION: of the sections behind the questions */
    uint16_t id, flags, count[4];
    const uint8_t *spelled; /* the question's name as it came, within the message */
    size_t name_len;        /* the same in lower case begins the text; 0: there is none */
    uint64_t name;          /* its hash */
    uint16_t type, class;
    bool tsig;
    struct reading_edns edns;
    unsigned n, room; /* records but the OPT, in order */
    struct reading_record *at;
    uint8_t *text;
    size_t text_len, text_room;
};

/* Reads LEN bytes at DATA, which must stay as long as the reading is looked at. A zeroed reading is
 * a new one. */
enum reading_state reading_take(struct reading *reading, const uint8_t *data, size_t len);
void reading_deinit(struct reading *reading);

/* What of the question can be read in bytes of whatever state: its name (lower case, whole) to
 * NAME, of 255 bytes. The length of the name; 0: none. RET_TYPE is 0 where none follows. */
size_t reading_guess(const uint8_t *data, size_t len, uint8_t *name, uint16_t *ret_type);

/* The name at NAME in wire form, for people. */
const char *reading_text(const uint8_t *name, size_t len, char text[READING_TEXT_BYTES]);

/* Of any bytes; of names: what struct reading_record has of its owner. */
uint64_t reading_hash(uint64_t seed, const void *bytes, size_t len);
static inline uint64_t reading_name_hash(const uint8_t *name, size_t len)
{
    return reading_hash(1, name, len);
}

/* Whether the name ABOVE is NAME or above it; both in wire form and lower case. */
bool reading_is_below(const uint8_t *name, size_t len, const uint8_t *above, size_t above_len);

#endif
