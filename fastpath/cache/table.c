/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - changing buckets, deciding which slot to change, and why all of it is safe.
 *
 * Who writes what. A bucket's tags and refs are written only by the thread that made its version
 * odd; its used bits by anybody, and they are advice. An entry's words are written by the writer
 * that owns the open segment in which they lie, before any slot refers to them; after that nobody
 * writes them until no slot refers to anything in that segment. The queues of segments are written
 * inside the gate. All of it is atomic accesses; the orders are named in orders.h.
 *
 * A reader (fetch.c):
 *   R1 version, ORDER_VERSION_FIRST; odd: the bucket cannot be seen now
 *   R2 tags, refs, the entry's words, relaxed; all that says where or how much is clamped first
 *   R3 fence FENCE_BEFORE_SECOND
 *   R4 version, ORDER_VERSION_SECOND; it must be that of R1
 * A writer that has a new entry (store.c, place_*):
 *   W1 the entry's words, relaxed, where no slot refers to
 *   W2 version from what it was when the slot was chosen to odd, compare-and-swap, ORDER_LOCK
 *   W3 fence FENCE_LOCKED
 *   W4 tag and ref, relaxed
 *   W5 version even, ORDER_UNLOCK
 * Memory that is used again (reclaim.c, log.c), for each entry of the segment:
 *   C1 its slot is emptied or swung to a copy by W2 to W5, or both buckets of its key are read by
 *      R1 to R4 and have no slot that refers to it
 *   C2 then, once, fence FENCE_REUSE
 *   C3 the first word of a new entry, as W1
 *
 * Why a hit is whole. What a reader takes for an entry may be wrong in three ways:
 *  - Words older than W1. It has the ref from R2. If W5 put it there before R1, R1 acquires what
 *    W5 released, W1 included. If not, it saw a W4 whose W5 it did not see: W3 and R3 are fences
 *    around that write and read, so W2 is seen at R4, and the version is another.
 *  - A tag of one state and a ref of another: the same.
 *  - Words of the next entry in that memory, C3. C2 and R3 are fences around that write and that
 *    read, so what C1 did or saw is seen at R4. It is a higher version than the R1 of a reader that
 *    has the ref: where C1 only looked, it saw the slot without the ref, hence (R1 or R3 of C1) a
 *    version of whoever took the ref away; a ref that left its slot never comes back, for only an
 *    entry that was just written gets a slot.
 * A segment that changes hands does so through the gate, whose orders carry C1 to the next owner.
 *
 * Why a writer may decide before W2. It reads like a reader, without R3 and R4: W2 succeeds only on
 * the version that it saw, and reads the latest there is, so all that it read in that bucket was
 * whole. What it read in the other bucket may be out of date. Then two writers can put the same key
 * into both; readers take the newer, and the next writer that sees both removes one.
 *
 * Flushes. A writer puts in nothing that was asked for before one. Both sides write, pass
 * FENCE_FLUSH and read: the flusher raises the number of flushes and then reads versions, waiting
 * where one is odd; the writer makes the version odd and then reads the number. One of them sees
 * the other: either the writer gives up, or the flusher sees its entry. A flush of everything does
 * not look at buckets. It raises the floor and reads when each writer's latest entry was stored,
 * which that said before its fence; the floor goes above the latest of these.
 *
 * What is lost, and the worst cases. Nobody waits but the main thread. A writer that is preempted
 * while it is in a bucket (some ten instructions) makes that bucket a miss for readers,
 * RD_CACHE_BUSY for writers, and holds up whoever empties a segment with an entry there; that one
 * has two segments in stock to go on with, and says RD_CACHE_FULL when they are filled. Such a
 * bucket hides half of what a key may have: a hit in the other one counts after three tries. When
 * all sixteen slots of a key are in use one entry goes, however much room there is: of those that
 * were not asked for the one that lies in the oldest segment, MAIN counting as younger than NEW; if
 * all were asked for, the used bits of one bucket are cleared and its oldest goes. A version has 63
 * bits to count with and does not come round.
 */
