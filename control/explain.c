/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain.c - turns an errno, a step and an object into advice.
 *
 * The data plane says what failed; only here is it known how an operator would mend it.
 * Thread: main.
 * Not here: errors of the configuration (config_errors.c).
 */
#include "explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "ringdns/io.h"

static const char *listener_advice(int error, unsigned port)
{
    switch (error) {
    case -EADDRINUSE:
        return "another program has this port; find it with 'ss -lunp' and stop it, or give "
               "another port with listen";
    case -EACCES:
    case -EPERM:
        return port < 1024
                   ? "no permission for a port below 1024; give the program the capability "
                     "CAP_NET_BIND_SERVICE, or lower the sysctl "
                     "net.ipv4.ip_unprivileged_port_start, or give a higher port with listen"
                   : "no permission; a security policy forbids it";
    case -EADDRNOTAVAIL:
        return "no interface of this machine has this address; correct listen, or set "
               "'freebind: yes' if the address will come later";
    case -EAFNOSUPPORT:
        return "IPv6 is switched off on this machine; take the address out of listen";
    case -EMFILE:
    case -ENFILE:
        return "no file descriptor is left; raise the limit (ulimit -n, LimitNOFILE=)";
    default:
        return NULL;
    }
}

static const char *worker_advice(int error, enum rd_io_kind io)
{
    switch (error) {
    case -ENOMEM:
        return io == RD_IO_URING
                   ? "there is not enough memory; lower in-flight.queries or workers, raise the "
                     "limit on locked memory (ulimit -l, LimitMEMLOCK=), or use --io syscall"
                   : "there is not enough memory; lower in-flight.queries or workers";
    case -EPERM:
    case -EACCES:
    case -ENOSYS:
        return io == RD_IO_URING ? "the system forbids it; use --io syscall, or allow io_uring "
                                   "(sysctl kernel.io_uring_disabled, the container's seccomp "
                                   "filter)"
                                 : "the system forbids it";
    case -EMFILE:
    case -ENFILE:
        return "no file descriptor is left; raise the limit (ulimit -n, LimitNOFILE=)";
    case -ENOSPC:
        return "all pools together have more different servers than there is room for; lower "
               "their number";
    case -EAGAIN:
        return "the limit on threads is reached (ulimit -u, TasksMax=)";
    default:
        return NULL;
    }
}

const char *explain_failure(int error, const struct rd_failure *failure,
                            const struct rd_address_list *listen, enum rd_io_kind io, char *text,
                            size_t size)
{
    bool on_listener = failure->listener >= 0 && (uint32_t)failure->listener < listen->n;
    const char *step = failure->step ? failure->step : "start";
    const char *advice;
    char address[ADDRESS_TEXT_BYTES];

    if (on_listener) {
        const union rd_address *at = &listen->at[failure->listener];

        advice = listener_advice(error, rd_address_port(at));
        snprintf(text, size, "cannot listen on %s (%s: %s)%s%s", address_format(at, address), step,
                 strerror(-error), advice ? ": " : "", advice ? advice : "");
    } else {
        advice = worker_advice(error, io);
        snprintf(text, size, "a worker with io %s could not %s (%s)%s%s", rd_io_name(io), step,
                 strerror(-error), advice ? ": " : "", advice ? advice : "");
    }
    return text;
}
