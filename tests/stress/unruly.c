/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unruly.c - answers, more or less.
 *
 * An answer is what its name has (truth.h), or the query with QR=1 and, by the first letter of its
 * name, a record of some size; the rest of the query, our OPT, is sent back as it came.
 */
#include "unruly.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "asker.h"
#include "base/clock.h"
#include "bed.h"
#include "ringdns/dns.h"
#include "truth.h"
#include "wire/cursor.h"

#define TICK_MS      20
#define SMALL_BYTES  40
#define MEDIUM_BYTES 3000
#define LARGE_BYTES  9000
#define ANSWER_BYTES (LARGE_BYTES + 600)
#define TYPE_PRIVATE 65280

/* Behind the question of a query whose name is not compressed; 0: there is none. */
static uint32_t question_end(const uint8_t *query, uint32_t len)
{
    uint32_t at = RD_DNS_HEADER_BYTES;

    while (at < len && query[at] != 0)
        at += query[at] + 1u;
    return at + 5 <= len ? at + 5 : 0;
}

static uint32_t record_bytes(const uint8_t *query)
{
    switch (query[RD_DNS_HEADER_BYTES] > 0 ? query[RD_DNS_HEADER_BYTES + 1] | 0x20 : 0) {
    case ASKER_LARGE:
        return LARGE_BYTES;
    case ASKER_MEDIUM:
        return MEDIUM_BYTES;
    default:
        return SMALL_BYTES;
    }
}

/* A record of BYTES; what it says does not matter. */
static void write_filler(struct rd_writer *writer, uint32_t bytes)
{
    uint8_t *rdata;

    rd_writer_u16(writer, 0xc000 | RD_DNS_HEADER_BYTES);
    rd_writer_u16(writer, TYPE_PRIVATE);
    rd_writer_u16(writer, RD_CLASS_IN);
    rd_writer_u32(writer, 0);
    rd_writer_u16(writer, (uint16_t)bytes);
    rdata = rd_writer_take(writer, bytes);
    if (rdata)
        memset(rdata, 0xda, bytes);
}

/* The answer to QUERY, of ANSWER_BYTES at most; its length, 0: there is none. */
static uint32_t compose(const uint8_t *query, uint32_t len, uint8_t *answer)
{
    struct rd_writer writer = rd_writer_at(answer, ANSWER_BYTES, 0);
    uint32_t end = question_end(query, len), number;

    if (end == 0)
        return 0;
    rd_writer_bytes(&writer, query, end);
    answer[2] |= 0x80;
    if (truth_number(query + RD_DNS_HEADER_BYTES, end - RD_DNS_HEADER_BYTES, &number)) {
        truth_tell(number, answer, &writer);
    } else {
        write_filler(&writer, record_bytes(query));
        rd_put_u16(answer + 6, 1);
    }
    rd_writer_bytes(&writer, query + end, len - end);
    return writer.full ? 0 : (uint32_t)rd_writer_offset(&writer);
}

/* QUERY becomes an answer without records. */
static void answer_empty(uint8_t *query, unsigned rcode, bool cut)
{
    query[2] |= (uint8_t)(cut ? 0x82 : 0x80);
    query[3] = (uint8_t)((query[3] & ~RD_DNS_RCODE) | rcode);
}

static void keep_for_later(struct unruly *server, const uint8_t *packet, uint32_t len,
                           const union rd_address *to)
{
    uint64_t wait_ms = 50 + unruly_random(&server->random) % 600;

    for (unsigned i = 0; i < UNRULY_LATE; i++) {
        struct unruly_late *late = &server->late[i];

        if (late->due_ns != 0)
            continue;
        late->due_ns = rd_clock_now() + wait_ms * RD_NS_PER_MS;
        late->to = *to;
        late->len = len;
        memcpy(late->packet, packet, len);
        return;
    }
}

static void send_late(struct unruly *server)
{
    uint64_t now_ns = rd_clock_now();

    for (unsigned i = 0; i < UNRULY_LATE; i++) {
        struct unruly_late *late = &server->late[i];

        if (late->due_ns == 0 || late->due_ns > now_ns)
            continue;
        sendto(server->udp, late->packet, late->len, 0, &late->to.any, rd_address_len(&late->to));
        late->due_ns = 0;
    }
}

static void answer_datagram(struct unruly *server, uint8_t *query, uint32_t len,
                            const union rd_address *from)
{
    uint8_t answer[ANSWER_BYTES];
    uint32_t answer_len = compose(query, len, answer);
    const uint8_t *packet = query;

    if (answer_len == 0)
        return;
    if (answer_len > UNRULY_UDP_BYTES || unruly_once_in(&server->random, 20)) {
        answer_empty(query, RD_NOERROR, true);
    } else if (unruly_once_in(&server->random, 25)) {
        answer_empty(query, RD_SERVFAIL, false);
    } else {
        packet = answer;
        len = answer_len;
    }
    if (unruly_once_in(&server->random, 100))
        keep_for_later(server, packet, len, from);
    else
        sendto(server->udp, packet, len, 0, &from->any, rd_address_len(from));
}

