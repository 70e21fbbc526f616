/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_truth.c - what the upstreams of a storm know: the same for a seed, never twice in the same
 * words, and everything that a forwarder may meet is in it.
 */
#include "sim/storm/test_stub.h"

#include <stdlib.h>

#define SERIAL 0x00c0ffeeu
#define HTTPS  65
#define OPAQUE 65400

static const uint16_t types[] = {RD_TYPE_A,     RD_TYPE_AAAA, RD_TYPE_TXT, HTTPS,
                                 RD_TYPE_MX,    RD_TYPE_SRV,  OPAQUE,      RD_TYPE_NS,
                                 RD_TYPE_CNAME, RD_TYPE_ANY};
#define N_TYPES (sizeof(types) / sizeof(types[0]))

static struct packet query, udp, tcp, other;

/* A question, as a client would put it. */
static void put(struct stub *stub, unsigned number, uint16_t type, struct ask ask)
{
    char name[TRUTH_NAME_BYTES];

    truth_name(&stub->storm, number, name);
    ask.name = name;
    ask.type = type;
    packet_query(&query, &ask);
}

static void reply(struct stub *stub, bool by_tcp, uint32_t serial, struct packet *ret_reply)
{
    assert_true(truth_reply(&stub->storm, query.bytes, query.len, by_tcp, serial, ret_reply));
}

