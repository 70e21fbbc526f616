/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection_table.c - connections by place; a chained hash table of prefixes over a slab, so that
 * a prefix stays where it is while it has connections; lists through places.
 *
 * Memory for every place is there from the start. One thread. No io and no clock here.
 */
#include "connection_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

static_assert(NONE == RD_SLAB_NONE, "one word for no place, no prefix and the end of a chain");
static_assert(sizeof(struct connection) <= 96, "a cache line and a half for each");
static_assert(sizeof(struct connection_prefix) <= 32, "two in a cache line");

static const struct connection_list empty = {NONE, NONE};

int connections_init(struct connections *connections, uint32_t max, uint32_t places)
{
    uint64_t buckets = 1;

    while (buckets < max)
        buckets *= 2;
    *connections =
        (struct connections){.max = max, .places = places, .idle = empty, .mask = buckets - 1};
    connections->at = calloc(places, sizeof(*connections->at));
    connections->buckets = malloc(buckets * sizeof(*connections->buckets));
    if (!connections->at || !connections->buckets ||
        rd_slab_init(&connections->prefixes, sizeof(struct connection_prefix), max) < 0) {
        connections_deinit(connections);
        return -ENOMEM;
    }
    memset(connections->buckets, 0xff, buckets * sizeof(*connections->buckets));
    return 0;
}

void connections_deinit(struct connections *connections)
{
    rd_slab_deinit(&connections->prefixes);
    free(connections->buckets);
    free(connections->at);
    *connections = (struct connections){.idle = empty};
}

struct prefix_key prefix_key_of(const struct rd_hash_key *key, const union rd_address *peer)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t host[16], bytes[8] = {0};
    struct prefix_key made;

    rd_address_host(peer, host);
    if (memcmp(host, mapped, sizeof(mapped)) == 0) {
        memcpy(bytes, host + sizeof(mapped), 3);
        bytes[7] = 4; /* no IPv6 prefix has it */
    } else {
        memcpy(bytes, host, 7);
        bytes[7] = 6;
    }
    memcpy(&made.bits, bytes, sizeof(made.bits));
    made.hash = rd_hash(key, bytes, sizeof(bytes));
    return made;
}

static struct connection_prefix *prefix_at(const struct connections *connections, uint32_t index)
{
    return rd_slab_at(&connections->prefixes, index);
}

/* The index of a prefix, or NONE. */
static uint32_t search(const struct connections *connections, const struct prefix_key *key)
{
    uint32_t index = connections->buckets[key->hash & connections->mask];

    while (index != NONE && prefix_at(connections, index)->bits != key->bits)
        index = prefix_at(connections, index)->chain;
    return index;
}

struct connection_prefix *prefix_find(const struct connections *connections,
                                      const struct prefix_key *key)
{
    uint32_t index = search(connections, key);

    return index == NONE ? NULL : prefix_at(connections, index);
}

/* One more connection of a prefix; the prefix's index. */
static uint32_t prefix_hold(struct connections *connections, const struct prefix_key *key)
{
    uint32_t bucket = (uint32_t)(key->hash & connections->mask);
    uint32_t index = search(connections, key);

    if (index == NONE) {
        index = rd_slab_take(&connections->prefixes);
        assert(index != NONE); /* as many as connections may be, and each has one */
        *prefix_at(connections, index) =
            (struct connection_prefix){.bits = key->bits,
                                       .bucket = bucket,
                                       .chain = connections->buckets[bucket],
                                       .idle = empty};
        connections->buckets[bucket] = index;
    }
    prefix_at(connections, index)->n++;
    return index;
}

static void prefix_release(struct connections *connections, uint32_t index)
{
    struct connection_prefix *prefix = prefix_at(connections, index);
    uint32_t *link = &connections->buckets[prefix->bucket];

    if (--prefix->n > 0)
        return;
    while (*link != index)
        link = &prefix_at(connections, *link)->chain;
    *link = prefix->chain;
    rd_slab_give(&connections->prefixes, index);
}

static struct connection_link *link_at(const struct connections *connections, uint32_t place,
                                       enum connection_lists which)
{
    return &connections->at[place].links[which];
}

static void append(struct connections *connections, struct connection_list *list, uint32_t place,
                   enum connection_lists which)
{
    *link_at(connections, place, which) =
        (struct connection_link){.older = list->newest, .newer = NONE};
    if (list->newest == NONE)
        list->oldest = place;
    else
        link_at(connections, list->newest, which)->newer = place;
    list->newest = place;
}

static void take_out(struct connections *connections, struct connection_list *list, uint32_t place,
                     enum connection_lists which)
{
    struct connection_link link = *link_at(connections, place, which);

    if (link.older == NONE)
        list->oldest = link.newer;
    else
        link_at(connections, link.older, which)->newer = link.newer;
    if (link.newer == NONE)
        list->newest = link.older;
    else
        link_at(connections, link.newer, which)->older = link.older;
}

void connection_set_idle(struct connections *connections, struct connection *connection)
{
    uint32_t place = io_stream_place(connection->stream);

    connection_set_busy(connections, connection);
    append(connections, &connections->idle, place, OF_ALL);
    append(connections, &prefix_at(connections, connection->prefix)->idle, place, OF_PREFIX);
    connection->idle = true;
}

void connection_set_busy(struct connections *connections, struct connection *connection)
{
    uint32_t place = io_stream_place(connection->stream);

    if (!connection->idle)
        return;
    take_out(connections, &connections->idle, place, OF_ALL);
    take_out(connections, &prefix_at(connections, connection->prefix)->idle, place, OF_PREFIX);
    connection->idle = false;
}

struct connection *connection_find(const struct connections *connections, uint32_t stream)
{
    uint32_t place = io_stream_place(stream);
    struct connection *connection;

    if (place >= connections->places)
        return NULL;
    connection = &connections->at[place];
    return connection->open && connection->stream == stream ? connection : NULL;
}

struct connection *connection_oldest(const struct connections *connections,
                                     const struct connection_list *list)
{
    return list->oldest == NONE ? NULL : &connections->at[list->oldest];
}

struct connection *connection_add(struct connections *connections, uint32_t stream,
                                  const struct prefix_key *key)
{
    struct connection *connection = &connections->at[io_stream_place(stream)];

    assert(io_stream_place(stream) < connections->places && !connection->open);
    assert(connections->n < connections->max);
    *connection = (struct connection){
        .stream = stream, .prefix = prefix_hold(connections, key), .open = true};
    connections->n++;
    return connection;
}

void connection_remove(struct connections *connections, struct connection *connection)
{
    assert(connection->open && !rd_timer_armed(&connection->timer));
    connection_set_busy(connections, connection);
    prefix_release(connections, connection->prefix);
    connection->open = false;
    connections->n--;
}
