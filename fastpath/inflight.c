/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inflight.c - a chained hash table over a slab. Chains keep the code short; the hash is keyed, so
 * they stay short too. No I/O and no clock here.
 */
#include "inflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How many waiters are looked at for a repetition: stubs repeat to an idle name, not to a crowd. */
#define REPEAT_SEARCH 32

static struct waiter *waiter_at(const struct inflight *inflight, uint32_t index)
{
    return rd_slab_at(&inflight->waiters, index);
}

static uint64_t power_above(uint32_t n)
{
    uint64_t power = 1;

    while (power < n)
        power *= 2;
    return power;
}

int inflight_init(struct inflight *inflight, uint32_t questions, uint32_t waiters,
                  struct rd_stats *stats)
{
    size_t buckets = power_above(questions) * 2;

    memset(inflight, 0, sizeof(*inflight));
    inflight->stats = stats;
    inflight->mask = buckets - 1;
    inflight->buckets = malloc(buckets * sizeof(*inflight->buckets));
    if (!inflight->buckets ||
        rd_slab_init(&inflight->questions, sizeof(struct question), questions) < 0 ||
        rd_slab_init(&inflight->waiters, sizeof(struct waiter), waiters) < 0) {
        inflight_deinit(inflight);
        return -ENOMEM;
    }
    memset(inflight->buckets, 0xff, buckets * sizeof(*inflight->buckets));
    return 0;
}

void inflight_deinit(struct inflight *inflight)
{
    rd_slab_deinit(&inflight->waiters);
    rd_slab_deinit(&inflight->questions);
    free(inflight->buckets);
    inflight->buckets = NULL;
}

void inflight_prefetch(const struct inflight *inflight, uint64_t hash)
{
    __builtin_prefetch(&inflight->buckets[hash & inflight->mask]);
}

struct question *inflight_find(const struct inflight *inflight, const struct rd_key *key)
{
    uint32_t index = inflight->buckets[key->hash & inflight->mask];

    while (index != RD_SLAB_NONE) {
        struct question *question = inflight_at(inflight, index);

        if (rd_key_equal(&question->key, key) && !question->outdated)
            return question;
        index = question->chain;
    }
    return NULL;
}

struct question *inflight_lead(struct inflight *inflight, const struct rd_key *key)
{
    uint32_t *bucket = &inflight->buckets[key->hash & inflight->mask];
    uint32_t index = rd_slab_take(&inflight->questions);
    struct question *question;

    if (index == RD_SLAB_NONE)
        return NULL;
    question = inflight_at(inflight, index);
    rd_timer_init(&question->timer); /* TIMER_QUESTION */
    question->waiters = RD_SLAB_NONE;
    question->n_waiters = 0;
    question->n_attempts = 0;
    question->claimed = question->following = question->outdated = false;
    question->stale = question->failures = 0;
    question->stale_given = false;
    memset(question->followers, 0, sizeof(question->followers));
    question->hedge_armed = false;
    question->renewed = false;
    question->hurried = 0;
    question->out_of_reach = 0;
    rd_key_copy(&question->key, key);
    question->chain = *bucket;
    *bucket = index;
    rd_stat_set(&inflight->stats->inflight, rd_slab_used(&inflight->questions));
    return question;
}

static bool repeated(const struct inflight *inflight, const struct question *question,
                     const struct client *client)
{
    uint32_t index = question->waiters;

    /* A connection loses nothing, so nothing is repeated there. */
    if (client->path.via == IO_TCP)
        return false;
    for (int i = 0; i < REPEAT_SEARCH && index != RD_SLAB_NONE; i++) {
        const struct waiter *waiter = waiter_at(inflight, index);

        if (waiter->client.id == client->id && waiter->client.path.way == client->path.way &&
            rd_address_equal(&waiter->client.path.peer, &client->path.peer))
            return true;
        index = waiter->next;
    }
    return false;
}

enum inflight_join inflight_join(struct inflight *inflight, struct question *question,
                                 const struct client *client)
{
    struct waiter *waiter;
    uint32_t index;

    if (repeated(inflight, question, client))
        return INFLIGHT_REPEATED;
    if (question->n_waiters == RD_QUESTION_WAITERS)
        return INFLIGHT_FULL;
    index = rd_slab_take(&inflight->waiters);
    if (index == RD_SLAB_NONE)
        return INFLIGHT_FULL;
    waiter = waiter_at(inflight, index);
    waiter->client = *client;
    waiter->next = question->waiters;
    question->waiters = index;
    question->n_waiters++;
    rd_stat_set(&inflight->stats->waiters, rd_slab_used(&inflight->waiters));
    return INFLIGHT_JOINED;
}

bool inflight_leave(struct inflight *inflight, struct question *question, struct client *ret_client)
{
    uint32_t index = question->waiters;
    struct waiter *waiter;

    if (index == RD_SLAB_NONE)
        return false;
    waiter = waiter_at(inflight, index);
    *ret_client = waiter->client;
    question->waiters = waiter->next;
    question->n_waiters--;
    rd_slab_give(&inflight->waiters, index);
    rd_stat_set(&inflight->stats->waiters, rd_slab_used(&inflight->waiters));
    return true;
}

void inflight_end(struct inflight *inflight, struct question *question)
{
    uint32_t index = inflight_index(inflight, question);
    uint32_t *link = &inflight->buckets[question->key.hash & inflight->mask];

    while (*link != index)
        link = &inflight_at(inflight, *link)->chain;
    *link = question->chain;
    rd_slab_give(&inflight->questions, index);
    rd_stat_set(&inflight->stats->inflight, rd_slab_used(&inflight->questions));
}
