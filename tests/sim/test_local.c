/* SPDX-License-Identifier: BSD-2-Clause */
/* test_local.c - answers for names that never leave (RFC 6303, 6761, 7686, 8375, 9462). */
#include "sim/scene.h"

#define TTL_S  10800
#define V6_ONE "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"

#define REPLY (RD_DNS_QR | RD_DNS_AA | RD_DNS_RD | RD_DNS_RA)

/* A record as a test looks at it. */
struct record {
    char owner[RD_NAME_TEXT_BYTES];
    uint16_t type, class, rdlength;
    uint32_t ttl_s;
    const uint8_t *rdata;
    size_t next;
};

static int setup(void **state)
{
    struct rd_config *config;

    scene_setup(state);
    config = &((struct scene *)*state)->config;
    config->local_localhost = config->local_test = config->local_invalid = true;
    config->local_onion = config->local_resolver_arpa = config->local_home_arpa = true;
    config->local_private_reverse = RD_SWITCH_AUTO;
    return 0;
}

#define LOCAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, scene_teardown)

/* Asks; the answer must be ours and its header RCODE with these counts. */
static const struct sim_packet *ask(struct scene *scene, const char *name, uint16_t type,
                                    unsigned rcode, unsigned answer, unsigned authority)
{
    struct rd_message message;
    const struct sim_packet *packet =
        scene_exchange(scene, &(struct ask){.name = name, .type = type, .id = 0x1234}, &message);

    assert_int_equal(message.id, 0x1234);
    assert_int_equal(message.flags, REPLY | rcode);
    assert_int_equal(message.count[RD_ANSWER], answer);
    assert_int_equal(message.count[RD_AUTHORITY], authority);
    assert_int_equal(message.count[RD_ADDITIONAL], 0);
    assert_int_equal(scene->upstream->queries.n, 0);
    assert_int_equal(SCENE_STAT(scene, answers_local), scene->client->answers.n);
    return packet;
}

static size_t question_end(const struct sim_packet *packet)
{
    struct rd_message message;

    packet_parse(packet->bytes, packet->len, &message, NULL);
    return message.question_end;
}

static void read_name(const struct sim_packet *packet, size_t at, char *text, size_t *ret_next)
{
    struct rd_name name;
    size_t taken = rd_name_unpack(packet->bytes, packet->len, at, &name);

    assert_true(taken > 0);
    rd_name_to_text(&name, text);
    *ret_next = at + taken;
}

static struct record read_record(const struct sim_packet *packet, size_t at)
{
    struct record record;
    struct rd_cursor cursor;

    read_name(packet, at, record.owner, &at);
    cursor = rd_cursor_at(packet->bytes, packet->len, at);
    record.type = rd_cursor_u16(&cursor);
    record.class = rd_cursor_u16(&cursor);
    record.ttl_s = rd_cursor_u32(&cursor);
    record.rdlength = rd_cursor_u16(&cursor);
    record.rdata = rd_cursor_take(&cursor, record.rdlength);
    assert_non_null(record.rdata);
    record.next = rd_cursor_offset(&cursor);
    return record;
}

/* The record at AT is OWNER's, of TYPE and with our TTL. */
static struct record expect(const struct sim_packet *packet, size_t at, const char *owner,
                            uint16_t type)
{
    struct record record = read_record(packet, at);

    assert_string_equal(record.owner, owner);
    assert_int_equal(record.type, type);
    assert_int_equal(record.class, RD_CLASS_IN);
    assert_int_equal(record.ttl_s, TTL_S);
    return record;
}

/* The record at AT has a name for its RDATA, and nothing behind it. */
static size_t expect_name(const struct sim_packet *packet, size_t at, const char *owner,
                          uint16_t type, const char *target)
{
    struct record record = expect(packet, at, owner, type);
    char text[RD_NAME_TEXT_BYTES];
    size_t next;

    read_name(packet, (size_t)(record.rdata - packet->bytes), text, &next);
    assert_string_equal(text, target);
    assert_int_equal(next, record.next);
    return record.next;
}

static size_t expect_bytes(const struct sim_packet *packet, size_t at, const char *owner,
                           uint16_t type, const void *bytes, size_t len)
{
    struct record record = expect(packet, at, owner, type);

    assert_int_equal(record.rdlength, len);
    assert_memory_equal(record.rdata, bytes, len);
    return record.next;
}

