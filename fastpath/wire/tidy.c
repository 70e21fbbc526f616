/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tidy.c - from what a server said to what may be said after it.
 *
 * First everything is judged on the message as it came; then it is changed, in place unless
 * something must go (rebuild.c), and TTLs last, when they are where they stay. Pure, any thread.
 * Not here: which records belong to the answer (chain.c), and where TTLs are (survey.c).
 */
#include "wire/tidy.h"

#include <string.h>

#include "wire/chain.h"
#include "wire/packed.h"
#include "wire/rebuild.h"
#include "wire/record.h"
#include "wire/survey.h"

#define TTL_TOP_BIT   0x80000000u
#define MINIMUM_BYTES 4 /* a SOA's last field */

/* Extended errors, out of the way of what is written over them. */
struct errors {
    unsigned n;
    struct {
        uint16_t code, len;
        uint8_t text[RD_EDE_TEXT_BYTES];
    } at[RD_EDE_MAX];
};

static void copy_errors(const uint8_t *data, const struct rd_edns *edns, struct errors *ret_errors)
{
    ret_errors->n = edns->present ? edns->n_ede : 0;
    for (unsigned i = 0; i < ret_errors->n; i++) {
        ret_errors->at[i].code = edns->ede[i].code;
        ret_errors->at[i].len = edns->ede[i].text_len;
        memcpy(ret_errors->at[i].text, data + edns->ede[i].text_offset, edns->ede[i].text_len);
    }
}

/* Ends the message in front of its OPT. */
static void drop_opt(uint8_t *data, struct rd_message *wire)
{
    uint16_t count = 0;

    if (wire->opt) {
        for (size_t at = wire->end[RD_AUTHORITY]; at < wire->opt; count++)
            at = record_at(data, at).end;
        wire->count[RD_ADDITIONAL] = count;
        wire->end[RD_ADDITIONAL] = wire->opt;
        rd_put_u16(data + 10, count);
    }
    wire->opt = wire->opt_end = 0;
    wire->edns = (struct rd_edns){.present = false};
}

/* Puts an OPT with ERRORS alone behind the message, if there are any and CAP has room. */
static void add_errors(uint8_t *data, uint32_t cap, const struct errors *errors,
                       struct rd_message *wire)
{
    size_t opt = wire->end[RD_ADDITIONAL];
    struct rd_writer writer =
        rd_writer_at(data, cap < RD_DNS_TCP_BYTES ? cap : RD_DNS_TCP_BYTES, opt);
    uint8_t *rdlength;

    if (errors->n == 0)
        return;
    rdlength = rd_edns_open(&writer, 0, RD_NOERROR, false);
    for (unsigned i = 0; i < errors->n; i++)
        rd_edns_ede(&writer, errors->at[i].code, errors->at[i].text, errors->at[i].len);
    rd_edns_close(&writer, rdlength);
    if (writer.full)
        return;
    wire->opt = (uint16_t)opt;
    wire->opt_end = wire->end[RD_ADDITIONAL] = (uint16_t)rd_writer_offset(&writer);
    rd_put_u16(data + 10, ++wire->count[RD_ADDITIONAL]);
    wire->edns.present = true;
    rd_edns_options(data, opt + RD_EDNS_BYTES, wire->opt_end - opt - RD_EDNS_BYTES, &wire->edns);
}

/* Offset of the first SOA in authority whose zone can deny the chain's last name, 0: none. That a
 * name has no DS is for the zone above it to say (RFC 4035 section 3.1.4.1). */
static size_t find_soa(const uint8_t *data, const struct rd_message *wire, size_t name)
{
    struct packed names = packed_in(data);
    int least = wire->qtype == RD_TYPE_DS && packed_labels(&names, name) > 0 ? 1 : 0;
    struct record record;

    if (!wire->soa)
        return 0;
    for (size_t at = wire->end[RD_ANSWER]; at < wire->end[RD_AUTHORITY]; at = record.end) {
        record = record_at(data, at);
        if (record.type == RD_TYPE_SOA && record.class == RD_CLASS_IN &&
            packed_depth(&names, name, record.start) >= least)
            return at;
    }
    return 0;
}

