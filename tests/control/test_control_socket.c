/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_control_socket.c - the operator's socket: one line in, one document out, and nothing that a
 * client does costs more than its slot. The clock is the tests' own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_socket.h"
#include "service.h"

enum { CLIENT_MS = 5000 };

static char folder[64], path[100];
static struct control_socket *server;
static uint64_t now_ms;

static json_t *answer_ping(void *context, const struct control_arguments *arguments)
{
    (void)arguments;
    return json_pack("{s:s}", "pong", (const char *)context);
}

static json_t *answer_echo(void *context, const struct control_arguments *arguments)
{
    json_t *words = json_array();

    (void)context;
    for (unsigned i = 0; i < arguments->n; i++)
        json_array_append_new(words, json_string(arguments->at[i]));
    return json_pack("{s:o}", "words", words);
}

static int taken = -1;

/* Has room for one. */
static json_t *take(void *context, int fd)
{
    (void)context;
    if (taken >= 0)
        return json_pack("{s:s}", "error", "not now");
    taken = fd;
    return NULL;
}

static const struct control_command commands[] = {
    {.name = "ping", .answer = answer_ping},
    {.name = "echo one", .answer = answer_echo, .usage = "WORD [WORD]", .least = 1, .most = 2},
    {.name = "echo one-more", .answer = answer_echo},
    {.name = "take", .take = take},
    {.name = NULL}};

#define COMMANDS "\"commands\":[\"ping\",\"echo one\",\"echo one-more\",\"take\"]"

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/ringdns-control-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/below/control.sock", folder);
    now_ms = 1000;
    assert_int_equal(control_socket_open(path, commands, "context", &server), 0);
    return 0;
}

static int teardown(void **state)
{
    char below[100];

    (void)state;
    control_socket_close(server);
    server = NULL;
    unlink(path);
    snprintf(below, sizeof(below), "%s/below", folder);
    rmdir(below);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

/* Turns of the server's loop until nothing is left to do. */
static void serve(void)
{
    struct pollfd fds[CONTROL_FDS];

    for (;;) {
        control_socket_fds(server, fds);
        if (poll(fds, CONTROL_FDS, 0) == 0)
            break;
        control_socket_serve(server, fds, now_ms);
    }
    control_socket_serve(server, fds, now_ms); /* those whose time is up */
}

static int connect_client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    serve();
    return fd;
}

static void say(int fd, const char *text, size_t len)
{
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
    serve();
}

