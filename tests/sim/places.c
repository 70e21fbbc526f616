/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * places.c - places.h: bits, and where the first of them may be. One thread.
 */
#include "sim/places.h"

#include <stdlib.h>

void places_init(struct places *places, uint32_t n)
{
    *places = (struct places){.words = (n + 63) / 64};
    places->free = calloc(places->words + 1, sizeof(*places->free));
    if (!places->free)
        abort();
    for (uint32_t i = 0; i < n; i++)
        places_give(places, i);
    places->lowest = 0;
}

void places_deinit(struct places *places)
{
    free(places->free);
}

bool places_any(struct places *places)
{
    while (places->lowest < places->words && !places->free[places->lowest])
        places->lowest++;
    return places->lowest < places->words;
}

uint32_t places_take(struct places *places)
{
    uint64_t *word;
    uint32_t bit;

    if (!places_any(places))
        abort();
    word = &places->free[places->lowest];
    bit = (uint32_t)__builtin_ctzll(*word);
    *word &= *word - 1;
    return 64 * places->lowest + bit;
}

void places_give(struct places *places, uint32_t place)
{
    places->free[place / 64] |= (uint64_t)1 << place % 64;
    if (place / 64 < places->lowest)
        places->lowest = place / 64;
}
