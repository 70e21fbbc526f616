/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_said.c - from a good reply to what may be said after it, and for how long.
 *
 * Of the answer section what leads from the question's name to what was asked for, by CNAMEs, and
 * the signatures over it. Lifetimes are clamped, and a denial lives as its SOA says (RFC 2308). A
 * reply that no honest server sends (a DNAME above one of its names, very long chains, very many
 * records) is called odd: any part of it may be given.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/storm/oracle_state.h"

#define CLASS_IN   1
#define TYPE_CNAME 5
#define TYPE_SOA   6
#define TYPE_DNAME 39
#define TYPE_DS    43
#define TYPE_RRSIG 46
#define TYPE_ANY   255
#define NXDOMAIN   3

#define TOP_BIT      0x80000000u
#define LINKS_MOST   8
#define ORDERLY      128 /* answer records, with more it is odd */
#define KEPT_RECORDS 255
#define KEPT_BYTES   16384

/* A name of the chain: a record's owner or target, or the question. */
struct place {
    uint64_t hash;
    uint32_t at, len; /* in the reading's text */
};

/* What the reply is about. */
struct finding {
    bool odd, found, alias; /* ALIAS: another name than the first one is found or denied */
    struct place end;       /* the last name */
    const struct reading_record *soa; /* that denies */
    bool kept, of_name;
};

static bool is_asked(const struct reading *reading, uint16_t type)
{
    return type == reading->type || reading->type == TYPE_ANY;
}

static uint16_t covered(const struct reading *reading, const struct reading_record *record)
{
    const uint8_t *rdata = reading->text + record->rdata;

    if (record->type != TYPE_RRSIG)
        return 0;
    return (uint16_t)(rdata[0] << 8 | rdata[1]);
}

static struct place target(const struct reading *reading, const struct reading_record *record)
{
    return (struct place){reading_name_hash(reading->text + record->rdata, record->rdata_len),
                          record->rdata, record->rdata_len};
}

/* -- the chain -------------------------------------------------------------------------------- */

/* The answer records of class IN that PLACE owns. */
#define FOR_OWNED(reading, record, place)                                                          \
    for (struct reading_record *record = (reading)->at;                                            \
         record < (reading)->at + (reading)->n && record->section == READING_ANSWER; record++)     \
        if (record->class == CLASS_IN && record->name == (place)->hash)

static bool has_dname_above(const struct reading *reading, const struct place *place)
{
    for (unsigned i = 0; i < reading->n; i++) {
        const struct reading_record *record = &reading->at[i];

        if (record->section == READING_ANSWER && record->type == TYPE_DNAME &&
            record->name != place->hash &&
            reading_is_below(reading->text + place->at, place->len, reading->text + record->owner,
                             record->owner_len))
            return true;
    }
    return false;
}

/* What was asked for at the chain's end; of CNAMEs the first one alone. */
static void take_asked(const struct reading *reading, const struct place *end,
                       const struct reading_record *alias)
{
    FOR_OWNED(reading, record, end)
    {
        if (is_asked(reading, record->type) && (record->type != TYPE_CNAME || record == alias))
            record->belongs = true;
        if (covered(reading, record) == reading->type)
            record->belongs = true;
    }
}

/* One link, or the end. Whether it goes on. */
static bool follow(const struct reading *reading, struct finding *finding)
{
    struct reading_record *alias = NULL;
    bool asked = false;

    FOR_OWNED(reading, record, &finding->end)
    {
        if (record->type == TYPE_CNAME && !alias)
            alias = record;
        asked |= is_asked(reading, record->type);
    }
    if (!(asked && !(alias && is_asked(reading, TYPE_CNAME))) &&
        has_dname_above(reading, &finding->end)) {
        finding->odd = true;
        return false;
    }
    if (asked) {
        take_asked(reading, &finding->end, alias);
        finding->found = true;
        return false;
    }
    if (!alias)
        return false;
    alias->belongs = true;
    FOR_OWNED(reading, record, &finding->end)
    {
        record->belongs |= covered(reading, record) == TYPE_CNAME;
    }
    finding->end = target(reading, alias);
    finding->alias = true;
    return true;
}

/* Everything that may be part of it. */
static void take_odd(const struct reading *reading)
{
    for (unsigned i = 0; i < reading->n; i++)
        if (reading->at[i].section == READING_ANSWER && reading->at[i].class == CLASS_IN)
            reading->at[i].belongs = true;
}

static void follow_all(const struct reading *reading, struct finding *finding)
{
    unsigned links = 0;

    finding->end = (struct place){reading->name, 0, (uint32_t)reading->name_len};
    finding->odd = reading->count[1] > ORDERLY;
    while (!finding->odd && follow(reading, finding))
        finding->odd = ++links > LINKS_MOST;
    if (finding->odd)
        take_odd(reading);
}

/* -- what it finds ---------------------------------------------------------------------------- */

