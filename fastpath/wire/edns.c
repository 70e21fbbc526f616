/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edns.c - the options of an OPT record that mean something to us, and an OPT record of our own.
 *
 * Pure functions, any thread. Where an OPT may stand and how many there may be is message.c's
 * business.
 */
#include "wire/edns.h"

#include "ringdns/dns.h"

#define OPTION_BYTES 4 /* code and length */

/* The length of TEXT, cut to RD_EDE_TEXT_BYTES but not within a character: those bytes go that
 * continue one (10xxxxxx) whose end is beyond the cut. */
static size_t cut_text(const uint8_t *text, size_t len)
{
    size_t cut = RD_EDE_TEXT_BYTES;

    if (len <= cut)
        return len;
    while (cut > 0 && (text[cut] & 0xc0) == 0x80)
        cut--;
    return cut;
}

/* One too short for its code is passed over: RFC 8914 gives no verdict on it. */
static void add_ede(struct rd_edns *edns, const uint8_t *data, const uint8_t *option, size_t len)
{
    if (len < 2 || edns->n_ede == RD_EDE_MAX)
        return;
    edns->ede[edns->n_ede++] = (struct rd_ede){
        .code = rd_get_u16(option),
        .text_offset = (uint16_t)(option + 2 - data),
        .text_len = (uint16_t)cut_text(option + 2, len - 2),
    };
}

/* An empty one is as good as none. */
static void add_cookie(struct rd_edns *edns, const uint8_t *data, const uint8_t *option, size_t len)
{
    if (edns->cookie_len > 0)
        return;
    edns->cookie_len = (uint8_t)(len < 255 ? len : 255);
    edns->cookie_offset = (uint16_t)(option - data);
}

bool rd_edns_options(const uint8_t *data, size_t offset, size_t len, struct rd_edns *ret_edns)
{
    struct rd_cursor cursor = rd_cursor_at(data, offset + len, offset);
    struct rd_edns found = {.nsid = false};

    while (rd_cursor_left(&cursor)) {
        uint16_t code = rd_cursor_u16(&cursor);
        uint16_t option_len = rd_cursor_u16(&cursor);
        const uint8_t *option = rd_cursor_take(&cursor, option_len);

        if (!option)
            return false;
        if (code == RD_OPTION_NSID)
            found.nsid = true;
        else if (code == RD_OPTION_KEEPALIVE)
            found.keepalive = true;
        else if (code == RD_OPTION_COOKIE)
            add_cookie(&found, data, option, option_len);
        else if (code == RD_OPTION_EDE)
            add_ede(&found, data, option, option_len);
    }
    ret_edns->nsid = found.nsid;
    ret_edns->keepalive = found.keepalive;
    ret_edns->cookie_len = found.cookie_len;
    ret_edns->cookie_offset = found.cookie_offset;
    ret_edns->n_ede = found.n_ede;
    memcpy(ret_edns->ede, found.ede, sizeof(found.ede));
    return true;
}

uint8_t *rd_edns_open(struct rd_writer *writer, uint16_t payload_bytes, uint16_t rcode,
                      bool dnssec_ok)
{
    uint8_t *opt = rd_writer_take(writer, RD_EDNS_BYTES);

    if (!opt)
        return NULL;
    opt[0] = 0; /* the root */
    rd_put_u16(opt + 1, RD_TYPE_OPT);
    rd_put_u16(opt + 3, payload_bytes);
    opt[5] = (uint8_t)(rcode >> 4);
    opt[6] = 0; /* version */
    rd_put_u16(opt + 7, dnssec_ok ? RD_EDNS_DO : 0);
    rd_put_u16(opt + 9, 0);
    return opt + 9;
}

/* Room for an option of LEN bytes behind its head, or NULL: an option is written whole or not. */
static uint8_t *open_option(struct rd_writer *writer, uint16_t code, size_t len)
{
    uint8_t *option;

    if (len > UINT16_MAX)
        writer->full = true;
    option = rd_writer_take(writer, OPTION_BYTES + len);
    if (!option)
        return NULL;
    rd_put_u16(option, code);
    rd_put_u16(option + 2, (uint16_t)len);
    return option + OPTION_BYTES;
}

void rd_edns_option(struct rd_writer *writer, uint16_t code, const void *bytes, size_t len)
{
    uint8_t *option = open_option(writer, code, len);

    if (option && len)
        memcpy(option, bytes, len);
}

void rd_edns_ede(struct rd_writer *writer, uint16_t code, const void *text, size_t len)
{
    uint8_t *option = open_option(writer, RD_OPTION_EDE, 2 + len);

    if (!option)
        return;
    rd_put_u16(option, code);
    if (len)
        memcpy(option + 2, text, len);
}

void rd_edns_close(struct rd_writer *writer, uint8_t *rdlength)
{
    if (rdlength)
        rd_put_u16(rdlength, (uint16_t)(writer->at - rdlength - 2));
}

bool rd_edns_is_bogus(const struct rd_edns *edns)
{
    for (unsigned i = 0; i < edns->n_ede; i++)
        if (edns->ede[i].code >= RD_EDE_DNSSEC_FIRST && edns->ede[i].code <= RD_EDE_DNSSEC_LAST)
            return true;
    return false;
}
