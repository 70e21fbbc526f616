/* SPDX-License-Identifier: BSD-2-Clause */
/* test_acl.c - who is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "guard/acl.h"

static struct rd_prefix prefix(const char *text, uint8_t bits)
{
    struct rd_prefix prefix = {.bits = bits};
    union rd_address address = {0};

    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.any.sa_family = AF_INET;
        prefix.bits = (uint8_t)(bits + 96);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
        address.any.sa_family = AF_INET6;
    }
    rd_address_host(&address, prefix.bytes);
    return prefix;
}

static union rd_address host(const char *text)
{
    union rd_address address = {0};

    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.any.sa_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
        address.any.sa_family = AF_INET6;
    }
    return address;
}

static bool allows(const struct rd_acl *acl, const char *text)
{
    union rd_address address = host(text);

    return rd_acl_allows(acl, &address);
}

static void test_an_empty_list_allows_nobody(void **state)
{
    struct rd_acl *acl = calloc(1, sizeof(*acl));

    (void)state;
    rd_acl_init(acl, NULL, 0);
    assert_false(allows(acl, "127.0.0.1"));
    assert_false(allows(acl, "::1"));
    free(acl);
}

static void test_a_prefix_reaches_from_its_first_to_its_last_address(void **state)
{
    struct rd_acl *acl = calloc(1, sizeof(*acl));
    struct rd_prefix list[] = {prefix("172.16.0.0", 12), prefix("fe80::", 10),
                               prefix("2001:db8::42", 128)};

    (void)state;
    rd_acl_init(acl, list, 3);
    assert_true(allows(acl, "172.16.0.0"));
    assert_true(allows(acl, "172.31.255.255"));
    assert_false(allows(acl, "172.15.255.255"));
    assert_false(allows(acl, "172.32.0.0"));
    assert_true(allows(acl, "fe80::"));
    assert_true(allows(acl, "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    assert_false(allows(acl, "fec0::"));
    assert_true(allows(acl, "2001:db8::42"));
    assert_false(allows(acl, "2001:db8::41"));
    assert_false(allows(acl, "2001:db8::43"));
    free(acl);
}

static void test_everything_of_one_family_is_nothing_of_the_other(void **state)
{
    struct rd_acl *acl = calloc(1, sizeof(*acl));
    struct rd_prefix v4 = prefix("0.0.0.0", 0), v6 = prefix("::", 0);

    (void)state;
    rd_acl_init(acl, &v4, 1);
    assert_true(allows(acl, "0.0.0.0"));
    assert_true(allows(acl, "255.255.255.255"));
    assert_false(allows(acl, "::1"));
    assert_false(allows(acl, "2001:db8::1"));
    rd_acl_init(acl, &v6, 1);
    assert_true(allows(acl, "::"));
    assert_true(allows(acl, "2001:db8::1"));
    assert_false(allows(acl, "127.0.0.1"));
    assert_false(allows(acl, "255.255.255.255"));
    free(acl);
}

static void test_nested_and_repeated_prefixes_are_one(void **state)
{
    struct rd_acl *acl = calloc(1, sizeof(*acl));
    struct rd_prefix list[] = {prefix("10.1.2.0", 24), prefix("10.0.0.0", 8),
                               prefix("10.1.0.0", 16), prefix("10.0.0.0", 8),
                               prefix("11.0.0.0", 8)};

    (void)state;
    rd_acl_init(acl, list, 5);
    assert_int_equal(acl->v4.n, 2);
    assert_true(allows(acl, "10.255.0.1"));
    assert_true(allows(acl, "11.0.0.0"));
    assert_false(allows(acl, "12.0.0.0"));
    assert_false(allows(acl, "9.255.255.255"));
    free(acl);
}

/* Against a search through all prefixes bit by bit. */
static bool in_prefix(const struct rd_prefix *p, const uint8_t host_bytes[16])
{
    for (unsigned bit = 0; bit < p->bits; bit++)
        if ((p->bytes[bit / 8] ^ host_bytes[bit / 8]) & (0x80 >> bit % 8))
            return false;
    return true;
}

static void test_a_full_list_agrees_with_a_plain_search(void **state)
{
    struct rd_acl *acl = calloc(1, sizeof(*acl));
    struct rd_prefix *list = calloc(RD_MAX_PREFIXES, sizeof(*list));
    unsigned allowed = 0;

    (void)state;
    srand(7);
    for (int i = 0; i < RD_MAX_PREFIXES; i++) {
        list[i] = prefix("10.0.0.0", (uint8_t)(18 + rand() % 15));
        list[i].bytes[13] = (uint8_t)rand();
        list[i].bytes[14] = (uint8_t)rand();
        list[i].bytes[15] = (uint8_t)rand();
    }
    rd_acl_init(acl, list, RD_MAX_PREFIXES);
    for (int i = 0; i < 2000; i++) {
        union rd_address address = host("10.0.0.0");
        uint8_t bytes[16];
        bool expected = false;

        address.v4.sin_addr.s_addr = htonl(0x0a000000u | ((uint32_t)rand() & 0xffffffu));
        rd_address_host(&address, bytes);
        for (int k = 0; k < RD_MAX_PREFIXES && !expected; k++)
            expected = in_prefix(&list[k], bytes);
        assert_int_equal(rd_acl_allows(acl, &address), expected);
        allowed += expected;
    }
    assert_in_range(allowed, 100, 1900);
    free(list);
    free(acl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_list_allows_nobody),
        cmocka_unit_test(test_a_prefix_reaches_from_its_first_to_its_last_address),
        cmocka_unit_test(test_everything_of_one_family_is_nothing_of_the_other),
        cmocka_unit_test(test_nested_and_repeated_prefixes_are_one),
        cmocka_unit_test(test_a_full_list_agrees_with_a_plain_search),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
