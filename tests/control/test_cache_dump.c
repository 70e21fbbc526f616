/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cache_dump.c - every entry reaches a client that reads, and one that does not holds up
 * nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache_bed.h"
#include "cache_dump.h"

enum { MANY = 3000, TEXT_BYTES = 1 << 20 };

static struct rd_cache *cache;
static struct cache_dump *dump;
static struct rd_cache_record record;
static int ends[2]; /* the client's, the server's */
static char text[TEXT_BYTES];

/* With room for a few lines only: who writes more waits for the reader. */
static void connect_ends(void)
{
    const int least = 1;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
}

static int setup(void **state)
{
    (void)state;
    cache = bed_cache();
    dump = NULL;
    connect_ends();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cache_dump_stop(dump);
    rd_cache_free(cache);
    close(ends[0]);
    return 0;
}

static void fill(unsigned n)
{
    char name[32];

    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "n%u.example", i);
        bed_address(&record, name, 300, 0);
        assert_true(rd_cache_load(cache, &record));
    }
}

static void start(void)
{
    assert_null(cache_dump_start(cache, &bed_look, ends[1], &dump));
}

/* All that comes up to the end. */
static void read_all(void)
{
    size_t len = 0;
    ssize_t n;

    while ((n = recv(ends[0], text + len, sizeof(text) - 1 - len, 0)) > 0)
        len += (size_t)n;
    assert_int_equal(n, 0);
    text[len] = '\0';
}

static void test_an_empty_cache_has_two_lines(void **state)
{
    (void)state;
    start();
    read_all();
    assert_string_equal(text, "; name type kind pool flags state seconds rcode bytes\n"
                              "; 0 entries\n");
}

static void test_every_entry_is_a_line(void **state)
{
    unsigned lines = 0;
    char last[32];

    (void)state;
    fill(MANY);
    start();
    read_all();
    for (const char *at = text; (at = strstr(at, ".example. A answer default - fresh 300 ")); at++)
        lines++;
    assert_int_equal(lines, bed_entries(cache));
    assert_in_range(lines, MANY * 9 / 10, MANY);
    snprintf(last, sizeof(last), "\n; %u entries\n", lines);
    assert_string_equal(text + strlen(text) - strlen(last), last);
}

static void test_a_second_one_waits_for_the_first(void **state)
{
    int first;

    (void)state;
    fill(MANY);
    start();
    first = ends[0];
    connect_ends();
    assert_string_equal(cache_dump_start(cache, &bed_look, ends[1], &dump),
                        "another dump is under way; there is one at a time");
    assert_int_equal(close(ends[1]), 0); /* still the caller's */
    close(ends[0]);
    ends[0] = first;
    read_all();
}

static void test_one_that_is_over_makes_room(void **state)
{
    (void)state;
    start();
    read_all();
    close(ends[0]);
    cache_dump_stop(dump); /* waits for its end, which is near */
    dump = NULL;
    connect_ends();
    start();
    read_all();
    assert_non_null(strstr(text, "; 0 entries\n"));
}

static void test_a_client_that_does_not_read_does_not_hold_up_the_stop(void **state)
{
    (void)state;
    fill(MANY); /* more than the socket takes */
    start();
    cache_dump_stop(dump);
    dump = NULL;
    read_all();
    assert_null(strstr(text, " entries\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_cache_has_two_lines),
        TEST(test_every_entry_is_a_line),
        TEST(test_a_second_one_waits_for_the_first),
        TEST(test_one_that_is_over_makes_room),
        TEST(test_a_client_that_does_not_read_does_not_hold_up_the_stop),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
