/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_table.c - oracle_table.h: chains, and buckets that double. One thread.
 */
#include "sim/storm/oracle_table.h"

#include <stdlib.h>

#define FIRST_BUCKETS 64

void *oracle_memory(size_t bytes)
{
    void *memory = calloc(1, bytes);

    if (!memory)
        abort();
    return memory;
}

void table_init(struct table *table)
{
    table->at = oracle_memory(FIRST_BUCKETS * sizeof(*table->at));
    table->mask = FIRST_BUCKETS - 1;
    table->n = 0;
}

void table_deinit(struct table *table, void (*forget)(struct node *node))
{
    for (size_t i = 0; forget && i <= table->mask; i++)
        for (struct node *node = table->at[i], *next; node; node = next) {
            next = node->next;
            forget(node);
        }
    free(table->at);
}

/* Each bucket's nodes go to two, in their order. */
static void grow(struct table *table)
{
    size_t buckets = 2 * (table->mask + 1);
    struct node **at = oracle_memory(buckets * sizeof(*at));

    for (size_t i = 0; i <= table->mask; i++) {
        struct node **ends[2] = {&at[i], &at[i + table->mask + 1]};

        for (struct node *node = table->at[i]; node; node = node->next) {
            struct node ***end = &ends[(node->hash & (table->mask + 1)) != 0];

            **end = node;
            *end = &node->next;
        }
        *ends[0] = *ends[1] = NULL;
    }
    free(table->at);
    table->at = at;
    table->mask = buckets - 1;
}

void table_add(struct table *table, struct node *node, uint64_t hash)
{
    struct node **bucket;

    if (table->n++ > table->mask)
        grow(table);
    bucket = &table->at[hash & table->mask];
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
}

void table_remove(struct table *table, struct node *node)
{
    struct node **at = &table->at[node->hash & table->mask];

    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    table->n--;
}

struct node *table_find(const struct table *table, uint64_t hash, const struct node *from)
{
    struct node *node = from ? from->next : table->at[hash & table->mask];

    while (node && node->hash != hash)
        node = node->next;
    return node;
}
