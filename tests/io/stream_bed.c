/* SPDX-License-Identifier: BSD-2-Clause */
/* stream_bed.c - see stream_bed.h. */
#include "stream_bed.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE_NS (5 * RD_NS_PER_S)

void stream_bed_prepare(struct bed *bed, void **state)
{
    bed_prepare(bed, state);
    bed->plan.max_streams = 8;
    bed->plan.stream_buffers = 8;
    bed->plan.large_buffers = 4;
}

void stream_bed_start(struct bed *bed, const char *host)
{
    bed_listen(bed, host, 0);
    bed_start(bed);
}

int tcp_client(const struct bed *bed)
{
    const union rd_address *to = &bed->listeners[0];
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_return_code(fd, errno);
    assert_return_code(connect(fd, &to->any, rd_address_len(to)), errno);
    return fd;
}

int stream_client(struct bed *bed, uint32_t *ret_stream)
{
    int fd = tcp_client(bed);
    struct io_event event = bed_event(bed);
    union rd_address here = socket_address(fd);

    assert_int_equal(event.kind, IO_STREAM_ACCEPTED);
    assert_int_equal(event.origin, IO_CLIENT);
    assert_true(rd_address_equal(bed->ops->stream_peer(bed->io, event.port), &here));
    bed->ops->stream_read(bed->io, event.port, true);
    *ret_stream = event.port;
    return fd;
}

int tcp_server(union rd_address *ret_address)
{
    union rd_address address = host_address("127.0.0.1", 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_return_code(fd, errno);
    assert_return_code(bind(fd, &address.any, rd_address_len(&address)), errno);
    assert_return_code(listen(fd, 8), errno);
    *ret_address = socket_address(fd);
    return fd;
}

uint64_t bed_patience(const struct bed *bed)
{
    return bed->now_ns + PATIENCE_NS;
}

void bed_pass(struct bed *bed, uint64_t deadline_ns)
{
    struct io_message msg;

    assert_true(bed->now_ns < deadline_ns);
    bed->now_ns = bed->ops->turn(bed->io, bed->now_ns + RD_NS_PER_MS);
    assert_int_equal(bed->ops->recv(bed->io, &msg, 1), 0);
}

int tcp_accept(struct bed *bed, int server)
{
    uint64_t deadline_ns = bed_patience(bed);
    int fd;

    while ((fd = accept4(server, NULL, NULL, SOCK_CLOEXEC)) < 0) {
        assert_int_equal(errno, EAGAIN);
        bed_pass(bed, deadline_ns);
    }
    return fd;
}

int stream_to_server(struct bed *bed, uint32_t *ret_stream)
{
    union rd_address to, from = {0};
    int server = tcp_server(&to), fd, stream;

    stream = bed->ops->stream_open(bed->io, &to, &from);
    assert_return_code(stream, -stream);
    fd = tcp_accept(bed, server);
    close(server);
    stream_expect(bed, (uint32_t)stream, IO_STREAM_CONNECTED);
    *ret_stream = (uint32_t)stream;
    return fd;
}

void tcp_send(int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL), (ssize_t)len);
}

void tcp_say(int fd, const char *text)
{
    uint8_t data[4096 + 2];
    size_t len = strlen(text);

    assert_true(len + 2 <= sizeof(data));
    data[0] = (uint8_t)(len >> 8);
    data[1] = (uint8_t)len;
    memcpy(data + 2, text, len);
    tcp_send(fd, data, len + 2);
}

void tcp_read(struct bed *bed, int fd, void *ret_data, size_t len)
{
    uint64_t deadline_ns = bed_patience(bed);
    size_t got = 0;

    while (got < len) {
        ssize_t n = recv(fd, (uint8_t *)ret_data + got, len - got, MSG_DONTWAIT);

        assert_int_not_equal(n, 0);
        if (n > 0) {
            got += (size_t)n;
            continue;
        }
        assert_int_equal(errno, EAGAIN);
        bed_pass(bed, deadline_ns);
    }
}

void tcp_expect(struct bed *bed, int fd, const char *text)
{
    uint8_t head[2], data[4096];

    tcp_read(bed, fd, head, 2);
    assert_int_equal(head[0] << 8 | head[1], strlen(text));
    tcp_read(bed, fd, data, strlen(text));
    assert_memory_equal(data, text, strlen(text));
}

int tcp_end(struct bed *bed, int fd)
{
    uint64_t deadline_ns = bed_patience(bed);
    uint8_t byte;
    ssize_t n;

    while ((n = recv(fd, &byte, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
        bed_pass(bed, deadline_ns);
    assert_true(n <= 0);
    return n == 0 ? 0 : errno;
}

int stream_expect(struct bed *bed, uint32_t stream, enum io_event_kind kind)
{
    struct io_event event = bed_event(bed);

    assert_int_equal(event.kind, kind);
    assert_int_equal(event.port, stream);
    return event.error;
}

struct io_message stream_receive(struct bed *bed, const char *text)
{
    struct io_message msg;

    bed_receive(bed, &msg, 1);
    assert_text(&msg, text);
    assert_false(msg.cut);
    return msg;
}

static void say(struct bed *bed, struct io_message *msg, const char *text)
{
    struct io_message fresh = *msg;

    assert_true(bed->ops->alloc(bed->io, (uint32_t)strlen(text), &fresh));
    memcpy(fresh.data, text, strlen(text));
    fresh.len = (uint32_t)strlen(text);
    bed->ops->send(bed->io, &fresh, 1);
}

void stream_answer(struct bed *bed, const struct io_message *query, const char *text)
{
    struct io_message msg = *query;

    say(bed, &msg, text);
}

void stream_say(struct bed *bed, uint32_t stream, const char *text)
{
    struct io_message msg = {.origin = IO_STREAM, .port = stream};

    say(bed, &msg, text);
}

void assert_no_event(struct bed *bed)
{
    struct io_event event;

    assert_int_equal(bed->ops->events(bed->io, &event, 1), 0);
}

void bed_assert_calm(struct bed *bed)
{
    uint64_t deadline_ns = bed->now_ns + 50 * RD_NS_PER_MS;
    struct io_message msg;

    for (int turns = 0; bed->now_ns < deadline_ns; turns++) {
        assert_true(turns < 100);
        bed->now_ns = bed->ops->turn(bed->io, deadline_ns);
        assert_int_equal(bed->ops->recv(bed->io, &msg, 1), 0);
    }
}
