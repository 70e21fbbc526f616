/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suffix.h - sets of domain suffixes, each with a value: the longest one that a name is at or
 * below.
 *
 * Built once and never changed, so any number of threads may look. A look-up goes label by label
 * from the right and ends where no suffix goes on: most names cost a look at their last label.
 */
#ifndef RINGDNS_POLICY_SUFFIX_H
#define RINGDNS_POLICY_SUFFIX_H

#include <stddef.h>
#include <stdint.h>

#include "wire/name.h"

struct suffix_set;

struct suffix_entry {
    struct rd_name suffix; /* lower case; the root is a suffix of every name */
    uint32_t value;
};

/* From N entries; of equal suffixes the first one counts. Main thread. NULL: no memory. */
struct suffix_set *suffix_set_new(const struct suffix_entry *entries, uint32_t n);
void suffix_set_free(struct suffix_set *set);

/* The entry whose suffix is the longest that NAME (lower case) is at or below; its index in the
 * ENTRIES of suffix_set_new, or -1: none. *RET_VALUE is its value, *RET_AT the offset in NAME's
 * bytes where that suffix begins. */
int32_t suffix_set_find(const struct suffix_set *set, const struct rd_name *name,
                        uint32_t *ret_value, uint8_t *ret_at);

#endif
