/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_servers.c - each fault of an upstream and of a forger by itself: that it does what
 * faults.def says, and that the oracle is told.
 */
#include <errno.h>

#include "sim/storm/test_stub.h"

#define ASKED 300 /* names, for each fault */
#define S     RD_NS_PER_S

static struct packet query, honest;

/* One reply by UDP: what was kept, read if it can be. */
struct said {
    struct stub *stub;
    const struct sim_datagram *first;
    struct rd_message wire, truth;
    bool sound;
    unsigned rcode;
};

static void read_said(struct stub *stub, struct said *ret_said)
{
    struct said said = {.stub = stub, .first = stub->n ? stub->kept[0] : NULL};

    packet_parse(honest.bytes, honest.len, &said.truth, NULL);
    if (said.first) {
        const uint8_t *bytes = said.first->bytes;
        size_t len = said.first->len;

        said.sound = rd_message_header(bytes, len, &said.wire) &&
                     rd_message_question(bytes, len, &said.wire, NULL, NULL) == RD_WIRE_OK &&
                     rd_message_sections(bytes, len, &said.wire) == RD_WIRE_OK;
        said.rcode = said.wire.flags & RD_DNS_RCODE;
        said.rcode |= (unsigned)said.wire.edns.extended_rcode << 4;
    }
    *ret_said = said;
}

static unsigned records(const struct rd_message *wire)
{
    return (unsigned)wire->count[0] + wire->count[1] + wire->count[2];
}

static bool is_nothing(const struct said *said)
{
    return said->stub->n == 0;
}

static bool is_icmp(const struct said *said)
{
    return said->stub->n == 1 && said->first->error == ECONNREFUSED &&
           rd_address_port(&said->first->to) == STUB_PORT;
}

static bool is_late(const struct said *said)
{
    return said->sound && said->first->due_ns == 6 * S + STUB_LATENCY &&
           said->stub->trouble_until_ns > said->stub->storm.sim->now_ns + 6 * S;
}

static bool is_two(const struct said *said)
{
    const struct sim_datagram *second = said->stub->kept[1];

    return said->stub->n == 2 && second->due_ns > said->first->due_ns &&
           (said->rcode == RD_SERVFAIL || second->len != said->first->len ||
            memcmp(second->bytes, said->first->bytes, second->len) != 0);
}

static bool is_servfail(const struct said *said)
{
    return said->sound && said->rcode == RD_SERVFAIL && records(&said->wire) == 1;
}

static bool is_refused(const struct said *said)
{
    return said->sound && (said->rcode == RD_REFUSED || said->rcode == RD_NOTIMP);
}

static bool is_uneducated(const struct said *said)
{
    return said->sound && said->rcode == RD_FORMERR && records(&said->wire) == 0;
}

static bool is_truncated(const struct said *said)
{
    return said->wire.flags & RD_DNS_TC;
}

static bool is_unsound(const struct said *said)
{
    return !said->sound;
}

static bool is_of_other_question(const struct said *said)
{
    return said->wire.qdcount != 1 || said->wire.question_end != said->truth.question_end ||
           memcmp(said->first->bytes + 12, query.bytes + 12, said->wire.question_end - 12u) != 0;
}

static bool is_spelled_otherwise(const struct said *said)
{
    unsigned differ = 0;

    for (size_t i = 12; i < said->truth.question_end; i++)
        differ += (said->first->bytes[i] ^ query.bytes[i]) == 0x20;
    return said->sound && differ == 1;
}

static bool is_elsewhere(const struct said *said)
{
    struct storm *storm = &said->stub->storm;

    return said->stub->n == 1 &&
           !rd_address_equal(&said->first->from, &storm->servers[0][0]->address) &&
           !rd_address_equal(&said->first->from, &storm->servers[1][0]->address);
}

static bool has_more(const struct said *said)
{
    return said->sound && records(&said->wire) > records(&said->truth);
}

static bool is_without_soa(const struct said *said)
{
    return said->sound && said->truth.soa && said->wire.count[RD_AUTHORITY] == 0;
}

static bool is_referral(const struct said *said)
{
    return said->sound && said->wire.ns && !said->wire.soa && said->wire.count[RD_ANSWER] == 0;
}

static bool has_other_cookie(const struct said *said)
{
    const struct rd_edns *edns = &said->wire.edns;

    return said->sound && said->truth.edns.cookie_len > 0 &&
           (said->rcode == RD_BADCOOKIE || edns->cookie_len != said->truth.edns.cookie_len ||
            memcmp(said->first->bytes + edns->cookie_offset, query.bytes + query.len - 8, 8) != 0);
}

