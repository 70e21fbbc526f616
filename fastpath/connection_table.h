/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection_table.h - where connections stand: by place of their stream, counted by prefix, and
 * listed in the order they became idle. Nothing is decided here.
 *
 * Everything but the making costs the same however many there are. One worker each.
 */
#ifndef RINGDNS_CONNECTION_TABLE_H
#define RINGDNS_CONNECTION_TABLE_H

#include "base/hash.h"
#include "connection.h"

/* A connection stands in two lists of idle ones, its prefix's and that of all. */
enum connection_lists { OF_ALL, OF_PREFIX, CONNECTION_LISTS };

struct connection_link {
    uint32_t older, newer; /* places */
};

struct connection {
    struct rd_timer timer; /* first member: the timer's owner is found by its address */
    uint64_t idle_ns;      /* since when it is idle, if it is */
    uint64_t begun_ns;     /* since when the rest of a message is awaited, if it is */
    uint64_t taken_ns;     /* when what is unsent was last seen to have become less */
    uint32_t stream;       /* the full handle */
    uint32_t prefix;       /* index of the prefix it is counted for */
    uint32_t under_way;    /* queries */
    uint32_t unsent;       /* bytes, when it was looked at last */
    struct connection_link links[CONNECTION_LISTS]; /* of idle ones */
    bool open;
    bool idle;   /* listed */
    bool begun;  /* a message has come in part */
    bool paused; /* nothing is read from it */
    bool ended;  /* the client sends nothing more */
};

/* An IPv4 /24 or IPv6 /56, and its keyed hash. */
struct prefix_key {
    uint64_t bits, hash;
};

struct connection_prefix {
    uint64_t bits;
    uint32_t bucket;
    uint32_t chain; /* next prefix of the same bucket */
    uint32_t n;     /* connections, at least one */
    struct connection_list idle;
};

/* IPv4 in IPv6 (::ffff:a.b.c.d) is IPv4. */
struct prefix_key prefix_key_of(const struct rd_hash_key *key, const union rd_address *peer);
/* NULL: it has no connections. */
struct connection_prefix *prefix_find(const struct connections *connections,
                                      const struct prefix_key *key);

/* The connection with this very handle, or NULL. */
struct connection *connection_find(const struct connections *connections, uint32_t stream);
/* The one of LIST that has been idle longest, or NULL. */
struct connection *connection_oldest(const struct connections *connections,
                                     const struct connection_list *list);
/* A new connection, busy, all else zero. Fewer than MAX are open, STREAM's place is free. */
struct connection *connection_add(struct connections *connections, uint32_t stream,
                                  const struct prefix_key *key);
/* Its timer is disarmed. */
void connection_remove(struct connections *connections, struct connection *connection);
/* Makes it the newest of the idle ones, also if it was idle. */
void connection_set_idle(struct connections *connections, struct connection *connection);
/* Does nothing if it is busy. */
void connection_set_busy(struct connections *connections, struct connection *connection);

#endif
