/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * places.h - the free places of a table, of which the lowest is taken first.
 *
 * A bit for each, so that a table in which hundreds are taken is searched in a few words. One
 * thread.
 */
#ifndef RINGDNS_TESTS_PLACES_H
#define RINGDNS_TESTS_PLACES_H

#include <stdbool.h>
#include <stdint.h>

struct places {
    uint64_t *free;
    uint32_t words;
    uint32_t lowest; /* no word before this one has a free place */
};

/* All of N are free. */
void places_init(struct places *places, uint32_t n);
void places_deinit(struct places *places);
bool places_any(struct places *places);
/* Takes the lowest one; there is one (places_any). */
uint32_t places_take(struct places *places);
void places_give(struct places *places, uint32_t place);

#endif
