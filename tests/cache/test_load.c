/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_load.c - a record of a file goes in only if a worker would have kept it, and just so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../wire/reply.h"
#include "bed.h"
#include "ringdns/limits.h"

#define EDE "\0\x0f\0\6\0\x16text"

static struct bed bed;
static struct rd_cache_record record;

/* -- making records --------------------------------------------------------------------------- */

/* The reply as it is, for its question. */
static void take_reply(enum rd_cache_kind kind)
{
    struct rd_message wire;

    assert_int_equal(reply_walk(&wire), RD_WIRE_OK);
    assert_in_range(reply.len, 1, sizeof(record.message));
    memset(&record, 0, sizeof(record));
    record.name = reply_name;
    record.kind = (uint8_t)kind;
    record.type = kind == RD_CACHE_NAME ? 0 : wire.qtype;
    record.stored_ns = 9;
    record.lifetime_s = 1;
    record.len = (uint16_t)reply.len;
    memcpy(record.message, reply.bytes, reply.len);
}

/* As a worker keeps it. */
static void take_tidied(enum rd_cache_kind kind)
{
    reply_tidy();
    take_reply(kind);
    record.lifetime_s = tidied.least_ttl;
}

static void begin_denial(const char *name, unsigned rcode)
{
    reply_begin(name, RD_TYPE_A);
    reply.bytes[3] |= (uint8_t)rcode;
}

/* www.example. A: two addresses and an extended error. */
static int open_bed(void **state)
{
    (void)state;
    bed_open(&bed, 4u << 20, 1);
    reply_begin("www.example", RD_TYPE_A);
    reply_add(RD_ANSWER, NULL, RD_TYPE_A, 300, "\1\1\1\1", 4);
    reply_add(RD_ANSWER, NULL, RD_TYPE_A, 200, "\2\2\2\2", 4);
    reply_add_opt(EDE, sizeof(EDE) - 1);
    take_tidied(RD_CACHE_ANSWER);
    return 0;
}

static int close_bed(void **state)
{
    (void)state;
    rd_cache_free(bed.cache);
    return 0;
}

/* -- looking at what became of them ----------------------------------------------------------- */

static void assert_refused(void)
{
    struct rd_cache_info info;

    assert_false(rd_cache_load(bed.cache, &record));
    rd_cache_info(bed.cache, &info);
    assert_int_equal(info.entries, 0);
}

/* It is fetched as it was, with what tidying found. */
static void assert_loaded(void)
{
    struct rd_key key = {.type = record.type, .view = record.view, .name = record.name};

    assert_true(rd_cache_load(bed.cache, &record));
    rd_key_hash(&bed_hash_key, &key);
    assert_int_equal(bed_fetch_as(&bed, &key, (enum rd_cache_kind)record.kind), RD_CACHE_HIT);
    assert_int_equal(bed.entry.stored_ns, record.stored_ns);
    assert_int_equal(bed.entry.lifetime_s, record.lifetime_s);
    assert_int_equal(bed.entry.trust_ad, record.trust_ad);
    assert_int_equal(bed.entry.len, record.len);
    assert_memory_equal(bed.got, record.message, record.len);
    assert_int_equal(bed.entry.n_ttls, tidied.n_ttls);
    assert_memory_equal(bed.entry.ttls, tidied.ttls, tidied.n_ttls * sizeof(tidied.ttls[0]));
}

static void assert_turned(unsigned first, unsigned n)
{
    assert_int_equal(bed.entry.rotate_first, first);
    assert_int_equal(bed.entry.rotate_n, n);
}

/* The reply as a server sent it is refused; as it is passed on it is not. */
static void assert_only_tidied(enum rd_cache_kind kind)
{
    take_reply(kind);
    assert_refused();
    take_tidied(kind);
    assert_loaded();
}

/* -- what is sound ---------------------------------------------------------------------------- */

