/* SPDX-License-Identifier: BSD-2-Clause */
/* test_cache_hit.c - what a client gets of a kept answer, and which clients share one. */
#include "sim/zone.h"

static const char *const NAME = "www.example.com";
static const struct ask A = {.name = "www.example.com", .edns = true};

static void test_each_client_gets_its_own_spelling_id_and_flags(void **state)
{
    static const char *const spelled[] = {"www.example.com", "WWW.EXAMPLE.COM", "wWw.eXaMpLe.CoM"};
    static const char *const wire[] = {"\3www\7example\3com", "\3WWW\7EXAMPLE\3COM",
                                       "\3wWw\7eXaMpLe\3CoM"};
    struct scene *scene = *state;
    struct rd_message message;

    for (unsigned i = 0; i < 6; i++) {
        struct ask ask = {.name = spelled[i % 3],
                          .id = (uint16_t)(0xa000 + i),
                          .set = i == 4 ? RD_DNS_AA | RD_DNS_TC | RD_DNS_Z | RD_DNS_RA : 0};
        const struct sim_packet *answer = scene_exchange(scene, &ask, &message);

        assert_int_equal(message.id, 0xa000 + i);
        assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA);
        assert_memory_equal(answer->bytes + RD_DNS_HEADER_BYTES, wire[i % 3], 17);
        assert_int_equal(message.count[RD_ANSWER], 1);
        assert_int_equal(message.opt, 0);
    }
    assert_int_equal(scene->upstream->queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, cache_hits), 5);
}

static void test_cd_goes_back_to_who_sent_it(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    for (unsigned i = 0; i < 3; i++) {
        scene_exchange(scene, &(struct ask){.name = NAME, .set = RD_DNS_CD}, &message);
        assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA | RD_DNS_CD);
    }
    assert_int_equal(scene->upstream->queries.n, 1);
}

static void test_our_opt_is_only_for_those_who_sent_one(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    for (unsigned i = 0; i < 4; i++) {
        scene_exchange(scene, &(struct ask){.name = NAME, .edns = i & 1, .payload = 4000},
                       &message);
        assert_int_equal(message.edns.present, i & 1);
        assert_int_equal(message.count[RD_ADDITIONAL], i & 1);
        if (i & 1)
            assert_int_equal(message.edns.payload_bytes, 1232);
    }
    assert_int_equal(scene->upstream->queries.n, 1);
}

static void test_do_and_cd_have_answers_of_their_own(void **state)
{
    struct scene *scene = *state;

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 4; i++) {
            struct heard heard = hear(scene, &(struct ask){.name = NAME,
                                                           .edns = true,
                                                           .dnssec_ok = i & 1,
                                                           .set = i & 2 ? RD_DNS_CD : 0});

            assert_int_equal(heard.serial, i + 1);
        }
    }
    assert_int_equal(scene->upstream->queries.n, 4);
}

static void test_types_have_answers_of_their_own(void **state)
{
    static const uint16_t types[] = {RD_TYPE_A, RD_TYPE_AAAA, RD_TYPE_TXT, 65280};
    struct scene *scene = *state;

    for (unsigned i = 0; i < 8; i++) {
        struct heard heard =
            hear(scene, &(struct ask){.name = NAME, .type = types[i % 4], .edns = true});

        assert_address(&heard, i % 4 + 1, 300);
    }
}

/* Fresh from the server, and kept: the same rules. */
static void test_ad_needs_a_trusted_pool_and_a_client_that_asks(void **state)
{
    (void)state;
    for (unsigned trusted = 0; trusted < 2; trusted++) {
        static struct scene other;

        zone_open(&other, trusted + 1);
        zone.flags = RD_DNS_AD;
        other.config.pools[0].trust_ad = trusted;
        for (unsigned i = 0; i < 8; i++) {
            bool ad = i & 1, dnssec_ok = i & 2;
            struct heard heard = hear(&other, &(struct ask){.name = NAME,
                                                            .edns = true,
                                                            .dnssec_ok = dnssec_ok,
                                                            .set = ad ? RD_DNS_AD : 0});

            assert_int_equal(heard.ad, trusted && (ad || dnssec_ok));
        }
        assert_int_equal(other.upstream->queries.n, 2);
        scene_close(&other);
    }
}

