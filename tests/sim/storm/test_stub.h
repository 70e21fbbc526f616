/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stub.h - a storm without a forwarder, for the tests of its upstreams and its network: a
 * fault happens always or never, and what is sent is kept.
 */
#ifndef RINGDNS_TESTS_STORM_TEST_STUB_H
#define RINGDNS_TESTS_STORM_TEST_STUB_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "sim/conn.h"
#include "sim/packets.h"
#include "sim/storm/oracle.h"
#include "sim/storm/servers.h"
#include "sim/storm/truth.h"

#define STUB_NAMES   400
#define STUB_LATENCY (5 * RD_NS_PER_MS)
#define STUB_PORT    4321
#define STUB_KEPT    64

struct stub {
    struct storm storm;
    int fault; /* that happens at every opportunity; -1: none */
    /* What oracle_trouble was told: */
    unsigned troubles, troubles_of_all;
    uint64_t trouble_until_ns;
    struct packet told;
    /* What was sent by UDP, with due_ns as the delay; or what has arrived: */
    unsigned n;
    struct sim_datagram *kept[STUB_KEPT];
};

/* cmocka's; *STATE is the struct stub. Two pools of two servers, of which server 0 knows cookies.
 */
int stub_setup(void **state);
int stub_teardown(void **state);
#define STUB_TEST(name) cmocka_unit_test_setup_teardown(name, stub_setup, stub_teardown)

/* Another seed, from the beginning. */
void stub_open(struct stub *stub, uint64_t seed);
void stub_close(struct stub *stub);
/* Forgets what was kept and told. */
void stub_clear(struct stub *stub);
/* Whether what arrives is kept from now on, instead of what is sent by UDP. */
void stub_keep_arrivals(struct stub *stub, bool on);

/* A query for name NUMBER: EDNS with DO=0 and a cookie, ID 0x1234. */
void stub_query(struct stub *stub, unsigned number, uint16_t type, struct packet *ret_query);
/* Server 0 of the name's pool gets QUERY by UDP. That server. */
struct sim_upstream *stub_ask(struct stub *stub, const struct packet *query);
/* The same without a fault: its reply. Nothing is kept. */
void stub_ask_honestly(struct stub *stub, const struct packet *query, struct packet *ret_reply);

#endif
