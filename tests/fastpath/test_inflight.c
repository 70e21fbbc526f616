/* SPDX-License-Identifier: BSD-2-Clause */
/* test_inflight.c - questions under way and who waits for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "inflight.h"

struct fixture {
    struct rd_stats stats;
    struct inflight inflight;
};

static int setup(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof(*fixture));

    *state = fixture;
    return inflight_init(&fixture->inflight, 16, 40, &fixture->stats);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    inflight_deinit(&fixture->inflight);
    test_free(fixture);
    return 0;
}

static struct rd_key key(const char *label, uint64_t hash)
{
    struct rd_key made = {.hash = hash, .type = 1};
    size_t len = strlen(label);

    made.name.len = (uint8_t)(len + 2);
    made.name.bytes[0] = (uint8_t)len;
    memcpy(made.name.bytes + 1, label, len);
    made.name.bytes[len + 1] = 0;
    return made;
}

static struct client client(uint16_t port, uint16_t id)
{
    struct client made = {.id = id};

    made.path.peer.v4.sin_family = AF_INET;
    made.path.peer.v4.sin_port = htons(port);
    return made;
}

static void test_a_question_is_found_by_its_key(void **state)
{
    struct fixture *fixture = *state;
    struct rd_key a = key("a", 5);

    assert_null(inflight_find(&fixture->inflight, &a));
    struct question *question = inflight_lead(&fixture->inflight, &a);

    assert_ptr_equal(inflight_find(&fixture->inflight, &a), question);
    assert_int_equal(rd_stat_get(&fixture->stats.inflight), 1);
    inflight_end(&fixture->inflight, question);
    assert_null(inflight_find(&fixture->inflight, &a));
    assert_int_equal(rd_stat_get(&fixture->stats.inflight), 0);
}

/* With one hash for all: nothing but the full comparison tells them apart. */
static void test_keys_that_differ_in_one_field_are_different_questions(void **state)
{
    struct fixture *fixture = *state;
    struct rd_key keys[7];
    struct question *questions[7];

    for (int i = 0; i < 7; i++)
        keys[i] = key("a", 5);
    keys[1] = key("b", 5);
    keys[2].type = 28;
    keys[3].incarnation = 3;
    keys[4].dnssec_ok = true;
    keys[5].checking_disabled = true;
    keys[6].view = 1;
    for (int i = 0; i < 7; i++) {
        assert_null(inflight_find(&fixture->inflight, &keys[i]));
        questions[i] = inflight_lead(&fixture->inflight, &keys[i]);
    }
    for (int i = 0; i < 7; i++)
        assert_ptr_equal(inflight_find(&fixture->inflight, &keys[i]), questions[i]);
}

static void test_a_question_ends_anywhere_in_its_chain(void **state)
{
    static const int orders[3][3] = {{0, 1, 2}, {1, 0, 2}, {2, 1, 0}};
    struct fixture *fixture = *state;
    const char *labels[] = {"a", "b", "c"};

    for (int order = 0; order < 3; order++) {
        struct rd_key keys[3];

        for (int i = 0; i < 3; i++) {
            keys[i] = key(labels[i], 9);
            inflight_lead(&fixture->inflight, &keys[i]);
        }
        for (int i = 0; i < 3; i++) {
            int ended = orders[order][i];

            inflight_end(&fixture->inflight, inflight_find(&fixture->inflight, &keys[ended]));
            assert_null(inflight_find(&fixture->inflight, &keys[ended]));
            for (int k = i + 1; k < 3; k++)
                assert_non_null(inflight_find(&fixture->inflight, &keys[orders[order][k]]));
        }
    }
}

static void test_a_full_table_leads_no_more_until_a_question_ends(void **state)
{
    struct fixture *fixture = *state;
    struct rd_key one = key("extra", 99);
    struct question *last = NULL;

    for (uint64_t i = 0; i < 16; i++) {
        struct rd_key k = key("x", i);

        last = inflight_lead(&fixture->inflight, &k);
        assert_non_null(last);
    }
    assert_null(inflight_lead(&fixture->inflight, &one));
    inflight_end(&fixture->inflight, last);
    assert_non_null(inflight_lead(&fixture->inflight, &one));
}

