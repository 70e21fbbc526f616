/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - mapping the cache's memory.
 *
 * Shape: huge pages of the kernel's pool are reserved when they are mapped, so a pool that is too
 * small is known here and not as a fault later. Else the mapping is aligned to where a huge page
 * may lie, and the kernel is asked to use such.
 * Thread: main.
 */
#include "cache/memory.h"

#include <errno.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)
#define PAGE_BYTES 4096u
/* Those of HUGE_BYTES, whatever the kernel's default is: 2 to the power of 21. */
#define HUGE_POOL (MAP_HUGETLB | 21 << MAP_HUGE_SHIFT)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static size_t round_up(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

static bool map(struct memory *memory, size_t bytes, int flags)
{
    memory->mapping =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    memory->mapped_bytes = bytes;
    memory->at = memory->mapping;
    return memory->mapping != MAP_FAILED;
}

/* Room for BYTES from where a huge page may begin. What is mapped beside it is never touched. */
static bool map_small(struct memory *memory, size_t bytes)
{
    bool large = bytes >= HUGE_BYTES;

    if (!map(memory, bytes + (large ? HUGE_BYTES : 0), 0))
        return false;
    memory->pages = RD_PAGES_SMALL;
    if (large) {
        memory->at += -(uintptr_t)memory->at % HUGE_BYTES;
        if (madvise(memory->at, bytes, MADV_HUGEPAGE) == 0)
            memory->pages = RD_PAGES_TRANSPARENT;
    }
    return true;
}

static void touch(struct memory *memory)
{
    if (madvise(memory->at, memory->bytes, MADV_POPULATE_WRITE) == 0)
        return;
    for (size_t i = 0; i < memory->bytes; i += PAGE_BYTES)
        *(volatile uint8_t *)(memory->at + i) = 0;
}

int memory_map(struct memory *memory, size_t bytes, bool populate)
{
    if (map(memory, round_up(bytes, HUGE_BYTES), HUGE_POOL))
        memory->pages = RD_PAGES_HUGE;
    else if (!map_small(memory, round_up(bytes, PAGE_BYTES)))
        return -ENOMEM;
    memory->bytes = bytes;
    /* What clients asked for is nobody's business, and a core file of 32 GiB of no use. */
    madvise(memory->mapping, memory->mapped_bytes, MADV_DONTDUMP);
    if (populate)
        touch(memory);
    return 0;
}

void memory_unmap(struct memory *memory)
{
    if (memory->bytes)
        munmap(memory->mapping, memory->mapped_bytes);
}
