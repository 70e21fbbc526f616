/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache.c - a table that is far too small, read and written by several threads while names
 * and all of it are flushed and entries expire. Every message says which question it is for, when
 * that was asked and after how many flushes, and carries a checksum of itself.
 *
 * CACHE_OPERATIONS in the environment says how many reads and writes there are in all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache.h"
#include "cache/walk.h"

#define READERS     4u
#define WRITERS     2u
#define NAMES       8192u
#define TICK_NS     1000000u /* two per write; lifetimes are up to 63 seconds */
#define FLUSH_TICKS 40u
#define LEAST       80u /* bytes of a message */
#define MOST        700u
#define LARGE       7000u

#define OPERATIONS 5000000ull

/* What stands in a message behind the question, and its last 8 bytes are their sum. */
struct proof {
    uint64_t name_hash, asked_ns, flushes;
};

struct worker {
    pthread_t thread;
    unsigned number; /* of a writer */
    uint64_t random, operations, hits, stored[5];
    uint8_t message[RD_CACHE_MESSAGE_BYTES];
};

static const struct rd_hash_key hash_key = {{42}};
static const struct rd_cache_view views[1] = {{0, 0}};
static struct rd_key keys[NAMES];
static struct rd_cache *cache;
static _Atomic uint64_t clock_ns;
static atomic_bool ended;
static atomic_uint faults;
static struct worker workers[READERS + WRITERS];

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Half of the draws fall on a sixteenth of the names. */
static const struct rd_key *draw_key(struct worker *worker)
{
    uint64_t random = draw(&worker->random);

    return &keys[random >> 32 & (random & 1 ? NAMES / 16 - 1 : NAMES - 1)];
}

static uint64_t sum(const uint8_t *bytes, size_t len)
{
    uint64_t value = len, word;

    for (; len >= 8; len -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        value = (value ^ word) * 0x9e3779b97f4a7c15ull;
        value ^= value >> 29;
    }
    return value;
}

static size_t proof_at(const struct rd_key *key)
{
    return RD_DNS_HEADER_BYTES + key->name.len + 4u;
}

/* The proof of the message that was fetched for KEY. False: something of it is wrong. */
static bool check(const struct rd_key *key, const uint8_t *message,
                  const struct rd_cache_entry *entry, struct proof *ret_proof)
{
    size_t len = entry->len;
    uint64_t said;

    if (len < LEAST || len > LARGE)
        return false;
    memcpy(ret_proof, message + proof_at(key), sizeof(*ret_proof));
    memcpy(&said, message + len - 8, 8);
    return said == sum(message, len - 8) && ret_proof->name_hash == key->name_hash &&
           memcmp(message + RD_DNS_HEADER_BYTES, key->name.bytes, key->name.len) == 0 &&
           entry->n_ttls == len % 7 && (entry->n_ttls == 0 || entry->ttls[0] == len) &&
           entry->stored_ns > ret_proof->asked_ns;
}

/* -- threads ---------------------------------------------------------------------------------- */

static void *read_all(void *argument)
{
    struct worker *worker = argument;
    struct rd_cache_entry entry;
    struct proof proof;

    for (uint64_t i = 0; i < worker->operations; i++) {
        const struct rd_key *key = draw_key(worker);

        if (!rd_cache_prefetch_entries(cache, key))
            continue;
        if (rd_cache_fetch(cache, key, RD_CACHE_ANSWER, worker->message, sizeof(worker->message),
                           &entry) != RD_CACHE_HIT)
            continue;
        worker->hits++;
        if (!check(key, worker->message, &entry, &proof))
            atomic_fetch_add(&faults, 1);
    }
    return NULL;
}

static void write_one(struct worker *worker, struct rd_cache_writer *writer)
{
    const struct rd_key *key = draw_key(worker);
    struct proof proof = {key->name_hash, atomic_fetch_add(&clock_ns, TICK_NS),
                          rd_cache_flushes(cache)};
    uint64_t random = draw(&worker->random);
    size_t len = (random & 255) == 0 ? LARGE : LEAST + (random >> 8) % (MOST - LEAST);
    struct rd_cache_entry entry = {
        .lifetime_s = 1, .len = (uint16_t)len, .n_ttls = (uint8_t)(len % 7)};
    uint64_t whole;

    entry.lifetime_s = (uint32_t)(random >> 48) % 64;
    entry.ttls[0] = (uint16_t)len;
    entry.stored_ns = atomic_fetch_add(&clock_ns, TICK_NS);
    memset(worker->message, (int)(random >> 40), len);
    memcpy(worker->message + RD_DNS_HEADER_BYTES, key->name.bytes, key->name.len);
    memcpy(worker->message + proof_at(key), &proof, sizeof(proof));
    whole = sum(worker->message, len - 8);
    memcpy(worker->message + len - 8, &whole, 8);
    worker->stored[rd_cache_store(writer, key, RD_CACHE_ANSWER, &entry, worker->message,
                                  proof.asked_ns, proof.flushes)]++;
}

static void *write_all(void *argument)
{
    struct worker *worker = argument;
    struct rd_cache_writer *writer = rd_cache_writer(cache, worker->number);

    for (uint64_t i = 0; i < worker->operations; i++)
        write_one(worker, writer);
    return NULL;
}

