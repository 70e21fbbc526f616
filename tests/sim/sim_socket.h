/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_socket.h - one worker's sockets in the simulated world, for the files that are this back end:
 * sim_io.c (its life, buffers and events), sim_datagram.c and sim_stream.c.
 */
#ifndef RINGDNS_TESTS_SIM_SOCKET_H
#define RINGDNS_TESTS_SIM_SOCKET_H

#include "sim/buffers.h"
#include "sim/conn.h"
#include "sim/places.h"
#include "sim/sim_io.h"

struct port {
    bool open;
    unsigned n_queued; /* datagrams of it that wait to be received */
    union rd_address from, server;
    uint64_t opened_ns;
    uint32_t opened; /* how often, this handle: its port's name */
};

struct stream {
    struct sim_conn *conn; /* NULL: the place is free */
    uint32_t handle;       /* the last one of this place, 0: none yet */
    uint8_t origin;
    bool connected; /* the kernel takes bytes */
    bool told;      /* its first event has been taken; nothing is read before */
    bool reading;
    bool begun, ended; /* these events were noted */
    bool gone;         /* and CLOSED; the handle lives until that is taken */
    bool whole;        /* a message has come whole, whether or not it can be taken now */
    unsigned spill;    /* messages that come although it is not read any more */
    /* To be sent: */
    struct io_message *queue;
    unsigned n_queue, queue_room;
    uint32_t taken;  /* bytes of the first one that the kernel has, of its length too */
    uint32_t unsent; /* bytes of all */
};

/* The kinds of buffers, in the order of their handles. */
enum { RECEIVE, ANSWER, STREAM, LARGE, BUFFER_KINDS };

struct sim_io {
    struct io io;
    struct sim *sim;
    struct io_plan plan;
    union rd_address *listeners;
    bool started, unlistened, woken;
    bool idle; /* at its last turn there was nothing to do */
    uint64_t deadline_ns;
    struct sim_buffers buffers[BUFFER_KINDS];
    struct io_event *events;
    unsigned first_event, n_events, events_room; /* those from FIRST_EVENT on are not taken yet */

    struct port *ports;
    struct places port_places;
    uint32_t *resting; /* ports closed in this turn: messages may be in the worker's hands */
    unsigned n_resting;
    struct sim_datagram *first, **last; /* the sockets' queues, in order of arrival */
    unsigned n_queued_clients;
    struct io_message *outbox;
    unsigned n_outbox;
    uint64_t dropped;

    struct stream *streams;
    struct places stream_places;
    uint32_t streams_used;                    /* one above the highest place that was ever taken */
    unsigned n_whole;                         /* streams that have a whole message */
    uint32_t next_place;                      /* whose turn it is to be received from */
    bool streams_pending;                     /* something was queued since the last submit */
    struct sim_conn *waiting, **last_waiting; /* to be accepted */
};

static inline struct sim_io *sim_io_of(struct io *io)
{
    return (struct sim_io *)io;
}

/* sim_io.c */

/* Whose buffer MSG says it has. */
struct sim_buffers *buffers_of(struct sim_io *io, const struct io_message *msg);
void note_event(struct sim_io *io, enum io_origin origin, uint32_t port, enum io_event_kind kind,
                int error);
/* Takes back what was noted and not yet taken. */
void forget_events(struct sim_io *io, enum io_origin origin, uint32_t port);
void forget_event(struct sim_io *io, enum io_origin origin, uint32_t port, enum io_event_kind kind);
/* The kernel gets what is queued. */
void submit(struct sim_io *io);

/* sim_datagram.c */

/* Which listener takes what is sent to TO, or -1. */
int find_listener(const struct sim_io *io, const union rd_address *to);
/* What was closed in the last turn may be opened. */
void rest_is_over(struct sim_io *io);
bool is_wildcard(const union rd_address *listener);
unsigned receive_datagrams(struct sim_io *io, struct io_message *msgs, unsigned max);
void submit_datagrams(struct sim_io *io);
/* Whether MSG can be sent: its port is open, or its way is a listener. */
bool datagram_may_leave(const struct sim_io *io, const struct io_message *msg);
/* What a server sees as the source of what is bound to FROM. */
union rd_address source_address(const struct sim *sim, const union rd_address *from);
int port_open(struct io *handle, const union rd_address *to, const union rd_address *from);
void port_close(struct io *handle, uint32_t port);
void free_datagrams(struct sim_io *io);

/* sim_stream.c */

/* Whom MSG reaches; AF_UNSPEC: not known any more. */
const union rd_address *stream_target(const struct sim_io *io, const struct io_message *msg);
/* The stream that lives under HANDLE, or NULL. */
struct stream *find_stream(const struct sim_io *io, uint32_t handle);
/* The worker has taken EVENT, of a stream. */
void stream_told(struct sim_io *io, const struct io_event *event);
int stream_open(struct io *handle, const union rd_address *to, const union rd_address *from);
void stream_read(struct io *handle, uint32_t stream, bool on);
void stream_close(struct io *handle, uint32_t stream, bool reset);
const union rd_address *stream_peer(struct io *handle, uint32_t stream);
uint32_t stream_unsent(struct io *handle, uint32_t stream);
/* Turns away what waits to be accepted. */
void refuse_waiting(struct sim_io *io);
/* Closes all of them. */
void stop_streams(struct sim_io *io);

/* sim_framing.c */

void note_stream(struct sim_io *io, const struct stream *stream, enum io_event_kind kind,
                 int error);
/* Takes messages in turns, one of each stream. *RET_NO_BUFFER: one was left for want of a buffer;
 * otherwise untouched. */
unsigned receive_streams(struct sim_io *io, struct io_message *msgs, unsigned max,
                         bool *ret_no_buffer);
/* What has come of STREAM is another than before. */
void count_whole(struct sim_io *io, struct stream *stream);
/* Whether a message can be received now. */
bool streams_ready(const struct sim_io *io);
/* Notes what the worker must know about a stream from which no message can be taken now. */
void settle(struct sim_io *io, struct stream *stream);
/* Whether the handle for MSG was ever given out. */
bool stream_may_get(const struct sim_io *io, const struct io_message *msg);
/* Takes MSG, which is for a stream and whose buffer is queued. */
void stream_send(struct sim_io *io, const struct io_message *msg);
/* The kernel takes what the window lets it. */
void pump(struct sim_io *io, struct stream *stream);
void submit_streams(struct sim_io *io);
/* What is queued comes home and is counted. */
void lose_queue(struct sim_io *io, struct stream *stream);

#endif