static bool same(const struct packet *a, const struct packet *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool contains(const struct packet *packet, const void *bytes, size_t len)
{
    return memmem(packet->bytes, packet->len, bytes, len) != NULL;
}

static void test_the_same_seed_knows_the_same(void **state)
{
    struct stub *stub = *state, *again, *elsewhere;
    unsigned differ = 0;

    stub_setup((void **)&again);
    elsewhere = malloc(sizeof(*elsewhere));
    assert_non_null(elsewhere);
    stub_open(elsewhere, 8);
    for (unsigned i = 0; i < STUB_NAMES * N_TYPES; i++) {
        put(stub, i / N_TYPES, types[i % N_TYPES], (struct ask){.edns = true});
        reply(stub, true, SERIAL, &tcp);
        reply(again, true, SERIAL, &other);
        assert_true(same(&tcp, &other));
        reply(elsewhere, true, SERIAL, &other);
        differ += !same(&tcp, &other);
    }
    assert_true(differ > STUB_NAMES * N_TYPES / 2);
    stub_teardown((void **)&again);
    stub_close(elsewhere);
    free(elsewhere);
}

static void look_at_size(const struct packet *short_one, const struct rd_message *all, size_t most)
{
    struct rd_message message;

    packet_parse(short_one->bytes, short_one->len, &message, NULL);
    assert_true(short_one->len <= most);
    if (message.flags & RD_DNS_TC) {
        assert_true(tcp.len + 48 > most);
        return;
    }
    assert_int_equal(message.count[RD_ANSWER], all->count[RD_ANSWER]);
    assert_int_equal(message.count[RD_AUTHORITY], all->count[RD_AUTHORITY]);
}

static void test_every_reply_is_sound_and_fits_or_says_so(void **state)
{
    static const struct ask asks[] = {{0},
                                      {.edns = true, .payload = 100},
                                      {.edns = true, .payload = 800},
                                      {.edns = true, .payload = 4096, .dnssec_ok = true}};
    static const size_t most[] = {512, 512, 800, 1232};
    struct stub *stub = *state;
    struct rd_message message;
    unsigned truncated = 0;

    for (unsigned i = 0; i < STUB_NAMES * N_TYPES * 4; i++) {
        put(stub, i / 4 / N_TYPES, types[i / 4 % N_TYPES], asks[i % 4]);
        query.bytes[13] = (uint8_t)(query.bytes[13] - 'a' + 'A');
        reply(stub, true, i, &tcp);
        packet_parse(tcp.bytes, tcp.len, &message, NULL);
        assert_memory_equal(tcp.bytes, query.bytes, 2);
        assert_memory_equal(tcp.bytes + 12, query.bytes + 12, message.question_end - 12);
        assert_int_equal(message.flags & (RD_DNS_QR | RD_DNS_RA | RD_DNS_TC),
                         RD_DNS_QR | RD_DNS_RA);
        assert_int_equal(message.edns.present, asks[i % 4].edns);
        assert_int_equal(message.edns.dnssec_ok, asks[i % 4].dnssec_ok);
        reply(stub, false, i, &udp);
        look_at_size(&udp, &message, most[i % 4]);
        truncated += rd_get_u16(udp.bytes + 2) & RD_DNS_TC ? 1 : 0;
    }
    assert_in_range(truncated, STUB_NAMES / 10, STUB_NAMES * 3);
}

static void test_the_serial_is_in_whatever_is_said(void **state)
{
    static const uint8_t bytes[] = {0xc0, 0xff, 0xee};
    struct stub *stub = *state;
    unsigned silent = 0;

    for (unsigned i = 0; i < STUB_NAMES * N_TYPES; i++) {
        struct rd_message message;

        put(stub, i / N_TYPES, types[i % N_TYPES], (struct ask){.edns = true});
        reply(stub, true, SERIAL, &tcp);
        packet_parse(tcp.bytes, tcp.len, &message, NULL);
        if ((message.flags & RD_DNS_RCODE) == RD_SERVFAIL) {
            silent++;
            continue;
        }
        assert_true(contains(&tcp, bytes, sizeof(bytes)) || contains(&tcp, "00c0ffee", 8));
        reply(stub, true, SERIAL + 1, &other);
        assert_false(same(&tcp, &other));
    }
    assert_in_range(silent, 1, STUB_NAMES * N_TYPES / 10);
}

/* What there is. */
struct census {
    unsigned addresses[6], links[4], no_data, no_name, failed, bogus, huge, soa, signed_by,
        validated, hosts, opaque;
};

static void count_reply(struct census *census, uint16_t type)
{
    struct rd_message message;
    unsigned links = 0, n = 0;
    uint16_t rcode;
    size_t at;

    packet_parse(tcp.bytes, tcp.len, &message, NULL);
    rcode = message.flags & RD_DNS_RCODE;
    at = message.question_end;
    for (unsigned i = 0; i < message.count[RD_ANSWER]; i++) {
        size_t fields = at + 2;

        links += rd_get_u16(tcp.bytes + fields) == RD_TYPE_CNAME;
        n += rd_get_u16(tcp.bytes + fields) == type;
        census->signed_by += rd_get_u16(tcp.bytes + fields) == 46;
        at = rd_message_skip_record(tcp.bytes, tcp.len, at);
    }
    if (type == RD_TYPE_A)
        census->addresses[n]++;
    census->links[links]++;
    census->soa += message.soa;
    census->no_data += rcode == RD_NOERROR && message.soa;
    census->no_name += rcode == RD_NXDOMAIN && message.soa;
    census->failed += rcode == RD_SERVFAIL && message.edns.n_ede == 0;
    census->bogus += rcode == RD_SERVFAIL && rd_edns_is_bogus(&message.edns);
    census->huge += tcp.len > 20000;
    census->validated += (message.flags & RD_DNS_AD) != 0;
    census->hosts += message.count[RD_ADDITIONAL] > 1;
    census->opaque += type == OPAQUE && n > 0;
}

static void test_there_is_some_of_everything(void **state)
{
    struct stub *stub = *state;
    struct census census = {0};

    for (unsigned i = 0; i < STUB_NAMES * N_TYPES; i++) {
        put(stub, i / N_TYPES, types[i % N_TYPES], (struct ask){.edns = true, .dnssec_ok = true});
        reply(stub, true, SERIAL, &tcp);
        count_reply(&census, types[i % N_TYPES]);
    }
    for (unsigned n = 1; n <= 5; n++)
        assert_true(census.addresses[n] > 0);
    for (unsigned n = 0; n <= 3; n++)
        assert_true(census.links[n] > 0);
    assert_int_equal(census.soa, census.no_data + census.no_name);
    assert_true(census.no_data > STUB_NAMES && census.no_name > STUB_NAMES / 2);
    assert_true(census.failed && census.bogus && census.huge && census.hosts && census.opaque);
    assert_true(census.signed_by && census.validated);
}

static void test_signatures_are_for_those_who_want_them(void **state)
{
    struct stub *stub = *state;
    struct census census = {0};

    for (unsigned i = 0; i < STUB_NAMES; i++) {
        put(stub, i, RD_TYPE_A, (struct ask){.edns = true});
        reply(stub, true, SERIAL, &tcp);
        count_reply(&census, RD_TYPE_A);
    }
    assert_int_equal(census.signed_by, 0);
    assert_int_equal(census.validated, 0);
}

static void test_checking_disabled_makes_no_name_bogus(void **state)
{
    struct stub *stub = *state;
    struct census census = {0};

    for (unsigned i = 0; i < STUB_NAMES; i++) {
        put(stub, i, RD_TYPE_A, (struct ask){.edns = true, .set = RD_DNS_CD});
        reply(stub, true, SERIAL, &tcp);
        count_reply(&census, RD_TYPE_A);
    }
    assert_int_equal(census.bogus, 0);
    assert_true(census.failed > 0);
}

static void test_in_calm_weather_no_name_fails(void **state)
{
    struct stub *stub = *state;
    struct census census = {0};

    stub->storm.plan.calm = true;
    for (unsigned i = 0; i < STUB_NAMES; i++) {
        put(stub, i, RD_TYPE_A, (struct ask){.edns = true});
        reply(stub, true, SERIAL, &tcp);
        count_reply(&census, RD_TYPE_A);
    }
    assert_int_equal(census.failed, 0);
    assert_true(census.bogus > 0);
}

static void test_below_what_does_not_exist_there_is_nothing(void **state)
{
    struct stub *stub = *state;
    unsigned gone = 0;

    for (unsigned i = 0; i < STUB_NAMES; i++) {
        char name[TRUTH_NAME_BYTES];
        char below[TRUTH_NAME_BYTES + 8];

        put(stub, i, RD_TYPE_NS, (struct ask){0});
        reply(stub, true, SERIAL, &tcp);
        if ((tcp.bytes[3] & RD_DNS_RCODE) != RD_NXDOMAIN || rd_get_u16(tcp.bytes + 6) != 0)
            continue;
        gone++;
        truth_name(&stub->storm, i, name);
        snprintf(below, sizeof(below), "x%u.%s", i, name);
        packet_query(&query, &(struct ask){.name = below});
        reply(stub, true, SERIAL, &tcp);
        assert_int_equal(tcp.bytes[3] & RD_DNS_RCODE, RD_NXDOMAIN);
    }
    assert_true(gone > STUB_NAMES / 20);
}

static void test_names_are_many_and_of_all_sizes(void **state)
{
    struct stub *stub = *state;
    static struct rd_name names[STUB_NAMES];
    unsigned below = 0, two_deep = 0, longest = 0;

    for (unsigned i = 0; i < STUB_NAMES; i++) {
        char name[TRUTH_NAME_BYTES];

        truth_name(&stub->storm, i, name);
        assert_true(rd_name_from_text(name, &names[i]));
        assert_int_equal(truth_pool(&stub->storm, names[i].bytes), i % 2);
        below += strncmp(name, "b.", 2) == 0;
        two_deep += strncmp(name, "a.b.", 4) == 0;
        longest = names[i].len > longest ? names[i].len : longest;
        for (unsigned j = 0; j < i; j++)
            assert_false(names[i].len == names[j].len &&
                         memcmp(names[i].bytes, names[j].bytes, names[i].len) == 0);
    }
    assert_in_range(below, STUB_NAMES / 8, STUB_NAMES / 4);
    assert_in_range(two_deep, STUB_NAMES / 32, STUB_NAMES / 8);
    assert_in_range(longest, 180, 220);
}

static void test_one_pool_has_one_zone(void **state)
{
    struct stub *stub = *state;

    assert_int_equal(truth_pool(&stub->storm, (const uint8_t *)"\2N1\6SECond\7exAmple"), 1);
    assert_int_equal(truth_pool(&stub->storm, (const uint8_t *)"\6second\7example"), 1);
    assert_int_equal(truth_pool(&stub->storm, (const uint8_t *)"\7xsecond\7example"), 0);
    assert_int_equal(truth_pool(&stub->storm, (const uint8_t *)"\7example"), 0);
    assert_int_equal(truth_pool(&stub->storm, (const uint8_t *)""), 0);
    stub->storm.plan.pools = 1;
    for (unsigned i = 0; i < STUB_NAMES; i++) {
        char name[TRUTH_NAME_BYTES];

        truth_name(&stub->storm, i, name);
        assert_non_null(strstr(name, ".first.example."));
    }
    assert_int_equal(truth_pool(&stub->storm, (const uint8_t *)"\2n1\6second\7example"), 0);
}

static void test_most_ask_for_addresses(void **state)
{
    struct stub *stub = *state;
    unsigned addresses = 0;

    for (unsigned i = 0; i < 1000; i++) {
        uint16_t type = truth_type(&stub->storm);

        addresses += type == RD_TYPE_A || type == RD_TYPE_AAAA;
    }
    assert_in_range(addresses, 700, 900);
}

static void test_probes_are_answered(void **state)
{
    struct stub *stub = *state;
    struct rd_message message;

    packet_query(&query, &(struct ask){.name = "", .type = RD_TYPE_NS, .edns = true});
    reply(stub, false, SERIAL, &udp);
    packet_parse(udp.bytes, udp.len, &message, NULL);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_int_equal(message.count[RD_ANSWER], 3);
    packet_query(&query,
                 &(struct ask){.name = "0123456789abcdef.loop-probe.ringdns", .type = RD_TYPE_TXT});
    reply(stub, false, SERIAL, &udp);
    packet_parse(udp.bytes, udp.len, &message, NULL);
}

static void test_what_cannot_be_read_is_not_answered(void **state)
{
    struct stub *stub = *state;

    put(stub, 1, RD_TYPE_A, (struct ask){.edns = true});
    for (size_t len = 0; len < query.len; len++)
        assert_false(truth_reply(&stub->storm, query.bytes, len, false, SERIAL, &udp));
    query.bytes[2] |= 0x80;
    assert_false(truth_reply(&stub->storm, query.bytes, query.len, false, SERIAL, &udp));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STUB_TEST(test_the_same_seed_knows_the_same),
        STUB_TEST(test_every_reply_is_sound_and_fits_or_says_so),
        STUB_TEST(test_the_serial_is_in_whatever_is_said),
        STUB_TEST(test_there_is_some_of_everything),
        STUB_TEST(test_signatures_are_for_those_who_want_them),
        STUB_TEST(test_checking_disabled_makes_no_name_bogus),
        STUB_TEST(test_in_calm_weather_no_name_fails),
        STUB_TEST(test_below_what_does_not_exist_there_is_nothing),
        STUB_TEST(test_names_are_many_and_of_all_sizes),
        STUB_TEST(test_one_pool_has_one_zone),
        STUB_TEST(test_most_ask_for_addresses),
        STUB_TEST(test_probes_are_answered),
        STUB_TEST(test_what_cannot_be_read_is_not_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
