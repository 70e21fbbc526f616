/* SPDX-License-Identifier: BSD-2-Clause */
/* test_route_reverse.c - the reverse names of special addresses: which they are, and who decides.
 */
#include <string.h>

#include "fastpath/route_bed.h"

/* Whether A.B.C.D is of a zone of RFC 6303 section 4 or RFC 7793. */
static bool is_special(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return a == 0 || a == 10 || a == 127 || (a == 100 && b >= 64 && b <= 127) ||
           (a == 169 && b == 254) || (a == 172 && b >= 16 && b <= 31) || (a == 192 && b == 168) ||
           (a == 192 && b == 0 && c == 2) || (a == 198 && b == 51 && c == 100) ||
           (a == 203 && b == 0 && c == 113) || (a == 255 && b == 255 && c == 255 && d == 255);
}

static void put_octet(struct rd_name *name, unsigned octet)
{
    uint8_t digits[3] = {(uint8_t)('0' + octet / 100), (uint8_t)('0' + octet / 10 % 10),
                         (uint8_t)('0' + octet % 10)};
    unsigned skip = octet >= 100 ? 0 : octet >= 10 ? 1 : 2;

    name->bytes[name->len++] = (uint8_t)(3 - skip);
    memcpy(name->bytes + name->len, digits + skip, 3 - skip);
    name->len = (uint8_t)(name->len + 3 - skip);
}

static void assert_reverse_v4(struct bed *bed, unsigned a, unsigned b, unsigned c, unsigned d)
{
    static const char tail[] = "\7in-addr\4arpa";
    struct rd_name name = {.len = 0};
    struct route route;
    enum route_kind kind = a == 127                 ? ROUTE_LOOPBACK
                           : is_special(a, b, c, d) ? ROUTE_EMPTY
                                                    : ROUTE_POOL;

    put_octet(&name, d);
    put_octet(&name, c);
    put_octet(&name, b);
    put_octet(&name, a);
    memcpy(name.bytes + name.len, tail, sizeof(tail));
    name.len = (uint8_t)(name.len + sizeof(tail));
    route = route_find(bed->routes, &name, RD_TYPE_PTR);
    if (route.kind != kind)
        fail_msg("%u.%u.%u.%u: kind %u", a, b, c, d, route.kind);
}

static void test_every_reverse_zone_of_ipv4_from_its_first_to_its_last_address(void **state)
{
    static const unsigned thirds[] = {0, 1, 2, 3, 99, 100, 101, 112, 113, 114, 254, 255};
    struct bed *bed = *state;

    find(bed, ".", RD_TYPE_A);
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (unsigned i = 0; i < sizeof(thirds) / sizeof(thirds[0]); i++) {
                assert_reverse_v4(bed, a, b, thirds[i], 0);
                assert_reverse_v4(bed, a, b, thirds[i], 254);
                assert_reverse_v4(bed, a, b, thirds[i], 255);
            }
}

static void test_every_reverse_zone_of_ipv6(void **state)
{
    struct bed *bed = *state;

    assert_local(bed, "d.f.ip6.arpa", ROUTE_EMPTY, 0);
    assert_local(bed, "0.d.f.ip6.arpa", ROUTE_EMPTY, 2);
    assert_local(bed, "8.e.f.ip6.arpa", ROUTE_EMPTY, 0);
    assert_local(bed, "1.9.e.f.ip6.arpa", ROUTE_EMPTY, 2);
    assert_local(bed, "2.a.e.f.ip6.arpa", ROUTE_EMPTY, 2);
    assert_local(bed, "3.b.e.f.ip6.arpa", ROUTE_EMPTY, 2);
    assert_local(bed, "8.b.d.0.1.0.0.2.ip6.arpa", ROUTE_EMPTY, 0);
    assert_local(bed, "1.8.b.d.0.1.0.0.2.ip6.arpa", ROUTE_EMPTY, 2);
    assert_pool(bed, "f.ip6.arpa", 0);
    assert_pool(bed, "c.f.ip6.arpa", 0); /* only fd00::/8 of fc00::/7 is in use */
    assert_pool(bed, "7.e.f.ip6.arpa", 0);
    assert_pool(bed, "c.e.f.ip6.arpa", 0);
    assert_pool(bed, "f.f.ip6.arpa", 0);
    assert_pool(bed, "9.b.d.0.1.0.0.2.ip6.arpa", 0);
    assert_pool(bed, "b.d.0.1.0.0.2.ip6.arpa", 0);
    assert_pool(bed, &V6_ONE[2], 0); /* without its first nibble */
    assert_pool(bed, "ip6.arpa", 0);
    assert_pool(bed, "in-addr.arpa", 0);
    assert_pool(bed, "172.in-addr.arpa", 0);
    assert_pool(bed, "255.in-addr.arpa", 0);
    assert_local(bed, "64.100.in-addr.arpa", ROUTE_EMPTY, 0);
    assert_local(bed, "x.31.172.in-addr.arpa", ROUTE_EMPTY, 2);
}

