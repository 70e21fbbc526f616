/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recall.h - answering from the cache: what is fresh, what may be given stale, what failed lately.
 *
 * An answer that is there is given with what is left of its TTLs. One that has ended is kept in
 * mind: it may still be given if no server answers (RFC 8767). A failure is remembered for a while
 * (RFC 9520).
 */
#ifndef RINGDNS_RECALL_H
#define RINGDNS_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "context.h"

/* What the cache knows of a question that it has no fresh answer to. */
struct recalled {
    uint8_t stale;    /* enum rd_cache_kind + 1 of what may be given stale; 0: nothing */
    uint8_t failures; /* in a row, the last one not long ago */
};

enum recall {
    RECALL_MISS,     /* to be asked; *RET_RECALLED may help */
    RECALL_ANSWERED, /* the client has its answer, MSG was taken */
    RECALL_REFRESH,  /* the same, and it is worth asking again behind it */
};

/* Asks for the memory that recall_client will read: first the index, then, called with the whole
 * batch in between, the entries. False: there are none. */
void recall_prefetch(const struct context *context, const struct rd_key *key);
bool recall_prefetch_entries(const struct context *context, const struct rd_key *key);

/* Answers CLIENT, who asked KEY, from the cache, in MSG's buffer, if that is possible. FRESH_ONLY:
 * neither stale answers nor failures. KEY is left as it was. */
enum recall recall_client(struct context *context, struct rd_key *key, const struct client *client,
                          struct io_message *msg, bool fresh_only, struct recalled *ret_recalled);

/* Whether KEY, whose answer is near its end or stale, is worth asking again: not when that has
 * just been done, whatever came of it, and not while a failure is remembered. *RET_FAILURES as in
 * struct recalled. */
bool recall_wants_refresh(struct context *context, const struct rd_key *key, uint8_t *ret_failures);

/* Gives CLIENT the stale answer to KEY that recall_client spoke of. False: it is gone meanwhile,
 * MSG is still the caller's. */
bool recall_stale(struct context *context, const struct rd_key *key, uint8_t stale,
                  const struct client *client, struct io_message *msg);

#endif
