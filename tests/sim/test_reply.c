/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_reply.c - the life of an upstream's reply: what is not the answer to that very question
 * changes nothing but a counter, and the wait goes on (RFC 5452 section 9, TuDoor).
 */
#include <stdio.h>

#include "sim/scene.h"

static const char *const NAME = "www.example.com";

#define GOOD_DELAY (20 * MS)

typedef void spoil_fn(struct packet *reply);

/* What hostile_model does to its first reply. */
static spoil_fn *spoil;

static void good_reply(struct packet *reply, const uint8_t *query, size_t len, uint8_t last)
{
    packet_reply(reply, query, len, 0);
    packet_a(reply, RD_ANSWER, last);
    packet_opt(reply, 1232, 0, 0, 0);
}

/* A spoiled reply with 192.0.2.66 at once, the good one with 192.0.2.80 later. */
static void hostile_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                          size_t len, uint16_t from_port)
{
    static struct packet reply;

    good_reply(&reply, query, len, 66);
    spoil(&reply);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
    good_reply(&reply, query, len, 80);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, GOOD_DELAY);
}

/* The address in the first record, which is an A record owned by the question's name. */
static uint8_t last_byte(const struct sim_packet *answer, const struct rd_message *message)
{
    assert_true(message->count[RD_ANSWER] >= 1);
    return answer->bytes[message->question_end + 15];
}

/* Asks an upstream that spoils its first reply: the client gets the second, *COUNTER counts. */
static void assert_waits_on(struct scene *scene, spoil_fn *how, const _Atomic uint64_t *counter)
{
    struct rd_message message;
    uint64_t before, began_ns;
    const struct sim_packet *answer;

    spoil = how;
    scene->upstream->reply = hostile_model;
    before = rd_stat_get(counter);
    began_ns = scene->sim->now_ns;
    answer = scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_int_equal(last_byte(answer, &message), 80);
    assert_true(answer->at_ns - began_ns >= GOOD_DELAY);
    assert_int_equal(rd_stat_get(counter), before + 1);
}

static const struct rd_stats *stats_of(struct scene *scene)
{
    scene_start(scene);
    return rd_worker_stats(scene->worker);
}

static void other_id(struct packet *reply)
{
    reply->bytes[1] ^= 1;
}

static void other_id_truncated(struct packet *reply)
{
    reply->bytes[0] ^= 0x80;
    reply->bytes[2] |= RD_DNS_TC >> 8;
}

static void test_a_wrong_id_does_not_end_the_wait(void **state)
{
    struct scene *scene = *state;
    const struct rd_stats *stats = stats_of(scene);

    assert_waits_on(scene, other_id, &stats->replies_bad_unknown_id);
    assert_waits_on(scene, other_id_truncated, &stats->replies_bad_unknown_id);
}

static void no_bytes(struct packet *reply)
{
    reply->len = 0;
}

static void eleven_bytes(struct packet *reply)
{
    reply->len = 11;
}

static void a_query(struct packet *reply)
{
    reply->bytes[2] &= 0x7f;
}

static void an_update(struct packet *reply)
{
    reply->bytes[2] |= 5 << 3;
}

static void test_a_bad_header_does_not_end_the_wait(void **state)
{
    struct scene *scene = *state;
    const struct rd_stats *stats = stats_of(scene);

    assert_waits_on(scene, no_bytes, &stats->replies_bad_header);
    assert_waits_on(scene, eleven_bytes, &stats->replies_bad_header);
    assert_waits_on(scene, a_query, &stats->replies_bad_header);
    assert_waits_on(scene, an_update, &stats->replies_bad_header);
}

static void other_name(struct packet *reply)
{
    reply->bytes[RD_DNS_HEADER_BYTES + 1] = 'v';
}

/* Bit 5 tells the case of letters only: '\27' is not '7'. */
static void other_length(struct packet *reply)
{
    reply->bytes[RD_DNS_HEADER_BYTES] ^= 0x20;
}

static void other_type(struct packet *reply)
{
    rd_put_u16(reply->bytes + RD_DNS_HEADER_BYTES + 17, RD_TYPE_AAAA);
}

static void other_class(struct packet *reply)
{
    rd_put_u16(reply->bytes + RD_DNS_HEADER_BYTES + 19, RD_CLASS_CH);
}

static void formerr_without_question(struct packet *reply)
{
    reply->len = RD_DNS_HEADER_BYTES;
    reply->bytes[3] = RD_FORMERR;
    memset(reply->bytes + 4, 0, 8);
}

static void two_questions(struct packet *reply)
{
    rd_put_u16(reply->bytes + 4, 2);
}

static void test_another_question_does_not_end_the_wait(void **state)
{
    struct scene *scene = *state;
    const struct rd_stats *stats = stats_of(scene);

    assert_waits_on(scene, other_name, &stats->replies_bad_question);
    assert_waits_on(scene, other_length, &stats->replies_bad_question);
    assert_waits_on(scene, other_type, &stats->replies_bad_question);
    assert_waits_on(scene, other_class, &stats->replies_bad_question);
    assert_waits_on(scene, formerr_without_question, &stats->replies_bad_question);
    assert_waits_on(scene, two_questions, &stats->replies_bad_question);
}