static void take_datagrams(struct unruly *server)
{
    for (unsigned i = 0; i < 64; i++) {
        uint8_t query[512];
        union rd_address from;
        socklen_t from_len = sizeof(from);
        ssize_t len =
            recvfrom(server->udp, query, sizeof(query), MSG_DONTWAIT, &from.any, &from_len);

        if (len < 0)
            return;
        if (len >= RD_DNS_HEADER_BYTES)
            answer_datagram(server, query, (uint32_t)len, &from);
    }
}

static void hang_up(struct unruly *server, struct unruly_connection *connection)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (unruly_once_in(&server->random, 2))
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(connection->fd);
    connection->fd = -1;
}

static void take_connection(struct unruly *server)
{
    int fd = accept4(server->tcp, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    for (unsigned i = 0; i < UNRULY_CONNECTIONS; i++) {
        struct unruly_connection *connection = &server->connections[i];

        if (connection->fd >= 0)
            continue;
        connection->fd = fd;
        connection->in_len = connection->out_len = connection->out_at = 0;
        connection->closing = false;
        if (unruly_once_in(&server->random, 12))
            hang_up(server, connection);
        return;
    }
    close(fd);
}

/* Appends the answer to QUERY; once in a while half of it, and that is the last. */
static void answer_message(struct unruly *server, struct unruly_connection *connection,
                           uint8_t *query, uint32_t len)
{
    uint8_t answer[ANSWER_BYTES];
    uint32_t answer_len = compose(query, len, answer);
    uint8_t *out = connection->out + connection->out_len;

    if (answer_len == 0 || connection->out_len + 2 + answer_len > UNRULY_OUT_BYTES) {
        connection->closing = true;
        return;
    }
    if (unruly_once_in(&server->random, 25)) {
        answer_empty(query, RD_SERVFAIL, false);
        memcpy(answer, query, len);
        answer_len = len;
    }
    rd_put_u16(out, (uint16_t)answer_len);
    memcpy(out + 2, answer, answer_len);
    connection->closing = unruly_once_in(&server->random, 150);
    connection->out_len += connection->closing ? answer_len / 2 : 2 + answer_len;
}

static void take_messages(struct unruly *server, struct unruly_connection *connection)
{
    uint32_t at = 0;

    while (!connection->closing && connection->in_len - at >= 2) {
        uint32_t len = rd_get_u16(connection->in + at);

        if (connection->in_len - at - 2 < len)
            break;
        answer_message(server, connection, connection->in + at + 2, len);
        at += 2 + len;
    }
    connection->in_len -= at;
    memmove(connection->in, connection->in + at, connection->in_len);
}

/* What has come is answered in as few segments as the kernel makes of it. */
static void serve_connection(struct unruly *server, struct unruly_connection *connection)
{
    ssize_t n = recv(connection->fd, connection->in + connection->in_len,
                     UNRULY_IN_BYTES - connection->in_len, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        hang_up(server, connection);
        return;
    }
    connection->in_len += n > 0 ? (uint32_t)n : 0;
    take_messages(server, connection);
    n = send(connection->fd, connection->out + connection->out_at,
             connection->out_len - connection->out_at, MSG_NOSIGNAL);
    connection->out_at += n > 0 ? (uint32_t)n : 0;
    if (connection->out_at == connection->out_len) {
        connection->out_at = connection->out_len = 0;
        if (connection->closing)
            hang_up(server, connection);
    }
}

static void wait_for_any(struct unruly *server)
{
    struct pollfd waits[2 + UNRULY_CONNECTIONS] = {
        {server->udp, POLLIN, 0},
        {server->has_tcp ? server->tcp : -1, POLLIN, 0},
    };

    for (unsigned i = 0; i < UNRULY_CONNECTIONS; i++) {
        const struct unruly_connection *connection = &server->connections[i];

        waits[2 + i].fd = connection->fd;
        waits[2 + i].events = connection->out_len > 0 ? POLLOUT : POLLIN;
    }
    if (poll(waits, 2 + UNRULY_CONNECTIONS, TICK_MS) <= 0)
        return;
    if (waits[0].revents)
        take_datagrams(server);
    for (unsigned i = 0; i < UNRULY_CONNECTIONS; i++)
        if (waits[2 + i].revents)
            serve_connection(server, &server->connections[i]);
    if (waits[1].revents)
        take_connection(server);
}

static void *serve(void *argument)
{
    struct unruly *server = argument;

    while (!atomic_load(&server->stop)) {
        wait_for_any(server);
        send_late(server);
    }
    return NULL;
}

struct unruly *unruly_start(uint32_t seed, bool has_tcp)
{
    struct unruly *server = calloc(1, sizeof(*server));

    assert_non_null(server);
    server->random = seed;
    server->has_tcp = has_tcp;
    bed_twin_sockets(&server->address, &server->udp, &server->tcp);
    /* Where nobody listens the port is still taken, or a connection to it could be its own other
     * end. */
    if (has_tcp)
        assert_int_equal(listen(server->tcp, 64), 0);
    for (unsigned i = 0; i < UNRULY_CONNECTIONS; i++)
        server->connections[i].fd = -1;
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    return server;
}

void unruly_stop(struct unruly *server)
{
    atomic_store(&server->stop, true);
    pthread_join(server->thread, NULL);
    for (unsigned i = 0; i < UNRULY_CONNECTIONS; i++)
        if (server->connections[i].fd >= 0)
            close(server->connections[i].fd);
    close(server->udp);
    close(server->tcp);
    free(server);
}
