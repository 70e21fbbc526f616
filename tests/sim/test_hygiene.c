/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hygiene.c - what servers see of a question, and what a reply must show to be believed:
 * spelling, cookies, options, source address; and how much one server has under way.
 */
#include <stdio.h>

#include "sim/says.h"

static const char *const NAME = "www.example.com";

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 0x20) : byte;
}

/* Answers with 192.0.2.66 to the name in lower case. */
static void lower_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                        size_t len, uint16_t from_port)
{
    static struct packet reply;

    packet_reply(&reply, query, len, 0);
    for (unsigned i = RD_DNS_HEADER_BYTES; i < reply.len; i++)
        reply.bytes[i] = lower(reply.bytes[i]);
    packet_a(&reply, RD_ANSWER, 66);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
}

static void test_names_are_spelled_at_random(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    unsigned upper = 0;

    scene->config.pools[0].randomize_case = true;
    for (unsigned n = 0; n < 100; n++) {
        const struct sim_packet *answer =
            scene_exchange(scene, &(struct ask){.name = "wWw.eXample.com"}, &message);
        const uint8_t *asked = scene->upstream->queries.at[n].bytes + RD_DNS_HEADER_BYTES;

        assert_int_equal(message.count[RD_ANSWER], 1);
        assert_memory_equal(answer->bytes + RD_DNS_HEADER_BYTES, "\3wWw\7eXample\3com", 17);
        for (unsigned i = 0; i < 17; i++) {
            assert_int_equal(lower(asked[i]), "\3www\7example\3com"[i]);
            upper += asked[i] != lower(asked[i]);
        }
    }
    assert_in_range(upper, 650 - 75, 650 + 75); /* of 1300 letters; four standard deviations */
    assert_int_equal(scene->upstream->stream_queries.n, 0);
}

static void test_another_spelling_is_asked_by_tcp(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    scene->config.pools[0].randomize_case = true;
    scene->upstream->reply = lower_model;
    answer = scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(says_last(answer, &message), 80);
    assert_int_equal(SCENE_STAT(scene, replies_bad_case), 1);
    assert_int_equal(SCENE_STAT(scene, upstream_tcp_forged), 1);
    scene->config.pools[0].randomize_case = false;
    scene_publish(scene);
    answer = scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(says_last(answer, &message), 66);
}

/* Cookies: what the server does with them. */
static struct {
    bool none;          /* it does not return them */
    bool wrong;         /* it returns another client's */
    unsigned bad;       /* so many queries get BADCOOKIE */
    const char *server; /* eight bytes of its own */
} cookie;

static const uint8_t *cookie_of(const struct sim_packet *query, size_t *ret_len)
{
    struct rd_message message;

    *ret_len = 0;
    packet_parse(query->bytes, query->len, &message, NULL);
    return packet_find_option(query->bytes, &message, RD_OPTION_COOKIE, ret_len);
}

static const struct packet *cookie_reply(const uint8_t *query, size_t len)
{
    static struct packet reply;
    struct sim_packet packet = {.bytes = (uint8_t *)query, .len = (uint32_t)len};
    uint8_t option[16];
    size_t option_len;
    const uint8_t *client = cookie_of(&packet, &option_len);
    bool bad = cookie.bad > 0;

    cookie.bad -= bad;
    packet_reply(&reply, query, len, bad ? RD_BADCOOKIE & 15 : 0);
    if (!bad)
        packet_a(&reply, RD_ANSWER, 80);
    packet_opt(&reply, 1232, bad ? RD_BADCOOKIE >> 4 : 0, 0, 0);
    if (!client || cookie.none)
        return &reply;
    memcpy(option, client, 8);
    memcpy(option + 8, cookie.server, 8);
    option[0] ^= cookie.wrong;
    packet_option(&reply, RD_OPTION_COOKIE, option, sizeof(option));
    return &reply;
}

static void cookie_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                         size_t len, uint16_t from_port)
{
    const struct packet *reply = cookie_reply(query, len);

    sim_reply(sim, upstream, reply->bytes, reply->len, from_port, 0);
}

static void cookie_stream_model(struct sim *sim, struct sim_upstream *upstream,
                                struct sim_conn *conn, const uint8_t *query, size_t len)
{
    const struct packet *reply = cookie_reply(query, len);

    (void)sim;
    (void)upstream;
    sim_conn_send_message(conn, reply->bytes, reply->len, 0);
}

static void with_cookies(struct scene *scene)
{
    memset(&cookie, 0, sizeof(cookie));
    cookie.server = "12345678";
    scene->config.pools[0].cookies = true;
    for (unsigned i = 0; i < scene->sim->n_upstreams; i++) {
        scene->sim->upstreams[i]->reply = cookie_model;
        scene->sim->upstreams[i]->reply_stream = cookie_stream_model;
    }
}

