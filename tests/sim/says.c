/* SPDX-License-Identifier: BSD-2-Clause */
/* says.c - says.h. */
#include "sim/says.h"

static void add_opt(struct packet *reply, const struct says *says)
{
    uint8_t option[2 + 64] = {(uint8_t)(says->ede >> 8), (uint8_t)says->ede};
    size_t len = says->text ? strlen(says->text) : 0;

    packet_opt(reply, 1232, says->extended, 0, 0);
    if (len > 0)
        memcpy(option + 2, says->text, len);
    if (says->ede > 0)
        packet_option(reply, RD_OPTION_EDE, option, 2 + len);
}

const struct packet *says_compose(const struct says *says, const uint8_t *query, size_t len)
{
    static struct packet reply;
    struct rd_message message;

    packet_parse(query, len, &message, NULL);
    if (says->silent)
        return NULL;
    if (says->uneducated && message.edns.present) {
        packet_reply(&reply, query, len, RD_FORMERR);
        return &reply;
    }
    packet_reply(&reply, query, len, says->flags);
    if (says->referral)
        packet_record(&reply, RD_AUTHORITY, RD_TYPE_NS, 300, "\1a\4test", 8);
    else if (!(says->flags & RD_DNS_RCODE) && says->extended == 0)
        packet_a(&reply, RD_ANSWER, says->last);
    for (unsigned i = 0; i < says->txt; i++)
        packet_txt(&reply, RD_ANSWER, 256);
    if (!says->no_opt && (says->opt || message.edns.present))
        add_opt(&reply, says);
    return &reply;
}

void says_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query, size_t len,
                uint16_t from_port)
{
    const struct says *says = upstream->context;
    const struct packet *reply = says_compose(says, query, len);

    if (reply)
        sim_reply(sim, upstream, reply->bytes, reply->len, from_port, says->delay_ns);
}

void says_stream_model(struct sim *sim, struct sim_upstream *upstream, struct sim_conn *conn,
                       const uint8_t *query, size_t len)
{
    const struct says *says = upstream->context;
    const struct packet *reply = says_compose(says, query, len);

    (void)sim;
    if (reply)
        sim_conn_send_message(conn, reply->bytes, reply->len, says->delay_ns);
}

void says_let(struct sim_upstream *upstream, struct says *says)
{
    upstream->context = says;
    upstream->reply = says_model;
    upstream->reply_stream = says_stream_model;
}

struct sim_upstream *says_add(struct scene *scene, const char *address, struct says *says)
{
    struct sim_upstream *upstream = scene_add_upstream(scene, address, NULL, 5 * MS);

    says_let(upstream, says);
    return upstream;
}

uint8_t says_last(const struct sim_packet *answer, const struct rd_message *message)
{
    assert_int_equal(message->flags & RD_DNS_RCODE, RD_NOERROR);
    assert_true(message->count[RD_ANSWER] >= 1);
    return answer->bytes[message->question_end + 15];
}

bool says_is_for(const struct sim_packet *query, const char *name)
{
    struct rd_message message;
    struct rd_name asked, meant;

    packet_parse(query->bytes, query->len, &message, &asked);
    assert_true(rd_name_from_text(name, &meant));
    return asked.len == meant.len && memcmp(asked.bytes, meant.bytes, meant.len) == 0;
}

unsigned says_count(const struct sim_log *log, const char *name)
{
    unsigned n = 0;

    for (unsigned i = 0; i < log->n; i++)
        n += says_is_for(&log->at[i], name);
    return n;
}
