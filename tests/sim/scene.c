/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scene.c - scene.h. The configuration is written out here, not parsed: the control plane's reader
 * has tests of its own.
 */
#include "sim/scene.h"

#include <stdlib.h>

#include "sim/sim_io.h"
#include "worker.h"

/* What both models answer; overwritten by the next one. */
static const struct packet *compose(const uint8_t *query, size_t len)
{
    static struct packet reply;
    struct rd_message message;

    packet_parse(query, len, &message, NULL);
    packet_reply(&reply, query, len, 0);
    packet_a(&reply, RD_ANSWER, 80);
    if (message.edns.present)
        packet_opt(&reply, 1232, 0, 0, message.edns.dnssec_ok ? RD_EDNS_DO : 0);
    return &reply;
}

void scene_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query, size_t len,
                 uint16_t from_port)
{
    const struct packet *reply = compose(query, len);

    sim_reply(sim, upstream, reply->bytes, reply->len, from_port, 0);
}

void scene_stream_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                        const uint8_t *query, size_t len)
{
    const struct packet *reply = compose(query, len);

    (void)sim;
    (void)upstream;
    sim_conn_send_message(conn, reply->bytes, reply->len, 0);
}

static void allow(struct rd_config *config, const char *address, uint8_t bits)
{
    struct rd_prefix *prefix = &config->access_allow.at[config->access_allow.n++];
    union rd_address host = sim_address(address, 0);

    rd_address_host(&host, prefix->bytes);
    prefix->bits = bits;
}

void scene_open(struct scene *scene, uint64_t seed)
{
    struct rd_config *config = &scene->config;

    *scene = (struct scene){.sim = sim_new(seed), .max_ports = 4096, .n_workers = 1};
    scene->listener = sim_address("10.53.0.1", RD_DNS_PORT);
    config->listen = (struct rd_address_list){1, {scene->listener}};
    config->max_answer = 1232;
    allow(config, "10.1.0.0", 96 + 16);
    allow(config, "2001:db8:1::", 48);
    config->inflight_queries = 1024;
    config->inflight_waiters = 2048;
    config->ports_per_upstream = 128;
    config->tcp_connections = 64;
    config->tcp_per_prefix = 48;
    config->tcp_pipeline = 32;
    config->tcp_unsent = 128 << 10;
    config->tcp_idle = 10000;
    config->tcp_message = 5000;
    config->tcp_upstream_idle = 5000;
    config->tcp_per_worker = 2;
    config->tcp_per_upstream = 16;
    config->inflight_upstream = 16384;
    config->cache_max_ttl = 86400000;
    config->cache_negative_ttl = 3600000;
    config->cache_rotate = true;
    config->cache_stale = 86400000;
    config->cache_prefetch = true;
    config->n_pools = 1;
    config->pools[0].probe.len = 1;
    memcpy(config->pools[0].name, "default", sizeof("default"));
    scene->client = scene_client(scene, 0x0203);
    scene->upstream = scene_add_upstream(scene, "198.51.100.1", scene_model, 5 * MS);
}

struct sim_upstream *scene_add_upstream(struct scene *scene, const char *address, sim_model *model,
                                        uint64_t latency_ns)
{
    struct rd_server_list *servers = &scene->config.pools[0].servers;
    struct sim_upstream *upstream = sim_upstream_add(scene->sim, address, model, scene, latency_ns);

    upstream->accept = SIM_ACCEPT;
    upstream->reply_stream = scene_stream_model;
    servers->at[servers->n++] = (struct rd_server_config){upstream->address, 1, 0};
    return upstream;
}

static bool worker_turn(void *context)
{
    return rd_worker_turn(context);
}

static const struct rd_snapshot *compile(struct scene *scene)
{
    struct rd_snapshot **snapshot = &scene->snapshots[scene->n_snapshots];

    assert_true(scene->n_snapshots < SCENE_SNAPSHOTS);
    assert_int_equal(rd_snapshot_new(scene->fleet, &scene->config, ++scene->n_snapshots, snapshot),
                     0);
    return *snapshot;
}

static void start_worker(struct scene *scene, struct rd_worker_setup *setup, unsigned index)
{
    struct rd_worker **worker = &scene->workers[index];
    struct rd_failure failure;

    setup->index = index;
    sim_random_bytes(scene->sim, setup->seed, sizeof(setup->seed));
    assert_int_equal(worker_new_on(&sim_io_ops, setup, worker, &failure), 0);
    assert_int_equal(rd_worker_start(*worker, &failure), 0);
    sim_worker_add(scene->sim, worker_turn, *worker);
}

