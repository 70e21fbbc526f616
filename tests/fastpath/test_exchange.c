/* SPDX-License-Identifier: BSD-2-Clause */
/* test_exchange.c - claims and letters, one step at a time. Threads: tests/stress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "exchange.h"
#include "pending.h"
#include "ringdns/dns.h"
#include "ringdns/limits.h"

#define WORKERS   3
#define QUESTIONS 16
#define NOBODY    99u

struct bell {
    struct io io;
    unsigned rung;
};

struct fixture {
    struct rd_exchange *exchange;
    struct bell bells[WORKERS];
    struct rd_key key;
    uint8_t data[RD_DNS_TCP_BYTES];
};

static void wake(struct io *io)
{
    ((struct bell *)io)->rung++;
}

static const struct io_ops bell_ops = {.wake = wake};

static int setup(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof(*fixture));

    *state = fixture;
    fixture->exchange = rd_exchange_new(WORKERS, QUESTIONS);
    for (unsigned i = 0; i < WORKERS; i++) {
        fixture->bells[i].io.ops = &bell_ops;
        exchange_register(fixture->exchange, i, &fixture->bells[i].io);
    }
    fixture->key = (struct rd_key){.hash = 7, .type = 28, .view = 3, .dnssec_ok = true};
    fixture->key.name.len = 3;
    memcpy(fixture->key.name.bytes, "\001a", 3);
    for (unsigned i = 0; i < sizeof(fixture->data); i++)
        fixture->data[i] = (uint8_t)(i * 7 + i / 256);
    return !fixture->exchange;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    rd_exchange_free(fixture->exchange);
    test_free(fixture);
    return 0;
}

static bool leads(struct fixture *fixture, uint64_t hash, unsigned worker)
{
    unsigned leader = NOBODY;
    enum pending pending = exchange_claim(fixture->exchange, hash, worker, &leader);

    assert_int_equal(leader, NOBODY);
    return pending == PENDING_MINE;
}

static unsigned leader_of(struct fixture *fixture, uint64_t hash, unsigned asker)
{
    unsigned leader = NOBODY;

    assert_int_equal(exchange_claim(fixture->exchange, hash, asker, &leader), PENDING_THEIRS);
    return leader;
}

static bool send_bytes(struct fixture *fixture, unsigned from, unsigned to, uint32_t len)
{
    static const struct letter_note note = {LETTER_REPLY, .trust_ad = true, .flushes = 7};

    return exchange_send(fixture->exchange, from, to, &note, &fixture->key, fixture->data, len);
}

static void return_all(struct letter *letter)
{
    while (letter) {
        struct letter *next = letter_next(letter);

        exchange_return(letter);
        letter = next;
    }
}

static void test_a_claim_is_one_workers(void **state)
{
    struct fixture *fixture = *state;

    assert_true(leads(fixture, 0x123456789abcdef0, 1));
    assert_int_equal(leader_of(fixture, 0x123456789abcdef0, 0), 1);
    assert_int_equal(leader_of(fixture, 0x123456789abcdef0, 2), 1);
}

static void test_what_is_released_is_anybodys(void **state)
{
    struct fixture *fixture = *state;

    assert_true(leads(fixture, UINT64_MAX, 2));
    exchange_release(fixture->exchange, UINT64_MAX, 2);
    assert_true(leads(fixture, UINT64_MAX, 0));
    assert_int_equal(leader_of(fixture, UINT64_MAX, 2), 0);
}

static void test_a_hash_of_zero_is_a_hash(void **state)
{
    struct fixture *fixture = *state;

    assert_true(leads(fixture, 0, 0));
    assert_int_equal(leader_of(fixture, 0, 1), 0);
    exchange_release(fixture->exchange, 0, 0);
    assert_true(leads(fixture, 0, 1));
}

/* Of another key: its own table finds the same key before. */
static void test_a_second_claim_of_the_same_hash_has_no_place(void **state)
{
    struct fixture *fixture = *state;

    assert_true(leads(fixture, 1, 1));
    assert_false(leads(fixture, 1, 1));
    exchange_release(fixture->exchange, 1, 1);
    assert_true(leads(fixture, 1, 2));
}

/* Hashes of one line, which its lowest bits choose. */
static uint64_t hash_of_line(unsigned i)
{
    return (uint64_t)(i + 1) << 40;
}

