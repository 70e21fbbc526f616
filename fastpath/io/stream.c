/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.c - the table of streams: places, lists of them, events, and how a stream ends.
 *
 * Shape: see stream.h. A place is free again when the kernel has nothing of it and the caller has
 * been told; until then no completion and no event can be mistaken for its successor's.
 * Thread: the worker's own.
 * Not here: messages (stream_in.c, stream_out.c).
 */
#include "io/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const uint8_t link_of[STREAM_LISTS] = {
    [STREAM_IDLE] = STREAM_BY_READ,
    [STREAM_READY] = STREAM_BY_READ,
    [STREAM_STARVED] = STREAM_BY_READ,
    [STREAM_STARVED_LARGE] = STREAM_BY_READ,
    [STREAM_HUNGRY] = STREAM_BY_READ,
    [STREAM_PARKED] = STREAM_BY_READ,
    [STREAM_UNWRITTEN] = STREAM_BY_WRITE,
    [STREAM_STUCK] = STREAM_BY_WRITE,
    [STREAM_EVENTFUL] = STREAM_BY_EVENT,
    [STREAM_PARTIAL] = STREAM_BY_PARTIAL,
    [STREAM_PARTIAL_LARGE] = STREAM_BY_PARTIAL,
};

/* What counts the members of LIST. */
static uint32_t *counter_of(struct streams *streams, enum stream_list list)
{
    switch (list) {
    case STREAM_READY:
    case STREAM_STARVED:
    case STREAM_STARVED_LARGE:
    case STREAM_HUNGRY:
    case STREAM_UNWRITTEN:
        return &streams->work;
    case STREAM_PARKED:
        return &streams->parked;
    case STREAM_PARTIAL:
        return &streams->partials;
    case STREAM_PARTIAL_LARGE:
        return &streams->partials_large;
    default:
        return &streams->others;
    }
}

void streams_remove(struct streams *streams, enum stream_link link, uint32_t place)
{
    struct stream *stream = &streams->at[place];
    enum stream_list list = stream->list[link];
    uint32_t previous = stream->links[link].previous, next = stream->links[link].next;

    if (list == STREAM_NOWHERE)
        return;
    if (previous == STREAM_NONE)
        streams->lists[list].first = next;
    else
        streams->at[previous].links[link].next = next;
    if (next == STREAM_NONE)
        streams->lists[list].last = previous;
    else
        streams->at[next].links[link].previous = previous;
    stream->list[link] = STREAM_NOWHERE;
    (*counter_of(streams, list))--;
}

void streams_push(struct streams *streams, enum stream_list list, uint32_t place)
{
    struct stream *stream = &streams->at[place];
    enum stream_link link = link_of[list];
    uint32_t last = streams->lists[list].last;

    if (stream->list[link] == list)
        return;
    streams_remove(streams, link, place);
    stream->links[link].previous = last;
    stream->links[link].next = STREAM_NONE;
    if (last == STREAM_NONE)
        streams->lists[list].first = place;
    else
        streams->at[last].links[link].next = place;
    streams->lists[list].last = place;
    stream->list[link] = (uint8_t)list;
    (*counter_of(streams, list))++;
}

int streams_init(struct streams *streams, const struct io_plan *plan, struct buffers *buffers,
                 struct io *io, const struct stream_driver *driver)
{
    streams->io = io;
    streams->driver = driver;
    streams->stats = plan->stats;
    streams->buffers = buffers;
    streams->max = plan->max_streams;
    streams->own = plan->own_streams;
    streams->listening = true;
    streams->reserve = -1;
    if (plan->max_streams > 1u << IO_STREAM_PLACE_BITS)
        return -EINVAL;
    streams->at = calloc(streams->max + 1u, sizeof(*streams->at));
    streams->out = calloc(buffers->total + 1u, sizeof(*streams->out));
    if (streams->at == NULL || streams->out == NULL)
        return -ENOMEM;
    streams->reserve = eventfd(0, EFD_CLOEXEC);
    if (streams->reserve < 0)
        return -errno;
    for (unsigned i = 0; i < STREAM_LISTS; i++)
        streams->lists[i].first = streams->lists[i].last = STREAM_NONE;
    for (uint32_t i = 0; i < streams->max; i++)
        streams_push(streams, STREAM_IDLE, i);
    return 0;
}

void streams_deinit(struct streams *streams)
{
    if (streams->at != NULL && streams->reserve >= 0)
        close(streams->reserve);
    free(streams->at);
    free(streams->out);
    streams->at = NULL;
    streams->out = NULL;
}

