/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply.h - replies for the tests of tidying, made of names in text, and what is to hold of every
 * reply that was tidied.
 */
#ifndef RINGDNS_TESTS_WIRE_REPLY_H
#define RINGDNS_TESTS_WIRE_REPLY_H

#include <stdio.h>
#include <stdlib.h>

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "packet.h"
#include "wire/message.h"
#include "wire/tidy.h"

#define TYPE_RRSIG 46

static struct packet reply;
static struct rd_message reply_wire; /* after reply_tidy: of what it left */
static struct rd_name reply_name;    /* the question's, in lower case */
static struct rd_tidy tidied;
static struct rd_tidy_limits limits;
static uint8_t scratch[RD_DNS_TCP_BYTES];

static inline struct rd_name name_of(const char *text)
{
    struct rd_name name;

    assert_true(rd_name_from_text(text, &name));
    return name;
}

/* A reply to NAME TYPE, without records. */
static inline void reply_begin(const char *name, unsigned type)
{
    reply_name = name_of(name);
    reply.len = 0;
    packet_add(&reply, "\x12\x34\x81\x80\0\1\0\0\0\0\0\0", 12);
    packet_add(&reply, reply_name.bytes, reply_name.len);
    packet_add_u16(&reply, type);
    packet_add_u16(&reply, RD_CLASS_IN);
    rd_name_lower(&reply_name);
    limits = (struct rd_tidy_limits){.max_ttl = 86400, .negative_ttl = 3600};
}

static inline void reply_count(enum rd_section section)
{
    uint8_t *count = reply.bytes + 6 + 2 * section;

    rd_put_u16(count, (uint16_t)(rd_get_u16(count) + 1));
}

/* The owner, NULL: a pointer to the question's name; the fields; no RDATA yet. */
static inline void reply_open(enum rd_section section, const char *owner, unsigned type,
                              uint32_t ttl)
{
    reply_count(section);
    if (owner) {
        struct rd_name name = name_of(owner);

        packet_add(&reply, name.bytes, name.len);
    } else {
        packet_add_u16(&reply, 0xc00c);
    }
    packet_add_u16(&reply, type);
    packet_add_u16(&reply, RD_CLASS_IN);
    packet_add_u16(&reply, ttl >> 16);
    packet_add_u16(&reply, ttl & 0xffff);
}

static inline void reply_add(enum rd_section section, const char *owner, unsigned type,
                             uint32_t ttl, const void *rdata, size_t len)
{
    reply_open(section, owner, type, ttl);
    packet_add_u16(&reply, (unsigned)len);
    packet_add(&reply, rdata, len);
}

/* With a name as RDATA. Where its name stands. */
static inline size_t reply_add_name(enum rd_section section, const char *owner, unsigned type,
                                    const char *target)
{
    struct rd_name name = name_of(target);

    reply_add(section, owner, type, 300, name.bytes, name.len);
    return reply.len - name.len;
}

static inline void reply_add_a(const char *owner)
{
    static const uint8_t address[4] = {192, 0, 2, 1};

    reply_add(RD_ANSWER, owner, RD_TYPE_A, 300, address, sizeof(address));
}

static inline void reply_add_rrsig(const char *owner, uint16_t covered)
{
    uint8_t rdata[18 + 1 + 4] = {(uint8_t)(covered >> 8), (uint8_t)covered};

    reply_add(RD_ANSWER, owner, TYPE_RRSIG, 300, rdata, sizeof(rdata));
}

static inline void reply_add_soa(const char *owner, uint32_t ttl, uint32_t minimum)
{
    uint8_t rdata[22] = {0};

    rd_put_u16(rdata + 18, (uint16_t)(minimum >> 16));
    rd_put_u16(rdata + 20, (uint16_t)minimum);
    reply_add(RD_AUTHORITY, owner, RD_TYPE_SOA, ttl, rdata, sizeof(rdata));
}

static inline void reply_add_opt(const void *options, size_t len)
{
    reply_count(RD_ADDITIONAL);
    packet_add_opt(&reply, options, len);
}