static void test_a_full_line_says_so(void **state)
{
    struct fixture *fixture = *state;
    const unsigned last = PENDING_LINE;

    for (unsigned i = 0; i < PENDING_LINE; i++)
        assert_true(leads(fixture, hash_of_line(i), i % WORKERS));
    assert_false(leads(fixture, hash_of_line(last), 0));
    assert_int_equal(leader_of(fixture, hash_of_line(5), 0), 5 % WORKERS);
    assert_true(leads(fixture, hash_of_line(last) + 1, 0)); /* the next line has room */
    exchange_release(fixture->exchange, hash_of_line(3), 3 % WORKERS);
    assert_true(leads(fixture, hash_of_line(last), 0));
    assert_int_equal(leader_of(fixture, hash_of_line(last), 1), 0);
}

static void test_a_claim_is_found_behind_a_gap(void **state)
{
    struct fixture *fixture = *state;

    assert_true(leads(fixture, hash_of_line(0), 0));
    assert_true(leads(fixture, hash_of_line(1), 1));
    exchange_release(fixture->exchange, hash_of_line(0), 0);
    assert_int_equal(leader_of(fixture, hash_of_line(1), 0), 1);
    exchange_release(fixture->exchange, hash_of_line(1), 1);
    assert_true(leads(fixture, hash_of_line(1), 0));
}

static void test_all_questions_of_all_workers_have_places(void **state)
{
    struct pending_table table = {0};
    unsigned leader;

    (void)state;
    assert_int_equal(pending_init(&table, 2 * WORKERS * QUESTIONS), 0);
    assert_int_equal((table.mask + 1) * PENDING_LINE, 128); /* 96 claims, a power of two */
    for (uint64_t i = 0; i < 128; i++)
        assert_int_equal(pending_claim(&table, (i + 1) << 32 | i % (table.mask + 1), 255, &leader),
                         PENDING_MINE);
    pending_deinit(&table);
    pending_deinit(&table);
}

static void test_a_letter_says_what_was_written(void **state)
{
    struct fixture *fixture = *state;
    struct letter *letter;

    assert_true(send_bytes(fixture, 1, 2, 300));
    letter = exchange_take(fixture->exchange, 2);
    assert_non_null(letter);
    assert_int_equal(letter->kind, LETTER_REPLY);
    assert_int_equal(letter->from, 1);
    assert_true(letter->trust_ad);
    assert_int_equal(letter->len, 300);
    assert_true(rd_key_equal(&letter->key, &fixture->key));
    assert_int_equal(letter->key.hash, fixture->key.hash);
    assert_memory_equal(letter->data, fixture->data, 300);
    assert_null(letter_next(letter));
    assert_null(exchange_take(fixture->exchange, 2));
    assert_null(exchange_take(fixture->exchange, 1));
}

static void test_a_letter_without_data(void **state)
{
    struct fixture *fixture = *state;
    struct letter *letter;

    assert_true(exchange_send(fixture->exchange, 0, 1,
                              &(struct letter_note){LETTER_FAILED, .ede = 22}, &fixture->key, NULL,
                              0));
    letter = exchange_take(fixture->exchange, 1);
    assert_int_equal(letter->kind, LETTER_FAILED);
    assert_int_equal(letter->ede, 22);
    assert_int_equal(letter->len, 0);
    assert_false(letter->trust_ad);
}

static void test_letters_come_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct letter *letter;

    for (uint32_t len = 1; len <= 5; len++)
        assert_true(send_bytes(fixture, len % WORKERS, 0, len));
    letter = exchange_take(fixture->exchange, 0);
    for (uint32_t len = 1; len <= 5; len++, letter = letter_next(letter))
        assert_int_equal(letter->len, len);
    assert_null(letter);
}

static void test_a_doorbell_is_rung_where_the_box_was_empty(void **state)
{
    struct fixture *fixture = *state;

    assert_true(send_bytes(fixture, 0, 1, 1));
    assert_true(send_bytes(fixture, 2, 1, 1));
    assert_int_equal(fixture->bells[1].rung, 1);
    return_all(exchange_take(fixture->exchange, 1));
    assert_true(send_bytes(fixture, 0, 1, 1));
    assert_int_equal(fixture->bells[1].rung, 2);
    assert_int_equal(fixture->bells[0].rung + fixture->bells[2].rung, 0);
}