uint32_t streams_take(struct streams *streams, int fd, const union rd_address *peer, bool ours)
{
    uint32_t place = streams->lists[STREAM_IDLE].first;
    struct stream *stream;

    if (place == STREAM_NONE || (!ours && streams->clients + streams->own >= streams->max))
        return STREAM_NONE;
    streams->clients += !ours;
    streams_remove(streams, STREAM_BY_READ, place);
    stream = &streams->at[place];
    *stream = (struct stream){
        .fd = fd,
        .peer = *peer,
        .generation = (uint16_t)((stream->generation + 1) % (1u << STREAM_GENERATION_BITS)),
        .state = ours ? STREAM_CONNECTING : STREAM_OPEN,
        .ours = ours,
        .reading = ours,
        .stuck = ours, /* until it stands */
        .chunk = STREAM_NONE,
        .partial = STREAM_NONE,
        .first = STREAM_NONE,
        .last = STREAM_NONE,
    };
    streams->used++;
    return place;
}

uint32_t streams_handle(const struct streams *streams, uint32_t place)
{
    return (uint32_t)streams->at[place].generation << IO_STREAM_PLACE_BITS | place;
}

uint32_t streams_find(const struct streams *streams, uint32_t handle)
{
    uint32_t place = io_stream_place(handle);

    if (place >= streams->max || streams_handle(streams, place) != handle ||
        streams->at[place].state == STREAM_FREE || streams->at[place].state == STREAM_CLOSING)
        return STREAM_NONE;
    return place;
}

static uint8_t bit_of(enum io_event_kind kind)
{
    return (uint8_t)(1u << (kind - IO_STREAM_ACCEPTED));
}

void streams_report(struct streams *streams, uint32_t place, enum io_event_kind kind)
{
    streams->at[place].pending |= bit_of(kind);
    streams_push(streams, STREAM_EVENTFUL, place);
}

void streams_unreport(struct streams *streams, uint32_t place, enum io_event_kind kind)
{
    struct stream *stream = &streams->at[place];

    stream->pending &= (uint8_t)~bit_of(kind);
    if (stream->pending == 0)
        streams_remove(streams, STREAM_BY_EVENT, place);
}

void streams_settle(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];

    if (stream->state != STREAM_CLOSING || stream->busy != 0 || stream->fd >= 0)
        return;
    stream->state = STREAM_FREE;
    streams->used--;
    streams->clients -= !stream->ours;
    streams_push(streams, STREAM_IDLE, place);
}

/* The earliest event of the first stream that has one. */
static void tell(struct streams *streams, struct io_event *ret_event)
{
    uint32_t place = streams->lists[STREAM_EVENTFUL].first;
    struct stream *stream = &streams->at[place];
    unsigned kind = (unsigned)__builtin_ctz(stream->pending) + IO_STREAM_ACCEPTED;

    *ret_event = (struct io_event){
        .port = streams_handle(streams, place),
        .kind = (uint8_t)kind,
        .origin = stream->ours ? IO_STREAM : IO_CLIENT,
        .error = kind == IO_STREAM_CLOSED ? stream->error : 0,
    };
    streams_unreport(streams, place, kind);
    if (kind != IO_STREAM_CLOSED)
        return;
    stream->state = STREAM_CLOSING;
    streams_settle(streams, place);
}

unsigned streams_events(struct streams *streams, struct io_event *ret_events, unsigned max)
{
    unsigned n = 0;

    while (n < max && streams_any(streams, STREAM_EVENTFUL))
        tell(streams, &ret_events[n++]);
    return n;
}

void streams_connected(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];

    stream->state = STREAM_OPEN;
    stream->stuck = stream->first != STREAM_NONE;
    streams_report(streams, place, IO_STREAM_CONNECTED);
    if (stream->first != STREAM_NONE)
        streams_push(streams, STREAM_UNWRITTEN, place);
    if (streams_wants(stream))
        streams->driver->read(streams, place);
}

/* Everything that it holds goes home; of what the kernel may look at, when it has looked. */
static void strip(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];

    stream->pending = 0;
    for (unsigned link = 0; link < STREAM_LINKS; link++)
        streams_remove(streams, link, place);
    streams_forget_received(streams, place);
    if (!stream->sending)
        streams_forget_unsent(streams, place);
    streams->driver->shut(streams, place);
}

void streams_fail(struct streams *streams, uint32_t place, int error)
{
    struct stream *stream = &streams->at[place];
    bool told = (stream->pending & bit_of(IO_STREAM_ACCEPTED)) == 0;

    if (stream->state != STREAM_OPEN && stream->state != STREAM_CONNECTING)
        return;
    stream->error = error;
    stream->state = told ? STREAM_LOST : STREAM_CLOSING;
    strip(streams, place);
    if (told)
        streams_report(streams, place, IO_STREAM_CLOSED);
    else
        streams_settle(streams, place);
}

void streams_close(struct streams *streams, uint32_t place)
{
    struct stream *stream = &streams->at[place];
    bool was_lost = stream->state == STREAM_LOST;

    stream->state = STREAM_CLOSING;
    if (was_lost)
        streams_unreport(streams, place, IO_STREAM_CLOSED);
    else
        strip(streams, place);
    streams_settle(streams, place);
}

void streams_close_all(struct streams *streams)
{
    for (uint32_t i = 0; i < streams->max; i++)
        if (streams->at[i].state != STREAM_FREE && streams->at[i].state != STREAM_CLOSING)
            streams_close(streams, i);
}
