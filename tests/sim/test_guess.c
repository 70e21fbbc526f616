/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_guess.c - signs that somebody forges replies: wrong IDs and replies that are longer than
 * they may be. The question is asked by TCP, which needs more than a guess.
 */
#include <errno.h>
#include <stdio.h>

#include "sim/scene.h"

static const char *const NAME = "www.example.com";

#define GOOD_DELAY (50 * MS)

/* What forged_model does before the good reply comes: so many with wrong IDs, one of this length.
 */
static struct {
    unsigned wrong;
    size_t len;
} forged;

static void pad(struct packet *reply, size_t len)
{
    while (len - reply->len >= 200)
        packet_txt(reply, RD_ADDITIONAL, len - reply->len >= 400 ? 188 : 88);
    packet_txt(reply, RD_ADDITIONAL, len - reply->len - 12);
    assert_int_equal(reply->len, len);
}

static void good_reply(struct packet *reply, const uint8_t *query, size_t len, uint8_t last)
{
    packet_reply(reply, query, len, 0);
    packet_a(reply, RD_ANSWER, last);
    packet_opt(reply, 1232, 0, 0, 0);
}

static void forged_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                         size_t len, uint16_t from_port)
{
    static struct packet reply;

    for (unsigned i = 0; i < forged.wrong; i++) {
        good_reply(&reply, query, len, 66);
        rd_put_u16(reply.bytes, (uint16_t)(rd_get_u16(reply.bytes) + 1 + i));
        sim_reply(sim, upstream, reply.bytes, reply.len, from_port, i * MS);
    }
    good_reply(&reply, query, len, 66);
    if (forged.len) {
        pad(&reply, forged.len);
        sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
    }
    good_reply(&reply, query, len, 80);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, GOOD_DELAY);
}

/* Asks and must have an answer with 192.0.2.LAST, by UDP or TCP. */
static void asks(struct scene *scene, uint8_t last, bool tcp)
{
    unsigned before = scene->upstream->stream_queries.n;
    struct rd_message message;
    const struct sim_packet *answer;

    scene->upstream->reply = forged_model;
    answer = scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_int_equal(answer->bytes[message.question_end + 15], last);
    assert_int_equal(scene->upstream->stream_queries.n, before + tcp);
    assert_int_equal(SCENE_STAT(scene, upstream_tcp_forged), before + tcp);
    sim_run_for(scene->sim, S);
}

static void test_two_wrong_ids_change_nothing(void **state)
{
    struct scene *scene = *state;

    forged.wrong = RD_WRONG_IDS - 1;
    forged.len = 0;
    asks(scene, 80, false);
    assert_int_equal(SCENE_STAT(scene, replies_bad_unknown_id), RD_WRONG_IDS - 1);
}

static void test_three_wrong_ids_at_one_port_are_asked_by_tcp(void **state)
{
    struct scene *scene = *state;

    forged.wrong = RD_WRONG_IDS;
    forged.len = 0;
    asks(scene, 80, true);
    assert_int_equal(SCENE_STAT(scene, replies_bad_unknown_id), RD_WRONG_IDS);
    assert_int_equal(scene->upstream->queries.n, 1);
}

static void test_a_reply_longer_than_advertised_is_asked_by_tcp(void **state)
{
    struct scene *scene = *state;

    forged.wrong = 0;
    forged.len = RD_EDNS_UPSTREAM_BYTES + 1;
    asks(scene, 80, true);
    forged.len = RD_BUFFER_BYTES + 1;
    asks(scene, 80, true);
    assert_int_equal(SCENE_STAT(scene, replies_bad_oversize), 2);
}

static void test_a_reply_as_long_as_advertised_is_good(void **state)
{
    struct scene *scene = *state;

    forged.wrong = 0;
    forged.len = RD_EDNS_UPSTREAM_BYTES;
    asks(scene, 66, false);
    assert_int_equal(SCENE_STAT(scene, replies_bad_oversize), 0);
}

static void test_without_any_connection_other_ports_ask(void **state)
{
    struct scene *scene = *state;

    scene->sim->stream_error = EMFILE;
    forged.wrong = 2 * RD_WRONG_IDS;
    forged.len = RD_EDNS_UPSTREAM_BYTES + 1;
    asks(scene, 80, false);
    assert_int_equal(scene->upstream->queries.n, RD_ATTEMPTS_PER_SERVER);
    for (unsigned i = 1; i < RD_ATTEMPTS_PER_SERVER; i++)
        assert_int_not_equal(rd_address_port(&scene->upstream->queries.at[i].from),
                             rd_address_port(&scene->upstream->queries.at[i - 1].from));
}