/* It was kept from a pool that is not to be believed: that does not change with the option. */
static void test_trust_is_that_of_the_day_it_came(void **state)
{
    struct scene *scene = *state;
    struct ask ask = A;

    ask.set = RD_DNS_AD;
    zone.flags = RD_DNS_AD;
    assert_false(hear(scene, &ask).ad);
    scene->config.pools[0].trust_ad = true;
    scene_publish(scene);
    assert_false(hear(scene, &ask).ad);
    assert_int_equal(scene->upstream->queries.n, 1);
}

static void test_the_upstreams_ede_is_told_each_time(void **state)
{
    struct scene *scene = *state;

    zone.ede = 4; /* forged, says the server of itself */
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(hear(scene, &A).ede, 4);
    assert_int_equal(scene->upstream->queries.n, 1);
}

/* By the last bytes of their addresses; which one comes first, in N answers. */
static void count_first(struct scene *scene, uint16_t type, unsigned n, unsigned counts[256])
{
    size_t bytes = type == RD_TYPE_A ? 4 : 16;
    struct rd_message message;

    memset(counts, 0, 256 * sizeof(counts[0]));
    for (unsigned i = 0; i < n; i++) {
        const struct sim_packet *answer =
            scene_exchange(scene, &(struct ask){.name = NAME, .type = type}, &message);
        unsigned sum = 0;

        for (unsigned k = 0; k < message.count[RD_ANSWER]; k++)
            sum += answer->bytes[message.question_end + (k + 1) * (12 + bytes) - 1];
        assert_int_equal(sum, 1 + 2 + 3 + 4); /* each of them is there */
        counts[answer->bytes[message.question_end + 12 + bytes - 1]]++;
    }
}

static void four_addresses_model(struct sim *sim, struct sim_upstream *upstream,
                                 const uint8_t *query, size_t len, uint16_t from_port)
{
    static struct packet reply;
    struct rd_message message;

    packet_parse(query, len, &message, NULL);
    packet_reply(&reply, query, len, 0);
    for (uint8_t i = 1; i <= 4; i++) {
        uint8_t rdata[16] = {0x20, 1, 0xd, 0xb8, [15] = i};

        rdata[3] = message.qtype == RD_TYPE_A ? i : rdata[3];
        packet_record(&reply, RD_ANSWER, message.qtype, 300, rdata,
                      message.qtype == RD_TYPE_A ? 4 : 16);
    }
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
}

static void test_each_address_comes_first_about_as_often(void **state)
{
    struct scene *scene = *state;
    unsigned counts[256];

    scene->upstream->reply = four_addresses_model;
    for (unsigned i = 0; i < 2; i++) {
        count_first(scene, i ? RD_TYPE_AAAA : RD_TYPE_A, 400, counts);
        for (unsigned k = 1; k <= 4; k++)
            assert_in_range(counts[k], 70, 130);
    }
    assert_int_equal(scene->upstream->queries.n, 2);
}

static void test_without_the_option_they_stay_as_they_came(void **state)
{
    struct scene *scene = *state;
    unsigned counts[256];

    scene->config.cache_rotate = false;
    scene->upstream->reply = four_addresses_model;
    count_first(scene, RD_TYPE_A, 100, counts);
    assert_int_equal(counts[1], 100);
}

static void test_records_that_were_not_asked_for_are_left_out(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    zone = (struct zone){.records = {{RD_ANSWER, RD_TYPE_A, 300},
                                     {RD_ANSWER, RD_TYPE_A, 300, "victim.example.com"},
                                     {RD_ANSWER, RD_TYPE_TXT, 300},
                                     {RD_AUTHORITY, RD_TYPE_NS, 300, "example.com", "ns.test"},
                                     {RD_ADDITIONAL, RD_TYPE_A, 300, "ns.test"}}};
    for (unsigned i = 0; i < 2; i++) {
        heard = hear(scene, &A);
        assert_address(&heard, 1, 300);
    }
    assert_int_equal(SCENE_STAT(scene, replies_trimmed), 1);
    zone_address(300);
    assert_int_equal(hear(scene, &(struct ask){.name = "victim.example.com"}).serial, 2);
    assert_int_equal(hear(scene, &(struct ask){.name = "ns.test"}).serial, 3);
}

static void test_without_recursion_nobody_looks_into_it(void **state)
{
    struct scene *scene = *state;
    struct ask ask = A;

    ask.clear = RD_DNS_RD;
    hear(scene, &A);
    assert_int_equal(hear(scene, &ask).rcode, RD_REFUSED);
    assert_int_equal(scene->upstream->queries.n, 1);
}

