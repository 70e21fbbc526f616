/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_bed.h - what tests of streams need beside bed.h: clients and servers over TCP.
 *
 * Shape: the peers' sockets do not block; whoever waits for one turns the bed meanwhile, for 5 s at
 * most.
 */
#ifndef RINGDNS_TESTS_IO_STREAM_BED_H
#define RINGDNS_TESTS_IO_STREAM_BED_H

#include "bed.h"

/* A bed with room for 8 streams and a listener at HOST, started. */
void stream_bed_prepare(struct bed *bed, void **state);
void stream_bed_start(struct bed *bed, const char *host);

/* A client that is connected to the first listener. */
int tcp_client(const struct bed *bed);
/* The same, and the stream that it got; it is read. */
int stream_client(struct bed *bed, uint32_t *ret_stream);
/* A listening socket at 127.0.0.1. */
int tcp_server(union rd_address *ret_address);
/* Turns until a connection has come to SERVER. */
int tcp_accept(struct bed *bed, int server);
/* A stream to SERVER that stands; its other end. */
int stream_to_server(struct bed *bed, uint32_t *ret_stream);

/* Sends bytes as they are; all of them have to find room at once. */
void tcp_send(int fd, const void *data, size_t len);
/* The same with the length in front. */
void tcp_say(int fd, const char *text);
/* Turns until LEN bytes have come to FD. */
void tcp_read(struct bed *bed, int fd, void *ret_data, size_t len);
/* Turns until a message has come to FD, which must hold TEXT. */
void tcp_expect(struct bed *bed, int fd, const char *text);
/* Turns until FD says that nothing more comes: 0, or ECONNRESET. */
int tcp_end(struct bed *bed, int fd);

/* One turn of a millisecond at most, that brings no message. */
void bed_pass(struct bed *bed, uint64_t deadline_ns);
/* Patience from now on. */
uint64_t bed_patience(const struct bed *bed);
/* Turns until an event comes, which must be KIND of STREAM. Its error. */
int stream_expect(struct bed *bed, uint32_t stream, enum io_event_kind kind);
/* Turns until a message comes, which must hold TEXT. */
struct io_message stream_receive(struct bed *bed, const char *text);
/* Makes an answer of a received message, in a buffer of its own, and sends it. */
void stream_answer(struct bed *bed, const struct io_message *query, const char *text);
/* Sends TEXT on a stream of ours. */
void stream_say(struct bed *bed, uint32_t stream, const char *text);
/* For 50 ms turns bring nothing, and sleep. */
void bed_assert_calm(struct bed *bed);
/* Fails if an event waits. */
void assert_no_event(struct bed *bed);

#endif
