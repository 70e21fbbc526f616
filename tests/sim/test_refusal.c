/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_refusal.c - queries that go nowhere: dropped in silence, malformed, not implemented,
 * refused, or answered by ourselves.
 */
#include "sim/scene.h"

static const char *const NAME = "www.example.com";

static unsigned asked(const struct scene *scene)
{
    return scene->upstream->queries.n;
}

/* Sends PACKET and lets time pass: no answer may come, nothing may go upstream. */
static void assert_silence(struct scene *scene, const struct packet *packet)
{
    scene_send(scene, scene->client, packet);
    sim_run_for(scene->sim, 10 * S);
    assert_int_equal(scene->sim->answers, 0);
    assert_int_equal(asked(scene), 0);
}

/* An answer without any record: RCODE, no flag but those in FLAGS. */
static void assert_bare(struct scene *scene, const struct packet *packet, unsigned rcode,
                        uint16_t flags)
{
    struct rd_message message;
    unsigned before = scene->client->answers.n;
    const struct sim_packet *answer;

    scene_send(scene, scene->client, packet);
    answer = scene_wait(scene, scene->client, before + 1);
    assert_int_equal(answer->len, RD_DNS_HEADER_BYTES);
    assert_true(rd_message_header(answer->bytes, answer->len, &message));
    assert_int_equal(message.id, rd_get_u16(packet->bytes));
    assert_int_equal(message.flags, RD_DNS_QR | flags | rcode);
    assert_int_equal(message.qdcount + message.count[0] + message.count[1] + message.count[2], 0);
    assert_int_equal(asked(scene), 0);
}

static void test_under_twelve_bytes_is_silence(void **state)
{
    struct scene *scene = *state;
    struct packet packet = {.len = 11};

    assert_silence(scene, &packet);
    assert_int_equal(SCENE_STAT(scene, queries_dropped_short), 1);
}

static void test_a_response_is_never_answered(void **state)
{
    struct scene *scene = *state;
    struct packet packet;

    packet_query(&packet, &(struct ask){.name = NAME, .set = RD_DNS_QR});
    assert_silence(scene, &packet);
    packet.len = RD_DNS_HEADER_BYTES;
    assert_silence(scene, &packet);
    packet_query(&packet, &(struct ask){.name = NAME, .set = RD_DNS_QR | 5 << 11});
    assert_silence(scene, &packet);
    assert_int_equal(SCENE_STAT(scene, queries_dropped_qr), 3);
}

static void test_another_opcode_is_notimp_before_the_counts_and_echoes_no_flag(void **state)
{
    struct scene *scene = *state;
    struct packet packet;

    for (uint16_t opcode = 1; opcode < 16; opcode++) {
        uint16_t bits = (uint16_t)(opcode << RD_DNS_OPCODE_SHIFT);

        packet_query(&packet, &(struct ask){.name = NAME,
                                            .id = opcode,
                                            .set = bits | RD_DNS_CD | RD_DNS_AD | RD_DNS_Z});
        rd_put_u16(packet.bytes + 4, 7); /* of an unknown opcode no count means anything */
        assert_bare(scene, &packet, RD_NOTIMP, bits);
    }
    assert_int_equal(SCENE_STAT(scene, answers_notimp), 15);
}

static void test_no_question_or_two_is_formerr(void **state)
{
    struct scene *scene = *state;
    struct packet packet;

    packet_query(&packet, &(struct ask){.name = NAME, .id = 5});
    packet.len = RD_DNS_HEADER_BYTES;
    rd_put_u16(packet.bytes + 4, 0);
    assert_bare(scene, &packet, RD_FORMERR, RD_DNS_RA | RD_DNS_RD);
    packet_query(&packet, &(struct ask){.name = NAME, .id = 6});
    memcpy(packet.bytes + packet.len, packet.bytes + RD_DNS_HEADER_BYTES,
           packet.len - RD_DNS_HEADER_BYTES);
    packet.len += packet.len - RD_DNS_HEADER_BYTES;
    rd_put_u16(packet.bytes + 4, 2);
    assert_bare(scene, &packet, RD_FORMERR, RD_DNS_RA | RD_DNS_RD);
    assert_int_equal(SCENE_STAT(scene, answers_formerr), 2);
}

