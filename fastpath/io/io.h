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

enum io_origin { IO_CLIENT, IO_PORT };

/* The way back to a client, to be kept while its answer is awaited. */
struct io_path {
    union rd_address peer;
    union rd_address local; /* AF_UNSPEC unless the listener is a wildcard: then, who was asked */
    uint32_t way;           /* opaque: which socket */
};

struct io_message {
    uint8_t *data;
    uint32_t len;
    uint32_t cap;
    uint32_t buffer;     /* opaque: which buffer */
    uint32_t port;       /* IO_PORT: the port it came to, or is to leave from */
    uint8_t origin;      /* enum io_origin; of a message to be sent: where it goes */
    bool cut;            /* the datagram was longer than the buffer; len is what is left of it */
    struct io_path path; /* IO_CLIENT only: a port is connected, its peer is known */
};

enum io_event_kind {
    IO_PORT_ERROR,  /* an ICMP error reached this port; the port still works */
    IO_SEND_FAILED, /* a packet to this port's server was not taken by the kernel */
};

struct io_event {
    uint32_t port;
    uint8_t kind; /* enum io_event_kind */
    int error;    /* positive errno */
};

struct io_plan {
    const union rd_address *listeners;
    uint32_t n_listeners;
    unsigned worker, workers; /* listening sockets are shared by SO_REUSEPORT */
    uint32_t receive_buffer_bytes;
    uint32_t max_ports; /* handles are 0 .. max_ports - 1 */
    uint32_t buffers, answer_buffers;
    bool freebind;
    struct rd_stats *stats; /* this layer counts its own troubles here; outlives the io */
};

struct io;

struct io_ops {
    /* M: binds the listeners. Worker 0 first finds out that nobody else has them, other processes
     * that would share by SO_REUSEPORT included. 0, or negative errno with *RET_FAILURE. */
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
    /* W: a buffer for an answer that was not received. False: none left, even after sending. */
    bool (*alloc)(struct io *io, struct io_message *ret_msg);
    /* W: takes the buffers. Sent at the next turn at the latest, in order per way. Nothing comes
     * back: failures are counted, those of ports are events too. */
    void (*send)(struct io *io, const struct io_message *msgs, unsigned n);
    /* W: takes the buffers back unsent. */
    void (*drop)(struct io *io, const struct io_message *msgs, unsigned n);
    /* W: no more queries from clients; answers can still be sent. */
    void (*unlisten)(struct io *io);

    /* W: opens a UDP socket from LOCAL_PORT (host order) connected to TO. The handle, or
     * -EADDRINUSE: the port is taken, draw another; another negative errno: the system refuses. */
    int (*port_open)(struct io *io, const union rd_address *to, uint16_t local_port);
    /* W: closes; no message and no event of this port follows, also when its handle is reused. */
    void (*port_close)(struct io *io, uint32_t port);

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