static enum rd_finding judge(const struct rd_message *wire, const struct chain *chain, bool denied)
{
    unsigned rcode = (wire->flags & RD_DNS_RCODE) |
                     (wire->edns.present ? (unsigned)wire->edns.extended_rcode << 4 : 0);

    if (wire->flags & RD_DNS_TC || chain->broken)
        return RD_FINDS_NOTHING;
    if (rcode == RD_NOERROR && chain->found)
        return RD_FINDS_RECORDS;
    if (chain->found || !denied)
        return RD_FINDS_NOTHING;
    return rcode == RD_NOERROR    ? RD_FINDS_NO_DATA
           : rcode == RD_NXDOMAIN ? RD_FINDS_NO_NAME
                                  : RD_FINDS_NOTHING;
}

static uint32_t least_of(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t clamp(uint32_t ttl, const struct rd_tidy_limits *limits)
{
    if (ttl < limits->min_ttl)
        ttl = limits->min_ttl;
    return ttl & TTL_TOP_BIT ? limits->max_ttl : least_of(ttl, limits->max_ttl);
}

/* Clamps every TTL; SOA: where the record is that denies, 0: none. */
static void clamp_all(uint8_t *data, const struct rd_message *wire, size_t soa,
                      const struct rd_tidy_limits *limits, struct rd_tidy *tidy)
{
    size_t end = wire->opt ? wire->opt : wire->end[RD_ADDITIONAL];
    struct record record;

    tidy->least_ttl = UINT32_MAX;
    for (size_t at = wire->question_end; at < end; at = record.end) {
        uint32_t ttl;

        record = record_at(data, at);
        ttl = clamp(record.ttl, limits);
        if (at == soa)
            ttl = least_of(least_of(ttl, limits->negative_ttl),
                           rd_get_u32(data + record.end - MINIMUM_BYTES));
        if (at < wire->end[RD_AUTHORITY])
            tidy->least_ttl = least_of(tidy->least_ttl, ttl);
        if (ttl != record.ttl) {
            rd_put_u16(data + record_ttl(&record), (uint16_t)(ttl >> 16));
            rd_put_u16(data + record_ttl(&record) + 2, (uint16_t)ttl);
        }
    }
    if (wire->end[RD_AUTHORITY] == wire->question_end)
        tidy->least_ttl = 0;
}

uint32_t rd_tidy(uint8_t *data, uint32_t len, uint32_t cap, struct rd_message *wire,
                 const struct rd_name *name, const struct rd_tidy_limits *limits, uint8_t *scratch,
                 struct rd_tidy *ret_tidy)
{
    struct chain chain;
    struct errors errors;
    size_t soa;

    (void)len; /* it is where the walk ended */
    memcpy(data + RD_DNS_HEADER_BYTES, name->bytes, name->len);
    chain_follow(data, wire, &chain);
    soa = chain.found ? 0 : find_soa(data, wire, chain.end);
    ret_tidy->finding = judge(wire, &chain, soa != 0);
    ret_tidy->behind_alias = chain.links > 0;
    if (ret_tidy->finding == RD_FINDS_NOTHING)
        soa = 0;
    copy_errors(data, &wire->edns, &errors);
    drop_opt(data, wire);
    if (!chain.whole || !survey_message(data, wire, scratch, ret_tidy)) {
        if (!rebuild_message(data, cap, wire, &chain, name, scratch, &soa))
            return 0;
        survey_message(data, wire, scratch, ret_tidy);
    }
    add_errors(data, cap, &errors, wire);
    clamp_all(data, wire, soa, limits, ret_tidy);
    return wire->end[RD_ADDITIONAL];
}
