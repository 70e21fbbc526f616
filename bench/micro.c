/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * micro.c - what the cache itself costs: nanoseconds per answer, without packets.
 *
 * Shape: a table is filled with A answers of 70 bytes; then names drawn at random are answered in
 * batches by the code that workers run: the index is asked for, then the entries, then each is
 * copied and composed (recall.h). Only that is timed. What a packet brings (the key and its hash,
 * which are then in the first cache) is made between two batches. Raw figures of every round go to
 * stdout as JSON; what they mean is said by micro.py. Thread: one, or two of which each has a CPU.
 * Not here: stores beside the reading; tests/stress has them.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cache/cache.h"
#include "recall.h"
#include "wire/cursor.h"
#include "wire/edns.h"

enum {
    BATCH = RD_BATCH,
    TTL_S = 3600,
    AGE_S = 5, /* that an answer has when it is given, so that there is something to count down */
    STORE_TRIES = 100,
    DIGITS = 8, /* of the first label */
    QUESTION_BYTES = 4,
    RECORD_BYTES = 16,
    READERS = 2,
    CLIENT_BYTES = 1232,
};

static const uint8_t name_bytes[] = "\10########\3www\21customers-of-acme\5bench";
static const uint8_t record[RECORD_BYTES] = {
    0xc0, RD_DNS_HEADER_BYTES, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 1, 2, 3, 4};
static const struct rd_hash_key hash_key = {{1, 2, 3}};

/* A worker: of its context only what answering from the cache needs. */
struct reader {
    struct context context;
    struct rd_snapshot snapshot;
    struct rd_stats stats;
    struct client client;
    unsigned cpu;
    pthread_barrier_t *start;
    uint64_t random, names, answers;
    uint64_t found;     /* in the last round */
    uint64_t *batch_ns; /* of that round's batches */
    int events;         /* the group of counters; -1: not now */
    struct rd_key keys[BATCH];
    struct io_message messages[BATCH];
    uint8_t buffers[BATCH][RD_BUFFER_BYTES];
};

static _Noreturn void die(const char *what, int error)
{
    fprintf(stderr, "micro: %s%s%s\n", what, error ? ": " : "", error ? strerror(error) : "");
    exit(1);
}

static uint64_t number(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end || value < 1) {
        fprintf(stderr, "micro: '%s' is not a number above 0\n", text);
        exit(2);
    }
    return value;
}

static void key_start(struct rd_key *key)
{
    *key = (struct rd_key){.type = RD_TYPE_A, .name.len = sizeof name_bytes};
    memcpy(key->name.bytes, name_bytes, sizeof name_bytes);
}

/* The name with number I. */
static void key_set(struct rd_key *key, uint64_t i)
{
    uint32_t mixed = (uint32_t)i * 2654435761u; /* no two are the same */
    for (unsigned d = 0; d < DIGITS; d++, mixed >>= 4) {
        key->name.bytes[1 + d] = (uint8_t) "0123456789abcdef"[mixed & 15];
    }
    rd_key_hash(&hash_key, key);
}

/* The answer to KEY, and what stands beside it. */
static void entry_make(const struct rd_key *key, uint64_t now_ns, uint8_t *message,
                       struct rd_cache_entry *ret_entry)
{
    static const uint8_t header[RD_DNS_HEADER_BYTES] = {0, 0, 0x81, 0x80, 0, 1, 0, 1};
    static const uint8_t question[QUESTION_BYTES] = {0, RD_TYPE_A, 0, RD_CLASS_IN};
    uint8_t *at = message + sizeof header;
    memcpy(message, header, sizeof header);
    memcpy(at, key->name.bytes, key->name.len);
    at += key->name.len;
    memcpy(at, question, sizeof question);
    at += sizeof question;
    memcpy(at, record, sizeof record);
    ret_entry->stored_ns = now_ns;
    ret_entry->lifetime_s = TTL_S;
    ret_entry->len = (uint16_t)(at + sizeof record - message);
    ret_entry->n_ttls = 1;
    ret_entry->ttls[0] = (uint16_t)(at + 6 - message);
}

static struct rd_cache *table_make(uint64_t bytes, unsigned workers)
{
    struct rd_cache_setup setup = {.bytes = bytes, .workers = workers};
    struct rd_cache *cache;
    memcpy(setup.hash_key, hash_key.bytes, sizeof setup.hash_key);
    int error = rd_cache_new(&setup, &cache);
    if (error < 0) {
        die("make the cache", -error);
    }
    if (cache == NULL) {
        die("the cache keeps nothing", 0);
    }
    return cache;
}

/* Stores every name. Nanoseconds for each, hashing included. */
static double table_fill(struct rd_cache *cache, uint64_t names)
{
    static struct rd_cache_entry entry;
    static uint8_t message[512];
    struct rd_cache_writer *writer = rd_cache_writer(cache, 0);
    struct rd_key key;
    uint64_t start_ns = rd_clock_now();
    key_start(&key);
    for (uint64_t i = 0; i < names; i++) {
        enum rd_cache_stored stored = RD_CACHE_BUSY;
        key_set(&key, i);
        entry_make(&key, start_ns, message, &entry);
        for (unsigned tries = 0; stored != RD_CACHE_STORED && tries < STORE_TRIES; tries++) {
            stored = rd_cache_store(writer, &key, RD_CACHE_ANSWER, &entry, message, start_ns,
                                    rd_cache_flushes(cache));
        }
    }
    return (double)(rd_clock_now() - start_ns) / (double)names;
}