static const struct row {
    enum storm_fault fault;
    bool (*shows)(const struct said *said);
    unsigned least; /* of ASKED, that it shows in */
    bool trouble;   /* the oracle is told of each */
} rows[] = {
    {STORM_MUTE, is_nothing, ASKED, true},
    {STORM_LATE, is_late, ASKED, true},
    {STORM_TWICE, is_two, ASKED, false},
    {STORM_SERVFAIL, is_servfail, ASKED, true},
    {STORM_REFUSED, is_refused, ASKED, true},
    {STORM_UNEDUCATED, is_uneducated, ASKED, true},
    {STORM_TRUNCATE, is_truncated, ASKED, true},
    {STORM_LIE, is_unsound, ASKED * 9 / 10, true}, /* TC may be right, and a lie still fit */
    {STORM_QUESTION, is_of_other_question, ASKED * 9 / 10, true},
    {STORM_SPELLING, is_spelled_otherwise, ASKED, true},
    {STORM_ELSEWHERE, is_elsewhere, ASKED, true},
    {STORM_POISON, has_more, ASKED / 2, false},
    {STORM_NO_SOA, is_without_soa, ASKED / 10, false},
    {STORM_REFERRAL, is_referral, ASKED, true},
    {STORM_COOKIE, has_other_cookie, ASKED * 9 / 10, true},
    {STORM_ICMP, is_icmp, ASKED, true},
};

static void ask_with(struct stub *stub, const struct row *row)
{
    unsigned shown = 0;

    for (unsigned i = 0; i < ASKED; i++) {
        struct said said;

        stub_query(stub, i, i % 2 ? RD_TYPE_A : RD_TYPE_AAAA, &query);
        stub_ask_honestly(stub, &query, &honest);
        stub->fault = (int)row->fault;
        stub_ask(stub, &query);
        read_said(stub, &said);
        shown += row->shows(&said);
        if (row->trouble) {
            assert_true(stub->troubles > 0);
            assert_int_equal(stub->told.len, query.len);
            assert_memory_equal(stub->told.bytes, query.bytes, query.len);
        }
        stub_clear(stub);
    }
    if (shown < row->least)
        print_message("%d: %u\n", (int)row->fault, shown);
    assert_true(shown >= row->least);
}

static void test_each_fault_shows(void **state)
{
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ask_with(*state, &rows[i]);
}

static void test_without_a_fault_all_is_well(void **state)
{
    struct stub *stub = *state;

    for (unsigned i = 0; i < ASKED; i++) {
        struct rd_message wire;
        bool failed;

        stub_query(stub, i, RD_TYPE_A, &query);
        stub_ask(stub, &query);
        assert_int_equal(stub->n, 1);
        assert_int_equal(stub->kept[0]->due_ns, STUB_LATENCY);
        assert_int_equal(stub->kept[0]->tag, STORM_GENUINE);
        packet_parse(stub->kept[0]->bytes, stub->kept[0]->len, &wire, NULL);
        assert_memory_equal(stub->kept[0]->bytes + 12, query.bytes + 12, wire.question_end - 12);
        failed = (wire.flags & RD_DNS_RCODE) == RD_SERVFAIL;
        assert_int_equal(stub->troubles, failed);
        stub_clear(stub);
    }
}

static void test_some_know_cookies_and_some_do_not(void **state)
{
    struct stub *stub = *state;
    unsigned know = 0;

    for (unsigned seed = 0; seed < 30; seed++) {
        struct rd_message wire;

        stub_close(stub);
        stub_open(stub, seed);
        stub_query(stub, 0, RD_TYPE_A, &query);
        stub_ask_honestly(stub, &query, &honest);
        packet_parse(honest.bytes, honest.len, &wire, NULL);
        assert_true(wire.edns.cookie_len == 0 || wire.edns.cookie_len == 16);
        know += wire.edns.cookie_len != 0;
    }
    assert_in_range(know, 10, 28);
}

static void test_servers_and_routes_are_configured(void **state)
{
    struct stub *stub = *state;
    const struct rd_config *config = &stub->storm.config;

    assert_int_equal(config->n_pools, 2);
    assert_string_equal(config->pools[0].name, "default");
    assert_string_equal(config->pools[1].name, "second");
    assert_int_equal(config->routes.n, 1);
    assert_int_equal(config->routes.at[0].pool, 1);
    for (unsigned pool = 0; pool < 2; pool++) {
        assert_int_equal(config->pools[pool].servers.n, 2);
        assert_int_equal(config->pools[pool].probe.len, 1);
        for (unsigned i = 0; i < 2; i++)
            assert_true(rd_address_equal(&config->pools[pool].servers.at[i].address,
                                         &stub->storm.servers[pool][i]->address));
    }
}

