/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets_checked.c - what of packets.h fails the test where a packet is not sound.
 */
#include "sim/packets.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void packet_reply(struct packet *packet, const uint8_t *query, size_t len, uint16_t flags)
{
    struct rd_message message;

    assert_true(rd_message_header(query, len, &message));
    assert_int_equal(rd_message_question(query, len, &message, NULL, NULL), RD_WIRE_OK);
    memcpy(packet->bytes, query, message.question_end);
    packet->len = message.question_end;
    rd_put_u16(packet->bytes + 2, (uint16_t)((message.flags & (RD_DNS_RD | RD_DNS_CD)) | RD_DNS_QR |
                                             RD_DNS_RA | flags));
    memset(packet->bytes + 6, 0, 6);
}

void packet_parse(const uint8_t *bytes, size_t len, struct rd_message *ret_message,
                  struct rd_name *ret_name)
{
    assert_true(rd_message_header(bytes, len, ret_message));
    assert_int_equal(rd_message_question(bytes, len, ret_message, ret_name, NULL), RD_WIRE_OK);
    assert_int_equal(rd_message_sections(bytes, len, ret_message), RD_WIRE_OK);
}
