/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_exchange.c - four workers claim and release the same few hashes, and write to each other and
 * sleep until they are rung. A ring that is lost hangs the test; a thread sanitizer finds what is
 * shared without order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "exchange.h"
#include "ringdns/dns.h"
#include "ringdns/limits.h"

#define WORKERS 4
#define CLAIMS  200000 /* per worker */
#define HASHES  3
#define LETTERS 20000 /* questions per worker */
#define WINDOW  64    /* of them unanswered at a time; fewer answers than a worker has letters */

struct bell {
    struct io io;
    int fd;
};

struct actor {
    unsigned number;
    unsigned random;
    pthread_t thread;
    struct bell bell;
    unsigned mine, theirs, full; /* claims */
    unsigned faults;
    uint32_t asked, answered;
    uint32_t last[WORKERS]; /* question of that worker to this one */
    unsigned failed;        /* answered without data: no large letter was left */
    uint8_t seen[LETTERS + 1];
    uint8_t data[RD_DNS_TCP_BYTES];
};

static struct actor actors[WORKERS];
static struct rd_exchange *exchange;
static atomic_uint owners[HASHES], done;

static unsigned draw(struct actor *actor, unsigned below)
{
    actor->random = actor->random * 1664525 + 1013904223;
    return (actor->random >> 16) % below;
}

static void wake(struct io *io)
{
    eventfd_write(((struct bell *)io)->fd, 1);
}

static const struct io_ops bell_ops = {.wake = wake};

static void open_office(uint32_t questions)
{
    exchange = rd_exchange_new(WORKERS, questions);
    assert_non_null(exchange);
    atomic_store(&done, 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        memset(&actors[i], 0, sizeof(actors[i]));
        actors[i].number = actors[i].random = i;
        actors[i].bell = (struct bell){{&bell_ops}, eventfd(0, EFD_NONBLOCK)};
        assert_true(actors[i].bell.fd >= 0);
        exchange_register(exchange, i, &actors[i].bell.io);
    }
}

static void live(void *(*life)(void *))
{
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&actors[i].thread, NULL, life, &actors[i]), 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(actors[i].thread, NULL);
        close(actors[i].bell.fd);
        assert_int_equal(actors[i].faults, 0);
    }
}

/* --- claims -------------------------------------------------------------------------------------
 */

/* All in one line. A worker has at most one of the shared and one of its own: eight places do. */
static uint64_t shared_hash(unsigned i)
{
    return (uint64_t)(i + 1) << 32;
}

static uint64_t own_hash(const struct actor *actor)
{
    return (uint64_t)(actor->number + 1) << 48;
}

/* Takes a place and gives it back, so that the line has gaps now here, now there. */
static bool toggle_own(struct actor *actor, bool held)
{
    unsigned leader;
    enum pending pending;

    if (held) {
        exchange_release(exchange, own_hash(actor), actor->number);
        return false;
    }
    pending = exchange_claim(exchange, own_hash(actor), actor->number, &leader);
    actor->faults += pending == PENDING_THEIRS;
    return pending == PENDING_MINE;
}

static void claim_shared(struct actor *actor)
{
    const unsigned hash = draw(actor, HASHES), self = actor->number + 1;
    unsigned leader = WORKERS;

    switch (exchange_claim(exchange, shared_hash(hash), actor->number, &leader)) {
    case PENDING_MINE:
        actor->mine++;
        actor->faults += atomic_exchange(&owners[hash], self) != 0;
        for (unsigned i = draw(actor, 8); i > 0; i--)
            actor->faults += atomic_load(&owners[hash]) != self;
        actor->faults += atomic_exchange(&owners[hash], 0) != self;
        exchange_release(exchange, shared_hash(hash), actor->number);
        break;
    case PENDING_THEIRS:
        actor->theirs++;
        actor->faults += leader >= WORKERS || leader == actor->number;
        break;
    case PENDING_FULL:
        actor->full++;
        break;
    }
}

static void *claim_and_release(void *argument)
{
    struct actor *actor = argument;
    bool held = false;

    for (unsigned i = 0; i < CLAIMS; i++) {
        if (draw(actor, 3) == 0)
            held = toggle_own(actor, held);
        claim_shared(actor);
    }
    if (held)
        toggle_own(actor, held);
    return NULL;
}

static void test_a_claim_is_held_by_one_at_a_time(void **state)
{
    unsigned mine = 0, theirs = 0, full = 0, leader;

    (void)state;
    open_office(1);
    live(claim_and_release);
    for (unsigned i = 0; i < WORKERS; i++) {
        mine += actors[i].mine;
        theirs += actors[i].theirs;
        full += actors[i].full;
    }
    print_message("%u led, %u theirs, %u without a place\n", mine, theirs, full);
    assert_int_equal(mine + theirs + full, WORKERS * CLAIMS);
    assert_true(mine > 0 && theirs > 0);
    assert_true(full < CLAIMS / 100); /* there was room: only those that others kept beating */
    for (unsigned i = 0; i < 8; i++)  /* nothing is left behind */
        assert_int_equal(exchange_claim(exchange, shared_hash(i), 0, &leader), PENDING_MINE);
    rd_exchange_free(exchange);
}

