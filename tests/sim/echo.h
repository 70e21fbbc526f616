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

#include "sim/conn.h"
#include "sim/sim_io.h"

#define MS RD_NS_PER_MS

#define ECHO_EVENTS 64

/* A worker that echoes; of what comes to its ports, and to its streams to upstreams, the last is
 * kept. It reads from every client that is accepted and closes when that has ended and has all. */
struct echo {
    struct io *io;
    struct rd_stats stats;
    uint64_t deadline_ns, turned_ns;
    unsigned turns, received, port_received, port_events;
    struct io_event event;
    char last[16];
    bool passive;    /* does nothing upon events of streams */
    struct io *rung; /* another worker's, to be woken for every query that came; NULL: none */
    unsigned stream_received;
    struct io_event events[ECHO_EVENTS]; /* of streams, the first ones */
    unsigned n_events;
};

struct world {
    struct sim *sim;
    struct sim_client *client;
    union rd_address listener;
    struct echo echo[2];
    unsigned workers;
};

/* A world with one worker of BUFFERS receive buffers, two for answers and four ports; four streams
 * with four buffers and two large ones. */
void world_open(struct world *world, uint64_t seed, uint32_t buffers);
void world_close(struct world *world);
/* One more worker; LISTENER must live as long as the world. */
void world_add_worker(struct world *world, const union rd_address *listener, uint32_t buffers);
/* The same with a plan whose worker's number and counters need not be filled in. */
void world_add_planned(struct world *world, const struct io_plan *plan);
/* The client sends TEXT to the first worker's listener. */
void world_ask(struct world *world, const char *text);

/* The client begins a connection to the same. */
struct sim_conn *world_connect(struct world *world);
/* One that stands and that the worker knows. */
struct sim_conn *world_stand(struct world *world);
/* The far end sends TEXT as a message. */
void conn_say(struct sim_conn *conn, const char *text);
void assert_packet(const struct sim_packet *packet, const char *text);
/* How many events of KIND the worker has had, of all streams. */
unsigned echo_count(const struct echo *echo, enum io_event_kind kind);
/* The worker sends LEN bytes to a stream. */
void echo_send(struct echo *echo, enum io_origin origin, uint32_t stream, uint32_t len);

/* cmocka's; *STATE is the struct world. The second teardown is for tests that break a rule. */
int world_setup(void **state);
int world_teardown(void **state);
int world_teardown_broken(void **state);
#define WORLD_TEST(name)  cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define BROKEN_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown_broken)

#endif
