/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_negative.c - that there is no such name, or no such record: for what it holds, and how
 * long (RFC 2308, 8020).
 */
#include "sim/zone.h"

static const char *const NAME = "no.example.com";

static struct heard ask_type(struct scene *scene, const char *name, uint16_t type)
{
    return hear(scene, &(struct ask){.name = name, .type = type, .edns = true});
}

static void assert_denied(const struct heard *heard, uint8_t rcode, uint32_t ttl_s)
{
    assert_int_equal(heard->rcode, rcode);
    assert_int_equal(heard->ede, RD_EDE_NONE);
    assert_int_equal(heard->n[RD_ANSWER], 0);
    assert_int_equal(heard->n[RD_AUTHORITY], 1);
    assert_int_equal(heard->ttl_s[RD_AUTHORITY][0], ttl_s);
}

/* What the SOA says, and the life that follows from it where negative-ttl is 1000 s. */
static const struct {
    uint32_t ttl_s, minimum_s, life_s;
} soas[] = {
    {300, 60, 60},   {60, 300, 60},        {5000, 6000, 1000},
    {100, 100, 100}, {0x80000000, 70, 70}, {70, 0xffffffff, 70},
};

static void test_a_denial_lives_as_long_as_its_soa_allows(void **state)
{
    static const uint8_t rcodes[] = {RD_NXDOMAIN, RD_NOERROR};
    struct ask ask = {.name = NAME, .edns = true};

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(soas) / sizeof(soas[0]); i++) {
        static struct scene scene;
        uint32_t life_s = soas[i / 2].life_s;
        uint8_t rcode = rcodes[i % 2];
        struct heard first, heard;

        zone_open(&scene, i + 1);
        scene.config.cache_negative_ttl = 1000000;
        zone_denial(rcode, soas[i / 2].ttl_s, soas[i / 2].minimum_s);
        first = hear(&scene, &ask);
        assert_denied(&first, rcode, life_s);
        heard = hear_at(&scene, first.left_ns + life_s * S - 1, &ask);
        assert_denied(&heard, rcode, 1);
        assert_int_equal(scene.upstream->queries.n, 1);
        heard = hear_at(&scene, first.left_ns + life_s * S, &ask);
        assert_denied(&heard, rcode, life_s);
        assert_int_equal(scene.upstream->queries.n, 2);
        scene_close(&scene);
    }
}

static void test_the_soa_counts_down(void **state)
{
    struct scene *scene = *state;
    struct ask ask = {.name = NAME, .edns = true};
    struct heard first, heard;

    zone_denial(RD_NXDOMAIN, 900, 60);
    first = hear(scene, &ask);
    for (uint32_t s = 1; s < 60; s++) {
        heard = hear_at(scene, first.left_ns + s * S, &ask);
        assert_denied(&heard, RD_NXDOMAIN, 60 - s);
        assert_at_once(&heard);
    }
    assert_int_equal(SCENE_STAT(scene, cache_hits_negative), 59);
    assert_int_equal(SCENE_STAT(scene, cache_hits), 0);
}

static void test_a_name_that_does_not_exist_has_no_type_at_all(void **state)
{
    static const uint16_t types[] = {RD_TYPE_A,   RD_TYPE_AAAA, RD_TYPE_MX, RD_TYPE_TXT,
                                     RD_TYPE_SOA, RD_TYPE_DS,   65280};
    struct scene *scene = *state;

    zone_denial(RD_NXDOMAIN, 300, 300);
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct heard heard = ask_type(scene, NAME, types[i]);

        assert_denied(&heard, RD_NXDOMAIN, 300);
    }
    assert_int_equal(scene->upstream->queries.n, 1);
}

static void test_no_data_holds_for_the_very_type(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    zone_denial(RD_NOERROR, 300, 300);
    ask_type(scene, NAME, RD_TYPE_AAAA);
    heard = ask_type(scene, NAME, RD_TYPE_AAAA);
    assert_denied(&heard, RD_NOERROR, 300);
    assert_int_equal(scene->upstream->queries.n, 1);
    zone_address(300);
    heard = ask_type(scene, NAME, RD_TYPE_A);
    assert_address(&heard, 2, 300);
    heard = ask_type(scene, NAME, RD_TYPE_AAAA);
    assert_denied(&heard, RD_NOERROR, 300);
    assert_int_equal(scene->upstream->queries.n, 2);
}

/* The alias exists: it is its target that does not. */
static void test_nxdomain_behind_an_alias_holds_for_the_very_type(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    zone_denial(RD_NXDOMAIN, 300, 300);
    zone.records[1] = (struct zone_record){RD_ANSWER, RD_TYPE_CNAME, 300, NULL, "gone.example.com"};
    zone.records[2] = zone.records[0];
    zone.records[0] = zone.records[1];
    zone.records[1] = zone.records[2];
    zone.records[2].type = 0;
    for (unsigned i = 0; i < 2; i++) {
        heard = ask_type(scene, NAME, RD_TYPE_A);
        assert_int_equal(heard.rcode, RD_NXDOMAIN);
        assert_int_equal(heard.n[RD_ANSWER], 1);
    }
    assert_int_equal(scene->upstream->queries.n, 1);
    ask_type(scene, NAME, RD_TYPE_AAAA);
    assert_int_equal(scene->upstream->queries.n, 2);
    ask_type(scene, "gone.example.com", RD_TYPE_A);
    assert_int_equal(scene->upstream->queries.n, 3);
}

