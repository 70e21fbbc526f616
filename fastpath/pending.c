/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pending.c - claims in cache lines of eight words, a line per hash. Any worker, at any time; each
 * word is changed by compare-and-swap alone, but for the release by its owner.
 *
 * A word is 0 (free), or the upper 54 bits of a hash, a bit that says LEADS, one that it is not
 * free, and the worker. Two questions with one hash are taken for one: the leader, who compares
 * keys in full, says that it knows nothing of the other.
 *
 * Two workers may take two words of the line for one hash: each looked before the other had taken
 * its word, and a word that was taken when the one looked was free when the other did. So a word
 * alone decides nothing, whichever it is. A claim is taken in three steps:
 *
 *   1. BID: free word -> own bid.
 *   2. Look at every other word. There is a leader, or a bid of a lower worker: withdraw, it is
 *      theirs. There is a bid of a higher worker: strike it out.
 *   3. LEAD: own bid -> own lead. It is not there any more: a lower worker struck it
 *      out; begin anew.
 *
 * Never two leaders. Let A and B both lead at a time, by words a and b. What A read in b at step 2
 * was not B's bid or lead, or A struck it out and B failed at step 3. So A's step 2 came before B's
 * step 1, and by the same words B's step 2 before A's step 1: a circle. This needs one order of all
 * bids and looks, for each writes one word and then reads another; acquire and release would let
 * both read the past. Hence sequential consistency, which costs nothing here: a compare-and-swap is
 * a full barrier on x86, and its loads are plain.
 *
 * Never nobody, as long as there is room: of those who bid at a time nobody strikes out the lowest
 * worker, and it withdraws only where another leads. A worker that was told THEIRS of a bid that
 * then fell, or of a claim that was released since, hears so from its owner when it writes there.
 *
 * A release is a plain store, as nobody but the owner changes a word that leads. It releases: who
 * finds the claim free finds in the cache what the leader put there before.
 *
 * Nobody waits: a worker begins anew only because another got on, and after ROUNDS it is told that
 * there is no room, as it is where all eight words are taken.
 */
#include "pending.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>

#define WORKER   UINT64_C(0xff)
#define TAKEN    UINT64_C(0x100)
#define LEADS    UINT64_C(0x200)
#define HASH     (~UINT64_C(0x3ff))
#define ROUNDS   8
#define NO_PLACE PENDING_LINE

struct line {
    alignas(64) _Atomic(uint64_t) words[PENDING_LINE];
};

static_assert(sizeof(struct line) == 64, "one cache line");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "no lock in a claim");
static_assert(RD_MAX_WORKERS - 1 <= WORKER, "a worker's number fits");

int pending_init(struct pending_table *table, uint64_t claims)
{
    uint64_t lines = 1;

    while (lines * PENDING_LINE < claims)
        lines *= 2;
    table->mask = lines - 1;
    if (lines > UINT32_MAX)
        return -ENOMEM;
    return rd_slab_init(&table->lines, sizeof(struct line), (uint32_t)lines);
}

void pending_deinit(struct pending_table *table)
{
    rd_slab_deinit(&table->lines);
}

static struct line *line_of(const struct pending_table *table, uint64_t hash)
{
    return rd_slab_at(&table->lines, (uint32_t)(hash & table->mask));
}

static bool same_hash(uint64_t word, uint64_t bid)
{
    return (word & TAKEN) && (word & HASH) == (bid & HASH);
}

static bool swap(struct line *line, unsigned place, uint64_t *from, uint64_t to)
{
    return atomic_compare_exchange_strong(&line->words[place], from, to);
}

/* A word for the same hash as BID; 0: none. *RET_FREE is the first free place, or NO_PLACE. */
static uint64_t look(struct line *line, uint64_t bid, unsigned *ret_free)
{
    *ret_free = NO_PLACE;
    for (unsigned i = 0; i < PENDING_LINE; i++) {
        uint64_t word = atomic_load_explicit(&line->words[i], memory_order_acquire);

        if (same_hash(word, bid))
            return word;
        if (!word && *ret_free == NO_PLACE)
            *ret_free = i;
    }
    return 0;
}

/* Step 2. The word that BID, which is in PLACE, has to give way to; 0: none is left. */
static uint64_t strike_out(struct line *line, unsigned place, uint64_t bid)
{
    for (unsigned i = 0; i < PENDING_LINE; i++) {
        uint64_t word;

        if (i == place)
            continue;
        word = atomic_load(&line->words[i]);
        while (same_hash(word, bid)) {
            if ((word & LEADS) || (word & WORKER) < (bid & WORKER))
                return word;
            if (swap(line, i, &word, 0))
                break;
        }
    }
    return 0;
}

/* Withdrawn where it has to be, which may have been done by another. */
static bool give_way(struct line *line, unsigned place, uint64_t bid, unsigned *ret_leader)
{
    uint64_t prior = strike_out(line, place, bid);

    if (!prior)
        return false;
    swap(line, place, &bid, 0);
    *ret_leader = (unsigned)(prior & WORKER);
    return true;
}

/* A hash that the worker leads already is that of another question, by the rarest chance: there is
 * no second place for it. */
enum pending pending_claim(struct pending_table *table, uint64_t hash, unsigned worker,
                           unsigned *ret_leader)
{
    struct line *line = line_of(table, hash);
    const uint64_t bid = (hash & HASH) | TAKEN | worker;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t nothing = 0, own = bid, found;
        unsigned place;

        found = look(line, bid, &place);
        if (found) {
            if ((found & WORKER) == worker)
                return PENDING_FULL;
            *ret_leader = (unsigned)(found & WORKER);
            return PENDING_THEIRS;
        }
        if (place == NO_PLACE)
            return PENDING_FULL;
        if (!swap(line, place, &nothing, bid))
            continue;
        if (give_way(line, place, bid, ret_leader))
            return PENDING_THEIRS;
        if (swap(line, place, &own, bid | LEADS))
            return PENDING_MINE;
    }
    return PENDING_FULL;
}

void pending_release(struct pending_table *table, uint64_t hash, unsigned worker)
{
    struct line *line = line_of(table, hash);
    const uint64_t lead = (hash & HASH) | LEADS | TAKEN | worker;
    unsigned place = 0;

    while (place < PENDING_LINE &&
           atomic_load_explicit(&line->words[place], memory_order_relaxed) != lead)
        place++;
    assert(place < PENDING_LINE); /* only what is claimed is released */
    atomic_store_explicit(&line->words[place], 0, memory_order_release);
}
