/* SPDX-License-Identifier: BSD-2-Clause */
/* bed.c - see bed.h. */
#include "bed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/syscall.h"
#include "io/uring.h"
#include "ringdns/io.h"

#define PATIENCE_NS (5 * RD_NS_PER_S)
#define TESTS_MAX   64
#define NAME_BYTES  320

static void skipped(void **state)
{
    assert_non_null(*state);
}

int bed_run(const char *group, const struct CMUnitTest *tests, size_t n)
{
    static char names[TESTS_MAX][NAME_BYTES];
    struct CMUnitTest chosen[TESTS_MAX];
    char why[128];
    bool works = rd_io_probe(RD_IO_URING, why, sizeof(why)) == 0;

    assert_true(n <= TESTS_MAX);
    for (size_t i = 0; i < n; i++) {
        chosen[i] = tests[i];
        if (works || tests[i].initial_state != &io_uring_ops)
            continue;
        snprintf(names[i], NAME_BYTES, "%s # SKIP %s", tests[i].name, why);
        chosen[i].name = names[i];
        chosen[i].test_func = skipped;
    }
    return _cmocka_run_group_tests(group, chosen, n, NULL, NULL);
}

void bed_prepare(struct bed *bed, void **state)
{
    memset(bed, 0, sizeof(*bed));
    bed->ops = *state;
    bed->plan = (struct io_plan){
        .listeners = bed->listeners,
        .workers = 1,
        .receive_buffer_bytes = 1 << 20,
        .max_ports = 8,
        .buffers = 64,
        .answer_buffers = 16,
        .stats = &bed->stats,
    };
}

union rd_address host_address(const char *host, uint16_t port)
{
    union rd_address address = {0};

    if (strchr(host, ':') != NULL) {
        address.v6.sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, host, &address.v6.sin6_addr), 1);
    } else {
        address.v4.sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, host, &address.v4.sin_addr), 1);
    }
    address.v4.sin_port = htons(port);
    return address;
}

union rd_address socket_address(int fd)
{
    union rd_address address = {0};
    socklen_t len = sizeof(address);

    assert_return_code(getsockname(fd, &address.any, &len), errno);
    return address;
}

union rd_address any_address(int family, uint16_t port)
{
    return host_address(family == AF_INET6 ? "::" : "0.0.0.0", port);
}

static bool is_free_for_tcp(const union rd_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound;

    assert_return_code(fd, errno);
    bound = bind(fd, &address->any, rd_address_len(address)) == 0;
    close(fd);
    return bound;
}

uint16_t free_port(int family)
{
    union rd_address address;

    do {
        int fd = peer_socket(family == AF_INET6 ? "::" : "0.0.0.0", 0);

        address = socket_address(fd);
        close(fd);
    } while (!is_free_for_tcp(&address));
    return rd_address_port(&address);
}

int peer_socket(const char *host, uint16_t port)
{
    union rd_address address = host_address(host, port);
    struct timeval patience = {.tv_sec = 5};
    int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_return_code(fd, errno);
    assert_return_code(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), errno);
    assert_return_code(bind(fd, &address.any, rd_address_len(&address)), errno);
    return fd;
}

void peer_send(int fd, const union rd_address *to, const void *data, size_t len)
{
    assert_int_equal(sendto(fd, data, len, 0, &to->any, rd_address_len(to)), (ssize_t)len);
}

union rd_address peer_expect(int fd, const char *text)
{
    char data[8192];
    union rd_address from = {0};
    socklen_t len = sizeof(from);
    ssize_t got = recvfrom(fd, data, sizeof(data), 0, &from.any, &len);

    assert_return_code(got, errno);
    assert_int_equal(got, strlen(text));
    assert_memory_equal(data, text, strlen(text));
    return from;
}

void assert_text(const struct io_message *msg, const char *text)
{
    assert_int_equal(msg->len, strlen(text));
    assert_memory_equal(msg->data, text, strlen(text));
}

unsigned bed_listen(struct bed *bed, const char *host, uint16_t port)
{
    unsigned number = bed->plan.n_listeners++;

    assert_true(number < BED_LISTENERS);
    bed->listeners[number] = host_address(host, 0);
    if (port == 0)
        port = free_port(bed->listeners[number].any.sa_family);
    bed->listeners[number].v4.sin_port = htons(port);
    return number;
}

void bed_start(struct bed *bed)
{
    struct rd_failure failure = {"nothing", -1};

    assert_return_code(bed->ops->open(&bed->plan, &bed->io, &failure), errno);
    assert_return_code(bed->ops->start(bed->io, &failure), errno);
    bed_turn(bed);
}

void bed_end(struct bed *bed)
{
    bed->ops->stop(bed->io);
    bed->ops->close(bed->io);
}

uint32_t bed_buffers_out(const struct bed *bed)
{
    return socket_io_buffers_out(bed->io);
}

void bed_turn(struct bed *bed)
{
    bed->now_ns = bed->ops->turn(bed->io, 0);
}

void bed_receive(struct bed *bed, struct io_message *msgs, unsigned want)
{
    unsigned n = bed->ops->recv(bed->io, msgs, want);
    uint64_t deadline_ns = bed->now_ns + PATIENCE_NS;

    while (n < want) {
        assert_true(bed->now_ns < deadline_ns);
        bed->now_ns = bed->ops->turn(bed->io, deadline_ns);
        n += bed->ops->recv(bed->io, msgs + n, want - n);
    }
}

struct io_event bed_event(struct bed *bed)
{
    uint64_t deadline_ns = bed->now_ns + PATIENCE_NS;
    struct io_event event;
    struct io_message msg;

    for (;;) {
        assert_int_equal(bed->ops->recv(bed->io, &msg, 1), 0);
        if (bed->ops->events(bed->io, &event, 1) == 1)
            return event;
        assert_true(bed->now_ns < deadline_ns);
        bed->now_ns = bed->ops->turn(bed->io, deadline_ns);
    }
}

uint32_t bed_port(struct bed *bed, const union rd_address *to)
{
    union rd_address from = any_address(to->any.sa_family, free_port(to->any.sa_family));
    int port = bed->ops->port_open(bed->io, to, &from);

    assert_return_code(port, -port);
    return (uint32_t)port;
}

void bed_ask(struct bed *bed, uint32_t port, const char *text)
{
    struct io_message msg;

    assert_true(bed->ops->alloc(bed->io, 1, &msg));
    memcpy(msg.data, text, strlen(text));
    msg.len = (uint32_t)strlen(text);
    msg.origin = IO_PORT;
    msg.port = port;
    bed->ops->send(bed->io, &msg, 1);
}

void bed_assert_quiet(struct bed *bed, int client, unsigned listener)
{
    struct io_message msg;

    peer_send(client, &bed->listeners[listener], "last", 4);
    bed_receive(bed, &msg, 1);
    assert_text(&msg, "last");
    bed->ops->drop(bed->io, &msg, 1);
}
