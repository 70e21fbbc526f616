/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acl.c - prefixes as sorted, merged ranges: one representation for both address families, and a
 * look-up of a dozen comparisons however long the list is. Made by the main thread, read by all.
 */
#include "guard/acl.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

static struct rd_acl_key key_of(const uint8_t host[16])
{
    struct rd_acl_key key;

    memcpy(&key.high, host, 8);
    memcpy(&key.low, host + 8, 8);
    return (struct rd_acl_key){be64toh(key.high), be64toh(key.low)};
}

static bool key_less(struct rd_acl_key a, struct rd_acl_key b)
{
    return a.high != b.high ? a.high < b.high : a.low < b.low;
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
    struct rd_acl_key first_a = ((const struct rd_acl_range *)a)->first;
    struct rd_acl_key first_b = ((const struct rd_acl_range *)b)->first;

    return key_less(first_b, first_a) - key_less(first_a, first_b);
}

/* Sorts, and merges what overlaps. */
static void settle(struct rd_acl_list *list)
{
    uint32_t kept = 0;

    qsort(list->ranges, list->n, sizeof(list->ranges[0]), range_compare);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct rd_acl_range *range = &list->ranges[i];

        /* Prefixes are nested or disjoint, and the wider of two that begin together may be last. */
        if (kept > 0 && !key_less(list->ranges[kept - 1].last, range->first)) {
            if (key_less(list->ranges[kept - 1].last, range->last))
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

static bool holds(const struct rd_acl_list *list, struct rd_acl_key key)
{
    uint32_t low = 0, high = list->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (key_less(list->ranges[middle].last, key))
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->n && !key_less(key, list->ranges[low].first);
}

bool rd_acl_allows(const struct rd_acl *acl, const union rd_address *address)
{
    uint8_t host[16];

    rd_address_host(address, host);
    return holds(address->any.sa_family == AF_INET6 ? &acl->v6 : &acl->v4, key_of(host));
}
