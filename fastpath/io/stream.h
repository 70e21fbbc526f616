/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - TCP connections as the socket back ends share them: a table of places, messages made
 * of what is received, queues of what is to be sent, and events.
 *
 * Shape: a place holds at most one chunk, the bytes of one receive that are not yet messages; the
 * next receive is begun when it is used up, so back-pressure needs nothing but not to begin it. An
 * idle stream holds no buffer. Everything that waits is in a list of places, each place at most
 * once, so that no list can be full. What the kernel has to do is behind struct stream_driver.
 *
 * Bytes pass two doors: streams_received (from the socket, before they are framed) and
 * streams_gather (framed, before the socket). A stage that turns ciphertext into bytes and back
 * (TLS) belongs there, and nothing else needs to know of it.
 *
 * Thread: the worker's own (made and freed on main).
 * Not here: receiving, writing and waiting (uring_stream.c, syscall_stream.c), timers, policy.
 */
#ifndef RINGDNS_FASTPATH_IO_STREAM_H
#define RINGDNS_FASTPATH_IO_STREAM_H

#include <sys/uio.h>

#include "io/buffers.h"
#include "io/io.h"

#define STREAM_NONE            UINT32_MAX /* no place, no buffer */
#define STREAM_GENERATION_BITS (31 - IO_STREAM_PLACE_BITS)
#define STREAM_GATHER          64 /* messages in one write */
#define STREAM_SHARE           16 /* messages of one stream before others have their turn */
#define STREAM_ACCEPTS         16 /* connections taken from one listener at a time */

enum stream_state {
    STREAM_FREE,
    STREAM_CONNECTING,
    STREAM_OPEN,
    STREAM_LOST,    /* it failed; the caller has not yet been told */
    STREAM_CLOSING, /* the caller is done with it; the kernel still has something of it */
};

/* Where a place can wait: in one of each group at a time. */
enum stream_list {
    STREAM_NOWHERE,
    STREAM_IDLE,          /* free places, the oldest first: a handle comes back as late as can be */
    STREAM_READY,         /* has a chunk to make messages of */
    STREAM_STARVED,       /* has a chunk, and lacks an answer buffer */
    STREAM_STARVED_LARGE, /* has a chunk, and lacks a large buffer */
    STREAM_HUNGRY,        /* is to be read, and lacks a stream buffer */
    STREAM_PARKED,        /* has a chunk, and is not to be read; the oldest first */
    STREAM_UNWRITTEN,     /* has something to be written, or is to be closed */
    STREAM_STUCK,         /* the kernel takes nothing more; the longest first */
    STREAM_EVENTFUL,
    STREAM_PARTIAL, /* a message in part is in an answer buffer; the oldest first */
    STREAM_PARTIAL_LARGE,
    STREAM_LISTS,
};

enum stream_link {
    STREAM_BY_READ,
    STREAM_BY_WRITE,
    STREAM_BY_EVENT,
    STREAM_BY_PARTIAL,
    STREAM_LINKS
};

struct stream {
    struct {
        uint32_t previous, next;
    } links[STREAM_LINKS];
    uint8_t list[STREAM_LINKS]; /* enum stream_list */
    int fd;                     /* -1: closed */
    union rd_address peer;
    uint16_t generation;
    uint8_t state;   /* enum stream_state */
    uint8_t pending; /* events to be told, a bit for each */
    uint8_t busy;    /* the back end's own: what the kernel does for it */
    bool ours;
    bool reading;  /* the caller wants messages */
    bool ended;    /* the peer sends nothing more */
    bool sending;  /* the kernel may look at the front of the queue */
    bool stuck;    /* the kernel took less than there was; the queue is packed until it is empty */
    bool begun;    /* of a message that waits for its rest the caller knows */
    uint8_t heads; /* bytes of HEAD that have come */
    uint8_t head[2];
    int error;
    uint32_t chunk, chunk_at, chunk_len;
    uint32_t partial, partial_len; /* a buffer with the beginning of a message */
    uint32_t first, last;          /* of the messages to be sent, by their buffers */
    uint32_t sent;                 /* bytes of the first one that are gone */
    uint32_t unsent;
};

