/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_shared.c - two workers that share the least of caches and each other's questions, while the
 * main thread reloads, flushes and looks into the cache.
 *
 * An answer tells which name it belongs to, in a client's hands and in the cache. At the end every
 * query has had its answer, the counters say where from, and no question is claimed any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>

#include "base/clock.h"
#include "bed.h"
#include "cache/cache.h"
#include "crowd.h"
#include "exchange.h"
#include "ringdns/io.h"
#include "truth.h"
#include "unruly.h"

#define SERVERS     3 /* the last one has no TCP */
#define UDP_CLIENTS 3
#define TCP_CLIENTS 1
#define CLIENTS     (UDP_CLIENTS + TCP_CLIENTS)
#define QUERIES     10000 /* per client */
#define LATE        64    /* new names, when all is quiet */
#define STEP_MS     1
#define STEPS_MIN   50

struct world {
    struct bed bed;
    struct unruly *servers[SERVERS];
    struct crowd_client clients[CLIENTS + 1]; /* and the one that comes late */
    atomic_uint done;
    uint64_t flushed; /* entries, by name */
    uint64_t looked;  /* entries seen */
};

static struct world world;

#define TOTAL(field) bed_total(&world.bed, field)

/* Which servers are there, how they are chosen and what may be stale follows from N. */
static struct rd_config *config_of(unsigned n)
{
    struct rd_config *config = bed_config(&world.bed);
    struct rd_pool_config *pool = &config->pools[0];

    for (unsigned i = 0; i < SERVERS; i++) {
        if (n % 4 == i)
            continue;
        pool->servers.at[pool->servers.n++] =
            (struct rd_server_config){world.servers[i]->address, (uint8_t)(1 + (n + i) % 5), 0};
    }
    pool->policy = n / 2 % 4;
    pool->randomize_case = n % 5 == 0;
    pool->hedge = n % 2 ? 10 : 0;
    config->cache_stale_mode = n % 3 ? RD_STALE_IMMEDIATE : RD_STALE_ON_FAILURE;
    config->cache_stale = n % 7 ? config->cache_stale : 0;
    config->cache_jitter = n % 2 ? 10 : 0;
    config->cache_rotate = n % 4 > 0;
    return config;
}

static void open_world(enum rd_io_kind io)
{
    memset(&world, 0, sizeof(world));
    bed_open(&world.bed, rd_cache_least_bytes(BED_WORKERS));
    for (unsigned i = 0; i < SERVERS; i++)
        world.servers[i] = unruly_start(i + 1, i < SERVERS - 1);
    bed_start(&world.bed, io, config_of(3));
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct crowd_client *client = &world.clients[i];

        client->index = i;
        client->total = QUERIES;
        client->tcp = i >= UDP_CLIENTS;
        client->done = &world.done;
        crowd_start(client, &world.bed.listener);
    }
}

/* --- what the main thread does meanwhile ---------------------------------------------------------
 */

/* One entry: it is of a name of ours, whole, and not older than *CONTEXT, a time. */
static bool check_record(void *context, const struct rd_cache_record *record)
{
    const uint64_t *since_ns = context;
    const char *wrong = NULL;
    uint32_t number;

    assert_true(truth_number(record->name.bytes, record->name.len, &number));
    assert_true(record->stored_ns >= *since_ns);
    if (record->len > 0)
        wrong = truth_wrong(number, record->message, record->len, false);
    if (wrong)
        fail_msg("in the cache: %s (name %u)", wrong, number);
    world.looked++;
    return true;
}

static void look_for(uint32_t number, uint64_t since_ns)
{
    struct rd_name name;

    truth_name(number, &name);
    rd_cache_find(world.bed.cache, world.bed.snapshot, &name, check_record, &since_ns);
}

/* What is found behind a flush came after it. */
static void flush_name(uint32_t number)
{
    uint64_t now_ns = rd_clock_now();
    struct rd_name name;

    truth_name(number, &name);
    world.flushed += number % 5 ? rd_cache_flush(world.bed.cache, world.bed.snapshot, &name)
                                : rd_cache_flush_suffix(world.bed.cache, &name);
    look_for(number, now_ns);
}

