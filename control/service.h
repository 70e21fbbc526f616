/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service.h - the running forwarder as the main thread sees it.
 *
 * start.c makes it, loop.c runs it, reload.c changes it, answers.c tells about it.
 */
#ifndef RINGDNS_CONTROL_SERVICE_H
#define RINGDNS_CONTROL_SERVICE_H

#include "cache_dump.h"
#include "control_socket.h"
#include "options.h"
#include "resolv_watch.h"
#include "snapshot.h"
#include "supervise.h"

/* How the process ends; part of the interface (--help). */
enum exit_status { EXIT_STOPPED = 0, EXIT_TROUBLE = 1, EXIT_CONFIG = 2 };

struct service {
    const struct options *options;
    const char *resolv_path;
    struct config_given given;
    struct rd_config configured; /* as the file and the command line say */
    struct rd_config effective;  /* as the workers use it: servers filled in */
    enum rd_io_kind io;
    unsigned workers;
    struct snapshots snapshots;
    struct rd_cache *cache;
    struct rd_exchange *exchange; /* NULL: one worker */
    struct crew crew;
    struct resolv_watch watch;
    struct control_socket *control;
    struct cache_dump *dump; /* the last one, it may be under way; NULL: there was none */
    uint64_t started_ms;
    uint64_t publish_ms; /* when EFFECTIVE is to be published once more; 0: it is */
    bool collecting;     /* older snapshots wait for their last worker */
};

/* Starts everything that CONFIGURED asks for. RESOLV_PATH: where the system's servers are.
 * EXIT_STOPPED: it runs. Otherwise what is wrong was logged, and service_close is due. */
enum exit_status service_start(struct service *service, const struct options *options,
                               const struct rd_config *configured, const struct config_given *given,
                               const char *resolv_path);

/* Serves until SIGTERM, SIGINT or a failure. SIGNAL_FD: a signalfd of these and SIGHUP. */
enum exit_status service_run(struct service *service, int signal_fd);

void service_close(struct service *service);

/* Reads the configuration anew; with any error in it, everything stays as it is. */
void service_reload(struct service *service);
/* Reads the system's servers anew, where they are the ones in use. */
void service_servers_changed(struct service *service);
/* Logs what is asked besides the pool default. */
void service_log_pools(const struct service *service);
/* Gives EFFECTIVE to the workers. */
void service_publish(struct service *service);

/* The control socket's commands; their context is the service. */
extern const struct control_command service_commands[];

#endif