/* RFC 6303 section 3: @ SOA @ nobody.invalid. 1 3600 1200 604800 10800. */
static size_t expect_soa(const struct sim_packet *packet, size_t at, const char *zone)
{
    static const uint32_t numbers[] = {1, 3600, 1200, 604800, 10800};
    struct record record = expect(packet, at, zone, RD_TYPE_SOA);
    size_t next = (size_t)(record.rdata - packet->bytes);
    char text[RD_NAME_TEXT_BYTES];

    read_name(packet, next, text, &next);
    assert_string_equal(text, zone);
    read_name(packet, next, text, &next);
    assert_string_equal(text, "nobody.invalid.");
    assert_int_equal(record.next, next + sizeof(numbers));
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(rd_get_u32(packet->bytes + next + 4 * i), numbers[i]);
    return record.next;
}

/* Nothing but ZONE's SOA, in the authority section. */
static void assert_negative(struct scene *scene, const char *name, uint16_t type, unsigned rcode,
                            const char *zone)
{
    const struct sim_packet *packet = ask(scene, name, type, rcode, 0, 1);

    assert_int_equal(expect_soa(packet, question_end(packet), zone), packet->len);
}

static void assert_nxdomain(struct scene *scene, const char *name, uint16_t type, const char *zone)
{
    assert_negative(scene, name, type, RD_NXDOMAIN, zone);
}

static void assert_nodata(struct scene *scene, const char *name, uint16_t type, const char *zone)
{
    assert_negative(scene, name, type, RD_NOERROR, zone);
}

static void assert_apex(struct scene *scene, const char *name, const char *zone)
{
    const struct sim_packet *packet = ask(scene, name, RD_TYPE_SOA, RD_NOERROR, 1, 0);

    assert_int_equal(expect_soa(packet, question_end(packet), zone), packet->len);
    packet = ask(scene, name, RD_TYPE_NS, RD_NOERROR, 1, 0);
    assert_int_equal(expect_name(packet, question_end(packet), zone, RD_TYPE_NS, zone),
                     packet->len);
    assert_nodata(scene, name, RD_TYPE_A, zone);
    assert_nodata(scene, name, RD_TYPE_MX, zone);
}

static void test_localhost_is_the_loopback_addresses(void **state)
{
    static const char *const names[] = {"localhost", "a.localhost", "a.b.localhost"};
    static const char *const owners[] = {"localhost.", "a.localhost.", "a.b.localhost."};
    static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
    struct scene *scene = *state;

    for (unsigned i = 0; i < 3; i++) {
        const struct sim_packet *packet = ask(scene, names[i], RD_TYPE_A, RD_NOERROR, 1, 0);
        size_t at = question_end(packet);

        assert_int_equal(expect_bytes(packet, at, owners[i], RD_TYPE_A, v4, 4), packet->len);
        packet = ask(scene, names[i], RD_TYPE_AAAA, RD_NOERROR, 1, 0);
        assert_int_equal(expect_bytes(packet, at, owners[i], RD_TYPE_AAAA, v6, 16), packet->len);
        packet = ask(scene, names[i], RD_TYPE_ANY, RD_NOERROR, 2, 0);
        at = expect_bytes(packet, at, owners[i], RD_TYPE_A, v4, 4);
        assert_int_equal(expect_bytes(packet, at, owners[i], RD_TYPE_AAAA, v6, 16), packet->len);
        assert_nodata(scene, names[i], RD_TYPE_TXT, "localhost.");
        assert_nodata(scene, names[i], RD_TYPE_SOA, "localhost.");
    }
}

static void test_test_invalid_and_onion_do_not_exist(void **state)
{
    static const char *const names[] = {
        "test", "invalid", "onion", "a.test", "b.a.test", "x.invalid", "abcdefghijklmnop.onion"};
    static const char *const zones[] = {"test.", "invalid.", "onion.", "test.",
                                        "test.", "invalid.", "onion."};
    static const uint16_t types[] = {RD_TYPE_A,   RD_TYPE_AAAA, RD_TYPE_NS,
                                     RD_TYPE_SOA, RD_TYPE_ANY,  65280};
    struct scene *scene = *state;

    for (unsigned i = 0; i < 7; i++)
        for (unsigned k = 0; k < 6; k++)
            assert_nxdomain(scene, names[i], types[k], zones[i]);
    assert_int_equal(SCENE_STAT(scene, answers_nxdomain), 7 * 6);
}