static void trailing_byte(struct packet *reply)
{
    reply->len++;
}

static void cut_short(struct packet *reply)
{
    reply->len -= 5;
}

static void counts_lie(struct packet *reply)
{
    rd_put_u16(reply->bytes + 6, 2);
}

static void two_opts(struct packet *reply)
{
    packet_opt(reply, 1232, 0, 0, 0);
}

static void opt_below_the_root(struct packet *reply)
{
    reply->len -= RD_EDNS_BYTES;
    rd_put_u16(reply->bytes + 10, 0);
    packet_record(reply, RD_ADDITIONAL, RD_TYPE_OPT, 0, NULL, 0);
}

static void option_overruns(struct packet *reply)
{
    packet_option(reply, 15, "\0\1xx", 4);
    reply->bytes[reply->opt_length + 5] = 60;
}

static void record_overruns(struct packet *reply)
{
    packet_record(reply, RD_ADDITIONAL, 4711, 0, "x", 1);
    reply->bytes[reply->len - 2] = 9;
}

static void pointer_forwards(struct packet *reply)
{
    reply->bytes[RD_DNS_HEADER_BYTES + 21 + 1] = 0xff;
}

static void test_a_malformed_reply_does_not_end_the_wait(void **state)
{
    static spoil_fn *const ways[] = {trailing_byte,      cut_short,       counts_lie,
                                     two_opts,           option_overruns, record_overruns,
                                     opt_below_the_root, pointer_forwards};
    struct scene *scene = *state;
    const struct rd_stats *stats = stats_of(scene);

    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        assert_waits_on(scene, ways[i], &stats->replies_bad_malformed);
}

static void upper_case(struct packet *reply)
{
    memcpy(reply->bytes + RD_DNS_HEADER_BYTES, "\3WWW\7EXAMPLE\3COM", 17);
}

static void test_the_question_may_come_back_in_any_spelling(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    spoil = upper_case;
    scene->upstream->reply = hostile_model;
    answer = scene_exchange(scene, &(struct ask){.name = "www.Example.com"}, &message);
    assert_int_equal(last_byte(answer, &message), 66);
    assert_memory_equal(answer->bytes + RD_DNS_HEADER_BYTES, "\3www\7Example\3com", 17);
}

/* Replies that are right in every byte but came from, or to, the wrong place. */
static void misplaced_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                            size_t len, uint16_t from_port)
{
    static struct packet reply;
    union rd_address host = sim_address("198.51.100.66", 53), port = upstream->address;

    port.v4.sin_port = htons(5353);
    good_reply(&reply, query, len, 66);
    sim_forge(sim, &host, from_port, reply.bytes, reply.len, 0);
    sim_forge(sim, &port, from_port, reply.bytes, reply.len, 0);
    sim_forge(sim, &upstream->address, (uint16_t)(from_port ^ 1), reply.bytes, reply.len, 0);
    good_reply(&reply, query, len, 80);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, GOOD_DELAY);
}

static void test_a_reply_from_or_to_elsewhere_is_not_seen(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    scene->upstream->reply = misplaced_model;
    answer = scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(last_byte(answer, &message), 80);
    assert_int_equal(SCENE_STAT(scene, replies_received), 1);
}

/* The reply of a query in the upstream's log, sent to the port that another one came from. */
static void reply_to(struct scene *scene, unsigned query, unsigned port_of, uint8_t last)
{
    static struct packet reply;
    const struct sim_packet *queries = scene->upstream->queries.at;

    good_reply(&reply, queries[query].bytes, queries[query].len, last);
    sim_reply(scene->sim, scene->upstream, reply.bytes, reply.len,
              rd_address_port(&queries[port_of].from), 0);
}

static void test_an_id_counts_on_its_own_port_only(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *queries, *answer;
    unsigned other = 0;

    scene->upstream->reply = NULL;
    for (uint16_t i = 0; i < 4; i++)
        scene_ask(scene, scene->client,
                  &(struct ask){.name = NAME, .id = i, .type = i ? RD_TYPE_TXT + i : RD_TYPE_A});
    scene_wait_query(scene, scene->upstream, 4);
    queries = scene->upstream->queries.at;
    while (rd_address_port(&queries[other].from) == rd_address_port(&queries[0].from))
        assert_true(++other < 4); /* four ports, four questions: the seed gives two different */
    reply_to(scene, 0, other, 66);
    sim_run_for(scene->sim, 20 * MS);
    assert_int_equal(scene->client->answers.n, 0);
    assert_int_equal(SCENE_STAT(scene, replies_bad_unknown_id), 1);
    reply_to(scene, 0, 0, 80);
    answer = scene_wait(scene, scene->client, 1);
    packet_parse(answer->bytes, answer->len, &message, NULL);
    assert_int_equal(last_byte(answer, &message), 80);
}