/* xorshift64*: which name is asked for next. */
static uint64_t draw(struct reader *reader)
{
    uint64_t x = reader->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    reader->random = x;
    return (uint64_t)((unsigned __int128)(x * 2685821657736338717u) * reader->names >> 64);
}

/* What a worker does with a batch of queries. The nanoseconds it took. */
static uint64_t batch_answer(struct reader *reader, bool *ret_answered)
{
    struct context *context = &reader->context;
    struct recalled recalled;
    bool known[BATCH];
    uint64_t start_ns = rd_clock_now();
    for (unsigned i = 0; i < BATCH; i++) {
        recall_prefetch(context, &reader->keys[i]);
    }
    for (unsigned i = 0; i < BATCH; i++) {
        known[i] = recall_prefetch_entries(context, &reader->keys[i]);
    }
    for (unsigned i = 0; i < BATCH; i++) {
        ret_answered[i] =
            known[i] && recall_client(context, &reader->keys[i], &reader->client,
                                      &reader->messages[i], false, &recalled) == RECALL_ANSWERED;
    }
    return rd_clock_now() - start_ns;
}

/* Whether an answer is the one that was stored, with less time to live and an OPT. */
static bool is_right(const struct rd_key *key, const struct io_message *message)
{
    uint32_t question = RD_DNS_HEADER_BYTES + 0u + key->name.len;
    const uint8_t *ttl = message->data + question + QUESTION_BYTES + 6;
    return message->len == question + QUESTION_BYTES + RECORD_BYTES + RD_EDNS_BYTES &&
           memcmp(message->data + RD_DNS_HEADER_BYTES, key->name.bytes, key->name.len) == 0 &&
           rd_get_u32(ttl) <= TTL_S - AGE_S;
}

/* Queries as they come: keys, and messages that lie in their buffers. What was sent is gone. */
static void batch_receive(struct reader *reader)
{
    struct context *context = &reader->context;
    context->n_out = context->n_drop = 0;
    context->now_ns = rd_clock_now() + AGE_S * RD_NS_PER_S;
    for (unsigned i = 0; i < BATCH; i++) {
        key_set(&reader->keys[i], draw(reader));
        reader->messages[i] =
            (struct io_message){.data = reader->buffers[i], .cap = RD_BUFFER_BYTES, .buffer = i};
    }
}

static void round_run(struct reader *reader)
{
    bool answered[BATCH];
    reader->found = 0;
    for (uint64_t batch = 0; batch < reader->answers / BATCH; batch++) {
        batch_receive(reader);
        if (reader->events >= 0) {
            ioctl(reader->events, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
        }
        reader->batch_ns[batch] = batch_answer(reader, answered);
        if (reader->events >= 0) {
            ioctl(reader->events, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
        }
        for (unsigned i = 0; i < BATCH; i++) {
            if (answered[i] && !is_right(&reader->keys[i], &reader->messages[i])) {
                die("an answer is not the one that was stored", 0);
            }
            reader->found += answered[i];
        }
    }
}

/* Its client speaks EDNS, as most do. */
static struct reader *reader_new(struct rd_cache *cache, uint64_t names, uint64_t answers,
                                 unsigned seed)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL ||
        (reader->batch_ns = calloc(answers / BATCH + 1, sizeof *reader->batch_ns)) == NULL) {
        die("memory", ENOMEM);
    }
    reader->context.cache = cache;
    reader->context.snapshot = &reader->snapshot;
    reader->context.stats = &reader->stats;
    reader->snapshot.config.max_answer = CLIENT_BYTES;
    reader->snapshot.config.cache_prefetch = reader->snapshot.config.cache_rotate = true;
    reader->client.flags = RD_DNS_RD;
    reader->client.edns = true;
    reader->client.payload_bytes = CLIENT_BYTES;
    reader->names = names;
    reader->answers = (answers + BATCH - 1) / BATCH * BATCH;
    reader->random = 88172645463325252u + seed;
    reader->events = -1;
    for (unsigned i = 0; i < BATCH; i++) {
        key_start(&reader->keys[i]);
    }
    return reader;
}

static void reader_free(struct reader *reader)
{
    free(reader->batch_ns);
    free(reader);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* By the median batch: some are interrupted for as long as thousands take. */
static double ns_per_answer(struct reader *reader)
{
    uint64_t batches = reader->answers / BATCH;
    qsort(reader->batch_ns, batches, sizeof *reader->batch_ns, compare);
    return (double)reader->batch_ns[batches / 2] / BATCH;
}

static double found_share(const struct reader *reader)
{
    return (double)reader->found / (double)reader->answers;
}

static int event_open(uint64_t config, int group)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof attr,
                                   .config = config,
                                   .disabled = group < 0,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1,
                                   .read_format = PERF_FORMAT_GROUP};
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, group, 0);
}