/* What the workers have in common. */
static void open_shared(struct scene *scene, struct rd_worker_setup *setup)
{
    struct rd_cache_setup cache = {.bytes = scene->cache_bytes, .workers = scene->n_workers};

    scene->fleet = rd_fleet_new();
    assert_non_null(scene->fleet);
    sim_random_bytes(scene->sim, setup->hash_key, sizeof(setup->hash_key));
    memcpy(cache.hash_key, setup->hash_key, sizeof(cache.hash_key));
    scene->config.cache_size = scene->cache_bytes;
    assert_int_equal(rd_cache_new(&cache, &scene->cache), 0);
    if (scene->n_workers > 1)
        scene->exchange = rd_exchange_new(scene->n_workers, scene->config.inflight_queries);
    setup->fleet = scene->fleet;
    setup->cache = scene->cache;
    setup->exchange = scene->exchange;
}

void scene_start(struct scene *scene)
{
    struct rd_worker_setup setup = {.workers = scene->n_workers,
                                    .io = RD_IO_SYSCALL,
                                    .max_ports = scene->max_ports,
                                    .max_connections = scene->config.tcp_connections,
                                    .ports_avoid = &scene->avoid};

    if (scene->worker)
        return;
    open_shared(scene, &setup);
    setup.snapshot = compile(scene);
    for (unsigned i = 0; i < scene->n_workers; i++)
        start_worker(scene, &setup, i);
    scene->worker = scene->workers[0];
}

uint64_t scene_sum(const struct scene *scene, size_t field_offset)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < scene->n_workers; i++) {
        const struct rd_stats *stats = rd_worker_stats(scene->workers[i]);

        sum += rd_stat_get((const _Atomic uint64_t *)((const char *)stats + field_offset));
    }
    return sum;
}

void scene_publish(struct scene *scene)
{
    const struct rd_snapshot *snapshot = compile(scene);

    for (unsigned i = 0; i < scene->n_workers; i++)
        rd_worker_publish(scene->workers[i], snapshot);
}

void scene_finish(struct scene *scene)
{
    for (unsigned i = 0; i < scene->n_workers && !scene->finished; i++)
        rd_worker_finish(scene->workers[i]);
    scene->finished = true;
}

static bool stopped(void *context)
{
    struct scene *scene = context;

    return !sim_workers_running(scene->sim);
}

/* What must hold when the workers are through. */
static void look_behind(struct scene *scene)
{
    uint64_t order_ns = scene->sim->now_ns;

    for (unsigned i = 0; i < scene->n_workers; i++)
        rd_worker_stop(scene->workers[i]);
    sim_run_until(scene->sim, stopped, scene, order_ns + SCENE_PATIENCE_NS);
    assert_string_equal(scene->sim->broken, "");
    assert_false(sim_workers_running(scene->sim));
    assert_in_range(scene->sim->now_ns - order_ns, 0, 4 * S + 100 * MS);
    assert_int_equal(SCENE_SUM(scene, waiters), 0);
    assert_int_equal(scene->sim->buffers_out, 0);
    scene_finish(scene);
    assert_int_equal(SCENE_SUM(scene, inflight), 0);
    assert_string_equal(scene->sim->broken, "");
    assert_int_equal(scene->sim->ports_open, 0);
    assert_int_equal(scene->sim->streams_open, 0);
}

void scene_close(struct scene *scene)
{
    if (scene->worker)
        look_behind(scene);
    for (unsigned i = 0; i < scene->n_workers; i++)
        rd_worker_free(scene->workers[i]);
    for (unsigned i = 0; i < scene->n_snapshots; i++)
        rd_snapshot_free(scene->fleet, scene->snapshots[i]);
    rd_exchange_free(scene->exchange);
    rd_cache_free(scene->cache);
    rd_fleet_free(scene->fleet);
    sim_free(scene->sim);
}

int scene_setup(void **state)
{
    *state = malloc(sizeof(struct scene));
    if (!*state)
        abort();
    scene_open(*state, 1);
    return 0;
}

int scene_teardown(void **state)
{
    scene_close(*state);
    free(*state);
    return 0;
}

struct sim_client *scene_client(struct scene *scene, unsigned number)
{
    union rd_address address = sim_address("10.1.0.0", (uint16_t)(40000 + number % 1000));

    address.v4.sin_addr.s_addr |= htonl(number & 0xffff);
    return sim_client(scene->sim, &address);
}

struct sim_client *scene_client_of(struct scene *scene, unsigned worker, unsigned number)
{
    scene_start(scene);
    for (unsigned i = 0;; i++) {
        struct sim_client *client = scene_client(scene, i);

        if (sim_listener(scene->sim, &client->address, &scene->listener) ==
                scene->sim->ios[worker] &&
            number-- == 0)
            return client;
    }
}

