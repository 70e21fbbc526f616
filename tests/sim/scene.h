/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scene.h - a forwarder in the simulated world, with one worker and one upstream that answers
 * everything, for the tests of a query's and a reply's life.
 *
 * A test changes config and upstreams as it needs; the worker starts with the first question.
 * The teardown stops it and looks whether anything was left behind.
 */
#ifndef RINGDNS_TESTS_SCENE_H
#define RINGDNS_TESTS_SCENE_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "ringdns/cache.h"
#include "ringdns/worker.h"
#include "sim/conn.h"
#include "sim/packets.h"
#include "sim/sim.h"

#define MS RD_NS_PER_MS
#define S  RD_NS_PER_S

/* As long as a question may take (4 s), and some more. */
#define SCENE_PATIENCE_NS (6 * S)
#define SCENE_SNAPSHOTS   4
#define SCENE_WORKERS     2
#define SCENE_CACHE_BYTES (8u << 20) /* room for all that a test asks */

struct scene {
    struct sim *sim;
    struct rd_config config;
    unsigned max_ports;
    struct rd_port_list avoid;
    union rd_address listener;
    struct sim_client *client;     /* 10.1.2.3, one of the allowed */
    struct sim_upstream *upstream; /* 198.51.100.1, 5 ms away, scene_model */
    struct rd_fleet *fleet;
    uint64_t cache_bytes; /* 0: nothing is kept; as the rest, before the start */
    struct rd_cache *cache;
    struct rd_exchange *exchange; /* NULL for one worker */
    struct rd_snapshot *snapshots[SCENE_SNAPSHOTS];
    unsigned n_snapshots;
    unsigned n_workers; /* 1; more before the start */
    struct rd_worker *workers[SCENE_WORKERS];
    struct rd_worker *worker; /* the first one; NULL until scene_start */
    bool finished;
};

#define SCENE_STAT(scene, field) rd_stat_get(&rd_worker_stats((scene)->worker)->field)

/* The same over all workers. */
#define SCENE_SUM(scene, field) scene_sum(scene, offsetof(struct rd_stats, field))
uint64_t scene_sum(const struct scene *scene, size_t field_offset);

/* cmocka's; *STATE is the struct scene. */
int scene_setup(void **state);
int scene_teardown(void **state);
#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

/* A scene of SEED for a test that needs more than one; closing looks as the teardown does. */
void scene_open(struct scene *scene, uint64_t seed);
void scene_close(struct scene *scene);

/* Answers with 192.0.2.80, with an OPT when there is one in the query; AD, AA as nobody asked. */
void scene_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query, size_t len,
                 uint16_t from_port);

/* The same by TCP. */
void scene_stream_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                        const uint8_t *query, size_t len);

/* One more server in the pool, before the start. By TCP it accepts, and has scene_stream_model. */
struct sim_upstream *scene_add_upstream(struct scene *scene, const char *address, sim_model *model,
                                        uint64_t latency_ns);
/* Starts the workers; does nothing when they run. */
void scene_start(struct scene *scene);
/* Compiles config and publishes it. */
void scene_publish(struct scene *scene);

/* rd_worker_finish, for a test that looks at what comes after; once. */
void scene_finish(struct scene *scene);

/* A client of 10.1.0.0/16 by number. */
struct sim_client *scene_client(struct scene *scene, unsigned number);
/* The NUMBERth, from 0, of those whose datagrams come to WORKER. Starts the workers. */
struct sim_client *scene_client_of(struct scene *scene, unsigned worker, unsigned number);
void scene_send(struct scene *scene, struct sim_client *client, const struct packet *packet);
void scene_ask(struct scene *scene, struct sim_client *client, const struct ask *ask);
/* Runs until CLIENT has N answers in all, which must be within SCENE_PATIENCE_NS. The last one. */
const struct sim_packet *scene_wait(struct scene *scene, struct sim_client *client, unsigned n);
/* Runs until UPSTREAM has N queries in all; the last one. */
const struct sim_packet *scene_wait_query(struct scene *scene, struct sim_upstream *upstream,
                                          unsigned n);
/* Asks as the scene's client and waits for the answer, which must be sound. */
const struct sim_packet *scene_exchange(struct scene *scene, const struct ask *ask,
                                        struct rd_message *ret_message);
const struct sim_packet *scene_exchange_packet(struct scene *scene, const struct packet *packet,
                                               struct rd_message *ret_message);
/* By TCP: */

/* CLIENT begins a connection to the listener. */
struct sim_conn *scene_connect(struct scene *scene, struct sim_client *client);
/* Sends a whole message on CONN. */
void scene_conn_send(struct sim_conn *conn, const struct packet *packet);
void scene_conn_ask(struct sim_conn *conn, const struct ask *ask);
/* Runs until N messages have come on CONN in all, as scene_wait; the last one. */
const struct sim_packet *scene_conn_wait(struct scene *scene, struct sim_conn *conn, unsigned n);
/* Runs until the worker has closed or refused CONN, as scene_wait. Whether by RST. */
bool scene_conn_wait_closed(struct scene *scene, struct sim_conn *conn);
/* Runs until UPSTREAM has N queries by TCP in all; the last one. */
const struct sim_packet *scene_wait_stream_query(struct scene *scene, struct sim_upstream *upstream,
                                                 unsigned n);
/* Asks on CONN and waits for the answer, which must be sound. */
const struct sim_packet *scene_conn_exchange(struct scene *scene, struct sim_conn *conn,
                                             const struct ask *ask, struct rd_message *ret_message);
const struct sim_packet *scene_conn_exchange_packet(struct scene *scene, struct sim_conn *conn,
                                                    const struct packet *packet,
                                                    struct rd_message *ret_message);

/* The INFO-CODE of the answer's one extended error, or -1: none. */
int scene_ede(const struct rd_message *message);

#endif
