/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp_client.c - asks by TCP, and reads or does not.
 *
 * A query is given up only by a client that goes without its answer; a connection that ends in any
 * other way with queries under way is the forwarder's fault.
 */
#include "tcp_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "bed.h"
#include "unruly.h"
#include "wire/cursor.h"

#define PATIENCE_MS    20000
#define TICK_MS        20
#define NO_READS_NS    (100 * RD_NS_PER_MS)
#define NO_READS_BYTES 4096

static void hang_up(struct tcp_client *client, struct tcp_connection *connection, bool reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (reset)
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(connection->fd);
    connection->fd = -1;
    for (unsigned i = 0; i < connection->n_waiting; i++)
        asker_abandon(&client->asker, connection->waiting[i]);
}

/* Ended by the other side. */
static void lost(struct tcp_client *client, struct tcp_connection *connection)
{
    bool all = connection->n_waiting == 0 && connection->left == 0 && connection->out_len == 0;

    if (connection->manner != TCP_NO_READS && !all)
        asker_blame(&client->asker, "a connection was closed before all was answered");
    hang_up(client, connection, false);
}

static enum tcp_manner next_manner(struct tcp_client *client)
{
    static const uint8_t manners[] = {
        TCP_CLOSES, TCP_CLOSES, TCP_CLOSES, TCP_CLOSES, TCP_ENDS,   TCP_ENDS,   TCP_ENDS,
        TCP_ENDS,   TCP_DRIPS,  TCP_DRIPS,  TCP_RESETS, TCP_BREAKS, TCP_BREAKS, TCP_NO_READS,
    };
    enum tcp_manner manner = manners[unruly_random(&client->random) % sizeof(manners)];

    for (unsigned i = 0; i < TCP_CLIENT_CONNECTIONS && manner == TCP_NO_READS; i++)
        if (client->connections[i].fd >= 0 && client->connections[i].manner == TCP_NO_READS)
            manner = TCP_CLOSES;
    return manner;
}

static unsigned next_queries(struct tcp_client *client, enum tcp_manner manner)
{
    unsigned left = client->asker.total - client->planned;
    unsigned n = 1 + unruly_random(&client->random) % (manner == TCP_DRIPS ? 6 : 80);

    if (manner == TCP_NO_READS)
        n = TCP_CLIENT_UNREAD;
    return n < left ? n : left;
}

static void begin(struct tcp_client *client, struct tcp_connection *connection)
{
    int one = 1, little = NO_READS_BYTES;

    connection->manner = next_manner(client);
    connection->left = next_queries(client, connection->manner);
    connection->n_waiting = connection->in_len = connection->out_len = connection->out_at = 0;
    connection->ended = false;
    connection->until_ns = 0;
    client->planned += connection->left;
    client->lives[connection->manner]++;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->manner == TCP_NO_READS)
        setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(connection->fd, &client->listener.any, rd_address_len(&client->listener)) < 0)
        asker_blame(&client->asker, "no connection can be made");
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
}

static enum asker_size next_size(struct tcp_client *client, const struct tcp_connection *connection)
{
    uint32_t random = unruly_random(&client->random);

    if (connection->manner == TCP_NO_READS)
        return ASKER_MEDIUM;
    return random % 32 == 0 ? ASKER_LARGE : random % 16 == 1 ? ASKER_MEDIUM : ASKER_SMALL;
}

/* Fills what is to be written with as many queries as may be under way. */
static void compose(struct tcp_client *client, struct tcp_connection *connection)
{
    unsigned most = connection->manner == TCP_NO_READS ? TCP_CLIENT_UNREAD : TCP_CLIENT_WINDOW;

    while (connection->left > 0 && connection->n_waiting < most &&
           connection->out_len + 2 + ASKER_QUERY_BYTES <= TCP_CLIENT_OUT_BYTES) {
        uint8_t *out = connection->out + connection->out_len;
        unsigned n = client->asker.asked;
        size_t len = asker_ask(&client->asker, next_size(client, connection), out + 2);

        rd_put_u16(out, (uint16_t)len);
        connection->left--;
        if (connection->left == 0 && connection->manner == TCP_BREAKS) {
            connection->out_len += 1 + unruly_random(&client->random) % (uint32_t)len;
            asker_abandon(&client->asker, n);
            return;
        }
        connection->out_len += (uint32_t)(2 + len);
        connection->waiting[connection->n_waiting++] = n;
    }
}

static void write_some(struct tcp_client *client, struct tcp_connection *connection)
{
    uint32_t len;
    ssize_t n;

    if (connection->out_len == 0)
        compose(client, connection);
    len = connection->out_len - connection->out_at;
    if (len == 0)
        return;
    n = send(connection->fd, connection->out + connection->out_at,
             connection->manner == TCP_DRIPS ? 1 : len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        lost(client, connection);
        return;
    }
    connection->out_at += n > 0 ? (uint32_t)n : 0;
    if (connection->out_at == connection->out_len)
        connection->out_at = connection->out_len = 0;
}

/* What a connection does that has asked all. */
static void finish(struct tcp_client *client, struct tcp_connection *connection)
{
    switch (connection->manner) {
    case TCP_CLOSES:
        if (connection->n_waiting == 0)
            hang_up(client, connection, false);
        break;
    case TCP_RESETS:
        hang_up(client, connection, true);
        break;
    case TCP_NO_READS:
        break;
    default:
        if (!connection->ended)
            shutdown(connection->fd, SHUT_WR);
        connection->ended = true;
    }
}