static void twice_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                        size_t len, uint16_t from_port)
{
    scene_model(sim, upstream, query, len, from_port);
    scene_model(sim, upstream, query, len, from_port);
}

static void test_a_second_reply_is_nobodys(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->upstream->reply = twice_model;
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    sim_run_for(scene->sim, S);
    assert_int_equal(scene->sim->answers, 1);
    assert_int_equal(SCENE_STAT(scene, replies_accepted), 1);
    assert_int_equal(SCENE_STAT(scene, replies_late), 1);
    assert_int_equal(SCENE_STAT(scene, replies_bad_unknown_id), 0);
}

static void test_a_reply_after_the_deadline_is_nobodys(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->upstream->reply = NULL;
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    reply_to(scene, 0, 0, 66);
    sim_run_for(scene->sim, S);
    assert_int_equal(scene->sim->answers, 1);
    assert_int_equal(SCENE_STAT(scene, replies_late), 1);
    assert_int_equal(SCENE_STAT(scene, replies_bad_unknown_id), 0);
    assert_int_equal(SCENE_STAT(scene, replies_accepted), 0);
}

static void test_a_late_reply_never_reaches_a_reused_slot(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;
    unsigned of_second;

    scene->config.inflight_queries = 16;
    scene->upstream->reply = NULL;
    scene_exchange(scene, &(struct ask){.name = "first.test"}, &message);
    of_second = scene->upstream->queries.n;
    /* The second question takes the first one's slot; then the first one's replies come. */
    scene_ask(scene, scene->client, &(struct ask){.name = "second.test"});
    scene_wait_query(scene, scene->upstream, of_second + 1);
    for (unsigned i = 0; i < of_second; i++) {
        reply_to(scene, i, i, 66);
        if (i + 1 < RD_WRONG_IDS) /* one more, and the second would be asked by TCP */
            reply_to(scene, i, of_second, 66);
    }
    sim_run_for(scene->sim, 50 * MS);
    assert_int_equal(scene->client->answers.n, 1);
    reply_to(scene, of_second, of_second, 80);
    answer = scene_wait(scene, scene->client, 2);
    packet_parse(answer->bytes, answer->len, &message, NULL);
    assert_int_equal(last_byte(answer, &message), 80);
}

/* Answers with the digits of the name, some so late that the slot is another's by then. */
static void tardy_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                        size_t len, uint16_t from_port)
{
    static struct packet reply;
    uint8_t number = (uint8_t)((query[13] - '0') * 100 + (query[14] - '0') * 10 + query[15] - '0');
    uint64_t delay_ns = sim_random_below(sim, 3) ? sim_random_below(sim, 300) * MS
                                                 : (3900 + sim_random_below(sim, 300)) * MS;

    good_reply(&reply, query, len, number);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, delay_ns);
}

static void test_slots_and_ports_that_turn_over_never_mix_answers(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    unsigned good = 0;

    scene->config.inflight_queries = 16;
    scene->config.ports_per_upstream = 4;
    scene->upstream->reply = tardy_model;
    for (unsigned i = 0; i < 2000; i++) {
        char name[] = "000.test";

        snprintf(name, sizeof(name), "%03u.test", i % 250);
        scene_ask(scene, scene->client, &(struct ask){.name = name, .id = (uint16_t)(i % 250)});
        sim_run_for(scene->sim, sim_random_below(scene->sim, 60) * MS);
    }
    sim_run_for(scene->sim, 6 * S);
    for (unsigned i = 0; i < scene->client->answers.n; i++) {
        const struct sim_packet *answer = &scene->client->answers.at[i];

        packet_parse(answer->bytes, answer->len, &message, NULL);
        if ((message.flags & RD_DNS_RCODE) != RD_NOERROR)
            continue;
        assert_int_equal(last_byte(answer, &message), message.id);
        good++;
    }
    assert_true(good > 1000);
    assert_true(SCENE_STAT(scene, replies_late) > 50);
    assert_int_equal(SCENE_STAT(scene, replies_bad_unknown_id), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_a_wrong_id_does_not_end_the_wait),
        SCENE_TEST(test_a_bad_header_does_not_end_the_wait),
        SCENE_TEST(test_another_question_does_not_end_the_wait),
        SCENE_TEST(test_a_malformed_reply_does_not_end_the_wait),
        SCENE_TEST(test_the_question_may_come_back_in_any_spelling),
        SCENE_TEST(test_a_reply_from_or_to_elsewhere_is_not_seen),
        SCENE_TEST(test_an_id_counts_on_its_own_port_only),
        SCENE_TEST(test_a_second_reply_is_nobodys),
        SCENE_TEST(test_a_reply_after_the_deadline_is_nobodys),
        SCENE_TEST(test_a_late_reply_never_reaches_a_reused_slot),
        SCENE_TEST(test_slots_and_ports_that_turn_over_never_mix_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
