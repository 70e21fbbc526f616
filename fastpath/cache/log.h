/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - where the bytes of entries lie: segments that are filled from front to back, kept in two
 * queues, and emptied as a whole when room is needed.
 *
 * Shape: equal segments instead of size classes: no rounding up, nothing to be split anew when the
 * mix of sizes changes. Every writer appends to two segments of its own: NEW for what has just
 * come, MAIN for what was asked for while it was in a segment that had to go. A full one is sealed
 * into the queue of its kind. The head of one of the queues is emptied when a writer runs short:
 * what was used since moves to that writer's MAIN, the rest is forgotten (reclaim.c).
 * Thread: a writer's part is its own. The queues stand behind one gate, passed about once per
 * segment; who finds it shut does without this time.
 * Not here: which slot refers to an entry (table.h).
 */
#ifndef RINGDNS_CACHE_LOG_H
#define RINGDNS_CACHE_LOG_H

#include "cache/table.h"

#define LOG_NONE          UINT32_MAX
#define LOG_LEAST_SEGMENT (32u << 10) /* bytes */
#define LOG_MOST_SEGMENT  (1u << 20)
#define LOG_SEGMENTS      64u /* at least so many, where segments could be smaller */
#define LOG_PER_WRITER    8u  /* and so many */
#define LOG_NEEDED        4u  /* for each writer to get along: two open, two in stock */
#define LOG_STOCK         2u  /* one to go on with, one for what moves to MAIN meanwhile */

/* In the birth of a MAIN segment: what lies there is later than what lies in any NEW one, when an
 * entry has to go for want of a slot. */
#define LOG_LATER (1ull << 63)

enum log_kind { LOG_NEW, LOG_MAIN };

struct segment {
    _Atomic uint32_t words; /* filled; only its owner writes this */
    uint32_t next;          /* in a chain */
    _Atomic uint64_t sealed_ns;
};

struct chain {
    uint32_t first, last; /* LOG_NONE: it is empty */
    uint32_t n;
};

struct log {
    struct segment *segments;
    _Atomic uint64_t *births_ns; /* of each segment: when it was opened */
    uint32_t n_segments, segment_words;
    alignas(64) _Atomic uint32_t gate;           /* 1: somebody is inside. Guards what follows */
    uint32_t fresh;                              /* segments from here on were never used */
    struct chain queues[2];                      /* by enum log_kind, oldest first */
    _Atomic uint32_t said_fresh, said_queued[2]; /* the same for who may not enter */
};

/* The segment that is being emptied. */
struct reclaim {
    uint32_t segment; /* LOG_NONE: none */
    uint32_t at, end; /* words within it: the next entry, behind the last */
    uint32_t ahead;   /* entries before this one have had their buckets asked for */
    uint32_t kept;    /* words of MAIN that this took */
};

/* What a writer has for itself. */
struct log_share {
    uint32_t open[2];          /* by enum log_kind; LOG_NONE: none */
    uint32_t stock[LOG_STOCK]; /* empty ones */
    uint32_t n_stock;
    struct chain sealed[2]; /* that wait for the gate */
    struct reclaim reclaim;
};

void log_init(struct log *log, struct segment *segments, _Atomic uint64_t *births_ns,
              uint32_t n_segments, uint32_t segment_words);
void log_share_init(struct log_share *share);

bool log_enter(struct log *log);
void log_leave(struct log *log);

/* Inside the gate: what SHARE has sealed goes to the queues. */
void log_hand_over(struct log *log, struct log_share *share);
/* Inside the gate: fills the stock of SHARE with what was never used, as far as there is some. */
void log_stock(struct log *log, struct log_share *share);
/* Inside the gate: the oldest of a queue, or LOG_NONE. */
uint32_t log_take_oldest(struct log *log, enum log_kind kind);

/* Where an entry of WORDS can be written: *RET_REF, in the open segment of KIND, which is changed
 * for one from the stock when it is full. Not taken before log_commit. False: there is none. */
bool log_room(struct log *log, struct log_share *share, enum log_kind kind, uint32_t words,
              uint64_t now_ns, uint32_t *ret_ref);
/* What was written at the last room of KIND is referred to. */
void log_commit(struct log *log, struct log_share *share, enum log_kind kind, uint32_t words);

/* The first word of a segment that can hold an entry: reference 0 means none. */
static inline uint32_t log_first_word(uint32_t segment)
{
    return segment == 0;
}

static inline uint32_t log_ref(const struct log *log, uint32_t segment, uint32_t word)
{
    return segment * log->segment_words + word;
}

static inline uint32_t log_filled(const struct log *log, uint32_t segment)
{
    return atomic_load_explicit(&log->segments[segment].words, memory_order_relaxed);
}

static inline void log_fill(struct log *log, uint32_t segment, uint32_t words)
{
    atomic_store_explicit(&log->segments[segment].words, words, memory_order_relaxed);
}

#endif
