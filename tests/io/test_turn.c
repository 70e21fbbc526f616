/* SPDX-License-Identifier: BSD-2-Clause */
/* test_turn.c - what ends a wait: traffic, a wake, the deadline; and what the probes say. */
#include "bed.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/uring.h"
#include "ringdns/io.h"

#define LONG_NS (5 * RD_NS_PER_S)
/* A turn may end early now and then (a signal, an old ring's last work); one that spins makes
 * thousands in the time of a wait. */
#define TURNS_MAX 100

static void test_deadline_ends_a_quiet_turn(void **state)
{
    struct bed bed;
    uint64_t deadline_ns;

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    deadline_ns = bed.now_ns + 3 * RD_NS_PER_MS;
    for (int turns = 0; bed.now_ns < deadline_ns; turns++) {
        assert_true(turns < TURNS_MAX);
        bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
    }
    bed_end(&bed);
}

static void test_turn_returns_boot_time(void **state)
{
    struct bed bed;
    uint64_t before_ns, after_ns;

    bed_prepare(&bed, state);
    bed_start(&bed);
    before_ns = rd_clock_now();
    bed_turn(&bed);
    after_ns = rd_clock_now();
    assert_in_range(bed.now_ns, before_ns, after_ns);
    bed_end(&bed);
}

static void test_traffic_ends_a_turn(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint64_t deadline_ns;
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    deadline_ns = bed.now_ns + LONG_NS;
    peer_send(client, &bed.listeners[0], "ask", 3);
    bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
    assert_true(bed.now_ns < deadline_ns);
    assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 1);
    bed.ops->drop(bed.io, &msg, 1);
    bed_end(&bed);
    close(client);
}

/* What recv has left behind does not sleep through the next turn. */
static void test_unread_messages_keep_a_turn_awake(void **state)
{
    struct bed bed;
    struct io_message msgs[8];
    uint64_t deadline_ns;
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    for (int i = 0; i < 8; i++)
        peer_send(client, &bed.listeners[0], "ask", 3);
    deadline_ns = bed.now_ns + LONG_NS;
    for (int i = 0; i < 8; i++) {
        bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
        assert_int_equal(bed.ops->recv(bed.io, &msgs[i], 1), 1);
    }
    assert_true(bed.now_ns < deadline_ns);
    bed.ops->drop(bed.io, msgs, 8);
    bed_end(&bed);
    close(client);
}

static void test_wake_before_the_turn_ends_it(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint64_t deadline_ns;

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    for (int round = 0; round < 10; round++) {
        deadline_ns = bed.now_ns + LONG_NS;
        for (int i = 0; i < 5; i++)
            bed.ops->wake(bed.io);
        bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
        assert_true(bed.now_ns < deadline_ns);
        assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
    }
    /* All are used up: a turn sleeps until its deadline again. */
    deadline_ns = bed.now_ns + 3 * RD_NS_PER_MS;
    for (int turns = 0; bed.now_ns < deadline_ns; turns++) {
        assert_true(turns < TURNS_MAX);
        bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
        assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
    }
    bed_end(&bed);
}

static void *ring_the_bell(void *io)
{
    ((struct io *)io)->ops->wake(io);
    return NULL;
}

static void test_wake_from_another_thread_ends_a_turn(void **state)
{
    struct bed bed;
    struct io_message msg;
    uint64_t deadline_ns;
    pthread_t other;

    bed_prepare(&bed, state);
    bed_start(&bed);
    for (int round = 0; round < 20; round++) {
        deadline_ns = bed.now_ns + LONG_NS;
        assert_int_equal(pthread_create(&other, NULL, ring_the_bell, bed.io), 0);
        bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
        assert_true(bed.now_ns < deadline_ns);
        assert_int_equal(pthread_join(other, NULL), 0);
        /* The bell may have been rung and noticed, or rung again by nobody. */
        bed_turn(&bed);
        assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
    }
    bed_end(&bed);
}

/* With every buffer out only the bell can end a turn. */
static void test_wake_ends_a_turn_without_buffers(void **state)
{
    struct bed bed;
    struct io_message msgs[5];
    uint64_t deadline_ns;
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed.plan.buffers = 4;
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    for (int i = 0; i < 8; i++)
        peer_send(client, &bed.listeners[0], "ask", 3);
    bed_receive(&bed, msgs, 4);
    for (int i = 0; i < 5; i++) {
        bed_turn(&bed);
        assert_int_equal(bed.ops->recv(bed.io, &msgs[4], 1), 0);
    }
    deadline_ns = bed.now_ns + 3 * RD_NS_PER_MS;
    for (int turns = 0; bed.now_ns < deadline_ns; turns++) {
        assert_true(turns < TURNS_MAX);
        bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
        assert_int_equal(bed.ops->recv(bed.io, &msgs[4], 1), 0);
    }
    deadline_ns = bed.now_ns + LONG_NS;
    bed.ops->wake(bed.io);
    bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
    assert_true(bed.now_ns < deadline_ns);
    bed.ops->drop(bed.io, msgs, 4);
    bed_receive(&bed, msgs, 4);
    bed.ops->drop(bed.io, msgs, 4);
    bed_end(&bed);
    close(client);
}

