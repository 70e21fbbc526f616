/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab.c - objects and the stack of returned indices are two anonymous mappings: the kernel gives
 * pages as they are touched, and they are zero. One thread; objects are not cleared in between.
 */
#include "base/slab.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

/* At least a byte, for mmap refuses none. */
static size_t mapped_bytes(size_t bytes)
{
    return bytes ? bytes : 1;
}

static void *map(size_t bytes)
{
    void *at =
        mmap(NULL, mapped_bytes(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

static void unmap(void *at, size_t bytes)
{
    if (at)
        munmap(at, mapped_bytes(bytes));
}

int rd_slab_init(struct rd_slab *slab, size_t object_bytes, uint32_t count)
{
    size_t bytes;
    uint8_t *objects;
    uint32_t *free;

    if (__builtin_mul_overflow(object_bytes, (size_t)count, &bytes))
        return -ENOMEM;
    objects = map(bytes);
    free = map(count * sizeof(*free));
    if (!objects || !free) {
        unmap(objects, bytes);
        unmap(free, count * sizeof(*free));
        return -ENOMEM;
    }
    *slab = (struct rd_slab){
        .objects = objects, .free = free, .object_bytes = object_bytes, .count = count};
    return 0;
}

void rd_slab_deinit(struct rd_slab *slab)
{
    unmap(slab->objects, slab->object_bytes * slab->count);
    unmap(slab->free, slab->count * sizeof(*slab->free));
    *slab = (struct rd_slab){0};
}

uint32_t rd_slab_take(struct rd_slab *slab)
{
    if (slab->returned)
        return slab->free[--slab->returned];
    if (slab->fresh < slab->count)
        return slab->fresh++;
    return RD_SLAB_NONE;
}

void rd_slab_give(struct rd_slab *slab, uint32_t index)
{
    assert(index < slab->fresh && slab->returned < slab->fresh);
    slab->free[slab->returned++] = index;
}
