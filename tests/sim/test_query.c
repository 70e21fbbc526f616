/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_query.c - queries that are answered: how their question looks upstream, and who waits
 * together.
 */
#include "sim/scene.h"

static const char *const NAME = "www.example.com";

static unsigned asked(const struct scene *scene)
{
    return scene->upstream->queries.n;
}

/* The Nth query that the upstream saw. */
static const uint8_t *upstream_query(struct scene *scene, unsigned n,
                                     struct rd_message *ret_message, struct rd_name *ret_name)
{
    const struct sim_packet *packet = &scene->upstream->queries.at[n];

    packet_parse(packet->bytes, packet->len, ret_message, ret_name);
    return packet->bytes;
}

static void test_upstream_sees_a_question_of_our_own(void **state)
{
    static const uint8_t options[] = {0, 8,  0, 7, 0, 1, 24, 0, 192, 0, 2, /* client subnet */
                                      0, 10, 0, 8, 1, 2, 3,  4, 5,   6, 7, 8, 0, 3, 0, 0};
    struct scene *scene = *state;
    struct rd_message message;
    struct rd_name name, wanted;

    scene_exchange(scene,
                   &(struct ask){.name = "wWw.eXAMPLE.com",
                                 .type = RD_TYPE_MX,
                                 .id = 0x1111,
                                 .set = RD_DNS_Z | RD_DNS_TC | RD_DNS_AA | RD_DNS_RA,
                                 .edns = true,
                                 .payload = 4096,
                                 .options = options,
                                 .options_len = sizeof(options)},
                   &message);
    upstream_query(scene, 0, &message, &name);
    assert_int_equal(message.flags, RD_DNS_RD | RD_DNS_AD);
    assert_int_equal(message.qtype, RD_TYPE_MX);
    assert_int_equal(message.qclass, RD_CLASS_IN);
    assert_int_equal(message.count[RD_ANSWER] + message.count[RD_AUTHORITY], 0);
    assert_int_equal(message.count[RD_ADDITIONAL], 1);
    assert_int_equal(message.opt_end - message.opt, RD_EDNS_BYTES); /* no options */
    assert_int_equal(message.edns.payload_bytes, 1232);
    assert_int_equal(message.edns.version, 0);
    assert_false(message.edns.dnssec_ok);
    assert_true(rd_name_from_text("www.example.com", &wanted));
    assert_true(rd_name_equal(&name, &wanted));
}

static void test_do_and_cd_are_passed_on_and_ad_asked_only_without_do(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    for (unsigned i = 0; i < 4; i++) {
        bool dnssec_ok = i & 1, checking_disabled = i & 2;

        scene_exchange(scene,
                       &(struct ask){.name = NAME,
                                     .edns = true,
                                     .dnssec_ok = dnssec_ok,
                                     .set = checking_disabled ? RD_DNS_CD : 0},
                       &message);
        upstream_query(scene, i, &message, NULL);
        assert_int_equal(message.edns.dnssec_ok, dnssec_ok);
        assert_int_equal(!(message.flags & RD_DNS_CD), !checking_disabled);
        assert_int_equal(!(message.flags & RD_DNS_AD), dnssec_ok);
    }
}

static void test_upstream_ids_are_not_the_clients(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    unsigned same = 0, repeated = 0;
    uint16_t last = 0;

    for (unsigned i = 0; i < 200; i++) {
        scene_exchange(scene, &(struct ask){.name = NAME, .id = 0x1234}, &message);
        upstream_query(scene, i, &message, NULL);
        same += message.id == 0x1234;
        repeated += message.id == last;
        last = message.id;
    }
    /* By chance alone one of them happens once in 160 runs; twice, never in a lifetime. */
    assert_true(same + repeated <= 1);
}

