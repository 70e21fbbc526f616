/* SPDX-License-Identifier: BSD-2-Clause */
/* test_cache_failure.c - what cannot be resolved is not asked for again at once (RFC 9520). */
#include <errno.h>
#include <stdio.h>

#include "sim/zone.h"

static const struct ask A = {.name = "www.example.com", .edns = true};

static void servers_say(uint16_t rcode)
{
    zone = (struct zone){.flags = rcode};
}

/* What failed at FAILED_NS is remembered for LIFE_S, and asked for again then: when that fails. */
static uint64_t assert_remembered(struct scene *scene, uint64_t failed_ns, uint64_t life_s)
{
    unsigned asked = zone_asked(scene, A.name);
    struct heard heard = hear_at(scene, failed_ns + S, &A);

    assert_failed(&heard, RD_EDE_CACHED_ERROR);
    assert_at_once(&heard);
    heard = hear_at(scene, failed_ns + life_s * S - 1, &A);
    assert_failed(&heard, RD_EDE_CACHED_ERROR);
    assert_at_once(&heard);
    assert_int_equal(zone_asked(scene, A.name), asked);
    heard = hear_at(scene, failed_ns + life_s * S, &A);
    assert_int_equal(heard.rcode, RD_SERVFAIL);
    assert_true(heard.waited_ns >= 10 * MS);
    assert_true(zone_asked(scene, A.name) > asked);
    return heard.left_ns;
}

static void test_whatever_servers_say_a_failure_holds_five_seconds(void **state)
{
    static const uint16_t rcodes[] = {RD_SERVFAIL, RD_REFUSED, RD_NOTIMP, RD_FORMERR};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        static struct scene scene;
        struct heard first;

        zone_open(&scene, i + 1);
        servers_say(rcodes[i]);
        first = hear(&scene, &A);
        assert_int_equal(first.rcode, RD_SERVFAIL);
        assert_remembered(&scene, first.left_ns, 5);
        assert_int_equal(SCENE_STAT(&scene, cache_hits_failure), 2);
        scene_close(&scene);
    }
}

static void test_silence_is_a_failure_when_patience_ends(void **state)
{
    struct scene *scene = *state;
    struct heard first;

    zone.silent = true;
    first = hear(scene, &A);
    assert_failed(&first, RD_EDE_NO_REACHABLE_AUTHORITY);
    assert_in_range(first.waited_ns, 4 * S, 4 * S + 10 * MS);
    assert_remembered(scene, first.left_ns, 5);
}

static void test_each_failure_in_a_row_holds_twice_as_long(void **state)
{
    static const uint64_t lives_s[] = {5, 10, 20, 40, 80, 160, 300, 300, 300};
    struct scene *scene = *state;
    uint64_t failed_ns;

    servers_say(RD_SERVFAIL);
    failed_ns = hear(scene, &A).left_ns;
    for (unsigned i = 0; i < sizeof(lives_s) / sizeof(lives_s[0]); i++)
        failed_ns = assert_remembered(scene, failed_ns, lives_s[i]);
}

static void test_an_answer_ends_the_row(void **state)
{
    struct scene *scene = *state;
    uint64_t failed_ns;
    struct heard heard;

    servers_say(RD_SERVFAIL);
    failed_ns = hear(scene, &A).left_ns;
    failed_ns = assert_remembered(scene, failed_ns, 5);
    zone_address(3);
    heard = hear_at(scene, failed_ns + 10 * S, &A);
    assert_int_equal(heard.rcode, RD_NOERROR);
    heard = hear_at(scene, failed_ns + 11 * S, &A);
    assert_int_equal(heard.rcode, RD_NOERROR);
    assert_at_once(&heard);
    servers_say(RD_SERVFAIL);
    failed_ns = hear_at(scene, failed_ns + 20 * S, &A).left_ns;
    failed_ns = assert_remembered(scene, failed_ns, 5);
    assert_remembered(scene, failed_ns, 10);
}

/* One that is not kept is an answer, too. */
static void ends_the_row(void **state, const struct zone *answer)
{
    struct scene *scene = *state;
    uint64_t failed_ns;
    unsigned asked;

    servers_say(RD_SERVFAIL);
    failed_ns = hear(scene, &A).left_ns;
    zone = *answer;
    for (unsigned i = 0; i < 2; i++) {
        asked = zone_asked(scene, A.name);
        assert_int_not_equal(hear_at(scene, failed_ns + (5 + i) * S, &A).rcode, RD_SERVFAIL);
        assert_int_equal(zone_asked(scene, A.name), asked + 1);
    }
    servers_say(RD_SERVFAIL);
    failed_ns = hear_at(scene, failed_ns + 7 * S, &A).left_ns;
    assert_remembered(scene, failed_ns, 5);
}