static void test_a_sound_record_is_fetched_with_what_was_derived(void **state)
{
    (void)state;
    record.trust_ad = true;
    assert_loaded();
    assert_int_equal(bed.entry.n_ttls, 2);
    assert_int_equal(rd_get_u32(bed.got + bed.entry.ttls[0]), 300);
    assert_int_equal(rd_get_u32(bed.got + bed.entry.ttls[1]), 200);
    assert_turned(0, 2);
    assert_true(bed.entry.has_opt);
    assert_false(bed.entry.denies);
    assert_int_equal(bed.entry.level, 0);
}

static void test_addresses_behind_an_alias_may_be_turned(void **state)
{
    (void)state;
    reply_begin("www.example", RD_TYPE_A);
    reply_add_name(RD_ANSWER, NULL, RD_TYPE_CNAME, "host.example");
    reply_add_a("host.example");
    reply_add_a("host.example");
    reply_add_a("host.example");
    take_tidied(RD_CACHE_ANSWER);
    assert_loaded();
    assert_turned(1, 3);
    assert_false(bed.entry.has_opt || bed.entry.denies);
}

static void test_what_is_not_together_is_not_turned(void **state)
{
    (void)state;
    reply_begin("www.example", RD_TYPE_A);
    reply_add_a(NULL);
    reply_add_rrsig(NULL, RD_TYPE_A);
    reply_add_a(NULL);
    take_tidied(RD_CACHE_ANSWER);
    assert_loaded();
    assert_int_equal(bed.entry.n_ttls, 3);
    assert_turned(0, 0);
}

static void test_a_name_that_does_not_exist_says_so(void **state)
{
    (void)state;
    begin_denial("no.example", RD_NXDOMAIN);
    reply_add_soa("example", 300, 300);
    take_tidied(RD_CACHE_NAME);
    assert_loaded();
    assert_true(bed.entry.denies);
    assert_turned(0, 0);
    assert_int_equal(bed.entry.n_ttls, 1);
}

static void test_a_type_that_does_not_exist_says_so(void **state)
{
    (void)state;
    begin_denial("bare.example", RD_NOERROR);
    reply_add_soa("example", 300, 300);
    take_tidied(RD_CACHE_ANSWER);
    assert_loaded();
    assert_true(bed.entry.denies);
}

/* What does not exist is the alias' target: the alias does. */
static void test_a_denial_behind_an_alias_is_not_of_the_first_name(void **state)
{
    (void)state;
    begin_denial("www.example", RD_NXDOMAIN);
    reply_add_name(RD_ANSWER, NULL, RD_TYPE_CNAME, "no.example");
    reply_add_soa("example", 300, 300);
    take_tidied(RD_CACHE_NAME);
    assert_refused();
    take_reply(RD_CACHE_ANSWER);
    record.lifetime_s = tidied.least_ttl;
    assert_loaded();
    assert_true(bed.entry.denies);
}

static void test_a_denial_has_its_kind(void **state)
{
    (void)state;
    begin_denial("no.example", RD_NXDOMAIN);
    reply_add_soa("example", 300, 300);
    take_tidied(RD_CACHE_ANSWER);
    assert_refused();
    record.kind = RD_CACHE_NAME; /* of a type */
    assert_refused();
    begin_denial("bare.example", RD_NOERROR);
    reply_add_soa("example", 300, 300);
    take_tidied(RD_CACHE_NAME);
    assert_refused();
}

/* -- what is not kept ------------------------------------------------------------------------- */

static void test_failures_are_refused(void **state)
{
    (void)state;
    record.kind = RD_CACHE_FAILURE;
    assert_refused();
    record.message[3] |= RD_SERVFAIL;
    assert_refused();
    record.len = 0;
    record.level = 2;
    assert_refused();
}

static void test_every_kind_has_a_message(void **state)
{
    (void)state;
    record.len = 0;
    assert_refused();
    record.kind = RD_CACHE_NAME;
    record.type = 0;
    assert_refused();
}

