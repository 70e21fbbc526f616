/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer.h - composing what a client gets: its ID, its spelling, its flags, our own OPT, its size
 * limit. Each function takes the message's buffer, sends it and counts it.
 */
#ifndef RINGDNS_ANSWER_H
#define RINGDNS_ANSWER_H

#include <stdint.h>

#include "client.h"
#include "context.h"
#include "wire/cursor.h"
#include "wire/message.h"

/* What was asked, to be repeated in the answer. */
struct answer_question {
    const struct rd_name *name; /* lower case */
    uint16_t type, class;
};

/* An upstream's reply, walked and accepted. DATA may be the very buffer that the answer is made
 * in. */
struct answer_source {
    const uint8_t *data;
    const struct rd_message *wire;
    const struct rd_name *name; /* the question's, lower case */
    bool trust_ad;              /* of the pool that was asked */
    int ede;                    /* beside those in the reply; RD_EDE_NONE: none */
};

/* SOURCE as CLIENT may have it, in MSG's buffer. What does not fit loses additional RRsets whole,
 * and then everything but the question and OPT, with TC=1 (RFC 2181 section 9). */
void answer_reply(struct context *context, const struct answer_source *source,
                  const struct client *client, struct io_message *msg);

/* A message that was kept, as CLIENT may have it: it stands in MSG's buffer, MSG->len bytes, its
 * TTLs as they are to go out. */
struct answer_kept {
    const struct answer_question *question;
    bool trust_ad;
    bool has_opt; /* it ends with one */
    int ede;      /* to be told, or RD_EDE_NONE */
};
void answer_kept(struct context *context, const struct answer_kept *kept,
                 const struct client *client, struct io_message *msg);

/* An answer of our own without records. QUESTION NULL: the header alone, as for what could not be
 * read. EDE is an INFO-CODE or RD_EDE_NONE; it goes only to a client that speaks EDNS. */
void answer_error(struct context *context, const struct answer_question *question,
                  const struct client *client, enum rd_dns_rcode rcode, int ede,
                  struct io_message *msg);

/* An answer of our own with records: what answer_open gives is written to, at most CLIENT's size,
 * and answer_close puts header, OPT and all into order and sends. COUNT: of answer, authority and
 * additional records that were written. When the writer is full the client gets TC=1 without
 * records. */
struct rd_writer answer_open(struct context *context, const struct answer_question *question,
                             const struct client *client, struct io_message *msg);
void answer_close(struct context *context, const struct answer_question *question,
                  const struct client *client, enum rd_dns_rcode rcode, bool authoritative,
                  const uint16_t count[3], struct rd_writer *writer, struct io_message *msg);

/* One TXT record of TEXT (LEN at most 255) and no lifetime (RFC 4892). */
void answer_text(struct context *context, const struct answer_question *question,
                 const struct client *client, const char *text, uint8_t len,
                 struct io_message *msg);

#endif
