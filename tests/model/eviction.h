/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eviction.h - which entries stay: the cache's way, and two well-known ones to compare it with.
 *
 * Abstract: an entry is a name's number and takes one place; every miss is stored. There are no
 * buckets, so nothing is lost in a conflict. Time passes by one with each question.
 */
#ifndef RINGDNS_TESTS_MODEL_EVICTION_H
#define RINGDNS_TESTS_MODEL_EVICTION_H

#include <stdbool.h>
#include <stdint.h>

enum eviction { EVICTION_SEGMENTS, EVICTION_LRU, EVICTION_FIFO, EVICTIONS };

struct evicting;

/* CAPACITY entries, of names below NAMES. Ends the program where there is no memory. */
struct evicting *evicting_new(enum eviction eviction, uint32_t capacity, uint32_t names);
void evicting_free(struct evicting *cache);
/* True: it was there. It is there afterwards. */
bool evicting_ask(struct evicting *cache, uint32_t name);

#endif