/* Under load the wait is for many at a time, and must end all the same. */
static void test_single_message_after_load_ends_a_turn(void **state)
{
    struct bed bed;
    struct io_message msgs[64];
    uint64_t deadline_ns;
    unsigned n;
    int client = peer_socket("127.0.0.1", 0);

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 32; i++)
            peer_send(client, &bed.listeners[0], "ask", 3);
        bed_receive(&bed, msgs, 32);
        bed.ops->drop(bed.io, msgs, 32);
    }
    peer_send(client, &bed.listeners[0], "ask", 3);
    deadline_ns = bed.now_ns + LONG_NS;
    do {
        bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
        n = bed.ops->recv(bed.io, msgs, 64);
    } while (n == 0);
    assert_int_equal(n, 1);
    assert_true(bed.now_ns < deadline_ns);
    bed.ops->drop(bed.io, msgs, 1);
    bed_end(&bed);
    close(client);
}

/* A receive that cannot be armed is tried again now and then; it neither spins nor is given up. */
static void test_receive_that_keeps_failing_does_not_spin(void **state)
{
    struct bed bed;
    struct io_message msg;
    union rd_address to, from;
    uint64_t deadline_ns;
    uint32_t port;
    int server = peer_socket("127.0.0.1", 0), kept;

    bed_prepare(&bed, state);
    bed_start(&bed);
    to = socket_address(server);
    port = bed_port(&bed, &to);
    bed_ask(&bed, port, "ask");
    bed_turn(&bed);
    from = peer_expect(server, "ask");
    /* The empty datagram ends the receive; the next one is armed on a bad descriptor. */
    kept = ((struct uring *)bed.io)->base.ports.at[port].fd;
    ((struct uring *)bed.io)->base.ports.at[port].fd = -1;
    peer_send(server, &from, "", 0);
    bed_receive(&bed, &msg, 1);
    bed.ops->drop(bed.io, &msg, 1);
    deadline_ns = bed.now_ns + 50 * RD_NS_PER_MS;
    while (bed.now_ns < deadline_ns) {
        bed.now_ns = bed.ops->turn(bed.io, deadline_ns);
        assert_int_equal(bed.ops->recv(bed.io, &msg, 1), 0);
    }
    assert_in_range(rd_stat_get(&bed.stats.io_errors), 4, 50);
    ((struct uring *)bed.io)->base.ports.at[port].fd = kept;
    peer_send(server, &from, "good", 4);
    bed_receive(&bed, &msg, 1);
    assert_text(&msg, "good");
    bed.ops->drop(bed.io, &msg, 1);
    bed_end(&bed);
    close(server);
}

static void test_probe_agrees_with_start(void **state)
{
    struct bed bed;
    char why[128] = "";

    bed_prepare(&bed, state);
    assert_int_equal(
        rd_io_probe(bed.ops == &io_uring_ops ? RD_IO_URING : RD_IO_SYSCALL, why, sizeof(why)), 0);
    bed_start(&bed); /* fails the test where it does not succeed */
    bed_end(&bed);
}

static void test_probe_of_auto_is_refused_with_a_reason(void **state)
{
    char why[128] = "";

    (void)state;
    assert_int_equal(rd_io_probe(RD_IO_AUTO, why, sizeof(why)), -EINVAL);
    assert_true(strlen(why) > 0);
}

static void test_probe_leaves_nothing_open(void **state)
{
    char why[128] = "";
    int before, after;

    (void)state;
    before = dup(0);
    rd_io_probe(RD_IO_URING, why, sizeof(why));
    rd_io_probe(RD_IO_SYSCALL, why, sizeof(why));
    after = dup(0);
    assert_int_equal(after, before + 1);
    close(before);
    close(after);
}

/* From now on this process's io_uring_setup fails with ERROR. */
static int forbid_io_uring(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0 ? -errno : 0;
}

static int forbid_descriptors(int unused)
{
    struct rlimit none = {0, 0};

    (void)unused;
    return setrlimit(RLIMIT_NOFILE, &none) < 0 ? -errno : 0;
}

