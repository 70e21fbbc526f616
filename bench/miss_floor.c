/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * miss_floor.c - the least that forwarding a query over io_uring costs on this machine.
 *
 * Four packets per miss and nothing else: a query's ID is replaced by the number of a table's row,
 * which keeps the client's address and ID, and goes out of one of N connected sockets; the reply's
 * ID finds the row again. What Ringdns costs above this is parsing, matching, randomness and
 * bookkeeping, so that the benchmarks can show it as a multiple of a floor measured beside it.
 *
 * One thread; the ring, the waits and the sends are those of fastpath/io/uring (floor.c).
 * Not here: checks of any kind, random IDs and ports, renewal of ports, retries, time-outs. Never
 * let it answer anything but a benchmark.
 */
#include <stdio.h>
#include <string.h>

#include "floor.h"

enum { PORTS_MAX = FLOOR_SOCKETS - 1, QUESTIONS = 65536 };

struct question {
    struct sockaddr_in client;
    uint16_t client_id;
    uint16_t is_open;
};

struct table {
    struct question *questions;
    unsigned next_question;
    unsigned ports;
};

static void query_forward(struct floor *f, void *context, const struct floor_query *query)
{
    struct table *t = context;
    if (query->len < 12) {
        return;
    }
    uint16_t row = (uint16_t)(t->next_question++ % QUESTIONS);
    struct question *q = &t->questions[row];
    memcpy(&q->client, query->client, sizeof q->client);
    memcpy(&q->client_id, query->data, sizeof q->client_id);
    q->is_open = 1;
    memcpy(query->data, &row, sizeof row);
    floor_send(f, 1 + row % t->ports, query->data, query->len, NULL);
}

static void reply_return(struct floor *f, void *context, unsigned socket, unsigned char *data,
                         unsigned len)
{
    struct table *t = context;
    if (len < 12) {
        return;
    }
    uint16_t row;
    memcpy(&row, data, sizeof row);
    struct question *q = &t->questions[row];
    if (!q->is_open || 1 + row % t->ports != socket) {
        return;
    }
    q->is_open = 0;
    memcpy(data, &q->client_id, sizeof q->client_id);
    floor_send(f, 0, data, len, &q->client);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: miss_floor LISTEN-PORT UPSTREAM-PORT SOURCE-PORTS\n"
                        "forwards DNS on 127.0.0.1 without looking at it, for benchmarks only\n");
        return 2;
    }
    static struct floor f = {.wait = FLOOR_WAIT_ADAPTIVE};
    static int fds[FLOOR_SOCKETS];
    struct table t = {.questions = floor_pages(QUESTIONS * sizeof *t.questions),
                      .ports = (unsigned)floor_number(argv[3], PORTS_MAX)};
    int upstream_port = floor_number(argv[2], 65535);
    fds[0] = floor_socket(floor_number(argv[1], 65535), 0);
    for (unsigned i = 1; i <= t.ports; i++) {
        fds[i] = floor_socket(0, upstream_port);
    }
    floor_open(&f, fds, t.ports + 1);
    floor_run(&f, query_forward, reply_return, &t);
}
