/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protocol.c - scenarios: a reader beside those who change what it reads.
 *
 * How it maps to fastpath/cache:
 *
 *     here                          there
 *     VERSION + b, SLOT + b         a bucket: version; refs, of which one is enough. Tags and used
 *                                   bits are left out: a wrong one costs a miss or an entry
 *     KEY + p, ANSWER_WORD + p      an entry in piece p of the data: its words up to the name,
 * which are compared, and those that are given away. Both hold the number of the entry, so words of
 * two entries show FILLED                        segment.words of the segment that piece 1 is in
 *     GATE, LISTED                  log.gate; log.queues, here: that segment is in one. It is not
 *                                   atomic there. Reading the wrong one would be a fault already;
 *                                   here it is not counted, only what comes of it is
 *     BEGIN, SAME                   bucket_begin, bucket_fence and bucket_same
 *     FETCH                         rd_cache_fetch, one attempt in one bucket
 *     CHOOSE                        table_choose: there is no second look, place_take is one
 *     WRITE                         entry_write; the copy in keep() (reclaim.c)
 *     CHANGE, EMPTY                 place_swing, place_empty: place_take, place_set, place_give
 *     PUBLISH                       the same in publish() (store.c), asking whether it was flushed
 *     PUT                           rd_cache_store behind log_room; FENCE(REUSE) stands before it
 *     FLUSHES, STORING              cache.flushes, or floor_ns; writer.storing_ns
 *     CLEAN                         nowhere: a flush found nothing to remove
 *     FOUND, LOST                   table_slot_of for piece 1: TABLE_FOUND, TABLE_NONE
 *     FENCE(REUSE)                  open_from_stock (log.c)
 *     FILL, HAND_OVER               log_commit, then seal and log_hand_over inside the gate
 *     TAKE_OVER                     log_take_oldest inside the gate, then begin() (reclaim.c)
 *
 * A thread that finds a bucket changed or taken ends: what it would try next is like a thread that
 * starts later. The ways a condition can go are programs of their own. Readers do not meet each
 * other (a used bit tells nobody anything about memory), so one of them is enough.
 *
 * Load buffering, which the memory of the model does not produce, needs a store that can be seen
 * before an earlier load of its thread is done, so no acquire and no release between the two. The
 * only stores of the protocol with such a load before them, others than to words that nobody
 * decides by (an odd version only turns others away), are those of WRITE behind the reads of
 * CHOOSE. So there are programs with WRITE first as well.
 */
#include "model/protocol.h"

#include <stddef.h>

#include "cache/orders.h"
#include "model/steps.h"

const int protocol_orders[PROTOCOL_ORDERS] = {
    [VERSION_FIRST] = ORDER_VERSION_FIRST,
    [WRITER_FIRST] = ORDER_VERSION_FIRST,
    [READ_WORD] = ORDER_READ_WORD,
    [BEFORE_SECOND] = FENCE_BEFORE_SECOND,
    [VERSION_SECOND] = ORDER_VERSION_SECOND,
    [LOCK] = ORDER_LOCK,
    [LOCK_FAILED] = ORDER_LOCK_FAILED,
    [LOCKED] = FENCE_LOCKED,
    [WRITE_WORD] = ORDER_WRITE_WORD,
    [UNLOCK] = ORDER_UNLOCK,
    [REUSE] = FENCE_REUSE,
    [FLUSH] = FENCE_FLUSH,
    [GATE_TAKE] = ORDER_GATE_TAKE,
    [GATE_GIVE] = ORDER_GATE_GIVE,
};

/* Pieces are counted from 1, as a reference 0 is none. */
enum places {
    VERSION = 0,
    SLOT = 2,
    GATE = 4,
    LISTED = 5,
    FILLED = 6,
    FLUSHES = 7,
    STORING = 8,
    CLEAN = 9,
    KEY = 9,
    ANSWER_WORD = 12,
};
enum registers { ZERO, V, W, REF, WORD, OTHER };
enum keys { A = 1, B = 2 };

/* clang-format off */
#define BEGIN(b, o) LOAD(V, VERSION + (b), o), IF_EVEN(V)
#define SAME(b) FENCE(BEFORE_SECOND), LOAD(W, VERSION + (b), VERSION_SECOND), IF_SAME(W, V)
#define REF_OF(b) LOAD(REF, SLOT + (b), READ_WORD)

