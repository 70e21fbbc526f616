/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * truth.c - what numbered names have.
 *
 * Addresses are the number and an index; names are compressed, as real servers do it.
 */
#include "truth.h"

#include <stdio.h>

#define SUFFIX      "\7example"
#define LETTER      't'
#define STALE_TTL   30 /* of records that are given after their end */
#define AT_QUESTION (0xc000 | RD_DNS_HEADER_BYTES)

struct truth truth_of(uint32_t number)
{
    static const struct truth truths[32] = {
        [0] = {RD_SERVFAIL, 0, 0},    /* every server fails */
        [1] = {RD_NXDOMAIN, 0, 300},  /**/
        [2] = {RD_NXDOMAIN, 0, 1},    /**/
        [3] = {RD_NOERROR, 0, 300},   /**/
        [4] = {RD_NOERROR, 240, 300}, /* too large for UDP */
        [5] = {RD_NOERROR, 300, 300}, /* and for the cache */
        [6] = {RD_NOERROR, 4, 300},   /* to be turned */
        [7] = {RD_NOERROR, 4, 1},     /**/
    };
    unsigned kind = number % 32;

    if (kind < 8)
        return truths[kind];
    return (struct truth){RD_NOERROR, 1, kind < 12 ? 0 : kind < 18 ? 1 : 300};
}

void truth_name(uint32_t number, struct rd_name *ret_name)
{
    char label[16];
    size_t len = (size_t)snprintf(label, sizeof(label), "%c%u", LETTER, number);

    ret_name->bytes[0] = (uint8_t)len;
    memcpy(ret_name->bytes + 1, label, len);
    memcpy(ret_name->bytes + 1 + len, SUFFIX, sizeof(SUFFIX));
    ret_name->len = (uint8_t)(1 + len + sizeof(SUFFIX));
}

bool truth_number(const uint8_t *wire, size_t len, uint32_t *ret_number)
{
    uint32_t number = 0;

    if (len < 3 || wire[0] < 2 || wire[0] > 9 || (wire[1] | 0x20) != LETTER || len <= wire[0])
        return false;
    for (unsigned i = 2; i <= wire[0]; i++) {
        if (wire[i] < '0' || wire[i] > '9')
            return false;
        number = number * 10 + (uint32_t)(wire[i] - '0');
    }
    *ret_number = number;
    return number < TRUTH_NUMBERS;
}

static void write_record(struct rd_writer *writer, uint16_t owner, uint16_t type, uint32_t ttl_s,
                         uint16_t rdata_bytes)
{
    rd_writer_u16(writer, owner);
    rd_writer_u16(writer, type);
    rd_writer_u16(writer, RD_CLASS_IN);
    rd_writer_u32(writer, ttl_s);
    rd_writer_u16(writer, rdata_bytes);
}

/* The zone's, behind the first label; root for both of its names. */
static void write_soa(struct rd_writer *writer, const uint8_t *answer, uint32_t ttl_s)
{
    uint16_t zone = (uint16_t)(AT_QUESTION + 1 + answer[RD_DNS_HEADER_BYTES]);

    write_record(writer, zone, RD_TYPE_SOA, ttl_s, 2 + 5 * 4);
    rd_writer_u16(writer, 0);
    for (unsigned i = 0; i < 4; i++)
        rd_writer_u32(writer, 1);
    rd_writer_u32(writer, ttl_s);
}

void truth_tell(uint32_t number, uint8_t *answer, struct rd_writer *writer)
{
    struct truth truth = truth_of(number);

    answer[3] = (uint8_t)((answer[3] & ~RD_DNS_RCODE) | truth.rcode);
    rd_put_u16(answer + 6, (uint16_t)truth.n_addresses);
    for (unsigned i = 0; i < truth.n_addresses; i++) {
        write_record(writer, AT_QUESTION, RD_TYPE_A, truth.ttl_s, 4);
        rd_writer_u32(writer, number * TRUTH_ADDRESSES + i);
    }
    if (truth.rcode == RD_SERVFAIL || truth.n_addresses > 0)
        return;
    rd_put_u16(answer + 8, 1);
    write_soa(writer, answer, truth.ttl_s);
}

/* Whether the next record is one of NUMBER's, one that RET_SEEN does not have. */
static bool is_address(struct rd_cursor *cursor, uint32_t number, const struct truth *truth,
                       bool *ret_seen)
{
    bool owner = rd_cursor_u16(cursor) == AT_QUESTION;
    bool type = rd_cursor_u16(cursor) == RD_TYPE_A && rd_cursor_u16(cursor) == RD_CLASS_IN;
    uint32_t ttl_s = rd_cursor_u32(cursor);
    bool len = rd_cursor_u16(cursor) == 4;
    uint32_t address = rd_cursor_u32(cursor), index = address % TRUTH_ADDRESSES;

    if (cursor->failed || !owner || !type || !len || ret_seen[index])
        return false;
    ret_seen[index] = true;
    return address / TRUTH_ADDRESSES == number && index < truth->n_addresses &&
           (ttl_s <= truth->ttl_s || ttl_s == STALE_TTL);
}

static const char *wrong_addresses(uint32_t number, const struct truth *truth,
                                   struct rd_cursor *cursor)
{
    bool seen[TRUTH_ADDRESSES] = {false};

    for (unsigned i = 0; i < truth->n_addresses; i++)
        if (!is_address(cursor, number, truth, seen))
            return "an address of another name, or twice, or for too long";
    return NULL;
}

const char *truth_wrong(uint32_t number, const uint8_t *answer, size_t len, bool cut)
{
    struct truth truth = truth_of(number);
    struct rd_cursor cursor = rd_cursor_at(answer, len, RD_DNS_HEADER_BYTES);
    struct rd_name name;
    const uint8_t *question;
    unsigned rcode, records;

    truth_name(number, &name);
    question = rd_cursor_take(&cursor, name.len);
    if (!question || memcmp(question, name.bytes, name.len) != 0 || rd_get_u16(answer + 4) != 1 ||
        rd_cursor_u16(&cursor) != RD_TYPE_A || rd_cursor_u16(&cursor) != RD_CLASS_IN)
        return "an answer with another question";
    rcode = answer[3] & RD_DNS_RCODE;
    records = rd_get_u16(answer + 6);
    if (rcode == RD_SERVFAIL)
        return records > 0 ? "SERVFAIL with an answer" : NULL;
    if (rcode != (unsigned)truth.rcode)
        return "an answer with another RCODE";
    if (answer[2] & RD_DNS_TC >> 8)
        return cut && records == 0 ? NULL : "a truncated answer";
    if (records != truth.n_addresses)
        return "an answer with more or fewer records";
    return wrong_addresses(number, &truth, &cursor);
}
