/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_text.c - reads what the cache holds, to show it.
 *
 * The messages were checked when they came, and are not trusted here all the same: names may only
 * point backwards, and each read stays within the message. What does not have its type's form is
 * shown as bytes. The result is printable ASCII.
 * Threads: any, no state.
 * Not here: reading messages on a query's way (fastpath/wire).
 */
#include "dns_text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

const char *dns_type_format(uint16_t type, char text[DNS_TYPE_TEXT])
{
    static const struct {
        uint16_t type;
        const char *name;
    } names[] = {
        {1, "A"},           {2, "NS"},      {5, "CNAME"},   {6, "SOA"},    {12, "PTR"},
        {13, "HINFO"},      {15, "MX"},     {16, "TXT"},    {17, "RP"},    {18, "AFSDB"},
        {28, "AAAA"},       {29, "LOC"},    {33, "SRV"},    {35, "NAPTR"}, {36, "KX"},
        {37, "CERT"},       {39, "DNAME"},  {42, "APL"},    {43, "DS"},    {44, "SSHFP"},
        {46, "RRSIG"},      {47, "NSEC"},   {48, "DNSKEY"}, {50, "NSEC3"}, {51, "NSEC3PARAM"},
        {52, "TLSA"},       {53, "SMIMEA"}, {55, "HIP"},    {59, "CDS"},   {60, "CDNSKEY"},
        {61, "OPENPGPKEY"}, {62, "CSYNC"},  {63, "ZONEMD"}, {64, "SVCB"},  {65, "HTTPS"},
        {99, "SPF"},        {108, "EUI48"}, {109, "EUI64"}, {255, "ANY"},  {256, "URI"},
        {257, "CAA"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].type == type) {
            snprintf(text, DNS_TYPE_TEXT, "%s", names[i].name);
            return text;
        }
    }
    snprintf(text, DNS_TYPE_TEXT, "TYPE%u", type);
    return text;
}

const char *dns_rcode_format(unsigned rcode, char text[DNS_RCODE_TEXT])
{
    static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                        "NXDOMAIN", "NOTIMP",  "REFUSED"};

    if (rcode < sizeof(names) / sizeof(names[0]))
        snprintf(text, DNS_RCODE_TEXT, "%s", names[rcode]);
    else
        snprintf(text, DNS_RCODE_TEXT, "RCODE%u", rcode);
    return text;
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* Reads the name at *AT, which moves behind it. False: it has no good form. */
static bool read_name(const uint8_t *message, size_t len, size_t *at, struct rd_name *ret_name)
{
    size_t from = *at, before = from; /* a pointer leads to where no byte of it lies yet */
    bool jumped = false;

    ret_name->len = 0;
    for (;;) {
        unsigned label = from < len ? message[from] : 0xff;

        if (label >= 0xc0) {
            size_t to = from + 1 < len ? get16(message + from) & 0x3fff : len;

            if (to >= before)
                return false;
            *at = jumped ? *at : from + 2;
            jumped = true;
            from = before = to;
            continue;
        }
        if (label > RD_DNS_LABEL_BYTES || from + 1 + label > len ||
            ret_name->len + 1 + label > RD_DNS_NAME_BYTES - (label > 0))
            return false;
        memcpy(ret_name->bytes + ret_name->len, message + from, 1 + label);
        ret_name->len = (uint8_t)(ret_name->len + 1 + label);
        from += 1 + label;
        if (label == 0)
            break;
    }
    *at = jumped ? *at : from;
    return true;
}

void dns_reader_open(const uint8_t *message, size_t len, struct dns_reader *ret_reader)
{
    struct rd_name name;

    *ret_reader = (struct dns_reader){.message = message, .len = len, .at = RD_DNS_HEADER_BYTES};
    if (len < RD_DNS_HEADER_BYTES) {
        ret_reader->broken = true;
        return;
    }
    for (unsigned i = 0; i < 3; i++)
        ret_reader->left[i] = (uint16_t)get16(message + 6 + 2 * i);
    for (unsigned i = get16(message + 4); i > 0 && !ret_reader->broken; i--) {
        ret_reader->broken = !read_name(message, len, &ret_reader->at, &name);
        ret_reader->at += 4;
    }
}