static void test_other_rcodes_are_refused(void **state)
{
    (void)state;
    for (unsigned rcode = RD_NOERROR + 1; rcode <= RD_DNS_RCODE; rcode++) {
        record.message[3] = (uint8_t)(0x80 | rcode);
        assert_refused();
    }
    record.message[3] = 0x80;
    assert_loaded();
}

static void test_a_denial_without_a_soa_is_refused(void **state)
{
    (void)state;
    begin_denial("no.example", RD_NXDOMAIN);
    take_reply(RD_CACHE_NAME);
    record.lifetime_s = 0;
    assert_refused();
    begin_denial("bare.example", RD_NOERROR);
    take_reply(RD_CACHE_ANSWER);
    record.lifetime_s = 0;
    assert_refused();
    begin_denial("no.example", RD_NXDOMAIN);
    reply_add_soa("other", 300, 300); /* of a zone that the name is not in */
    take_reply(RD_CACHE_NAME);
    assert_refused();
}

static void test_nothing_is_fresh_for_longer_than_its_records(void **state)
{
    (void)state;
    record.lifetime_s = 201;
    assert_refused();
    record.lifetime_s = UINT32_MAX;
    assert_refused();
    record.lifetime_s = 150;
    assert_loaded();
}

static void test_too_many_records_are_refused(void **state)
{
    (void)state;
    reply_begin("www.example", RD_TYPE_A);
    for (unsigned i = 0; i < RD_CACHE_TTLS; i++)
        reply_add_a(NULL);
    take_tidied(RD_CACHE_ANSWER);
    assert_loaded();
    assert_int_equal(bed.entry.n_ttls, RD_CACHE_TTLS);
    assert_turned(0, 0);
    reply_begin("more.example", RD_TYPE_A);
    for (unsigned i = 0; i < RD_CACHE_TTLS + 1; i++)
        reply_add_a(NULL);
    take_tidied(RD_CACHE_ANSWER);
    assert_false(rd_cache_load(bed.cache, &record));
}

/* -- what is not tidy ------------------------------------------------------------------------- */

static void test_records_of_other_names_are_refused(void **state)
{
    (void)state;
    reply_begin("www.example", RD_TYPE_A);
    reply_add_a(NULL);
    reply_add_a("bank.example");
    assert_only_tidied(RD_CACHE_ANSWER);
}

static void test_another_class_is_refused(void **state)
{
    (void)state;
    reply_begin("www.example", RD_TYPE_A);
    reply_add_a(NULL);
    reply_add_name(RD_AUTHORITY, NULL, RD_TYPE_NS, "ns.example");
    reply.bytes[reply.len - 19] = RD_CLASS_CH; /* in front of TTL, RDLENGTH and a name of 12 */
    assert_only_tidied(RD_CACHE_ANSWER);
}

static void test_a_ttl_with_its_top_bit_is_refused(void **state)
{
    (void)state;
    reply_begin("www.example", RD_TYPE_A);
    reply_add(RD_ANSWER, NULL, RD_TYPE_A, 0x80000000u, "\1\1\1\1", 4);
    assert_only_tidied(RD_CACHE_ANSWER);
}

static void test_a_soa_that_lasts_longer_than_it_says_is_refused(void **state)
{
    (void)state;
    begin_denial("no.example", RD_NXDOMAIN);
    reply_add_soa("example", 300, 60);
    assert_only_tidied(RD_CACHE_NAME);
    assert_int_equal(bed.entry.lifetime_s, 60);
}

/* The countdown, or turning, would change the name. */
static void test_a_name_that_leads_through_an_address_is_refused(void **state)
{
    (void)state;
    reply_begin("www.example", RD_TYPE_A);
    reply_add(RD_ANSWER, NULL, RD_TYPE_A, 300, "\1a\0\0", 4); /* at 29 + 12 */
    reply_add(RD_AUTHORITY, NULL, RD_TYPE_NS, 300, "\xc0\x29", 2);
    assert_only_tidied(RD_CACHE_ANSWER);
    assert_int_equal(bed.entry.n_ttls, 2);
}

