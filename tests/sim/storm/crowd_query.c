/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd_query.c - what a client of a storm asks, sound and broken.
 */
#include <string.h>

#include "sim/packets.h"
#include "sim/storm/crowd_own.h"
#include "sim/storm/truth.h"

/* One query in so many is of this kind. */
#define OTHER_CASE   8
#define WITHOUT_EDNS 4
#define DNSSEC       4
#define CHECKING_OFF 16
#define AUTHENTIC    8
#define ODD          64 /* each: RD=0, another class, opcode or version, a type that is refused */
#define WITH_OPTION  8
/* An ID in so many is that of a query for a local name. */
#define LOCAL 128

static bool one_in(struct storm *storm, uint32_t n)
{
    return sim_random_below(storm->sim, n) == 0;
}

/* The first names are asked for more than the last. */
static unsigned draw_name(struct storm *storm)
{
    uint32_t number = sim_random_below(storm->sim, storm->plan.names);

    for (uint32_t i = 0; i < 2; i++)
        if (sim_random_below(storm->sim, 100) < storm->plan.popularity)
            number = sim_random_below(storm->sim, number + 1);
    return number;
}

static void spell(struct storm *storm, char *name)
{
    for (; *name; name++)
        if (*name >= 'a' && *name <= 'z' && one_in(storm, 2))
            *name = (char)(*name - 'a' + 'A');
}

static void draw_edns(struct storm *storm, struct ask *ask)
{
    static const uint16_t payloads[] = {100, 512, 1232, 1232, 1452, 4096};
    /* NSID; a client's cookie; padding; keepalive, which means something by TCP alone */
    static const uint8_t options[] = {0, 3, 0, 0,  0, 10, 0, 8, 1, 2, 3,  4, 5, 6,
                                      7, 8, 0, 12, 0, 3,  0, 0, 0, 0, 11, 0, 0};

    ask->edns = true;
    ask->payload = payloads[sim_random_below(storm->sim, 6)];
    ask->dnssec_ok = one_in(storm, DNSSEC);
    if (one_in(storm, WITH_OPTION)) {
        ask->options = options;
        ask->options_len = sizeof(options);
    }
    if (one_in(storm, ODD))
        ask->version = 1;
}

static void draw_oddity(struct storm *storm, struct ask *ask)
{
    if (one_in(storm, ODD))
        ask->clear = RD_DNS_RD;
    if (one_in(storm, ODD))
        ask->class = 3;
    if (one_in(storm, ODD))
        ask->type = RD_TYPE_AXFR;
    if (one_in(storm, ODD))
        ask->set |= 2 << 11; /* STATUS */
}

/* Somewhere a bit is wrong, or the end is missing. */
static void damage(struct storm *storm, struct slot *slot)
{
    uint32_t at = sim_random_below(storm->sim, slot->len);

    if (one_in(storm, 2)) {
        slot->len = (uint16_t)at;
        return;
    }
    slot->bytes[at] ^= (uint8_t)(1u << sim_random_below(storm->sim, 8));
}

static uint16_t draw_id(struct storm *storm, const struct endpoint *endpoint)
{
    uint16_t id = (uint16_t)sim_random_below(storm->sim, 65536);
    uint32_t which = sim_random_below(storm->sim, CROWD_RECENT - 1);

    /* The newest is the one that is being written. */
    return storm_chance(storm, STORM_REUSE) ? storm->crowd->slots[endpoint->recent[1 + which]].id
                                            : id;
}

static void write_query(const struct ask *ask, struct slot *slot)
{
    static struct packet packet;

    packet_query(&packet, ask);
    slot->id = ask->id;
    slot->len = (uint16_t)(packet.len < CROWD_QUERY_BYTES ? packet.len : CROWD_QUERY_BYTES);
    memcpy(slot->bytes, packet.bytes, slot->len);
}

/* A name that never leaves; of the ID, so that it takes no draw. */
static const char *local_name(unsigned number)
{
    static const char *const names[] = {
        "localhost.",           "a.LocalHost.",     "1.0.0.127.in-addr.arpa.",
        "9.8.10.in-addr.arpa.", "10.in-addr.arpa.", "test.",
        "a.invalid.",           "b.home.arpa.",
    };

    return names[number % (sizeof(names) / sizeof(names[0]))];
}

void crowd_compose(struct storm *storm, struct endpoint *endpoint, struct slot *slot)
{
    char name[TRUTH_NAME_BYTES];
    struct ask ask = {.name = name};

    truth_name(storm, draw_name(storm), name);
    if (one_in(storm, OTHER_CASE))
        spell(storm, name);
    ask.type = truth_type(storm);
    ask.id = draw_id(storm, endpoint);
    if (ask.id % LOCAL == 0)
        ask.name = local_name(ask.id / LOCAL);
    if (!one_in(storm, WITHOUT_EDNS))
        draw_edns(storm, &ask);
    if (one_in(storm, CHECKING_OFF))
        ask.set |= RD_DNS_CD;
    if (one_in(storm, AUTHENTIC))
        ask.set |= RD_DNS_AD;
    if (one_in(storm, ODD / 8))
        draw_oddity(storm, &ask);
    write_query(&ask, slot);
    if (storm_chance(storm, STORM_REFLECT))
        slot->bytes[2] |= 0x80;
    if (storm_chance(storm, STORM_BROKEN))
        damage(storm, slot);
}

void crowd_compose_plain(struct storm *storm, unsigned number, struct slot *slot)
{
    char name[TRUTH_NAME_BYTES];
    struct ask ask = {.name = name};

    truth_name(storm, number, name);
    ask.id = (uint16_t)sim_random_below(storm->sim, 65536);
    write_query(&ask, slot);
}