/* In a child that FORBID has been done to, the probe says EXPECTED with PHRASE in its reason. */
static void assert_probe_in_child(int (*forbid)(int), int argument, int expected,
                                  const char *phrase)
{
    char why[256] = "";
    int status, result;
    pid_t child = fork();

    assert_return_code(child, errno);
    if (child == 0) {
        if (forbid(argument) < 0)
            _exit(3);
        result = rd_io_probe(RD_IO_URING, why, sizeof(why));
        _exit(result == expected ? (strstr(why, phrase) != NULL ? 0 : 2) : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_probe_names_a_filter(void **state)
{
    (void)state;
    assert_probe_in_child(forbid_io_uring, EPERM, -EPERM, "seccomp");
}

static void test_probe_names_a_kernel_without_it(void **state)
{
    (void)state;
    assert_probe_in_child(forbid_io_uring, ENOSYS, -ENOSYS, "no io_uring");
}

static void test_probe_names_an_old_kernel(void **state)
{
    (void)state;
    assert_probe_in_child(forbid_io_uring, EINVAL, -EINVAL, "6.1");
}

static void test_probe_names_the_limit_on_locked_memory(void **state)
{
    (void)state;
    assert_probe_in_child(forbid_io_uring, ENOMEM, -ENOMEM, "ulimit -l");
}

static void test_probe_names_the_limit_on_descriptors(void **state)
{
    (void)state;
    assert_probe_in_child(forbid_descriptors, 0, -EMFILE, "ulimit -n");
}

static void test_start_names_its_step_where_rings_are_forbidden(void **state)
{
    struct bed bed;
    struct rd_failure failure = {NULL, -1};
    int status;
    pid_t child;

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    child = fork();
    assert_return_code(child, errno);
    if (child == 0) {
        if (bed.ops->open(&bed.plan, &bed.io, &failure) < 0 || forbid_io_uring(EPERM) < 0)
            _exit(3);
        if (bed.ops->start(bed.io, &failure) != -EPERM)
            _exit(2);
        bed.ops->stop(bed.io);
        bed.ops->close(bed.io);
        _exit(strcmp(failure.step, "create the ring") == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(rd_io_name(RD_IO_AUTO), "auto");
    assert_string_equal(rd_io_name(RD_IO_URING), "uring");
    assert_string_equal(rd_io_name(RD_IO_SYSCALL), "syscall");
}

/* Whether a port's reply was among what one turn brought. */
static bool turn_brings_reply(struct bed *bed)
{
    struct io_message msgs[RD_BATCH];
    bool replied = false;
    unsigned n;

    bed_turn(bed);
    n = bed->ops->recv(bed->io, msgs, RD_BATCH);
    for (unsigned i = 0; i < n; i++)
        replied |= msgs[i].origin == IO_PORT;
    bed->ops->drop(bed->io, msgs, n);
    return replied;
}

/* A full batch waits at the listener before every turn, and a reply at a port. */
static void test_a_busy_listener_starves_no_port(void **state)
{
    struct bed bed;
    int client = peer_socket("127.0.0.1", 0), server = peer_socket("127.0.0.1", 0);
    union rd_address to = socket_address(server), from;
    unsigned turns = 0;
    uint32_t port;

    bed_prepare(&bed, state);
    bed_listen(&bed, "127.0.0.1", 0);
    bed_start(&bed);
    port = bed_port(&bed, &to);
    bed_ask(&bed, port, "question");
    bed_turn(&bed);
    from = peer_expect(server, "question");
    for (unsigned i = 0; i < RD_BATCH; i++)
        peer_send(client, &bed.listeners[0], "query", 5);
    peer_send(server, &from, "reply", 5);
    do {
        assert_true(turns++ < 20);
        for (unsigned i = 0; i < RD_BATCH; i++)
            peer_send(client, &bed.listeners[0], "query", 5);
    } while (!turn_brings_reply(&bed));
    bed_end(&bed);
    close(client);
    close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_BOTH(test_a_busy_listener_starves_no_port),
        BED_BOTH(test_deadline_ends_a_quiet_turn),
        BED_BOTH(test_turn_returns_boot_time),
        BED_BOTH(test_traffic_ends_a_turn),
        BED_BOTH(test_unread_messages_keep_a_turn_awake),
        BED_BOTH(test_wake_before_the_turn_ends_it),
        BED_BOTH(test_wake_from_another_thread_ends_a_turn),
        BED_BOTH(test_wake_ends_a_turn_without_buffers),
        BED_BOTH(test_single_message_after_load_ends_a_turn),
        BED_URING(test_receive_that_keeps_failing_does_not_spin),
        BED_BOTH(test_probe_agrees_with_start),
        cmocka_unit_test(test_probe_of_auto_is_refused_with_a_reason),
        cmocka_unit_test(test_probe_leaves_nothing_open),
        BED_URING(test_probe_names_a_filter),
        BED_URING(test_probe_names_a_kernel_without_it),
        BED_URING(test_probe_names_an_old_kernel),
        BED_URING(test_probe_names_the_limit_on_locked_memory),
        BED_URING(test_probe_names_the_limit_on_descriptors),
        BED_URING(test_start_names_its_step_where_rings_are_forbidden),
        cmocka_unit_test(test_names),
    };

    return bed_run("io/turn", tests, sizeof(tests) / sizeof(tests[0]));
}
