/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_table.h - hash tables and lists whose nodes are members of what they hold.
 *
 * A table grows with what is in it and owns none of it. No order depends on addresses: of equal
 * hashes the newest comes first. One thread.
 */
#ifndef RINGDNS_TESTS_STORM_ORACLE_TABLE_H
#define RINGDNS_TESTS_STORM_ORACLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node {
    struct node *next;
    uint64_t hash;
};

struct table {
    struct node **at;
    size_t mask, n; /* buckets less one; nodes */
};

void table_init(struct table *table);
/* FORGET is called with each node; NULL: they are somebody else's. */
void table_deinit(struct table *table, void (*forget)(struct node *node));
void table_add(struct table *table, struct node *node, uint64_t hash);
void table_remove(struct table *table, struct node *node);
/* The newest node with HASH behind FROM, where NULL is the beginning; NULL: there is none. */
struct node *table_find(const struct table *table, uint64_t hash, const struct node *from);

/* A list is a ring with a head that is no member; a member that is in none is linked to itself. */
struct link {
    struct link *before, *after;
};

static inline void link_init(struct link *link)
{
    link->before = link->after = link;
}

static inline void link_remove(struct link *link)
{
    link->before->after = link->after;
    link->after->before = link->before;
    link_init(link);
}

static inline void link_append(struct link *head, struct link *link)
{
    link_remove(link);
    link->before = head->before;
    link->after = head;
    head->before->after = link;
    head->before = link;
}

static inline bool link_is_alone(const struct link *link)
{
    return link->after == link;
}

/* What MEMBER, at POINTER, is a member of. */
#define HOLDER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Memory, zeroed; never NULL: no memory ends the program. */
void *oracle_memory(size_t bytes);

#endif
