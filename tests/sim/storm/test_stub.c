/* SPDX-License-Identifier: BSD-2-Clause */
/* test_stub.c - test_stub.h. */
#include "sim/storm/test_stub.h"

#include <stdlib.h>

/* One in which server 0 of both pools knows cookies. */
#define STUB_SEED 5

static struct stub *of_storm(const struct storm *storm)
{
    return (struct stub *)storm;
}

bool storm_chance(struct storm *storm, enum storm_fault fault)
{
    return of_storm(storm)->fault == (int)fault;
}

uint64_t storm_span(struct storm *storm, uint64_t most_ns)
{
    (void)storm;
    return most_ns;
}

void oracle_trouble(struct oracle *oracle, const uint8_t *bytes, size_t len, uint64_t until_ns)
{
    struct stub *stub = (struct stub *)oracle;

    stub->trouble_until_ns = until_ns;
    if (!bytes) {
        stub->troubles_of_all++;
        return;
    }
    stub->troubles++;
    stub->told.len = len;
    memcpy(stub->told.bytes, bytes, len);
}

static void keep(struct stub *stub, const struct sim_datagram *datagram, uint64_t due_ns)
{
    struct sim_datagram *copy = sim_datagram_new(datagram->len);

    assert_true(stub->n < STUB_KEPT);
    memcpy(copy, datagram, sizeof(*copy) + datagram->len);
    copy->due_ns = due_ns;
    stub->kept[stub->n++] = copy;
}

static void keep_sent(void *context, struct sim_datagram *datagram, uint64_t delay_ns)
{
    keep(context, datagram, delay_ns);
    free(datagram);
}

static void keep_arrived(void *context, const struct sim_datagram *datagram)
{
    keep(context, datagram, datagram->due_ns);
}

void stub_open(struct stub *stub, uint64_t seed)
{
    struct storm *storm = &stub->storm;

    memset(stub, 0, sizeof(*stub));
    stub->fault = -1;
    storm->seed = seed;
    storm->sim = sim_new(seed);
    storm->sim->forgetful = true;
    storm->oracle = (struct oracle *)stub;
    storm->plan.names = STUB_NAMES;
    storm->plan.pools = 2;
    for (unsigned pool = 0; pool < 2; pool++) {
        storm->plan.servers[pool] = 2;
        storm->plan.latency_ns[pool][0] = STUB_LATENCY;
        storm->plan.latency_ns[pool][1] = STUB_LATENCY;
    }
    storm->watch.context = stub;
    storm->watch.carry = keep_sent;
    storm->sim->watch = &storm->watch;
    servers_open(storm);
}

void stub_clear(struct stub *stub)
{
    while (stub->n)
        free(stub->kept[--stub->n]);
    stub->troubles = stub->troubles_of_all = 0;
}

void stub_close(struct stub *stub)
{
    stub_clear(stub);
    servers_close(&stub->storm);
    sim_free(stub->storm.sim);
}

void stub_keep_arrivals(struct stub *stub, bool on)
{
    stub->storm.watch.carry = on ? NULL : keep_sent;
    stub->storm.watch.arrive = on ? keep_arrived : NULL;
}

int stub_setup(void **state)
{
    *state = malloc(sizeof(struct stub));
    if (!*state)
        abort();
    stub_open(*state, STUB_SEED);
    return 0;
}

int stub_teardown(void **state)
{
    stub_close(*state);
    free(*state);
    return 0;
}

void stub_query(struct stub *stub, unsigned number, uint16_t type, struct packet *ret_query)
{
    static const uint8_t cookie[] = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    char name[TRUTH_NAME_BYTES];

    truth_name(&stub->storm, number, name);
    packet_query(ret_query, &(struct ask){.name = name,
                                          .type = type,
                                          .id = 0x1234,
                                          .edns = true,
                                          .options = cookie,
                                          .options_len = sizeof(cookie)});
}

struct sim_upstream *stub_ask(struct stub *stub, const struct packet *query)
{
    unsigned pool = truth_pool(&stub->storm, query->bytes + RD_DNS_HEADER_BYTES);
    struct sim_upstream *upstream = stub->storm.servers[pool][0];

    upstream->reply(stub->storm.sim, upstream, query->bytes, query->len, STUB_PORT);
    return upstream;
}

void stub_ask_honestly(struct stub *stub, const struct packet *query, struct packet *ret_reply)
{
    int fault = stub->fault;

    stub->fault = -1;
    stub_ask(stub, query);
    assert_int_equal(stub->n, 1);
    ret_reply->len = stub->kept[0]->len;
    memcpy(ret_reply->bytes, stub->kept[0]->bytes, ret_reply->len);
    stub_clear(stub);
    stub->fault = fault;
}
