/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.h - the mapping that holds index and entries.
 */
#ifndef RINGDNS_CACHE_MEMORY_H
#define RINGDNS_CACHE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringdns/cache.h"

struct memory {
    uint8_t *at; /* zeros; aligned to a page of the kind that it has */
    size_t bytes;
    void *mapping; /* as mapped, AT within it */
    size_t mapped_bytes;
    enum rd_cache_pages pages;
};

/* Main thread. Maps at least BYTES, as huge pages if there are as many free, else as pages that the
 * kernel may join. POPULATE: all of it is touched. 0 or -ENOMEM. */
int memory_map(struct memory *memory, size_t bytes, bool populate);
void memory_unmap(struct memory *memory);

#endif