static void take_answer(struct tcp_client *client, struct tcp_connection *connection,
                        const uint8_t *packet, size_t len)
{
    int n = asker_take(&client->asker, packet, len);

    if (n < 0)
        return;
    for (unsigned i = 0; i < connection->n_waiting; i++)
        if (connection->waiting[i] == (unsigned)n) {
            connection->waiting[i] = connection->waiting[--connection->n_waiting];
            return;
        }
    asker_blame(&client->asker, "an answer on another connection");
}

static void read_some(struct tcp_client *client, struct tcp_connection *connection)
{
    ssize_t n = recv(connection->fd, connection->in + connection->in_len,
                     TCP_CLIENT_IN_BYTES - connection->in_len, 0);
    uint32_t at = 0;

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        lost(client, connection);
        return;
    }
    connection->in_len += n > 0 ? (uint32_t)n : 0;
    while (connection->in_len - at >= 2) {
        uint32_t len = rd_get_u16(connection->in + at);

        if (connection->in_len - at - 2 < len)
            break;
        take_answer(client, connection, connection->in + at + 2, len);
        at += 2 + len;
    }
    connection->in_len -= at;
    memmove(connection->in, connection->in + at, connection->in_len);
}

/* What can be done for CONNECTION, of which poll has said REVENTS. */
static void step(struct tcp_client *client, struct tcp_connection *connection, short revents)
{
    if (connection->manner == TCP_NO_READS) {
        if (connection->until_ns == 0)
            connection->until_ns = rd_clock_now() + NO_READS_NS;
        if (rd_clock_now() > connection->until_ns) {
            /* What it did not come to ask is no query. */
            client->planned -= connection->left;
            hang_up(client, connection, false);
            return;
        }
    } else if (revents & (POLLIN | POLLHUP | POLLERR)) {
        read_some(client, connection);
    }
    if (connection->fd >= 0 && !connection->ended && revents & POLLOUT)
        write_some(client, connection);
    if (connection->fd >= 0 && connection->left == 0 && connection->out_len == 0)
        finish(client, connection);
}

static short events_of(const struct tcp_connection *connection)
{
    bool reads = connection->manner != TCP_NO_READS;
    unsigned most = reads ? TCP_CLIENT_WINDOW : TCP_CLIENT_UNREAD;
    bool writes = connection->out_len > 0 || (connection->left > 0 && connection->n_waiting < most);

    return (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
}

/* One look at all connections. False: there is none any more. */
static bool turn(struct tcp_client *client)
{
    struct pollfd waits[TCP_CLIENT_CONNECTIONS];
    unsigned open = 0;

    for (unsigned i = 0; i < TCP_CLIENT_CONNECTIONS; i++) {
        struct tcp_connection *connection = &client->connections[i];

        if (connection->fd < 0 && client->planned < client->asker.total)
            begin(client, connection);
        open += connection->fd >= 0;
        waits[i] = (struct pollfd){connection->fd, events_of(connection), 0};
    }
    if (open == 0)
        return false;
    poll(waits, TCP_CLIENT_CONNECTIONS, TICK_MS);
    for (unsigned i = 0; i < TCP_CLIENT_CONNECTIONS; i++)
        if (client->connections[i].fd >= 0)
            step(client, &client->connections[i], waits[i].revents);
    return true;
}

static void *ask(void *argument)
{
    struct tcp_client *client = argument;
    unsigned over = 0;
    uint64_t heard_ns = rd_clock_now();

    while (!client->asker.wrong && turn(client)) {
        if (asker_over(&client->asker) != over)
            heard_ns = rd_clock_now();
        over = asker_over(&client->asker);
        if (rd_clock_now() - heard_ns > PATIENCE_MS * RD_NS_PER_MS)
            asker_blame(&client->asker, "no answer for a long time");
    }
    for (unsigned i = 0; i < TCP_CLIENT_CONNECTIONS; i++)
        if (client->connections[i].fd >= 0)
            hang_up(client, &client->connections[i], true);
    atomic_fetch_add(client->done, 1);
    return NULL;
}

void tcp_client_start(struct tcp_client *client, unsigned number, unsigned total,
                      const union rd_address *listener, atomic_uint *done)
{
    assert_true(total <= ASKER_QUERIES_MAX);
    memset(client, 0, sizeof(*client));
    client->asker.number = number;
    client->asker.total = total;
    client->listener = *listener;
    client->random = 0x9e3779b9u * number;
    client->done = done;
    for (unsigned i = 0; i < TCP_CLIENT_CONNECTIONS; i++)
        client->connections[i].fd = -1;
    assert_int_equal(pthread_create(&client->thread, NULL, ask, client), 0);
}

void tcp_client_join(struct tcp_client *client)
{
    const struct asker *asker = &client->asker;

    pthread_join(client->thread, NULL);
    if (asker->wrong)
        fail_msg("TCP client %u: %s", asker->number, asker->wrong);
    assert_int_equal(asker->asked, asker->total);
    assert_int_equal(asker_over(asker), asker->total);
}
