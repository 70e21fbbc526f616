/* SPDX-License-Identifier: BSD-2-Clause */
/* test_room.c - how much of a reply a client gets where there is little room. */
#include "sim/shape.h"

/* Header and question are 33 bytes, a TXT record takes 12 and its RDATA. */
static void test_additional_records_that_do_not_fit_are_left_out_whole(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *answer;

    shape.opt = true;
    shape.additional = 4;
    shape.record_bytes = 108;
    answer =
        scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME}, &message);
    assert_int_equal(answer->len, 33 + 3 * 120);
    assert_int_equal(message.flags & RD_DNS_TC, 0);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_int_equal(message.count[RD_ADDITIONAL], 2);
    scene_exchange(
        scene,
        &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true, .payload = 1232},
        &message);
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
    answer =
        scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME}, &message);
    assert_int_equal(answer->len, 33 + 3 * 108);
    assert_int_equal(message.count[RD_ADDITIONAL], 2);
    shape.per_set = 4;
    answer =
        scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME}, &message);
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
    answer =
        scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME}, &message);
    assert_int_equal(answer->len, 33);
    assert_true(message.flags & RD_DNS_TC);
    answer = scene_exchange(
        scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true, .payload = 512},
        &message);
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
    scene_exchange(
        scene,
        &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true, .payload = payload},
        &message);
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
    packet_query(&packet, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true});
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
        scene_ask(scene, scene->client,
                  &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .id = id, .edns = id % 2});
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

/* Which is not passed on: TCP has the rest, and there is room for it. */
static void test_a_truncated_reply_is_no_truncated_answer(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    shape.flags = RD_DNS_TC;
    shape.opt = true;
    scene_exchange(scene, &(struct ask){.name = SHAPE_NAME, .edns = true}, &message);
    assert_false(message.flags & RD_DNS_TC);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_int_equal(scene->upstream->stream_queries.n, 1);
    assert_int_equal(SCENE_STAT(scene, answers_truncated), 0);
}

static void test_an_opt_before_other_records_leaves_a_sound_answer(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    shape.opt = true;
    shape.opt_first = true;
    shape.additional = 2;
    scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME}, &message);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_false(message.edns.present);
    scene_exchange(scene, &(struct ask){.type = RD_TYPE_TXT, .name = SHAPE_NAME, .edns = true},
                   &message);
    assert_int_equal(message.count[RD_ANSWER], 1);
    assert_true(message.edns.present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHAPE_TEST(test_additional_records_that_do_not_fit_are_left_out_whole),
        SHAPE_TEST(test_an_additional_rrset_stays_together),
        SHAPE_TEST(test_an_answer_that_does_not_fit_is_truncated_and_empty),
        SHAPE_TEST(test_the_clients_size_is_kept_to_the_byte),
        SHAPE_TEST(test_sizes_under_512_mean_512),
        SHAPE_TEST(test_max_answer_bounds_what_clients_say),
        SHAPE_TEST(test_each_waiter_is_cut_by_its_own_size),
        SHAPE_TEST(test_a_truncated_reply_is_no_truncated_answer),
        SHAPE_TEST(test_an_opt_before_other_records_leaves_a_sound_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
