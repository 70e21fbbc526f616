/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cut.c - the denial of a name above, made one of the name that is asked for.
 *
 * Every record but the SOA is left out, and the SOA is written anew, since its names may point into
 * the other question. One worker's thread.
 */
#include "cut.h"

#include "answer.h"
#include "base/clock.h"
#include "wire/record.h"

/* Labels that are looked at, from the root's end: a name of very many costs no more than this. */
#define CUT_LABELS   16
#define SOA_NUMBERS  20 /* bytes */
#define LABEL_STARTS 128

/* Where each label of NAME starts, the root's left out; how many there are. */
static unsigned label_starts(const struct rd_name *name, uint8_t starts[LABEL_STARTS])
{
    unsigned n = 0;

    for (unsigned at = 0; name->bytes[at] != 0; at += name->bytes[at] + 1u)
        starts[n++] = (uint8_t)at;
    return n;
}

/* The SOA of the denial that was fetched into the scratch room, LEN bytes; false: there is none. */
static bool find_soa(const uint8_t *data, uint32_t len, struct record *ret_soa)
{
    struct rd_message wire;

    if (!rd_message_header(data, len, &wire) ||
        rd_message_question(data, len, &wire, NULL, NULL) != RD_WIRE_OK ||
        rd_message_sections(data, len, &wire) != RD_WIRE_OK)
        return false;
    for (size_t at = wire.end[RD_ANSWER]; at < wire.end[RD_AUTHORITY]; at = ret_soa->end) {
        *ret_soa = record_at(data, at);
        if (ret_soa->type == RD_TYPE_SOA)
            return true;
    }
    return false;
}

static size_t put_name(struct rd_writer *writer, const uint8_t *data, uint32_t len, size_t at)
{
    struct rd_name name;
    size_t bytes = rd_name_unpack(data, len, at, &name);

    rd_writer_bytes(writer, name.bytes, bytes == 0 ? 0 : name.len);
    return bytes;
}

static void put_soa(struct rd_writer *writer, const uint8_t *data, uint32_t len,
                    const struct record *soa, uint32_t age_s)
{
    uint8_t *rdlength;
    size_t at = soa->rdata;

    put_name(writer, data, len, soa->start);
    rd_writer_u16(writer, RD_TYPE_SOA);
    rd_writer_u16(writer, RD_CLASS_IN);
    rd_writer_u32(writer, soa->ttl > age_s ? soa->ttl - age_s : 0);
    rdlength = rd_writer_take(writer, 2);
    at += put_name(writer, data, len, at);
    at += put_name(writer, data, len, at);
    rd_writer_bytes(writer, data + at, SOA_NUMBERS);
    if (rdlength && !writer->full)
        rd_put_u16(rdlength, (uint16_t)(writer->at - rdlength - 2));
}

/* NXDOMAIN for KEY, of a denial of LEN bytes in the scratch room. */
static bool deny(struct context *context, const struct rd_key *key, const struct client *client,
                 uint32_t len, uint32_t age_s, struct io_message *msg)
{
    static const uint16_t count[3] = {0, 1, 0};
    struct answer_question question = {&key->name, key->type, RD_CLASS_IN};
    struct rd_writer writer;
    struct record soa;

    if (!find_soa(context->scratch, len, &soa))
        return false;
    writer = answer_open(context, &question, client, msg);
    put_soa(&writer, context->scratch, len, &soa, age_s);
    rd_stat_inc(&context->stats->cache_hits_negative);
    answer_close(context, &question, client, RD_NXDOMAIN, false, count, &writer, msg);
    return true;
}

/* The name above KEY's that begins at byte START of it, as denials are kept. */
static struct rd_key above(const struct context *context, const struct rd_key *key, uint8_t start)
{
    struct rd_key up = {.incarnation = key->incarnation,
                        .view = key->view,
                        .dnssec_ok = key->dnssec_ok,
                        .checking_disabled = key->checking_disabled};

    up.name.len = (uint8_t)(key->name.len - start);
    memcpy(up.name.bytes, key->name.bytes + start, up.name.len);
    rd_key_hash(&context->hash_key, &up);
    return up;
}

bool cut_client(struct context *context, const struct rd_key *key, const struct client *client,
                struct io_message *msg)
{
    uint8_t starts[LABEL_STARTS];
    unsigned n, least;

    if (!context->snapshot->config.cache_nxdomain_cut || !context->cache || key->dnssec_ok)
        return false;
    n = label_starts(&key->name, starts);
    least = n > CUT_LABELS ? n - CUT_LABELS : 1;
    for (unsigned i = n; i-- > least;) {
        struct rd_key up = above(context, key, starts[i]);
        struct rd_cache_entry entry;
        uint64_t age_ns;

        if (rd_cache_fetch(context->cache, &up, RD_CACHE_NAME, context->scratch,
                           sizeof(context->scratch), &entry) != RD_CACHE_HIT)
            continue;
        age_ns = context->now_ns > entry.stored_ns ? context->now_ns - entry.stored_ns : 0;
        if (age_ns < entry.lifetime_s * RD_NS_PER_S &&
            deny(context, key, client, entry.len, (uint32_t)(age_ns / RD_NS_PER_S), msg))
            return true;
    }
    return false;
}