static void test_an_empty_zone_has_an_apex_and_nothing_else(void **state)
{
    struct scene *scene = *state;
    const struct sim_packet *packet;
    size_t at;

    assert_apex(scene, "168.192.in-addr.arpa", "168.192.in-addr.arpa.");
    assert_apex(scene, "home.arpa", "home.arpa.");
    assert_apex(scene, "255.255.255.255.in-addr.arpa", "255.255.255.255.in-addr.arpa.");
    assert_nxdomain(scene, "1.0.168.192.in-addr.arpa", RD_TYPE_PTR, "168.192.in-addr.arpa.");
    assert_nxdomain(scene, "0.168.192.in-addr.arpa", RD_TYPE_SOA, "168.192.in-addr.arpa.");
    assert_nxdomain(scene, "printer.home.arpa", RD_TYPE_A, "home.arpa.");
    assert_nxdomain(scene, "printer.home.arpa", RD_TYPE_DS, "home.arpa.");
    assert_nxdomain(scene, "1.2.d.f.ip6.arpa", RD_TYPE_PTR, "d.f.ip6.arpa.");
    assert_nxdomain(scene, "9.77.100.in-addr.arpa", RD_TYPE_PTR, "77.100.in-addr.arpa.");
    packet = ask(scene, "10.in-addr.arpa", RD_TYPE_ANY, RD_NOERROR, 2, 0);
    at = expect_soa(packet, question_end(packet), "10.in-addr.arpa.");
    at = expect_name(packet, at, "10.in-addr.arpa.", RD_TYPE_NS, "10.in-addr.arpa.");
    assert_int_equal(at, packet->len);
}

static void test_resolver_arpa_has_no_records(void **state)
{
    struct scene *scene = *state;

    assert_nodata(scene, "_dns.resolver.arpa", RD_TYPE_SVCB, "resolver.arpa.");
    assert_nodata(scene, "a.b.resolver.arpa", RD_TYPE_SOA, "resolver.arpa.");
    assert_nodata(scene, "a.resolver.arpa", RD_TYPE_ANY, "resolver.arpa.");
    assert_apex(scene, "resolver.arpa", "resolver.arpa.");
}

static void assert_pointer(struct scene *scene, const char *name, const char *owner)
{
    const struct sim_packet *packet = ask(scene, name, RD_TYPE_PTR, RD_NOERROR, 1, 0);

    assert_int_equal(expect_name(packet, question_end(packet), owner, RD_TYPE_PTR, "localhost."),
                     packet->len);
}

static void test_the_loopback_addresses_are_called_localhost(void **state)
{
    static const char *const zone = "127.in-addr.arpa.";
    struct scene *scene = *state;

    assert_pointer(scene, "1.0.0.127.in-addr.arpa", "1.0.0.127.in-addr.arpa.");
    assert_nodata(scene, "1.0.0.127.in-addr.arpa", RD_TYPE_A, zone);
    assert_nodata(scene, "1.0.0.127.in-addr.arpa", RD_TYPE_SOA, zone);
    assert_nodata(scene, "0.0.127.in-addr.arpa", RD_TYPE_PTR, zone); /* on the way to it */
    assert_nodata(scene, "0.127.in-addr.arpa", RD_TYPE_PTR, zone);
    assert_apex(scene, "127.in-addr.arpa", zone);
    assert_nodata(scene, "127.in-addr.arpa", RD_TYPE_PTR, zone);
    assert_nxdomain(scene, "2.0.0.127.in-addr.arpa", RD_TYPE_PTR, zone);
    assert_nxdomain(scene, "1.127.in-addr.arpa", RD_TYPE_PTR, zone);
    assert_nxdomain(scene, "53.0.0.127.in-addr.arpa", RD_TYPE_PTR, zone);
    assert_nxdomain(scene, "x.1.0.0.127.in-addr.arpa", RD_TYPE_PTR, zone);
    assert_pointer(scene, V6_ONE, V6_ONE ".");
    assert_apex(scene, V6_ONE, V6_ONE ".");
    assert_nxdomain(scene, "1." V6_ONE, RD_TYPE_PTR, V6_ONE ".");
    assert_nxdomain(scene, "1.0.0." V6_ONE, RD_TYPE_PTR, V6_ONE ".");
}