static void test_a_question_that_is_cut_or_compressed_is_formerr(void **state)
{
    struct scene *scene = *state;
    struct packet packet;
    size_t whole;

    packet_query(&packet, &(struct ask){.name = NAME, .id = 5});
    whole = packet.len;
    for (packet.len = RD_DNS_HEADER_BYTES; packet.len < whole; packet.len++)
        assert_bare(scene, &packet, RD_FORMERR, RD_DNS_RA | RD_DNS_RD);
    packet.len = whole;
    rd_put_u16(packet.bytes + RD_DNS_HEADER_BYTES + 4, 0xc000 | RD_DNS_HEADER_BYTES);
    assert_bare(scene, &packet, RD_FORMERR, RD_DNS_RA | RD_DNS_RD);
}

static void test_counts_that_lie_and_trailing_bytes_are_formerr(void **state)
{
    struct scene *scene = *state;
    struct packet packet;

    for (size_t at = 6; at < RD_DNS_HEADER_BYTES; at += 2) {
        packet_query(&packet, &(struct ask){.name = NAME, .id = 5});
        rd_put_u16(packet.bytes + at, 1);
        assert_bare(scene, &packet, RD_FORMERR, RD_DNS_RA | RD_DNS_RD);
    }
    packet_query(&packet, &(struct ask){.name = NAME, .id = 6, .edns = true});
    packet.bytes[packet.len++] = 0;
    assert_bare(scene, &packet, RD_FORMERR, RD_DNS_RA | RD_DNS_RD);
}

/* An answer to a query with EDNS that is no good: RCODE and an OPT of ours. */
static void assert_edns_error(struct scene *scene, const struct packet *packet, unsigned rcode)
{
    struct rd_message message;

    scene_exchange_packet(scene, packet, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, rcode & RD_DNS_RCODE);
    assert_true(message.edns.present);
    assert_int_equal(message.edns.extended_rcode, rcode >> 4);
    assert_int_equal(message.edns.version, 0);
    assert_int_equal(message.count[RD_ANSWER] + message.count[RD_AUTHORITY], 0);
    assert_int_equal(asked(scene), 0);
}

static void test_two_opts_are_formerr(void **state)
{
    struct scene *scene = *state;
    struct packet packet;

    packet_query(&packet, &(struct ask){.name = NAME, .edns = true});
    packet_opt(&packet, 1232, 0, 0, 0);
    assert_edns_error(scene, &packet, RD_FORMERR);
}

static void test_an_opt_below_the_root_is_formerr(void **state)
{
    struct scene *scene = *state;
    struct packet packet;

    packet_query(&packet, &(struct ask){.name = NAME});
    packet_record(&packet, RD_ADDITIONAL, RD_TYPE_OPT, 0, NULL, 0);
    assert_edns_error(scene, &packet, RD_FORMERR);
}

static void test_an_option_that_overruns_is_formerr(void **state)
{
    struct scene *scene = *state;
    struct packet packet;

    packet_query(&packet, &(struct ask){.name = NAME,
                                        .edns = true,
                                        .options = (uint8_t[]){0, 10, 0, 9, 1, 2, 3, 4},
                                        .options_len = 8});
    assert_edns_error(scene, &packet, RD_FORMERR);
}

static void test_a_later_edns_version_is_badvers(void **state)
{
    struct scene *scene = *state;
    struct packet packet;

    packet_query(&packet, &(struct ask){.name = NAME, .edns = true, .version = 1});
    assert_edns_error(scene, &packet, RD_BADVERS);
    packet_query(&packet, &(struct ask){.name = NAME, .edns = true, .version = 255});
    assert_edns_error(scene, &packet, RD_BADVERS);
    assert_int_equal(SCENE_STAT(scene, answers_badvers), 2);
}

