/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_answer.c - what a client gets of an upstream's reply: whose flags, whose OPT, and how much
 * of it where there is little room.
 */
#include "sim/scene.h"

static const char *const NAME = "www.example.com";

/* What shaped_model puts into its reply; each test sets what it needs. */
static struct {
    uint16_t flags;
    unsigned answers;    /* TXT records of record_bytes each */
    unsigned additional; /* records of the same size, of private types */
    unsigned per_set;    /* so many of them are one RRset; 0: one each */
    size_t record_bytes;
    bool opt;
    uint8_t extended_rcode;
    uint16_t option_code;
    const void *option;
    size_t option_len;
    unsigned options; /* how often */
    bool opt_first;   /* before the other additional records */
} shape;

static void shaped_opt(struct packet *reply)
{
    if (!shape.opt)
        return;
    packet_opt(reply, 1232, shape.extended_rcode, 0, 0);
    for (unsigned i = 0; i < shape.options; i++)
        packet_option(reply, shape.option_code, shape.option, shape.option_len);
}

static void shaped_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                         size_t len, uint16_t from_port)
{
    static const uint8_t rdata[512];
    static struct packet reply;

    packet_reply(&reply, query, len, shape.flags);
    for (unsigned i = 0; i < shape.answers; i++)
        packet_txt(&reply, RD_ANSWER, shape.record_bytes);
    if (shape.opt_first)
        shaped_opt(&reply);
    for (unsigned i = 0; i < shape.additional; i++)
        packet_record(&reply, RD_ADDITIONAL,
                      (uint16_t)(65280 + i / (shape.per_set ? shape.per_set : 1)), 300, rdata,
                      shape.record_bytes);
    if (!shape.opt_first)
        shaped_opt(&reply);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
}

static int setup(void **state)
{
    int r = scene_setup(state);
    struct scene *scene = *state;

    scene->upstream->reply = shaped_model;
    memset(&shape, 0, sizeof(shape));
    shape.answers = 1;
    shape.record_bytes = 20;
    return r;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scene_teardown)

static void test_an_answer_has_the_clients_id_spelling_and_flags(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    for (unsigned i = 0; i < 2; i++) {
        uint16_t cd = i ? RD_DNS_CD : 0;

        shape.flags = RD_DNS_AA | RD_DNS_Z;
        answer = scene_exchange(
            scene, &(struct ask){.name = "wWw.ExAmPlE.cOm", .id = 0xbeef, .set = cd}, &message);
        assert_int_equal(message.id, 0xbeef);
        assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA | cd);
        assert_memory_equal(answer->bytes + RD_DNS_HEADER_BYTES, "\3wWw\7ExAmPlE\3cOm", 17);
        assert_int_equal(message.count[RD_ANSWER], 1);
        assert_true(rd_address_equal(&answer->from, &scene->listener));
    }
}

static void test_ids_zero_and_65535_are_ids(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene_exchange(scene, &(struct ask){.name = NAME, .id = 0}, &message);
    assert_int_equal(message.id, 0);
    scene_exchange(scene, &(struct ask){.name = NAME, .id = 65535}, &message);
    assert_int_equal(message.id, 65535);
}

static void test_odd_query_flags_are_answered_normally_and_cleared(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene_exchange(
        scene, &(struct ask){.name = NAME, .set = RD_DNS_AA | RD_DNS_TC | RD_DNS_Z | RD_DNS_RA | 3},
        &message);
    assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA);
    assert_int_equal(message.count[RD_ANSWER], 1);
}

static void test_ad_needs_a_trusted_pool_and_a_client_that_asks(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene_start(scene);
    for (unsigned i = 0; i < 16; i++) {
        bool trusted = i & 8, said = i & 4, ad = i & 2, dnssec_ok = i & 1;

        if (i == 8) {
            scene->config.pools[0].trust_ad = true;
            scene_publish(scene);
        }
        shape.flags = said ? RD_DNS_AD : 0;
        scene_exchange(
            scene,
            &(struct ask){
                .name = NAME, .set = ad ? RD_DNS_AD : 0, .edns = dnssec_ok, .dnssec_ok = dnssec_ok},
            &message);
        assert_int_equal(!!(message.flags & RD_DNS_AD), trusted && said && (ad || dnssec_ok));
    }
}

