/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_entry.c - one entry as a line, as JSON, and as ringdnsctl shows it.
 */
#include "cache_bed.h"
#include "cache_table.h"
#include "dns_text.h"

static struct rd_cache_record record;

static void assert_line(const char *expected)
{
    char text[2048] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    cache_entry_line(&record, &bed_look, out);
    fclose(out);
    assert_string_equal(text, expected);
}

/* The lookup of this one entry, as people see it. */
static void assert_shown(const char *expected)
{
    json_t *document = json_pack("{s:s, s:[o], s:i}", "name", "x.", "entries",
                                 cache_entry_json(&record, &bed_look), "omitted", 0);
    char text[8192] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    assert_true(cache_lookup_table(document, out));
    fclose(out);
    json_decref(document);
    assert_string_equal(text, expected);
}

static void test_a_fresh_answer_is_a_line(void **state)
{
    (void)state;
    bed_address(&record, "www.example", 300, 1);
    assert_line("www.example. A answer default - fresh 299 NOERROR 45\n");
}

static void test_a_line_has_pool_and_flags(void **state)
{
    (void)state;
    bed_address(&record, "www.example", 300, 0);
    record.view = 5;
    record.incarnation = 1;
    record.dnssec_ok = record.checking_disabled = record.trust_ad = true;
    assert_line("www.example. A answer corp do,cd,ad fresh 300 NOERROR 45\n");
    record.incarnation = 2;
    assert_line("www.example. A answer - do,cd,ad fresh 300 NOERROR 45\n");
}

static void test_a_name_that_does_not_exist_has_no_type(void **state)
{
    (void)state;
    bed_no_name(&record, "no.example", 30, 10);
    assert_line("no.example. * name default - fresh 20 NXDOMAIN 70\n");
}

static void test_a_failure_has_no_message(void **state)
{
    (void)state;
    bed_failure(&record, "bad.example", 2, 20, 5);
    assert_line("bad.example. A failure default failed=3 fresh 15 - 0\n");
}

static void test_the_end_of_freshness_is_exact(void **state)
{
    (void)state;
    bed_address(&record, "a", 10, 10);
    assert_line("a. A answer default - stale 0 NOERROR 35\n");
    record.stored_ns++;
    assert_line("a. A answer default - fresh 1 NOERROR 35\n");
}

static void test_what_is_past_all_use_is_expired(void **state)
{
    (void)state;
    bed_address(&record, "a", 10, 10 + BED_STALE_S);
    assert_line("a. A answer default - expired 3600 NOERROR 35\n");
    record.stored_ns++;
    assert_line("a. A answer default - stale 3599 NOERROR 35\n");
    bed_failure(&record, "a", 0, 5, 5);
    assert_line("a. A failure default failed=1 expired 0 - 0\n");
}

static void test_what_came_after_the_look_is_new(void **state)
{
    (void)state;
    bed_address(&record, "a", 10, 0);
    record.stored_ns += 5 * S_NS;
    assert_line("a. A answer default - fresh 10 NOERROR 35\n");
}

static void test_names_cannot_break_a_line(void **state)
{
    (void)state;
    bed_address(&record, "a\\032b\\010\\027.x", 10, 0);
    assert_line("a\\032b\\010\\027.x. A answer default - fresh 10 NOERROR 41\n");
}

static void test_unknown_types_and_rcodes_are_numbers(void **state)
{
    (void)state;
    bed_record(&record, RD_CACHE_ANSWER, "a", 65280, 10, 0);
    bed_message(&record, 9, 65280);
    assert_line("a. TYPE65280 answer default - fresh 10 RCODE9 19\n");
}

static void test_records_are_shown_with_the_ttls_of_now(void **state)
{
    (void)state;
    bed_address(&record, "www.example", 300, 100);
    bed_rr(&record, 1, RD_TYPE_NS, 50, "\x02ns\xc0\x0c", 5);
    assert_shown("A answer, pool default: fresh, 200 s left, NOERROR, 62 bytes\n"
                 "    answer: www.example. 200 A 192.0.2.1\n"
                 "    authority: www.example. 0 NS ns.www.example.\n");
}

