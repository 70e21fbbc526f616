/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suffix.c - a trie of labels from the right, flat: its nodes are the slots of one hash table,
 * keyed by the node above and the label, in one allocation.
 *
 * Nearly every name ends in a label that no suffix ends in, so that is settled first, with a bit
 * map that stands in the set's first cache line. Else each label costs one look into the table,
 * for as long as the trie goes on: never more than the name's own bytes. The hash has no key, for
 * whoever asks cannot add to the table: chains are as long as the configuration makes them.
 * Made and freed by the main thread, read by all.
 */
#include "policy/suffix.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX   ((RD_DNS_NAME_BYTES - 1) / 2)
#define LINE_BYTES   64
#define SLOTS_MIN    16
#define FILTER_BITS  256
#define FILTER_SHIFT (32 - 8)

static_assert(FILTER_BITS == 1 << (32 - FILTER_SHIFT), "the filter's bit is a mix's upper bits");

/* A node: a label below another node. Its number is its place plus one; the root's is 0. */
struct slot {
    uint64_t head; /* the label's length and its first bytes; 0: the slot is free */
    uint32_t parent;
    uint32_t label; /* where its length and bytes stand in the set's */
    int32_t entry;  /* -1: it is only on the way to others */
    uint32_t value; /* of the entry */
    bool inner;     /* there are nodes below */
};

static_assert(LINE_BYTES % sizeof(struct slot) == 0, "a slot is in one cache line");

struct suffix_set {
    uint64_t filter[FILTER_BITS / 64]; /* by the last label; see filter_bit */
    int32_t root_entry;                /* -1: the root is no suffix */
    uint32_t root_value;
    uint32_t mask;  /* slots less one; at most half of them are taken */
    uint8_t *bytes; /* behind the slots: the labels of all nodes */
    _Alignas(LINE_BYTES) struct slot slots[];
};

static_assert(offsetof(struct suffix_set, slots) == LINE_BYTES, "a miss costs one cache line");

/* Of a label: its length, its first and its last byte, the last being that before NEXT. */
static inline uint32_t filter_bit(const uint8_t *label, const uint8_t *next)
{
    uint16_t head;

    memcpy(&head, label, sizeof(head));
    return (head | (uint32_t)next[-1] << 16) * 0x9e3779b1u >> FILTER_SHIFT;
}

/* The eight bytes of NAME from AT on, those of them behind the first LEFT as zeros. */
static inline uint64_t load(const struct rd_name *name, unsigned at, unsigned left)
{
    uint64_t word = 0;

    if (left >= sizeof(word)) {
        memcpy(&word, name->bytes + at, sizeof(word));
    } else if (at + sizeof(word) <= sizeof(name->bytes)) {
        memcpy(&word, name->bytes + at, sizeof(word));
        word &= htole64((1ull << 8 * left) - 1);
    } else {
        memcpy(&word, name->bytes + at, left);
    }
    return word;
}

/* Of a label as a node is found by it. */
struct label {
    const uint8_t *bytes;
    uint64_t head;
    uint64_t hash; /* its upper half */
};

/* The label at AT of NAME, as a node below PARENT. */
static inline struct label label_at(const struct rd_name *name, unsigned at, uint32_t parent)
{
    unsigned len = name->bytes[at] + 1u;
    struct label label = {name->bytes + at, load(name, at, len), 0};

    label.hash = (label.head ^ parent * 0xd6e8feb86659fd93ull) * 0x9e3779b97f4a7c15ull;
    for (unsigned i = 8; i < len; i += 8)
        label.hash =
            (label.hash ^ label.hash >> 32 ^ load(name, at + i, len - i)) * 0x9e3779b97f4a7c15ull;
    return label;
}

/* Where LABEL below PARENT is, or the free slot where it would be. */
static inline uint32_t seek(const struct suffix_set *set, uint32_t parent,
                            const struct label *label)
{
    uint32_t at = (uint32_t)(label->hash >> 32) & set->mask;

    for (;; at = (at + 1) & set->mask) {
        const struct slot *slot = &set->slots[at];

        if (slot->head == 0)
            return at;
        /* Equal heads are of equal lengths. */
        if (slot->head == label->head && slot->parent == parent &&
            (label->bytes[0] < sizeof(slot->head) ||
             memcmp(set->bytes + slot->label, label->bytes, label->bytes[0] + 1u) == 0))
            return at;
    }
}

/* Where the labels of NAME begin; their number. */
static unsigned split(const struct rd_name *name, uint8_t starts[LABELS_MAX])
{
    unsigned n = 0;

    for (unsigned at = 0; name->bytes[at] != 0; at += name->bytes[at] + 1u)
        starts[n++] = (uint8_t)at;
    return n;
}

