/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * truth.c - truth.h: which names and types there are to ask for.
 */
#include "sim/storm/truth.h"

/* As a tree: of four names in a zone one is below another, of sixteen one below such a one. */
#define BELOW     4
#define BELOW_TWO 16
/* Of so many names one is long. */
#define LONG 32

static const char long_labels[] = "the-quick-brown-fox-jumps-over-the-lazy-dog-0123456789-and-back."
                                  "pack-my-box-with-five-dozen-liquor-jugs-9876543210-then-rest."
                                  "sphinx-of-black-quartz-judge-my-vow-once-more.";

/* A place in its zone -> that of the name it is below, or itself. */
static unsigned above(unsigned place)
{
    if (place % BELOW_TWO == BELOW_TWO - 9)
        return place - BELOW;
    return place % BELOW == BELOW - 1 ? place - BELOW / 2 : place;
}

void truth_name(const struct storm *storm, unsigned number, char name[TRUTH_NAME_BYTES])
{
    unsigned step = storm->plan.pools == 2 ? 2 : 1, place = number / step, below = 0;
    bool second = step == 2 && number % 2;

    while (above(place) != place) {
        place = above(place);
        below++;
    }
    snprintf(name, TRUTH_NAME_BYTES, "%s%sn%u.%s.example.", &"a.b."[4 - 2 * below],
             place % LONG == LONG / 4 + 1 ? long_labels : "", place * step + second,
             second ? "second" : "first");
}

uint16_t truth_type(struct storm *storm)
{
    static const struct {
        uint16_t percent, type;
    } shares[] = {{55, RD_TYPE_A},     {80, RD_TYPE_AAAA}, {87, RD_TYPE_TXT}, {91, 65},
                  {94, RD_TYPE_MX},    {96, RD_TYPE_SRV},  {97, 65400},       {98, RD_TYPE_NS},
                  {99, RD_TYPE_CNAME}, {100, RD_TYPE_ANY}};
    uint32_t draw = sim_random_below(storm->sim, 100);
    unsigned i = 0;

    while (draw >= shares[i].percent)
        i++;
    return shares[i].type;
}

static uint8_t lowered(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

unsigned truth_pool(const struct storm *storm, const uint8_t *name)
{
    static const uint8_t zone[] = TRUTH_SECOND_ZONE;
    unsigned last = 0, before = 0;

    if (storm->plan.pools < 2)
        return 0;
    for (unsigned at = 0; name[at] != 0; at += name[at] + 1u) {
        before = last;
        last = at;
    }
    for (unsigned i = 0; i < sizeof(zone); i++)
        if (lowered(name[before + i]) != zone[i])
            return 0;
    return 1;
}
