/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_message.c - the walk says OK exactly if a slow one accounts for every byte, and then both
 * found the same.
 */
#include "fuzz.h"
#include "wire/message.h"

static enum rd_wire walk(const uint8_t *data, size_t size, struct rd_message *message)
{
    struct rd_name name;
    struct rd_name_case upper;
    enum rd_wire wire;

    if (!rd_message_header(data, size, message))
        return RD_WIRE_SHORT;
    wire = rd_message_question(data, size, message, &name, &upper);
    if (wire != RD_WIRE_OK)
        return wire;
    property(rd_name_matches(&name, data + RD_DNS_HEADER_BYTES));
    return rd_message_sections(data, size, message);
}

/* From record to record: as many as the header says, and the sections end where it was said. */
static void check_skipping(const uint8_t *data, size_t size, const struct rd_message *message)
{
    size_t at = message->question_end;

    for (int section = RD_ANSWER; section <= RD_ADDITIONAL; section++) {
        for (unsigned i = 0; i < message->count[section]; i++)
            property((at = rd_message_skip_record(data, size, at)) != 0);
        property(at == message->end[section]);
    }
    property(at == size && rd_message_skip_record(data, size, at) == 0);
}

/* What an OPT says is read of its own options, and of no version but ours. */
static void check_edns(const uint8_t *data, const struct rd_message *message)
{
    const struct rd_edns *edns = &message->edns;
    size_t options = (size_t)message->opt + RD_EDNS_BYTES, at = 0;
    size_t options_len = edns->present && edns->version == 0 ? message->opt_end - options : 0;
    int len = slow_option(data + options, options_len, 10, 1, &at);

    property(edns->cookie_len == (len < 0 ? 0 : len < 255 ? len : 255));
    property(len < 0 || (edns->cookie_offset == options + at &&
                         edns->cookie_offset + edns->cookie_len <= message->opt_end));
    property(edns->keepalive == (slow_option(data + options, options_len, 11, 0, &at) >= 0));
    property(edns->nsid == (slow_option(data + options, options_len, 3, 0, &at) >= 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_message message;
    struct slow_message slow;
    enum rd_wire wire;

    if (size > 65535)
        return 0;
    wire = walk(data, size, &message);
    property((wire == RD_WIRE_OK) == slow_walk(data, size, &slow));
    if (wire == RD_WIRE_EDNS)
        property(message.edns.present);
    if (wire != RD_WIRE_OK)
        return 0;
    for (int section = RD_ANSWER; section <= RD_ADDITIONAL; section++)
        property(message.end[section] == slow.end[section]);
    property(message.opt == slow.opt && message.opt_end == slow.opt_end);
    property(message.edns.present == (slow.opt != 0) && message.tsig == slow.signature);
    property(message.soa == slow.soa && message.ns == slow.ns);
    check_edns(data, &message);
    check_skipping(data, size, &message);
    return 0;
}