static void test_ad_is_never_on_answers_of_our_own(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene->config.pools[0].trust_ad = true;
    scene->upstream->reply = NULL;
    scene_exchange(scene,
                   &(struct ask){.name = NAME, .set = RD_DNS_AD, .edns = true, .dnssec_ok = true},
                   &message);
    assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA | RD_SERVFAIL);
    scene_exchange(scene, &(struct ask){.name = NAME, .set = RD_DNS_AD, .clear = RD_DNS_RD},
                   &message);
    assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RA | RD_REFUSED);
}

static void test_the_upstreams_rcode_is_passed_on(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    for (uint16_t rcode = 0; rcode < 16; rcode++) {
        shape.flags = rcode;
        shape.answers = 0;
        scene_exchange(scene, &(struct ask){.name = NAME}, &message);
        assert_int_equal(message.flags & RD_DNS_RCODE, rcode);
    }
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 1);
    assert_int_equal(SCENE_STAT(scene, answers_formerr), 1);
    assert_int_equal(SCENE_STAT(scene, answers_servfail), 1);
    assert_int_equal(SCENE_STAT(scene, answers_nxdomain), 1);
    assert_int_equal(SCENE_STAT(scene, answers_notimp), 1);
    assert_int_equal(SCENE_STAT(scene, answers_refused), 1);
    assert_int_equal(SCENE_STAT(scene, answers_other), 10);
}

static void test_no_opt_goes_to_a_client_without_opt(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    shape.opt = true;
    shape.option_code = RD_OPTION_EDE;
    shape.option = "\0\6bogus";
    shape.option_len = 7;
    shape.options = 1;
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.opt, 0);
    assert_int_equal(message.count[RD_ADDITIONAL], 0);
    scene->upstream->reply = NULL;
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(message.opt, 0);
}

static void test_our_opt_is_built_anew(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    shape.opt = true;
    shape.option_code = 10; /* a cookie is between neighbours only */
    shape.option = "12345678";
    shape.option_len = 8;
    shape.options = 3;
    for (unsigned i = 0; i < 2; i++) {
        scene_exchange(scene,
                       &(struct ask){.name = NAME, .edns = true, .payload = 4096, .dnssec_ok = i},
                       &message);
        assert_true(message.edns.present);
        assert_int_equal(message.edns.payload_bytes, 1232);
        assert_int_equal(message.edns.dnssec_ok, i);
        assert_int_equal(message.edns.version, 0);
        assert_int_equal(message.opt_end - message.opt, RD_EDNS_BYTES);
    }
}

static void test_a_client_with_opt_gets_one_though_the_upstream_sent_none(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_true(message.edns.present);
}

static void test_the_upstreams_ede_is_passed_on(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    shape.opt = true;
    shape.flags = RD_SERVFAIL;
    shape.option_code = RD_OPTION_EDE;
    shape.option = "\0\6no RRSIG";
    shape.option_len = 10;
    shape.options = 1;
    answer = scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(scene_ede(&message), 6);
    assert_int_equal(message.edns.ede[0].text_len, 8);
    assert_memory_equal(answer->bytes + message.edns.ede[0].text_offset, "no RRSIG", 8);
}

static void test_the_text_of_an_ede_is_cut_to_64_bytes(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    uint8_t option[202] = {0, 22};
    const uint8_t *passed;
    size_t len = 0;
    const struct sim_packet *answer;

    memset(option + 2, 't', 200);
    shape.opt = true;
    shape.option_code = RD_OPTION_EDE;
    shape.option = option;
    shape.option_len = sizeof(option);
    shape.options = 1;
    answer = scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    passed = packet_find_option(answer->bytes, &message, RD_OPTION_EDE, &len);
    assert_non_null(passed);
    assert_int_equal(len, 2 + 64);
    assert_memory_equal(passed, option, len);
    memcpy(option + 2 + 63, "\xc3\xa9", 2); /* a letter of two bytes across the edge goes whole */
    answer = scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    packet_find_option(answer->bytes, &message, RD_OPTION_EDE, &len);
    assert_int_equal(len, 2 + 63);
}

