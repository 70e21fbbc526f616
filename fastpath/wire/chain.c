/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain.c - following the chain, first in the order in which records stand, and if that leaves
 * any over once more in whatever order they are.
 *
 * Both find the same wherever the first one finds anything. It knows the plain case alone: CNAMEs,
 * what they lead to, and behind each of them its RRSIGs. Pure, any thread.
 */
#include "wire/chain.h"

#include <string.h>

#include "wire/packed.h"

static bool is_asked(const struct rd_message *wire, uint16_t type)
{
    return type == wire->qtype || wire->qtype == RD_TYPE_ANY;
}

/* Whether RECORD is an RRSIG over records of TYPE. */
static bool covers(const uint8_t *data, const struct record *record, uint16_t type)
{
    return record->type == TYPE_RRSIG && rd_get_u16(data + record->rdata) == type;
}

/* -- in order --------------------------------------------------------------------------------- */

struct order {
    size_t owner[CHAIN_LINKS]; /* of each link */
    size_t last_owner;         /* of the last record but RRSIGs */
    uint16_t last_type;        /* 0: there was none */
};

/* A name that comes twice is no plain case: the chain may be a circle. */
static bool add_link(struct packed *names, const struct record *record, struct order *order,
                     struct chain *chain)
{
    if (chain->found || chain->links == CHAIN_LINKS)
        return false;
    order->last_owner = chain->end;
    order->last_type = RD_TYPE_CNAME;
    order->owner[chain->links++] = chain->end;
    chain->end = record->rdata;
    for (unsigned i = 0; i < chain->links; i++)
        if (packed_same(names, order->owner[i], chain->end))
            return false;
    return true;
}

/* Whether RECORD is the chain's next one. */
static bool fits(struct packed *names, const struct rd_message *wire, const struct record *record,
                 struct order *order, struct chain *chain)
{
    if (record->class != RD_CLASS_IN)
        return false;
    if (!is_asked(wire, TYPE_RRSIG) && order->last_type != 0 &&
        covers(names->data, record, order->last_type))
        return packed_same(names, record->start, order->last_owner);
    if (!packed_same(names, record->start, chain->end))
        return false;
    if (record->type == RD_TYPE_CNAME && wire->qtype != RD_TYPE_CNAME)
        return wire->qtype != RD_TYPE_ANY && add_link(names, record, order, chain);
    if (!is_asked(wire, record->type) || (record->type == RD_TYPE_CNAME && chain->found) ||
        (record->type == RD_TYPE_DNAME && chain->links > 0))
        return false;
    chain->found = true;
    order->last_owner = chain->end;
    order->last_type = record->type;
    return true;
}

static bool follow_in_order(struct packed *names, const struct rd_message *wire,
                            struct chain *chain)
{
    struct order order = {.last_type = 0};
    size_t at = wire->question_end;

    for (unsigned i = 0; i < wire->count[RD_ANSWER]; i++) {
        struct record record = record_at(names->data, at);

        if (!fits(names, wire, &record, &order, chain))
            return false;
        at = record.end;
    }
    return true;
}

/* -- in any order ----------------------------------------------------------------------------- */

/* The answer section, record by record; it ends early when the work is too much. */
struct pass {
    struct packed *names;
    size_t next;
    unsigned index, left;
};

static struct pass pass_answer(struct packed *names, const struct rd_message *wire)
{
    return (struct pass){names, wire->question_end, UINT32_MAX, wire->count[RD_ANSWER]};
}

/* The next record of class IN; false: there is none. */
static bool pass_next(struct pass *pass, struct record *ret_record)
{
    while (pass->left > 0 && pass->names->left > 0) {
        *ret_record = record_at(pass->names->data, pass->next);
        packed_spend(pass->names, ret_record->rdata - RECORD_BYTES - pass->next);
        pass->next = ret_record->end;
        pass->index++;
        pass->left--;
        if (ret_record->class == RD_CLASS_IN)
            return true;
    }
    return false;
}

static void keep(struct chain *chain, unsigned index)
{
    chain->kept[index / 64] |= 1ull << index % 64;
}

/* What the answer has at the chain's last name. */
struct found {
    bool asked;           /* records that were asked for */
    size_t alias;         /* the first CNAME's target, 0: there is none */
    unsigned alias_index; /* of that CNAME */
};

static struct found look(struct packed *names, const struct rd_message *wire,
                         const struct chain *chain)
{
    struct pass pass = pass_answer(names, wire);
    struct found found = {.alias = 0};
    struct record record;

    while (pass_next(&pass, &record)) {
        bool alias = record.type == RD_TYPE_CNAME && found.alias == 0;

        if (!alias && !is_asked(wire, record.type))
            continue;
        if (!packed_same(names, record.start, chain->end))
            continue;
        if (alias) {
            found.alias = record.rdata;
            found.alias_index = pass.index;
        }
        found.asked |= is_asked(wire, record.type);
    }
    return found;
}

