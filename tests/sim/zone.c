/* SPDX-License-Identifier: BSD-2-Clause */
/* zone.c - zone.h. */
#include "sim/zone.h"

#include "sim/says.h"

struct zone zone;

/* A name of a test, as it stands in RDATA. */
static size_t put_name(uint8_t *at, const char *text)
{
    struct rd_name name;

    assert_true(rd_name_from_text(text, &name));
    memcpy(at, name.bytes, name.len);
    return name.len;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    rd_put_u16(at, (uint16_t)(value >> 16));
    rd_put_u16(at + 2, (uint16_t)value);
}

static void add_record(struct packet *reply, const struct zone_record *record, uint16_t type,
                       uint8_t serial)
{
    uint8_t rdata[256] = {192, 0, 2, serial};
    size_t len = 4;

    if (type == RD_TYPE_AAAA) {
        memcpy(rdata, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0", 15);
        rdata[15] = serial;
        len = 16;
    } else if (type == RD_TYPE_SOA) {
        memset(rdata, 0, 22);
        put_u32(rdata + 18, record->minimum_s);
        len = 22;
    } else if (record->target) {
        len = put_name(rdata, record->target);
    } else if (type != RD_TYPE_A) {
        rdata[0] = 1; /* a TXT of one byte */
        rdata[1] = serial;
        len = 2;
    }
    packet_owned(reply, record->section, record->owner, type, record->ttl_s, rdata, len);
}

static void add_opt(struct packet *reply)
{
    uint8_t option[2] = {(uint8_t)(zone.ede >> 8), (uint8_t)zone.ede};

    packet_opt(reply, 1232, 0, 0, 0);
    if (zone.ede > 0)
        packet_option(reply, RD_OPTION_EDE, option, sizeof(option));
}

/* Overwritten by the next one. */
static const struct packet *compose(const struct sim_upstream *upstream, const uint8_t *query,
                                    size_t len, bool by_tcp)
{
    static struct packet reply;
    struct rd_message message;
    bool cut = zone.bulk > 0 && !by_tcp;
    unsigned serial = upstream->queries.n + upstream->stream_queries.n;

    packet_parse(query, len, &message, NULL);
    packet_reply(&reply, query, len, (uint16_t)(zone.flags | (cut ? RD_DNS_TC : 0)));
    for (unsigned i = 0; i < zone.bulk && !cut; i++)
        packet_txt(&reply, RD_ANSWER, 256);
    for (unsigned i = 0; i < ZONE_RECORDS && zone.records[i].type && !cut; i++) {
        uint16_t type = zone.records[i].type;

        add_record(&reply, &zone.records[i], type == ZONE_ASKED ? message.qtype : type,
                   (uint8_t)serial);
    }
    if (message.edns.present)
        add_opt(&reply);
    return &reply;
}

void zone_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query, size_t len,
                uint16_t from_port)
{
    const struct packet *reply = compose(upstream, query, len, false);

    if (!zone.silent)
        sim_reply(sim, upstream, reply->bytes, reply->len, from_port, zone.delay_ns);
}

void zone_stream_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                       const uint8_t *query, size_t len)
{
    const struct packet *reply = compose(upstream, query, len, true);

    (void)sim;
    if (!zone.silent)
        sim_conn_send_message(conn, reply->bytes, reply->len, zone.delay_ns);
}

static void put_zone(struct scene *scene)
{
    scene->cache_bytes = SCENE_CACHE_BYTES;
    scene->config.cache_stale = 0;
    scene->config.cache_prefetch = false;
    scene->sim->client_latency_ns = 0;
    scene->upstream->reply = zone_model;
    scene->upstream->reply_stream = zone_stream_model;
    zone_address(300);
}

int zone_setup(void **state)
{
    int r = scene_setup(state);

    put_zone(*state);
    return r;
}

void zone_open(struct scene *scene, uint64_t seed)
{
    scene_open(scene, seed);
    put_zone(scene);
}