static_assert(sizeof(struct stream) <= 192, "ten thousand idle connections cost two megabytes");

/* A message that waits to be sent; its number is its buffer's. */
struct stream_out {
    uint8_t *data;
    uint32_t next;
    uint32_t len;
    uint8_t head[2];   /* the length, as it is sent in front */
    uint8_t heads;     /* bytes of it: none in a pack, where all is in DATA */
    bool packed;       /* DATA holds many messages, or parts of them */
    uint16_t messages; /* that end here */
};

struct streams;

/* What a back end does for streams. */
struct stream_driver {
    int socket_flags; /* of every TCP socket: SOCK_NONBLOCK or 0 */
    /* Takes a buffer back, whichever it is. */
    void (*give)(struct streams *streams, uint32_t buffer);
    /* Begins one receive, or puts the stream among the hungry. */
    void (*read)(struct streams *streams, uint32_t place);
    /* Begins to close; streams_settle when nothing is left of it in the kernel. */
    void (*shut)(struct streams *streams, uint32_t place);
    /* A stream that was accepted is now in its place. Negative errno: it is not kept. */
    int (*adopt)(struct streams *streams, uint32_t place);
    /* Begins to accept again. */
    void (*accept)(struct streams *streams, uint32_t listener);
};

struct streams {
    struct io *io;
    struct buffers *buffers;
    struct rd_stats *stats;
    const struct stream_driver *driver;
    struct stream *at;
    struct stream_out *out;
    uint32_t max, used;
    uint32_t own, clients; /* places that are kept for ours, and those that clients have */
    uint32_t work;         /* places and listeners that a turn has to look at */
    uint32_t parked, partials, partials_large, others;
    uint32_t packs; /* answer buffers that are packed */
    struct {
        uint32_t first, last;
    } lists[STREAM_LISTS];
    int reserve;              /* given up where descriptors are short, to turn somebody away */
    bool listening;           /* connections are accepted */
    uint32_t n_paused;        /* listeners that wait for RETRY_NS */
    uint64_t paused;          /* these, a bit for each */
    uint64_t accept_retry_ns; /* by the clock of turn */
};

/* stream.c */
/* 0 or negative errno. */
int streams_init(struct streams *streams, const struct io_plan *plan, struct buffers *buffers,
                 struct io *io, const struct stream_driver *driver);
void streams_deinit(struct streams *streams);
/* A place for FD: ours, connecting to PEER, or a client's. STREAM_NONE: all are taken. */
uint32_t streams_take(struct streams *streams, int fd, const union rd_address *peer, bool ours);
/* The place of a stream that the caller may still speak of. STREAM_NONE: the handle is dead. */
uint32_t streams_find(const struct streams *streams, uint32_t handle);
uint32_t streams_handle(const struct streams *streams, uint32_t place);
/* Ours stands: it is read and written from now on. */
void streams_connected(struct streams *streams, uint32_t place);
/* It is lost with all that was queued; the caller will be told why. */
void streams_fail(struct streams *streams, uint32_t place, int error);
/* The caller is done with it. */
void streams_close(struct streams *streams, uint32_t place);
void streams_close_all(struct streams *streams);
/* Frees the place if nothing of it is left, in the kernel or to be told. */
void streams_settle(struct streams *streams, uint32_t place);
void streams_report(struct streams *streams, uint32_t place, enum io_event_kind kind);
void streams_unreport(struct streams *streams, uint32_t place, enum io_event_kind kind);
unsigned streams_events(struct streams *streams, struct io_event *ret_events, unsigned max);
/* Puts PLACE at the end of LIST; out of the one of the same group that it is in. */
void streams_push(struct streams *streams, enum stream_list list, uint32_t place);
void streams_remove(struct streams *streams, enum stream_link link, uint32_t place);

