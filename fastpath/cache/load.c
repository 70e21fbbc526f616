/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c - putting in a record of a file, which is not to be believed.
 *
 * Shape: whatever a worker checks before it stores an answer is checked again; what was derived
 * from the message, where its TTLs are and what may be turned, is derived once more, by tidying.
 * Thread: main, before the workers run.
 */
#include <string.h>

#include "cache/whole.h"
#include "ringdns/limits.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/tidy.h"

static bool is_lower_name(const struct rd_name *name)
{
    struct rd_name lower;

    return name->len && rd_name_read(name->bytes, name->len, 0, &lower, NULL) == name->len &&
           memcmp(lower.bytes, name->bytes, name->len) == 0;
}

/* The message is an answer to the record's question, written in lower case. */
static bool is_sound(const struct rd_cache_record *record, struct rd_message *ret_message)
{
    const uint8_t *data = record->message;
    uint16_t len = record->len;
    struct rd_name name;

    if (len > sizeof(record->message) || !rd_message_header(data, len, ret_message) ||
        (ret_message->flags & (RD_DNS_QR | RD_DNS_OPCODE | RD_DNS_TC)) != RD_DNS_QR ||
        rd_message_question(data, len, ret_message, &name, NULL) != RD_WIRE_OK ||
        rd_message_sections(data, len, ret_message) != RD_WIRE_OK)
        return false;
    return ret_message->qclass == RD_CLASS_IN && name.len == record->name.len &&
           memcmp(data + RD_DNS_HEADER_BYTES, record->name.bytes, name.len) == 0 &&
           (ret_message->opt == 0 || ret_message->opt_end == len) && !ret_message->tsig &&
           (record->type == 0 || record->type == ret_message->qtype);
}

/* It denies the question's own name, not one that an alias leads to. */
static bool is_of_name(const struct rd_tidy *tidy)
{
    return tidy->finding == RD_FINDS_NO_NAME && !tidy->behind_alias;
}

/* What tidying says of the message, which it must find tidy: it is derived once more. */
static bool derive(const struct rd_cache_record *record, struct rd_message *message,
                   struct rd_cache_entry *entry)
{
    static const struct rd_tidy_limits any = {0, INT32_MAX, INT32_MAX};
    static uint8_t copy[RD_CACHE_MESSAGE_BYTES], scratch[RD_DNS_TCP_BYTES];
    static struct rd_tidy tidy;
    bool of_name = record->kind == RD_CACHE_NAME;

    memcpy(copy, record->message, record->len);
    if (rd_tidy(copy, record->len, sizeof(copy), message, &record->name, &any, scratch, &tidy) !=
            record->len ||
        memcmp(copy, record->message, record->len) != 0 || tidy.finding == RD_FINDS_NOTHING ||
        tidy.too_many || record->lifetime_s > tidy.least_ttl || is_of_name(&tidy) != of_name)
        return false;
    entry->n_ttls = tidy.n_ttls;
    memcpy(entry->ttls, tidy.ttls, tidy.n_ttls * sizeof(tidy.ttls[0]));
    entry->rotate_first = tidy.rotate_first;
    entry->rotate_n = tidy.rotate_n;
    entry->denies = tidy.finding != RD_FINDS_RECORDS;
    entry->has_opt = message->opt != 0;
    return true;
}

bool rd_cache_load(struct rd_cache *cache, const struct rd_cache_record *record)
{
    struct rd_cache_entry entry = {
        .stored_ns = record->stored_ns,
        .lifetime_s = record->lifetime_s,
        .len = record->len,
        .trust_ad = record->trust_ad,
    };
    struct rd_key key = {
        .type = record->type,
        .incarnation = record->incarnation,
        .view = record->view,
        .dnssec_ok = record->dnssec_ok,
        .checking_disabled = record->checking_disabled,
        .name = record->name,
    };
    struct rd_message message;

    if (!cache || record->kind >= RD_CACHE_FAILURE || record->view >= RD_MAX_VIEWS ||
        !is_lower_name(&record->name) || (record->kind == RD_CACHE_NAME) != (record->type == 0) ||
        !is_sound(record, &message) || !derive(record, &message, &entry))
        return false;
    rd_key_hash(&cache->hash_key, &key);
    return rd_cache_store(rd_cache_writer(cache, cache->n_writers - 1), &key,
                          (enum rd_cache_kind)record->kind, &entry, record->message,
                          record->stored_ns, rd_cache_flushes(cache)) == RD_CACHE_STORED;
}