/* --- letters ------------------------------------------------------------------------------------
 */

static struct rd_key question(unsigned worker, uint32_t number)
{
    struct rd_key key = {.hash = number, .type = (uint16_t)number, .view = (uint8_t)worker};

    key.name.len = (uint8_t)(3 + number % 200);
    memset(key.name.bytes, (int)(number % 251), key.name.len);
    return key;
}

/* Mostly short; some need a large letter. */
static uint32_t answer_len(uint32_t number)
{
    return number % 6 == 0 ? RD_LETTER_BYTES + 1 + number : number % RD_LETTER_BYTES;
}

static void fill(uint8_t *data, uint32_t len, uint32_t number)
{
    for (uint32_t i = 0; i < len; i++)
        data[i] = (uint8_t)(number + i);
}

static void ask(struct actor *actor)
{
    struct rd_key key = question(actor->number, ++actor->asked);
    const unsigned to = (actor->number + 1 + draw(actor, WORKERS - 1)) % WORKERS;

    actor->faults += !exchange_send(exchange, actor->number, to,
                                    &(struct letter_note){LETTER_FOLLOW}, &key, NULL, 0);
}

static void answer(struct actor *actor, const struct letter *letter)
{
    const uint32_t number = (uint32_t)letter->key.hash, len = answer_len(number);
    const struct rd_key key = question(letter->from, number);

    actor->faults += !rd_key_equal(&key, &letter->key) || letter->len != 0;
    actor->faults += number <= actor->last[letter->from]; /* in order */
    actor->last[letter->from] = number;
    fill(actor->data, len, number);
    if (exchange_send(exchange, actor->number, letter->from,
                      &(struct letter_note){LETTER_REPLY, .trust_ad = true}, &key, actor->data,
                      len))
        return;
    actor->failed++;
    actor->faults += len <= RD_LETTER_BYTES;
    actor->faults += !exchange_send(exchange, actor->number, letter->from,
                                    &(struct letter_note){LETTER_FAILED, .ede = 23}, &key, NULL, 0);
}

static void hear(struct actor *actor, const struct letter *letter)
{
    const uint32_t number = (uint32_t)letter->key.hash, len = answer_len(number);
    const struct rd_key key = question(actor->number, number);

    actor->faults += !rd_key_equal(&key, &letter->key) || number > actor->asked;
    actor->faults += actor->seen[number]++ != 0;
    actor->answered++;
    if (letter->kind == LETTER_FAILED) {
        actor->faults += letter->ede != 23 || letter->len != 0;
        return;
    }
    fill(actor->data, len, number);
    actor->faults += letter->len != len || !letter->trust_ad;
    actor->faults += memcmp(letter->data, actor->data, len) != 0;
}

static void read_all(struct actor *actor)
{
    struct letter *letter = exchange_take(exchange, actor->number);

    while (letter) {
        struct letter *next = letter_next(letter);

        if (letter->kind == LETTER_FOLLOW)
            answer(actor, letter);
        else
            hear(actor, letter);
        exchange_return(letter);
        letter = next;
    }
}

static void *talk(void *argument)
{
    struct actor *actor = argument;
    bool finished = false;

    while (atomic_load(&done) < WORKERS) {
        struct pollfd wait = {actor->bell.fd, POLLIN, 0};
        eventfd_t rings;

        while (actor->asked < LETTERS && actor->asked - actor->answered < WINDOW)
            ask(actor);
        poll(&wait, 1, -1);
        eventfd_read(actor->bell.fd, &rings);
        read_all(actor);
        if (finished || actor->answered < LETTERS)
            continue;
        finished = true;
        if (atomic_fetch_add(&done, 1) == WORKERS - 1)
            for (unsigned i = 0; i < WORKERS; i++)
                wake(&actors[i].bell.io);
    }
    return NULL;
}

static void test_no_letter_is_lost_doubled_or_torn(void **state)
{
    unsigned failed = 0;

    (void)state;
    open_office(1);
    live(talk);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(actors[i].answered, LETTERS);
        assert_null(exchange_take(exchange, i));
        failed += actors[i].failed;
    }
    print_message("%u answers, %u found no large letter\n", WORKERS * LETTERS, failed);
    rd_exchange_free(exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_claim_is_held_by_one_at_a_time),
        cmocka_unit_test(test_no_letter_is_lost_doubled_or_torn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