static void test_each_known_type_is_readable(void **state)
{
    (void)state;
    bed_record(&record, RD_CACHE_ANSWER, "a", RD_TYPE_AAAA, 9, 0);
    bed_message(&record, RD_NOERROR, RD_TYPE_AAAA);
    bed_rr(&record, 0, RD_TYPE_AAAA, 9, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
    bed_rr(&record, 0, RD_TYPE_CNAME, 9,
           "\x01"
           "b\xc0\x0c",
           4);
    bed_rr(&record, 0, RD_TYPE_MX, 9, "\0\x0a\x01m\xc0\x0c", 6);
    bed_rr(&record, 0, RD_TYPE_TXT, 9, "\x06x\"\\ \n\xff\0", 8);
    bed_rr(&record, 0, RD_TYPE_SOA, 9, BED_SOA, sizeof(BED_SOA) - 1);
    bed_rr(&record, 0, 65280, 9, "\x01\xff", 2);
    bed_rr(&record, 0, 65281, 9, "", 0);
    assert_shown("AAAA answer, pool default: fresh, 9 s left, NOERROR, 169 bytes\n"
                 "    answer: a. 9 AAAA 2001:db8::1\n"
                 "    answer: a. 9 CNAME b.a.\n"
                 "    answer: a. 9 MX 10 m.a.\n"
                 "    answer: a. 9 TXT \"x\\\"\\\\ \\010\\255\" \"\"\n"
                 "    answer: a. 9 SOA a. admin.a. 1 2 3 4 5\n"
                 "    answer: a. 9 TYPE65280 \\# 2 01ff\n"
                 "    answer: a. 9 TYPE65281 \\# 0\n");
}

static void test_rdata_without_its_form_is_shown_as_bytes(void **state)
{
    (void)state;
    bed_record(&record, RD_CACHE_ANSWER, "a", RD_TYPE_A, 9, 0);
    bed_message(&record, RD_NOERROR, RD_TYPE_A);
    bed_rr(&record, 0, RD_TYPE_A, 9, "\x01\x02\x03", 3);
    bed_rr(&record, 0, RD_TYPE_CNAME, 9, "\xff\xff", 2);
    bed_rr(&record, 0, RD_TYPE_CNAME, 9, "\0\0", 2);
    bed_rr(&record, 0, RD_TYPE_TXT, 9, "\x09x", 2);
    bed_rr(&record, 0, RD_TYPE_MX, 9, "\0", 1);
    assert_shown("A answer, pool default: fresh, 9 s left, NOERROR, 89 bytes\n"
                 "    answer: a. 9 A \\# 3 010203\n"
                 "    answer: a. 9 CNAME \\# 2 ffff\n"
                 "    answer: a. 9 CNAME \\# 2 0000\n"
                 "    answer: a. 9 TXT \\# 2 0978\n"
                 "    answer: a. 9 MX \\# 1 00\n");
}

static void test_a_pointer_that_turns_in_a_circle_ends(void **state)
{
    (void)state;
    bed_record(&record, RD_CACHE_ANSWER, "a", RD_TYPE_CNAME, 9, 0);
    bed_message(&record, RD_NOERROR, RD_TYPE_CNAME);
    bed_rr(&record, 0, RD_TYPE_CNAME, 9, "\xc0\x1f", 2); /* to itself */
    assert_shown("CNAME answer, pool default: fresh, 9 s left, NOERROR, 33 bytes\n"
                 "    answer: a. 9 CNAME \\# 2 c01f\n");
}

/* Reads all of a copy that ends where its memory ends; the number of records. */
static unsigned read_copy(const uint8_t *message, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct dns_reader reader;
    struct dns_record one;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    unsigned n = 0;

    memcpy(copy, message, len);
    dns_reader_open(copy, len, &reader);
    for (; dns_reader_next(&reader, &one); n++)
        dns_rdata_write(&reader, &one, out);
    fclose(out);
    free(text);
    free(copy);
    return n;
}

static void test_a_cut_message_has_no_more_records(void **state)
{
    (void)state;
    bed_no_name(&record, "no.example", 30, 10);
    assert_int_equal(read_copy(record.message, record.len), 1);
    for (uint16_t len = 0; len < record.len; len++)
        assert_int_equal(read_copy(record.message, len), 0);
}

static void test_no_byte_leads_astray(void **state)
{
    (void)state;
    bed_no_name(&record, "no.example", 30, 10);
    for (uint16_t i = 0; i < record.len; i++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            record.message[i] ^= (uint8_t)flip;
            assert_in_range(read_copy(record.message, record.len), 0, 3);
            record.message[i] ^= (uint8_t)flip;
        }
    }
}

static void test_foreign_text_is_escaped(void **state)
{
    json_t *document = json_loads("{\"name\": \"\\u001b[2J\", \"entries\": []}", 0, NULL);
    char text[256] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    (void)state;
    assert_true(cache_lookup_table(document, out));
    fclose(out);
    json_decref(document);
    assert_string_equal(text, "nothing is known of \\x1b[2J\n");
}

static void test_another_answer_is_not_shown(void **state)
{
    json_t *document = json_pack("{s:i}", "x", 1);

    (void)state;
    assert_false(cache_stats_table(document, stdout));
    assert_false(cache_lookup_table(document, stdout));
    assert_false(cache_flush_table(document, stdout));
    assert_false(cache_flush_all_table(document, stdout));
    json_decref(document);
}

static void test_statistics_are_shown_as_they_come(void **state)
{
    json_t *document =
        json_pack("{s:I, s:s, s:f, s:n, s:{s:i, s:i}}", "bytes", (json_int_t)1 << 40, "pages",
                  "huge", "hit_ratio", 0.93456, "new", "counters", "hits", 12, "misses", 0);
    char text[1024] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    (void)state;
    assert_true(cache_stats_table(document, out));
    fclose(out);
    json_decref(document);
    assert_string_equal(text, "bytes                        1099511627776\n"
                              "pages                      huge\n"
                              "hit_ratio                           0.9346\n"
                              "new                                      -\n"
                              "hits                                    12\n"
                              "(1 counters that are 0 are not shown; --json shows all)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fresh_answer_is_a_line),
        cmocka_unit_test(test_a_line_has_pool_and_flags),
        cmocka_unit_test(test_a_name_that_does_not_exist_has_no_type),
        cmocka_unit_test(test_a_failure_has_no_message),
        cmocka_unit_test(test_the_end_of_freshness_is_exact),
        cmocka_unit_test(test_what_is_past_all_use_is_expired),
        cmocka_unit_test(test_what_came_after_the_look_is_new),
        cmocka_unit_test(test_names_cannot_break_a_line),
        cmocka_unit_test(test_unknown_types_and_rcodes_are_numbers),
        cmocka_unit_test(test_records_are_shown_with_the_ttls_of_now),
        cmocka_unit_test(test_each_known_type_is_readable),
        cmocka_unit_test(test_rdata_without_its_form_is_shown_as_bytes),
        cmocka_unit_test(test_a_pointer_that_turns_in_a_circle_ends),
        cmocka_unit_test(test_a_cut_message_has_no_more_records),
        cmocka_unit_test(test_no_byte_leads_astray),
        cmocka_unit_test(test_foreign_text_is_escaped),
        cmocka_unit_test(test_another_answer_is_not_shown),
        cmocka_unit_test(test_statistics_are_shown_as_they_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