/* One more round, with the machine's counters on: "[references, misses]" per answer, or why not. */
static void misses_print(struct reader *reader)
{
    struct {
        uint64_t n, values[2];
    } counted = {0};
    int group = event_open(PERF_COUNT_HW_CACHE_REFERENCES, -1);
    int error = errno;
    int misses = group < 0 ? -1 : event_open(PERF_COUNT_HW_CACHE_MISSES, group);
    if (group < 0 || misses < 0) {
        printf(", \"misses\": null, \"why\": \"%s\"", strerror(group < 0 ? error : errno));
        return;
    }
    reader->events = group;
    round_run(reader);
    reader->events = -1;
    if (read(group, &counted, sizeof counted) != sizeof counted) {
        die("read the counters", errno);
    }
    printf(", \"misses\": [%.3f, %.3f]", (double)counted.values[0] / (double)reader->answers,
           (double)counted.values[1] / (double)reader->answers);
    close(misses);
    close(group);
}

static void one(uint64_t bytes, uint64_t names, uint64_t rounds, uint64_t answers)
{
    struct rd_cache *cache = table_make(bytes, 1);
    double fill_ns = table_fill(cache, names);
    struct reader *reader = reader_new(cache, names, answers, 1);
    struct rd_cache_info info;
    double found = 1;
    rd_cache_info(cache, &info);
    round_run(reader);
    printf("{\"entries\": %llu, \"pages\": %d, \"fill_ns\": %.1f, \"ns\": [",
           (unsigned long long)info.entries, info.pages, fill_ns);
    for (uint64_t i = 0; i < rounds; i++) {
        round_run(reader);
        printf("%s%.3f", i ? ", " : "", ns_per_answer(reader));
        found = found_share(reader) < found ? found_share(reader) : found;
    }
    printf("], \"found\": %.6f", found);
    misses_print(reader);
    printf("}\n");
    reader_free(reader);
    rd_cache_free(cache);
}

static void *reader_main(void *context)
{
    struct reader *reader = context;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(reader->cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        die("keep to one CPU", errno);
    }
    pthread_barrier_wait(reader->start);
    round_run(reader);
    return NULL;
}

/* Both at once. Nanoseconds per answer, the mean of them. */
static double together(struct reader *readers[READERS])
{
    pthread_t threads[READERS];
    double ns = 0;
    for (unsigned i = 0; i < READERS; i++) {
        int error = pthread_create(&threads[i], NULL, reader_main, readers[i]);
        if (error) {
            die("make a thread", error);
        }
    }
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        ns += ns_per_answer(readers[i]) / READERS;
    }
    return ns;
}

static void readers_pin(struct reader *readers[READERS])
{
    cpu_set_t set;
    unsigned n = 0;
    if (sched_getaffinity(0, sizeof set, &set)) {
        die("CPUs", errno);
    }
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && n < READERS; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            readers[n++]->cpu = cpu;
        }
    }
    if (n < READERS) {
        die("two threads need two CPUs", 0);
    }
}

/* Pairs: both threads on one table, and each on its own; which of it comes first alternates. */
static void two(uint64_t bytes, uint64_t names, uint64_t rounds, uint64_t answers)
{
    struct rd_cache *tables[READERS];
    struct reader *readers[READERS];
    pthread_barrier_t start;
    double found = 1;
    pthread_barrier_init(&start, NULL, READERS);
    for (unsigned i = 0; i < READERS; i++) {
        tables[i] = table_make(bytes, READERS);
        table_fill(tables[i], names);
        readers[i] = reader_new(tables[i], names, answers, i + 1);
        readers[i]->start = &start;
    }
    readers_pin(readers);
    together(readers);
    printf("{\"pairs\": [");
    for (uint64_t i = 0; i < rounds; i++) {
        double ns[2]; /* on one table, on their own */
        for (unsigned half = 0; half < 2; half++) {
            unsigned own = (unsigned)(i + half) % 2;
            readers[1]->context.cache = tables[own];
            ns[own] = together(readers);
            found = found_share(readers[1]) < found ? found_share(readers[1]) : found;
        }
        printf("%s[%.3f, %.3f]", i ? ", " : "", ns[0], ns[1]);
    }
    printf("], \"found\": %.6f}\n", found);
    for (unsigned i = 0; i < READERS; i++) {
        reader_free(readers[i]);
        rd_cache_free(tables[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc != 6 || (strcmp(argv[1], "one") != 0 && strcmp(argv[1], "two") != 0)) {
        fprintf(stderr, "usage: micro one|two BYTES NAMES ROUNDS ANSWERS\n"
                        "one: a reader of a cache with BYTES and NAMES, ANSWERS in each round\n"
                        "two: two readers, with one cache and with one each, in turns\n");
        return 2;
    }
    (strcmp(argv[1], "one") == 0 ? one : two)(number(argv[2]), number(argv[3]), number(argv[4]),
                                              number(argv[5]));
}