static void test_at_most_four_edes_are_passed_on(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    shape.opt = true;
    shape.option_code = RD_OPTION_EDE;
    shape.option = "\0\3";
    shape.option_len = 2;
    shape.options = 9;
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.edns.n_ede, RD_EDE_MAX);
}

static void test_an_extended_rcode_is_servfail(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    shape.opt = true;
    shape.extended_rcode = RD_BADVERS >> 4;
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(message.edns.extended_rcode, 0);
    assert_int_equal(message.count[RD_ANSWER], 0);
    assert_int_equal(scene_ede(&message), RD_EDE_OTHER);
    assert_int_equal(SCENE_STAT(scene, failed_reply), 1);
}

static void test_nsid_is_told_to_those_who_ask(void **state)
{
    struct scene *scene = *state;
    struct ask ask = {.name = NAME, .edns = true, .options = (uint8_t[]){0, RD_OPTION_NSID, 0, 0}};
    struct rd_message message;
    const struct sim_packet *answer;
    const uint8_t *nsid;
    size_t len = 0;

    memcpy(scene->config.nsid, "pop-7", sizeof("pop-7"));
    answer = scene_exchange(scene, &ask, &message);
    assert_null(packet_find_option(answer->bytes, &message, RD_OPTION_NSID, &len));
    ask.options_len = 4;
    answer = scene_exchange(scene, &ask, &message);
    nsid = packet_find_option(answer->bytes, &message, RD_OPTION_NSID, &len);
    assert_non_null(nsid);
    assert_int_equal(len, 5);
    assert_memory_equal(nsid, "pop-7", 5);
    scene->config.nsid[0] = 0;
    scene_publish(scene);
    answer = scene_exchange(scene, &ask, &message);
    assert_null(packet_find_option(answer->bytes, &message, RD_OPTION_NSID, &len));
}

/* Header and question are 33 bytes, a TXT record takes 12 and its RDATA. */
static void test_additional_records_that_do_not_fit_are_left_out_whole(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    shape.opt = true;
    shape.additional = 4;
    shape.record_bytes = 108;
    answer = scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(answer->len, 33 + 3 * 120);
    assert_int_equal(message.flags & RD_DNS_TC, 0);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_int_equal(message.count[RD_ADDITIONAL], 2);
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true, .payload = 1232}, &message);
    assert_int_equal(message.count[RD_ADDITIONAL], 5);
    assert_int_equal(SCENE_STAT(scene, answers_truncated), 0);
}

/* Half of an RRset would pass for all of it, as nothing says that it is not (RFC 2181 section 9).
 */
static void test_an_additional_rrset_stays_together(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    shape.additional = 4;
    shape.per_set = 2;
    shape.record_bytes = 96;
    answer = scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(answer->len, 33 + 3 * 108);
    assert_int_equal(message.count[RD_ADDITIONAL], 2);
    shape.per_set = 4;
    answer = scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(answer->len, 33 + 108);
    assert_int_equal(message.count[RD_ADDITIONAL], 0);
    assert_int_equal(SCENE_STAT(scene, answers_truncated), 0);
}

static void test_an_answer_that_does_not_fit_is_truncated_and_empty(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    shape.opt = true;
    shape.answers = 5;
    shape.additional = 1;
    shape.record_bytes = 108;
    answer = scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(answer->len, 33);
    assert_true(message.flags & RD_DNS_TC);
    answer =
        scene_exchange(scene, &(struct ask){.name = NAME, .edns = true, .payload = 512}, &message);
    assert_int_equal(answer->len, 33 + RD_EDNS_BYTES);
    assert_true(message.flags & RD_DNS_TC);
    assert_int_equal(message.count[RD_ANSWER] + message.count[RD_AUTHORITY], 0);
    assert_int_equal(message.count[RD_ADDITIONAL], 1);
    assert_int_equal(SCENE_STAT(scene, answers_truncated), 2);
}

/* Asks with room for LIMIT bytes, for an answer that takes LEN with its OPT. */
static bool fits(struct scene *scene, uint16_t payload, size_t len)
{
    struct rd_message message;

    shape.answers = 4;
    shape.record_bytes = (len - 33 - RD_EDNS_BYTES) / 4 - 12;
    assert_int_equal((len - 33 - RD_EDNS_BYTES) % 4, 0);
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true, .payload = payload}, &message);
    return !(message.flags & RD_DNS_TC);
}