void scene_send(struct scene *scene, struct sim_client *client, const struct packet *packet)
{
    scene_start(scene);
    sim_ask(scene->sim, client, &scene->listener, packet->bytes, packet->len);
}

void scene_ask(struct scene *scene, struct sim_client *client, const struct ask *ask)
{
    static struct packet packet;

    packet_query(&packet, ask);
    scene_send(scene, client, &packet);
}

struct awaited {
    const struct sim_log *log;
    unsigned n;
};

static bool arrived(void *context)
{
    const struct awaited *awaited = context;

    return awaited->log->n >= awaited->n;
}

static const struct sim_packet *await(struct scene *scene, const struct sim_log *log, unsigned n)
{
    struct awaited awaited = {log, n};
    bool came =
        sim_run_until(scene->sim, arrived, &awaited, scene->sim->now_ns + SCENE_PATIENCE_NS);

    assert_string_equal(scene->sim->broken, "");
    assert_true(came);
    return &log->at[log->n - 1];
}

const struct sim_packet *scene_wait(struct scene *scene, struct sim_client *client, unsigned n)
{
    return await(scene, &client->answers, n);
}

const struct sim_packet *scene_wait_query(struct scene *scene, struct sim_upstream *upstream,
                                          unsigned n)
{
    return await(scene, &upstream->queries, n);
}

const struct sim_packet *scene_exchange_packet(struct scene *scene, const struct packet *packet,
                                               struct rd_message *ret_message)
{
    unsigned before = scene->client->answers.n;
    const struct sim_packet *answer;

    scene_send(scene, scene->client, packet);
    answer = scene_wait(scene, scene->client, before + 1);
    packet_parse(answer->bytes, answer->len, ret_message, NULL);
    assert_true(ret_message->flags & RD_DNS_QR);
    return answer;
}

const struct sim_packet *scene_exchange(struct scene *scene, const struct ask *ask,
                                        struct rd_message *ret_message)
{
    static struct packet packet;

    packet_query(&packet, ask);
    return scene_exchange_packet(scene, &packet, ret_message);
}

struct sim_conn *scene_connect(struct scene *scene, struct sim_client *client)
{
    scene_start(scene);
    return sim_connect(scene->sim, client, &scene->listener);
}

void scene_conn_send(struct sim_conn *conn, const struct packet *packet)
{
    sim_conn_send_message(conn, packet->bytes, packet->len, 0);
}

void scene_conn_ask(struct sim_conn *conn, const struct ask *ask)
{
    static struct packet packet;

    packet_query(&packet, ask);
    scene_conn_send(conn, &packet);
}

const struct sim_packet *scene_conn_wait(struct scene *scene, struct sim_conn *conn, unsigned n)
{
    return await(scene, &conn->messages, n);
}

static bool is_closed(void *context)
{
    const struct sim_conn *conn = context;

    return conn->ended_ns || conn->reset_ns;
}

bool scene_conn_wait_closed(struct scene *scene, struct sim_conn *conn)
{
    bool closed =
        sim_run_until(scene->sim, is_closed, conn, scene->sim->now_ns + SCENE_PATIENCE_NS);

    assert_string_equal(scene->sim->broken, "");
    assert_true(closed);
    return conn->reset_ns != 0;
}

const struct sim_packet *scene_wait_stream_query(struct scene *scene, struct sim_upstream *upstream,
                                                 unsigned n)
{
    return await(scene, &upstream->stream_queries, n);
}

const struct sim_packet *scene_conn_exchange_packet(struct scene *scene, struct sim_conn *conn,
                                                    const struct packet *packet,
                                                    struct rd_message *ret_message)
{
    unsigned before = conn->messages.n;
    const struct sim_packet *answer;

    scene_conn_send(conn, packet);
    answer = scene_conn_wait(scene, conn, before + 1);
    packet_parse(answer->bytes, answer->len, ret_message, NULL);
    assert_true(ret_message->flags & RD_DNS_QR);
    return answer;
}

const struct sim_packet *scene_conn_exchange(struct scene *scene, struct sim_conn *conn,
                                             const struct ask *ask, struct rd_message *ret_message)
{
    static struct packet packet;

    packet_query(&packet, ask);
    return scene_conn_exchange_packet(scene, conn, &packet, ret_message);
}

int scene_ede(const struct rd_message *message)
{
    if (!message->edns.present || message->edns.n_ede == 0)
        return RD_EDE_NONE;
    assert_int_equal(message->edns.n_ede, 1);
    return message->edns.ede[0].code;
}
