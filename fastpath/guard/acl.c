/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acl.c - prefixes as sorted, merged ranges: one representation for both address families, and a
 * look-up of a dozen comparisons however long the list is. Made by the main thread, read by all.
 */
#include "guard/acl.h"

#include <stdlib.h>
#include <string.h>

static struct rd_acl_key key_of(const uint8_t host[16])
{
    struct rd_acl_key key = {0, 0};

    for (int i = 0; i < 8; i++) {
        key.high = key.high << 8 | host[i];
        key.low = key.low << 8 | host[i + 8];
    }
    return key;
}

static int key_compare(struct rd_acl_key a, struct rd_acl_key b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return a.low == b.low ? 0 : a.low < b.low ? -1 : 1;
}

/* The ones below the first BITS bits of a 64-bit word. */
static uint64_t host_bits(unsigned bits)
{
    return bits >= 64 ? 0 : bits == 0 ? UINT64_MAX : UINT64_MAX >> bits;
}

static struct rd_acl_range range_of(const struct rd_prefix *prefix)
{
    struct rd_acl_key key = key_of(prefix->bytes);
    uint64_t high = host_bits(prefix->bits);
    uint64_t low = host_bits(prefix->bits > 64 ? prefix->bits - 64u : 0);

    return (struct rd_acl_range){{key.high & ~high, key.low & ~low},
                                 {key.high | high, key.low | low}};
}

static int range_compare(const void *a, const void *b)
{
    return key_compare(((const struct rd_acl_range *)a)->first,
                       ((const struct rd_acl_range *)b)->first);
}

/* Sorts, and merges what overlaps. */
static void settle(struct rd_acl_list *list)
{
    uint32_t kept = 0;

    qsort(list->ranges, list->n, sizeof(list->ranges[0]), range_compare);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct rd_acl_range *range = &list->ranges[i];

        /* Prefixes are nested or disjoint, and the wider of two that begin together may be last. */
        if (kept > 0 && key_compare(range->first, list->ranges[kept - 1].last) <= 0) {
            if (key_compare(range->last, list->ranges[kept - 1].last) > 0)
                list->ranges[kept - 1].last = range->last;
            continue;
        }
        list->ranges[kept++] = *range;
    }
    list->n = kept;
}

static bool is_v4(const struct rd_prefix *prefix)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    return prefix->bits >= 96 && memcmp(prefix->bytes, mapped, sizeof(mapped)) == 0;
}

void rd_acl_init(struct rd_acl *acl, const struct rd_prefix *prefixes, uint32_t n)
{
    acl->v4.n = 0;
    acl->v6.n = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct rd_acl_list *list = is_v4(&prefixes[i]) ? &acl->v4 : &acl->v6;

        list->ranges[list->n++] = range_of(&prefixes[i]);
    }
    settle(&acl->v4);
    settle(&acl->v6);
}

bool rd_acl_allows(const struct rd_acl *acl, const union rd_address *address)
{
    const struct rd_acl_list *list = address->any.sa_family == AF_INET6 ? &acl->v6 : &acl->v4;
    uint32_t low = 0, high = list->n;
    struct rd_acl_key key;
    uint8_t host[16];

    rd_address_host(address, host);
    key = key_of(host);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (key_compare(list->ranges[middle].last, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->n && key_compare(list->ranges[low].first, key) <= 0;
}