/* -- local.private-reverse ------------------------------------------------------------------- */

static void assert_reverse(struct bed *bed, bool local)
{
    again(bed);
    assert_int_equal(find(bed, "1.0.0.10.in-addr.arpa", RD_TYPE_PTR).kind,
                     local ? ROUTE_EMPTY : ROUTE_POOL);
    assert_int_equal(find(bed, "1.0.0.127.in-addr.arpa", RD_TYPE_PTR).kind,
                     local ? ROUTE_LOOPBACK : ROUTE_POOL);
    assert_int_equal(find(bed, "1.70.100.in-addr.arpa", RD_TYPE_PTR).kind,
                     local ? ROUTE_EMPTY : ROUTE_POOL);
    assert_int_equal(find(bed, "1.d.f.ip6.arpa", RD_TYPE_PTR).kind,
                     local ? ROUTE_EMPTY : ROUTE_POOL);
    assert_int_equal(find(bed, "a.test", RD_TYPE_A).kind, ROUTE_NXDOMAIN);
    assert_int_equal(find(bed, "home.arpa", RD_TYPE_A).kind, ROUTE_EMPTY);
}

static void test_auto_looks_at_the_addresses_of_the_default_pool(void **state)
{
    static const struct {
        const char *address;
        bool inside;
    } servers[] = {
        {"10.0.0.1", true},
        {"11.0.0.1", false},
        {"9.255.255.255", false},
        {"172.16.0.1", true},
        {"172.31.255.1", true},
        {"172.32.0.1", false},
        {"172.15.0.1", false},
        {"192.168.1.1", true},
        {"192.169.1.1", false},
        {"127.0.0.53", true},
        {"169.254.1.1", true},
        {"169.253.1.1", false},
        {"100.64.0.1", true},
        {"100.127.0.1", true},
        {"100.128.0.1", false},
        {"::1", true},
        {"::2", false},
        {"fe80::1", true},
        {"febf::1", true},
        {"fec0::1", false},
        {"fc00::1", true},
        {"fdff::1", true},
        {"fe00::1", false},
        {"fbff::1", false},
        {"2001:db8::1", false},
        {"::ffff:10.0.0.1", true},
        {"::ffff:8.8.8.8", false},
    };
    struct bed *bed = *state;

    assert_reverse(bed, true);
    bed->config.pools[0].servers.n = 2;
    for (unsigned i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        bed->config.pools[0].servers.at[1].address = bed_address(servers[i].address);
        assert_reverse(bed, !servers[i].inside);
    }
}

static void test_auto_trusts_the_system_with_reverse_names(void **state)
{
    struct bed *bed = *state;

    bed->config.pools[0].from_system = true;
    assert_reverse(bed, false);
    bed->config.local_private_reverse = RD_SWITCH_YES;
    assert_reverse(bed, true);
    bed->config.pools[0].from_system = false;
    bed->config.local_private_reverse = RD_SWITCH_NO;
    assert_reverse(bed, false);
}

static void test_auto_looks_at_the_pool_that_would_be_asked(void **state)
{
    struct bed *bed = *state;

    add_server(bed, 1, "10.0.0.1");
    add_route(bed, "corp.example", 1);
    assert_reverse(bed, true); /* pool 1 would not be asked */
    add_route(bed, ".", 1);
    assert_reverse(bed, false);
    add_server(bed, 0, "192.168.0.1");
    bed->config.pools[1].servers.n = 1;
    assert_reverse(bed, true);
    add_route(bed, "168.192.in-addr.arpa", 2);
    assert_reverse(bed, true);
    assert_pool(bed, "1.168.192.in-addr.arpa", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROUTE_TEST(test_every_reverse_zone_of_ipv4_from_its_first_to_its_last_address),
        ROUTE_TEST(test_every_reverse_zone_of_ipv6),
        ROUTE_TEST(test_auto_looks_at_the_addresses_of_the_default_pool),
        ROUTE_TEST(test_auto_trusts_the_system_with_reverse_names),
        ROUTE_TEST(test_auto_looks_at_the_pool_that_would_be_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
