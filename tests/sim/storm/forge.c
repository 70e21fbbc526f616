/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forge.c - forge.h.
 *
 * A forger knows server, port, name and type, but neither how the name is spelled in the query nor
 * a cookie in it: he sends lower case and a plain OPT. What he sends arrives before the reply, from
 * the server's own address.
 */
#include "sim/storm/forge.h"

#include "sim/packets.h"
#include "sim/storm/oracle.h"
#include "sim/storm/servers.h"

#define KNOWING_MOST 40
#define BLIND_MOST   20
#define NEAR         16 /* IDs that one who knows much guesses from */
#define TTL_S        86400
#define FIRST_PORT   1024
/* What a forged reply may be at most: a question, a record, an OPT. */
#define FORGED_BYTES 400

struct forgery {
    struct storm *storm;
    const struct sim_upstream *upstream;
    const struct rd_message *wire; /* of the query */
    bool spelled;                  /* as the query is */
    size_t serial;                 /* where it stands */
    size_t len;
    uint8_t bytes[FORGED_BYTES];
};

/* Lower case, one record of its type: an address where that was asked for, else of no shape. */
static void compose(struct forgery *forgery, const uint8_t *query)
{
    struct rd_writer writer = rd_writer_at(forgery->bytes, FORGED_BYTES, 0);
    const struct rd_message *wire = forgery->wire;
    uint16_t len = wire->qtype == RD_TYPE_AAAA ? 16 : 4;
    uint16_t type = len == 4 ? RD_TYPE_A : RD_TYPE_AAAA;

    rd_writer_bytes(&writer, query, wire->question_end);
    for (size_t i = RD_DNS_HEADER_BYTES; i + 4 < wire->question_end; i++)
        if (forgery->bytes[i] >= 'A' && forgery->bytes[i] <= 'Z')
            forgery->bytes[i] |= 0x20;
    forgery->spelled = memcmp(forgery->bytes, query, wire->question_end) == 0;
    rd_put_u16(forgery->bytes + 2, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA);
    memcpy(forgery->bytes + 6, (uint8_t[]){0, 1, 0, 0, 0, 1}, 6);
    rd_writer_u16(&writer, 0xc000 | RD_DNS_HEADER_BYTES);
    rd_writer_u16(&writer, type);
    rd_writer_u16(&writer, RD_CLASS_IN);
    rd_writer_u32(&writer, TTL_S);
    rd_writer_u16(&writer, len);
    memset(rd_writer_take(&writer, len), 0, len);
    forgery->serial = rd_writer_offset(&writer) - (len == 4 ? 4 : 5);
    rd_writer_bytes(&writer, (uint8_t[]){0, 0, RD_TYPE_OPT, 4, 208, 0, 0, 0, 0, 0, 0}, 11);
    forgery->len = rd_writer_offset(&writer);
}

static void set_serial(struct forgery *forgery, uint32_t serial)
{
    rd_put_u32(forgery->bytes + forgery->serial,
               forgery->wire->qtype == RD_TYPE_AAAA ? serial : serial << 8);
}

/* Some time before the reply can come. */
static uint64_t draw_delay(const struct forgery *forgery)
{
    uint64_t latency_ns = forgery->upstream->latency_ns;

    latency_ns = latency_ns > UINT32_MAX ? UINT32_MAX : latency_ns;
    return sim_random_below(forgery->storm->sim, (uint32_t)latency_ns);
}

static void send_forged(struct forgery *forgery, uint16_t to_port, uint16_t id, bool known_port)
{
    struct sim *sim = forgery->storm->sim;
    uint64_t delay_ns = draw_delay(forgery);

    rd_put_u16(forgery->bytes, id);
    if (known_port && id == forgery->wire->id && forgery->spelled)
        sim->tag = STORM_LUCKY;
    else
        sim->tag = STORM_FORGED;
    sim_forge(sim, &forgery->upstream->address, to_port, forgery->bytes, forgery->len, delay_ns);
    sim->tag = STORM_GENUINE;
}

/* One who knows much, or only the port. */
static void guess_ids(struct forgery *forgery, uint16_t from_port, uint32_t *serial)
{
    struct sim *sim = forgery->storm->sim;
    bool knowing = sim_random_below(sim, 2);
    unsigned n = 1 + sim_random_below(sim, KNOWING_MOST);

    for (unsigned i = 0; i < n; i++) {
        uint32_t id = sim_random_below(sim, knowing ? NEAR : 65536);

        if (knowing)
            id |= forgery->wire->id & ~(NEAR - 1u);
        set_serial(forgery, ++*serial);
        send_forged(forgery, from_port, (uint16_t)id, true);
    }
}

static void guess_all(struct forgery *forgery, uint16_t from_port, uint32_t *serial)
{
    struct sim *sim = forgery->storm->sim;
    unsigned n = 1 + sim_random_below(sim, BLIND_MOST);

    for (unsigned i = 0; i < n; i++) {
        uint32_t port = FIRST_PORT + sim_random_below(sim, 65536 - FIRST_PORT);
        uint32_t id = sim_random_below(sim, 65536);

        set_serial(forgery, ++*serial);
        send_forged(forgery, (uint16_t)port, (uint16_t)id, port == from_port);
    }
}

static void forge(struct storm *storm, const struct sim_upstream *upstream,
                  const struct rd_message *wire, const uint8_t *query, struct forgery *ret_forgery)
{
    ret_forgery->storm = storm;
    ret_forgery->upstream = upstream;
    ret_forgery->wire = wire;
    compose(ret_forgery, query);
    /* At a port where wrong IDs arrive questions are asked by TCP, which may fail. */
    oracle_trouble(storm->oracle, query, wire->question_end,
                   storm->sim->now_ns + SERVERS_PATIENCE_NS);
}

void forge_overhear(struct storm *storm, const struct sim_upstream *upstream,
                    const struct rd_message *wire, const uint8_t *query, uint16_t from_port,
                    uint32_t *serial)
{
    bool known = storm_chance(storm, STORM_FORGE);
    bool blind = storm_chance(storm, STORM_FORGE_BLIND);
    struct forgery forgery;

    if (!known && !blind)
        return;
    forge(storm, upstream, wire, query, &forgery);
    if (known)
        guess_ids(&forgery, from_port, serial);
    if (blind)
        guess_all(&forgery, from_port, serial);
}