static void test_an_answer_has_the_clients_spelling_and_edns(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;
    const struct sim_packet *packet;
    size_t at;

    packet = scene_exchange(
        scene,
        &(struct ask){
            .name = "wWw.TeSt", .id = 7, .edns = true, .dnssec_ok = true, .set = RD_DNS_CD},
        &message);
    assert_memory_equal(packet->bytes + RD_DNS_HEADER_BYTES, "\3wWw\4TeSt", 10);
    assert_int_equal(message.flags, REPLY | RD_DNS_CD | RD_NXDOMAIN);
    assert_true(message.edns.present);
    assert_true(message.edns.dnssec_ok);
    assert_int_equal(message.edns.n_ede, 0);
    assert_int_equal(message.count[RD_AUTHORITY], 1);
    at = expect_soa(packet, message.question_end, "TeSt.");
    assert_int_equal(at, message.opt);
    assert_int_equal(SCENE_STAT(scene, answers_local), 1);
}

/* A name of 254 bytes, and the smallest client. */
static void test_a_long_name_fits_the_smallest_answer(void **state)
{
    struct scene *scene = *state;
    char name[256];
    const struct sim_packet *packet;

    for (unsigned i = 0; i < 248; i++)
        name[i] = i % 2 ? '.' : 'a';
    memcpy(name + 248, "test", 5); /* 124 labels of 2 bytes, 5 and the root's 1 */
    packet = ask(scene, name, RD_TYPE_A, RD_NXDOMAIN, 0, 1);
    assert_true(packet->len <= RD_DNS_UDP_BYTES);
    expect_soa(packet, question_end(packet), "test.");
}

static void test_the_rest_goes_upstream(void **state)
{
    static const struct ask asks[] = {{.name = "example"},
                                      {.name = "www.example"},
                                      {.name = "home.arpa", .type = RD_TYPE_DS},
                                      {.name = "test", .type = RD_TYPE_DS},
                                      {.name = "10.in-addr.arpa", .type = RD_TYPE_DS},
                                      {.name = "in-addr.arpa", .type = RD_TYPE_NS}};
    struct scene *scene = *state;
    struct rd_message message;

    for (unsigned i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        scene_exchange(scene, &asks[i], &message);
        assert_false(message.flags & RD_DNS_AA);
        assert_int_equal(scene->upstream->queries.n, i + 1);
    }
    assert_int_equal(SCENE_STAT(scene, answers_local), 0);
}

/* A reload moves the names, and what is under way is not touched by it. */
static void test_a_reload_changes_what_is_local(void **state)
{
    struct scene *scene = *state;
    struct rd_message message;

    assert_nxdomain(scene, "a.test", RD_TYPE_A, "test.");
    scene->config.local_test = false;
    scene_publish(scene);
    scene_exchange(scene, &(struct ask){.name = "a.test"}, &message);
    assert_int_equal(scene->upstream->queries.n, 1);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_NOERROR);
}

/* Strangers and those who do not ask for recursion are refused before it. */
static void test_the_guards_stand_before_local_names(void **state)
{
    struct scene *scene = *state;
    union rd_address strange = sim_address("10.2.0.1", 4000);
    struct rd_message message;

    scene_exchange(scene, &(struct ask){.name = "localhost", .clear = RD_DNS_RD}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_REFUSED);
    scene->client = sim_client(scene->sim, &strange);
    scene_exchange(scene, &(struct ask){.name = "localhost"}, &message);
    assert_int_equal(message.flags & RD_DNS_RCODE, RD_REFUSED);
    assert_int_equal(SCENE_STAT(scene, answers_local), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_TEST(test_localhost_is_the_loopback_addresses),
        LOCAL_TEST(test_test_invalid_and_onion_do_not_exist),
        LOCAL_TEST(test_an_empty_zone_has_an_apex_and_nothing_else),
        LOCAL_TEST(test_resolver_arpa_has_no_records),
        LOCAL_TEST(test_the_loopback_addresses_are_called_localhost),
        LOCAL_TEST(test_an_answer_has_the_clients_spelling_and_edns),
        LOCAL_TEST(test_a_long_name_fits_the_smallest_answer),
        LOCAL_TEST(test_the_rest_goes_upstream),
        LOCAL_TEST(test_a_reload_changes_what_is_local),
        LOCAL_TEST(test_the_guards_stand_before_local_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