void zone_address(uint32_t ttl_s)
{
    zone = (struct zone){.records = {{RD_ANSWER, ZONE_ASKED, ttl_s}}};
}

void zone_denial(uint16_t rcode, uint32_t ttl_s, uint32_t minimum_s)
{
    zone = (struct zone){
        .flags = rcode,
        .records = {{RD_AUTHORITY, RD_TYPE_SOA, ttl_s, "example.com", NULL, minimum_s}}};
}

unsigned zone_asked(const struct scene *scene, const char *name)
{
    return says_count(&scene->upstream->queries, name) +
           says_count(&scene->upstream->stream_queries, name);
}

/* Offset behind the owner of the record at AT. */
static size_t owner_end(const uint8_t *bytes, size_t at)
{
    while (bytes[at] != 0 && bytes[at] < 0xc0)
        at += 1u + bytes[at];
    return at + (bytes[at] == 0 ? 1 : 2);
}

static void hear_record(struct heard *heard, unsigned section, const uint8_t *bytes, size_t at,
                        size_t end)
{
    const uint8_t *fixed = bytes + owner_end(bytes, at);
    unsigned i = heard->n[section];

    if (rd_get_u16(fixed) == RD_TYPE_OPT)
        return;
    if (i < HEARD_RECORDS)
        heard->ttl_s[section][i] = rd_get_u32(fixed + 4);
    if (section == RD_ANSWER)
        heard->serial = bytes[end - 1];
    heard->n[section]++;
}

struct heard heard_of(const struct sim_packet *answer)
{
    struct heard heard = {.left_ns = answer->at_ns};
    struct rd_message message;
    size_t at, end;

    packet_parse(answer->bytes, answer->len, &message, NULL);
    heard.rcode = message.flags & RD_DNS_RCODE;
    heard.ad = message.flags & RD_DNS_AD;
    heard.ede = message.edns.n_ede > 0 ? message.edns.ede[0].code : RD_EDE_NONE;
    at = message.question_end;
    for (unsigned section = 0; section < 3; section++) {
        for (unsigned i = 0; i < message.count[section]; i++, at = end) {
            end = rd_message_skip_record(answer->bytes, answer->len, at);
            hear_record(&heard, section, answer->bytes, at, end);
        }
    }
    return heard;
}

struct heard heard_by(const struct sim_client *client, unsigned n)
{
    assert_int_equal(client->answers.n, n);
    return heard_of(&client->answers.at[n - 1]);
}

struct heard hear(struct scene *scene, const struct ask *ask)
{
    uint64_t asked_ns = scene->sim->now_ns;
    struct rd_message message;
    struct heard heard = heard_of(scene_exchange(scene, ask, &message));

    heard.waited_ns = heard.left_ns - asked_ns;
    return heard;
}

void zone_wait_until(struct scene *scene, uint64_t at_ns)
{
    assert_true(at_ns >= scene->sim->now_ns);
    sim_run_until(scene->sim, NULL, NULL, at_ns);
}

struct heard hear_at(struct scene *scene, uint64_t at_ns, const struct ask *ask)
{
    zone_wait_until(scene, at_ns);
    return hear(scene, ask);
}

void assert_address(const struct heard *heard, unsigned serial, uint32_t ttl_s)
{
    assert_int_equal(heard->rcode, RD_NOERROR);
    assert_int_equal(heard->n[RD_ANSWER], 1);
    assert_int_equal(heard->serial, serial);
    assert_int_equal(heard->ttl_s[RD_ANSWER][0], ttl_s);
}

void assert_failed(const struct heard *heard, int ede)
{
    assert_int_equal(heard->rcode, RD_SERVFAIL);
    assert_int_equal(heard->n[RD_ANSWER], 0);
    assert_int_equal(heard->ede, ede);
}

void assert_at_once(const struct heard *heard)
{
    assert_int_equal(heard->waited_ns, 0);
}
