/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.c - one table of RDATA layouts, the check of them, and where they have names.
 *
 * Every layout is fixed bytes, character strings, names, fixed bytes, and a rest, in this order
 * and each part perhaps absent; that covers all types with names or a fixed size but those whose
 * layout depends on their content (A6, IPSECKEY, HIP, AMTRELAY), which are passed as they are.
 * Pure, any thread.
 */
#include "wire/layout.h"

enum rest {
    ANYTHING, /* so a type that is not in the table passes */
    NOTHING,
    STRINGS, /* zero or more up to the end */
};

struct layout {
    uint8_t before; /* bytes */
    uint8_t strings;
    uint8_t names;
    uint8_t after; /* bytes */
    uint8_t rest;  /* enum rest */
};

static const struct layout layouts[] = {
    [1] = {.before = 4, .rest = NOTHING},                            /* A */
    [2] = {.names = 1, .rest = NOTHING},                             /* NS */
    [3] = {.names = 1, .rest = NOTHING},                             /* MD */
    [4] = {.names = 1, .rest = NOTHING},                             /* MF */
    [5] = {.names = 1, .rest = NOTHING},                             /* CNAME */
    [6] = {.names = 2, .after = 20, .rest = NOTHING},                /* SOA */
    [7] = {.names = 1, .rest = NOTHING},                             /* MB */
    [8] = {.names = 1, .rest = NOTHING},                             /* MG */
    [9] = {.names = 1, .rest = NOTHING},                             /* MR */
    [11] = {.before = 5},                                            /* WKS */
    [12] = {.names = 1, .rest = NOTHING},                            /* PTR */
    [13] = {.strings = 2, .rest = NOTHING},                          /* HINFO */
    [14] = {.names = 2, .rest = NOTHING},                            /* MINFO */
    [15] = {.before = 2, .names = 1, .rest = NOTHING},               /* MX */
    [16] = {.strings = 1, .rest = STRINGS},                          /* TXT */
    [17] = {.names = 2, .rest = NOTHING},                            /* RP */
    [18] = {.before = 2, .names = 1, .rest = NOTHING},               /* AFSDB */
    [19] = {.strings = 1, .rest = NOTHING},                          /* X25 */
    [20] = {.strings = 1, .rest = STRINGS},                          /* ISDN */
    [21] = {.before = 2, .names = 1, .rest = NOTHING},               /* RT */
    [23] = {.names = 1, .rest = NOTHING},                            /* NSAP-PTR */
    [24] = {.before = 18, .names = 1},                               /* SIG */
    [26] = {.before = 2, .names = 2, .rest = NOTHING},               /* PX */
    [27] = {.strings = 3, .rest = NOTHING},                          /* GPOS */
    [28] = {.before = 16, .rest = NOTHING},                          /* AAAA */
    [29] = {.before = 16, .rest = NOTHING},                          /* LOC */
    [30] = {.names = 1},                                             /* NXT */
    [33] = {.before = 6, .names = 1, .rest = NOTHING},               /* SRV */
    [35] = {.before = 4, .strings = 3, .names = 1, .rest = NOTHING}, /* NAPTR */
    [36] = {.before = 2, .names = 1, .rest = NOTHING},               /* KX */
    [39] = {.names = 1, .rest = NOTHING},                            /* DNAME */
    [46] = {.before = 18, .names = 1},                               /* RRSIG */
    [47] = {.names = 1},                                             /* NSEC */
    [58] = {.names = 2, .rest = NOTHING},                            /* TALINK */
    [64] = {.before = 2, .names = 1},                                /* SVCB */
    [65] = {.before = 2, .names = 1},                                /* HTTPS */
    [99] = {.strings = 1, .rest = STRINGS},                          /* SPF */
    [104] = {.before = 10, .rest = NOTHING},                         /* NID */
    [105] = {.before = 6, .rest = NOTHING},                          /* L32 */
    [106] = {.before = 10, .rest = NOTHING},                         /* L64 */
    [107] = {.before = 2, .names = 1, .rest = NOTHING},              /* LP */
    [108] = {.before = 6, .rest = NOTHING},                          /* EUI48 */
    [109] = {.before = 8, .rest = NOTHING},                          /* EUI64 */
};

/* Each moves *AT behind its part; false: the part does not fit before END. */
static bool pass_bytes(size_t *at, size_t end, size_t bytes)
{
    if (end - *at < bytes)
        return false;
    *at += bytes;
    return true;
}

static bool pass_string(const uint8_t *data, size_t *at, size_t end)
{
    return *at < end && pass_bytes(at, end, data[*at] + 1u);
}

static bool pass_name(struct known *known, const uint8_t *data, size_t *at, size_t end)
{
    size_t bytes = known_name(known, data, end, *at);

    *at += bytes;
    return bytes != 0;
}

bool layout_holds(struct known *known, const uint8_t *data, size_t rdata, size_t end, uint16_t type)
{
    const struct layout *layout;
    size_t at = rdata;

    if (type >= sizeof(layouts) / sizeof(layouts[0]))
        return true;
    layout = &layouts[type];
    if (!pass_bytes(&at, end, layout->before))
        return false;
    for (unsigned i = 0; i < layout->strings; i++)
        if (!pass_string(data, &at, end))
            return false;
    for (unsigned i = 0; i < layout->names; i++)
        if (!pass_name(known, data, &at, end))
            return false;
    if (!pass_bytes(&at, end, layout->after))
        return false;
    while (layout->rest == STRINGS && at < end)
        if (!pass_string(data, &at, end))
            return false;
    return layout->rest == ANYTHING || at == end;
}

unsigned layout_names(const uint8_t *data, size_t rdata, uint16_t type, size_t *ret_first)
{
    const struct layout *layout;
    size_t at = rdata;

    if (type >= sizeof(layouts) / sizeof(layouts[0]) || layouts[type].names == 0)
        return 0;
    layout = &layouts[type];
    at += layout->before;
    for (unsigned i = 0; i < layout->strings; i++)
        at += data[at] + 1u;
    *ret_first = at;
    return layout->names;
}
