/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone.h - an upstream that has the records which a test wrote down, and what a client hears of
 * them: which of the upstream's queries an answer came from, how long each record still lives, and
 * how long the client waited, to the nanosecond.
 */
#ifndef RINGDNS_TESTS_SIM_ZONE_H
#define RINGDNS_TESTS_SIM_ZONE_H

#include "sim/scene.h"

#define ZONE_RECORDS 8
#define ZONE_ASKED   65535 /* the type of the question: an address, or a TXT-like record */

struct zone_record {
    uint8_t section;    /* enum rd_section */
    uint16_t type;      /* 0: there are no more */
    uint32_t ttl_s;     /* its RDATA ends with the number of the query, from 1, */
    const char *owner;  /* NULL: the question's name */
    const char *target; /* but for a CNAME, whose RDATA this is */
    uint32_t minimum_s; /* and a SOA, which ends with this */
};

struct zone {
    uint16_t flags; /* RCODE, AD */
    uint16_t ede;   /* 0: none */
    struct zone_record records[ZONE_RECORDS];
    unsigned bulk; /* TXT records of 256 bytes and TTL 300 in front, by TCP; by UDP it is TC then */
    bool silent;
    uint64_t delay_ns;
};

/* What the scene's upstream says, from the next query on. */
extern struct zone zone;

sim_model zone_model;
sim_stream_model zone_stream_model;

/* scene_setup with that upstream, one address of TTL 300, and a cache that knows neither stale
 * answers nor prefetching. Clients are next door: what they ask is taken at the same instant. */
int zone_setup(void **state);
#define ZONE_TEST(name) cmocka_unit_test_setup_teardown(name, zone_setup, scene_teardown)
/* The same of SEED, to be closed by scene_close. */
void zone_open(struct scene *scene, uint64_t seed);

/* One record of TTL_S, of whatever type is asked for. */
void zone_address(uint32_t ttl_s);
/* No such name, or no such record, by RCODE; a SOA says for how long. */
void zone_denial(uint16_t rcode, uint32_t ttl_s, uint32_t minimum_s);
/* How often the scene's upstream was asked for NAME, by all ways. */
unsigned zone_asked(const struct scene *scene, const char *name);

#define HEARD_RECORDS 4

struct heard {
    uint8_t rcode;
    bool ad;
    int ede;       /* the first one; -1: none */
    unsigned n[3]; /* records by section, without the OPT */
    uint32_t ttl_s[3][HEARD_RECORDS];
    unsigned serial;    /* the last byte of the last answer record; 0: none */
    uint64_t left_ns;   /* when it was given: a new answer comes to us at that instant */
    uint64_t waited_ns; /* since it was asked; of hear and hear_at */
};

struct heard heard_of(const struct sim_packet *answer);
/* The last answer of CLIENT, which has N in all. */
struct heard heard_by(const struct sim_client *client, unsigned n);
/* Asks as the scene's client, now. */
struct heard hear(struct scene *scene, const struct ask *ask);
/* The same at AT_NS. */
struct heard hear_at(struct scene *scene, uint64_t at_ns, const struct ask *ask);
/* Lets time pass until AT_NS. */
void zone_wait_until(struct scene *scene, uint64_t at_ns);

/* Each fails the test where it is not so. An answer with one address, from the upstream's query
 * SERIAL, TTL_S to live. */
void assert_address(const struct heard *heard, unsigned serial, uint32_t ttl_s);
/* SERVFAIL with that extended error. */
void assert_failed(const struct heard *heard, int ede);
/* It was had without asking. */
void assert_at_once(const struct heard *heard);

#endif