static void assert_refused(struct scene *scene, const struct packet *packet, int ede)
{
    struct rd_message message;
    struct rd_name name;
    const struct sim_packet *answer = scene_exchange_packet(scene, packet, &message);

    packet_parse(answer->bytes, answer->len, &message, &name);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_REFUSED);
    assert_int_equal(message.count[RD_ANSWER] + message.count[RD_AUTHORITY], 0);
    assert_int_equal(scene_ede(&message), ede);
    assert_int_equal(asked(scene), 0);
}

static void test_transfer_and_meta_types_are_refused(void **state)
{
    static const uint16_t types[] = {RD_TYPE_AXFR,  RD_TYPE_IXFR,  RD_TYPE_TKEY, RD_TYPE_TSIG,
                                     RD_TYPE_MAILA, RD_TYPE_MAILB, RD_TYPE_OPT};
    struct scene *scene = *state;
    struct packet packet;

    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        packet_query(&packet, &(struct ask){.name = NAME, .type = types[i], .edns = true});
        assert_refused(scene, &packet, RD_EDE_NOT_SUPPORTED);
    }
    assert_int_equal(SCENE_STAT(scene, refused_type), sizeof(types) / sizeof(types[0]));
}

static void test_a_tsig_record_is_refused(void **state)
{
    static const uint8_t tsig[] = {0, 0, 0, 0, 0, 0, 0, 1, 44, 0, 0, 0, 0, 0, 0, 0, 0};
    struct scene *scene = *state;
    struct packet packet;
    struct rd_writer writer;

    packet_query(&packet, &(struct ask){.name = NAME, .edns = true});
    writer = rd_writer_at(packet.bytes, sizeof(packet.bytes), packet.len);
    rd_writer_u8(&writer, 0);
    rd_writer_u16(&writer, RD_TYPE_TSIG);
    rd_writer_u16(&writer, 255);
    rd_writer_u32(&writer, 0);
    rd_writer_u16(&writer, sizeof(tsig));
    rd_writer_bytes(&writer, tsig, sizeof(tsig));
    packet.len = rd_writer_offset(&writer);
    rd_put_u16(packet.bytes + 10, 2);
    assert_refused(scene, &packet, RD_EDE_NOT_SUPPORTED);
    assert_int_equal(SCENE_STAT(scene, refused_tsig), 1);
}

static void test_without_rd_is_refused_and_never_forwarded(void **state)
{
    struct scene *scene = *state;
    struct packet packet;

    packet_query(&packet, &(struct ask){.name = NAME, .clear = RD_DNS_RD, .edns = true});
    assert_refused(scene, &packet, RD_EDE_PROHIBITED);
    assert_int_equal(SCENE_STAT(scene, refused_rd), 1);
}

static void test_clients_off_the_access_list_are_refused(void **state)
{
    struct scene *scene = *state;
    union rd_address strange = sim_address("10.2.0.1", 4000), known = sim_address("10.1.255.1", 4);
    struct packet packet;

    scene->client = sim_client(scene->sim, &strange);
    packet_query(&packet, &(struct ask){.name = NAME, .edns = true});
    assert_refused(scene, &packet, RD_EDE_PROHIBITED);
    packet_query(&packet,
                 &(struct ask){.name = "id.server", .class = RD_CLASS_CH, .type = RD_TYPE_TXT});
    assert_refused(scene, &packet, RD_EDE_NONE);
    assert_int_equal(SCENE_STAT(scene, refused_acl), 2);
    scene->client = sim_client(scene->sim, &known);
    scene_ask(scene, scene->client, &(struct ask){.name = NAME});
    scene_wait(scene, scene->client, 1);
    assert_int_equal(SCENE_STAT(scene, answers_noerror), 1);
}

