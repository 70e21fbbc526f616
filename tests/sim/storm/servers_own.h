/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers_own.h - what the files of servers.h know of each other.
 *
 * servers.c decides whether, when and from where is answered, servers_tcp.c how on a connection;
 * servers_spoil.c, servers_lie.c and servers_poison.c change what is said.
 */
#ifndef RINGDNS_TESTS_STORM_SERVERS_OWN_H
#define RINGDNS_TESTS_STORM_SERVERS_OWN_H

#include "sim/conn.h"
#include "sim/packets.h"
#include "sim/storm/oracle.h"
#include "sim/storm/servers.h"
#include "sim/storm/truth.h"

struct servers;

struct server {
    struct servers *all;
    struct sim_upstream *upstream;
    bool knows_cookies;
    uint8_t cookies; /* that were replaced: the one that is valid now */
    uint64_t dead_until_ns;
    bool stalled;         /* while it is dead */
    enum sim_accept whim; /* what it does with connections, */
    uint64_t whim_ns;     /* until then */
    unsigned accepted;    /* connections, when that was drawn last */
    uint64_t pieces_ns;   /* until then a message comes in pieces */
};

struct servers {
    struct storm *storm;
    uint32_t serial;     /* that was given out last */
    struct packet reply; /* what is being said */
    struct packet other; /* a query that nobody sent */
    struct server at[2][STORM_MAX_SERVERS];
};

/* A query that is being answered. */
struct hearing {
    struct server *server;
    const uint8_t *query;
    size_t len;
    struct rd_message wire; /* of the query */
    bool by_tcp;
};

/* A number that no reply had. */
uint32_t servers_serial(struct servers *all);
/* The question that BYTES are about may be answered with an error, for NS from now. */
void servers_trouble(struct storm *storm, const uint8_t *bytes, size_t len, uint64_t ns);
/* Fills WIRE. False: nobody could make sense of it. */
bool servers_read_query(struct hearing *hearing);
/* Writes the truth, with a cookie for those who have one. False: the query cannot be read. */
bool servers_compose(const struct hearing *hearing, struct packet *reply);
/* The same without records: question, RCODE (its upper bits go to the OPT), OPT and cookie. */
void servers_bare(const struct hearing *hearing, uint16_t rcode, struct packet *reply);
/* Adds SERVER's cookie where there is an OPT that can hold it. */
void servers_cookie(const struct hearing *hearing, struct packet *reply);

/* Whether SERVER is dead; then that is all there is to say. */
bool servers_is_dead(const struct server *server);
/* What SERVER does with the next connection. */
void servers_settle(struct server *server);
sim_stream_model servers_hear_stream;

/* Spoils the reply by one fault at most. Whether it did so that its question may go unanswered. */
bool servers_spoil(const struct hearing *hearing, struct packet *reply);

/* For servers_spoil.c: */
void servers_lie(const struct hearing *hearing, struct packet *reply);
bool servers_may_poison(const struct hearing *hearing, const struct packet *reply);
void servers_poison(const struct hearing *hearing, struct packet *reply);
/* Reads what is being said; it is sound. */
void servers_parse(const struct packet *reply, struct rd_message *ret_wire);

#endif