/* stream_in.c */
/* The first door: LEN bytes have come, in a stream buffer that is the stream's from now on. */
void streams_received(struct streams *streams, uint32_t place, uint32_t buffer, uint32_t len);
/* The peer sends nothing more. */
void streams_ended(struct streams *streams, uint32_t place);
void streams_read(struct streams *streams, uint32_t place, bool on);
/* Up to MAX messages. */
unsigned streams_recv(struct streams *streams, struct io_message *msgs, unsigned max);
/* Gives back what a stream holds of what it has received. */
void streams_forget_received(struct streams *streams, uint32_t place);
/* Has hungry streams read, as far as there are buffers. */
void streams_feed(struct streams *streams);

/* stream_out.c */
/* Queues a message, or loses it where its stream is gone. */
void streams_send(struct streams *streams, const struct io_message *msg);
/* The second door: what to write next, in two entries a message; for up to STREAM_GATHER of them.
 * The entries used. */
unsigned streams_gather(const struct streams *streams, uint32_t place,
                        struct iovec iovs[2 * STREAM_GATHER], uint32_t *ret_bytes);
/* The kernel has taken BYTES. */
void streams_sent(struct streams *streams, uint32_t place, uint32_t bytes);
/* The same of one that is closed: the rest is lost. */
void streams_sent_last(struct streams *streams, uint32_t place, uint32_t bytes);
/* Gives back what was to be sent, counted as lost. */
void streams_forget_unsent(struct streams *streams, uint32_t place);

/* Puts BUFFER, whose entry in OUT is filled and has no successor, at the end of the queue. */
void streams_append(struct streams *streams, struct stream *stream, uint32_t buffer);

/* stream_pack.c */
/* The kernel takes no more now. False: there is no room to keep what waits, the stream has failed.
 */
bool streams_stuck(struct streams *streams, uint32_t place);
/* Copies the message in BUFFER to the end of the queue of a stream that is stuck; BUFFER stays the
 * caller's. False: as above. */
bool streams_pack(struct streams *streams, uint32_t place, uint32_t buffer);
/* No large buffer is home: of the streams that are stuck and hold some, the longest goes; not
 * PLACE.
 */
void streams_relieve(struct streams *streams, uint32_t place);

/* stream_accept.c */
/* Takes a connection in, or turns it away. PEER may be NULL: the kernel is asked. */
void streams_accepted(struct streams *streams, int fd, const union rd_address *peer);
/* Accepting at LISTENER ended by ERROR (positive); it is begun again in time. */
void streams_accept_failed(struct streams *streams, uint32_t listener, int error, uint64_t now_ns);
/* Begins again where it is due. When to be called next, at most DEADLINE_NS. */
uint64_t streams_accept_again(struct streams *streams, uint64_t now_ns, uint64_t deadline_ns);

/* Whether a message is for a stream. */
static inline bool streams_is_for(const struct io_message *msg)
{
    return msg->origin == IO_STREAM || (msg->origin == IO_CLIENT && msg->path.via == IO_TCP);
}

static inline bool streams_is_open(const struct stream *stream)
{
    return stream->state == STREAM_OPEN;
}

/* Whether a receive is to be under way. */
static inline bool streams_wants(const struct stream *stream)
{
    return stream->state == STREAM_OPEN && stream->reading && !stream->ended &&
           stream->chunk == STREAM_NONE;
}

static inline bool streams_any(const struct streams *streams, enum stream_list list)
{
    return streams->lists[list].first != STREAM_NONE;
}

/* Whether a turn has anything to do for them. */
static inline bool streams_have_work(const struct streams *streams)
{
    return streams->work > 0;
}

/* Answer buffers that messages may be collected in: a quarter is kept for answers to datagrams. */
static inline uint32_t streams_spare(const struct streams *streams)
{
    uint32_t kept = streams->buffers->answers / 4, idle = streams->buffers->n_idle;

    return idle > kept ? idle - kept : 0;
}

/* Whether a recv or a turn now would bring something on. */
static inline bool streams_can_go_on(const struct streams *streams)
{
    const struct buffers *buffers = streams->buffers;

    return streams_any(streams, STREAM_READY) ||
           (streams_any(streams, STREAM_STARVED) && streams_spare(streams) > 0) ||
           (streams_any(streams, STREAM_STARVED_LARGE) && buffers->n_idle_large > 0) ||
           (streams_any(streams, STREAM_HUNGRY) && buffers->n_idle_streams > 0);
}

#endif
