/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bed.h - a test bed for the back ends: one io over loopback, and real sockets around it.
 *
 * Shape: a test's state is the name of its back end; a bed is made of it, used and ended. Every
 * wait has a deadline by the clock that turn returns, or a time-out of the socket.
 */
#ifndef RINGDNS_TESTS_IO_BED_H
#define RINGDNS_TESTS_IO_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/io.h"

#define BED_LISTENERS 4
#define BED_MESSAGES  256

struct bed {
    const struct io_ops *ops;
    struct io *io;
    struct rd_stats stats;
    union rd_address listeners[BED_LISTENERS];
    struct io_plan plan;
    uint64_t now_ns;
};

/* Tests run once for each back end. */
#define BED_BOTH(test)                                                                             \
    {"uring: " #test, test, NULL, NULL, (void *)(uintptr_t)&io_uring_ops},                         \
    {                                                                                              \
        "syscall: " #test, test, NULL, NULL, (void *)(uintptr_t)&io_syscall_ops                    \
    }
#define BED_URING(test)                                                                            \
    {                                                                                              \
        "uring: " #test, test, NULL, NULL, (void *)(uintptr_t)&io_uring_ops                        \
    }

/* Runs a group. Where io_uring is forbidden its tests are named as skipped, with the reason;
 * cmocka's own skip() is not valid TAP. */
int bed_run(const char *group, const struct CMUnitTest *tests, size_t n);

/* A bed with modest sizes and no listener. */
void bed_prepare(struct bed *bed, void **state);
/* Adds a listener on HOST and a free port, or on PORT where it is not 0; returns its number. */
unsigned bed_listen(struct bed *bed, const char *host, uint16_t port);
void bed_start(struct bed *bed);
void bed_end(struct bed *bed);
uint32_t bed_buffers_out(const struct bed *bed);

/* Turns until WANT messages have come in all. Fails after 5 s. */
void bed_receive(struct bed *bed, struct io_message *msgs, unsigned want);
/* Turns until an event comes. Fails after 5 s. */
struct io_event bed_event(struct bed *bed);
/* One turn that does not wait. */
void bed_turn(struct bed *bed);
/* Opens a port to TO from a free local port. */
uint32_t bed_port(struct bed *bed, const union rd_address *to);
/* Sends TEXT from a port in a buffer of its own. */
void bed_ask(struct bed *bed, uint32_t port, const char *text);
/* Turns until nothing has come for as long as a datagram of another socket takes to come: sends
 * one from CLIENT to LISTENER and fails if any other message comes before it. */
void bed_assert_quiet(struct bed *bed, int client, unsigned listener);

union rd_address host_address(const char *host, uint16_t port);
union rd_address any_address(int family, uint16_t port);
/* Free for UDP and TCP. */
uint16_t free_port(int family);
/* A socket bound to HOST and a free port, that gives up receiving after 5 s. */
int peer_socket(const char *host, uint16_t port);
union rd_address socket_address(int fd);
void peer_send(int fd, const union rd_address *to, const void *data, size_t len);
/* Receives a datagram that must hold TEXT; returns where it came from. */
union rd_address peer_expect(int fd, const char *text);
void assert_text(const struct io_message *msg, const char *text);

#endif