static void flush_all(void)
{
    uint64_t now_ns = rd_clock_now();

    rd_cache_flush_all(world.bed.cache, now_ns);
    rd_cache_walk(world.bed.cache, check_record, &now_ns);
}

static void disturb(unsigned step)
{
    uint64_t ever = 0;

    switch (step % 8) {
    case 0:
        bed_reload(&world.bed, config_of((unsigned)world.bed.generation));
        break;
    case 1:
        rd_cache_walk(world.bed.cache, check_record, &ever);
        break;
    case 2:
        if (step / 8 % 64 == 10)
            flush_all();
        break;
    case 3:
    case 4:
        flush_name(step / 8 % CROWD_KNOWN);
        break;
    default:
        look_for(step * 5 % CROWD_KNOWN, 0);
    }
}

static void disturb_until_done(void)
{
    unsigned step = 0;

    for (; atomic_load(&world.done) < CLIENTS; step++) {
        disturb(step);
        poll(NULL, 0, STEP_MS);
    }
    assert_true(step > STEPS_MIN);
}

/* --- what is left -------------------------------------------------------------------------------
 */

/* Nobody waits any more, so whatever is new has to be asked from where it arrives. */
static void check_new_names_are_led(void)
{
    uint64_t misses = TOTAL(cache_misses), led = TOTAL(queries_led);
    struct crowd_client *late = &world.clients[CLIENTS];

    late->index = CLIENTS;
    late->total = LATE;
    late->all_new = true;
    late->done = &world.done;
    crowd_start(late, &world.bed.listener);
    crowd_join(late);
    assert_int_equal(TOTAL(cache_misses) - misses, LATE);
    assert_int_equal(TOTAL(queries_led) - led, LATE);
}

static struct rd_key key_of(uint32_t number)
{
    static const struct rd_hash_key hash_key = {{0}}; /* as the bed's workers have it */
    struct rd_key key = {.type = RD_TYPE_A};

    key.view = (uint8_t)rd_snapshot_view(world.bed.snapshot, 0, &key.incarnation);
    truth_name(number, &key.name);
    rd_key_hash(&hash_key, &key);
    return key;
}

/* Whether the cache knows NUMBER, which shows that its key is the workers' one. */
static bool check_unclaimed(uint32_t number)
{
    static uint8_t data[RD_CACHE_MESSAGE_BYTES];
    struct rd_key key = key_of(number);
    struct rd_cache_entry entry;
    unsigned leader;

    for (unsigned worker = 0; worker < BED_WORKERS; worker++) {
        assert_int_equal(exchange_claim(world.bed.exchange, key.hash, worker, &leader),
                         PENDING_MINE);
        exchange_release(world.bed.exchange, key.hash, worker);
    }
    return rd_cache_fetch(world.bed.cache, &key, RD_CACHE_ANSWER, data, sizeof(data), &entry) ==
           RD_CACHE_HIT;
}

static void check_nothing_left(void)
{
    unsigned known = 0;

    assert_int_equal(TOTAL(connections), 0);
    assert_int_equal(TOTAL(links), 0);
    assert_int_equal(TOTAL(inflight), 0);
    assert_int_equal(TOTAL(waiters), 0);
    assert_int_equal(TOTAL(ports_open), 0);
    for (uint32_t number = 0; number < CROWD_KNOWN; number++)
        known += check_unclaimed(number);
    for (unsigned i = 0; i <= CLIENTS; i++)
        for (unsigned n = 0; n < world.clients[i].n_new; n++)
            known += check_unclaimed(crowd_new_number(i, n));
    assert_true(known > 0);
}

static unsigned seen(unsigned rcode)
{
    unsigned n = 0;

    for (unsigned i = 0; i <= CLIENTS; i++)
        n += world.clients[i].rcodes[rcode];
    return n;
}