static void test_without_a_soa_nothing_is_kept(void **state)
{
    struct scene *scene = *state;
    struct heard heard;

    for (uint16_t i = 0; i < 4; i++) {
        uint8_t rcode = i % 2 ? RD_NXDOMAIN : RD_NOERROR;

        zone = (struct zone){.flags = rcode};
        heard = ask_type(scene, NAME, RD_TYPE_A);
        assert_int_equal(heard.rcode, rcode);
        assert_int_equal(scene->upstream->queries.n, i + 1);
    }
    assert_int_equal(SCENE_STAT(scene, cache_refused_content), 4);
    assert_int_equal(SCENE_STAT(scene, cache_stored), 0);
}

static void test_a_soa_that_allows_no_time_is_answered_and_not_kept(void **state)
{
    struct scene *scene = *state;

    zone_denial(RD_NXDOMAIN, 300, 0);
    for (unsigned i = 1; i <= 3; i++) {
        struct heard heard = ask_type(scene, NAME, RD_TYPE_A);

        assert_denied(&heard, RD_NXDOMAIN, 0);
        assert_int_equal(scene->upstream->queries.n, i);
    }
    assert_int_equal(SCENE_STAT(scene, cache_refused_ttl), 3);
}

/* How many of four names around NAME are asked for. */
static unsigned asked_around(struct scene *scene, unsigned *ret_below)
{
    unsigned before;

    zone_denial(RD_NXDOMAIN, 300, 300);
    ask_type(scene, NAME, RD_TYPE_A);
    sim_run_for(scene->sim, 10 * S);
    before = scene->upstream->queries.n;
    for (unsigned i = 0; i < 2; i++) {
        static const char *const below[] = {"a.no.example.com", "X.y.z.NO.example.com"};
        struct heard heard = ask_type(scene, below[i], RD_TYPE_AAAA);

        assert_int_equal(heard.rcode, RD_NXDOMAIN);
        assert_int_equal(heard.n[RD_AUTHORITY], 1);
    }
    *ret_below = scene->upstream->queries.n - before;
    before = scene->upstream->queries.n;
    zone_address(300);
    ask_type(scene, "xno.example.com", RD_TYPE_A);
    ask_type(scene, "example.com", RD_TYPE_A);
    return scene->upstream->queries.n - before;
}

static void test_below_a_name_that_does_not_exist_is_nothing(void **state)
{
    struct scene *scene = *state;
    struct heard heard;
    unsigned below;

    scene->config.cache_nxdomain_cut = true;
    assert_int_equal(asked_around(scene, &below), 2);
    assert_int_equal(below, 0);
    heard = ask_type(scene, "b.no.example.com", RD_TYPE_A);
    assert_denied(&heard, RD_NXDOMAIN, 290);
}

static void test_without_the_option_it_is_asked(void **state)
{
    struct scene *scene = *state;
    unsigned below;

    assert_int_equal(asked_around(scene, &below), 2);
    assert_int_equal(below, 2);
}

/* Somewhere a name may be served for those who ask without validation. */
static void test_a_denial_holds_for_its_own_do_and_cd(void **state)
{
    struct scene *scene = *state;

    zone_denial(RD_NXDOMAIN, 300, 300);
    for (unsigned i = 0; i < 4; i++) {
        struct ask ask = {.name = NAME,
                          .edns = true,
                          .dnssec_ok = i & 1,
                          .set = i & 2 ? RD_DNS_CD : 0,
                          .type = RD_TYPE_A};

        hear(scene, &ask);
        assert_int_equal(scene->upstream->queries.n, i + 1);
        ask.type = RD_TYPE_AAAA;
        hear(scene, &ask);
        assert_int_equal(scene->upstream->queries.n, i + 1);
    }
}

static void test_a_name_that_comes_to_exist_is_found_when_the_denial_ends(void **state)
{
    struct scene *scene = *state;
    struct ask ask = {.name = NAME};
    struct heard first, heard;

    zone_denial(RD_NXDOMAIN, 300, 50);
    first = hear(scene, &ask);
    zone_address(300);
    heard = hear_at(scene, first.left_ns + 49 * S, &ask);
    assert_denied(&heard, RD_NXDOMAIN, 1);
    heard = hear_at(scene, first.left_ns + 50 * S, &ask);
    assert_address(&heard, 2, 300);
    heard = hear_at(scene, first.left_ns + 60 * S, &ask);
    assert_int_equal(heard.serial, 2);
    assert_at_once(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_denial_lives_as_long_as_its_soa_allows),
        ZONE_TEST(test_the_soa_counts_down),
        ZONE_TEST(test_a_name_that_does_not_exist_has_no_type_at_all),
        ZONE_TEST(test_no_data_holds_for_the_very_type),
        ZONE_TEST(test_nxdomain_behind_an_alias_holds_for_the_very_type),
        ZONE_TEST(test_without_a_soa_nothing_is_kept),
        ZONE_TEST(test_a_soa_that_allows_no_time_is_answered_and_not_kept),
        ZONE_TEST(test_below_a_name_that_does_not_exist_is_nothing),
        ZONE_TEST(test_without_the_option_it_is_asked),
        ZONE_TEST(test_a_denial_holds_for_its_own_do_and_cd),
        ZONE_TEST(test_a_name_that_comes_to_exist_is_found_when_the_denial_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