static void test_a_thousand_unknown_options_are_ignored(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    static uint8_t options[4000];

    for (unsigned i = 0; i < sizeof(options); i += 4)
        rd_put_u16(options + i, (uint16_t)(1000 + i));
    scene_exchange(
        scene,
        &(struct ask){
            .name = NAME, .edns = true, .options = options, .options_len = sizeof(options)},
        &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_int_equal(message.opt_end - message.opt, RD_EDNS_BYTES);
}

static void test_client_subnets_do_not_tell_questions_apart(void **state)
{
    struct scene *scene = *state;
    uint8_t subnet[] = {0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 0};

    for (unsigned i = 0; i < 200; i++) {
        subnet[10] = (uint8_t)i;
        scene_ask(
            scene, scene_client(scene, i),
            &(struct ask){
                .name = NAME, .edns = true, .options = subnet, .options_len = sizeof(subnet)});
    }
    sim_run_for(scene->sim, S);
    assert_int_equal(asked(scene), 1);
    assert_int_equal(scene->sim->answers, 200);
}

/* A label is its length and its bytes: NUL, dots, 0xff and what looks like another case. */
static void test_any_byte_may_stand_in_a_name(void **state)
{
    static const uint8_t middle[] = {0, '.', 0xff, '@', '`', '[', '{'};
    struct scene *scene = *state;
    struct rd_message message;
    struct packet packet;
    const struct sim_packet *answer;

    for (unsigned i = 0; i < sizeof(middle); i++) {
        packet_query(&packet, &(struct ask){.name = "axb.test"});
        packet.bytes[RD_DNS_HEADER_BYTES + 2] = middle[i];
        scene_send(scene, scene_client(scene, i), &packet);
    }
    scene_wait_query(scene, scene->upstream, sizeof(middle)); /* all different */
    for (unsigned i = 0; i < sizeof(middle); i++) {
        answer = scene_wait(scene, scene_client(scene, i), 1);
        packet_parse(answer->bytes, answer->len, &message, NULL);
        assert_int_equal(message.count[RD_ANSWER], 1);
        assert_int_equal(answer->bytes[RD_DNS_HEADER_BYTES + 2], middle[i]);
    }
}

static void test_identical_questions_share_one_upstream_query(void **state)
{
    struct scene *scene = *state;
    struct sim_client *other = scene_client(scene, 77);
    struct rd_message message;

    scene_ask(scene, scene->client, &(struct ask){.name = "www.example.com", .id = 1});
    scene_ask(scene, other,
              &(struct ask){.name = "WWW.Example.COM", .id = 2, .edns = true, .payload = 600});
    scene_ask(scene, other, &(struct ask){.name = "www.example.com", .id = 3, .set = RD_DNS_AD});
    scene_wait(scene, other, 2);
    scene_wait(scene, scene->client, 1);
    assert_int_equal(asked(scene), 1);
    assert_int_equal(SCENE_STAT(scene, queries_led), 1);
    assert_int_equal(SCENE_STAT(scene, queries_joined), 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct sim_packet *answer = &other->answers.at[i];

        packet_parse(answer->bytes, answer->len, &message, NULL);
        assert_int_equal(message.edns.present, message.id == 2);
        assert_memory_equal(answer->bytes + RD_DNS_HEADER_BYTES + 1,
                            message.id == 2 ? "WWW\7Example\3COM" : "www\7example\3com", 15);
        assert_int_equal(message.count[RD_ANSWER], 1);
    }
}

static void test_do_and_cd_tell_questions_apart(void **state)
{
    struct scene *scene = *state;

    scene_ask(scene, scene->client, &(struct ask){.name = NAME, .id = 1, .edns = true});
    scene_ask(scene, scene->client,
              &(struct ask){.name = NAME, .id = 2, .edns = true, .dnssec_ok = true});
    scene_ask(scene, scene->client, &(struct ask){.name = NAME, .id = 3, .set = RD_DNS_CD});
    scene_ask(scene, scene->client, &(struct ask){.name = NAME, .id = 4, .type = RD_TYPE_AAAA});
    scene_wait(scene, scene->client, 4);
    assert_int_equal(asked(scene), 4);
}

static void test_a_clients_retransmission_joins_its_query_under_way(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < 3; i++)
        scene_ask(scene, scene->client, &(struct ask){.name = NAME, .id = 9});
    sim_run_for(scene->sim, 10 * S);
    assert_int_equal(asked(scene), 1);
    assert_int_equal(scene->sim->answers, 1);
    assert_int_equal(SCENE_STAT(scene, queries_dropped_repeat), 2);
    scene_ask(scene, scene->client, &(struct ask){.name = NAME, .id = 9});
    scene_wait(scene, scene->client, 2); /* afterwards it is a question like any other */
}

static void test_an_ipv6_client_is_served_by_its_prefix(void **state)
{
    struct scene *scene = *state;
    union rd_address address = sim_address("2001:db8:1::5", 4000);
    struct rd_message message;

    scene->listener = sim_address("fd53::1", RD_DNS_PORT);
    scene->config.listen.at[scene->config.listen.n++] = scene->listener;
    scene->client = sim_client(scene->sim, &address);
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.count[RD_ANSWER], 1);
    address = sim_address("2001:db8:2::5", 4000);
    scene->client = sim_client(scene->sim, &address);
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_upstream_sees_a_question_of_our_own),
        SCENE_TEST(test_do_and_cd_are_passed_on_and_ad_asked_only_without_do),
        SCENE_TEST(test_upstream_ids_are_not_the_clients),
        SCENE_TEST(test_a_thousand_unknown_options_are_ignored),
        SCENE_TEST(test_client_subnets_do_not_tell_questions_apart),
        SCENE_TEST(test_any_byte_may_stand_in_a_name),
        SCENE_TEST(test_identical_questions_share_one_upstream_query),
        SCENE_TEST(test_do_and_cd_tell_questions_apart),
        SCENE_TEST(test_a_clients_retransmission_joins_its_query_under_way),
        SCENE_TEST(test_an_ipv6_client_is_served_by_its_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
