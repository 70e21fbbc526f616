/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.h - TCP connections to servers (RFC 7766): opened when a question needs one, shared by many
 * questions, kept for a while, closed when idle.
 *
 * A link is an io stream and a table of what it waits for. An ID on it is a place in that table, a
 * generation of that place, and a mask of the link's own: found without a search. Guessing one is
 * worth nothing, for TCP takes no packets from strangers.
 *
 * One worker each; how many links a server has in all is counted in the fleet.
 */
#ifndef RINGDNS_LINK_H
#define RINGDNS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slab.h"
#include "base/timer.h"
#include "io/io.h"
#include "ringdns/limits.h"
#include "upstream.h"

struct context;

struct link {
    struct rd_timer timer; /* first member; TIMER_LINK */
    uint32_t stream;       /* io handle */
    uint8_t server;
    bool connected;
    bool proven; /* a reply came over it: when it breaks now, it was idle too long for its server */
    bool retired; /* nothing more is asked; closes when nothing is awaited */
    bool gone;    /* its end is under way */
    uint32_t n_waits;
    uint32_t incarnation; /* of the server's number */
    uint64_t replied_ns;  /* 0: never */
    uint16_t mask;        /* of its IDs */
    uint16_t n_free;      /* places */
    uint16_t free[RD_LINK_QUESTIONS];
    uint8_t lives[RD_LINK_QUESTIONS]; /* generations */
    bool awaited[RD_LINK_QUESTIONS];
    struct upstream_wait waits[RD_LINK_QUESTIONS];
};

struct links {
    struct rd_slab slab;
    uint32_t *by_place; /* of streams; RD_SLAB_NONE: no link's */
    uint32_t places;
};

/* 0 or -ENOMEM. PLACES: io streams in all. */
int links_init(struct links *links, uint32_t places);
void links_deinit(struct links *links);

static inline struct link *link_at(const struct links *links, uint32_t index)
{
    return rd_slab_at(&links->slab, index);
}

/* A link to SERVER and an ID on it, for the attempt that WAIT names; opened if need be. FRESH: not
 * one that has been used. False: none can be had. */
bool link_draw(struct context *context, uint8_t server, struct upstream_wait wait, bool fresh,
               uint32_t *ret_link, uint16_t *ret_id);
/* Whose reply this is, by stream and ID; as upstream_match. */
enum upstream_match link_match(const struct links *links, uint32_t stream, uint16_t id,
                               const struct upstream_wait **ret_wait);
/* A reply was accepted on LINK. */
void link_replied(struct context *context, uint32_t link);
/* Nobody waits for this any more. Does nothing if nobody did. */
void link_forget(struct context *context, uint32_t link, uint16_t id);
/* EVENT is of a link's stream. What waited for a link that is gone is asked anew (attempt.h). */
void link_event(struct context *context, const struct io_event *event);
/* TIMER of a link has fired. */
void link_timeout(struct context *context, struct rd_timer *timer);
/* Closes all, whatever they wait for. */
void links_close(struct context *context);

#endif
