/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inflight.h - the questions under way, who waits for them, and what was sent for them.
 *
 * A worker asks a question once however many of its clients want it (RFC 5452 section 5): its key
 * is all that can make answers differ, and it is compared in full. Fixed tables, found by keyed
 * hash. A question is named by its index; indices are reused, so whoever keeps one across turns (a
 * port's list of what it waits for) is told when the question ends.
 *
 * One worker each.
 */
#ifndef RINGDNS_INFLIGHT_H
#define RINGDNS_INFLIGHT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slab.h"
#include "base/timer.h"
#include "client.h"
#include "ringdns/limits.h"
#include "ringdns/stats.h"
#include "wire/key.h"

/* The view of questions of our own, which no client waits for (probe.h). */
#define QUESTION_PROBE RD_MAX_VIEWS

/* What became of an attempt. While it is WAITING or LATE a reply to it still counts. */
enum attempt_outcome {
    ATTEMPT_WAITING,
    ATTEMPT_LATE,   /* its own time-out is over */
    ATTEMPT_BROKEN, /* by UDP: a network error was seen on its port; by TCP: its link is gone */
    ATTEMPT_FAILED, /* a reply came that is no answer: another server may have one */
    ATTEMPT_VOID,   /* given up for another try at the same server (TCP, without EDNS) */
};

/* One message to a server. */
struct attempt {
    uint64_t sent_ns;
    uint32_t way;      /* UDP: the io handle of the port; TCP: the link's index */
    uint32_t spelling; /* with randomized case: what decides each letter's; 0: lower case */
    uint16_t id;
    uint8_t server;
    uint8_t incarnation; /* of that server's number, its lower bits */
    uint8_t outcome;     /* enum attempt_outcome */
    bool tcp;
    bool plain;   /* without EDNS */
    bool cookie;  /* with a DNS cookie */
    bool hedge;   /* sent early, to a second server */
    bool replied; /* by the server, whatever it said */
    bool awaited; /* its port or link still waits for it */
};

struct waiter {
    struct client client;
    uint32_t next; /* RD_SLAB_NONE: last */
};

static_assert(RD_MAX_UPSTREAMS <= 64, "a question has a bit for each server");

struct question {
    struct rd_timer timer; /* first member: the timer's owner is found by its address */
    uint64_t deadline_ns;  /* the clients' patience */
    uint32_t chain;        /* next question of the same bucket */
    uint32_t waiters;      /* the newest */
    uint32_t n_waiters;
    uint8_t n_attempts;
    bool trust_ad;     /* of the pool, when it was asked */
    bool claimed;      /* this worker leads it for all (exchange.h) */
    bool outdated;     /* asked before a flush: it is not found any more */
    bool following;    /* another one does; nothing was sent from here */
    uint8_t stale;     /* what may be given stale (recall.h); 0: nothing */
    bool stale_given;  /* and clients get it at once now */
    uint8_t failures;  /* of the same question, in a row before this one */
    uint64_t asked_ns; /* when it was opened */
    uint64_t flushes;  /* of the cache, by then */
    uint64_t due_ns;   /* what the timer is for, when it comes earlier for the stale answer */
    uint64_t followers[RD_MAX_WORKERS / 64]; /* a bit for each worker that waits for the outcome */
    bool hedge_armed;    /* the timer is that of the hedge, not of the time-out */
    bool renewed;        /* was asked once more because a used link broke */
    uint8_t hurried;     /* times that a network error brought the next attempt forward */
    uint64_t timeout_ns; /* with hedge_armed: when the first attempt is late */
    uint64_t
        out_of_reach; /* a bit for each server in the fleet that could not be sent to just now */
    struct attempt attempts[RD_ATTEMPTS];
    struct rd_key key;
};

struct inflight {
    struct rd_slab questions, waiters;
    uint32_t *buckets; /* chains of questions */
    uint64_t mask;
    struct rd_stats *stats;
};

/* 0 or -ENOMEM. */
int inflight_init(struct inflight *inflight, uint32_t questions, uint32_t waiters,
                  struct rd_stats *stats);
void inflight_deinit(struct inflight *inflight);

static inline struct question *inflight_at(const struct inflight *inflight, uint32_t index)
{
    return rd_slab_at(&inflight->questions, index);
}

static inline uint32_t inflight_index(const struct inflight *inflight,
                                      const struct question *question)
{
    return rd_slab_index(&inflight->questions, question);
}

/* Asks for the memory that inflight_find will read for HASH. */
void inflight_prefetch(const struct inflight *inflight, uint64_t hash);
/* The question with this key that is not outdated, or NULL. */
struct question *inflight_find(const struct inflight *inflight, const struct rd_key *key);
/* A new question without waiters and attempts, or NULL when the table is full. */
struct question *inflight_lead(struct inflight *inflight, const struct rd_key *key);

enum inflight_join { INFLIGHT_JOINED, INFLIGHT_REPEATED, INFLIGHT_FULL };

/* Adds CLIENT. INFLIGHT_REPEATED: the same client waits already with this ID, it retransmits;
 * only the newest few are looked at, so in a crowd a repetition may be answered twice. */
enum inflight_join inflight_join(struct inflight *inflight, struct question *question,
                                 const struct client *client);
/* Takes the newest waiter out into *RET_CLIENT. False: there is none. */
bool inflight_leave(struct inflight *inflight, struct question *question,
                    struct client *ret_client);
/* Ends QUESTION, which has no waiters; its timer must be disarmed and its attempts forgotten. */
void inflight_end(struct inflight *inflight, struct question *question);

#endif