/* The client gets exactly EXPECTED and then the end. */
static void assert_answer(int fd, const char *expected)
{
    char text[512];
    size_t len = 0;
    ssize_t n;

    while ((n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
        len += (size_t)n;
    assert_int_equal(n, 0);
    text[len] = '\0';
    assert_string_equal(text, expected);
    close(fd);
}

static void assert_open(int fd)
{
    char byte;

    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
}

static void assert_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    /* Reset, where it had written what nobody read. */
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
    close(fd);
}

static void test_answers_a_line_with_a_document_and_closes(void **state)
{
    int fd = connect_client();

    (void)state;
    say(fd, "ping\n", 5);
    assert_answer(fd, "{\"pong\":\"context\"}\n");
}

static void test_a_line_may_come_in_pieces(void **state)
{
    int fd = connect_client();

    (void)state;
    say(fd, "pi", 2);
    assert_open(fd);
    say(fd, "ng\r\n", 4);
    assert_answer(fd, "{\"pong\":\"context\"}\n");
}

static void test_the_end_of_input_ends_the_line(void **state)
{
    int fd = connect_client();

    (void)state;
    say(fd, "ping", 4);
    shutdown(fd, SHUT_WR);
    serve();
    assert_answer(fd, "{\"pong\":\"context\"}\n");
}

static void test_an_unknown_command_is_told_what_there_is(void **state)
{
    static const char *const lines[] = {"pong\n", "\n", "pingping\n", "PING\n", " ping\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        int fd = connect_client();

        say(fd, lines[i], strlen(lines[i]));
        assert_answer(fd, "{\"error\":\"unknown command\"," COMMANDS "}\n");
    }
}

static void test_the_forwarders_own_commands_are_told(void **state)
{
    int fd;

    (void)state;
    control_socket_close(server);
    assert_int_equal(control_socket_open(path, service_commands, NULL, &server), 0);
    fd = connect_client();
    say(fd, "help\n", 5);
    assert_answer(fd, "{\"error\":\"unknown command\",\"commands\":[\"stats\",\"status\","
                      "\"upstreams\",\"cache stats\",\"cache lookup\",\"cache flush\","
                      "\"cache flush-all\",\"cache dump\"]}\n");
}

static void test_a_nul_does_not_shorten_a_command(void **state)
{
    int fd = connect_client();

    (void)state;
    say(fd, "ping\0x\n", 7);
    assert_answer(fd, "{\"error\":\"unknown command\"," COMMANDS "}\n");
}

static void test_a_command_gets_its_words(void **state)
{
    static const char *const cases[][2] = {
        {"echo one a\n", "{\"words\":[\"a\"]}\n"},
        {"echo one a.example --suffix\r\n", "{\"words\":[\"a.example\",\"--suffix\"]}\n"},
        {"echo one-more\n", "{\"words\":[]}\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = connect_client();

        say(fd, cases[i][0], strlen(cases[i][0]));
        assert_answer(fd, cases[i][1]);
    }
}

static void test_wrong_words_are_told_what_is_allowed(void **state)
{
    static const char *const lines[] = {"echo one\n",       "echo one \n",     "echo one  a\n",
                                        "echo one a b c\n", "echo one a \n",   "echo one a\tb\n",
                                        "echo one \xc3\n",  "echo one a\x1b\n"};
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        fd = connect_client();
        say(fd, lines[i], strlen(lines[i]));
        assert_answer(fd, "{\"error\":\"wrong arguments; allowed: echo one WORD [WORD], with "
                          "single blanks between, in printable ASCII\"}\n");
    }
    fd = connect_client();
    say(fd, "ping now\n", 9);
    assert_answer(fd, "{\"error\":\"ping takes nothing more\"}\n");
}

static void test_words_are_as_long_as_the_line(void **state)
{
    static char line[RD_CONTROL_LINE_BYTES], expected[RD_CONTROL_LINE_BYTES + 16];
    int fd = connect_client();

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "echo one ", 9);
    line[400] = '\n';
    snprintf(expected, sizeof(expected), "{\"words\":[\"%.391s\"]}\n", line + 9);
    say(fd, line, 401);
    assert_answer(fd, expected);
}

static void test_a_command_may_take_its_connection(void **state)
{
    int fd = connect_client(), second;

    (void)state;
    say(fd, "take\n", 5);
    assert_true(taken >= 0);
    assert_open(fd);
    assert_int_equal(control_socket_wait(server, now_ms), -1); /* its time is not counted */
    second = connect_client();
    say(second, "take\n", 5);
    assert_answer(second, "{\"error\":\"not now\"}\n");
    assert_int_equal(send(taken, "text\n", 5, MSG_NOSIGNAL), 5);
    close(taken);
    taken = -1;
    assert_answer(fd, "text\n");
}

static void test_a_line_that_is_too_long_is_an_error(void **state)
{
    static char line[RD_CONTROL_LINE_BYTES];
    int fd = connect_client();

    (void)state;
    memset(line, 'x', sizeof(line));
    say(fd, line, sizeof(line) - 1);
    assert_open(fd);
    say(fd, line, 1);
    assert_answer(fd, "{\"error\":\"the line is too long\"}\n");
}

static void test_a_silent_client_is_closed_after_its_time(void **state)
{
    int fd = connect_client();

    (void)state;
    assert_int_equal(control_socket_wait(server, now_ms), CLIENT_MS);
    now_ms += CLIENT_MS - 1;
    serve();
    assert_open(fd);
    assert_int_equal(control_socket_wait(server, now_ms), 1);
    now_ms++;
    serve();
    assert_closed(fd);
    assert_int_equal(control_socket_wait(server, now_ms), -1);
}

