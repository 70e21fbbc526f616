/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd.c - asks and compares.
 *
 * Half of the queries are for a few names, so that questions are joined and followed; others for
 * many, so that both workers store and find; the rest for new ones, so that room has to be made.
 */
#include "crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <unistd.h>

#include "truth.h"
#include "unruly.h"

#define HOT         32
#define NEW_SHIFT   19 /* new names of one client */
#define PATIENCE_MS 20000
#define QUERY_BYTES 64

uint32_t crowd_new_number(unsigned index, unsigned n)
{
    return (index + 1) << NEW_SHIFT | n;
}

static uint32_t next_number(struct crowd_client *client)
{
    uint32_t random = unruly_random(&client->random), percent = random / 65536 % 100;

    if (client->all_new || percent >= 75)
        return crowd_new_number(client->index, client->n_new++);
    return random % (percent < 50 ? HOT : CROWD_KNOWN);
}

static void blame(struct crowd_client *client, const char *wrong, uint32_t number)
{
    if (client->wrong)
        return;
    client->wrong = wrong;
    client->wrong_number = number;
}

/* Asks the next query in PLACE of LANE. */
static void ask(struct crowd_client *client, struct crowd_lane *lane, unsigned place)
{
    static const uint8_t header[RD_DNS_HEADER_BYTES] = {[2] = RD_DNS_RD >> 8, [5] = 1};
    struct crowd_query *query = &lane->queries[place];
    unsigned frame = client->tcp ? 2 : 0;
    uint8_t packet[QUERY_BYTES];
    struct rd_writer writer = rd_writer_at(packet, sizeof(packet), frame);
    struct rd_name name;

    query->waits = true;
    query->id = (uint16_t)(client->asked * CROWD_WINDOW + place);
    query->number = next_number(client);
    client->asked++;
    truth_name(query->number, &name);
    rd_writer_bytes(&writer, header, sizeof(header));
    rd_writer_bytes(&writer, name.bytes, name.len);
    rd_writer_u16(&writer, RD_TYPE_A);
    rd_writer_u16(&writer, RD_CLASS_IN);
    rd_put_u16(packet, (uint16_t)(rd_writer_offset(&writer) - frame));
    rd_put_u16(packet + frame, query->id);
    if (send(lane->fd, packet, rd_writer_offset(&writer), MSG_NOSIGNAL) !=
        (ssize_t)rd_writer_offset(&writer))
        blame(client, "a query cannot be sent", query->number);
}

static void take(struct crowd_client *client, struct crowd_lane *lane, const uint8_t *answer,
                 size_t len)
{
    unsigned id = len >= RD_DNS_HEADER_BYTES ? rd_get_u16(answer) : 0;
    struct crowd_query *query = &lane->queries[id % CROWD_WINDOW];
    const char *wrong;

    if (len < RD_DNS_HEADER_BYTES || !(answer[2] & RD_DNS_QR >> 8)) {
        blame(client, "no answer at all", 0);
        return;
    }
    if (!query->waits || query->id != id) {
        blame(client, "a second answer, or one to what was never asked", query->number);
        return;
    }
    wrong = truth_wrong(query->number, answer, len, !client->tcp);
    if (wrong)
        blame(client, wrong, query->number);
    client->rcodes[answer[3] & RD_DNS_RCODE]++;
    client->cut += (answer[2] & RD_DNS_TC >> 8) != 0;
    client->answered++;
    query->waits = false;
}

/* The whole messages in what has come. */
static void take_messages(struct crowd_client *client, struct crowd_lane *lane)
{
    uint32_t at = 0;

    while (lane->in_len - at >= 2) {
        uint32_t len = rd_get_u16(lane->in + at);

        if (lane->in_len - at - 2 < len)
            break;
        take(client, lane, lane->in + at + 2, len);
        at += 2 + len;
    }
    lane->in_len -= at;
    memmove(lane->in, lane->in + at, lane->in_len);
}

static void receive(struct crowd_client *client, struct crowd_lane *lane)
{
    uint32_t room = CROWD_IN_BYTES - lane->in_len;
    ssize_t len;

    while ((len = recv(lane->fd, lane->in + lane->in_len, room, MSG_DONTWAIT)) > 0) {
        if (!client->tcp) {
            take(client, lane, lane->in, (size_t)len);
            continue;
        }
        lane->in_len += (uint32_t)len;
        take_messages(client, lane);
        room = CROWD_IN_BYTES - lane->in_len;
    }
    if (len == 0)
        blame(client, "a connection was closed", 0);
}

static void fill(struct crowd_client *client, struct crowd_lane *lane)
{
    for (unsigned i = 0; i < CROWD_WINDOW && client->asked < client->total; i++)
        if (!lane->queries[i].waits)
            ask(client, lane, i);
}

static void *live(void *argument)
{
    struct crowd_client *client = argument;

    while (client->answered < client->total && !client->wrong) {
        struct pollfd waits[CROWD_LANES];

        for (unsigned i = 0; i < CROWD_LANES; i++) {
            fill(client, &client->lanes[i]);
            waits[i] = (struct pollfd){client->lanes[i].fd, POLLIN, 0};
        }
        if (poll(waits, CROWD_LANES, PATIENCE_MS) <= 0)
            blame(client, "no answer for a long time", 0);
        for (unsigned i = 0; i < CROWD_LANES; i++)
            if (waits[i].revents)
                receive(client, &client->lanes[i]);
    }
    atomic_fetch_add(client->done, 1);
    return NULL;
}

void crowd_start(struct crowd_client *client, const union rd_address *listener)
{
    int type = client->tcp ? SOCK_STREAM : SOCK_DGRAM;

    client->random = 0x9e3779b9u * (client->index + 1);
    for (unsigned i = 0; i < CROWD_LANES; i++) {
        int fd = socket(listener->any.sa_family, type | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(connect(fd, &listener->any, rd_address_len(listener)), 0);
        client->lanes[i].fd = fd;
    }
    assert_int_equal(pthread_create(&client->thread, NULL, live, client), 0);
}

void crowd_join(struct crowd_client *client)
{
    pthread_join(client->thread, NULL);
    for (unsigned i = 0; i < CROWD_LANES; i++)
        close(client->lanes[i].fd);
    if (client->wrong)
        fail_msg("client %u: %s (name %u)", client->index, client->wrong, client->wrong_number);
    assert_int_equal(client->answered, client->total);
}
