/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle.h - what each client may be told, decided from outside: from the messages that went into
 * the forwarder and came out of it, and from nothing else of it.
 *
 * A model that is simple rather than fast, with a reader of messages of its own. It is told of
 * every message that a worker receives and sends, in order, and says so (sim_broken) when one must
 * not have been sent:
 *
 * - an answer to nobody's question, or more answers than there were such queries; another ID,
 *   another spelling, flags or an OPT that the client has no right to; larger than he takes;
 * - records that no accepted reply of an upstream has said of that very question, or that do not
 *   belong to it, or not all of them (without TC), or twice; a record longer alive than it was said
 *   to be, or given after its end unless the rules for stale answers are kept; one that was asked
 *   before a flush; one that only a forger has said;
 * - an error for which there is no reason: nothing has gone wrong with that question, or at all;
 * - a question that is asked more often than it may be, by two workers at a time, of a server of
 *   another pool, or with a client's own ID, port or spelling.
 *
 * Times are those of the workers' turns, so that everything is exact to the second; where the
 * workers' clock may be behind (plan: FREEZE), CLOCK_SLACK_NS is how far. One thread.
 */
#ifndef RINGDNS_TESTS_STORM_ORACLE_H
#define RINGDNS_TESTS_STORM_ORACLE_H

#include "sim/storm/storm.h"

struct oracle_rules {
    uint32_t min_ttl_s, max_ttl_s, negative_ttl_s; /* the same all the time */
    uint64_t stale_ns;                             /* 0: no stale answer ever */
    bool cut;                                      /* RFC 8020 */
    bool trust_ad;
    bool calm;               /* no fault happens: then no error of our own is allowed */
    uint32_t max_answer;     /* by UDP */
    uint64_t clock_slack_ns; /* the workers' clock may be so far behind */
    const struct storm *storm;
};

struct oracle *oracle_new(const struct oracle_rules *rules);
void oracle_free(struct oracle *oracle);

/* WORKER has received a client's MSG. */
void oracle_query(struct oracle *oracle, unsigned worker, const struct io_message *msg);
/* WORKER sends MSG to a client. */
void oracle_answer(struct oracle *oracle, unsigned worker, const struct io_message *msg);
/* WORKER has received MSG, by a port or a stream, from the upstream FROM; MSG's bytes are what
 * came, whatever the network did to them. */
void oracle_reply(struct oracle *oracle, unsigned worker, const struct io_message *msg,
                  const union rd_address *from, enum storm_origin origin);
/* WORKER sends MSG, by a port or a stream, to the upstream TO. */
void oracle_ask(struct oracle *oracle, unsigned worker, const struct io_message *msg,
                const union rd_address *to);

/* NAME, in wire format, and with SUFFIX all below it, was flushed; NULL: everything was. */
void oracle_flush(struct oracle *oracle, const uint8_t *name, bool suffix);
/* Other servers are in the pools from now on, or they are asked in another way. */
void oracle_reload(struct oracle *oracle);
/* Something has gone wrong with a message about the question in BYTES (a query or a reply, in
 * whatever state); NULL: with everything, at this moment. UNTIL_NS: it lasts until then. */
void oracle_trouble(struct oracle *oracle, const uint8_t *bytes, size_t len, uint64_t until_ns);
/* The stream of WORKER is gone: who asked on it gets no answer any more. */
void oracle_closed(struct oracle *oracle, unsigned worker, uint32_t stream);

/* Whether WORKER's STREAM has queries that must still be answered. */
bool oracle_awaits(struct oracle *oracle, unsigned worker, uint32_t stream);

/* All is quiet: nobody waits any more, so that no query may be left without an answer. */
void oracle_settle(struct oracle *oracle);

/* What it counted, to be compared with the forwarder's counters. */
struct oracle_counts {
    uint64_t queries, answers; /* of clients, by UDP and TCP */
    uint64_t asked, replies;   /* to and from upstreams */
    uint64_t unanswered;       /* queries, at the time of the call, those on gone streams too */
    uint64_t fresh, stale, errors, bare; /* answers by kind */
    uint64_t late_hits;                  /* after which a refresh is due */
    uint64_t lucky;                      /* answers that a forger who guessed right has made */
};
void oracle_count(const struct oracle *oracle, struct oracle_counts *ret_counts);

#endif
