/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_tidy.c - what tidying leaves of a reply, compared record by record with what a slow one
 * would keep of it; that it is a sound message, clean the second time, and that no name changes
 * when its TTLs count down or its addresses are turned.
 *
 * The input is the reply; its ID chooses limits and room.
 */
#include <string.h>

#include "fuzz.h"
#include "wire/cursor.h"
#include "wire/message.h"
#include "wire/tidy.h"

#define RECORDS    512          /* messages of more are not compared record by record */
#define LOOKS      1920         /* links times records, that are followed in any order */
#define WORK       (256 * 1024) /* of comparing names; no more than that is followed */
#define TYPE_CNAME 5
#define TYPE_SOA   6
#define TYPE_DNAME 39
#define TYPE_OPT   41
#define TYPE_DS    43
#define TYPE_RRSIG 46
#define TYPE_ANY   255

struct text {
    size_t len;
    uint8_t bytes[255];
};

struct entry {
    struct text owner;
    unsigned section, type, class;
    size_t start, ttl, rdata, end; /* offsets */
    bool kept;
};

struct list {
    const uint8_t *data;
    struct text name; /* the question's */
    unsigned type, n;
    struct entry at[RECORDS];
};

static struct text read_name(const uint8_t *data, size_t at, size_t *ret_end)
{
    struct text name;
    size_t taken = slow_name(data, 65535, at, name.bytes, &name.len);

    property(taken > 0);
    *ret_end = at + taken;
    return name;
}

/* All records of DATA but those from the OPT on; false: they are too many. */
static bool read_list(const uint8_t *data, const struct rd_message *wire, struct list *list)
{
    size_t at;

    list->data = data;
    list->n = 0;
    list->name = read_name(data, 12, &at);
    list->type = rd_get_u16(data + at);
    at += 4;
    for (unsigned section = 0; section < 3; section++) {
        for (unsigned i = 0; i < wire->count[section]; i++) {
            struct entry *entry = &list->at[list->n];

            if (at == wire->opt)
                return true;
            if (list->n++ == RECORDS)
                return false;
            entry->start = at;
            entry->owner = read_name(data, at, &at);
            entry->section = section;
            entry->type = rd_get_u16(data + at);
            entry->class = rd_get_u16(data + at + 2);
            entry->ttl = at + 4;
            entry->rdata = at + 10;
            entry->end = at = at + 10 + rd_get_u16(data + at + 8);
            entry->kept = section > 0 && entry->class == 1;
        }
    }
    return true;
}

/* -- what a slow one would keep --------------------------------------------------------------- */

static uint8_t fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (fold(a[i]) != fold(b[i]))
            return false;
    return true;
}

static bool same(const struct text *a, const struct text *b)
{
    return a->len == b->len && same_bytes(a->bytes, b->bytes, a->len);
}

/* Bytes of NAME in front of ABOVE, 0 if it is that; -1: it is not below it. */
static int below(const struct text *name, const struct text *above)
{
    size_t at = 0;

    while (name->len - at > above->len)
        at += name->bytes[at] + 1u;
    return name->len - at == above->len && same_bytes(name->bytes + at, above->bytes, above->len)
               ? (int)at
               : -1;
}

static bool asks(const struct list *list, unsigned type)
{
    return type == list->type || list->type == TYPE_ANY;
}

static bool is_at(const struct entry *entry, const struct text *name)
{
    return entry->section == 0 && entry->class == 1 && same(&entry->owner, name);
}

static void keep_signed(struct list *list, const struct text *owner, unsigned type)
{
    for (unsigned i = 0; i < list->n; i++)
        if (is_at(&list->at[i], owner) && list->at[i].type == TYPE_RRSIG &&
            rd_get_u16(list->data + list->at[i].rdata) == type)
            list->at[i].kept = true;
}

/* Whether DNAME makes NAME an alias of TARGET. */
static bool makes(const struct list *list, const struct entry *dname, const struct text *name,
                  const struct text *target)
{
    size_t end, front = (size_t)below(name, &dname->owner);
    struct text to = read_name(list->data, dname->rdata, &end);

    return target->len == front + to.len && same_bytes(target->bytes, name->bytes, front) &&
           same_bytes(target->bytes + front, to.bytes, to.len);
}

