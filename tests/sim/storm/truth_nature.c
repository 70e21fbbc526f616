/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * truth_nature.c - truth_nature.h: shares of what there is in the world, drawn by hashing.
 */
#include "sim/storm/truth_nature.h"

#include "sim/storm/truth.h"

#define MAX_LABELS 128

/* What is drawn: each is another number of the same name. */
enum salt { GONE, KIND, LINKS, TARGET, END, COUNT, BYTES, TTL, LAST, SOA, MINIMUM, SIGNS, VALID };

/* In thousandths of the names. */
#define GONE_SHARE      120
#define ALIAS_SHARE     150
#define FAILS_SHARE     8
#define BOGUS_SHARE     8
#define NO_DATA_SHARE   150
#define SIGNS_SHARE     300
#define VALIDATED_SHARE 300
#define UNEVEN_SHARE    100 /* the last record lives longer or shorter than the others */

uint64_t truth_mixed(uint64_t bits, uint64_t salt)
{
    uint64_t z = bits + (salt + 1) * 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned drawn(uint64_t hash, enum salt salt, unsigned bound)
{
    return (unsigned)((truth_mixed(hash, salt) >> 32) * bound >> 32);
}

static uint32_t drawn_ttl(uint64_t hash, enum salt salt)
{
    static const uint32_t ttls[] = {0, 1, 2, 5, 10, 30, 60, 300, 3600, 86400};

    return ttls[drawn(hash, salt, sizeof(ttls) / sizeof(ttls[0]))];
}

static bool is_zone(const uint8_t *at, size_t len)
{
    return (len == sizeof(TRUTH_FIRST_ZONE) && memcmp(at, TRUTH_FIRST_ZONE, len) == 0) ||
           (len == sizeof(TRUTH_SECOND_ZONE) && memcmp(at, TRUTH_SECOND_ZONE, len) == 0);
}

/* Hashes NAME from its end, label by label. RET_GONE: it does not exist, or one above it does not,
 * so that there is nothing below that either (RFC 8020). RET_ZONE: as in truth_nature. */
static uint64_t hash_name(uint64_t seed, const struct rd_name *name, bool *ret_gone,
                          unsigned *ret_zone)
{
    uint8_t labels[MAX_LABELS];
    unsigned n = 0, apex;
    uint64_t hash = seed ^ 0xcbf29ce484222325u;

    for (unsigned at = 0; name->bytes[at] != 0; at += name->bytes[at] + 1u)
        labels[n++] = (uint8_t)at;
    apex = n >= 2 ? labels[n - 2] : name->len;
    if (n < 2 || !is_zone(name->bytes + apex, name->len - apex))
        apex = name->len - 1u;
    *ret_gone = false;
    *ret_zone = apex;
    while (n-- > 0) {
        for (unsigned i = 0; i <= name->bytes[labels[n]]; i++)
            hash = (hash ^ name->bytes[labels[n] + i]) * 0x100000001b3u;
        if (labels[n] < apex && drawn(hash, GONE, 1000) < GONE_SHARE)
            *ret_gone = true;
    }
    return hash;
}

/* How many records of TYPE there are, and how large; 0: none. */
static void draw_records(uint64_t hash, uint16_t type, struct truth_nature *nature)
{
    unsigned share = drawn(hash, BYTES, 100);

    nature->n = 1 + drawn(hash, COUNT, 3);
    switch (type) {
    case RD_TYPE_A:
    case RD_TYPE_AAAA:
    case RD_TYPE_ANY:
        nature->n = 1 + drawn(hash, COUNT, share < 50 ? 2 : 5);
        break;
    case RD_TYPE_TXT:
        if (share < 60)
            nature->bytes = 20 + drawn(hash, COUNT, 200);
        else if (share < 96)
            nature->bytes = 200 + drawn(hash, COUNT, 2800);
        else
            nature->bytes = 20000 + drawn(hash, COUNT, 30000);
        if (nature->bytes >= 20000)
            nature->n = 1 + drawn(hash, LINKS, 300);
        break;
    case 65:
    case 65400:
        nature->bytes = drawn(hash, BYTES, 200);
        break;
    case RD_TYPE_MX:
    case RD_TYPE_SRV:
        break;
    default:
        nature->n = 0;
    }
}

static bool is_name(const struct storm *storm, unsigned number, const struct rd_name *name)
{
    char text[TRUTH_NAME_BYTES];
    struct rd_name other;

    truth_name(storm, number, text);
    return rd_name_from_text(text, &other) && other.len == name->len &&
           memcmp(other.bytes, name->bytes, name->len) == 0;
}

/* What an alias leads to: another name of the same zone, or one that nobody asks for. */
static void draw_alias(const struct storm *storm, uint64_t hash, const struct rd_name *name,
                       uint16_t type, struct truth_nature *nature)
{
    unsigned target = drawn(hash, TARGET, storm->plan.names);

    nature->links = 1;
    if (type == RD_TYPE_CNAME || type == RD_TYPE_ANY) {
        nature->end = TRUTH_ALIAS;
        return;
    }
    nature->links += drawn(hash, LINKS, TRUTH_LINKS);
    if (nature->end == TRUTH_NO_DATA && drawn(hash, END, 2))
        nature->end = TRUTH_NO_NAME;
    if (storm->plan.pools == 2)
        target = (target & ~1u) | truth_pool(storm, name->bytes);
    if (drawn(hash, KIND, 3) == 0 && target < storm->plan.names && !is_name(storm, target, name))
        nature->target = (int)target;
}

/* What is at the end, of a name that exists. */
static void draw_end(uint64_t hash, const struct rd_name *name, uint16_t type,
                     struct truth_nature *nature)
{
    draw_records(hash, type, nature);
    if (nature->n == 0 || drawn(hash, END, 1000) < NO_DATA_SHARE)
        nature->end = TRUTH_NO_DATA;
    if (name->len == 1 && type == RD_TYPE_NS) {
        nature->end = TRUTH_RECORDS;
        nature->n = 3;
    }
}

void truth_nature(const struct storm *storm, const struct rd_name *name, uint16_t type,
                  struct truth_nature *ret_nature)
{
    struct truth_nature nature = {.end = TRUTH_RECORDS, .target = -1};
    bool gone;
    uint64_t all = hash_name(storm->seed, name, &gone, &nature.zone);
    uint64_t hash = truth_mixed(all, 1000u + type);
    bool known = name->bytes[nature.zone] != 0;
    unsigned kind = drawn(all, KIND, 1000);

    nature.ttl_s = nature.last_s = drawn_ttl(hash, TTL);
    if (drawn(hash, LAST, 1000) < UNEVEN_SHARE)
        nature.last_s = drawn_ttl(hash, LAST);
    nature.soa_s = drawn_ttl(hash, SOA);
    nature.minimum_s = drawn_ttl(hash, MINIMUM);
    nature.signs = drawn(all, SIGNS, 1000) < SIGNS_SHARE;
    nature.validated = drawn(all, VALID, 1000) < VALIDATED_SHARE;
    draw_end(hash, name, type, &nature);
    if (gone)
        nature.end = TRUTH_NO_NAME;
    else if (known && kind < FAILS_SHARE && !storm->plan.calm)
        nature.end = TRUTH_FAILS;
    else if (known && kind < FAILS_SHARE + BOGUS_SHARE)
        nature.end = TRUTH_BOGUS;
    else if (known && kind < FAILS_SHARE + BOGUS_SHARE + ALIAS_SHARE)
        draw_alias(storm, hash, name, type, &nature);
    *ret_nature = nature;
}
