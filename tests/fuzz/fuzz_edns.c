/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_edns.c - the options of an OPT record, and what we write of them into our own.
 *
 * The first byte is the room for our OPT, the rest the RDATA of the one received.
 */
#include <string.h>

#include "fuzz.h"
#include "wire/edns.h"

/* A text lies within the message, is short enough, and does not end within a character that goes
 * on behind it. */
static void check_ede(const uint8_t *data, size_t size, const struct rd_ede *ede)
{
    size_t end = (size_t)ede->text_offset + ede->text_len;
    size_t whole = rd_get_u16(data + ede->text_offset - 4) - 2u;

    property(ede->text_offset >= 7 && end <= size && ede->text_len <= RD_EDE_TEXT_BYTES);
    property(rd_get_u16(data + ede->text_offset - 2) == ede->code);
    property(ede->text_len == whole || whole > RD_EDE_TEXT_BYTES);
    property(ede->text_len == whole || ede->text_len == 0 || (data[end] & 0xc0) != 0x80);
}

/* What is told of the other options, by a look for each of them. */
static void check_others(const uint8_t *data, size_t size, const struct rd_edns *edns)
{
    size_t at = 0;
    int len = slow_option(data + 1, size - 1, 10, 1, &at);

    property(edns->cookie_len == (len < 0 ? 0 : len < 255 ? len : 255));
    property(len < 0 || edns->cookie_offset == 1 + at);
    property(len < 0 || (size_t)edns->cookie_offset + edns->cookie_len <= size);
    property(edns->nsid == (slow_option(data + 1, size - 1, 3, 0, &at) >= 0));
    property(edns->keepalive == (slow_option(data + 1, size - 1, 11, 0, &at) >= 0));
}

/* Our OPT with these errors, in ROOM bytes: whole, and read back the same, or not begun. */
static void check_writing(const uint8_t *data, const struct rd_edns *edns, size_t room)
{
    uint8_t written[256 + 8];
    struct rd_writer writer = rd_writer_at(written, room, 0);
    uint8_t *rdlength;
    struct rd_edns back = {.version = 3};

    memset(written, 0xa5, sizeof(written));
    rdlength = rd_edns_open(&writer, 1232, 0x123, true);
    for (unsigned i = 0; i < edns->n_ede; i++)
        rd_edns_ede(&writer, edns->ede[i].code, data + edns->ede[i].text_offset,
                    edns->ede[i].text_len);
    rd_edns_close(&writer, rdlength);
    for (size_t i = rd_writer_offset(&writer); i < sizeof(written); i++)
        property(written[i] == 0xa5);
    if (writer.full)
        return;
    property(rd_get_u16(rdlength) == rd_writer_offset(&writer) - RD_EDNS_BYTES);
    property(rd_edns_options(written, RD_EDNS_BYTES, rd_get_u16(rdlength), &back));
    property(back.n_ede == edns->n_ede && !back.nsid && back.version == 3);
    property(back.cookie_len == 0 && !back.keepalive);
    for (unsigned i = 0; i < back.n_ede; i++) {
        property(back.ede[i].code == edns->ede[i].code);
        property(back.ede[i].text_len == edns->ede[i].text_len);
        property(memcmp(written + back.ede[i].text_offset, data + edns->ede[i].text_offset,
                        back.ede[i].text_len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rd_edns edns = {.n_ede = 77, .cookie_len = 66};

    if (size == 0 || size > 65535)
        return 0;
    if (!rd_edns_options(data, 1, size - 1, &edns)) {
        property(slow_options(data + 1, size - 1) < 0 && edns.n_ede == 77);
        property(edns.cookie_len == 66 && !edns.keepalive && !edns.nsid);
        return 0;
    }
    property(edns.n_ede <= RD_EDE_MAX && edns.n_ede <= slow_options(data + 1, size - 1));
    for (unsigned i = 0; i < edns.n_ede; i++)
        check_ede(data, size, &edns.ede[i]);
    check_others(data, size, &edns);
    check_writing(data, &edns, data[0]);
    return 0;
}