/* False: there are DNAMEs above NAME, and none of them makes it an alias of TARGET. */
static bool keep_dname(struct list *list, const struct text *name, const struct text *target)
{
    struct entry *first = NULL, *right = NULL;

    for (unsigned i = list->n; i-- > 0;) {
        struct entry *entry = &list->at[i];

        if (entry->section != 0 || entry->class != 1 || entry->type != TYPE_DNAME ||
            below(name, &entry->owner) <= 0)
            continue;
        first = entry;
        if (target && makes(list, entry, name, target))
            right = entry;
    }
    if (!first)
        return true;
    first = right ? right : first;
    first->kept = true;
    keep_signed(list, &first->owner, TYPE_DNAME);
    return right != NULL;
}

struct chain {
    struct text name;
    unsigned links;
    bool found, broken;
};

/* The first CNAME at NAME; NULL: there is none. */
static struct entry *cname_at(struct list *list, const struct text *name)
{
    for (unsigned i = 0; i < list->n; i++)
        if (is_at(&list->at[i], name) && list->at[i].type == TYPE_CNAME)
            return &list->at[i];
    return NULL;
}

static bool has_asked(const struct list *list, const struct text *name)
{
    for (unsigned i = 0; i < list->n; i++)
        if (is_at(&list->at[i], name) && asks(list, list->at[i].type))
            return true;
    return false;
}

static void keep_asked(struct list *list, const struct text *name, const struct entry *cname)
{
    for (unsigned i = 0; i < list->n; i++)
        if (is_at(&list->at[i], name) && asks(list, list->at[i].type) &&
            (list->at[i].type != TYPE_CNAME || &list->at[i] == cname))
            list->at[i].kept = true;
    keep_signed(list, name, list->type);
}

static struct chain keep_chain(struct list *list)
{
    struct chain chain = {.name = list->name};

    for (;; chain.links++) {
        struct entry *cname = cname_at(list, &chain.name);
        struct text target;
        size_t end;

        chain.found = has_asked(list, &chain.name);
        if (cname)
            target = read_name(list->data, cname->rdata, &end);
        if (!chain.found || (cname && asks(list, TYPE_CNAME)))
            chain.broken = !keep_dname(list, &chain.name, cname ? &target : NULL);
        if (chain.broken)
            chain.found = false;
        if (chain.found)
            keep_asked(list, &chain.name, cname);
        if (chain.found || chain.broken || !cname)
            return chain;
        cname->kept = true;
        keep_signed(list, &chain.name, TYPE_CNAME);
        chain.broken = chain.links == 16;
        if (chain.broken)
            return chain;
        chain.name = target;
    }
}

/* The SOA that denies; NULL: there is none. */
static const struct entry *denial(const struct list *list, const struct chain *chain)
{
    for (unsigned i = 0; i < list->n; i++) {
        int front = below(&chain->name, &list->at[i].owner);

        if (list->at[i].section == 1 && list->at[i].class == 1 && list->at[i].type == TYPE_SOA &&
            front >= 0 && (front > 0 || list->type != TYPE_DS || chain->name.len == 1))
            return &list->at[i];
    }
    return NULL;
}

static enum rd_finding finding(const struct rd_message *wire, const struct chain *chain,
                               bool denied)
{
    bool whole = !(wire->flags & RD_DNS_TC) && !chain->broken && wire->edns.extended_rcode == 0;

    if (whole && chain->found && (wire->flags & 15) == 0)
        return RD_FINDS_RECORDS;
    if (whole && !chain->found && denied && (wire->flags & 15) == 0)
        return RD_FINDS_NO_DATA;
    if (whole && !chain->found && denied && (wire->flags & 15) == 3)
        return RD_FINDS_NO_NAME;
    return RD_FINDS_NOTHING;
}

/* -- comparing -------------------------------------------------------------------------------- */

static void check_record(const struct list *list, const struct entry *entry,
                         const struct list *left, const struct entry *other)
{
    static uint8_t a[65535 + 600], b[65535 + 600];
    size_t len = slow_expand(entry->type, list->data, entry->rdata, entry->end, a);

    property(entry->section == other->section && entry->type == other->type);
    property(other->class == 1 && same(&entry->owner, &other->owner));
    property(slow_expand(other->type, left->data, other->rdata, other->end, b) == len);
    property(same_bytes(a, b, len));
}

static uint32_t ttl_of(const struct list *list, const struct entry *entry, bool denies,
                       const struct rd_tidy_limits *limits)
{
    uint32_t ttl = rd_get_u32(list->data + entry->ttl);

    ttl = ttl > limits->max_ttl ? limits->max_ttl : ttl;
    ttl = ttl < limits->min_ttl ? limits->min_ttl : ttl;
    if (denies && ttl > limits->negative_ttl)
        ttl = limits->negative_ttl;
    if (denies && ttl > rd_get_u32(list->data + entry->end - 4))
        ttl = rd_get_u32(list->data + entry->end - 4);
    return ttl;
}

