/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tidy_rebuild.c - how a reply is put together again without the records that go (tidy.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reply.h"

static void test_compressed_rdata_survives(void **state)
{
    size_t junk;

    (void)state;
    reply_begin("www.example.", RD_TYPE_MX);
    reply_add_a("mail.junk.");
    junk = reply.len - 4 - 10 - 11;
    reply_count(RD_ANSWER);
    packet_add_u16(&reply, 0xc00c);
    packet_add_fields(&reply, RD_TYPE_MX, RD_CLASS_IN,
                      (uint8_t[]){0, 10, (uint8_t)(0xc0 | junk >> 8), (uint8_t)junk}, 4);
    reply_count(RD_ANSWER);
    packet_add_u16(&reply, 0xc00c);
    packet_add_fields(&reply, RD_TYPE_MX, RD_CLASS_IN, "\0\20\4MAIL\xc0\x10", 9);
    assert_tidied(RD_FINDS_RECORDS, "www.example.:15 www.example.:15");
    assert_string_equal(name_at(reply_wire.question_end + 14), "mail.junk.");
    assert_string_equal(name_at(reply.len - 7), "MAIL.example.");
    assert_memory_equal(reply.bytes + reply.len - 2, "\xc0\x10", 2);
}

static void test_names_of_later_types_are_written_whole(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_SRV);
    reply_add_a("junk.");
    reply_add(RD_ANSWER, NULL, RD_TYPE_SRV, 300, "\0\1\0\2\0\3\1a\xc0\x10", 10);
    reply_tidy();
    assert_memory_equal(reply.bytes + reply.len - 19, "\0\x11\0\1\0\2\0\3\1a\7example", 19);
}

static void test_an_rrset_stays_compact(void **state)
{
    size_t owner;

    (void)state;
    reply_begin("www.example.", RD_TYPE_A);
    reply_add_name(RD_ANSWER, NULL, RD_TYPE_CNAME, "quite-a-long-name.other.");
    owner = reply.len - name_of("quite-a-long-name.other.").len;
    for (unsigned i = 0; i < 3000; i++) {
        reply_count(RD_ANSWER);
        packet_add_u16(&reply, (unsigned)(0xc000 | owner));
        packet_add_fields(&reply, RD_TYPE_A, RD_CLASS_IN, "abcd", 4);
    }
    reply_add_a("junk.");
    reply_tidy();
    assert_finds(RD_FINDS_RECORDS);
    assert_int_equal(reply_wire.count[RD_ANSWER], 3001);
}

static void test_rebuilt_without_room_it_is_spoiled(void **state)
{
    (void)state;
    for (unsigned missing = 0; missing < 2; missing++) {
        size_t whole;

        reply_begin("www.example.", RD_TYPE_A);
        reply_add_a(NULL);
        whole = reply.len;
        reply_add_a("junk.");
        assert_int_equal(reply_tidy_once((uint32_t)(whole - missing)), missing ? 0 : whole);
    }
}

static void test_a_rebuilt_message_may_grow(void **state)
{
    (void)state;
    reply_begin("www.example.", RD_TYPE_SRV);
    reply_add(RD_ANSWER, "x.", RD_TYPE_SRV, 300, "\0\1\0\2\0\3\0", 7);
    for (unsigned i = 0; i < 20; i++)
        reply_add(RD_ANSWER, NULL, RD_TYPE_SRV, 300, "\0\1\0\2\0\3\xc0\x0c", 8);
    assert_tidied(RD_FINDS_RECORDS,
                  "www.example.:33 www.example.:33 www.example.:33 www.example.:33 "
                  "www.example.:33 www.example.:33 www.example.:33 www.example.:33 "
                  "www.example.:33 www.example.:33 www.example.:33 www.example.:33 "
                  "www.example.:33 www.example.:33 www.example.:33 www.example.:33 "
                  "www.example.:33 www.example.:33 www.example.:33 www.example.:33");
    assert_int_equal(reply.len, 29 + 20 * (12 + 6 + 13));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compressed_rdata_survives),
        cmocka_unit_test(test_names_of_later_types_are_written_whole),
        cmocka_unit_test(test_an_rrset_stays_compact),
        cmocka_unit_test(test_rebuilt_without_room_it_is_spoiled),
        cmocka_unit_test(test_a_rebuilt_message_may_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
