/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.h - moving packets: one table of functions, filled by uring, syscall and the simulation.
 *
 * The loop above does not know which one it runs on. This layer knows bytes and addresses, not DNS.
 *
 * A message owns a buffer. Its owner is whoever holds the struct io_message: recv and alloc give
 * it, send and drop take it back. Between them its bytes may be rewritten up to CAP, so a query's
 * buffer carries the question upstream, and a reply's buffer carries the answer to a client.
 *
 * Threads: M main thread, W the worker's own, * any.
 */
#ifndef RINGDNS_FASTPATH_IO_H
#define RINGDNS_FASTPATH_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "ringdns/address.h"
#include "ringdns/error.h"
#include "ringdns/stats.h"

/* A stream is a TCP connection. Its messages come and go whole; the two bytes of length in front of
 * each (RFC 1035 section 4.2.2) are this layer's business. */
enum io_origin { IO_CLIENT, IO_PORT, IO_STREAM };
enum io_via { IO_UDP, IO_TCP };

/* The way back to a client, to be kept while its answer is awaited. */
struct io_path {
    union rd_address peer;
    union rd_address local; /* AF_UNSPEC unless the listener is a wildcard: then, who was asked */
    uint32_t way;           /* IO_UDP, opaque: which socket. IO_TCP: the stream's handle */
    uint8_t via;            /* enum io_via */
};

/* A stream's handle holds its place in a table, 0 .. max_streams - 1, and a generation, so that an
 * answer that comes late never reaches the next connection in that place. */
#define IO_STREAM_PLACE_BITS 18

static inline uint32_t io_stream_place(uint32_t stream)
{
    return stream & ((1u << IO_STREAM_PLACE_BITS) - 1);
}

struct io_message {
    uint8_t *data;
    uint32_t len;
    uint32_t cap;
    uint32_t buffer;     /* opaque: which buffer */
    uint32_t port;       /* IO_PORT: the port it came to, or is to leave from; IO_STREAM: the
                          * stream, one to an upstream */
    uint8_t origin;      /* enum io_origin; of a message to be sent: where it goes */
    bool cut;            /* the datagram was longer than the buffer; len is what is left of it */
    struct io_path path; /* IO_CLIENT only: a port is connected, its peer is known */
};

enum io_event_kind {
    IO_PORT_ERROR,  /* an ICMP error reached this port; the port still works */
    IO_SEND_FAILED, /* a packet to this port's server was not taken by the kernel */
    /* Of streams; PORT is the handle: */
    IO_STREAM_ACCEPTED,  /* a client's; nothing is read before stream_read */
    IO_STREAM_CONNECTED, /* ours to an upstream; it is read from now on */
    IO_STREAM_BEGUN,     /* a message has come in part, the rest is awaited; once per message.
                          * Comes behind the messages before it, and not at all when the rest has
                          * come by then */
    IO_STREAM_DRAINED,   /* all that was queued for sending has been taken by the kernel */
    IO_STREAM_ENDED,     /* the peer sends nothing more (FIN); it may still be answered. Comes
                          * behind the last message */
    IO_STREAM_CLOSED,    /* it is gone, with all that was queued; ERROR says why. The handle is dead
                          * with this event, stream_close is not to be called */
};

struct io_event {
    uint32_t port;  /* or stream */
    uint8_t kind;   /* enum io_event_kind */
    uint8_t origin; /* IO_PORT; of streams IO_CLIENT or IO_STREAM */
    int error;      /* positive errno, 0: none */
};

struct io_plan {
    const union rd_address *listeners;
    uint32_t n_listeners;
    unsigned worker, workers; /* listening sockets are shared by SO_REUSEPORT */
    uint32_t receive_buffer_bytes;
    uint32_t max_ports;   /* handles are 0 .. max_ports - 1 */
    uint32_t max_streams; /* of clients and to upstreams together; 0: no TCP at all */
    uint32_t own_streams; /* of these, kept for those to upstreams */
    uint32_t buffers, answer_buffers;
    uint32_t stream_buffers; /* for what streams receive, apart from datagrams' */
    uint32_t large_buffers;  /* of RD_LARGE_BYTES, for messages that no other buffer holds */
    bool freebind;
    struct rd_stats *stats; /* this layer counts its own troubles here; outlives the io */
};

