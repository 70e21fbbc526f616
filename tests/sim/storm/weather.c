/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weather.c - weather.h. Each fault is decided once for each datagram; errors of ICMP pass.
 */
#include "sim/storm/weather.h"

#include <stdlib.h>

#include "ringdns/dns.h"
#include "sim/storm/oracle.h"
#include "sim/storm/servers.h"

#define DELAY_NS    (2 * RD_NS_PER_S)
#define REORDER_NS  RD_NS_PER_MS
#define AGAIN_NS    (20 * RD_NS_PER_MS) /* a copy may come so much later */
#define WRONG_BITS  3
#define RECORD_HEAD 12 /* bytes that hold most of what a record says of itself */

static void trouble(struct storm *storm, const struct sim_datagram *datagram, uint64_t ns)
{
    oracle_trouble(storm->oracle, datagram->bytes, datagram->len,
                   storm->sim->now_ns + ns + SERVERS_PATIENCE_NS);
}

/* Where the question ends, or what seems to be one. */
static uint32_t question_end(const struct sim_datagram *datagram)
{
    uint32_t at = RD_DNS_HEADER_BYTES;

    while (at < datagram->len && datagram->bytes[at] != 0)
        at += datagram->bytes[at] + 1u;
    return at + 5 < datagram->len ? at + 5 : datagram->len;
}

/* Of the header, the question, the first record's fields, or anywhere. */
static uint32_t draw_place(struct sim *sim, const struct sim_datagram *datagram)
{
    uint32_t first = 0, end = datagram->len, question = question_end(datagram);

    switch (sim_random_below(sim, 4)) {
    case 0:
        end = RD_DNS_HEADER_BYTES;
        break;
    case 1:
        first = RD_DNS_HEADER_BYTES;
        end = question;
        break;
    case 2:
        first = question;
        end = question + RECORD_HEAD;
        break;
    default:
        break;
    }
    end = end > datagram->len ? datagram->len : end;
    if (first >= end)
        return sim_random_below(sim, datagram->len);
    return first + sim_random_below(sim, end - first);
}

static void corrupt(struct sim *sim, struct sim_datagram *datagram)
{
    unsigned n = 1 + sim_random_below(sim, WRONG_BITS);

    for (unsigned i = 0; i < n; i++) {
        uint32_t at = draw_place(sim, datagram);

        datagram->bytes[at] ^= (uint8_t)(1u << sim_random_below(sim, 8));
    }
}

/* What it says. Its question is told while it can still be read. */
static void spoil(struct storm *storm, struct sim_datagram *datagram)
{
    bool cut = storm_chance(storm, STORM_CUT), wrong = storm_chance(storm, STORM_CORRUPT);

    if (datagram->len == 0 || (!cut && !wrong))
        return;
    trouble(storm, datagram, 0);
    if (wrong)
        corrupt(storm->sim, datagram);
    if (cut)
        datagram->len = sim_random_below(storm->sim, datagram->len);
}

/* How much later it comes. */
static uint64_t draw_delay(struct storm *storm, const struct sim_datagram *datagram)
{
    uint64_t delay_ns = 0;

    if (storm_chance(storm, STORM_DELAY)) {
        delay_ns = storm_span(storm, DELAY_NS);
        trouble(storm, datagram, delay_ns);
    }
    if (storm_chance(storm, STORM_REORDER))
        delay_ns += storm_span(storm, REORDER_NS);
    return delay_ns;
}

/* Where the network delivers in clumps, it comes with the next one: so much happens in one turn. */
static void post(struct storm *storm, struct sim_datagram *datagram, uint64_t delay_ns)
{
    uint64_t clump_ns = storm->plan.clump_ns, due_ns = storm->sim->now_ns + delay_ns;

    if (clump_ns)
        delay_ns += clump_ns - 1 - (due_ns - 1) % clump_ns;
    sim_post(storm->sim, datagram, delay_ns);
}

void weather_carry(void *context, struct sim_datagram *datagram, uint64_t delay_ns)
{
    struct storm *storm = context;
    struct sim *sim = storm->sim;

    if (datagram->error) {
        sim_post(sim, datagram, delay_ns);
        return;
    }
    if (storm_chance(storm, STORM_LOSS)) {
        trouble(storm, datagram, 0);
        free(datagram);
        return;
    }
    if (storm_chance(storm, STORM_DUPLICATE))
        post(storm, sim_datagram_copy(datagram), delay_ns + storm_span(storm, AGAIN_NS));
    delay_ns += draw_delay(storm, datagram);
    spoil(storm, datagram);
    post(storm, datagram, delay_ns);
}
