/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.h - a hashed timer wheel (Varghese and Lauck, scheme 6) for very many timers that are
 * mostly cancelled: arming and cancelling cost a few words, never a search.
 *
 * A timer is embedded in what it times. It fires at its due time or up to one tick later, never
 * before. No clock is read here. One thread.
 */
#ifndef RINGDNS_BASE_TIMER_H
#define RINGDNS_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define RD_TIMER_TICK_NS 8000000ull
#define RD_TIMER_SLOTS   1024u /* one round is 8.2 s; later timers stay for more rounds */

struct rd_timer {
    struct rd_timer *next, *prev; /* NULL while not armed */
    uint64_t due_ns;
    uint32_t kind; /* whose it is: chosen by the owner, never looked at here */
};

struct rd_timer_wheel {
    struct rd_timer slots[RD_TIMER_SLOTS]; /* heads of circular lists */
    uint64_t used[RD_TIMER_SLOTS / 64];    /* a bit per slot that holds timers */
    uint64_t tick;                         /* all slots up to this tick were looked at */
    uint64_t bound;                        /* no slot between tick and this one holds timers */
    uint32_t armed;                        /* timers, all together */
};

/* NOW_NS is the start of time. */
void rd_timer_wheel_init(struct rd_timer_wheel *wheel, uint64_t now_ns);
/* Zeroes TIMER: not armed, kind 0. */
void rd_timer_init(struct rd_timer *timer);
bool rd_timer_armed(const struct rd_timer *timer);
/* Arms TIMER, or moves it when it is armed. A due time in the past fires at the next expire. */
void rd_timer_arm(struct rd_timer_wheel *wheel, struct rd_timer *timer, uint64_t due_ns);
/* Does nothing when TIMER is not armed. */
void rd_timer_cancel(struct rd_timer_wheel *wheel, struct rd_timer *timer);
/* One timer that is due at NOW_NS, disarmed; NULL when there is none left. NOW_NS never goes back.
 * Timers that are armed for the past between two calls come in the same series of calls. */
struct rd_timer *rd_timer_expire(struct rd_timer_wheel *wheel, uint64_t now_ns);
/* When expire is next worth calling: not later than the earliest timer's tick is over, and perhaps
 * earlier; RD_NEVER when nothing is armed. */
uint64_t rd_timer_next(struct rd_timer_wheel *wheel);

#endif
