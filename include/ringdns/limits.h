/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.h - the size of every table. Nothing in Ringdns grows without one of these.
 *
 * What happens when a table is full stands beside its limit, and a counter in stats.def tells.
 * Limits that an operator may move are options (config.def); these here bound the options.
 */
#ifndef RINGDNS_LIMITS_H
#define RINGDNS_LIMITS_H

/* Configuration: more is an error in the file. */
#define RD_MAX_WORKERS       256
#define RD_MAX_LISTENERS     64
#define RD_MAX_SERVERS       16 /* in one pool */
#define RD_MAX_POOLS         16
#define RD_MAX_UPSTREAMS     64   /* servers known at a time, over all pools and recent reloads */
#define RD_MAX_PREFIXES      1024 /* in one access list */
#define RD_MAX_ROUTES        1024
#define RD_MAX_VIEWS         32  /* pools known at a time, over recent reloads */
#define RD_MAX_WEIGHT        100 /* of a server in its pool */
#define RD_MAX_TIER          7
#define RD_MAX_PORTRANGES    64
#define RD_TEXT_BYTES        64  /* a short text: an identity, a pool's name */
#define RD_PATH_BYTES        108 /* sun_path */
#define RD_CONFIG_FILE_BYTES (1u << 20)
#define RD_CONFIG_ERRORS     100 /* shown at a time; the rest is counted */

/* A turn: a worker takes at most this many messages at a time; the others wait in the kernel. */
#define RD_BATCH 64

/* Buffers: an odd number of cache lines, so that headers do not fall into one cache set.
 * A datagram that is longer is cut by the kernel and refused (FORMERR, or a bad reply). */
#define RD_BUFFER_BYTES   4416
#define RD_BUFFERS        2048 /* per worker, for receiving; none left: the kernel queues */
#define RD_ANSWER_BUFFERS 1024 /* per worker, for later answers; none left: sent, then reused */

/* Streams (TCP). Options bound their number; when these buffers are all out, reading from streams
 * pauses, and an answer that finds none closes its connection: the client asks again. */
#define RD_STREAM_BUFFERS   512   /* per worker, for what streams receive */
#define RD_LARGE_BUFFERS    256   /* per worker, mapped, touched on use */
#define RD_LARGE_BYTES      65664 /* a whole message, and some room in front */
#define RD_LINK_QUESTIONS   1024  /* under way on one connection to an upstream */
#define RD_LINKS_PER_SERVER 64    /* per worker; tcp.per-worker is at most this */
#define RD_LINKS            256   /* per worker; none left: as if the servers had no TCP */

/* Questions to upstreams. Slots and waiters are options: full means SERVFAIL at once. */
#define RD_ATTEMPTS            6    /* messages for one question, all servers together */
#define RD_ATTEMPTS_PER_SERVER 3    /* by UDP, and by TCP (RFC 9520 section 3.1) */
#define RD_QUESTION_WAITERS    4096 /* clients of one question; the next one gets SERVFAIL */
#define RD_TIMEOUTS_A_TURN     256  /* the others come in the next turn, which comes at once */
#define RD_PORT_QUESTIONS      96   /* asked from one port in its life */
#define RD_PORT_QUESTIONS_MIN  32
#define RD_WRONG_IDS           3    /* at one port; then it is left: for TCP, or for another one */
#define RD_PORTS_MIN           4    /* per upstream and worker */
#define RD_PORTS_LINGERING     4096 /* planned for retired ports that still wait, per worker */

/* Letters between workers, of each; none left: the question is asked without the others. */
#define RD_LETTERS       512
#define RD_LETTER_BYTES  1408 /* of a reply in it */
#define RD_LARGE_LETTERS 16   /* for a reply of any size; mapped, touched on use */

/* EDNS: what is told upstream, and what is copied from there. */
#define RD_EDNS_UPSTREAM_BYTES 1232 /* RFC 9715 */
#define RD_EDE_MAX             4    /* extended errors passed on of one reply */
#define RD_EDE_TEXT_BYTES      64

/* The control socket. */
#define RD_CONTROL_CLIENTS    32
#define RD_CONTROL_LINE_BYTES 4096

#endif
