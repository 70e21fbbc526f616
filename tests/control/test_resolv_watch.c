/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_resolv_watch.c - every way in which resolv.conf gets replaced is noticed, once.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "resolv_watch.h"

enum { QUIET_MS = 200, MOST_MS = 2000 };

static struct resolv_watch watch;
static char folder[64], path[100], other[100], target[100];
static uint64_t now_ms;

static void write_file(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static int setup(void **state)
{
    char inner[100];

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/ringdns-watch-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/resolv.conf", folder);
    snprintf(other, sizeof(other), "%s/other", folder);
    snprintf(inner, sizeof(inner), "%s/run", folder);
    assert_int_equal(mkdir(inner, 0755), 0);
    snprintf(target, sizeof(target), "%s/run/stub.conf", folder);
    now_ms = 1000;
    return 0;
}

static int teardown(void **state)
{
    char inner[100];

    (void)state;
    resolv_watch_close(&watch);
    unlink(path);
    unlink(other);
    unlink(target);
    snprintf(inner, sizeof(inner), "%s/run", folder);
    rmdir(inner);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

/* inotify's events are there when the change's call returns. */
static void read_events(void)
{
    struct pollfd fd = {.fd = watch.fd, .events = POLLIN};

    if (poll(&fd, 1, 0) > 0)
        resolv_watch_read(&watch, now_ms);
}

static void assert_noticed(void)
{
    read_events();
    assert_int_equal(resolv_watch_wait(&watch, now_ms), QUIET_MS);
    assert_false(resolv_watch_due(&watch, now_ms));
    now_ms += QUIET_MS;
    assert_true(resolv_watch_due(&watch, now_ms));
    assert_false(resolv_watch_due(&watch, now_ms));
    assert_int_equal(resolv_watch_wait(&watch, now_ms), -1);
}

static void test_notices_a_file_that_is_written_in_place(void **state)
{
    (void)state;
    write_file(path);
    assert_int_equal(resolv_watch_open(&watch, path), 0);
    write_file(path);
    assert_noticed();
    write_file(path); /* and again, by the watches that were made anew */
    assert_noticed();
}

static void test_notices_a_file_that_is_replaced(void **state)
{
    (void)state;
    write_file(path);
    assert_int_equal(resolv_watch_open(&watch, path), 0);
    write_file(other);
    assert_int_equal(rename(other, path), 0);
    assert_noticed();
}

static void test_notices_a_file_that_appears_and_goes(void **state)
{
    (void)state;
    assert_int_equal(resolv_watch_open(&watch, path), 0);
    write_file(path);
    assert_noticed();
    assert_int_equal(unlink(path), 0);
    assert_noticed();
}

static void test_notices_a_links_target_that_is_replaced(void **state)
{
    (void)state;
    write_file(target);
    assert_int_equal(symlink("run/stub.conf", path), 0);
    assert_int_equal(resolv_watch_open(&watch, path), 0);
    write_file(other);
    assert_int_equal(rename(other, target), 0);
    assert_noticed();
}

static void test_notices_a_link_that_leads_elsewhere(void **state)
{
    (void)state;
    write_file(path);
    assert_int_equal(resolv_watch_open(&watch, path), 0);
    assert_int_equal(unlink(path), 0);
    write_file(target);
    assert_int_equal(symlink(target, path), 0);
    assert_noticed();
    write_file(target);
    assert_noticed();
}

static void test_other_files_of_the_folder_do_not_count(void **state)
{
    (void)state;
    write_file(path);
    assert_int_equal(resolv_watch_open(&watch, path), 0);
    write_file(other);
    read_events();
    assert_int_equal(resolv_watch_wait(&watch, now_ms), -1);
}

static void test_a_writer_that_never_rests_is_not_waited_for_long(void **state)
{
    uint64_t start_ms = now_ms;

    (void)state;
    assert_int_equal(resolv_watch_open(&watch, path), 0);
    do {
        write_file(path);
        read_events();
        now_ms += QUIET_MS / 2;
    } while (!resolv_watch_due(&watch, now_ms) && now_ms < start_ms + 2 * MOST_MS);
    assert_in_range(now_ms - start_ms, MOST_MS, MOST_MS + QUIET_MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_notices_a_file_that_is_written_in_place),
        TEST(test_notices_a_file_that_is_replaced),
        TEST(test_notices_a_file_that_appears_and_goes),
        TEST(test_notices_a_links_target_that_is_replaced),
        TEST(test_notices_a_link_that_leads_elsewhere),
        TEST(test_other_files_of_the_folder_do_not_count),
        TEST(test_a_writer_that_never_rests_is_not_waited_for_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