/* Every query was answered, once, and the client has it. */
static void check_answers(void)
{
    assert_int_equal(TOTAL(queries_udp) + TOTAL(queries_tcp), CLIENTS * QUERIES + LATE);
    assert_int_equal(TOTAL(answers_noerror), seen(RD_NOERROR));
    assert_int_equal(TOTAL(answers_nxdomain), seen(RD_NXDOMAIN));
    assert_int_equal(TOTAL(answers_servfail), seen(RD_SERVFAIL));
    assert_int_equal(seen(RD_NOERROR) + seen(RD_NXDOMAIN) + seen(RD_SERVFAIL),
                     CLIENTS * QUERIES + LATE);
    assert_true(seen(RD_NOERROR) > 2 * seen(RD_SERVFAIL));
    assert_true(seen(RD_NXDOMAIN) > 0 && TOTAL(answers_truncated) > 0);
}

/* A query hits or misses. One that missed led, joined or followed, or was given up at once, for
 * which there is no cause here, or found at its second look what had come meanwhile: such a hit,
 * and a stale answer when asking had failed, stands beside its miss. Who followed one that had just
 * ended led after all, and is counted as both. */
static void check_sources(void)
{
    uint64_t hits = TOTAL(cache_hits) + TOTAL(cache_hits_negative) + TOTAL(cache_hits_failure) +
                    TOTAL(cache_hits_stale);
    uint64_t misses = TOTAL(cache_misses), queries = CLIENTS * QUERIES + LATE;
    uint64_t alone = TOTAL(queries_led) + TOTAL(queries_joined);
    uint64_t followed = TOTAL(queries_followed);

    print_message("# hits %lu, misses %lu of %lu; led or joined %lu, followed %lu\n",
                  (unsigned long)hits, (unsigned long)misses, (unsigned long)queries,
                  (unsigned long)alone, (unsigned long)followed);
    assert_true(misses <= queries && hits + misses >= queries);
    assert_true(alone <= misses);
    assert_true(alone + followed + (hits + misses - queries) >= misses);
    assert_true(followed > 0 && TOTAL(queries_joined) > 0);
    assert_int_equal(TOTAL(pending_full), 0);
}

/* It was used in all ways that take no time, and room was made: no segment is as at first. */
static void check_cache(void)
{
    struct rd_cache_info info;

    rd_cache_info(world.bed.cache, &info);
    assert_int_equal(info.segments_free, 0);
    assert_true(TOTAL(cache_hits) > 0 && TOTAL(cache_hits_negative) > 0);
    assert_true(TOTAL(cache_hits_failure) > 0 && TOTAL(cache_stored) > 0);
    assert_true(TOTAL(cache_refused_large) > 0 && TOTAL(cache_refused_ttl) > 0);
    assert_true(TOTAL(cache_refused_flushed) > 0);
    assert_true(world.flushed > 0 && world.looked > 0);
}

static void stress(enum rd_io_kind io)
{
    bed_need(io);
    open_world(io);
    disturb_until_done();
    for (unsigned i = 0; i < CLIENTS; i++)
        crowd_join(&world.clients[i]);
    check_new_names_are_led();
    bed_stop(&world.bed);
    for (unsigned i = 0; i < SERVERS; i++)
        unruly_stop(world.servers[i]);
    print_message("# %s: %u reloads; %lu entries flushed by name, %lu looked at\n", rd_io_name(io),
                  (unsigned)world.bed.generation, (unsigned long)world.flushed,
                  (unsigned long)world.looked);
    check_answers();
    check_sources();
    check_cache();
    check_nothing_left();
    bed_close(&world.bed);
}

static void test_shared_over_uring(void **state)
{
    (void)state;
    stress(RD_IO_URING);
}

static void test_shared_over_syscall(void **state)
{
    (void)state;
    stress(RD_IO_SYSCALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_over_uring),
        cmocka_unit_test(test_shared_over_syscall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
