/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * echo.c - echo.h. The worker's turn has the shape of a real one: turn, recv, send, events.
 */
#include "sim/echo.h"

static bool echo_turn(void *context)
{
    struct echo *echo = context;
    struct io_message msgs[RD_BATCH];
    unsigned n;

    echo->turned_ns = echo->io->ops->turn(echo->io, echo->deadline_ns);
    echo->turns++;
    if (echo->deadline_ns <= echo->turned_ns)
        echo->deadline_ns = RD_NEVER;
    n = echo->io->ops->recv(echo->io, msgs, RD_BATCH);
    for (unsigned i = 0; i < n; i++) {
        if (msgs[i].origin == IO_CLIENT) {
            echo->received++;
            echo->io->ops->send(echo->io, &msgs[i], 1);
            continue;
        }
        echo->port_received++;
        assert_true(msgs[i].len < sizeof(echo->last));
        memcpy(echo->last, msgs[i].data, msgs[i].len);
        echo->last[msgs[i].len] = 0;
        echo->io->ops->drop(echo->io, &msgs[i], 1);
    }
    echo->port_events += echo->io->ops->events(echo->io, &echo->event, 1);
    return true;
}

void world_add_worker(struct world *world, const union rd_address *listener, uint32_t buffers)
{
    struct echo *echo = &world->echo[world->workers];
    struct io_plan plan = {.listeners = listener,
                           .n_listeners = 1,
                           .worker = world->workers++,
                           .workers = 2,
                           .max_ports = 4,
                           .buffers = buffers,
                           .answer_buffers = 2,
                           .stats = &echo->stats};
    struct rd_failure failure;

    *echo = (struct echo){.deadline_ns = RD_NEVER};
    assert_int_equal(sim_io_ops.open(&plan, &echo->io, &failure), 0);
    assert_int_equal(echo->io->ops->start(echo->io, &failure), 0);
    sim_worker_add(world->sim, echo_turn, echo);
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
