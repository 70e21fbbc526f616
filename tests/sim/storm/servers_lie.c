/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servers_lie.c - replies whose counts, lengths or names are not what they say.
 */
#include "sim/storm/servers_own.h"

enum lie {
    MORE_ANSWERS,
    MORE_AUTHORITY,
    MORE_ADDITIONAL,
    MORE_QUESTIONS,
    FEWER, /* something trails */
    ENDS_EARLY,
    TRAILS,
    /* About a record: */
    LONG_RDATA,
    SHORT_RDATA,
    LOOPS,    /* its owner is a pointer to itself */
    FORWARD,  /* ... or to what comes behind it */
    ODD_LABEL /* ... or begins with what is neither a length nor a pointer */
};

static void add_to(struct packet *reply, size_t at, int n)
{
    rd_put_u16(reply->bytes + at, (uint16_t)(rd_get_u16(reply->bytes + at) + n));
}

/* RECORD: the offset of one; LENGTH: of its RDLENGTH. */
static void lie_about(struct packet *reply, enum lie lie, size_t record, size_t length)
{
    switch (lie) {
    case LONG_RDATA:
        rd_put_u16(reply->bytes + length, 0xffff);
        break;
    case SHORT_RDATA:
        if (rd_get_u16(reply->bytes + length) > 0)
            add_to(reply, length, -1);
        else
            add_to(reply, length, 3);
        break;
    case LOOPS:
        rd_put_u16(reply->bytes + record, (uint16_t)(0xc000 | record));
        break;
    case FORWARD:
        rd_put_u16(reply->bytes + record, (uint16_t)(0xc000 | (record + 4)));
        break;
    default:
        reply->bytes[record] = 0x41;
    }
}

static void lie_of_all(const struct hearing *hearing, struct packet *reply, enum lie lie)
{
    struct sim *sim = hearing->server->all->storm->sim;
    size_t question_end = hearing->wire.question_end;

    switch (lie) {
    case MORE_AUTHORITY:
        add_to(reply, 8, 1);
        break;
    case MORE_ADDITIONAL:
        add_to(reply, 10, 1 + (int)sim_random_below(sim, 1000));
        break;
    case MORE_QUESTIONS:
        add_to(reply, 4, 1);
        break;
    case FEWER:
        for (size_t at = 6; at <= 10; at += 2)
            rd_put_u16(reply->bytes + at, 0);
        if (reply->len == question_end)
            reply->bytes[reply->len++] = 0;
        break;
    case ENDS_EARLY:
        if (reply->len > question_end)
            reply->len -= 1;
        else
            reply->len = RD_DNS_HEADER_BYTES + 1;
        break;
    case TRAILS:
        reply->bytes[reply->len++] = 0;
        break;
    default:
        add_to(reply, 6, 1);
    }
}

void servers_lie(const struct hearing *hearing, struct packet *reply)
{
    enum lie lie =
        (enum lie)sim_random_below(hearing->server->all->storm->sim, (uint32_t)ODD_LABEL + 1);
    size_t record = hearing->wire.question_end, length;

    /* The first record: its owner is a pointer, or the root. */
    if (lie < LONG_RDATA || reply->len == record) {
        lie_of_all(hearing, reply, lie);
        return;
    }
    length = record + (reply->bytes[record] == 0 ? 1 : 2) + 8;
    lie_about(reply, lie, record, length);
}
