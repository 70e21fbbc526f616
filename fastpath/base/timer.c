/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - the wheel's slots are circular lists, a bit for each says whether it holds timers.
 *
 * A timer waits in the slot of the first tick that begins at or after its due time, so that one
 * look at that slot, when the tick begins, finds it due. The slot of the current tick is special.
 * At its front stand the near timers: those that a look found due and that were not yet handed
 * out, and those that were armed during the tick for a time before the tick's end, be it past.
 * They alone are compared with the exact time. Behind them stand timers of later rounds.
 *
 * Near timers that are not yet due are looked at again by each call, so the wheel is not for many
 * timers of less than a tick. One thread. No clock is read here, and nobody is called back.
 */
#include "base/timer.h"

#include <assert.h>
#include <stddef.h>

#include "base/clock.h"

static_assert((RD_TIMER_SLOTS & (RD_TIMER_SLOTS - 1)) == 0, "slots are picked by a mask");
static_assert(RD_TIMER_SLOTS % 64 == 0, "whole words of bits");

static struct rd_timer *slot_of(struct rd_timer_wheel *wheel, uint64_t tick)
{
    return &wheel->slots[tick & (RD_TIMER_SLOTS - 1)];
}

/* The end of the current tick; a timer due before it, in the current slot, is near. */
static uint64_t near_end(const struct rd_timer_wheel *wheel)
{
    return (wheel->tick + 1) * RD_TIMER_TICK_NS;
}

static void mark_used(struct rd_timer_wheel *wheel, const struct rd_timer *slot)
{
    size_t index = (size_t)(slot - wheel->slots);

    wheel->used[index / 64] |= 1ull << index % 64;
}

static void link_behind(struct rd_timer *before, struct rd_timer *timer)
{
    timer->prev = before;
    timer->next = before->next;
    before->next->prev = timer;
    before->next = timer;
}

/* Out of its slot's list; TIMER's own links are left as they are. */
static void take_out(struct rd_timer_wheel *wheel, struct rd_timer *timer)
{
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
    if (timer->next == timer->prev) { /* it was alone: both are the slot's head */
        size_t index = (size_t)(timer->next - wheel->slots);

        wheel->used[index / 64] &= ~(1ull << index % 64);
    }
}

/* How many ticks after the current one, FROM or more, the next slot that holds timers begins: up
 * to a whole round, or more than that when there is none. FROM is at least 1. */
static uint64_t next_used(const struct rd_timer_wheel *wheel, uint64_t from)
{
    while (from <= RD_TIMER_SLOTS) {
        uint64_t index = (wheel->tick + from) & (RD_TIMER_SLOTS - 1);
        uint64_t bits = wheel->used[index / 64] >> index % 64;

        if (bits)
            return from + (uint64_t)__builtin_ctzll(bits);
        from += 64 - index % 64;
    }
    return from;
}

/* Moves the near timers to the end of LIST. */
static void collect_near(struct rd_timer_wheel *wheel, struct rd_timer *list)
{
    struct rd_timer *slot = slot_of(wheel, wheel->tick);

    while (slot->next != slot && slot->next->due_ns < near_end(wheel)) {
        struct rd_timer *timer = slot->next;

        take_out(wheel, timer);
        link_behind(list->prev, timer);
    }
}

/* The same with the timers of SLOT that are due by UNTIL_NS. */
static void collect_due(struct rd_timer_wheel *wheel, struct rd_timer *slot, uint64_t until_ns,
                        struct rd_timer *list)
{
    struct rd_timer *next;

    for (struct rd_timer *timer = slot->next; timer != slot; timer = next) {
        next = timer->next;
        if (timer->due_ns > until_ns)
            continue;
        take_out(wheel, timer);
        link_behind(list->prev, timer);
    }
}

/* Makes TICK the current one. What came due on the way there becomes near, earlier slots first.
 * However long the wheel slept, a slot is looked at once. */
