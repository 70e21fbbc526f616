/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.c - opening, sharing and closing connections to servers.
 *
 * New questions go to the link that has least under way, and another one is opened where each has
 * a good number of them: few connections, each well used (RFC 7766 section 6.2.1). A link over
 * which a question was waited for in vain is not asked again; it may be a peer that vanished.
 *
 * One worker's thread. Not here: when TCP is used at all (attempt.c).
 */
#include "link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "context.h"

/* Under way on each link before another is opened. */
#define SHARED_BY 32
/* A connection that takes longer is not worth having. */
#define CONNECT_NS (3 * RD_NS_PER_S)

static_assert((RD_LINK_QUESTIONS & (RD_LINK_QUESTIONS - 1)) == 0, "places are bits of an ID");

int links_init(struct links *links, uint32_t places)
{
    memset(links, 0, sizeof(*links));
    links->places = places;
    links->by_place = malloc((places + 1u) * sizeof(*links->by_place));
    if (!links->by_place || rd_slab_init(&links->slab, sizeof(struct link), RD_LINKS) < 0) {
        links_deinit(links);
        return -ENOMEM;
    }
    memset(links->by_place, 0xff, (places + 1u) * sizeof(*links->by_place));
    return 0;
}

void links_deinit(struct links *links)
{
    rd_slab_deinit(&links->slab);
    free(links->by_place);
    links->by_place = NULL;
}

/* The link of STREAM, or NULL. */
static struct link *find(const struct links *links, uint32_t stream)
{
    uint32_t index = links->by_place[io_stream_place(stream)];

    if (index == RD_SLAB_NONE || link_at(links, index)->stream != stream)
        return NULL;
    return link_at(links, index);
}

static void begin(struct context *context, struct link *link, uint32_t stream, uint8_t server)
{
    rd_timer_init(&link->timer);
    link->timer.kind = TIMER_LINK;
    link->stream = stream;
    link->server = server;
    link->incarnation = context->upstream.servers[server].incarnation;
    link->connected = link->proven = link->retired = link->gone = false;
    link->n_waits = 0;
    link->replied_ns = 0;
    link->mask = rd_random_u16(&context->random);
    for (link->n_free = 0; link->n_free < RD_LINK_QUESTIONS; link->n_free++)
        link->free[link->n_free] = (uint16_t)(RD_LINK_QUESTIONS - 1 - link->n_free);
    memset(link->awaited, 0, sizeof(link->awaited));
    memset(link->lives, 0, sizeof(link->lives));
}

/* A new link to SERVER, or NULL: there are as many as may be, or the system refuses. */
static struct link *open_link(struct context *context, uint8_t number)
{
    const struct rd_config *config = &context->snapshot->config;
    struct upstream_server *server = &context->upstream.servers[number];
    uint32_t index;
    int stream;

    if (server->n_links >= config->tcp_per_worker)
        return NULL;
    /* The first one of a worker is not refused: it has no other way. */
    if (!fleet_link(context->fleet, number,
                    server->n_links == 0 ? UINT32_MAX : config->tcp_per_upstream))
        return NULL;
    index = rd_slab_take(&context->links.slab);
    stream = index == RD_SLAB_NONE
                 ? -1
                 : context->io->ops->stream_open(context->io, &server->address, &server->source);
    if (stream < 0) {
        if (index != RD_SLAB_NONE)
            rd_slab_give(&context->links.slab, index);
        fleet_unlink(context->fleet, number);
        rd_stat_inc(&context->stats->links_failed);
        return NULL;
    }
    begin(context, link_at(&context->links, index), (uint32_t)stream, number);
    context->links.by_place[io_stream_place((uint32_t)stream)] = index;
    server->links[server->n_links++] = index;
    rd_stat_set(&server->stats.links, server->n_links);
    rd_timer_arm(&context->timers, &link_at(&context->links, index)->timer,
                 context->now_ns + CONNECT_NS);
    rd_stat_inc(&context->stats->links_opened);
    rd_stat_set(&context->stats->links, rd_slab_used(&context->links.slab));
    return link_at(&context->links, index);
}

/* Takes LINK out of every list, so that no question finds it any more. */
static void detach(struct context *context, struct link *link)
{
    struct upstream_server *server = &context->upstream.servers[link->server];
    uint32_t index = rd_slab_index(&context->links.slab, link);

    link->gone = true;
    rd_timer_cancel(&context->timers, &link->timer);
    for (uint32_t i = 0; i < server->n_links; i++)
        if (server->links[i] == index)
            server->links[i] = server->links[--server->n_links];
    rd_stat_set(&server->stats.links, server->n_links);
    fleet_unlink(context->fleet, link->server);
    context->links.by_place[io_stream_place(link->stream)] = RD_SLAB_NONE;
}

/* Has each question that waits on LINK, which is gone, asked in another way. */
static void release_waits(struct context *context, struct link *link)
{
    for (uint16_t place = 0; link->n_waits > 0 && place < RD_LINK_QUESTIONS; place++) {
        struct upstream_wait wait = link->waits[place];

        if (!link->awaited[place])
            continue;
        link->awaited[place] = false;
        link->n_waits--;
        context->upstream.servers[link->server].outstanding--;
        attempt_link_lost(context, inflight_at(&context->inflight, wait.question), wait.attempt,
                          link->proven);
    }
}