bool dns_reader_next(struct dns_reader *reader, struct dns_record *ret_record)
{
    const uint8_t *fixed;

    while (reader->section < 3 && reader->left[reader->section] == 0)
        reader->section++;
    if (reader->broken || reader->section == 3)
        return false;
    reader->left[reader->section]--;
    reader->broken = true;
    if (!read_name(reader->message, reader->len, &reader->at, &ret_record->owner) ||
        reader->at + 10 > reader->len)
        return false;
    fixed = reader->message + reader->at;
    ret_record->type = (uint16_t)get16(fixed);
    ret_record->class = (uint16_t)get16(fixed + 2);
    ret_record->ttl = get32(fixed + 4);
    ret_record->section = reader->section;
    ret_record->ttl_at = reader->at + 4;
    ret_record->rdata_len = (uint16_t)get16(fixed + 8);
    ret_record->rdata = reader->at + 10;
    reader->at = ret_record->rdata + ret_record->rdata_len;
    reader->broken = reader->at > reader->len;
    return !reader->broken;
}

static void write_bytes(const uint8_t *bytes, size_t len, FILE *out)
{
    fprintf(out, "\\# %zu%s", len, len > 0 ? " " : "");
    for (size_t i = 0; i < len; i++)
        fprintf(out, "%02x", bytes[i]);
}

/* RDATA of N names behind a PREFERENCE or none, and NUMBERS of 32 bits at its end. */
static bool write_names(const struct dns_reader *reader, const struct dns_record *record,
                        bool preference, unsigned n, unsigned numbers, FILE *out)
{
    size_t at = record->rdata, end = at + record->rdata_len;
    char text[2][RD_NAME_TEXT_BYTES];
    struct rd_name name;

    if (preference && record->rdata_len < 2)
        return false;
    at += preference ? 2 : 0;
    for (unsigned i = 0; i < n; i++) {
        if (!read_name(reader->message, end, &at, &name))
            return false;
        rd_name_to_text(&name, text[i]);
    }
    if (at + 4 * numbers != end)
        return false;
    if (preference)
        fprintf(out, "%u ", get16(reader->message + record->rdata));
    for (unsigned i = 0; i < n; i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", text[i]);
    for (unsigned i = 0; i < numbers; i++)
        fprintf(out, " %" PRIu32, get32(reader->message + at + 4 * i));
    return true;
}

static bool write_strings(const uint8_t *rdata, size_t len, FILE *out)
{
    size_t at = 0;

    while (at < len)
        at += 1u + rdata[at];
    if (at != len || len == 0)
        return false;
    for (at = 0; at < len; at += 1u + rdata[at]) {
        fputs(at > 0 ? " \"" : "\"", out);
        for (size_t i = 1; i <= rdata[at]; i++) {
            uint8_t c = rdata[at + i];

            if (c < ' ' || c > '~')
                fprintf(out, "\\%03u", c);
            else
                fprintf(out, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
        }
        fputc('"', out);
    }
    return true;
}

static bool write_address(int family, const uint8_t *rdata, size_t len, FILE *out)
{
    char text[INET6_ADDRSTRLEN];

    if (len != (family == AF_INET ? 4 : 16) || !inet_ntop(family, rdata, text, sizeof(text)))
        return false;
    fputs(text, out);
    return true;
}

static bool write_known(const struct dns_reader *reader, const struct dns_record *record, FILE *out)
{
    const uint8_t *rdata = reader->message + record->rdata;

    switch (record->type) {
    case RD_TYPE_A:
        return write_address(AF_INET, rdata, record->rdata_len, out);
    case RD_TYPE_AAAA:
        return write_address(AF_INET6, rdata, record->rdata_len, out);
    case RD_TYPE_NS:
    case RD_TYPE_CNAME:
    case RD_TYPE_PTR:
    case RD_TYPE_DNAME:
        return write_names(reader, record, false, 1, 0, out);
    case RD_TYPE_MX:
        return write_names(reader, record, true, 1, 0, out);
    case RD_TYPE_SOA:
        return write_names(reader, record, false, 2, 5, out);
    case RD_TYPE_TXT:
        return write_strings(rdata, record->rdata_len, out);
    default:
        return false;
    }
}

void dns_rdata_write(const struct dns_reader *reader, const struct dns_record *record, FILE *out)
{
    if (!write_known(reader, record, out))
        write_bytes(reader->message + record->rdata, record->rdata_len, out);
}
