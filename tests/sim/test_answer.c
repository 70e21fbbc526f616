/* SPDX-License-Identifier: BSD-2-Clause */
/* test_answer.c - what a client gets of an upstream's reply: whose flags, whose OPT. */
#include "sim/shape.h"

static void test_an_answer_has_the_clients_id_spelling_and_flags(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    for (unsigned i = 0; i < 2; i++) {
        uint16_t cd = i ? RD_DNS_CD : 0;

        shape.flags = RD_DNS_AA | RD_DNS_Z;
        answer = scene_exchange(
            scene,
            &(struct ask){.type = RD_TYPE_TXT, .name = "wWw.ExAmPlE.cOm", .id = 0xbeef, .set = cd},
            &message);
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

    scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .id = 0},
                   &message);
    assert_int_equal(message.id, 0);
    scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .id = 65535},
                   &message);
    assert_int_equal(message.id, 65535);
}

static void test_odd_query_flags_are_answered_normally_and_cleared(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    scene_exchange(scene,
                   &(struct ask){.type = RD_TYPE_TXT,
                                 .name = SHAPE_NAME,
                                 .set = RD_DNS_AA | RD_DNS_TC | RD_DNS_Z | RD_DNS_RA | 3},
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
        scene_exchange(scene,
                       &(struct ask){.type = RD_TYPE_TXT,
                                     .name = SHAPE_NAME,
                                     .set = ad ? RD_DNS_AD : 0,
                                     .edns = dnssec_ok,
                                     .dnssec_ok = dnssec_ok},
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
                   &(struct ask){.type = RD_TYPE_TXT,
                                 .name = SHAPE_NAME,
                                 .set = RD_DNS_AD,
                                 .edns = true,
                                 .dnssec_ok = true},
                   &message);
    assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA | RD_SERVFAIL);
    scene_exchange(
        scene,
        &(struct ask){
            .type = RD_TYPE_TXT, .name = SHAPE_NAME, .set = RD_DNS_AD, .clear = RD_DNS_RD},
        &message);
    assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RA | RD_REFUSED);
}

/* But for those that say that this server cannot answer. */
static void test_the_upstreams_rcode_is_passed_on(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    for (uint16_t rcode = 0; rcode < 16; rcode++) {
        shape.flags = rcode;
        shape.answers = 0;
        scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME}, &message);
        if (rcode == RD_FORMERR || rcode == RD_NOTIMP || rcode == RD_REFUSED)
            assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
        else
            assert_int_equal(message.flags & RD_DNS_RCODE, rcode);
    }
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 1);
    assert_int_equal(SCENE_STAT(scene, answers_servfail), 4);
    assert_int_equal(SCENE_STAT(scene, failed_rcode), 4);
    assert_int_equal(SCENE_STAT(scene, answers_nxdomain), 1);
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
    scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME}, &message);
    assert_int_equal(message.opt, 0);
    assert_int_equal(message.count[RD_ADDITIONAL], 0);
    scene->upstream->reply = NULL;
    scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME}, &message);
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
                       &(struct ask){.type = RD_TYPE_TXT,
                                     .name = SHAPE_NAME,
                                     .edns = true,
                                     .payload = 4096,
                                     .dnssec_ok = i},
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

    scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true},
                   &message);
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
    answer = scene_exchange(
        scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true}, &message);
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
    answer = scene_exchange(
        scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true}, &message);
    passed = packet_find_option(answer->bytes, &message, RD_OPTION_EDE, &len);
    assert_non_null(passed);
    assert_int_equal(len, 2 + 64);
    assert_memory_equal(passed, option, len);
    memcpy(option + 2 + 63, "\xc3\xa9", 2); /* a letter of two bytes across the edge goes whole */
    answer = scene_exchange(
        scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true}, &message);
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
    scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true},
                   &message);
    assert_int_equal(message.edns.n_ede, RD_EDE_MAX);
}

static void test_an_extended_rcode_is_servfail(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    shape.opt = true;
    shape.extended_rcode = RD_BADVERS >> 4;
    scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true},
                   &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    assert_int_equal(message.edns.extended_rcode, 0);
    assert_int_equal(message.count[RD_ANSWER], 0);
    assert_int_equal(scene_ede(&message), RD_EDE_NO_REACHABLE_AUTHORITY);
    assert_int_equal(SCENE_STAT(scene, failed_rcode), 1);
}

static void test_nsid_is_told_to_those_who_ask(void **state)
{
    struct scene *scene = *state;
    struct ask ask = {
        .name = SHAPE_NAME, .edns = true, .options = (uint8_t[]){0, RD_OPTION_NSID, 0, 0}};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHAPE_TEST(test_an_answer_has_the_clients_id_spelling_and_flags),
        SHAPE_TEST(test_ids_zero_and_65535_are_ids),
        SHAPE_TEST(test_odd_query_flags_are_answered_normally_and_cleared),
        SHAPE_TEST(test_ad_needs_a_trusted_pool_and_a_client_that_asks),
        SHAPE_TEST(test_ad_is_never_on_answers_of_our_own),
        SHAPE_TEST(test_the_upstreams_rcode_is_passed_on),
        SHAPE_TEST(test_no_opt_goes_to_a_client_without_opt),
        SHAPE_TEST(test_our_opt_is_built_anew),
        SHAPE_TEST(test_a_client_with_opt_gets_one_though_the_upstream_sent_none),
        SHAPE_TEST(test_the_upstreams_ede_is_passed_on),
        SHAPE_TEST(test_the_text_of_an_ede_is_cut_to_64_bytes),
        SHAPE_TEST(test_at_most_four_edes_are_passed_on),
        SHAPE_TEST(test_an_extended_rcode_is_servfail),
        SHAPE_TEST(test_nsid_is_told_to_those_who_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
