/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * echo.c - echo.h. The worker's turn has the shape of a real one: turn, recv, send, events.
 */
#include "sim/echo.h"

static void keep(struct echo *echo, const struct io_message *msg)
{
    uint32_t len = msg->len < sizeof(echo->last) ? msg->len : (uint32_t)sizeof(echo->last) - 1;

    memcpy(echo->last, msg->data, len);
    echo->last[len] = 0;
}

static void echo_message(struct echo *echo, const struct io_message *msg)
{
    if (msg->origin == IO_CLIENT) {
        echo->received++;
        if (echo->rung)
            echo->rung->ops->wake(echo->rung);
        echo->io->ops->send(echo->io, msg, 1);
        return;
    }
    if (msg->origin == IO_PORT)
        echo->port_received++;
    else
        echo->stream_received++;
    keep(echo, msg);
    echo->io->ops->drop(echo->io, msg, 1);
}

static bool has_ended(const struct echo *echo, uint32_t stream)
{
    for (unsigned i = 0; i < echo->n_events; i++) {
        if (echo->events[i].port == stream && echo->events[i].kind == IO_STREAM_ENDED)
            return true;
    }
    return false;
}

static void echo_stream_event(struct echo *echo, const struct io_event *event)
{
    const struct io_ops *ops = echo->io->ops;

    assert_true(echo->n_events < ECHO_EVENTS);
    echo->events[echo->n_events++] = *event;
    if (echo->passive || event->origin == IO_STREAM)
        return;
    if (event->kind == IO_STREAM_ACCEPTED)
        ops->stream_read(echo->io, event->port, true);
    if ((event->kind == IO_STREAM_ENDED || event->kind == IO_STREAM_DRAINED) &&
        has_ended(echo, event->port) && ops->stream_unsent(echo->io, event->port) == 0)
        ops->stream_close(echo->io, event->port, false);
}

static bool echo_turn(void *context)
{
    struct echo *echo = context;
    struct io_message msgs[RD_BATCH];
    struct io_event event;
    unsigned n;

    echo->turned_ns = echo->io->ops->turn(echo->io, echo->deadline_ns);
    echo->turns++;
    if (echo->deadline_ns <= echo->turned_ns)
        echo->deadline_ns = RD_NEVER;
    n = echo->io->ops->recv(echo->io, msgs, RD_BATCH);
    for (unsigned i = 0; i < n; i++)
        echo_message(echo, &msgs[i]);
    for (unsigned i = 0; i < 4 && echo->io->ops->events(echo->io, &event, 1) == 1; i++) {
        if (event.origin != IO_PORT) {
            echo_stream_event(echo, &event);
            continue;
        }
        echo->port_events++;
        echo->event = event;
    }
    return true;
}

void world_add_planned(struct world *world, const struct io_plan *plan)
{
    struct echo *echo = &world->echo[world->workers];
    struct io_plan whole = *plan;
    struct rd_failure failure;

    *echo = (struct echo){.deadline_ns = RD_NEVER};
    whole.worker = world->workers++;
    whole.workers = 2;
    whole.stats = &echo->stats;
    assert_int_equal(sim_io_ops.open(&whole, &echo->io, &failure), 0);
    assert_int_equal(echo->io->ops->start(echo->io, &failure), 0);
    sim_worker_add(world->sim, echo_turn, echo);
}

void world_add_worker(struct world *world, const union rd_address *listener, uint32_t buffers)
{
    struct io_plan plan = {.listeners = listener,
                           .n_listeners = 1,
                           .max_ports = 4,
                           .max_streams = 4,
                           .buffers = buffers,
                           .answer_buffers = 2,
                           .stream_buffers = 4,
                           .large_buffers = 2};

    world_add_planned(world, &plan);
}

void world_open(struct world *world, uint64_t seed, uint32_t buffers)
{
    union rd_address address = sim_address("192.0.2.7", 5555);

    *world = (struct world){.sim = sim_new(seed), .listener = sim_address("10.53.0.1", 53)};
    world->client = sim_client(world->sim, &address);
    world_add_worker(world, &world->listener, buffers);
}

void world_close(struct world *world)
{
    for (unsigned i = 0; i < world->workers; i++) {
        world->echo[i].io->ops->stop(world->echo[i].io);
        world->echo[i].io->ops->close(world->echo[i].io);
    }
    sim_free(world->sim);
}

void world_ask(struct world *world, const char *text)
{
    sim_ask(world->sim, world->client, &world->listener, (const uint8_t *)text, strlen(text));
}

struct sim_conn *world_connect(struct world *world)
{
    return sim_connect(world->sim, world->client, &world->listener);
}

struct sim_conn *world_stand(struct world *world)
{
    struct sim_conn *conn = world_connect(world);
    uint64_t round_ns = 2 * world->sim->client_latency_ns, began_ns = world->sim->now_ns;

    sim_run_for(world->sim, MS);
    assert_int_equal(conn->connected_ns, began_ns + round_ns);
    return conn;
}

void conn_say(struct sim_conn *conn, const char *text)
{
    sim_conn_send_message(conn, text, strlen(text), 0);
}

void assert_packet(const struct sim_packet *packet, const char *text)
{
    assert_int_equal(packet->len, strlen(text));
    assert_memory_equal(packet->bytes, text, packet->len);
}

unsigned echo_count(const struct echo *echo, enum io_event_kind kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < echo->n_events; i++)
        n += echo->events[i].kind == kind;
    return n;
}

void echo_send(struct echo *echo, enum io_origin origin, uint32_t stream, uint32_t len)
{
    struct io_message msg;

    assert_true(echo->io->ops->alloc(echo->io, len, &msg));
    memset(msg.data, 'x', len);
    msg.origin = (uint8_t)origin;
    if (origin == IO_STREAM)
        msg.port = stream;
    else
        msg.path = (struct io_path){.way = stream, .via = IO_TCP};
    msg.len = len;
    echo->io->ops->send(echo->io, &msg, 1);
}

int world_setup(void **state)
{
    static struct world world;

    world_open(&world, 1, 8);
    *state = &world;
    return 0;
}

int world_teardown(void **state)
{
    struct world *world = *state;

    assert_string_equal(world->sim->broken, "");
    assert_int_equal(world->sim->buffers_out, 0);
    world_close(world);
    return 0;
}

int world_teardown_broken(void **state)
{
    struct world *world = *state;

    assert_string_not_equal(world->sim->broken, "");
    world_close(world);
    return 0;
}