/* LEFT is what is left of LIST. */
static void check_lists(const struct list *list, const struct entry *soa, const struct list *left,
                        const struct rd_tidy_limits *limits, const struct rd_tidy *tidy)
{
    unsigned n = 0;
    uint32_t least = UINT32_MAX;

    for (unsigned i = 0; i < list->n; i++) {
        const struct entry *entry = &list->at[i];
        uint32_t ttl = ttl_of(list, entry, entry == soa, limits);

        if (!entry->kept)
            continue;
        property(n < left->n);
        check_record(list, entry, left, &left->at[n]);
        property(rd_get_u32(left->data + left->at[n].ttl) == ttl);
        if (n < RD_TIDY_TTLS)
            property(tidy->ttls[n] == left->at[n].ttl);
        if (entry->section < 2 && ttl < least)
            least = ttl;
        n++;
    }
    property(n == left->n && tidy->too_many == (n > RD_TIDY_TTLS));
    property(tidy->n_ttls == (n < RD_TIDY_TTLS ? n : RD_TIDY_TTLS));
    property(tidy->least_ttl == (least == UINT32_MAX ? 0 : least));
}

static void check_turn(const struct list *left, const struct rd_tidy *tidy)
{
    unsigned n = 0, first = 0, last = 0;

    for (unsigned i = 0; i < left->n; i++) {
        if (left->at[i].section != 0 || left->at[i].type != left->type ||
            (left->type != 1 && left->type != 28))
            continue;
        first = n++ == 0 ? i : first;
        last = i;
    }
    if (n < 2 || n > RD_TIDY_ROTATED || last - first + 1 != n || tidy->too_many)
        property(tidy->rotate_n == 0);
    else
        property(tidy->rotate_n == n && tidy->rotate_first == first);
}

static void check_errors(const uint8_t *data, const struct rd_message *wire, const uint8_t *tidied,
                         const struct rd_message *left)
{
    unsigned n = left->edns.present ? wire->edns.n_ede : 0;

    property(left->edns.present == (left->opt != 0) && left->edns.n_ede == n);
    property(!left->edns.present || n > 0);
    for (unsigned i = 0; i < n; i++) {
        const struct rd_ede *a = &wire->edns.ede[i], *b = &left->edns.ede[i];

        property(a->code == b->code && a->text_len == b->text_len);
        property(memcmp(data + a->text_offset, tidied + b->text_offset, a->text_len) == 0);
    }
}

/* Other TTLs, and addresses turned by one place, leave every name as it is. */
static void check_stable(const struct list *left, const struct rd_message *wire, uint32_t len,
                         const struct rd_tidy *tidy)
{
    static struct list moved;
    static uint8_t copy[65535];

    memcpy(copy, left->data, len);
    for (unsigned i = 0; i < tidy->n_ttls; i++)
        memset(copy + tidy->ttls[i], 0xff, 4);
    for (unsigned i = 0; i < tidy->rotate_n; i++) {
        size_t to = tidy->ttls[tidy->rotate_first + i] + 6u;
        size_t from = tidy->ttls[tidy->rotate_first + (i + 1) % tidy->rotate_n] + 6u;

        memcpy(copy + to, left->data + from, rd_get_u16(left->data + from - 2));
    }
    property(read_list(copy, wire, &moved) && moved.n == left->n);
    for (unsigned i = 0; i < left->n; i++)
        if (left->at[i].type != 1 && left->at[i].type != 28)
            check_record(left, &left->at[i], &moved, &moved.at[i]);
        else
            property(same(&left->at[i].owner, &moved.at[i].owner));
}

static bool walk(const uint8_t *data, size_t size, struct rd_message *message, struct rd_name *name)
{
    return rd_message_header(data, size, message) &&
           rd_message_question(data, size, message, name, NULL) == RD_WIRE_OK &&
           rd_message_sections(data, size, message) == RD_WIRE_OK;
}