/* Whether a query that we sent is for NAME. */
static bool is_for_name(const uint8_t *query, size_t len)
{
    struct rd_message message;
    struct rd_name asked, name;

    packet_parse(query, len, &message, &asked);
    assert_true(rd_name_from_text(NAME, &name));
    return asked.len == name.len && memcmp(asked.bytes, name.bytes, name.len) == 0;
}

/* As forged_model for NAME; what else is asked is to be asked by TCP. */
static void partly_forged_model(struct sim *sim, struct sim_upstream *upstream,
                                const uint8_t *query, size_t len, uint16_t from_port)
{
    static struct packet reply;

    if (is_for_name(query, len)) {
        forged_model(sim, upstream, query, len, from_port);
        return;
    }
    packet_reply(&reply, query, len, RD_DNS_TC);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
}

/* The only connection that there may be has been waited on in vain and takes no more, but a
 * question is still on it. */
static void test_without_room_on_any_connection_other_ports_ask(void **state)
{
    struct scene *scene = *state;
    const struct sim_log *queries = &scene->upstream->queries;
    struct rd_message message;
    const struct sim_packet *answer;
    uint16_t last = 0;
    unsigned n = 0;

    scene->config.tcp_per_worker = 1;
    scene->upstream->reply_stream = NULL;
    scene->upstream->reply = partly_forged_model;
    forged.wrong = RD_WRONG_IDS;
    forged.len = 0;
    scene_ask(scene, scene_client(scene, 1), &(struct ask){.name = "first.test"});
    sim_run_for(scene->sim, 2 * S);
    scene_ask(scene, scene_client(scene, 2), &(struct ask){.name = "second.test"});
    scene_wait(scene, scene_client(scene, 1), 1); /* SERVFAIL */
    answer = scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_int_equal(answer->bytes[message.question_end + 15], 80);
    assert_int_equal(SCENE_STAT(scene, links), 1);
    assert_int_equal(SCENE_STAT(scene, upstream_tcp_forged), 0);
    for (unsigned i = 0; i < queries->n; i++) {
        if (!is_for_name(queries->at[i].bytes, queries->at[i].len))
            continue;
        assert_int_not_equal(rd_address_port(&queries->at[i].from), last);
        last = rd_address_port(&queries->at[i].from);
        n++;
    }
    assert_int_equal(n, RD_ATTEMPTS_PER_SERVER);
}

/* The wait by UDP is over by then, so it is asked anew. */
static void test_when_tcp_is_refused_udp_is_asked_again(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    scene->upstream->accept = SIM_REFUSE;
    scene->upstream->reply = forged_model;
    forged.wrong = RD_WRONG_IDS;
    forged.len = 0;
    scene_ask(scene, scene->client, &(struct ask){.name = NAME});
    scene_wait_query(scene, scene->upstream, 1);
    forged.wrong = 0;
    answer = scene_wait(scene, scene->client, 1);
    packet_parse(answer->bytes, answer->len, &message, NULL);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_int_equal(scene->upstream->queries.n, 2);
}

static void ten_times_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                            size_t len, uint16_t from_port)
{
    for (unsigned i = 0; i < 10; i++)
        scene_model(sim, upstream, query, len, from_port);
}

static void test_late_replies_are_no_guesses(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->upstream->reply = ten_times_model;
    for (unsigned i = 0; i < 20; i++) {
        scene_exchange(scene, &(struct ask){.name = NAME}, &message);
        sim_run_for(scene->sim, 10 * MS);
    }
    assert_int_equal(SCENE_STAT(scene, replies_late), 180);
    assert_int_equal(SCENE_STAT(scene, replies_bad_unknown_id), 0);
    assert_int_equal(scene->upstream->stream_queries.n, 0);
}

/* N questions to a server that is silent by UDP. */
static void ask_silent(struct scene *scene, unsigned n)
{
    scene->upstream->reply = NULL;
    scene->config.ports_per_upstream = RD_PORTS_MIN;
    for (unsigned i = 0; i < n; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%u.test", i);
        scene_ask(scene, scene_client(scene, i), &(struct ask){.name = name});
    }
    scene_wait_query(scene, scene->upstream, n);
}