static void test_the_clients_size_is_kept_to_the_byte(void **state)
{
    struct scene *scene = *state;

    assert_true(fits(scene, 600, 600));
    assert_false(fits(scene, 599, 600));
    assert_true(fits(scene, 1000, 1000));
    assert_false(fits(scene, 999, 1000));
}

static void test_sizes_under_512_mean_512(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    struct packet packet;

    assert_true(fits(scene, 1, 512));
    packet_query(&packet, &(struct ask){.name = NAME, .edns = true});
    rd_put_u16(packet.bytes + packet.opt_length - 6, 0);
    scene_exchange_packet(scene, &packet, &message); /* the same answer as before */
    assert_int_equal(message.flags & RD_DNS_TC, 0);
    assert_true(fits(scene, 511, 512));
    assert_false(fits(scene, 100, 516));
}

static void test_max_answer_bounds_what_clients_say(void **state)
{
    struct scene *scene = *state;

    scene->config.max_answer = 800;
    assert_true(fits(scene, 65535, 800));
    assert_false(fits(scene, 65535, 804));
}

static void test_each_waiter_is_cut_by_its_own_size(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    shape.answers = 5;
    shape.record_bytes = 108;
    for (uint16_t id = 0; id < 6; id++)
        scene_ask(scene, scene->client, &(struct ask){.name = NAME, .id = id, .edns = id % 2});
    scene_wait(scene, scene->client, 6);
    assert_int_equal(scene->upstream->queries.n, 1);
    for (unsigned i = 0; i < 6; i++) {
        const struct sim_packet *answer = &scene->client->answers.at[i];

        packet_parse(answer->bytes, answer->len, &message, NULL);
        assert_int_equal(!(message.flags & RD_DNS_TC), message.id % 2);
        assert_int_equal(message.count[RD_ANSWER], message.id % 2 ? 5 : 0);
        assert_int_equal(message.edns.present, message.id % 2);
    }
}

static void test_a_truncated_reply_is_a_truncated_answer(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    shape.flags = RD_DNS_TC;
    shape.opt = true;
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_true(message.flags & RD_DNS_TC);
    assert_int_equal(message.count[RD_ANSWER], 0);
    assert_int_equal(message.count[RD_ADDITIONAL], 1);
}

static void test_an_opt_before_other_records_leaves_a_sound_answer(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    shape.opt = true;
    shape.opt_first = true;
    shape.additional = 2;
    scene_exchange(scene, &(struct ask){.name = NAME}, &message);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_false(message.edns.present);
    scene_exchange(scene, &(struct ask){.name = NAME, .edns = true}, &message);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_true(message.edns.present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_answer_has_the_clients_id_spelling_and_flags),
        TEST(test_ids_zero_and_65535_are_ids),
        TEST(test_odd_query_flags_are_answered_normally_and_cleared),
        TEST(test_ad_needs_a_trusted_pool_and_a_client_that_asks),
        TEST(test_ad_is_never_on_answers_of_our_own),
        TEST(test_the_upstreams_rcode_is_passed_on),
        TEST(test_no_opt_goes_to_a_client_without_opt),
        TEST(test_our_opt_is_built_anew),
        TEST(test_a_client_with_opt_gets_one_though_the_upstream_sent_none),
        TEST(test_the_upstreams_ede_is_passed_on),
        TEST(test_the_text_of_an_ede_is_cut_to_64_bytes),
        TEST(test_at_most_four_edes_are_passed_on),
        TEST(test_an_extended_rcode_is_servfail),
        TEST(test_nsid_is_told_to_those_who_ask),
        TEST(test_additional_records_that_do_not_fit_are_left_out_whole),
        TEST(test_an_additional_rrset_stays_together),
        TEST(test_an_answer_that_does_not_fit_is_truncated_and_empty),
        TEST(test_the_clients_size_is_kept_to_the_byte),
        TEST(test_sizes_under_512_mean_512),
        TEST(test_max_answer_bounds_what_clients_say),
        TEST(test_each_waiter_is_cut_by_its_own_size),
        TEST(test_a_truncated_reply_is_a_truncated_answer),
        TEST(test_an_opt_before_other_records_leaves_a_sound_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
