/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * survey.c - one pass over the records that notes where their TTLs are and checks every compressed
 * name against those noted so far, since pointers go back only. Pure, any thread.
 *
 * With few records the list of TTLs is searched; with more, a map of the message tells which bytes
 * change, and which labels were looked at already, so that thousands of names that share their ends
 * cost no more than their own bytes.
 */
#include "wire/survey.h"

#include <string.h>

#include "wire/layout.h"
#include "wire/record.h"

#define RECORDS_LISTED 64

enum byte { UNSEEN, CHANGES, STAYS }; /* STAYS: the rest of a name that begins here was checked */

struct survey {
    const uint8_t *data;
    uint8_t *map; /* an enum byte for each of DATA's; NULL: the list has all TTLs */
    struct rd_tidy *tidy;
    unsigned in_turn; /* records that may be turned; RD_TIDY_ROTATED + 1: they are not turned */
};

static bool is_address(uint16_t type)
{
    return type == RD_TYPE_A || type == RD_TYPE_AAAA;
}

/* Bytes from the TTL at AT on that may change; RDLENGTH, which may not, is between TTL and RDATA.
 */
static size_t span(const uint8_t *data, size_t at)
{
    return is_address(rd_get_u16(data + at - 4)) ? 6u + rd_get_u16(data + at + 4) : 4;
}

static void note_ttl(struct survey *survey, size_t at)
{
    struct rd_tidy *tidy = survey->tidy;

    if (survey->map)
        memset(survey->map + at, CHANGES, span(survey->data, at));
    if (tidy->n_ttls == RD_TIDY_TTLS)
        tidy->too_many = true;
    else
        tidy->ttls[tidy->n_ttls++] = (uint16_t)at;
}

/* Whether bytes from START to END, which are all of records noted so far or in front of them,
 * include one that changes. */
static bool changes(const struct survey *survey, size_t start, size_t end)
{
    const struct rd_tidy *tidy = survey->tidy;
    unsigned low = 0, high = tidy->n_ttls;

    while (low < high) { /* how many of the spans begin before END: the last one reaches farthest */
        unsigned middle = (low + high) / 2;

        if (tidy->ttls[middle] < end)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && tidy->ttls[low - 1] + span(survey->data, tidy->ttls[low - 1]) > start;
}

/* Whether the name at AT stays what it is, by the map. A name may run on from where it was pointed
 * at to behind the record it belongs to, but not without that record's TTL, so that no byte changes
 * later that was found to stay. */
static bool stays_on_map(const struct survey *survey, size_t at)
{
    const uint8_t *data = survey->data;

    at = record_name_end(data, at);
    if (data[at] == 0)
        return true;
    at = rd_get_u16(data + at) & 0x3fffu;
    while (survey->map[at] != STAYS) {
        size_t bytes = data[at] >= 0xc0 ? 2 : data[at] + 1u;

        if (memchr(survey->map + at, CHANGES, bytes))
            return false;
        survey->map[at] = STAYS;
        if (data[at] == 0)
            return true;
        at = data[at] >= 0xc0 ? rd_get_u16(data + at) & 0x3fffu : at + bytes;
    }
    return true;
}

/* Whether the name at AT stays what it is. Its own bytes do; the question's do but for case. */
static bool stays(const struct survey *survey, size_t at)
{
    const uint8_t *data = survey->data;

    if (survey->map)
        return stays_on_map(survey, at);
    for (;;) {
        at = record_name_end(data, at);
        if (data[at] == 0)
            return true;
        at = rd_get_u16(data + at) & 0x3fffu;
        if (at == RD_DNS_HEADER_BYTES)
            return true;
        if (changes(survey, at, record_skip_name(data, at)))
            return false;
    }
}

/* Mostly the owner is the question's, and an address has no names. */
static bool names_stay(const struct survey *survey, const struct record *record)
{
    size_t at = record->rdata;
    unsigned names;

    if (rd_get_u16(survey->data + record->start) != (0xc000 | RD_DNS_HEADER_BYTES) &&
        !stays(survey, record->start))
        return false;
    if (is_address(record->type))
        return true;
    names = layout_names(survey->data, record->rdata, record->type, &at);
    for (; names > 0; names--, at = record_skip_name(survey->data, at))
        if (!stays(survey, at))
            return false;
    return true;
}

/* An answer's address, number INDEX of all records. */
static void add_to_turn(struct survey *survey, unsigned index)
{
    struct rd_tidy *tidy = survey->tidy;

    if (survey->in_turn == 0)
        tidy->rotate_first = (uint8_t)index;
    if (survey->in_turn > RD_TIDY_ROTATED || index != tidy->rotate_first + survey->in_turn)
        survey->in_turn = RD_TIDY_ROTATED + 1;
    else
        survey->in_turn++;
}

static void finish_turn(struct survey *survey)
{
    struct rd_tidy *tidy = survey->tidy;
    bool turns = survey->in_turn >= 2 && survey->in_turn <= RD_TIDY_ROTATED && !tidy->too_many;

    tidy->rotate_n = turns ? (uint8_t)survey->in_turn : 0;
    if (!turns)
        tidy->rotate_first = 0;
}

static bool is_large(const struct rd_message *wire)
{
    return (uint32_t)wire->count[RD_ANSWER] + wire->count[RD_AUTHORITY] +
               wire->count[RD_ADDITIONAL] >
           RECORDS_LISTED;
}

bool survey_message(const uint8_t *data, const struct rd_message *wire, uint8_t *scratch,
                    struct rd_tidy *ret_tidy)
{
    struct survey survey = {data, is_large(wire) ? scratch : NULL, ret_tidy, 0};
    size_t end = wire->end[RD_ADDITIONAL];
    struct record record;

    if (survey.map)
        memset(survey.map, UNSEEN, end);
    ret_tidy->n_ttls = 0;
    ret_tidy->too_many = false;
    ret_tidy->rotate_first = 0;
    for (size_t at = wire->question_end; at < end; at = record.end) {
        unsigned index = ret_tidy->n_ttls;

        record = record_at(data, at);
        note_ttl(&survey, record_ttl(&record));
        if (record.class != RD_CLASS_IN || !names_stay(&survey, &record))
            return false;
        if (at < wire->end[RD_ANSWER] && record.type == wire->qtype && is_address(record.type))
            add_to_turn(&survey, index);
    }
    finish_turn(&survey);
    return true;
}