#define FETCH(b, key) \
    BEGIN(b, VERSION_FIRST), REF_OF(b), IF_NOT(REF, 0), \
    LOAD_FROM(WORD, KEY, REF, READ_WORD), IF_KEY(WORD, key), \
    LOAD_FROM(OTHER, ANSWER_WORD, REF, READ_WORD), SAME(b), ANSWER(WORD, OTHER)

#define CHOOSE(b) BEGIN(b, WRITER_FIRST), REF_OF(b)
#define WRITE(piece, entry) \
    STORE(KEY + (piece), entry, WRITE_WORD), STORE(ANSWER_WORD + (piece), entry, WRITE_WORD)
#define CHANGE(b, piece) \
    SWAP_SUM(VERSION + (b), V, 1, LOCK, LOCK_FAILED), FENCE(LOCKED), \
    STORE(SLOT + (b), piece, WRITE_WORD), STORE_SUM(VERSION + (b), V, 2, UNLOCK)
#define PUBLISH(b, piece) \
    SWAP_SUM(VERSION + (b), V, 1, LOCK, LOCK_FAILED), FENCE(LOCKED), FENCE(FLUSH), \
    LOAD(WORD, FLUSHES, READ_WORD), IF_IS(WORD, 0), \
    STORE(SLOT + (b), piece, WRITE_WORD), STORE_SUM(VERSION + (b), V, 2, UNLOCK)
#define EMPTY(b) CHANGE(b, 0)
#define PUT(b, piece, entry) CHOOSE(b), WRITE(piece, entry), PUBLISH(b, piece)
#define PUT_EARLY(b, piece, entry) WRITE(piece, entry), CHOOSE(b), PUBLISH(b, piece)

#define FOUND(b) BEGIN(b, WRITER_FIRST), REF_OF(b), SAME(b), IF_IS(REF, 1)
#define LOST(b)  BEGIN(b, WRITER_FIRST), REF_OF(b), SAME(b), IF_NOT(REF, 1)

#define FILL STORE(FILLED, 1, WRITE_WORD)
/* The gate's order for a thread that finds it shut does not matter. */
#define ENTER SWAP_SUM(GATE, ZERO, 1, GATE_TAKE, READ_WORD)
#define LEAVE STORE(GATE, 0, GATE_GIVE)
#define HAND_OVER ENTER, STORE(LISTED, 1, WRITE_WORD), LEAVE
#define TAKE_OVER(filled) \
    ENTER, LOAD(WORD, LISTED, READ_WORD), IF_IS(WORD, 1), STORE(LISTED, 0, WRITE_WORD), LEAVE, \
    LOAD(WORD, FILLED, READ_WORD), IF_IS(WORD, filled)

#define PROGRAM(name, ...) static const struct model_step name[] = {__VA_ARGS__, END}

#define A1 MODEL_ENTRY(A, 1)
#define A2 MODEL_ENTRY(A, 2)
#define A3 MODEL_ENTRY(A, 3)
#define B4 MODEL_ENTRY(B, 4)

PROGRAM(ask_a, FETCH(0, A));
PROGRAM(ask_b, FETCH(1, B));
PROGRAM(put_a2, PUT(0, 2, A2));
PROGRAM(put_a3, PUT(0, 3, A3));
PROGRAM(put_a2_early, PUT_EARLY(0, 2, A2));
PROGRAM(empty_reuse, FOUND(0), EMPTY(0), FENCE(REUSE), PUT(1, 1, B4));
PROGRAM(empty_reuse_here, FOUND(0), EMPTY(0), FENCE(REUSE), PUT(0, 1, A3));
PROGRAM(lost_reuse, LOST(0), FENCE(REUSE), PUT(1, 1, B4));
PROGRAM(lost_reuse_early, LOST(0), FENCE(REUSE), PUT_EARLY(1, 1, B4));
PROGRAM(lost_reuse_here, LOST(0), FENCE(REUSE), PUT(0, 1, A3));
PROGRAM(move_reuse, FOUND(0), WRITE(3, A1), CHANGE(0, 3), FENCE(REUSE), PUT(1, 1, B4));
PROGRAM(put_hand_over, PUT(0, 1, A1), FILL, HAND_OVER);
PROGRAM(take_empty, TAKE_OVER(1), FOUND(0), EMPTY(0), FENCE(REUSE), PUT(1, 1, B4));
PROGRAM(take_lost, TAKE_OVER(1), LOST(0), FENCE(REUSE), PUT_EARLY(1, 1, B4));
PROGRAM(take_nothing, TAKE_OVER(0), FENCE(REUSE), PUT_EARLY(1, 1, B4));
/* publish(); raise_flushes() and empty_bucket(), which looks only once at a bucket that was never
 * written; rd_cache_flush_all(), where what it sees being stored is no matter, as the floor goes
 * above that. */
