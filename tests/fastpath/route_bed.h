/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * route_bed.h - a configuration and the routes that are made of it, for the tests of route.c.
 */
#ifndef RINGDNS_TESTS_ROUTE_BED_H
#define RINGDNS_TESTS_ROUTE_BED_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "route.h"

#define V6_ZERO "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"
#define V6_ONE  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"

/* A configuration, and what is compiled of it when the first name is looked up. */
struct bed {
    struct rd_config config;
    struct routes *routes;
};

/* cmocka's: all switches as they are by default, three pools with one public server each. */
int bed_setup(void **state);
int bed_teardown(void **state);
#define ROUTE_TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

union rd_address bed_address(const char *text);
void add_server(struct bed *bed, unsigned pool, const char *host);
void add_route(struct bed *bed, const char *suffix, uint8_t pool);
/* The configuration has changed by other hands. */
void again(struct bed *bed);

struct route find(struct bed *bed, const char *name, uint16_t type);
/* Of type A: where it goes, and where the suffix begins. */
void assert_local(struct bed *bed, const char *name, enum route_kind kind, uint8_t at);
void assert_pool(struct bed *bed, const char *name, uint8_t pool);

#endif