static void advance(struct rd_timer_wheel *wheel, uint64_t tick)
{
    struct rd_timer list = {.next = &list, .prev = &list};
    struct rd_timer *slot = slot_of(wheel, tick);
    uint64_t ticks = tick - wheel->tick;

    wheel->bound = tick + 1;
    collect_near(wheel, &list);
    for (uint64_t i = next_used(wheel, 1); i <= ticks && i <= RD_TIMER_SLOTS;
         i = next_used(wheel, i + 1))
        collect_due(wheel, slot_of(wheel, wheel->tick + i), tick * RD_TIMER_TICK_NS, &list);
    wheel->tick = tick;
    if (list.next == &list)
        return;
    list.prev->next = slot->next;
    slot->next->prev = list.prev;
    list.next->prev = slot;
    slot->next = list.next;
    mark_used(wheel, slot);
}

void rd_timer_wheel_init(struct rd_timer_wheel *wheel, uint64_t now_ns)
{
    *wheel = (struct rd_timer_wheel){.tick = now_ns / RD_TIMER_TICK_NS};
    wheel->bound = wheel->tick + 1;
    for (size_t i = 0; i < RD_TIMER_SLOTS; i++)
        wheel->slots[i].next = wheel->slots[i].prev = &wheel->slots[i];
}

void rd_timer_init(struct rd_timer *timer)
{
    *timer = (struct rd_timer){0};
}

bool rd_timer_armed(const struct rd_timer *timer)
{
    return timer->next != NULL;
}

void rd_timer_arm(struct rd_timer_wheel *wheel, struct rd_timer *timer, uint64_t due_ns)
{
    struct rd_timer *slot;

    rd_timer_cancel(wheel, timer);
    timer->due_ns = due_ns;
    if (due_ns < near_end(wheel)) {
        slot = slot_of(wheel, wheel->tick);
        link_behind(slot, timer);
    } else {
        uint64_t tick = due_ns / RD_TIMER_TICK_NS + (due_ns % RD_TIMER_TICK_NS != 0);

        slot = slot_of(wheel, tick);
        link_behind(slot->prev, timer);
        /* Of a later round: its slot comes earlier than itself. */
        if (tick > wheel->tick + RD_TIMER_SLOTS)
            tick = wheel->tick + 1;
        if (tick < wheel->bound)
            wheel->bound = tick;
    }
    wheel->armed++;
    mark_used(wheel, slot);
}

void rd_timer_cancel(struct rd_timer_wheel *wheel, struct rd_timer *timer)
{
    if (!rd_timer_armed(timer))
        return;
    take_out(wheel, timer);
    wheel->armed--;
    timer->next = timer->prev = NULL;
}

struct rd_timer *rd_timer_expire(struct rd_timer_wheel *wheel, uint64_t now_ns)
{
    struct rd_timer *slot;

    if (now_ns / RD_TIMER_TICK_NS > wheel->tick)
        advance(wheel, now_ns / RD_TIMER_TICK_NS);
    slot = slot_of(wheel, wheel->tick);
    for (struct rd_timer *timer = slot->next; timer != slot; timer = timer->next) {
        if (timer->due_ns >= near_end(wheel))
            break;
        if (timer->due_ns <= now_ns) {
            rd_timer_cancel(wheel, timer);
            return timer;
        }
    }
    return NULL;
}

/* The bound may be early when what stood there was cancelled; it is looked for anew only then. */
static uint64_t next_tick(struct rd_timer_wheel *wheel)
{
    size_t index = wheel->bound & (RD_TIMER_SLOTS - 1);

    if (!(wheel->used[index / 64] >> index % 64 & 1))
        wheel->bound = wheel->tick + next_used(wheel, wheel->bound - wheel->tick);
    return wheel->bound;
}

uint64_t rd_timer_next(struct rd_timer_wheel *wheel)
{
    const struct rd_timer *slot = slot_of(wheel, wheel->tick);
    uint64_t earliest = near_end(wheel), tick;

    if (wheel->armed == 0)
        return RD_NEVER;
    for (const struct rd_timer *timer = slot->next; timer != slot; timer = timer->next) {
        if (timer->due_ns >= near_end(wheel))
            break;
        if (timer->due_ns < earliest)
            earliest = timer->due_ns;
    }
    if (earliest < near_end(wheel))
        return earliest;
    tick = next_tick(wheel);
    return tick <= wheel->tick + RD_TIMER_SLOTS ? tick * RD_TIMER_TICK_NS : RD_NEVER;
}
