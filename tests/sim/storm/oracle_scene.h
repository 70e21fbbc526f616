/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_scene.h - a storm with an oracle and nobody else, for its tests: they play the workers,
 * the clients and the upstreams by hand, message by message.
 *
 * A message is written into scene.packet by the functions of packets.h, and then goes somewhere.
 * Names below "two." belong to the second pool.
 */
#ifndef RINGDNS_TESTS_STORM_ORACLE_SCENE_H
#define RINGDNS_TESTS_STORM_ORACLE_SCENE_H

#include "sim/packets.h"
#include "sim/storm/oracle.h"

struct scene {
    struct storm storm;
    struct oracle_rules rules;
    struct oracle *oracle;
    struct packet packet;
    uint16_t ask_id; /* of the next question to an upstream */
    bool tcp;        /* clients talk by TCP */
    bool plain;      /* upstreams are asked without EDNS */
};

extern struct scene *scene;

/* A test: what happens, and what the oracle says of it. */
struct play {
    const char *name;
    void (*run)(void);
    const char *text;    /* within the report; NULL: all is well */
    void (*rules)(void); /* changes scene->rules or the configuration before; NULL: nothing */
};

/* clang-format off */
/* A play that nobody minds; one that is reported with TEXT; the same under changed RULES. */
#define OKAY(run)               {#run, run, NULL, NULL}
#define WRONG(run, text)        {#run, run, text, NULL}
#define UNDER(run, rules, text) {#run "_" #rules, run, text, rules}
/* clang-format on */

/* Runs one, as a test of cmocka: its initial state is the play. */
void scene_run(void **state);
/* Runs N of them; the number that failed. */
int scene_run_all(const char *title, const struct play *plays, size_t n);

void scene_wait(uint64_t ns);
/* Starts a message: a question in scene.packet, its flags being FLAGS. */
void scene_write(uint16_t id, uint16_t flags, const char *name, uint16_t type);
/* A client's (number CLIENT: its port) message, as it is in scene.packet, to WORKER; and back. */
void scene_query(unsigned worker, unsigned client);
void scene_answer(unsigned worker, unsigned client);
/* A worker's message to SERVER (0 .. 5 of the first pool, 6 .. of the second), by its port PORT or
 * its stream; and back. */
void scene_ask(unsigned worker, unsigned server, uint32_t port);
void scene_reply(unsigned worker, uint32_t port, enum storm_origin origin);

/* The usual messages. WANT: a query for A with EDNS of client CLIENT with ID, to WORKER. */
void scene_want(unsigned worker, unsigned client, uint16_t id, const char *name);
/* The question for it goes from WORKER's port 7 to SERVER, with the ID in scene.ask_id. */
void scene_lead(unsigned worker, unsigned server, const char *name);
/* The start of the reply to the last scene_lead, and of an answer to scene_want. */
void scene_write_reply(const char *name, uint16_t flags);
void scene_write_answer(uint16_t id, const char *name, uint16_t flags);
/* Adds an A record to what is being written, and to answers at last the OPT. */
void scene_add_a(uint32_t ttl_s, uint8_t last);
void scene_add_soa(uint32_t ttl_s, uint32_t minimum);
void scene_add_opt(void);
/* WANT, LEAD, and a reply with A 192.0.2.1 and TTL 300. */
void scene_exchange(const char *name);
/* An answer to client 1 with ID 1: A 192.0.2.LAST with TTL_S. */
void scene_tell(const char *name, uint32_t ttl_s, uint8_t last);

#endif