/* The first SOA whose zone can deny the chain's last name; a DS is denied by the zone above. */
static const struct reading_record *find_soa(const struct reading *reading, const struct place *end)
{
    for (unsigned i = 0; i < reading->n; i++) {
        const struct reading_record *record = &reading->at[i];

        if (record->section != READING_AUTHORITY || record->type != TYPE_SOA ||
            record->class != CLASS_IN)
            continue;
        if (reading->type == TYPE_DS && end->len > 1 && record->name == end->hash)
            continue;
        if (reading_is_below(reading->text + end->at, end->len, reading->text + record->owner,
                             record->owner_len))
            return record;
    }
    return NULL;
}

static void find(const struct reading *reading, struct finding *finding)
{
    unsigned rcode = reading->flags & FLAG_RCODE;

    follow_all(reading, finding);
    if (finding->odd) {
        finding->kept = true;
        return;
    }
    if (!finding->found && (rcode == 0 || rcode == NXDOMAIN))
        finding->soa = find_soa(reading, &finding->end);
    finding->kept = rcode == 0 ? finding->found || finding->soa : finding->soa != NULL;
    finding->of_name = rcode == NXDOMAIN && finding->soa && !finding->alias;
}

static bool stays(const struct reading_record *record)
{
    if (record->section == READING_ANSWER)
        return record->belongs;
    return record->class == CLASS_IN && !record->late;
}

/* -- lifetimes -------------------------------------------------------------------------------- */

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t clamped(const struct oracle_rules *rules, uint32_t ttl)
{
    if (ttl & TOP_BIT)
        return rules->max_ttl_s;
    return least(ttl < rules->min_ttl_s ? rules->min_ttl_s : ttl, rules->max_ttl_s);
}

static uint32_t minimum_of(const struct reading *reading, const struct reading_record *soa)
{
    const uint8_t *at = reading->text + soa->rdata + soa->rdata_len - 4;

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t ttl_of(const struct oracle *oracle, const struct finding *finding,
                       const struct reading_record *record)
{
    uint32_t ttl = clamped(&oracle->rules, record->ttl);

    if (record != finding->soa)
        return ttl;
    return least(least(ttl, oracle->rules.negative_ttl_s), minimum_of(&oracle->reading, record));
}

/* -- all of it -------------------------------------------------------------------------------- */

static void add(const struct oracle *oracle, const struct finding *finding, struct said *said,
                const struct reading_record *record)
{
    struct said_record *at = &said->at[said->n++];
    uint32_t bytes = record->owner_len + 10 + record->rdata_len;

    *at = (struct said_record){record->head, record->whole, ttl_of(oracle, finding, record),
                               record->type, record->section};
    said->count[record->section]++;
    said->bytes[1] += bytes;
    if (record->section == READING_ADDITIONAL)
        return;
    said->bytes[0] += bytes;
    if (said->lifetime_s > at->ttl)
        said->lifetime_s = at->ttl;
}

/* What is too large is not kept, and what has no lifetime. */
static bool is_kept(const struct oracle *oracle, const struct finding *finding,
                    const struct said *said, size_t len)
{
    bool whole = said->n == oracle->reading.n && !oracle->reading.edns.present;

    return finding->kept && said->lifetime_s > 0 && said->n <= KEPT_RECORDS &&
           !(whole && len > KEPT_BYTES) && oracle->rules.storm->plan.cache_bytes > 0;
}

static void note_life(const struct oracle *oracle, const struct finding *finding, struct said *said,
                      size_t len)
{
    uint32_t jitter = oracle->rules.storm->config.cache_jitter;

    if (said->count[READING_ANSWER] + said->count[READING_AUTHORITY] == 0)
        said->lifetime_s = 0;
    said->kept = is_kept(oracle, finding, said, len);
    said->least_lifetime_s =
        said->lifetime_s - (uint32_t)((uint64_t)said->lifetime_s * jitter / 100);
    if (!finding->odd)
        return;
    said->lifetime_s = oracle->rules.max_ttl_s;
    said->least_lifetime_s = 0;
}

struct said *oracle_said_new(struct oracle *oracle, const struct subject *subject, size_t len)
{
    const struct reading *reading = &oracle->reading;
    const struct reading_edns *edns = &reading->edns;
    struct said *said = oracle_memory(sizeof(*said) + reading->n * sizeof(said->at[0]));
    struct finding finding = {.soa = NULL};

    find(reading, &finding);
    said->subject = subject;
    said->taken_ns = oracle_clock(oracle);
    said->event = oracle->event;
    said->rcode = reading->flags & FLAG_RCODE;
    said->ad = reading->flags & FLAG_AD;
    said->odd = finding.odd;
    said->of_name = finding.of_name;
    said->lifetime_s = UINT32_MAX;
    said->bytes[0] = said->bytes[1] = 12 + (uint32_t)reading->name_len + 4;
    for (unsigned i = 0; i < reading->n; i++)
        if (stays(&reading->at[i]))
            add(oracle, &finding, said, &reading->at[i]);
    note_life(oracle, &finding, said, len);
    said->n_edes = edns->n_edes < ORACLE_EDES ? edns->n_edes : ORACLE_EDES;
    memcpy(said->edes, edns->edes, said->n_edes * sizeof(said->edes[0]));
    return said;
}