static void test_an_answer_of_ttl_0_ends_the_row(void **state)
{
    ends_the_row(state, &(struct zone){.records = {{RD_ANSWER, RD_TYPE_A, 0}}});
}

static void test_a_denial_without_a_soa_ends_the_row(void **state)
{
    ends_the_row(state, &(struct zone){.flags = RD_NXDOMAIN});
}

static void test_a_denial_that_is_kept_takes_the_failures_place(void **state)
{
    struct scene *scene = *state;
    uint64_t failed_ns;
    struct heard heard;

    servers_say(RD_SERVFAIL);
    failed_ns = hear(scene, &A).left_ns;
    zone_denial(RD_NXDOMAIN, 300, 300);
    for (unsigned i = 5; i < 8; i++) {
        heard = hear_at(scene, failed_ns + i * S, &A);
        assert_int_equal(heard.rcode, RD_NXDOMAIN);
        assert_int_equal(heard.ede, RD_EDE_NONE);
    }
}

static void test_another_type_or_name_is_asked(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    servers_say(RD_SERVFAIL);
    hear(scene, &A);
    zone_address(300);
    heard = hear(scene, &A);
    assert_failed(&heard, RD_EDE_CACHED_ERROR);
    heard = hear(scene, &(struct ask){.name = A.name, .type = RD_TYPE_TXT});
    assert_int_equal(heard.rcode, RD_NOERROR);
    heard = hear(scene, &(struct ask){.name = "a.www.example.com"});
    assert_int_equal(heard.rcode, RD_NOERROR);
}

static void test_a_client_without_edns_is_told_the_rcode_alone(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    servers_say(RD_SERVFAIL);
    for (unsigned i = 0; i < 2; i++) {
        scene_exchange(scene, &(struct ask){.name = A.name}, &message);
        assert_int_equal(message.flags, RD_DNS_QR | RD_DNS_RD | RD_DNS_RA | RD_SERVFAIL);
        assert_int_equal(message.opt, 0);
    }
    assert_int_equal(SCENE_STAT(scene, cache_hits_failure), 1);
}

static void test_what_the_server_said_of_it_is_told_each_time(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    zone = (struct zone){.flags = RD_SERVFAIL, .ede = 6};
    scene_exchange(scene, &A, &message);
    assert_int_equal(scene_ede(&message), 6);
    for (unsigned i = 0; i < 3; i++) {
        scene_exchange(scene, &A, &message);
        assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
        assert_int_equal(message.edns.n_ede, 2);
        assert_int_equal(message.edns.ede[0].code + message.edns.ede[1].code,
                         6 + RD_EDE_CACHED_ERROR);
    }
}

static void test_a_fresh_answer_outlives_the_failure_of_another_type(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    hear(scene, &A);
    servers_say(RD_SERVFAIL);
    hear(scene, &(struct ask){.name = A.name, .type = RD_TYPE_TXT});
    heard = hear(scene, &A);
    assert_address(&heard, 1, 300);
}

/* Our own: */

static void test_a_full_table_is_not_remembered(void **state)
{
    struct scene *scene = *state;
    struct heard heard;
    char name[32];

    scene->config.inflight_queries = 16;
    zone.delay_ns = 50 * MS;
    for (unsigned i = 0; i < 16; i++) {
        snprintf(name, sizeof(name), "n%u.test", i);
        scene_ask(scene, scene_client(scene, 7), &(struct ask){.name = name});
    }
    sim_run_for(scene->sim, MS);
    heard = hear(scene, &A);
    assert_failed(&heard, RD_EDE_NOT_READY);
    sim_run_for(scene->sim, 200 * MS);
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_NOERROR);
    assert_int_equal(SCENE_STAT(scene, cache_hits_failure), 0);
}

static void test_too_many_waiters_are_not_remembered(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene->config.inflight_waiters = 16;
    zone.delay_ns = 50 * MS;
    for (unsigned i = 0; i < 16; i++)
        scene_ask(scene, scene_client(scene, i), &(struct ask){.name = "crowd.test"});
    sim_run_for(scene->sim, MS);
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_SERVFAIL);
    sim_run_for(scene->sim, 200 * MS);
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_NOERROR);
}