static void test_a_worker_without_a_doorbell_is_not_rung(void **state)
{
    struct fixture *fixture = *state;

    exchange_register(fixture->exchange, 1, NULL);
    assert_true(send_bytes(fixture, 0, 1, 1));
    assert_non_null(exchange_take(fixture->exchange, 1));
}

/* Sends letters of LEN bytes until there are none; how many. */
static unsigned use_up(struct fixture *fixture, unsigned to, uint32_t len)
{
    unsigned sent = 0;

    while (send_bytes(fixture, 0, to, len))
        sent++;
    return sent;
}

static void test_letters_are_counted(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(use_up(fixture, 1, RD_LETTER_BYTES), RD_LETTERS);
    assert_int_equal(use_up(fixture, 1, RD_LETTER_BYTES + 1), RD_LARGE_LETTERS);
    assert_true(send_bytes(fixture, 1, 0, 1)); /* each worker has its own */
    return_all(exchange_take(fixture->exchange, 1));
    assert_int_equal(use_up(fixture, 2, 1), RD_LETTERS);
    assert_int_equal(use_up(fixture, 2, RD_DNS_TCP_BYTES), RD_LARGE_LETTERS);
}

static void test_a_large_letter_is_whole(void **state)
{
    struct fixture *fixture = *state;
    struct letter *letter;

    for (unsigned i = 0; i < RD_LARGE_LETTERS; i++)
        assert_true(send_bytes(fixture, 0, 1, RD_DNS_TCP_BYTES));
    letter = exchange_take(fixture->exchange, 1);
    for (unsigned i = 0; i < RD_LARGE_LETTERS; i++, letter = letter_next(letter)) {
        assert_true(letter->large);
        assert_int_equal(letter->len, RD_DNS_TCP_BYTES);
        assert_memory_equal(letter->data, fixture->data, RD_DNS_TCP_BYTES);
    }
    assert_null(letter);
}

/* Worker 1 keeps all of its letters but one: that one is found again, wherever it is. */
static void test_a_letter_that_comes_back_is_used_again(void **state)
{
    struct fixture *fixture = *state;
    struct letter *letter;
    unsigned tries = 0;

    use_up(fixture, 1, 1);
    letter = exchange_take(fixture->exchange, 1);
    for (unsigned i = 0; i < RD_LETTERS / 2 + 5; i++)
        letter = letter_next(letter);
    exchange_return(letter);
    while (!send_bytes(fixture, 0, 2, 2) && tries <= RD_LETTERS)
        tries++;
    assert_true(tries <= RD_LETTERS);
    assert_ptr_equal(exchange_take(fixture->exchange, 2), letter);
    assert_int_equal(letter->len, 2);
}

/* One that is slow does not take away the letters that others give back. */
static void test_letters_that_are_out_are_passed_over(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < RD_LETTERS - 1; i++)
        assert_true(send_bytes(fixture, 0, 1, 1));
    for (unsigned i = 0; i < 10; i++) {
        assert_true(send_bytes(fixture, 0, 2, 1));
        return_all(exchange_take(fixture->exchange, 2));
    }
}

static void test_one_worker_is_enough(void **state)
{
    struct rd_exchange *exchange = rd_exchange_new(1, 1);
    unsigned leader;

    (void)state;
    assert_non_null(exchange);
    assert_int_equal(exchange_claim(exchange, 5, 0, &leader), PENDING_MINE);
    exchange_release(exchange, 5, 0);
    assert_null(exchange_take(exchange, 0));
    rd_exchange_free(exchange);
    rd_exchange_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_claim_is_one_workers),
        TEST(test_what_is_released_is_anybodys),
        TEST(test_a_hash_of_zero_is_a_hash),
        TEST(test_a_second_claim_of_the_same_hash_has_no_place),
        TEST(test_a_full_line_says_so),
        TEST(test_a_claim_is_found_behind_a_gap),
        cmocka_unit_test(test_all_questions_of_all_workers_have_places),
        TEST(test_a_letter_says_what_was_written),
        TEST(test_a_letter_without_data),
        TEST(test_letters_come_in_order),
        TEST(test_a_doorbell_is_rung_where_the_box_was_empty),
        TEST(test_a_worker_without_a_doorbell_is_not_rung),
        TEST(test_letters_are_counted),
        TEST(test_a_large_letter_is_whole),
        TEST(test_a_letter_that_comes_back_is_used_again),
        TEST(test_letters_that_are_out_are_passed_over),
        cmocka_unit_test(test_one_worker_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
