/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab.h - a fixed number of equal objects, handed out by index, last returned first, so that a
 * large table touches only the memory that its load needs. One thread.
 */
#ifndef RINGDNS_BASE_SLAB_H
#define RINGDNS_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define RD_SLAB_NONE UINT32_MAX

struct rd_slab {
    uint8_t *objects; /* zeroed and untouched until first handed out */
    uint32_t *free;   /* a stack of returned indices */
    size_t object_bytes;
    uint32_t count;    /* objects in all */
    uint32_t fresh;    /* objects from here on were never handed out */
    uint32_t returned; /* entries in free */
};

/* COUNT objects of OBJECT_BYTES, 64-byte aligned if OBJECT_BYTES is a multiple of 64.
 * 0 or -ENOMEM. Memory is mapped, not touched. */
int rd_slab_init(struct rd_slab *slab, size_t object_bytes, uint32_t count);
void rd_slab_deinit(struct rd_slab *slab);
/* An index, or RD_SLAB_NONE when all are out. The object holds what its last owner left there. */
uint32_t rd_slab_take(struct rd_slab *slab);
void rd_slab_give(struct rd_slab *slab, uint32_t index);

static inline void *rd_slab_at(const struct rd_slab *slab, uint32_t index)
{
    return slab->objects + (size_t)index * slab->object_bytes;
}

/* The index of OBJECT, which is one of the slab's. */
static inline uint32_t rd_slab_index(const struct rd_slab *slab, const void *object)
{
    return (uint32_t)((size_t)((const uint8_t *)object - slab->objects) / slab->object_bytes);
}

/* Objects that are handed out now. */
static inline uint32_t rd_slab_used(const struct rd_slab *slab)
{
    return slab->fresh - slab->returned;
}

#endif
