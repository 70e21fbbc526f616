/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asker.c - asks, and holds each answer against what was asked.
 *
 * Every third name is asked by all clients, so that questions are joined.
 */
#include "asker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "bed.h"
#include "ringdns/dns.h"
#include "wire/cursor.h"

#define WINDOW      32
#define PATIENCE_MS 20000

enum fate { UNASKED, SMALL, MEDIUM, LARGE, OVER };

static const char letters[] = {
    [SMALL] = ASKER_SMALL, [MEDIUM] = ASKER_MEDIUM, [LARGE] = ASKER_LARGE};

static size_t compose(const struct asker *asker, unsigned n, enum fate size, uint8_t *packet)
{
    static const uint8_t header[RD_DNS_HEADER_BYTES] = {[2] = RD_DNS_RD >> 8, [5] = 1};
    struct rd_writer writer = rd_writer_at(packet, ASKER_QUERY_BYTES, 0);
    char label[32];
    int len =
        snprintf(label, sizeof(label), "%c%u-%u", letters[size], n % 3 ? asker->number : 0, n);

    rd_writer_bytes(&writer, header, sizeof(header));
    rd_writer_u8(&writer, (uint8_t)len);
    rd_writer_bytes(&writer, label, (size_t)len);
    rd_writer_bytes(&writer, "\7example\0\0\1\0\1", 13);
    rd_put_u16(packet, (uint16_t)n);
    return rd_writer_offset(&writer);
}

size_t asker_ask(struct asker *asker, enum asker_size size, uint8_t *packet)
{
    enum fate fate = size == ASKER_LARGE ? LARGE : size == ASKER_MEDIUM ? MEDIUM : SMALL;

    asker->fate[asker->asked] = (uint8_t)fate;
    return compose(asker, asker->asked++, fate, packet);
}

void asker_blame(struct asker *asker, const char *wrong)
{
    if (!asker->wrong)
        asker->wrong = wrong;
}

static int blame(struct asker *asker, const char *wrong)
{
    asker_blame(asker, wrong);
    return -1;
}

int asker_take(struct asker *asker, const uint8_t *packet, size_t len)
{
    uint8_t query[ASKER_QUERY_BYTES];
    size_t query_len;
    unsigned n;

    if (len < RD_DNS_HEADER_BYTES)
        return blame(asker, "an answer without a header");
    n = rd_get_u16(packet);
    if (n >= asker->asked)
        return blame(asker, "an answer to what was never asked");
    if (asker->fate[n] == OVER)
        return blame(asker, "a second answer");
    query_len = compose(asker, n, asker->fate[n], query);
    if (len < query_len || rd_get_u16(packet + 4) != 1 ||
        memcmp(packet + RD_DNS_HEADER_BYTES, query + RD_DNS_HEADER_BYTES,
               query_len - RD_DNS_HEADER_BYTES) != 0)
        return blame(asker, "an answer with another question");
    asker->last_rcode = packet[3] & RD_DNS_RCODE;
    if (!(packet[2] & 0x80) ||
        (asker->last_rcode != RD_NOERROR && asker->last_rcode != RD_SERVFAIL))
        return blame(asker, "an answer with another RCODE");
    asker->fate[n] = OVER;
    if (asker->last_rcode == RD_NOERROR)
        asker->noerror++;
    else
        asker->servfail++;
    return (int)n;
}

void asker_abandon(struct asker *asker, unsigned n)
{
    if (asker->fate[n] == OVER)
        return;
    asker->fate[n] = OVER;
    asker->abandoned++;
}

unsigned asker_over(const struct asker *asker)
{
    return asker->noerror + asker->servfail + asker->abandoned;
}

static void *ask(void *argument)
{
    struct udp_client *client = argument;
    struct asker *asker = &client->asker;
    uint8_t packet[1500];
    ssize_t len;

    while (asker_over(asker) < asker->total && !asker->wrong) {
        struct pollfd wait = {client->fd, POLLIN, 0};

        while (asker->asked < asker->total && asker->asked - asker_over(asker) < WINDOW) {
            len = (ssize_t)asker_ask(asker, ASKER_SMALL, packet);
            send(client->fd, packet, (size_t)len, 0);
        }
        if (poll(&wait, 1, PATIENCE_MS) <= 0)
            asker_blame(asker, "no answer for a long time");
        while ((len = recv(client->fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0)
            asker_take(asker, packet, (size_t)len);
    }
    atomic_fetch_add(client->done, 1);
    return NULL;
}

void udp_client_start(struct udp_client *client, unsigned number, unsigned total,
                      const union rd_address *listener, atomic_uint *done)
{
    union rd_address own;

    assert_true(total <= ASKER_QUERIES_MAX);
    *client = (struct udp_client){.asker = {.number = number, .total = total}, .done = done};
    client->fd = bed_udp_socket(&own);
    assert_int_equal(connect(client->fd, &listener->any, rd_address_len(listener)), 0);
    assert_int_equal(pthread_create(&client->thread, NULL, ask, client), 0);
}

void udp_client_join(struct udp_client *client)
{
    pthread_join(client->thread, NULL);
    close(client->fd);
    if (client->asker.wrong)
        fail_msg("UDP client %u: %s", client->asker.number, client->asker.wrong);
    assert_int_equal(client->asker.noerror + client->asker.servfail, client->asker.total);
}
