/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection_bed.h - connections over an io that does nothing but remember: what was opened, read,
 * sent and closed. Any call that names a dead stream fails the test. Time passes in bed_wait alone.
 */
#ifndef RINGDNS_TESTS_CONNECTION_BED_H
#define RINGDNS_TESTS_CONNECTION_BED_H

#include "context.h"

#define BED_PLACES 16384u

enum bed_end { BED_OPEN, BED_FIN, BED_RESET };

struct bed_stream {
    uint32_t handle;
    union rd_address peer;
    bool alive, reading;
    enum bed_end end; /* of the last one here that is closed by us */
    uint32_t unsent;
    unsigned paused; /* times that reading stopped */
};

struct bed {
    struct io io; /* first member */
    struct rd_stats stats;
    struct rd_snapshot snapshot;
    struct context context;
    struct bed_stream streams[BED_PLACES];
};

/* MAX connections; idle 10 s, message 5 s, pipeline 8, unsent 65,536 bytes, no cap per prefix. */
struct bed *bed_new(uint32_t max);
void bed_free(struct bed *bed);

/* 10.x.y.z by the bits of HOST. */
union rd_address bed_v4(uint32_t host);
/* A new client in PLACE; its handle, refused or not. */
uint32_t bed_accept_from(struct bed *bed, uint32_t place, const union rd_address *peer);
uint32_t bed_accept(struct bed *bed, uint32_t place, uint32_t host);
struct bed_stream *bed_stream(struct bed *bed, uint32_t stream);
/* Whether STREAM is open, here and in the table of connections. */
bool bed_open(struct bed *bed, uint32_t stream);
/* How the last stream in STREAM's place was closed. */
enum bed_end bed_end(struct bed *bed, uint32_t stream);

void bed_event(struct bed *bed, uint32_t stream, enum io_event_kind kind);
/* The kernel takes all that is unsent. */
void bed_drain(struct bed *bed, uint32_t stream);
bool bed_begin(struct bed *bed, uint32_t stream);
/* Ends a query with an answer of BYTES; it is unsent from the next flush on. */
void bed_answer(struct bed *bed, uint32_t stream, uint32_t bytes);
/* The same, and the answer leaves at once. */
void bed_answer_taken(struct bed *bed, uint32_t stream);
void bed_wait(struct bed *bed, uint64_t ms);

#define bed_stat(bed, field) rd_stat_get(&(bed)->stats.field)

#endif