struct io;

struct io_ops {
    /* M: binds the listeners, UDP and TCP at the same addresses. Worker 0 first finds out that
     * nobody else has them, other processes that would share by SO_REUSEPORT included. 0, or
     * negative errno with *RET_FAILURE. */
    int (*open)(const struct io_plan *plan, struct io **ret_io, struct rd_failure *ret_failure);
    /* M: closes everything; after stop, or where start was never called. */
    void (*close)(struct io *io);

    /* W: makes the ring, arms the receives. 0 or negative errno. */
    int (*start)(struct io *io, struct rd_failure *ret_failure);
    /* W: gives back every buffer and socket of the started state; ports are closed. */
    void (*stop)(struct io *io);

    /* W: the only call that blocks or reads the clock. Submits what is queued, then waits for
     * traffic, a wake or DEADLINE_NS (of the boot-time clock; 0: do not wait). Returns now. */
    uint64_t (*turn)(struct io *io, uint64_t deadline_ns);
    /* W: up to MAX messages that have arrived; more may be left for the next call. */
    unsigned (*recv)(struct io *io, struct io_message *msgs, unsigned max);
    /* W: up to MAX events. */
    unsigned (*events)(struct io *io, struct io_event *events, unsigned max);
    /* W: a buffer for an answer that was not received, of at least BYTES (at most 65,535). False:
     * none left, even after sending. */
    bool (*alloc)(struct io *io, uint32_t bytes, struct io_message *ret_msg);
    /* W: takes the buffers. Sent at the next turn at the latest, in order per way. Nothing comes
     * back: failures are counted, those of ports are events too. What goes to a stream is queued
     * until the kernel takes it, and is lost, counted, if the stream is closed. */
    void (*send)(struct io *io, const struct io_message *msgs, unsigned n);
    /* W: takes the buffers back unsent. */
    void (*drop)(struct io *io, const struct io_message *msgs, unsigned n);
    /* W: no more queries and connections from clients; answers can still be sent, and streams that
     * are open stay so. */
    void (*unlisten)(struct io *io);

    /* W: opens a UDP socket connected to TO, bound to FROM's port, and to its address unless that
     * is the any address; FROM has the family of TO. The handle, or -EADDRINUSE: the port is taken,
     * draw another; another negative errno: the system refuses. */
    int (*port_open)(struct io *io, const union rd_address *to, const union rd_address *from);
    /* W: closes; no message and no event of this port follows, also when its handle is reused. */
    void (*port_close)(struct io *io, uint32_t port);

    /* W: begins a TCP connection to TO, from FROM's address (any port; AF_UNSPEC: any address).
     * What is sent to it before it stands is queued. The handle, or negative errno. */
    int (*stream_open)(struct io *io, const union rd_address *to, const union rd_address *from);
    /* W: whether messages are taken from STREAM; what has come stays in its queue meanwhile. A few
     * that were read already may still come. Half of the stream buffers hold what has come of
     * streams that are not read: the one that is longest so is closed for another (ETIMEDOUT). */
    void (*stream_read)(struct io *io, uint32_t stream, bool on);
    /* W: closes at once; what is queued for sending is lost, and the handle is dead. RESET: the
     * peer is told by RST, otherwise by FIN. No message and no event of it follows. */
    void (*stream_close)(struct io *io, uint32_t stream, bool reset);
    /* W: the client's address. STREAM is alive. */
    const union rd_address *(*stream_peer)(struct io *io, uint32_t stream);
    /* W: bytes that are queued and not yet taken by the kernel. STREAM is alive. */
    uint32_t (*stream_unsent)(struct io *io, uint32_t stream);

    /* *: ends a wait in turn; any number of calls count as one. Async-signal-safe. */
    void (*wake)(struct io *io);
    /* M or W: datagrams that the kernel dropped at the listeners since open. */
    uint64_t (*dropped)(struct io *io);
};

/* A back end embeds this as its first member. */
struct io {
    const struct io_ops *ops;
};

extern const struct io_ops io_uring_ops;
extern const struct io_ops io_syscall_ops;

#endif