static inline enum rd_wire reply_walk(struct rd_message *ret_wire)
{
    assert_true(rd_message_header(reply.bytes, reply.len, ret_wire));
    assert_int_equal(rd_message_question(reply.bytes, reply.len, ret_wire, NULL, NULL), RD_WIRE_OK);
    return rd_message_sections(reply.bytes, reply.len, ret_wire);
}

/* What REPLY_WIRE says is what a walk over the message says. */
static inline void assert_walked(void)
{
    struct rd_message wire;

    assert_int_equal(reply_walk(&wire), RD_WIRE_OK);
    assert_int_equal(wire.flags, reply_wire.flags);
    assert_int_equal(wire.question_end, reply_wire.question_end);
    assert_memory_equal(wire.count, reply_wire.count, sizeof(wire.count));
    assert_memory_equal(wire.end, reply_wire.end, sizeof(wire.end));
    assert_int_equal(wire.opt, reply_wire.opt);
    assert_int_equal(wire.opt_end, reply_wire.opt_end);
    assert_int_equal(wire.soa, reply_wire.soa);
    assert_int_equal(wire.ns, reply_wire.ns);
    assert_memory_equal(&wire.edns, &reply_wire.edns, sizeof(wire.edns));
}

static inline uint32_t reply_tidy_once(uint32_t cap)
{
    assert_int_equal(reply_walk(&reply_wire), RD_WIRE_OK);
    return rd_tidy(reply.bytes, (uint32_t)reply.len, cap, &reply_wire, &reply_name, &limits,
                   scratch, &tidied);
}

/* Tidies the reply, twice: the second time it is clean. */
static inline void reply_tidy(void)
{
    static struct packet before;
    struct rd_tidy first;

    reply.len = reply_tidy_once(sizeof(reply.bytes));
    assert_true(reply.len > 0);
    assert_walked();
    first = tidied;
    before = reply;
    assert_int_equal(reply_tidy_once(sizeof(reply.bytes)), before.len);
    assert_memory_equal(reply.bytes, before.bytes, before.len);
    assert_int_equal(tidied.finding, first.finding);
    assert_int_equal(tidied.least_ttl, first.least_ttl);
    assert_int_equal(tidied.n_ttls, first.n_ttls);
    assert_memory_equal(tidied.ttls, first.ttls, tidied.n_ttls * sizeof(first.ttls[0]));
    assert_memory_equal(reply.bytes + 12, reply_name.bytes, reply_name.len);
}

/* The owner and type of each record in SECTION: "a.example.:1 b.example.:46". */
static inline const char *reply_text(enum rd_section section)
{
    static char text[8192];
    size_t at = section == RD_ANSWER ? reply_wire.question_end : reply_wire.end[section - 1];
    size_t len = 0;

    text[0] = '\0';
    while (at < reply_wire.end[section]) {
        struct rd_name name;
        char owner[RD_NAME_TEXT_BYTES];
        size_t fields = at + rd_name_unpack(reply.bytes, reply.len, at, &name);

        rd_name_to_text(&name, owner);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s:%u", len ? " " : "", owner,
                                (unsigned)rd_get_u16(reply.bytes + fields));
        assert_true(len < sizeof(text));
        at = rd_message_skip_record(reply.bytes, reply.len, at);
    }
    return text;
}

/* The name at OFFSET in text. */
static inline const char *name_at(size_t offset)
{
    static char text[RD_NAME_TEXT_BYTES];
    struct rd_name name;

    assert_true(rd_name_unpack(reply.bytes, reply.len, offset, &name) > 0);
    rd_name_to_text(&name, text);
    return text;
}

static inline uint32_t reply_ttl(unsigned index)
{
    assert_true(index < tidied.n_ttls);
    return rd_get_u32(reply.bytes + tidied.ttls[index]);
}

#define assert_finds(finds)     assert_int_equal(tidied.finding, finds)
#define assert_answer(expected) assert_string_equal(reply_text(RD_ANSWER), expected)

static inline void assert_tidied(enum rd_finding finding, const char *answer)
{
    reply_tidy();
    assert_answer(answer);
    assert_finds(finding);
}

#endif
