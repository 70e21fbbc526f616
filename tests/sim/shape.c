/* SPDX-License-Identifier: BSD-2-Clause */
/* shape.c - composes a reply from what the test asked for. */
#include "sim/shape.h"

struct shape shape;

static void shaped_opt(struct packet *reply)
{
    if (!shape.opt)
        return;
    packet_opt(reply, 1232, shape.extended_rcode, 0, 0);
    for (unsigned i = 0; i < shape.options; i++)
        packet_option(reply, shape.option_code, shape.option, shape.option_len);
}

static void shaped_model(struct sim *sim, struct sim_upstream *upstream, const uint8_t *query,
                         size_t len, uint16_t from_port)
{
    static const uint8_t rdata[512];
    static struct packet reply;

    packet_reply(&reply, query, len, shape.flags);
    for (unsigned i = 0; i < shape.answers; i++)
        packet_txt(&reply, RD_ANSWER, shape.record_bytes);
    if (shape.opt_first)
        shaped_opt(&reply);
    for (unsigned i = 0; i < shape.additional; i++)
        packet_record(&reply, RD_ADDITIONAL,
                      (uint16_t)(65280 + i / (shape.per_set ? shape.per_set : 1)), 300, rdata,
                      shape.record_bytes);
    if (!shape.opt_first)
        shaped_opt(&reply);
    sim_reply(sim, upstream, reply.bytes, reply.len, from_port, 0);
}

int shape_setup(void **state)
{
    int r = scene_setup(state);
    struct scene *scene = *state;

    scene->upstream->reply = shaped_model;
    memset(&shape, 0, sizeof(shape));
    shape.answers = 1;
    shape.record_bytes = 20;
    return r;
}
