/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_stream.c - whatever the pieces in which bytes come on streams, the same messages come out;
 * and whatever becomes of the streams, every buffer comes home.
 *
 * The first byte says how many buffers there are; then steps: a byte with a stream and what happens
 * to it. What came on a stream is kept whole, and a message that comes out must be what stands
 * there next.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "io/stream.h"

#define STREAMS   4
#define BATCH     8
#define LOG_BYTES (160u << 10)
#define HELD_MAX  6

/* More than the messages of two bytes that the logs can hold. */
#define ROUNDS_MAX (STREAMS * LOG_BYTES)

enum step { LITERAL, RUN, END, PAUSE, GO_ON, CLOSE, RECEIVE, RELEASE };

static struct {
    struct streams streams;
    struct buffers buffers;
    struct rd_stats stats;
    uint32_t home[8]; /* stream buffers that are home */
    struct io_message held[HELD_MAX];
    unsigned n_held;
    struct peer {
        uint32_t handle;
        bool open, ended;
        size_t sent, taken; /* bytes of LOG that came, and that came out as messages */
        uint8_t log[LOG_BYTES];
    } peers[STREAMS];
} bed;

static void give(struct streams *streams, uint32_t buffer)
{
    if (buffer >= streams->buffers->first_stream && buffer < streams->buffers->first_large) {
        bed.home[streams->buffers->n_idle_streams++] = buffer;
        streams->buffers->out--;
    } else if (buffer >= streams->buffers->first_large) {
        buffers_give_large(streams->buffers, buffer);
    } else {
        buffers_give(streams->buffers, buffer);
    }
}

/* The steps say when something comes. */
static void begin_read(struct streams *streams, uint32_t place)
{
    if (streams->buffers->n_idle_streams == 0)
        streams_push(streams, STREAM_HUNGRY, place);
}

static void shut(struct streams *streams, uint32_t place)
{
    streams->at[place].fd = -1;
}

static const struct stream_driver driver = {.give = give, .read = begin_read, .shut = shut};

/* The length of the message that came next on PEER, SIZE_MAX: it is not whole. */
static size_t next_len(const struct peer *peer)
{
    const uint8_t *at = peer->log + peer->taken;
    size_t left = peer->sent - peer->taken, len;

    if (left < 2)
        return SIZE_MAX;
    len = at[0] * 256u + at[1];
    return left - 2 < len ? SIZE_MAX : len;
}

static struct peer *peer_of(uint32_t handle)
{
    struct peer *peer = &bed.peers[io_stream_place(handle)];

    property(io_stream_place(handle) < STREAMS && peer->open && peer->handle == handle);
    return peer;
}

static void check_message(const struct io_message *msg)
{
    struct peer *peer = peer_of(msg->path.way);

    property(msg->origin == IO_CLIENT && msg->path.via == IO_TCP && !msg->cut);
    property(msg->len == next_len(peer) && msg->cap >= msg->len);
    property(memcmp(msg->data, peer->log + peer->taken + 2, msg->len) == 0);
    peer->taken += 2 + msg->len;
}

static unsigned receive(unsigned max)
{
    struct io_message msgs[BATCH];
    unsigned n = streams_recv(&bed.streams, msgs, max);

    property(n <= max);
    for (unsigned i = 0; i < n; i++) {
        check_message(&msgs[i]);
        /* Its owner may write to all of it. */
        memset(msgs[i].data, 0xee, msgs[i].cap);
        if (bed.n_held < HELD_MAX)
            bed.held[bed.n_held++] = msgs[i];
        else
            give(&bed.streams, msgs[i].buffer);
    }
    return n;
}

static void release(void)
{
    while (bed.n_held > 0)
        give(&bed.streams, bed.held[--bed.n_held].buffer);
}

static void take_events(void)
{
    struct io_event event;

    while (streams_events(&bed.streams, &event, 1) == 1) {
        struct peer *peer = peer_of(event.port);

        property(event.origin == IO_CLIENT);
        if (event.kind == IO_STREAM_ENDED) {
            property(peer->ended && next_len(peer) == SIZE_MAX);
        } else if (event.kind == IO_STREAM_BEGUN) {
            property(!peer->ended && peer->taken < peer->sent);
        } else {
            /* Only those go that keep others from a buffer. */
            property(event.kind == IO_STREAM_CLOSED && event.error == ETIMEDOUT);
            peer->open = false;
        }
    }
}

static uint32_t at_most(uint32_t held)
{
    return held / 2 > 0 ? held / 2 : 1;
}

static void check_bounds(void)
{
    const struct streams *streams = &bed.streams;
    const struct buffers *buffers = &bed.buffers;

    property(streams->partials <= at_most(buffers->answers));
    property(streams->partials_large <= at_most(buffers->larges));
    property(streams->parked <= at_most(buffers->streams));
    property(buffers->out == buffers->answers - buffers->n_idle + buffers->larges -
                                 buffers->n_idle_large + buffers->streams -
                                 buffers->n_idle_streams);
}

static void open_peer(struct peer *peer)
{
    static const union rd_address nobody;
    uint32_t place = streams_take(&bed.streams, 1000, &nobody, false);

    property(place < STREAMS && &bed.peers[place] == peer);
    peer->handle = streams_handle(&bed.streams, place);
    peer->open = true;
    peer->ended = false;
    peer->sent = peer->taken = 0;
    streams_read(&bed.streams, place, true);
}