#include "cache/table.h"

bool table_head(const struct table *table, uint32_t ref, struct entry_head *ret_head)
{
    const entry_word *at = table_entry(table, ref);
    uint32_t name_len;

    if (ref == 0 || ref + (uint64_t)ENTRY_HEAD_WORDS > table->data_words)
        return false;
    ret_head->name_hash = entry_load(at);
    ret_head->stored_ns = entry_load(at + 1);
    ret_head->sizes = entry_load(at + 2);
    ret_head->what = entry_load(at + 3);
    name_len = entry_name_len(ret_head->sizes);
    return name_len != 0 && entry_len(ret_head->sizes) <= RD_CACHE_MESSAGE_BYTES &&
           entry_text_bytes(ret_head->sizes) >= entry_name_at(ret_head->sizes) + name_len &&
           ref + (uint64_t)entry_words(ret_head->sizes) <= table->data_words;
}

enum table_seen table_slot_of(const struct table *table, uint64_t name_hash, uint32_t ref,
                              struct place *ret_place)
{
    struct bucket *pair[2];

    table_pair(table, name_hash, pair);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t version = bucket_begin(pair[i]);
        unsigned slot = 0;

        if (version & 1)
            return TABLE_BUSY;
        while (slot < BUCKET_SLOTS && bucket_ref(pair[i], slot) != ref)
            slot++;
        bucket_fence();
        if (!bucket_same(pair[i], version))
            return TABLE_BUSY;
        if (slot < BUCKET_SLOTS) {
            *ret_place = (struct place){pair[i], version, slot, ref};
            return TABLE_FOUND;
        }
    }
    return TABLE_NONE;
}

/* -- choosing --------------------------------------------------------------------------------- */

struct choice {
    struct bucket *pair[2];
    uint64_t versions[2];
    struct place same[2]; /* slots of the same key */
    unsigned n_same;
};

static void look_for_same(const struct table *table, const struct rd_key *key,
                          enum rd_cache_kind kind, unsigned which, struct choice *choice)
{
    const struct bucket *bucket = choice->pair[which];
    uint64_t what = entry_key_of(key, kind);
    uint16_t tag = table_tag(key, kind);
    struct entry_head head;

    for (unsigned half = 0; half < 2; half++) {
        uint64_t matches = table_match(bucket_tags(bucket, half), tag);

        for (; matches && choice->n_same < 2; matches &= matches - 1) {
            unsigned slot = half * 4 + (unsigned)__builtin_ctzll(matches) / 16;
            uint32_t ref = bucket_ref(bucket, slot);

            if (!table_head(table, ref, &head) || head.name_hash != key->name_hash ||
                (head.what & ENTRY_WHAT_KEY) != what ||
                !entry_name_is(table_entry(table, ref), head.sizes, &key->name))
                continue;
            choice->same[choice->n_same++] =
                (struct place){choice->pair[which], choice->versions[which], slot, ref};
        }
    }
}

/* The slots of a bucket that hold nothing: how many, and the first of them. */
static unsigned empty_slots(const struct bucket *bucket, unsigned *ret_slot)
{
    unsigned n = 0;

    for (unsigned slot = BUCKET_SLOTS; slot-- > 0;)
        if (bucket_ref(bucket, slot) == 0) {
            *ret_slot = slot;
            n++;
        }
    return n;
}

static bool choose_empty(const struct choice *choice, struct place *ret_place)
{
    unsigned slots[2] = {0}, n[2], i;

    for (i = 0; i < 2; i++)
        n[i] = empty_slots(choice->pair[i], &slots[i]);
    if (n[0] + n[1] == 0)
        return false;
    i = n[1] > n[0];
    *ret_place = (struct place){choice->pair[i], choice->versions[i], slots[i], 0};
    return true;
}

/* Of the unused slots of bucket I the one whose entry lies in the part of the data that was begun
 * first, if that was before *BIRTH_NS. */
