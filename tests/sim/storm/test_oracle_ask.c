/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_oracle_ask.c - what may be asked of upstreams, of whom, how often and by whom.
 */
#include <stdio.h>

#include "sim/storm/oracle_scene.h"

#define ONE "www.one"
#define TWO "www.two"

static void randomized(void)
{
    scene->storm.config.pools[0].randomize_case = true;
}

static void of_the_second_pool(void)
{
    scene_want(0, 1, 1, TWO);
    scene_lead(0, STORM_MAX_SERVERS, TWO);
}

static void of_another_pool(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, STORM_MAX_SERVERS, ONE);
}

static void of_a_stranger(void)
{
    union rd_address stranger = sim_address("192.0.2.99", 53);
    struct io_message msg;

    scene_want(0, 1, 1, ONE);
    scene_write(100, RD_DNS_RD | RD_DNS_AD, ONE, RD_TYPE_A);
    scene_add_opt();
    msg = (struct io_message){
        .data = scene->packet.bytes, .len = (uint32_t)scene->packet.len, .origin = IO_PORT};
    oracle_ask(scene->oracle, 0, &msg, &stranger);
}

static void by_two_workers(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_want(1, 2, 2, ONE);
    scene_lead(1, 0, ONE);
}

static void by_two_in_turn(void)
{
    scene_exchange(ONE);
    scene_tell(ONE, 300, 1);
    scene_lead(1, 0, ONE);
}

static void by_two_after_a_flush(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    oracle_flush(scene->oracle, NULL, false);
    scene_lead(1, 0, ONE);
}

static void by_two_after_a_reload(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    oracle_reload(scene->oracle);
    scene_lead(1, 0, ONE);
}

static void by_two_when_one_is_gone(void)
{
    scene->tcp = true;
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    oracle_closed(scene->oracle, 0, 1);
    scene_lead(1, 0, ONE);
}

/* The two views are two questions. */
static void by_two_with_do(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_write(300, RD_DNS_RD, ONE, RD_TYPE_A);
    packet_opt(&scene->packet, 1232, 0, 0, RD_EDNS_DO);
    scene_ask(1, 0, 7);
}

static void lead_often(unsigned first, unsigned second)
{
    scene_want(0, 1, 1, ONE);
    for (unsigned i = 0; i < first; i++)
        scene_lead(0, 0, ONE);
    for (unsigned i = 0; i < second; i++)
        scene_lead(0, 1, ONE);
}

static void six_times(void)
{
    lead_often(3, 3);
}

static void too_often_one(void)
{
    lead_often(4, 0);
}

static void too_often(void)
{
    lead_often(3, 3);
    scene_write(300, RD_DNS_RD | RD_DNS_AD, ONE, RD_TYPE_A);
    scene_add_opt();
    {
        struct io_message msg = {
            .data = scene->packet.bytes, .len = (uint32_t)scene->packet.len, .origin = IO_STREAM};

        oracle_ask(scene->oracle, 0, &msg, &scene->storm.servers[0][0]->address);
    }
}

/* For those who come later it is counted anew. */
static void anew(void)
{
    scene_exchange(ONE);
    scene_tell(ONE, 300, 1);
    lead_often(3, 3);
}

/* Some wait for what was asked before, some for what is asked next. */
static void one_after_the_other(void)
{
    lead_often(3, 0);
    scene_want(0, 2, 2, ONE);
    scene_write_reply(ONE, 0);
    scene_add_a(0, 1);
    scene_reply(0, 7, STORM_GENUINE);
    scene_tell(ONE, 0, 1);
    scene_lead(0, 0, ONE);
    scene_lead(0, 0, ONE);
    scene_lead(0, 0, ONE);
}

static void spelled(void)
{
    scene_want(0, 1, 1, "wWw.one");
    scene_lead(0, 0, "wWw.one");
}

static void asked_plainly(void)
{
    scene->plain = true;
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
}

static void asked_plainly_after_formerr(void)
{
    scene_want(0, 1, 1, ONE);
    scene_lead(0, 0, ONE);
    scene_write_reply(ONE, RD_FORMERR);
    scene_reply(0, 7, STORM_GENUINE);
    scene->plain = true;
    scene_lead(0, 0, ONE);
}

static void ask_with(uint16_t flags, uint16_t payload, uint16_t option)
{
    scene_want(0, 1, 1, ONE);
    scene_write(100, flags, ONE, RD_TYPE_A);
    packet_opt(&scene->packet, payload, 0, 0, 0);
    if (option)
        packet_option(&scene->packet, option, "\0\1\0\0\0\0\0\0", 8);
    scene_ask(0, 0, 7);
}

static void with_cookie(void)
{
    ask_with(RD_DNS_RD | RD_DNS_AD, 1232, RD_OPTION_COOKIE);
}

static void with_subnet(void)
{
    ask_with(RD_DNS_RD | RD_DNS_AD, 1232, 8);
}

static void with_another_size(void)
{
    ask_with(RD_DNS_RD | RD_DNS_AD, 4096, 0);
}

static void without_rd(void)
{
    ask_with(RD_DNS_AD, 1232, 0);
}

static void without_ad(void)
{
    ask_with(RD_DNS_RD, 1232, 0);
}

static void with_the_clients_id(void)
{
    for (uint16_t i = 0; i < 3; i++) {
        scene->ask_id = (uint16_t)(500 + i);
        scene_want(0, 1, (uint16_t)(501 + i), ONE);
        scene_lead(0, 0, ONE);
    }
}

static void probes(void)
{
    for (unsigned i = 0; i < 10; i++) {
        scene_write((uint16_t)i, RD_DNS_RD | RD_DNS_AD, "", RD_TYPE_NS);
        scene_add_opt();
        scene_ask(i % 2, i % 2 ? STORM_MAX_SERVERS : 0, 7);
        scene_write((uint16_t)i, RD_DNS_RD | RD_DNS_AD, "0123456789abcdef.loop-probe.ringdns",
                    RD_TYPE_TXT);
        scene_add_opt();
        scene_ask(0, 0, 8);
    }
}

static const struct play plays[] = {
    OKAY(of_the_second_pool),
    OKAY(by_two_in_turn),
    OKAY(by_two_after_a_flush),
    OKAY(by_two_after_a_reload),
    OKAY(by_two_when_one_is_gone),
    OKAY(by_two_with_do),
    OKAY(six_times),
    OKAY(anew),
    OKAY(one_after_the_other),
    UNDER(spelled, randomized, NULL),
    OKAY(asked_plainly_after_formerr),
    OKAY(with_cookie),
    OKAY(probes),
    WRONG(of_another_pool, "a server of another pool"),
    WRONG(of_a_stranger, "somebody who is no upstream"),
    WRONG(by_two_workers, "what worker 0 asks already"),
    WRONG(too_often_one, "one server by UDP for the 4th time"),
    WRONG(too_often, "for the 7th time"),
    WRONG(spelled, "in a client's spelling"),
    WRONG(asked_plainly, "without EDNS"),
    WRONG(with_subnet, "a client's options"),
    WRONG(with_another_size, "another version or size"),
    WRONG(without_rd, "flags"),
    WRONG(without_ad, "flags"),
    WRONG(with_the_clients_id, "a client's own ID"),
};

int main(void)
{
    return scene_run_all("oracle_ask", plays, sizeof(plays) / sizeof(plays[0]));
}