/* Guesses at the port that the first question came from. Returns how many came from there. */
static unsigned guess_at_first(struct scene *scene, unsigned guesses)
{
    const struct sim_log *queries = &scene->upstream->queries;
    uint16_t port = rd_address_port(&queries->at[0].from);
    unsigned n = 0;
    static struct packet reply;

    good_reply(&reply, queries->at[0].bytes, queries->at[0].len, 66);
    for (unsigned i = 0; i < guesses; i++) {
        bool used = true;

        while (used) { /* by nobody, wherever it was asked from */
            uint16_t id = (uint16_t)sim_random(scene->sim);

            used = false;
            for (unsigned k = 0; k < queries->n; k++)
                used |= rd_get_u16(queries->at[k].bytes) == id;
            rd_put_u16(reply.bytes, id);
        }
        sim_reply(scene->sim, scene->upstream, reply.bytes, reply.len, port, 0);
    }
    for (unsigned i = 0; i < queries->n; i++)
        n += rd_address_port(&queries->at[i].from) == port;
    return n;
}

static void test_all_that_wait_at_the_port_are_asked_by_tcp(void **state)
{
    struct scene *scene = *state;
    unsigned waiting;

    ask_silent(scene, 40);
    waiting = guess_at_first(scene, RD_WRONG_IDS);
    assert_in_range(waiting, 2, 39);
    sim_run_for(scene->sim, 100 * MS);
    assert_int_equal(scene->upstream->stream_queries.n, waiting);
    assert_int_equal(SCENE_STAT(scene, upstream_tcp_forged), waiting);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), waiting);
}

static void test_nothing_is_asked_from_that_port_any_more(void **state)
{
    struct scene *scene = *state;
    uint16_t port;
    unsigned before;

    ask_silent(scene, 40);
    port = rd_address_port(&scene->upstream->queries.at[0].from);
    guess_at_first(scene, RD_WRONG_IDS);
    sim_run_for(scene->sim, 100 * MS);
    before = scene->upstream->queries.n;
    scene->upstream->reply = scene_model;
    for (uint16_t i = 0; i < 100; i++)
        scene_ask(scene, scene->client, &(struct ask){.name = NAME, .type = 1000 + i});
    scene_wait(scene, scene->client, 100);
    for (unsigned i = before; i < scene->upstream->queries.n; i++)
        assert_int_not_equal(rd_address_port(&scene->upstream->queries.at[i].from), port);
}

static void test_a_port_that_is_retired_and_waits_is_watched_too(void **state)
{
    struct scene *scene = *state;
    unsigned waiting;

    ask_silent(scene, (RD_PORTS_MIN + 1) * RD_PORT_QUESTIONS);
    waiting = guess_at_first(scene, RD_WRONG_IDS - 1);
    sim_run_for(scene->sim, 50 * MS);
    assert_int_equal(scene->upstream->stream_queries.n, 0);
    guess_at_first(scene, 1);
    sim_run_for(scene->sim, 50 * MS);
    assert_int_equal(scene->upstream->stream_queries.n, waiting);
    guess_at_first(scene, 10); /* there is nobody any more */
    sim_run_for(scene->sim, 50 * MS);
    assert_int_equal(SCENE_STAT(scene, replies_bad_unknown_id), RD_WRONG_IDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_two_wrong_ids_change_nothing),
        SCENE_TEST(test_three_wrong_ids_at_one_port_are_asked_by_tcp),
        SCENE_TEST(test_a_reply_longer_than_advertised_is_asked_by_tcp),
        SCENE_TEST(test_a_reply_as_long_as_advertised_is_good),
        SCENE_TEST(test_without_any_connection_other_ports_ask),
        SCENE_TEST(test_without_room_on_any_connection_other_ports_ask),
        SCENE_TEST(test_when_tcp_is_refused_udp_is_asked_again),
        SCENE_TEST(test_late_replies_are_no_guesses),
        SCENE_TEST(test_all_that_wait_at_the_port_are_asked_by_tcp),
        SCENE_TEST(test_nothing_is_asked_from_that_port_any_more),
        SCENE_TEST(test_a_port_that_is_retired_and_waits_is_watched_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
