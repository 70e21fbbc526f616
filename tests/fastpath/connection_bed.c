/* SPDX-License-Identifier: BSD-2-Clause */
/* connection_bed.c - an io of notes, and the context over it. */
#include "connection_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

static struct bed_stream *alive(struct io *io, uint32_t stream)
{
    struct bed_stream *found = bed_stream((struct bed *)io, stream);

    assert_true(found->alive && found->handle == stream);
    return found;
}

static void fake_send(struct io *io, const struct io_message *msgs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct bed_stream *stream = bed_stream((struct bed *)io, msgs[i].path.way);

        if (stream->alive && stream->handle == msgs[i].path.way)
            stream->unsent += msgs[i].len;
    }
}

static void fake_read(struct io *io, uint32_t stream, bool on)
{
    struct bed_stream *found = alive(io, stream);

    assert_int_not_equal(found->reading, on);
    found->reading = on;
    found->paused += !on;
}

static void fake_close(struct io *io, uint32_t stream, bool reset)
{
    struct bed_stream *found = alive(io, stream);

    found->alive = false;
    found->end = reset ? BED_RESET : BED_FIN;
}

static const union rd_address *fake_peer(struct io *io, uint32_t stream)
{
    return &alive(io, stream)->peer;
}

static uint32_t fake_unsent(struct io *io, uint32_t stream)
{
    return alive(io, stream)->unsent;
}

static const struct io_ops fake_ops = {
    .send = fake_send,
    .stream_read = fake_read,
    .stream_close = fake_close,
    .stream_peer = fake_peer,
    .stream_unsent = fake_unsent,
};

struct bed *bed_new(uint32_t max)
{
    struct bed *bed = test_calloc(1, sizeof(*bed));
    struct rd_config *config = &bed->snapshot.config;

    config->tcp_connections = max;
    config->tcp_per_prefix = 200000;
    config->tcp_pipeline = 8;
    config->tcp_unsent = 65536;
    config->tcp_idle = 10000;
    config->tcp_message = 5000;
    bed->io.ops = &fake_ops;
    bed->context.io = &bed->io;
    bed->context.stats = &bed->stats;
    bed->context.snapshot = &bed->snapshot;
    bed->context.now_ns = RD_NS_PER_S;
    rd_timer_wheel_init(&bed->context.timers, bed->context.now_ns);
    assert_int_equal(connections_init(&bed->context.connections, max, BED_PLACES), 0);
    return bed;
}

void bed_free(struct bed *bed)
{
    connections_deinit(&bed->context.connections);
    test_free(bed);
}

union rd_address bed_v4(uint32_t host)
{
    union rd_address address = {0};

    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(40000);
    address.v4.sin_addr.s_addr = htonl(0x0a000000u + host);
    return address;
}

struct bed_stream *bed_stream(struct bed *bed, uint32_t stream)
{
    return &bed->streams[io_stream_place(stream)];
}

bool bed_open(struct bed *bed, uint32_t stream)
{
    const struct bed_stream *found = bed_stream(bed, stream);

    return found->alive && found->handle == stream;
}

enum bed_end bed_end(struct bed *bed, uint32_t stream)
{
    return bed_stream(bed, stream)->end;
}

uint32_t bed_accept_from(struct bed *bed, uint32_t place, const union rd_address *peer)
{
    struct bed_stream *stream = &bed->streams[place];
    uint32_t generation = (stream->handle >> IO_STREAM_PLACE_BITS) + 1;

    assert_false(stream->alive);
    *stream = (struct bed_stream){
        .handle = generation << IO_STREAM_PLACE_BITS | place, .peer = *peer, .alive = true};
    bed_event(bed, stream->handle, IO_STREAM_ACCEPTED);
    return stream->handle;
}

uint32_t bed_accept(struct bed *bed, uint32_t place, uint32_t host)
{
    union rd_address peer = bed_v4(host);

    return bed_accept_from(bed, place, &peer);
}

void bed_event(struct bed *bed, uint32_t stream, enum io_event_kind kind)
{
    struct io_event event = {.port = stream, .kind = (uint8_t)kind, .origin = IO_CLIENT};

    connection_event(&bed->context, &event);
}

void bed_drain(struct bed *bed, uint32_t stream)
{
    context_flush(&bed->context);
    alive(&bed->io, stream)->unsent = 0;
    bed_event(bed, stream, IO_STREAM_DRAINED);
}

bool bed_begin(struct bed *bed, uint32_t stream)
{
    struct io_path path = {.way = stream, .via = IO_TCP};

    return connection_begin(&bed->context, &path);
}

void bed_answer(struct bed *bed, uint32_t stream, uint32_t bytes)
{
    struct io_message msg = {.len = bytes, .path = {.way = stream, .via = IO_TCP}};

    context_send(&bed->context, &msg);
    connection_end(&bed->context, &msg.path);
}

void bed_answer_taken(struct bed *bed, uint32_t stream)
{
    bed_answer(bed, stream, 100);
    bed_drain(bed, stream);
}

void bed_wait(struct bed *bed, uint64_t ms)
{
    struct context *context = &bed->context;
    uint64_t end_ns = context->now_ns + ms * RD_NS_PER_MS;

    while (context->now_ns < end_ns) {
        uint64_t next_ns = rd_timer_next(&context->timers);
        struct rd_timer *timer;

        if (next_ns > context->now_ns)
            context->now_ns = next_ns < end_ns ? next_ns : end_ns;
        while ((timer = rd_timer_expire(&context->timers, context->now_ns))) {
            assert_int_equal(timer->kind, TIMER_CONNECTION);
            connection_timeout(context, timer);
        }
    }
}