/* -- the main thread -------------------------------------------------------------------------- */

static uint8_t fetched[RD_CACHE_MESSAGE_BYTES];

/* What is there for KEY was asked after ASKED_NS and FLUSHES flushes. */
static void check_flushed(const struct rd_key *key, uint64_t asked_ns, uint64_t flushes)
{
    struct rd_cache_entry entry;
    struct proof proof;

    if (rd_cache_fetch(cache, key, RD_CACHE_ANSWER, fetched, sizeof(fetched), &entry) !=
        RD_CACHE_HIT)
        return;
    assert_true(check(key, fetched, &entry, &proof));
    assert_true(proof.asked_ns > asked_ns || asked_ns == 0);
    assert_true(proof.flushes >= flushes);
}

static bool count_record(void *context, const struct rd_cache_record *record)
{
    uint64_t said;

    memcpy(&said, record->message + record->len - 8, 8);
    assert_true(said == sum(record->message, record->len - 8u));
    ++*(uint64_t *)context;
    return true;
}

/* Waits until the writers are a few steps further. */
static void let_them_write(uint64_t *until_ns)
{
    *until_ns += FLUSH_TICKS * TICK_NS;
    while (!atomic_load(&ended) && atomic_load(&clock_ns) < *until_ns)
        sched_yield();
}

/* Flushes and looks until the others have done their share. */
static uint64_t flush_and_walk(struct worker *main_worker)
{
    uint64_t walked = 0, now_ns, until_ns = 0;
    struct rd_name suffix;

    assert_true(rd_name_from_text("n5.example", &suffix));
    for (unsigned turn = 1; !atomic_load(&ended); turn++) {
        const struct rd_key *key = draw_key(main_worker);

        let_them_write(&until_ns);
        rd_cache_flush_views(cache, views, 1, &key->name);
        check_flushed(key, 0, rd_cache_flushes(cache));
        if (turn % 64 == 0) {
            rd_cache_flush_suffix(cache, &suffix);
            check_flushed(&keys[5], 0, rd_cache_flushes(cache));
        }
        if (turn % 512 == 0) {
            now_ns = atomic_load(&clock_ns);
            rd_cache_flush_all(cache, now_ns);
            for (unsigned i = 0; i < 64; i++)
                check_flushed(draw_key(main_worker), now_ns, 0);
        }
        if (turn % 128 == 1)
            rd_cache_walk(cache, count_record, &walked);
    }
    return walked;
}

static void *join_all(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < READERS + WRITERS; i++)
        pthread_join(workers[i].thread, NULL);
    atomic_store(&ended, true);
    return NULL;
}

static void start(void)
{
    struct rd_cache_setup setup = {.bytes = rd_cache_least_bytes(WRITERS), .workers = WRITERS};
    const char *said = getenv("CACHE_OPERATIONS");
    uint64_t operations = said ? strtoull(said, NULL, 10) : OPERATIONS;
    char text[64];

    memcpy(setup.hash_key, &hash_key, sizeof(setup.hash_key));
    assert_int_equal(rd_cache_new(&setup, &cache), 0);
    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(text, sizeof(text), "n%u.example", i);
        assert_true(rd_name_from_text(text, &keys[i].name));
        keys[i].type = RD_TYPE_A;
        rd_key_hash(&hash_key, &keys[i]);
    }
    atomic_store(&clock_ns, TICK_NS);
    for (unsigned i = 0; i < READERS + WRITERS; i++) {
        workers[i].random = i + 1;
        workers[i].number = i % WRITERS;
        workers[i].operations = operations / (READERS + WRITERS);
        assert_int_equal(pthread_create(&workers[i].thread, NULL,
                                        i < READERS ? read_all : write_all, &workers[i]),
                         0);
    }
}

static void test_every_answer_is_whole_and_its_own(void **state)
{
    static struct worker main_worker = {.random = 99};
    uint64_t hits = 0, stored = 0, walked;
    struct rd_cache_info info;
    pthread_t joiner;

    (void)state;
    start();
    assert_int_equal(pthread_create(&joiner, NULL, join_all, NULL), 0);
    walked = flush_and_walk(&main_worker);
    pthread_join(joiner, NULL);
    for (unsigned i = 0; i < READERS + WRITERS; i++) {
        hits += workers[i].hits;
        stored += workers[i].stored[RD_CACHE_STORED];
        print_message("# hits %lu; stored %lu, busy %lu, full %lu, flushed %lu\n",
                      (unsigned long)workers[i].hits,
                      (unsigned long)workers[i].stored[RD_CACHE_STORED],
                      (unsigned long)workers[i].stored[RD_CACHE_BUSY],
                      (unsigned long)workers[i].stored[RD_CACHE_FULL],
                      (unsigned long)workers[i].stored[RD_CACHE_FLUSHED]);
    }
    assert_int_equal(atomic_load(&faults), 0);
    assert_true(hits > 0 && stored > 0 && walked > 0);
    walked = 0;
    rd_cache_walk(cache, count_record, &walked);
    rd_cache_info(cache, &info);
    assert_true(walked <= info.entries && info.entries <= info.slots);
    rd_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_answer_is_whole_and_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
