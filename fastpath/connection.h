/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection.h - clients' TCP connections (RFC 7766, 9210): how many, from where, how long, and how
 * much each may have under way.
 *
 * A connection is the io layer's stream; here is what is decided about it. Caps: in all, and per
 * prefix; the one that was idle longest goes first, of the prefix or of all, and when none is idle
 * the new one is refused. A connection is idle when it has no query under way, nothing unsent and
 * no message that has come in part. Reading stops while a connection has tcp.pipeline queries under
 * way or tcp.unsent bytes unsent.
 *
 * One worker each. A handle or path of a connection that is gone finds nothing. Options are those
 * of the present snapshot: what a reload changes holds for what happens next.
 */
#ifndef RINGDNS_CONNECTION_H
#define RINGDNS_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slab.h"
#include "base/timer.h"
#include "io/io.h"

struct context;
struct connection;

/* By places of streams, in the order they became idle. UINT32_MAX: none. */
struct connection_list {
    uint32_t oldest, newest;
};

struct connections {
    uint32_t n, max; /* open, and how many may be */
    uint32_t places; /* of streams: entries in AT */
    struct connection *at;
    struct connection_list idle;
    struct rd_slab prefixes; /* that have connections, MAX at most */
    uint32_t *buckets;       /* chains of prefixes */
    uint64_t mask;
};

/* 0 or -ENOMEM. MAX: connections; PLACES: io streams in all. */
int connections_init(struct connections *connections, uint32_t max, uint32_t places);
void connections_deinit(struct connections *connections);

/* EVENT is of a client's stream. */
void connection_event(struct context *context, const struct io_event *event);
/* A message came from PATH (via TCP): one more query is under way there. False: the connection is
 * closed by now, the message is to be dropped. */
bool connection_begin(struct context *context, const struct io_path *path);
/* A query from PATH has ended: its answer was handed to context_send, or there is none. */
void connection_end(struct context *context, const struct io_path *path);
/* No answer can be given to what came from PATH (no buffer, or no DNS): closes, counting in
 * COUNTER. To be followed by no connection_end. */
void connection_abort(struct context *context, const struct io_path *path,
                      _Atomic uint64_t *counter);
/* TIMER of a connection (TIMER_CONNECTION) has fired. */
void connection_timeout(struct context *context, struct rd_timer *timer);
/* What a client is told with the keepalive option, in units of 100 ms: how long its connection may
 * be idle; 0 when nearly all places are taken, or we stop (RFC 7828 section 3.3.2). */
uint16_t connection_keepalive(const struct context *context);
/* To be called once context->stopping is set. Closes what has nothing under way and nothing unsent;
 * from now on each connection goes as it gets there, and new ones are refused. */
void connections_stop(struct context *context);
/* Closes all, whatever is under way. */
void connections_close(struct context *context);

#endif