/* Keeps the RRSIGs over TYPE that have the owner at OWNER. */
static void keep_signatures(struct packed *names, const struct rd_message *wire, size_t owner,
                            uint16_t type, struct chain *chain)
{
    struct pass pass = pass_answer(names, wire);
    struct record record;

    while (pass_next(&pass, &record))
        if (covers(names->data, &record, type) && packed_same(names, record.start, owner))
            keep(chain, pass.index);
}

/* Keeps the records that were asked for, of CNAMEs the first one (a name has but one). */
static void keep_asked(struct packed *names, const struct rd_message *wire,
                       const struct found *found, struct chain *chain)
{
    struct pass pass = pass_answer(names, wire);
    struct record record;

    while (pass_next(&pass, &record)) {
        if (record.type == RD_TYPE_CNAME && pass.index != found->alias_index)
            continue;
        if (is_asked(wire, record.type) && packed_same(names, record.start, chain->end))
            keep(chain, pass.index);
    }
    keep_signatures(names, wire, chain->end, wire->qtype, chain);
    chain->found = true;
}

/* Keeps the DNAME that makes the chain's last name an alias of ALIAS, or if none above it does, the
 * first one, whatever it makes. False: that one, so the chain ends there. */
static bool keep_dname(struct packed *names, const struct rd_message *wire, size_t alias,
                       struct chain *chain)
{
    struct pass pass = pass_answer(names, wire);
    struct record record;
    size_t kept = 0;
    unsigned index = 0;
    bool makes = false;

    while (!makes && pass_next(&pass, &record)) {
        int depth =
            record.type == RD_TYPE_DNAME ? packed_depth(names, chain->end, record.start) : 0;

        if (depth <= 0)
            continue;
        makes = alias && packed_substitutes(names, chain->end, depth, record.rdata, alias);
        if (kept && !makes)
            continue;
        kept = record.start;
        index = pass.index;
    }
    if (!kept)
        return true;
    keep(chain, index);
    keep_signatures(names, wire, kept, RD_TYPE_DNAME, chain);
    return makes;
}

/* One name's records. Whether the chain goes on to another name. MOST: links that are followed; the
 * next CNAME is kept, too, and so shows that the chain has not ended. */
static bool take_name(struct packed *names, const struct rd_message *wire, unsigned most,
                      struct chain *chain)
{
    struct found found = look(names, wire, chain);
    bool is_plain = found.asked && !(found.alias && is_asked(wire, RD_TYPE_CNAME));

    if (!is_plain && !keep_dname(names, wire, found.alias, chain)) {
        chain->broken = true;
        return false;
    }
    if (found.asked)
        keep_asked(names, wire, &found, chain);
    if (found.asked || !found.alias)
        return false;
    keep(chain, found.alias_index);
    keep_signatures(names, wire, chain->end, RD_TYPE_CNAME, chain);
    if (chain->links == most) {
        chain->broken = true;
        return false;
    }
    chain->links++;
    chain->end = found.alias;
    return true;
}

/* The same, all or nothing: where the work becomes too much the chain is broken. */
static bool try_name(struct packed *names, const struct rd_message *wire, unsigned most,
                     struct chain *chain)
{
    struct chain longer = *chain;
    bool goes_on = take_name(names, wire, most, &longer);

    if (names->left == 0) {
        chain->broken = chain->spent = true;
        return false;
    }
    *chain = longer;
    return goes_on;
}

/* A hostile answer of thousands of records takes no more time than its size warrants. */
static unsigned links_followed(unsigned records)
{
    unsigned links = CHAIN_LOOKS / records;

    if (links == 0)
        return 1;
    return links < CHAIN_LINKS ? links : CHAIN_LINKS;
}

static bool keeps_all(const struct chain *chain, unsigned records)
{
    for (unsigned i = 0; i < records; i++)
        if (!(chain->kept[i / 64] >> i % 64 & 1))
            return false;
    return true;
}

static void begin(struct chain *chain)
{
    chain->end = RD_DNS_HEADER_BYTES;
    chain->links = 0;
    chain->found = chain->broken = chain->spent = false;
    chain->whole = true;
}

void chain_follow(const uint8_t *data, const struct rd_message *wire, struct chain *ret_chain)
{
    struct packed names = packed_in(data);
    unsigned records = wire->count[RD_ANSWER];

    begin(ret_chain);
    if (follow_in_order(&names, wire, ret_chain) && names.left > 0)
        return;
    names = packed_in(data);
    begin(ret_chain);
    memset(ret_chain->kept, 0, sizeof(ret_chain->kept));
    while (try_name(&names, wire, links_followed(records), ret_chain)) {
    }
    ret_chain->whole = !ret_chain->spent && keeps_all(ret_chain, records);
}
