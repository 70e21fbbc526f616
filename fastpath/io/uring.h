/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring.h - the io_uring back end's own structures, for its files and its tests.
 *
 * Shape: everything that is received from, listener or port, is a source with a number: listeners
 * first, then ports by handle. A multishot receive is armed once for each and armed again when it
 * ends. Completions say what they are by user_data: kind, generation, number.
 * Thread: the worker's own.
 * Not here: the contract (io.h).
 */
#ifndef RINGDNS_FASTPATH_IO_URING_H
#define RINGDNS_FASTPATH_IO_URING_H

#include <liburing.h>

#include "base/clock.h"
#include "io/socket_io.h"

#define URING_SUBMISSIONS  256 /* a batch with room to spare; its lines stay in the first cache */
#define URING_BUFFER_GROUP 0   /* for datagrams */
#define URING_STREAM_GROUP 1
#define URING_WRITES       32 /* streams written in one submission */

enum uring_done {
    URING_QUERY = 1, /* a client's datagram, or the end of that receive */
    URING_REPLY,     /* an upstream's datagram, or the end of that receive */
    URING_WAKE,
    URING_ANSWERED, /* an answer to a client was not sent */
    URING_ASKED,    /* a packet to an upstream was not sent */
    URING_CLOSED,   /* a port's descriptor is closed */
    URING_CANCELLED,
    URING_ACCEPTED,        /* a connection has come, or the end of accepting */
    URING_STREAM_RECEIVED, /* of streams, the number is the place */
    URING_STREAM_WRITTEN,  /* what the kernel has taken */
    URING_STREAM_WRITABLE, /* it takes more */
    URING_STREAM_CONNECTED,
    URING_STREAM_CLOSED, /* its descriptor is closed */
};

/* What the kernel does for a stream, a bit for each; see struct stream. */
enum uring_busy {
    URING_BUSY_RECEIVE = 1 << 0,
    URING_BUSY_WRITE = 1 << 1,
    URING_BUSY_POLL = 1 << 2,
    URING_BUSY_CONNECT = 1 << 3,
    URING_BUSY_CLOSE = 1 << 4, /* asked for, or to be asked for */
};

static_assert(PORTS_GENERATION_BITS <= 24, "a generation has 24 bits of user_data");

static inline uint64_t uring_tag(enum uring_done kind, uint32_t generation, uint32_t number)
{
    return (uint64_t)kind << 56 | (uint64_t)generation << 32 | number;
}

struct uring_source {
    bool armed;       /* the kernel owns a receive */
    bool queued;      /* in the queue of those to be armed */
    bool retired;     /* cancel and close of the port are under way */
    bool closed;      /* the port's descriptor is gone */
    uint8_t failures; /* receives that ended in an error of ours, without a datagram between */
};

struct uring_listener {
    struct msghdr shape; /* room for name and control in front of a datagram */
    uint32_t name_bytes;
    uint32_t offset; /* of the datagram in its buffer */
};

/* What a queued send points to until it is submitted. */
struct uring_parcel {
    union rd_address peer;
    struct msghdr msg;
    struct iovec iov;
    uint8_t control[PKTINFO_BYTES];
};

/* What a stream's write points to until it is submitted. */
struct uring_write {
    struct msghdr msg;
    struct iovec iovs[2 * STREAM_GATHER];
};

struct uring {
    struct socket_io base;
    struct io_uring ring;

    struct io_uring_buf_ring *home; /* the kernel takes received buffers from here */
    int mask;                       /* of that ring */
    uint32_t n_home;                /* in it, by the completions that were read */

    union rd_address *peers;      /* of queued sends, by place in TAKEN */
    struct uring_parcel *parcels; /* the same, for sends with a control message */
    uint32_t *taken;              /* their buffers */
    uint32_t n_taken, max_taken;

    struct io_uring_buf_ring *stream_home; /* as HOME, for streams */
    struct uring_write *writes;
    uint32_t n_writes;
    uint64_t accepting; /* listeners with an accept under way, a bit for each */

    struct uring_listener *shapes;
    struct uring_source *sources;
    uint32_t *queue; /* sources to be armed, a ring; each at most once */
    uint32_t queue_size, queue_head, n_queued;
    uint64_t retry_ns; /* sources that keep failing are not armed before */

    bool doorbell_armed;
    bool listening;
    bool started;

    uint64_t now_ns;    /* of the last turn */
    uint64_t window_ns; /* since when ARRIVED counts */
    uint32_t arrived;
    uint32_t load; /* completions in 100 us, smoothed, in sixteenths */
};

/* start with ring sizes of the caller's choice: tests make them small. */
int uring_start_sized(struct io *io, unsigned submissions, unsigned completions,
                      struct rd_failure *ret_failure);

/* uring_ring.c */
int uring_start(struct io *io, struct rd_failure *ret_failure);
void uring_stop(struct io *io);
void uring_arm_doorbell(struct uring *uring);

/* uring.c */
/* What the kernel has taken is sent or refused by now: its buffers go home. */
void uring_settle(struct uring *uring);
/* Submits without waiting; the buffers of what was sent go home. */
void uring_submit(struct uring *uring);
/* A free submission entry, after submitting if need be. NULL: the kernel takes nothing now. */
struct io_uring_sqe *uring_sqe(struct uring *uring);
/* Gives N buffers back to where they belong. */
void uring_give(struct uring *uring, const uint32_t *numbers, uint32_t n);

/* uring_receive.c */
unsigned uring_recv(struct io *io, struct io_message *msgs, unsigned max);
/* Arms a source's receive now. False: no submission entry. */
bool uring_arm(struct uring *uring, uint32_t source);
/* Has it armed at the next turn, when there are buffers. */
void uring_arm_later(struct uring *uring, uint32_t source);
/* Arms what is due. */
void uring_arm_queued(struct uring *uring);

/* uring_send.c */
void uring_send(struct io *io, const struct io_message *msgs, unsigned n);

/* uring_stream.c */
extern const struct stream_driver uring_stream_driver;
/* Takes a buffer back that only streams use. */
void uring_stream_give(struct uring *uring, uint32_t number);
/* Does what waits: writes, reads, closes, accepts. When the next turn must come, at most
 * DEADLINE_NS; 0: at once. */
uint64_t uring_stream_tend(struct uring *uring, uint64_t deadline_ns);
/* Has all that is queued written now; the buffers of what the kernel takes go home. */
void uring_stream_flush(struct uring *uring);
void uring_stream_done(struct uring *uring, const struct io_uring_cqe *cqe);
int uring_stream_open(struct io *io, const union rd_address *to, const union rd_address *from);
void uring_stream_accept(struct uring *uring, uint32_t listener);
/* Ends accepting; connections that nobody has taken are reset. */
void uring_stream_unlisten(struct uring *uring);

/* uring_port.c */
int uring_port_open(struct io *io, const union rd_address *to, const union rd_address *from);
void uring_port_close(struct io *io, uint32_t port);
/* Hands cancel and close to the kernel. False: no submission entry. */
bool uring_port_retire(struct uring *uring, uint32_t port);
/* Frees the handle of a closing port when its last completion has come. */
void uring_port_settle(struct uring *uring, uint32_t port);

#endif