static void test_a_dead_server_says_nothing_and_comes_back(void **state)
{
    struct stub *stub = *state;
    struct sim *sim = stub->storm.sim;
    struct sim_upstream *upstream = stub->storm.servers[0][0];

    stub_query(stub, 0, RD_TYPE_A, &query);
    servers_die(&stub->storm, 0, 0, sim->now_ns + S, true);
    stub_ask(stub, &query);
    assert_int_equal(stub->n, 0);
    assert_int_equal(stub->troubles, 1);
    assert_int_equal(upstream->accept, SIM_SILENT);
    servers_die(&stub->storm, 0, 0, sim->now_ns + 2 * S, false);
    stub_ask(stub, &query);
    assert_int_equal(stub->kept[0]->error, ECONNREFUSED);
    assert_int_equal(upstream->accept, SIM_REFUSE);
    assert_int_equal(stub->storm.servers[0][1]->accept, SIM_ACCEPT);
    stub_clear(stub);
    sim_run_for(sim, S);
    assert_int_equal(upstream->accept, SIM_REFUSE);
    sim_run_for(sim, S);
    assert_int_equal(upstream->accept, SIM_ACCEPT);
    stub_ask(stub, &query);
    assert_int_equal(stub->kept[0]->error, 0);
}

static void test_a_cookie_stays_until_it_is_replaced(void **state)
{
    struct stub *stub = *state;
    struct rd_message first, second;

    for (unsigned i = 0; i < ASKED; i++) {
        stub_query(stub, i, RD_TYPE_A, &query);
        stub_ask_honestly(stub, &query, &honest);
        packet_parse(honest.bytes, honest.len, &first, NULL);
        stub_ask(stub, &query);
        packet_parse(stub->kept[0]->bytes, stub->kept[0]->len, &second, NULL);
        assert_int_equal(first.edns.cookie_len, second.edns.cookie_len);
        assert_memory_equal(honest.bytes + first.edns.cookie_offset,
                            stub->kept[0]->bytes + second.edns.cookie_offset,
                            first.edns.cookie_len);
        stub_clear(stub);
    }
}

/* Forgers. */

struct luck {
    unsigned forged, lucky;
};

static void count_forged(struct stub *stub, struct luck *luck)
{
    for (unsigned i = 0; i < stub->n; i++) {
        const struct sim_datagram *datagram = stub->kept[i];
        bool right = rd_get_u16(datagram->bytes) == 0x1234 &&
                     rd_address_port(&datagram->to) == STUB_PORT &&
                     memcmp(datagram->bytes + 12, query.bytes + 12, 20) == 0;

        if (datagram->tag == STORM_GENUINE) {
            assert_int_equal(datagram->due_ns, STUB_LATENCY);
            continue;
        }
        assert_true(datagram->due_ns < STUB_LATENCY);
        assert_int_equal(datagram->tag, right ? STORM_LUCKY : STORM_FORGED);
        luck->lucky += right;
        luck->forged++;
    }
    assert_int_equal(stub->kept[stub->n - 1]->tag, STORM_GENUINE);
}

static struct luck let_forge(struct stub *stub, enum storm_fault fault, bool upper)
{
    struct luck luck = {0};

    stub->fault = (int)fault;
    for (unsigned i = 0; i < ASKED; i++) {
        struct rd_message wire;

        stub_query(stub, i, i % 3 ? RD_TYPE_AAAA : RD_TYPE_TXT, &query);
        if (upper)
            query.bytes[13] = (uint8_t)(query.bytes[13] & ~0x20);
        stub_ask(stub, &query);
        assert_true(stub->troubles > 0);
        packet_parse(stub->kept[0]->bytes, stub->kept[0]->len, &wire, NULL);
        assert_int_equal(wire.count[RD_ANSWER], 1);
        count_forged(stub, &luck);
        stub_clear(stub);
    }
    return luck;
}

static void test_forgers_guess_and_are_lucky_now_and_then(void **state)
{
    struct luck luck = let_forge(*state, STORM_FORGE, false);

    assert_in_range(luck.forged, ASKED * 15, ASKED * 25);
    assert_in_range(luck.lucky, ASKED / 4, ASKED * 2);
}

static void test_spelling_is_more_than_forgers_know(void **state)
{
    struct luck luck = let_forge(*state, STORM_FORGE, true);

    assert_true(luck.forged > ASKED);
    assert_int_equal(luck.lucky, 0);
}

static void test_blind_forgers_are_hardly_ever_lucky(void **state)
{
    struct luck luck = let_forge(*state, STORM_FORGE_BLIND, false);

    assert_in_range(luck.forged, ASKED * 5, ASKED * 15);
    assert_int_equal(luck.lucky, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STUB_TEST(test_each_fault_shows),
        STUB_TEST(test_without_a_fault_all_is_well),
        STUB_TEST(test_some_know_cookies_and_some_do_not),
        STUB_TEST(test_servers_and_routes_are_configured),
        STUB_TEST(test_a_dead_server_says_nothing_and_comes_back),
        STUB_TEST(test_a_cookie_stays_until_it_is_replaced),
        STUB_TEST(test_forgers_guess_and_are_lucky_now_and_then),
        STUB_TEST(test_spelling_is_more_than_forgers_know),
        STUB_TEST(test_blind_forgers_are_hardly_ever_lucky),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