static void test_without_recursion_what_is_fresh_is_given_where_allowed(void **state)
{
    struct scene *scene = *state;
    struct ask ask = A;
    struct heard heard;

    ask.clear = RD_DNS_RD;
    scene->config.cache_without_recursion = true;
    scene->config.cache_stale = 86400000;
    scene->config.cache_prefetch = true;
    assert_int_equal(hear(scene, &ask).rcode, RD_REFUSED);
    hear(scene, &A);
    sim_run_for(scene->sim, 295 * S);
    heard = hear(scene, &ask);
    assert_address(&heard, 1, 5);
    sim_run_for(scene->sim, 10 * S); /* it has not been refreshed, and what is stale is not given */
    assert_int_equal(hear(scene, &ask).rcode, RD_REFUSED);
    assert_int_equal(scene->upstream->queries.n, 1);
}

static void test_names_that_are_answered_here_are_not_looked_up(void **state)
{
    struct scene *scene = *state;

    scene->config.local_localhost = true;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(hear(scene, &(struct ask){.name = "localhost"}).rcode, RD_NOERROR);
    assert_int_equal(SCENE_STAT(scene, cache_hits) + SCENE_STAT(scene, cache_misses), 0);
    assert_int_equal(SCENE_STAT(scene, cache_stored), 0);
}

/* By TCP whole, by UDP as much as the client takes. */
static void test_a_large_answer_is_kept_whole(void **state)
{
    struct ask ask = {.name = NAME, .type = RD_TYPE_TXT};
    struct scene *scene = *state;
    struct rd_message message;
    struct sim_conn *conn;

    zone = (struct zone){.bulk = 50, .records = {{RD_ANSWER, RD_TYPE_TXT, 300}}};
    conn = scene_connect(scene, scene_client(scene, 5));
    for (unsigned i = 0; i < 3; i++) {
        scene_conn_exchange(scene, conn, &ask, &message);
        assert_int_equal(message.count[RD_ANSWER], 51);
        scene_exchange(scene, &ask, &message);
        assert_true(message.flags & RD_DNS_TC);
    }
    assert_int_equal(scene->upstream->stream_queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, cache_hits), 5);
}

/* Also one that leaves no room for our OPT in the buffer of the query: names of all lengths have it
 * grow byte by byte. */
static void test_by_tcp_no_kept_answer_is_cut(void **state)
{
    struct scene *scene = *state;
    char name[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz."
                  "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz.test";
    struct sim_conn *conn = scene_connect(scene, scene_client(scene, 5));
    struct rd_message message;

    zone = (struct zone){.bulk = RD_BUFFER_BYTES / 268};
    for (unsigned i = 0; i < 45; i++) {
        struct ask ask = {.name = name + i, .type = RD_TYPE_TXT, .edns = true};

        for (unsigned j = 0; j < 2; j++) {
            scene_conn_exchange(scene, conn, &ask, &message);
            assert_false(message.flags & RD_DNS_TC);
            assert_int_equal(message.count[RD_ANSWER], zone.bulk);
        }
    }
    assert_int_equal(SCENE_STAT(scene, cache_hits), 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ZONE_TEST(test_each_client_gets_its_own_spelling_id_and_flags),
        ZONE_TEST(test_cd_goes_back_to_who_sent_it),
        ZONE_TEST(test_our_opt_is_only_for_those_who_sent_one),
        ZONE_TEST(test_do_and_cd_have_answers_of_their_own),
        ZONE_TEST(test_types_have_answers_of_their_own),
        cmocka_unit_test(test_ad_needs_a_trusted_pool_and_a_client_that_asks),
        ZONE_TEST(test_trust_is_that_of_the_day_it_came),
        ZONE_TEST(test_the_upstreams_ede_is_told_each_time),
        ZONE_TEST(test_each_address_comes_first_about_as_often),
        ZONE_TEST(test_without_the_option_they_stay_as_they_came),
        ZONE_TEST(test_records_that_were_not_asked_for_are_left_out),
        ZONE_TEST(test_without_recursion_nobody_looks_into_it),
        ZONE_TEST(test_without_recursion_what_is_fresh_is_given_where_allowed),
        ZONE_TEST(test_names_that_are_answered_here_are_not_looked_up),
        ZONE_TEST(test_a_large_answer_is_kept_whole),
        ZONE_TEST(test_by_tcp_no_kept_answer_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