static void assert_exchange(struct scene *scene)
{
    struct rd_message message;

    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_int_equal(message.opt_end - message.opt, RD_EDNS_BYTES); /* no client sees a cookie */
}

static void test_each_server_has_a_cookie_of_its_own(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = scene_add_upstream(scene, "198.51.100.2", NULL, 5 * MS);
    const uint8_t *cookies[2];
    size_t len;

    with_cookies(scene);
    scene->config.pools[0].policy = RD_POLICY_SPREAD;
    for (unsigned i = 0; i < 40; i++)
        assert_exchange(scene);
    cookies[0] = cookie_of(&scene->upstream->queries.at[0], &len);
    assert_int_equal(len, 8);
    cookies[1] = cookie_of(&other->queries.at[0], &len);
    assert_int_equal(len, 8);
    assert_memory_not_equal(cookies[0], cookies[1], 8);
    for (unsigned i = 1; i < scene->upstream->queries.n; i++) {
        const uint8_t *again = cookie_of(&scene->upstream->queries.at[i], &len);

        assert_int_equal(len, 16);
        assert_memory_equal(again, cookies[0], 8);
        assert_memory_equal(again + 8, "12345678", 8);
    }
}

static void test_the_latest_server_cookie_is_returned(void **state)
{
    struct scene *scene = *state;
    size_t len;

    with_cookies(scene);
    assert_exchange(scene);
    cookie.server = "abcdefgh";
    assert_exchange(scene);
    assert_exchange(scene);
    assert_memory_equal(cookie_of(&scene->upstream->queries.at[2], &len) + 8, "abcdefgh", 8);
}

static void test_no_cookie_is_sent_where_none_is_wanted(void **state)
{
    struct scene *scene = *state;
    size_t len;

    with_cookies(scene);
    scene->config.pools[0].cookies = false;
    assert_exchange(scene);
    assert_null(cookie_of(&scene->upstream->queries.at[0], &len));
}

static void test_who_knew_cookies_and_returns_none_is_asked_by_tcp(void **state)
{
    struct scene *scene = *state;

    with_cookies(scene);
    cookie.none = true;
    assert_exchange(scene); /* a server that knows none */
    assert_int_equal(scene->upstream->stream_queries.n, 0);
    cookie.none = false;
    assert_exchange(scene);
    cookie.none = true;
    assert_exchange(scene);
    assert_int_equal(scene->upstream->stream_queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, replies_bad_cookie), 1);
    assert_int_equal(SCENE_STAT(scene, upstream_tcp_forged), 1);
    assert_exchange(scene); /* by TCP it has said itself that it knows them no more */
    assert_int_equal(scene->upstream->stream_queries.n, 1);
}

static void test_a_wrong_cookie_is_asked_by_tcp(void **state)
{
    struct scene *scene = *state;

    with_cookies(scene);
    cookie.wrong = true;
    assert_exchange(scene);
    assert_int_equal(scene->upstream->stream_queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, replies_bad_cookie), 1);
}

static void test_after_badcookie_it_is_asked_with_the_new_one(void **state)
{
    struct scene *scene = *state;
    size_t len;

    with_cookies(scene);
    cookie.bad = 1;
    assert_exchange(scene);
    assert_int_equal(scene->upstream->queries.n, 2);
    assert_memory_equal(cookie_of(&scene->upstream->queries.at[1], &len) + 8, "12345678", 8);
    assert_int_equal(scene->upstream->stream_queries.n, 0);
    cookie.bad = 2;
    assert_exchange(scene);
    assert_int_equal(scene->upstream->queries.n, 4);
    assert_int_equal(scene->upstream->stream_queries.n, 1);
}

static void test_a_clients_options_stay_with_the_client(void **state)
{
    /* NSID, client subnet, cookie, keepalive, padding, one of nobody's. */
    static const uint8_t options[] = {0,  3, 0,  0, 0,  8, 0, 7, 0, 1,    24,   0, 192, 0,
                                      2,  0, 10, 0, 8,  1, 2, 3, 4, 5,    6,    7, 8,   0,
                                      11, 0, 0,  0, 12, 0, 2, 0, 0, 0xfe, 0xfe, 0, 1,   9};
    struct scene *scene = *state;
    struct rd_message message;

    for (unsigned i = 0; i < 16; i++) {
        bool edns = i & 1, dnssec_ok = i & 2, cd = i & 4, ad = i & 8;
        const struct sim_packet *query;
        struct ask ask = {.name = NAME,
                          .set = (uint16_t)((cd ? RD_DNS_CD : 0) | (ad ? RD_DNS_AD : 0)),
                          .edns = edns,
                          .dnssec_ok = dnssec_ok,
                          .options = options,
                          .options_len = sizeof(options)};

        scene_exchange(scene, &ask, &message);
        assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
        query = &scene->upstream->queries.at[i];
        packet_parse(query->bytes, query->len, &message, NULL);
        assert_int_equal(message.opt_end - message.opt, RD_EDNS_BYTES);
        assert_int_equal(message.edns.payload_bytes, RD_EDNS_UPSTREAM_BYTES);
        assert_int_equal(message.edns.dnssec_ok, edns && dnssec_ok);
        assert_int_equal(message.flags,
                         RD_DNS_RD | (edns && dnssec_ok ? 0 : RD_DNS_AD) | (cd ? RD_DNS_CD : 0));
    }
}