/* With the server's own size, and a name of it. */
static void test_an_opt_of_the_server_is_refused(void **state)
{
    (void)state;
    reply_begin("www.example", RD_TYPE_A);
    reply_add_a(NULL);
    reply_add_opt("\0\3\0\2ns" EDE, 6 + sizeof(EDE) - 1);
    assert_only_tidied(RD_CACHE_ANSWER);
    assert_true(bed.entry.has_opt);
    assert_memory_equal(bed.got + bed.entry.len - (sizeof(EDE) - 1), EDE, sizeof(EDE) - 1);
}

static void test_an_opt_without_errors_is_refused(void **state)
{
    (void)state;
    reply_begin("www.example", RD_TYPE_A);
    reply_add_a(NULL);
    reply_add_opt("", 0);
    assert_only_tidied(RD_CACHE_ANSWER);
    assert_false(bed.entry.has_opt);
}

/* -- what lies -------------------------------------------------------------------------------- */

static void test_a_record_that_lies_is_refused(void **state)
{
    const struct rd_cache_record sound = record;

    (void)state;
    record.kind = 3;
    assert_refused();
    record = sound;
    record.view = RD_MAX_VIEWS;
    assert_refused();
    record = sound;
    record.type = RD_TYPE_AAAA;
    assert_refused();
    record = sound;
    record.name.bytes[1] = 'x';
    assert_refused();
    record = sound;
    record.name.len--;
    assert_refused();
    record = sound;
    record.name.len = 0;
    assert_refused();
    record = sound;
    record.name.bytes[1] = record.message[13] = 'W'; /* not in lower case */
    assert_refused();
    record = sound;
    record.message[13] = 'W';
    assert_refused();
    record = sound;
    record.len = RD_CACHE_MESSAGE_BYTES + 1;
    assert_refused();
    record = sound;
    assert_loaded();
}

/* Wherever it ends. */
static void test_a_message_that_is_cut_is_refused(void **state)
{
    (void)state;
    while (--record.len)
        assert_refused();
}

static void test_flags_and_class_are_looked_at(void **state)
{
    const struct rd_cache_record sound = record;

    (void)state;
    record.message[2] &= 0x7f; /* a query */
    assert_refused();
    record = sound;
    record.message[2] |= 0x02; /* truncated */
    assert_refused();
    record = sound;
    record.message[2] |= 0x08; /* another opcode */
    assert_refused();
    record = sound;
    record.message[28] = RD_CLASS_CH;
    assert_refused();
    record = sound;
    assert_loaded();
}

#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, open_bed, close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(test_a_sound_record_is_fetched_with_what_was_derived),
        WITH_BED(test_addresses_behind_an_alias_may_be_turned),
        WITH_BED(test_what_is_not_together_is_not_turned),
        WITH_BED(test_a_name_that_does_not_exist_says_so),
        WITH_BED(test_a_type_that_does_not_exist_says_so),
        WITH_BED(test_a_denial_behind_an_alias_is_not_of_the_first_name),
        WITH_BED(test_a_denial_has_its_kind),
        WITH_BED(test_failures_are_refused),
        WITH_BED(test_every_kind_has_a_message),
        WITH_BED(test_other_rcodes_are_refused),
        WITH_BED(test_a_denial_without_a_soa_is_refused),
        WITH_BED(test_nothing_is_fresh_for_longer_than_its_records),
        WITH_BED(test_too_many_records_are_refused),
        WITH_BED(test_records_of_other_names_are_refused),
        WITH_BED(test_another_class_is_refused),
        WITH_BED(test_a_ttl_with_its_top_bit_is_refused),
        WITH_BED(test_a_soa_that_lasts_longer_than_it_says_is_refused),
        WITH_BED(test_a_name_that_leads_through_an_address_is_refused),
        WITH_BED(test_an_opt_of_the_server_is_refused),
        WITH_BED(test_an_opt_without_errors_is_refused),
        WITH_BED(test_a_record_that_lies_is_refused),
        WITH_BED(test_a_message_that_is_cut_is_refused),
        WITH_BED(test_flags_and_class_are_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
