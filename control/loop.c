/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.c - the main thread's life: signals, the control socket, changes of the system's servers.
 *
 * One poll() over a few descriptors; it sleeps until something happens. An order to stop goes to
 * the workers, and the loop goes on until the last of them has ended, so that the control socket
 * answers meanwhile.
 * Thread: main.
 * Not here: anything per packet.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cache_setup.h"
#include "explain.h"
#include "ringdns/log.h"
#include "service.h"
#include "stats_text.h"

enum { COLLECT_MS = 50, TEXT_BYTES = 1024 };

enum { FD_SIGNALS = CONTROL_FDS, FD_ENDED, FD_WATCH, FDS };

struct loop {
    struct service *service;
    int signal_fd;
    bool stopping;
    enum exit_status status;
};

static int sooner(int a_ms, int b_ms)
{
    if (a_ms < 0 || b_ms < 0)
        return a_ms < 0 ? b_ms : a_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

static int wait_ms(const struct service *service, uint64_t now_ms)
{
    int wait = sooner(control_socket_wait(service->control, now_ms),
                      resolv_watch_wait(&service->watch, now_ms));

    if (service->collecting)
        wait = sooner(wait, COLLECT_MS);
    if (service->publish_ms != 0)
        wait = sooner(wait, service->publish_ms > now_ms ? (int)(service->publish_ms - now_ms) : 0);
    return wait;
}

static void stop(struct loop *loop, enum exit_status status)
{
    if (status != EXIT_STOPPED)
        loop->status = status;
    if (!loop->stopping)
        crew_stop(&loop->service->crew);
    loop->stopping = true;
}

static void take_signals(struct loop *loop)
{
    struct signalfd_siginfo info;

    while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP && !loop->stopping) {
            service_reload(loop->service);
        } else if (info.ssi_signo != SIGHUP && !loop->stopping) {
            rd_log(RD_LOG_INFO, "stopping: %s", strsignal((int)info.ssi_signo));
            stop(loop, EXIT_STOPPED);
        }
    }
}

/* Whether any worker still runs. One that ends without an order takes the others with it. */
static bool take_ended(struct loop *loop)
{
    struct service *service = loop->service;
    struct rd_failure failure = {"run", -1};
    char text[TEXT_BYTES];
    int error = 0;
    unsigned running = crew_running(&service->crew, &error, &failure);

    if (running < service->crew.n && !loop->stopping) {
        rd_log(RD_LOG_ERROR, "%s",
               explain_failure(error < 0 ? error : -ECANCELED, &failure, &service->effective.listen,
                               service->io, text, sizeof(text)));
        stop(loop, EXIT_TROUBLE);
    }
    return running > 0;
}

static void tend(struct service *service, uint64_t now_ms)
{
    if (resolv_watch_due(&service->watch, now_ms))
        service_servers_changed(service);
    if (service->collecting)
        service->collecting =
            snapshots_collect(&service->snapshots, crew_generation(&service->crew));
    if (service->publish_ms != 0 && service->publish_ms <= now_ms)
        service_publish(service);
}

static void say_goodbye(const struct service *service)
{
    const struct rd_stats *stats[RD_MAX_WORKERS];
    unsigned n = service->crew.n;

    for (unsigned i = 0; i < n; i++)
        stats[i] = crew_stats(&service->crew, i);
    rd_log(RD_LOG_INFO,
           "stopped: %" PRIu64 " queries received, %" PRIu64 " answers sent, %" PRIu64
           " packets sent to upstreams, %" PRIu64 " replies accepted",
           stats_family(stats, n, "ringdns_queries_total"),
           stats_family(stats, n, "ringdns_answers_total"),
           stats_family(stats, n, "ringdns_upstream_queries_total"),
           stats_family(stats, n, "ringdns_replies_accepted_total"));
}

enum exit_status service_run(struct service *service, int signal_fd)
{
    struct loop loop = {.service = service, .signal_fd = signal_fd, .status = EXIT_STOPPED};
    struct pollfd fds[FDS];

    while (take_ended(&loop)) {
        uint64_t now_ms = machine_now_ms();

        control_socket_fds(service->control, fds);
        fds[FD_SIGNALS] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
        fds[FD_ENDED] = (struct pollfd){.fd = service->crew.ended_fd, .events = POLLIN};
        fds[FD_WATCH] = (struct pollfd){.fd = service->watch.fd, .events = POLLIN};
        if (poll(fds, FDS, wait_ms(service, now_ms)) < 0 && errno != EINTR)
            break;
        now_ms = machine_now_ms();
        if (fds[FD_WATCH].revents)
            resolv_watch_read(&service->watch, now_ms);
        if (fds[FD_SIGNALS].revents)
            take_signals(&loop);
        control_socket_serve(service->control, fds, now_ms);
        tend(service, now_ms);
    }
    crew_join(&service->crew);
    cache_dump_stop(service->dump);
    service->dump = NULL;
    cache_save(snapshots_newest(&service->snapshots), service->cache);
    say_goodbye(service);
    return loop.status;
}
