/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compose.c - writes a question for a server; pure functions.
 *
 * A random spelling is not kept: 32 random bits decide it, used again and again along the name, and
 * the same bits tell whether a reply repeats it.
 */
#include "compose.h"

#include <string.h>

#include "ringdns/dns.h"
#include "wire/cursor.h"
#include "wire/edns.h"

/* Byte I of a name in the spelling that SEED gives; a length byte is never a letter. */
static uint8_t spelled(uint8_t byte, unsigned i, uint32_t seed)
{
    bool upper = seed >> (i % 32) & 1 && byte >= 'a' && byte <= 'z';

    return upper ? (uint8_t)(byte - 0x20) : byte;
}

static void write_name(const struct rd_name *name, uint32_t seed, struct rd_writer *writer)
{
    uint8_t *at;

    if (seed == 0) {
        rd_writer_bytes(writer, name->bytes, name->len);
        return;
    }
    at = rd_writer_take(writer, name->len);
    for (unsigned i = 0; at && i < name->len; i++)
        at[i] = spelled(name->bytes[i], i, seed);
}

static void write_opt(const struct rd_key *key, const struct attempt *attempt,
                      const struct upstream_cookie *cookie, struct rd_writer *writer)
{
    uint8_t *rdlength = rd_edns_open(writer, RD_EDNS_UPSTREAM_BYTES, 0, key->dnssec_ok);

    uint8_t *option;

    if (attempt->cookie) {
        option = rd_writer_take(writer, 4 + sizeof(cookie->client));
        if (option) {
            rd_put_u16(option, RD_OPTION_COOKIE);
            rd_put_u16(option + 2, (uint16_t)(sizeof(cookie->client) + cookie->server_len));
            memcpy(option + 4, cookie->client, sizeof(cookie->client));
        }
        rd_writer_bytes(writer, cookie->server, cookie->server_len);
    }
    rd_edns_close(writer, rdlength);
}

uint32_t compose_question(const struct rd_key *key, const struct attempt *attempt,
                          const struct upstream_cookie *cookie, uint8_t *data, uint32_t cap)
{
    struct rd_writer writer = rd_writer_at(data, cap, RD_DNS_HEADER_BYTES);
    uint16_t flags = RD_DNS_RD;
    uint8_t *type;

    /* Without DO, AD asks whether the answer was validated (RFC 6840 section 5.7). */
    if (!key->dnssec_ok)
        flags |= RD_DNS_AD;
    if (key->checking_disabled)
        flags |= RD_DNS_CD;
    memset(data, 0, RD_DNS_HEADER_BYTES);
    rd_put_u16(data, attempt->id);
    rd_put_u16(data + 2, flags);
    data[5] = 1;                /* one question, */
    data[11] = !attempt->plain; /* and an OPT record */
    write_name(&key->name, attempt->spelling, &writer);
    type = rd_writer_take(&writer, 4);
    if (type) {
        rd_put_u16(type, key->type);
        rd_put_u16(type + 2, RD_CLASS_IN);
    }
    if (!attempt->plain)
        write_opt(key, attempt, cookie, &writer);
    return (uint32_t)rd_writer_offset(&writer);
}

bool compose_spelled(const struct rd_key *key, const struct attempt *attempt, const uint8_t *at)
{
    for (unsigned i = 0; i < key->name.len; i++)
        if (at[i] != spelled(key->name.bytes[i], i, attempt->spelling))
            return false;
    return true;
}