static void choose_oldest(const struct table *table, const struct choice *choice, unsigned i,
                          uint64_t *birth_ns, struct place *place)
{
    uint64_t used = atomic_load_explicit(&choice->pair[i]->used, memory_order_relaxed);

    for (unsigned slot = 0; slot < BUCKET_SLOTS; slot++) {
        uint32_t ref = bucket_ref(choice->pair[i], slot);
        uint64_t ns =
            atomic_load_explicit(&table->births_ns[ref >> table->part_shift], memory_order_relaxed);

        if ((used >> slot & 1) == 0 && ns < *birth_ns) {
            *birth_ns = ns;
            *place = (struct place){choice->pair[i], choice->versions[i], slot, ref};
        }
    }
}

static void choose_victim(const struct table *table, const struct choice *choice, unsigned either,
                          struct place *ret_place)
{
    uint64_t birth_ns = UINT64_MAX;

    for (unsigned i = 0; i < 2; i++)
        choose_oldest(table, choice, i, &birth_ns, ret_place);
    if (birth_ns != UINT64_MAX)
        return;
    /* All were asked for: those of one bucket have to be asked for again to stay. */
    atomic_store_explicit(&choice->pair[either]->used, 0, memory_order_relaxed);
    *ret_place = (struct place){choice->pair[either], choice->versions[either], 0,
                                bucket_ref(choice->pair[either], 0)};
    choose_oldest(table, choice, either, &birth_ns, ret_place);
}

bool table_choose(const struct table *table, const struct rd_key *key, enum rd_cache_kind kind,
                  struct place *ret_place, struct place *ret_other)
{
    struct choice choice = {.n_same = 0};

    table_pair(table, key->name_hash, choice.pair);
    for (unsigned i = 0; i < 2; i++) {
        choice.versions[i] = bucket_begin(choice.pair[i]);
        if (choice.versions[i] & 1)
            return false;
        look_for_same(table, key, kind, i, &choice);
    }
    *ret_other = choice.n_same == 2 ? choice.same[1] : (struct place){.bucket = NULL};
    if (choice.n_same)
        *ret_place = choice.same[0];
    else if (!choose_empty(&choice, ret_place))
        choose_victim(table, &choice, key->hash & 1, ret_place);
    return true;
}

/* -- changing --------------------------------------------------------------------------------- */

bool place_take(const struct place *place)
{
    uint64_t version = place->version;

    if (!atomic_compare_exchange_strong_explicit(&place->bucket->version, &version, version + 1,
                                                 ORDER_LOCK, ORDER_LOCK_FAILED))
        return false;
    atomic_thread_fence(FENCE_LOCKED);
    return true;
}

void place_set(const struct place *place, uint16_t tag, uint32_t ref)
{
    _Atomic uint64_t *tags = &place->bucket->tags[place->slot / 4];
    unsigned shift = place->slot % 4 * 16;
    uint64_t word = atomic_load_explicit(tags, ORDER_READ_WORD);

    word = (word & ~(0xffffull << shift)) | (uint64_t)tag << shift;
    atomic_store_explicit(tags, word, ORDER_WRITE_WORD);
    atomic_store_explicit(&place->bucket->refs[place->slot], ref, ORDER_WRITE_WORD);
    if (bucket_used(place->bucket, place->slot))
        atomic_fetch_and_explicit(&place->bucket->used, ~(1ull << place->slot),
                                  memory_order_relaxed);
}

void place_give(const struct place *place)
{
    atomic_store_explicit(&place->bucket->version, place->version + 2, ORDER_UNLOCK);
}

bool place_swing(const struct place *place, uint32_t ref)
{
    uint64_t tags = bucket_tags(place->bucket, place->slot / 4);

    if (!place_take(place))
        return false;
    place_set(place, (uint16_t)(tags >> place->slot % 4 * 16), ref);
    place_give(place);
    return true;
}

bool place_empty(const struct place *place)
{
    if (!place_take(place))
        return false;
    place_set(place, 0, 0);
    place_give(place);
    return true;
}
