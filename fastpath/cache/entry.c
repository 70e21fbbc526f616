/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * entry.c - packing entries into words and out of them.
 *
 * Shape: whole words for all but the end of the text, where it meets the TTLs' offsets.
 * Thread: any; every access to shared memory is a relaxed atomic one.
 * Not here: whether what was read is whole (table.c), where an entry goes (log.c).
 */
#include "cache/entry.h"

#include <string.h>

#define TAIL_WORDS ((7u + 2u * RD_CACHE_TTLS + 7) / 8)

struct entry_head entry_head_of(const struct rd_key *key, enum rd_cache_kind kind,
                                const struct rd_cache_entry *entry)
{
    uint8_t first = kind == RD_CACHE_FAILURE ? entry->level : entry->rotate_first;

    return (struct entry_head){
        .name_hash = key->name_hash,
        .stored_ns = entry->stored_ns,
        .sizes = (uint64_t)entry->lifetime_s << 32 | (uint64_t)entry->len << 16 |
                 (uint64_t)entry->n_ttls << 8 | key->name.len,
        .what = entry_key_of(key, kind) | (entry->trust_ad ? ENTRY_TRUST_AD : 0) |
                (entry->has_opt ? ENTRY_HAS_OPT : 0) | (entry->denies ? ENTRY_DENIES : 0) |
                (uint64_t)first << ENTRY_FIRST_SHIFT |
                (uint64_t)entry->rotate_n << ENTRY_ROTATE_SHIFT,
    };
}

void entry_unpack(const struct entry_head *head, struct rd_cache_entry *ret_entry)
{
    uint8_t first = (uint8_t)(head->what >> ENTRY_FIRST_SHIFT);
    bool failure = entry_kind(head->what) == RD_CACHE_FAILURE;

    ret_entry->stored_ns = head->stored_ns;
    ret_entry->lifetime_s = entry_lifetime(head->sizes);
    ret_entry->len = entry_len(head->sizes);
    ret_entry->n_ttls = entry_n_ttls(head->sizes);
    ret_entry->level = failure ? first : 0;
    ret_entry->rotate_first = failure ? 0 : first;
    ret_entry->rotate_n = (uint8_t)(head->what >> ENTRY_ROTATE_SHIFT);
    ret_entry->trust_ad = head->what & ENTRY_TRUST_AD;
    ret_entry->has_opt = head->what & ENTRY_HAS_OPT;
    ret_entry->denies = head->what & ENTRY_DENIES;
}

void entry_write(entry_word *at, const struct entry_head *head, const uint8_t *text,
                 const uint16_t *ttls)
{
    uint32_t bytes = entry_text_bytes(head->sizes), rest = bytes % 8;
    uint32_t ttl_bytes = 2u * entry_n_ttls(head->sizes);
    uint64_t tail[TAIL_WORDS], word;
    entry_word *to = at + ENTRY_HEAD_WORDS;

    entry_put(at, head->name_hash);
    entry_put(at + 1, head->stored_ns);
    entry_put(at + 2, head->sizes);
    entry_put(at + 3, head->what);
    for (uint32_t i = 0; i + 8 <= bytes; i += 8) {
        memcpy(&word, text + i, 8);
        entry_put(to++, word);
    }
    if (rest + ttl_bytes == 0)
        return;
    tail[(rest + ttl_bytes - 1) / 8] = 0;
    memcpy(tail, text + bytes - rest, rest);
    memcpy((uint8_t *)tail + rest, ttls, ttl_bytes);
    for (uint32_t i = 0; i * 8 < rest + ttl_bytes; i++)
        entry_put(to++, tail[i]);
}

void entry_read_text(const entry_word *at, uint32_t bytes, uint8_t *to, uint32_t room)
{
    uint32_t whole = room >= bytes + 7 ? bytes + 7 : bytes, i = 0;
    uint64_t word;

    at += ENTRY_HEAD_WORDS;
    for (; i + 8 <= whole; i += 8) {
        word = entry_load(at++);
        memcpy(to + i, &word, 8);
    }
    if (i < bytes) {
        word = entry_load(at);
        memcpy(to + i, &word, bytes - i);
    }
}

void entry_read_ttls(const entry_word *at, uint64_t sizes, uint16_t *ret_ttls)
{
    uint32_t bytes = entry_text_bytes(sizes), rest = bytes % 8;
    uint32_t ttl_bytes = 2u * entry_n_ttls(sizes);
    uint64_t tail[TAIL_WORDS];

    at += ENTRY_HEAD_WORDS + bytes / 8;
    for (uint32_t i = 0; i * 8 < rest + ttl_bytes; i++)
        tail[i] = entry_load(at++);
    memcpy(ret_ttls, (const uint8_t *)tail + rest, ttl_bytes);
}

bool entry_name_is(const entry_word *at, uint64_t sizes, const struct rd_name *name)
{
    uint8_t text[ENTRY_NAME_ROOM];
    uint32_t from = entry_name_at(sizes), bytes = from + name->len;

    if (entry_name_len(sizes) != name->len || entry_text_bytes(sizes) < bytes)
        return false;
    entry_read_text(at, bytes, text, sizeof(text));
    return memcmp(text + from, name->bytes, name->len) == 0;
}