/* Whether something can come on PEER now. */
static bool is_read(const struct peer *peer)
{
    return peer->open && streams_wants(&bed.streams.at[peer - bed.peers]);
}

/* LEN bytes come: from DATA, or a run of them that goes on in each message. */
static void come(struct peer *peer, const uint8_t *data, size_t len)
{
    struct buffers *buffers = &bed.buffers;
    uint32_t buffer;

    if (len > RD_BUFFER_BYTES)
        len = RD_BUFFER_BYTES;
    if (len > LOG_BYTES - peer->sent)
        len = LOG_BYTES - peer->sent;
    if (!is_read(peer) || buffers->n_idle_streams == 0 || len == 0)
        return;
    for (size_t i = 0; i < len; i++)
        peer->log[peer->sent + i] = data ? data[i] : (uint8_t)((peer->sent + i) * 7);
    buffer = bed.home[--buffers->n_idle_streams];
    buffers->out++;
    memcpy(buffers_at(buffers, buffer), peer->log + peer->sent, len);
    peer->sent += len;
    /* As the back ends do, who are told nothing while it lasts. */
    streams_remove(&bed.streams, STREAM_BY_READ, (uint32_t)(peer - bed.peers));
    streams_received(&bed.streams, (uint32_t)(peer - bed.peers), buffer, (uint32_t)len);
}

static void close_peer(struct peer *peer)
{
    if (peer->open)
        streams_close(&bed.streams, (uint32_t)(peer - bed.peers));
    peer->open = false;
}

/* One step; the bytes of DATA that it takes, which may be more than there are. */
static size_t step(const uint8_t *data, size_t size)
{
    struct peer *peer = &bed.peers[data[0] & (STREAMS - 1)];
    uint32_t place = data[0] & (STREAMS - 1);
    size_t len = size > 1 ? data[1] : 0;

    switch (data[0] >> 2 & 7) {
    case LITERAL:
        len = size < 2 ? 0 : len < size - 2 ? len : size - 2;
        come(peer, data + 2, len);
        return 2 + len;
    case RUN:
        come(peer, NULL, (data[0] >> 5) * 768u + 3 * len + 1);
        return 2;
    case END:
        if (is_read(peer)) {
            peer->ended = true;
            streams_ended(&bed.streams, place);
        }
        break;
    case PAUSE:
    case GO_ON:
        if (peer->open)
            streams_read(&bed.streams, place, (data[0] >> 2 & 7) == GO_ON);
        break;
    case CLOSE:
        close_peer(peer);
        break;
    case RECEIVE:
        receive(1 + (data[0] >> 5));
        take_events();
        streams_feed(&bed.streams);
        break;
    default:
        release();
    }
    return 1;
}

static void begin(uint8_t sizes)
{
    struct io_plan plan = {
        .max_streams = STREAMS,
        .buffers = 1,
        .answer_buffers = 2 + (sizes & 3),
        .stream_buffers = 1u << (sizes >> 2 & 3),
        .large_buffers = 2 + (sizes >> 4 & 1),
        .stats = &bed.stats,
    };

    memset(&bed.streams, 0, sizeof(bed.streams));
    bed.n_held = 0;
    property(buffers_init(&bed.buffers, &plan) == 0);
    property(streams_init(&bed.streams, &plan, &bed.buffers, NULL, &driver) == 0);
    for (uint32_t i = 0; i < bed.buffers.streams; i++)
        bed.home[i] = bed.buffers.first_stream + i;
    bed.buffers.n_idle_streams = bed.buffers.streams;
    for (unsigned i = 0; i < STREAMS; i++)
        open_peer(&bed.peers[i]);
}

/* With nothing held all comes out that is whole, and who waits for a rest has said so. */
static void drain(void)
{
    unsigned rounds = 0;

    for (uint32_t i = 0; i < STREAMS; i++)
        if (bed.peers[i].open)
            streams_read(&bed.streams, i, true);
    do {
        property(rounds++ < ROUNDS_MAX);
        release();
        take_events();
        streams_feed(&bed.streams);
    } while (receive(BATCH) > 0 || streams_can_go_on(&bed.streams));
    take_events();
    for (uint32_t i = 0; i < STREAMS; i++) {
        const struct peer *peer = &bed.peers[i];

        if (!peer->open)
            continue;
        property(next_len(peer) == SIZE_MAX);
        property(peer->ended || bed.streams.at[i].begun == (peer->taken < peer->sent));
    }
}

static void finish(void)
{
    const struct buffers *buffers = &bed.buffers;

    for (unsigned i = 0; i < STREAMS; i++)
        close_peer(&bed.peers[i]);
    property(buffers->out == 0 && buffers->n_idle == buffers->answers);
    property(buffers->n_idle_large == buffers->larges);
    property(buffers->n_idle_streams == buffers->streams);
    property(bed.streams.used == 0 && bed.streams.work == 0 && bed.streams.parked == 0);
    property(bed.streams.partials == 0 && bed.streams.partials_large == 0);
    streams_deinit(&bed.streams);
    buffers_deinit(&bed.buffers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 1;

    if (size == 0)
        return 0;
    begin(data[0]);
    while (at < size) {
        at += step(data + at, size - at);
        check_bounds();
    }
    drain();
    check_bounds();
    finish();
    return 0;
}
