/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_address.c - addresses and prefixes: every text form, and each reason for refusing one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "address.h"

static void assert_reads_as(const char *text, const char *expected)
{
    union rd_address address;
    char shown[ADDRESS_TEXT_BYTES];

    assert_null(address_parse(text, 53, &address));
    assert_string_equal(address_format(&address, shown), expected);
}

static void assert_refused(const char *text, const char *reason)
{
    union rd_address address;
    const char *wrong;

    memset(&address, 0xa5, sizeof(address));
    wrong = address_parse(text, 53, &address);
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, reason));
    assert_int_equal(((unsigned char *)&address)[5], 0xa5); /* untouched */
}

static void test_reads_addresses_with_and_without_a_port(void **state)
{
    (void)state;
    assert_reads_as("192.0.2.1", "192.0.2.1:53");
    assert_reads_as("192.0.2.1:5353", "192.0.2.1:5353");
    assert_reads_as("2001:db8::1", "[2001:db8::1]:53");
    assert_reads_as("[2001:db8::1]", "[2001:db8::1]:53");
    assert_reads_as("[2001:db8::1]:65535", "[2001:db8::1]:65535");
    assert_reads_as("[2001:DB8:0:0::1]:1", "[2001:db8::1]:1");
    assert_reads_as("::1", "[::1]:53");
}

static void test_reads_wildcards(void **state)
{
    (void)state;
    assert_reads_as("*", "0.0.0.0:53");
    assert_reads_as("*:5300", "0.0.0.0:5300");
    assert_reads_as("[::]:5300", "[::]:5300");
    assert_reads_as("::", "[::]:53");
}

static void test_keeps_the_scope_of_a_link_local_address(void **state)
{
    union rd_address address;

    (void)state;
    assert_reads_as("fe80::1%lo", "[fe80::1%lo]:53");
    assert_reads_as("[fe80::1%lo]:5300", "[fe80::1%lo]:5300");
    assert_reads_as("fe80::1%1", "[fe80::1%lo]:53"); /* lo has index 1 everywhere */
    assert_null(address_parse("fe80::1%lo", 53, &address));
    assert_int_equal(address.v6.sin6_scope_id, 1);
}

static void test_refuses_scopes_that_lead_nowhere(void **state)
{
    (void)state;
    assert_refused("fe80::1", "needs its interface");
    assert_refused("fe80::1%nosuch0", "no such interface");
    assert_refused("fe80::1%", "no such interface");
    assert_refused("fe80::1%99999999", "no such interface");
    assert_refused("2001:db8::1%lo", "only link-local");
}

static void test_refuses_bad_ports(void **state)
{
    static const char *const texts[] = {"192.0.2.1:0",
                                        "192.0.2.1:65536",
                                        "192.0.2.1:",
                                        "192.0.2.1:+53",
                                        "192.0.2.1: 53",
                                        "[::1]:",
                                        "[::1]:99999999999999999999",
                                        "*:x"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_refused(texts[i], "ports are 1 to 65535");
}

static void test_refuses_what_is_no_address(void **state)
{
    char long_text[200];

    (void)state;
    assert_refused("", "not an IP address");
    assert_refused("dns.example", "names cannot be used");
    assert_refused("192.0.2", "not an IP address");
    assert_refused("192.0.2.256", "not an IP address");
    assert_refused("192.0.2.01", "not an IP address");
    assert_refused(" 192.0.2.1", "not an IP address");
    assert_refused("[192.0.2.1]:53", "brackets are for IPv6");
    assert_refused("[::1", "brackets are written");
    assert_refused("[::1]53", "brackets are written");
    assert_refused("1:2:3", "not an IPv6 address");
    assert_refused("::ffff:192.0.2.1", "without ::ffff:");
    memset(long_text, '1', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    assert_refused(long_text, "too long");
}

static bool is_host(const char *text)
{
    union rd_address address;

    assert_null(address_parse(text, 53, &address));
    return address_is_host(&address);
}

static void test_tells_hosts_from_groups(void **state)
{
    (void)state;
    assert_true(is_host("192.0.2.1"));
    assert_true(is_host("2001:db8::1"));
    assert_true(is_host("::1"));
    assert_false(is_host("*"));
    assert_false(is_host("::"));
    assert_false(is_host("0.1.2.3"));
    assert_false(is_host("224.0.0.251"));
    assert_false(is_host("255.255.255.255"));
    assert_false(is_host("ff02::fb"));
}

static void assert_prefix(const char *text, const char *expected)
{
    struct rd_prefix prefix;
    char shown[PREFIX_TEXT_BYTES];

    assert_null(prefix_parse(text, &prefix));
    assert_string_equal(prefix_format(&prefix, shown), expected);
}

static void test_reads_prefixes(void **state)
{
    (void)state;
    assert_prefix("10.0.0.0/8", "10.0.0.0/8");
    assert_prefix("0.0.0.0/0", "0.0.0.0/0");
    assert_prefix("192.0.2.1", "192.0.2.1/32");
    assert_prefix("192.0.2.128/25", "192.0.2.128/25");
    assert_prefix("::1", "::1/128");
    assert_prefix("fe80::/10", "fe80::/10");
    assert_prefix("::/0", "::/0");
    assert_prefix("2001:db8:ffff:fffe::/63", "2001:db8:ffff:fffe::/63");
}

static void test_holds_ipv4_prefixes_as_mapped_ones(void **state)
{
    static const uint8_t expected[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0};
    struct rd_prefix prefix;

    (void)state;
    assert_null(prefix_parse("10.0.0.0/8", &prefix));
    assert_int_equal(prefix.bits, 104);
    assert_memory_equal(prefix.bytes, expected, 16);
}

static void assert_meant(const char *text, const char *meant)
{
    struct rd_prefix prefix;
    char shown[PREFIX_TEXT_BYTES];

    assert_non_null(strstr(prefix_parse(text, &prefix), "beyond the length"));
    assert_string_equal(prefix_format(&prefix, shown), meant);
}

static void test_offers_the_prefix_that_was_meant(void **state)
{
    (void)state;
    assert_meant("10.1.2.3/8", "10.0.0.0/8");
    assert_meant("192.0.2.129/31", "192.0.2.128/31");
    assert_meant("2001:db8::1/32", "2001:db8::/32");
    assert_meant("1.2.3.4/0", "0.0.0.0/0");
}

static void test_refuses_what_is_no_prefix(void **state)
{
    static const char *const texts[] = {
        "10.0.0.0/33", "10.0.0.0/",      "10.0.0.0/x",  "::/129",      "10/8", "",
        "/8",          "::ffff:1.2.3.4", "10.0.0.0/-1", "fe80::%lo/10"};
    struct rd_prefix prefix;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_non_null(prefix_parse(texts[i], &prefix));
        assert_int_equal(prefix.bits, PREFIX_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_addresses_with_and_without_a_port),
        cmocka_unit_test(test_reads_wildcards),
        cmocka_unit_test(test_keeps_the_scope_of_a_link_local_address),
        cmocka_unit_test(test_refuses_scopes_that_lead_nowhere),
        cmocka_unit_test(test_refuses_bad_ports),
        cmocka_unit_test(test_refuses_what_is_no_address),
        cmocka_unit_test(test_tells_hosts_from_groups),
        cmocka_unit_test(test_reads_prefixes),
        cmocka_unit_test(test_holds_ipv4_prefixes_as_mapped_ones),
        cmocka_unit_test(test_offers_the_prefix_that_was_meant),
        cmocka_unit_test(test_refuses_what_is_no_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
