/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hash.c - SipHash-2-4 as its authors published it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"

/* Key 00 .. 0f and message 00 .. n - 1, as in the paper. */
static uint64_t hash_of_count(size_t n)
{
    struct rd_hash_key key;
    uint8_t message[64];

    for (size_t i = 0; i < sizeof(key.bytes); i++)
        key.bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    return rd_hash(&key, message, n);
}

static void test_vector_of_the_paper(void **state)
{
    (void)state;
    assert_true(hash_of_count(15) == 0xa129ca6149be45e5ull);
}

static void test_vector_of_the_empty_message(void **state)
{
    (void)state;
    assert_true(hash_of_count(0) == 0x726fdb47dd0e0e31ull);
}

static void test_another_key_gives_another_hash(void **state)
{
    struct rd_hash_key a = {{1}}, b = {{2}};

    (void)state;
    assert_true(rd_hash(&a, "example", 7) != rd_hash(&b, "example", 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector_of_the_paper),
        cmocka_unit_test(test_vector_of_the_empty_message),
        cmocka_unit_test(test_another_key_gives_another_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