/* What was said of the message is what a walk finds. */
static void check_wire(const uint8_t *data, uint32_t len, const struct rd_message *wire)
{
    struct rd_message again;
    struct slow_message slow;

    property(slow_walk(data, len, &slow) && walk(data, len, &again, NULL));
    property(again.id == wire->id && again.flags == wire->flags && again.qdcount == wire->qdcount);
    property(again.qtype == wire->qtype && again.question_end == wire->question_end);
    property(memcmp(again.count, wire->count, sizeof(wire->count)) == 0);
    property(memcmp(again.end, wire->end, sizeof(wire->end)) == 0);
    property(again.opt == wire->opt && again.opt_end == wire->opt_end);
    property(again.soa == wire->soa && again.ns == wire->ns && again.tsig == wire->tsig);
    property(memcmp(&again.edns, &wire->edns, sizeof(wire->edns)) == 0);
}

static void check_second_time(uint8_t *data, uint32_t len, const struct rd_name *name,
                              const struct rd_tidy_limits *limits, const struct rd_tidy *first)
{
    static uint8_t copy[65535], scratch[65535];
    struct rd_message wire;
    struct rd_tidy tidy;

    memcpy(copy, data, len);
    property(walk(data, len, &wire, NULL));
    property(rd_tidy(data, len, len, &wire, name, limits, scratch, &tidy) == len);
    property(memcmp(copy, data, len) == 0 || first->finding == RD_FINDS_NOTHING);
    if (first->finding != RD_FINDS_NOTHING)
        property(tidy.finding == first->finding && tidy.least_ttl == first->least_ttl);
    property(tidy.n_ttls == first->n_ttls && tidy.rotate_n == first->rotate_n);
    property(memcmp(tidy.ttls, first->ttls, tidy.n_ttls * sizeof(tidy.ttls[0])) == 0);
}

/* Whether comparing the names of LIST in any order cannot be too much. */
static bool is_cheap(const struct list *list, unsigned links)
{
    size_t sum = 0, most = slow_effort(list->data, 12);

    for (unsigned i = 0; i < list->n; i++) {
        const struct entry *entry = &list->at[i];
        size_t owner = slow_effort(list->data, entry->start);
        bool alias = entry->class == 1 && (entry->type == TYPE_CNAME || entry->type == TYPE_DNAME);
        size_t target = alias ? slow_effort(list->data, entry->rdata) : 0;

        sum += owner;
        most = owner > most ? owner : most;
        most = target > most ? target : most;
    }
    return (links + 2) * 8 * (sum + list->n * most) < WORK;
}

/* What tidying is to make of LIST, which was walked into WIRE. */
static void check_all(struct list *list, const struct rd_message *before, uint8_t *tidied,
                      uint32_t len, const struct rd_message *wire,
                      const struct rd_tidy_limits *limits, const struct rd_tidy *tidy)
{
    static struct list left;
    struct chain chain = keep_chain(list);
    const struct entry *soa = chain.found ? NULL : denial(list, &chain);

    if (chain.links * before->count[RD_ANSWER] > LOOKS || !is_cheap(list, chain.links))
        return;
    property(tidy->finding == finding(before, &chain, soa != NULL));
    property(tidy->behind_alias == (chain.links > 0));
    property(read_list(tidied, wire, &left));
    check_lists(list, tidy->finding == RD_FINDS_NOTHING ? NULL : soa, &left, limits, tidy);
    check_turn(&left, tidy);
    check_stable(&left, wire, len, tidy);
    check_errors(list->data, before, tidied, wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct list list;
    static uint8_t tidied[65535 + 64], scratch[65535];
    struct rd_message before, wire;
    struct rd_name name;
    struct rd_tidy_limits limits;
    struct rd_tidy tidy;
    uint32_t cap, len;

    if (size > 65535 || !walk(data, size, &before, &name) || before.tsig || before.qclass != 1)
        return 0;
    limits.min_ttl = before.id & 1 ? 60 : 0;
    limits.max_ttl = before.id & 2 ? 86400 : 0x7fffffff;
    limits.negative_ttl = before.id & 4 ? 30 : 3600;
    cap = before.id & 8 ? 65535 : (uint32_t)size;
    memcpy(tidied, data, size);
    memset(tidied + size, 0xa5, sizeof(tidied) - size);
    wire = before;
    len = rd_tidy(tidied, (uint32_t)size, cap, &wire, &name, &limits, scratch, &tidy);
    for (size_t i = cap; i < cap + 64; i++)
        property(tidied[i] == 0xa5);
    if (len == 0)
        return 0;
    property(len <= cap && memcmp(tidied + 12, name.bytes, name.len) == 0);
    check_wire(tidied, len, &wire);
    if (read_list(data, &before, &list))
        check_all(&list, &before, tidied, len, &wire, &limits, &tidy);
    check_second_time(tidied, len, &name, &limits, &tidy);
    return 0;
}