static void test_waiters_leave_with_what_they_came_with(void **state)
{
    struct fixture *fixture = *state;
    struct rd_key a = key("a", 5);
    struct question *question = inflight_lead(&fixture->inflight, &a);
    struct client out;
    uint32_t ids = 0;

    for (uint16_t i = 0; i < 20; i++) {
        struct client in = client((uint16_t)(1000 + i), i);

        assert_int_equal(inflight_join(&fixture->inflight, question, &in), INFLIGHT_JOINED);
    }
    assert_int_equal(question->n_waiters, 20);
    assert_int_equal(rd_stat_get(&fixture->stats.waiters), 20);
    for (int i = 0; i < 20; i++) {
        assert_true(inflight_leave(&fixture->inflight, question, &out));
        assert_int_equal(rd_address_port(&out.path.peer), 1000 + out.id);
        ids |= 1u << out.id;
    }
    assert_int_equal(ids, (1u << 20) - 1);
    assert_false(inflight_leave(&fixture->inflight, question, &out));
    assert_int_equal(rd_stat_get(&fixture->stats.waiters), 0);
}

static void test_the_same_client_and_id_is_a_repetition(void **state)
{
    struct fixture *fixture = *state;
    struct rd_key a = key("a", 5);
    struct question *question = inflight_lead(&fixture->inflight, &a);
    struct client first = client(1000, 7), other_port = client(1001, 7), other_id = client(1000, 8);

    assert_int_equal(inflight_join(&fixture->inflight, question, &first), INFLIGHT_JOINED);
    assert_int_equal(inflight_join(&fixture->inflight, question, &first), INFLIGHT_REPEATED);
    assert_int_equal(inflight_join(&fixture->inflight, question, &other_port), INFLIGHT_JOINED);
    assert_int_equal(inflight_join(&fixture->inflight, question, &other_id), INFLIGHT_JOINED);
    assert_int_equal(question->n_waiters, 3);
}

static void test_full_waiters_are_told_so(void **state)
{
    struct fixture *fixture = *state;
    struct rd_key a = key("a", 5);
    struct question *question = inflight_lead(&fixture->inflight, &a);
    struct client extra = client(1, 1), out;

    for (uint16_t i = 0; i < 40; i++) {
        struct client in = client((uint16_t)(1000 + i), i);

        assert_int_equal(inflight_join(&fixture->inflight, question, &in), INFLIGHT_JOINED);
    }
    assert_int_equal(inflight_join(&fixture->inflight, question, &extra), INFLIGHT_FULL);
    inflight_leave(&fixture->inflight, question, &out);
    assert_int_equal(inflight_join(&fixture->inflight, question, &extra), INFLIGHT_JOINED);
}

static void test_an_index_names_its_question(void **state)
{
    struct fixture *fixture = *state;

    for (uint64_t i = 0; i < 16; i++) {
        struct rd_key k = key("x", i);
        struct question *question = inflight_lead(&fixture->inflight, &k);

        assert_ptr_equal(
            inflight_at(&fixture->inflight, inflight_index(&fixture->inflight, question)),
            question);
    }
}

static void test_a_crowd_at_one_question_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct rd_key a = key("a", 5), b = key("b", 6);
    struct question *question;
    struct client extra = client(1, 1);

    inflight_deinit(&fixture->inflight);
    assert_int_equal(
        inflight_init(&fixture->inflight, 16, 2 * RD_QUESTION_WAITERS, &fixture->stats), 0);
    question = inflight_lead(&fixture->inflight, &a);
    for (uint32_t i = 0; i < RD_QUESTION_WAITERS; i++) {
        struct client in = client((uint16_t)(1000 + i), (uint16_t)i);

        assert_int_equal(inflight_join(&fixture->inflight, question, &in), INFLIGHT_JOINED);
    }
    assert_int_equal(inflight_join(&fixture->inflight, question, &extra), INFLIGHT_FULL);
    question = inflight_lead(&fixture->inflight, &b);
    assert_int_equal(inflight_join(&fixture->inflight, question, &extra), INFLIGHT_JOINED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_question_is_found_by_its_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_that_differ_in_one_field_are_different_questions,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_question_ends_anywhere_in_its_chain, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_full_table_leads_no_more_until_a_question_ends,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiters_leave_with_what_they_came_with, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_same_client_and_id_is_a_repetition, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_full_waiters_are_told_so, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_crowd_at_one_question_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_index_names_its_question, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
