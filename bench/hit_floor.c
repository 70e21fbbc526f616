/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hit_floor.c - the least that answering a query over io_uring costs on this machine.
 *
 * Two packets per query and nothing else: the query becomes its answer where it lies, by a flag, a
 * count and one record that brings it to the size of a real answer. What Ringdns costs above this
 * is parsing, the cache and composing, so that the benchmarks can show it as a multiple of a floor
 * measured beside it.
 *
 * One thread; the ring, the waits and the sends are those of fastpath/io/uring (floor.c).
 * Not here: checks of any kind. Never let it answer anything but a benchmark.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "floor.h"

enum { HEADER_BYTES = 12, RECORD_BYTES = 16 };

/* An A record of the question's name, a lifetime of an hour; RDLENGTH and RDATA follow. */
static const unsigned char record[] = {0xc0, HEADER_BYTES, 0, 1, 0, 1, 0, 0, 0x0e, 0x10};

/* What is shorter than an answer of that size becomes one by a longer RDATA, what is too long for
 * it is dropped. */
static void answer(struct floor *f, void *context, const struct floor_query *query)
{
    unsigned bytes = *(const unsigned *)context;
    unsigned char *data = query->data;
    unsigned char *at = data + query->len;
    if (query->len < HEADER_BYTES || query->len + RECORD_BYTES > bytes ||
        bytes > query->end - data) {
        return;
    }
    unsigned rdata = bytes - query->len - (unsigned)sizeof record - 2;
    data[2] |= 0x80; /* QR */
    data[3] = 0x80;  /* RA, NOERROR */
    data[7] = 1;
    memcpy(at, record, sizeof record);
    at[sizeof record] = (unsigned char)(rdata >> 8);
    at[sizeof record + 1] = (unsigned char)rdata;
    memset(at + sizeof record + 2, 1, rdata);
    floor_send(f, 0, data, bytes, query->client);
}

static void no_reply(struct floor *f, void *context, unsigned socket, unsigned char *data,
                     unsigned len)
{
    (void)f, (void)context, (void)socket, (void)data, (void)len;
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: hit_floor LISTEN-PORT [--bytes N] [--wait N [--microseconds T]]\n"
                    "answers DNS on 127.0.0.1 without looking at it, for benchmarks only\n"
                    "--bytes: size of every answer, default 70\n"
                    "--wait: for so many completions in each turn, or T (default 100); without it\n"
                    "  as the forwarder waits: for 1 when quiet, for 32 or 100 us under load\n");
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"bytes", required_argument, NULL, 'b'},
                                            {"wait", required_argument, NULL, 'w'},
                                            {"microseconds", required_argument, NULL, 'm'},
                                            {0}};
    static struct floor f = {.wait = FLOOR_WAIT_ADAPTIVE};
    unsigned bytes = 70;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'b') {
            bytes = (unsigned)floor_number(optarg, 1232);
        } else if (option == 'w') {
            f.wait.count = (unsigned)floor_number(optarg, FLOOR_BUFFERS);
            f.wait.busy = 0;
        } else if (option == 'm') {
            f.wait.ns = (unsigned)floor_number(optarg, 999999) * 1000;
        } else {
            usage();
        }
    }
    if (optind != argc - 1) {
        usage();
    }
    int fd = floor_socket(floor_number(argv[optind], 65535), 0);
    floor_open(&f, &fd, 1);
    floor_run(&f, answer, no_reply, &bytes);
}
