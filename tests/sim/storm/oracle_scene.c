/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_scene.c - oracle_scene.h. No worker runs: time stands still but for scene_wait.
 */
#include "sim/storm/oracle_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/storm/truth.h"

#define WANTED (RD_DNS_QR | RD_DNS_RD | RD_DNS_RA)

struct scene *scene;

/* The oracle asks this of truth.c, which is not here. */
unsigned truth_pool(const struct storm *storm, const uint8_t *name)
{
    size_t at = 0;

    (void)storm;
    while (name[at] != 0 && memcmp(name + at, "\3two", 5) != 0)
        at += name[at] + 1u;
    return name[at] != 0;
}

static void add_servers(void)
{
    static const char *const addresses[] = {"198.51.100.1", "198.51.100.2", "203.0.113.1"};
    static const unsigned places[] = {0, 1, STORM_MAX_SERVERS};

    for (unsigned i = 0; i < 3; i++)
        scene->storm.servers[places[i] / STORM_MAX_SERVERS][places[i] % STORM_MAX_SERVERS] =
            sim_upstream_add(scene->storm.sim, addresses[i], NULL, NULL, RD_NS_PER_MS);
}

static void open_scene(const struct play *play)
{
    static struct scene the;
    struct rd_config *config = &the.storm.config;

    memset(&the, 0, sizeof(the));
    scene = &the;
    scene->storm.sim = sim_new(1);
    scene->storm.plan.cache_bytes = 1 << 20;
    scene->storm.plan.max_ports = 4096;
    add_servers();
    config->n_pools = 2;
    config->access_allow.n = 1;
    config->access_allow.at[0] = (struct rd_prefix){{[10] = 0xff, 0xff, 10}, 96 + 8};
    scene->rules = (struct oracle_rules){.max_ttl_s = 86400,
                                         .negative_ttl_s = 3600,
                                         .stale_ns = 3600 * RD_NS_PER_S,
                                         .max_answer = 1232,
                                         .storm = &scene->storm};
    scene->ask_id = 100;
    if (play->rules)
        play->rules();
    scene->oracle = oracle_new(&scene->rules);
}

void scene_run(void **state)
{
    const struct play *play = *state;
    struct sim *sim;

    open_scene(play);
    sim = scene->storm.sim;
    play->run();
    if (!play->text)
        assert_string_equal(sim->broken, "");
    else if (!strstr(sim->broken, play->text))
        assert_string_equal(sim->broken, play->text);
    oracle_free(scene->oracle);
    sim_free(sim);
}

int scene_run_all(const char *title, const struct play *plays, size_t n)
{
    struct CMUnitTest *tests = calloc(n, sizeof(*tests));
    int failed;

    if (!tests)
        abort();
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){
            .name = plays[i].name, .test_func = scene_run, .initial_state = (void *)&plays[i]};
    failed = _cmocka_run_group_tests(title, tests, n, NULL, NULL);
    free(tests);
    return failed;
}

void scene_wait(uint64_t ns)
{
    scene->storm.sim->now_ns += ns;
}

void scene_write(uint16_t id, uint16_t flags, const char *name, uint16_t type)
{
    packet_query(&scene->packet, &(struct ask){.name = name, .type = type, .id = id});
    rd_put_u16(scene->packet.bytes + 2, flags);
}

static struct io_message message(enum io_origin origin)
{
    return (struct io_message){.data = scene->packet.bytes,
                               .len = (uint32_t)scene->packet.len,
                               .cap = sizeof(scene->packet.bytes),
                               .origin = (uint8_t)origin};
}

static struct io_message of_client(unsigned client)
{
    struct io_message msg = message(IO_CLIENT);

    msg.path.peer = sim_address("10.0.0.1", (uint16_t)client);
    msg.path.via = scene->tcp ? IO_TCP : IO_UDP;
    msg.path.way = scene->tcp ? client : 0;
    return msg;
}

void scene_query(unsigned worker, unsigned client)
{
    struct io_message msg = of_client(client);

    oracle_query(scene->oracle, worker, &msg);
}

void scene_answer(unsigned worker, unsigned client)
{
    struct io_message msg = of_client(client);

    oracle_answer(scene->oracle, worker, &msg);
}

void scene_ask(unsigned worker, unsigned server, uint32_t port)
{
    struct io_message msg = message(IO_PORT);

    msg.port = port;
    oracle_ask(
        scene->oracle, worker, &msg,
        &scene->storm.servers[server / STORM_MAX_SERVERS][server % STORM_MAX_SERVERS]->address);
}

void scene_reply(unsigned worker, uint32_t port, enum storm_origin origin)
{
    struct io_message msg = message(IO_PORT);

    msg.port = port;
    oracle_reply(scene->oracle, worker, &msg, &scene->storm.servers[0][0]->address, origin);
}

void scene_want(unsigned worker, unsigned client, uint16_t id, const char *name)
{
    scene_write(id, RD_DNS_RD, name, RD_TYPE_A);
    packet_opt(&scene->packet, 1232, 0, 0, 0);
    scene_query(worker, client);
}

void scene_lead(unsigned worker, unsigned server, const char *name)
{
    scene_write(++scene->ask_id, RD_DNS_RD | RD_DNS_AD, name, RD_TYPE_A);
    if (!scene->plain)
        packet_opt(&scene->packet, 1232, 0, 0, 0);
    scene_ask(worker, server, 7);
}

void scene_write_reply(const char *name, uint16_t flags)
{
    scene_write(scene->ask_id, (uint16_t)(WANTED | flags), name, RD_TYPE_A);
}

void scene_write_answer(uint16_t id, const char *name, uint16_t flags)
{
    scene_write(id, (uint16_t)(WANTED | flags), name, RD_TYPE_A);
}

void scene_add_a(uint32_t ttl_s, uint8_t last)
{
    uint8_t address[4] = {192, 0, 2, last};

    packet_record(&scene->packet, RD_ANSWER, RD_TYPE_A, ttl_s, address, sizeof(address));
}

void scene_add_soa(uint32_t ttl_s, uint32_t minimum)
{
    uint8_t rdata[22] = {0};

    rd_put_u32(rdata + 18, minimum);
    packet_owned(&scene->packet, RD_AUTHORITY, "one", RD_TYPE_SOA, ttl_s, rdata, sizeof(rdata));
}

void scene_add_opt(void)
{
    packet_opt(&scene->packet, 1232, 0, 0, 0);
}

void scene_exchange(const char *name)
{
    scene_want(0, 1, 1, name);
    scene_lead(0, strstr(name, "two") ? STORM_MAX_SERVERS : 0, name);
    scene_write_reply(name, 0);
    scene_add_a(300, 1);
    scene_reply(0, 7, STORM_GENUINE);
}

void scene_tell(const char *name, uint32_t ttl_s, uint8_t last)
{
    scene_write_answer(1, name, 0);
    scene_add_a(ttl_s, last);
    scene_add_opt();
    scene_answer(0, 1);
}