PROGRAM(publish_a2, CHOOSE(0), STORE(STORING, 1, WRITE_WORD), PUBLISH(0, 2));
PROGRAM(flush_name, STORE(FLUSHES, 1, WRITE_WORD), FENCE(FLUSH), BEGIN(0, VERSION_FIRST), REF_OF(0),
        IF_NOT(REF, 2), STORE(CLEAN, 1, WRITE_WORD));
PROGRAM(flush_all, STORE(FLUSHES, 1, WRITE_WORD), FENCE(FLUSH), LOAD(WORD, STORING, READ_WORD),
        IF_IS(WORD, 0), STORE(CLEAN, 1, WRITE_WORD));
/* clang-format on */

static uint8_t newest(const struct model_state *state, unsigned place)
{
    return state->messages[place][state->counts[place] - 1].value;
}

/* An answer to a question from before the flush stays. */
static bool outlived_flush(const struct model_state *state)
{
    return newest(state, CLEAN) == 1 && newest(state, SLOT) == 2;
}

/* Key A is in bucket 0, its entry in piece 1. */
#define FIRST                                                                                      \
    {                                                                                              \
        [SLOT] = 1, [KEY + 1] = A1, [ANSWER_WORD + 1] = A1                                         \
    }
#define NONE_YET                                                                                   \
    {                                                                                              \
        0                                                                                          \
    }
/* What is answered somewhere in a scenario. */
#define IS(n) (1u << (n))

const struct model_scenario protocol_scenarios[PROTOCOL_SCENARIOS] = {
    {"swung", FIRST, {ask_a, put_a2}, NULL, IS(1) | IS(2)},
    {"swung, written early", FIRST, {ask_a, put_a2_early}, NULL, IS(1) | IS(2)},
    {"two writers", FIRST, {ask_a, put_a2, put_a3}, NULL, IS(1) | IS(2) | IS(3)},
    {"emptied, memory used elsewhere", FIRST, {ask_a, empty_reuse}, NULL, IS(1)},
    {"emptied, memory used elsewhere, asked there", FIRST, {ask_b, empty_reuse}, NULL, IS(4)},
    {"emptied, memory used in the slot", FIRST, {ask_a, empty_reuse_here}, NULL, IS(1) | IS(3)},
    {"moved, memory used elsewhere", FIRST, {ask_a, move_reuse}, NULL, IS(1)},
    {"lost, memory used elsewhere", FIRST, {ask_a, put_a2, lost_reuse}, NULL, IS(1) | IS(2)},
    {"the same, written early", FIRST, {ask_a, put_a2, lost_reuse_early}, NULL, IS(1) | IS(2)},
    {"lost, memory used elsewhere, asked there", FIRST, {ask_b, put_a2, lost_reuse}, NULL, IS(4)},
    {"lost, memory used in the slot",
     FIRST,
     {ask_a, put_a2, lost_reuse_here},
     NULL,
     IS(1) | IS(2) | IS(3)},
    {"handed over, then emptied", NONE_YET, {ask_a, put_hand_over, take_empty}, NULL, IS(1)},
    {"lost, handed over", NONE_YET, {ask_a, put_hand_over, put_a2, take_lost}, NULL, IS(1) | IS(2)},
    {"handed over with nothing in it", NONE_YET, {ask_a, put_hand_over, take_nothing}, NULL, IS(1)},
    {"name flushed", NONE_YET, {publish_a2, flush_name}, outlived_flush, 0},
    {"all flushed", NONE_YET, {publish_a2, flush_all}, outlived_flush, 0},
};