/* The end of a link. IS_OPEN: its stream is to be closed. */
static void end_link(struct context *context, struct link *link, bool is_open)
{
    detach(context, link);
    if (is_open) {
        /* What was asked over it is in the batch at the latest. */
        context_flush(context);
        context->io->ops->stream_close(context->io, link->stream, false);
    }
    release_waits(context, link);
    rd_slab_give(&context->links.slab, rd_slab_index(&context->links.slab, link));
    rd_stat_set(&context->stats->links, rd_slab_used(&context->links.slab));
}

/* The one of SERVER's links that has least under way; NULL: there is none with room. */
static struct link *least_busy(const struct context *context, uint8_t server, bool fresh)
{
    const struct upstream_server *upstream = &context->upstream.servers[server];
    struct link *best = NULL;

    for (uint32_t i = 0; i < upstream->n_links; i++) {
        struct link *link = link_at(&context->links, upstream->links[i]);

        if (link->retired || link->n_free == 0 || (fresh && link->proven) ||
            link->incarnation != upstream->incarnation)
            continue;
        if (!best || link->n_waits < best->n_waits)
            best = link;
    }
    return best;
}

bool link_draw(struct context *context, uint8_t server, struct upstream_wait wait, bool fresh,
               uint32_t *ret_link, uint16_t *ret_id)
{
    struct link *link = least_busy(context, server, fresh), *other = NULL;
    uint16_t place;

    if (!link || link->n_waits >= SHARED_BY)
        other = open_link(context, server);
    if (other)
        link = other;
    if (!link)
        return false;
    place = link->free[--link->n_free];
    link->awaited[place] = true;
    link->waits[place] = wait;
    link->n_waits++;
    context->upstream.servers[server].outstanding++;
    *ret_link = rd_slab_index(&context->links.slab, link);
    *ret_id =
        (uint16_t)((place | (uint16_t)(++link->lives[place] * RD_LINK_QUESTIONS)) ^ link->mask);
    return true;
}

/* Whether ID is one that was given out last for its place; *RET_PLACE. */
static bool is_current(const struct link *link, uint16_t id, uint16_t *ret_place)
{
    uint16_t bare = id ^ link->mask;
    uint16_t place = bare & (RD_LINK_QUESTIONS - 1);

    *ret_place = place;
    return (uint16_t)(link->lives[place] * RD_LINK_QUESTIONS) == (bare ^ place);
}

enum upstream_match link_match(const struct links *links, uint32_t stream, uint16_t id,
                               const struct upstream_wait **ret_wait)
{
    const struct link *link = find(links, stream);
    uint16_t place;

    if (!link || !is_current(link, id, &place) || !link->awaited[place])
        return UPSTREAM_LATE; /* over TCP there is nobody else */
    *ret_wait = &link->waits[place];
    return UPSTREAM_AWAITED;
}

void link_replied(struct context *context, uint32_t index)
{
    struct link *link = link_at(&context->links, index);

    link->proven = true;
    link->replied_ns = context->now_ns;
}

void link_forget(struct context *context, uint32_t index, uint16_t id)
{
    struct link *link = link_at(&context->links, index);
    uint64_t idle_ns = context->snapshot->config.tcp_upstream_idle * RD_NS_PER_MS;
    const struct upstream_wait *wait;
    uint64_t sent_ns;
    uint16_t place;

    if (!is_current(link, id, &place) || !link->awaited[place])
        return;
    wait = &link->waits[place];
    sent_ns = inflight_at(&context->inflight, wait->question)->attempts[wait->attempt].sent_ns;
    /* Waited for in vain, and nothing else was heard since: a peer that vanished, perhaps. */
    if (link->replied_ns < sent_ns && context->now_ns - sent_ns >= ATTEMPT_FIRST_NS)
        link->retired = true;
    link->awaited[place] = false;
    link->free[link->n_free++] = place;
    context->upstream.servers[link->server].outstanding--;
    if (--link->n_waits == 0 && link->connected && !link->gone)
        rd_timer_arm(&context->timers, &link->timer,
                     context->now_ns + (link->retired ? 0 : idle_ns));
}

void link_event(struct context *context, const struct io_event *event)
{
    struct link *link = find(&context->links, event->port);

    if (!link)
        return;
    switch (event->kind) {
    case IO_STREAM_CONNECTED:
        link->connected = true;
        rd_timer_cancel(&context->timers, &link->timer);
        if (link->n_waits == 0)
            rd_timer_arm(&context->timers, &link->timer,
                         context->now_ns +
                             context->snapshot->config.tcp_upstream_idle * RD_NS_PER_MS);
        break;
    case IO_STREAM_ENDED: /* the server closes what was idle for too long */
        end_link(context, link, true);
        break;
    case IO_STREAM_CLOSED:
        if (!link->connected || link->n_waits > 0)
            rd_stat_inc(&context->stats->links_failed);
        end_link(context, link, false);
        break;
    default:
        break;
    }
}

void link_timeout(struct context *context, struct rd_timer *timer)
{
    struct link *link = (struct link *)timer;

    if (!link->connected)
        rd_stat_inc(&context->stats->links_failed);
    if (!link->connected || link->n_waits == 0)
        end_link(context, link, true);
}

void links_close(struct context *context)
{
    for (uint32_t i = 0; i < context->links.places; i++)
        if (context->links.by_place[i] != RD_SLAB_NONE)
            end_link(context, link_at(&context->links, context->links.by_place[i]), true);
}