static void test_writing_a_little_does_not_buy_time(void **state)
{
    int fd = connect_client();

    (void)state;
    now_ms += CLIENT_MS - 1;
    say(fd, "p", 1);
    now_ms++;
    serve();
    assert_closed(fd);
}

static void test_when_all_slots_are_taken_the_oldest_goes(void **state)
{
    int fds[RD_CONTROL_CLIENTS + 1];

    (void)state;
    for (int i = 0; i <= RD_CONTROL_CLIENTS; i++, now_ms++)
        fds[i] = connect_client();
    assert_closed(fds[0]);
    for (int i = 1; i < RD_CONTROL_CLIENTS; i++) {
        assert_open(fds[i]);
        close(fds[i]);
    }
    say(fds[RD_CONTROL_CLIENTS], "ping\n", 5);
    assert_answer(fds[RD_CONTROL_CLIENTS], "{\"pong\":\"context\"}\n");
}

static void test_the_socket_is_for_its_group_only(void **state)
{
    struct stat file, above;
    char below[100];

    (void)state;
    snprintf(below, sizeof(below), "%s/below", folder);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(stat(below, &above), 0);
    assert_int_equal(file.st_mode & 07777, 0660);
    assert_int_equal(above.st_mode & 07777, 0750);
}

static void test_a_living_socket_is_not_taken_over(void **state)
{
    struct control_socket *second;
    int fd;

    (void)state;
    assert_int_equal(control_socket_open(path, commands, NULL, &second), -EADDRINUSE);
    fd = connect_client();
    say(fd, "ping\n", 5);
    assert_answer(fd, "{\"pong\":\"context\"}\n");
}

static void test_a_dead_socket_is_replaced(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct control_socket *second;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/dead", folder);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    assert_int_equal(control_socket_open(address.sun_path, commands, NULL, &second), 0);
    control_socket_close(second);
    assert_int_equal(access(address.sun_path, F_OK), -1);
}

static void test_another_kind_of_file_is_left_alone(void **state)
{
    struct control_socket *second;
    char name[100];
    FILE *file;

    (void)state;
    snprintf(name, sizeof(name), "%s/file", folder);
    file = fopen(name, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(control_socket_open(name, commands, NULL, &second), -EADDRINUSE);
    assert_int_equal(unlink(name), 0);
}

static void test_a_successors_socket_is_not_removed(void **state)
{
    struct control_socket *second;

    (void)state;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(control_socket_open(path, commands, NULL, &second), 0);
    control_socket_close(server);
    server = NULL;
    assert_int_equal(access(path, F_OK), 0);
    control_socket_close(second);
    assert_int_equal(access(path, F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers_a_line_with_a_document_and_closes),
        TEST(test_a_line_may_come_in_pieces),
        TEST(test_the_end_of_input_ends_the_line),
        TEST(test_an_unknown_command_is_told_what_there_is),
        TEST(test_the_forwarders_own_commands_are_told),
        TEST(test_a_nul_does_not_shorten_a_command),
        TEST(test_a_command_gets_its_words),
        TEST(test_wrong_words_are_told_what_is_allowed),
        TEST(test_words_are_as_long_as_the_line),
        TEST(test_a_command_may_take_its_connection),
        TEST(test_a_line_that_is_too_long_is_an_error),
        TEST(test_a_silent_client_is_closed_after_its_time),
        TEST(test_writing_a_little_does_not_buy_time),
        TEST(test_when_all_slots_are_taken_the_oldest_goes),
        TEST(test_the_socket_is_for_its_group_only),
        TEST(test_a_living_socket_is_not_taken_over),
        TEST(test_a_dead_socket_is_replaced),
        TEST(test_another_kind_of_file_is_left_alone),
        TEST(test_a_successors_socket_is_not_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