/* The node of the label at AT of NAME below PARENT, made if it is not there; *USED counts the
 * bytes. */
static uint32_t grow(struct suffix_set *set, uint32_t parent, const struct rd_name *name,
                     unsigned at, uint32_t *used)
{
    struct label label = label_at(name, at, parent);
    uint32_t place = seek(set, parent, &label);
    size_t len = label.bytes[0] + 1u;

    if (set->slots[place].head != 0)
        return place + 1;
    set->slots[place] =
        (struct slot){.head = label.head, .parent = parent, .label = *used, .entry = -1};
    memcpy(set->bytes + *used, label.bytes, len);
    *used += (uint32_t)len;
    if (parent) {
        set->slots[parent - 1].inner = true;
    } else {
        uint32_t bit = filter_bit(label.bytes, label.bytes + len);

        set->filter[bit / 64] |= 1ull << bit % 64;
    }
    return place + 1;
}

static void add(struct suffix_set *set, const struct suffix_entry *entry, int32_t index,
                uint32_t *used)
{
    uint8_t starts[LABELS_MAX];
    int32_t *place = &set->root_entry;
    uint32_t *value = &set->root_value;
    uint32_t node = 0;

    for (unsigned n = split(&entry->suffix, starts); n > 0; n--)
        node = grow(set, node, &entry->suffix, starts[n - 1], used);
    if (node) {
        place = &set->slots[node - 1].entry;
        value = &set->slots[node - 1].value;
    }
    if (*place >= 0)
        return;
    *place = index;
    *value = entry->value;
}

/* An empty set with room for NODES nodes whose labels take BYTES. */
static struct suffix_set *make(uint64_t nodes, size_t bytes)
{
    struct suffix_set *set;
    size_t slots = SLOTS_MIN, size;

    while (slots < 2 * nodes)
        slots *= 2;
    size = sizeof(*set) + slots * sizeof(set->slots[0]) + bytes;
    size = (size + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    set = aligned_alloc(LINE_BYTES, size);
    if (!set)
        return NULL;
    memset(set, 0, size);
    set->root_entry = -1;
    set->mask = (uint32_t)(slots - 1);
    set->bytes = (uint8_t *)&set->slots[slots];
    return set;
}

struct suffix_set *suffix_set_new(const struct suffix_entry *entries, uint32_t n)
{
    uint8_t starts[LABELS_MAX];
    struct suffix_set *set;
    uint64_t nodes = 0;
    size_t bytes = 0;
    uint32_t used = 0;

    for (uint32_t i = 0; i < n; i++) {
        nodes += split(&entries[i].suffix, starts);
        bytes += entries[i].suffix.len;
    }
    set = make(nodes, bytes);
    for (uint32_t i = 0; set && i < n; i++)
        add(set, &entries[i], (int32_t)i, &used);
    return set;
}

void suffix_set_free(struct suffix_set *set)
{
    free(set);
}

/* From the last label on to the left. Apart from suffix_set_find, which so needs no stack. */
__attribute__((noinline)) static int32_t descend(const struct suffix_set *set,
                                                 const struct rd_name *name, uint32_t *ret_value,
                                                 uint8_t *ret_at)
{
    uint8_t starts[LABELS_MAX];
    unsigned n = split(name, starts);
    int32_t found = set->root_entry;
    uint32_t value = set->root_value, node = 0;
    uint8_t at = (uint8_t)(name->len - 1);
    bool inner = true;

    while (inner && n > 0) {
        struct label label = label_at(name, starts[--n], node);
        const struct slot *slot = &set->slots[seek(set, node, &label)];

        if (slot->head == 0)
            break;
        if (slot->entry >= 0) {
            found = slot->entry;
            value = slot->value;
            at = starts[n];
        }
        inner = slot->inner;
        node = (uint32_t)(slot - set->slots) + 1;
    }
    if (found >= 0) {
        *ret_value = value;
        *ret_at = at;
    }
    return found;
}

int32_t suffix_set_find(const struct suffix_set *set, const struct rd_name *name,
                        uint32_t *ret_value, uint8_t *ret_at)
{
    const uint8_t *label = name->bytes, *next = label;

    for (uint8_t len = *next; len != 0; len = *next) {
        label = next;
        next += len + 1;
    }
    if (next != label) {
        uint32_t bit = filter_bit(label, next);

        if (set->filter[bit / 64] >> bit % 64 & 1)
            return descend(set, name, ret_value, ret_at);
    }
    if (set->root_entry >= 0) {
        *ret_value = set->root_value;
        *ret_at = (uint8_t)(next - name->bytes);
    }
    return set->root_entry;
}