static void test_a_pools_source_address_is_what_its_servers_see(void **state)
{
    struct scene *scene = *state;
    union rd_address source = sim_address("10.53.0.9", 0), seen;

    scene->config.pools[0].source = (struct rd_host_list){1, {source}};
    assert_exchange(scene);
    scene->config.pools[0].transport = RD_TRANSPORT_TCP;
    scene_publish(scene);
    assert_exchange(scene);
    seen = scene->upstream->queries.at[0].from;
    seen.v4.sin_port = 0;
    assert_true(rd_address_equal(&seen, &source));
    seen = sim_upstream_conn(scene->upstream, 0)->near;
    seen.v4.sin_port = 0;
    assert_true(rd_address_equal(&seen, &source));
}

/* N questions of a suffix each, one every GAP_NS. */
static void ask_suffixes(struct scene *scene, unsigned n, uint64_t gap_ns)
{
    static unsigned serial;

    for (unsigned i = 0; i < n; i++) {
        char name[32];

        snprintf(name, sizeof(name), "www.s%u.test", serial++);
        scene_ask(scene, scene->client,
                  &(struct ask){.name = name, .id = (uint16_t)serial, .edns = true});
        sim_run_for(scene->sim, gap_ns);
    }
}

static void test_beyond_its_cap_another_server_is_asked(void **state)
{
    struct scene *scene = *state;
    struct sim_upstream *other = scene_add_upstream(scene, "198.51.100.2", scene_model, 100 * MS);
    struct rd_message message;

    scene->config.pools[0].policy = RD_POLICY_ORDERED;
    scene->config.inflight_upstream = 64;
    scene->upstream->latency_ns = 100 * MS;
    ask_suffixes(scene, 130, 0);
    sim_run_for(scene->sim, 50 * MS);
    assert_int_equal(scene->upstream->queries.n + other->queries.n, 0);
    assert_int_equal(SCENE_STAT(scene, upstream_sent), 128);
    assert_int_equal(SCENE_STAT(scene, failed_cap), 2);
    assert_int_equal(scene->client->answers.n, 2);
    packet_parse(scene->client->answers.at[0].bytes, scene->client->answers.at[0].len, &message,
                 NULL);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(scene_ede(&message), RD_EDE_NOT_READY);
    sim_run_for(scene->sim, S);
    assert_int_equal(scene->upstream->queries.n, 64);
    assert_int_equal(other->queries.n, 64);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 128);
}

/* Answers one query of four. */
static void overwhelmed_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                              size_t len, uint16_t from_port)
{
    if (sim_random_below(sim, 4) == 0)
        scene_model(sim, upstream, query, len, from_port);
}

static void test_the_cap_follows_what_the_server_can_do(void **state)
{
    struct scene *scene = *state;
    const struct rd_upstream_stats *stats;

    scene->config.inflight_upstream = 512;
    scene_start(scene);
    stats = rd_worker_upstream_stats(scene->worker, rd_snapshot_server(scene->snapshots[0], 0, 0));
    ask_suffixes(scene, 100, 5 * MS);
    assert_int_equal(rd_stat_get(&stats->cap), 512);
    scene->upstream->reply = overwhelmed_model;
    ask_suffixes(scene, 800, 5 * MS);
    assert_int_equal(rd_stat_get(&stats->cap), 512 / 8);
    scene->upstream->reply = scene_model;
    sim_run_for(scene->sim, 5 * S);
    ask_suffixes(scene, 400, 5 * MS);
    assert_int_equal(rd_stat_get(&stats->cap), 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_names_are_spelled_at_random),
        SCENE_TEST(test_another_spelling_is_asked_by_tcp),
        SCENE_TEST(test_each_server_has_a_cookie_of_its_own),
        SCENE_TEST(test_the_latest_server_cookie_is_returned),
        SCENE_TEST(test_no_cookie_is_sent_where_none_is_wanted),
        SCENE_TEST(test_who_knew_cookies_and_returns_none_is_asked_by_tcp),
        SCENE_TEST(test_a_wrong_cookie_is_asked_by_tcp),
        SCENE_TEST(test_after_badcookie_it_is_asked_with_the_new_one),
        SCENE_TEST(test_a_clients_options_stay_with_the_client),
        SCENE_TEST(test_a_pools_source_address_is_what_its_servers_see),
        SCENE_TEST(test_beyond_its_cap_another_server_is_asked),
        SCENE_TEST(test_the_cap_follows_what_the_server_can_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
