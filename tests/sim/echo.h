/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * echo.h - the smallest world: a client and workers that only send back what they get, for the
 * tests of the simulation itself.
 */
#ifndef RINGDNS_TESTS_ECHO_H
#define RINGDNS_TESTS_ECHO_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "sim/sim_io.h"

#define MS RD_NS_PER_MS

/* A worker that echoes; of what comes to its ports the last is kept. */
struct echo {
    struct io *io;
    struct rd_stats stats;
    uint64_t deadline_ns, turned_ns;
    unsigned turns, received, port_received, port_events;
    struct io_event event;
    char last[16];
};

struct world {
    struct sim *sim;
    struct sim_client *client;
    union rd_address listener;
    struct echo echo[2];
    unsigned workers;
};

/* A world with one worker of BUFFERS receive buffers, two for answers and four ports. */
void world_open(struct world *world, uint64_t seed, uint32_t buffers);
void world_close(struct world *world);
/* One more worker; LISTENER must live as long as the world. */
void world_add_worker(struct world *world, const union rd_address *listener, uint32_t buffers);
/* The client sends TEXT to the first worker's listener. */
void world_ask(struct world *world, const char *text);

/* cmocka's; *STATE is the struct world. The second teardown is for tests that break a rule. */
int world_setup(void **state);
int world_teardown(void **state);
int world_teardown_broken(void **state);
#define WORLD_TEST(name)  cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define BROKEN_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown_broken)

#endif