static void test_a_want_of_ports_is_not_remembered(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene->sim->port_error = EMFILE;
    scene->sim->stream_error = EMFILE;
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_SERVFAIL);
    assert_int_equal(zone_asked(scene, A.name), 0);
    scene->sim->port_error = scene->sim->stream_error = 0;
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_NOERROR);
    assert_int_equal(SCENE_STAT(scene, cache_hits_failure), 0);
}

/* One server has failed, and the other one could not be asked. */
static void test_a_want_of_ports_for_the_next_server_is_not_remembered(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    scene_add_upstream(scene, "198.51.100.2", zone_model, 5 * MS);
    zone = (struct zone){.flags = RD_SERVFAIL};
    scene_ask(scene, scene->client, &A);
    sim_run_for(scene->sim, MS);
    scene->sim->port_error = scene->sim->stream_error = EMFILE;
    heard = heard_of(scene_wait(scene, scene->client, 1));
    assert_int_equal(heard.rcode, RD_SERVFAIL);
    scene->sim->port_error = scene->sim->stream_error = 0;
    zone_address(300);
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_NOERROR);
    assert_int_equal(SCENE_STAT(scene, cache_hits_failure), 0);
}

/* The rest of the answer is to be had by TCP alone. */
static void test_a_want_of_connections_is_not_remembered(void **state)
{
    struct scene *scene = *state;
    struct ask ask = {.name = "www.example.com", .type = RD_TYPE_TXT};
    struct rd_message message;

    zone = (struct zone){.bulk = 10};
    scene->sim->stream_error = EMFILE;
    scene_exchange(scene, &ask, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_SERVFAIL);
    scene->sim->stream_error = 0;
    scene_exchange(scene, &ask, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
    assert_int_equal(SCENE_STAT(scene, cache_hits_failure), 0);
}

static void test_the_cap_of_a_server_is_not_remembered(void **state)
{
    struct scene *scene = *state;
    struct heard heard;
    char name[32];

    scene->config.inflight_upstream = 4;
    zone.delay_ns = 50 * MS;
    for (unsigned i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "n%u.test", i);
        scene_ask(scene, scene_client(scene, 7), &(struct ask){.name = name});
    }
    sim_run_for(scene->sim, MS);
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_SERVFAIL);
    assert_int_equal(zone_asked(scene, A.name), 0);
    sim_run_for(scene->sim, 200 * MS);
    heard = hear(scene, &A);
    assert_int_equal(heard.rcode, RD_NOERROR);
}

static void test_a_cache_of_size_0_remembers_no_failure(void **state)
{
    struct scene *scene = *state;

    scene->cache_bytes = 0;
    servers_say(RD_SERVFAIL);
    hear(scene, &A);
    zone_address(300);
    assert_int_equal(hear(scene, &A).rcode, RD_NOERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_servers_say_a_failure_holds_five_seconds),
        ZONE_TEST(test_silence_is_a_failure_when_patience_ends),
        ZONE_TEST(test_each_failure_in_a_row_holds_twice_as_long),
        ZONE_TEST(test_an_answer_ends_the_row),
        ZONE_TEST(test_an_answer_of_ttl_0_ends_the_row),
        ZONE_TEST(test_a_denial_without_a_soa_ends_the_row),
        ZONE_TEST(test_a_denial_that_is_kept_takes_the_failures_place),
        ZONE_TEST(test_another_type_or_name_is_asked),
        ZONE_TEST(test_a_client_without_edns_is_told_the_rcode_alone),
        ZONE_TEST(test_what_the_server_said_of_it_is_told_each_time),
        ZONE_TEST(test_a_fresh_answer_outlives_the_failure_of_another_type),
        ZONE_TEST(test_a_full_table_is_not_remembered),
        ZONE_TEST(test_too_many_waiters_are_not_remembered),
        ZONE_TEST(test_a_want_of_ports_is_not_remembered),
        ZONE_TEST(test_a_want_of_connections_is_not_remembered),
        ZONE_TEST(test_a_want_of_ports_for_the_next_server_is_not_remembered),
        ZONE_TEST(test_the_cap_of_a_server_is_not_remembered),
        ZONE_TEST(test_a_cache_of_size_0_remembers_no_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