static void test_classes_other_than_in_are_refused(void **state)
{
    struct scene *scene = *state;
    struct packet packet;

    packet_query(&packet, &(struct ask){.name = NAME, .class = RD_CLASS_CH});
    assert_refused(scene, &packet, RD_EDE_NONE);
    packet_query(&packet, &(struct ask){.name = NAME, .class = 255});
    assert_refused(scene, &packet, RD_EDE_NONE);
    packet_query(&packet,
                 &(struct ask){.name = "version.bind", .class = RD_CLASS_CH, .type = RD_TYPE_TXT});
    assert_refused(scene, &packet, RD_EDE_NONE); /* not configured */
    assert_int_equal(SCENE_STAT(scene, refused_class), 3);
}

static void assert_text(struct scene *scene, const char *name, const char *text)
{
    struct rd_message message;
    const struct sim_packet *answer = scene_exchange(
        scene, &(struct ask){.name = name, .class = RD_CLASS_CH, .type = RD_TYPE_TXT}, &message);
    size_t len = strlen(text);

    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_int_equal(answer->bytes[answer->len - len - 1], len);
    assert_memory_equal(answer->bytes + answer->len - len, text, len);
    assert_int_equal(rd_get_u32(answer->bytes + message.question_end + 6), 0); /* TTL */
    assert_int_equal(asked(scene), 0);
}

static void test_version_bind_and_id_server_are_told_when_configured(void **state)
{
    struct scene *scene = *state;

    memcpy(scene->config.version_bind, "ringdns", sizeof("ringdns"));
    memcpy(scene->config.server_id, "pop-7", sizeof("pop-7"));
    assert_text(scene, "VERSION.bind", "ringdns");
    assert_text(scene, "id.server", "pop-7");
}

/* Sound as far as a buffer reaches, and there is more of it. */
static void test_a_query_longer_than_a_buffer_is_formerr(void **state)
{
    struct scene *scene = *state;
    static uint8_t padding[RD_BUFFER_BYTES];
    struct packet packet;
    struct rd_message message;
    const struct sim_packet *answer;

    packet_query(&packet, &(struct ask){.name = NAME, .edns = true});
    packet_option(&packet, 12, padding, RD_BUFFER_BYTES - packet.len - 4);
    assert_int_equal(packet.len, RD_BUFFER_BYTES);
    scene_exchange_packet(scene, &packet, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    packet.len += 10;
    scene_send(scene, scene->client, &packet);
    answer = scene_wait(scene, scene->client, 2);
    assert_true(rd_message_header(answer->bytes, answer->len, &message));
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_FORMERR);
    assert_int_equal(asked(scene), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_under_twelve_bytes_is_silence),
        SCENE_TEST(test_a_response_is_never_answered),
        SCENE_TEST(test_another_opcode_is_notimp_before_the_counts_and_echoes_no_flag),
        SCENE_TEST(test_no_question_or_two_is_formerr),
        SCENE_TEST(test_a_question_that_is_cut_or_compressed_is_formerr),
        SCENE_TEST(test_counts_that_lie_and_trailing_bytes_are_formerr),
        SCENE_TEST(test_two_opts_are_formerr),
        SCENE_TEST(test_an_opt_below_the_root_is_formerr),
        SCENE_TEST(test_an_option_that_overruns_is_formerr),
        SCENE_TEST(test_a_later_edns_version_is_badvers),
        SCENE_TEST(test_transfer_and_meta_types_are_refused),
        SCENE_TEST(test_a_tsig_record_is_refused),
        SCENE_TEST(test_without_rd_is_refused_and_never_forwarded),
        SCENE_TEST(test_clients_off_the_access_list_are_refused),
        SCENE_TEST(test_classes_other_than_in_are_refused),
        SCENE_TEST(test_version_bind_and_id_server_are_told_when_configured),
        SCENE_TEST(test_a_query_longer_than_a_buffer_is_formerr),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
