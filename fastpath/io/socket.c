/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket.c - opening and asking sockets, for the back ends that use the kernel's UDP.
 *
 * Shape: every option is set in one place, so that uring and syscall cannot differ.
 * Thread: see socket.h.
 * Not here: waiting, receiving, sending.
 */
#include "io/socket.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <unistd.h>

#include "io/tcp_socket.h"

/* Answers wait here while the network card is busy; a burst is a few hundred kilobytes. */
#define SEND_BUFFER_BYTES (4 << 20)
/* Strangers' datagrams between bind and connect; more than this is an attack on the port. */
#define STRANGERS_MAX 64

int socket_set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? 0 : -errno;
}

/* Beyond the system's limit where we may, up to it where we may not. */
static void set_buffer(int fd, int forced, int option, int bytes)
{
    if (socket_set(fd, SOL_SOCKET, forced, bytes) < 0)
        socket_set(fd, SOL_SOCKET, option, bytes);
}

/* A socket of the address's family that never serves the other one, and that believes no path-MTU
 * message, because those are easily forged. */
static int udp_socket(int family)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -errno;
    if (family == AF_INET6) {
        error = socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        if (error == 0)
            socket_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
    } else {
        error = socket_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
    }
    if (error < 0)
        close(fd);
    return error < 0 ? error : fd;
}

bool socket_is_wildcard(const union rd_address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
    return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

int socket_set_freebind(int fd, int family)
{
    return family == AF_INET6 ? socket_set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
                              : socket_set(fd, IPPROTO_IP, IP_FREEBIND, 1);
}

static int set_pktinfo(int fd, int family)
{
    return family == AF_INET6 ? socket_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                              : socket_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

int socket_bind(int fd, const union rd_address *address)
{
    return bind(fd, &address->any, rd_address_len(address)) == 0 ? 0 : -errno;
}

/* Binds once without SO_REUSEPORT, which fails where anyone else has the port. One at a time, or a
 * wildcard of ours would meet a specific address of ours. */
static int probe_listener(const union rd_address *address, bool freebind, const char **ret_step)
{
    int fd = udp_socket(address->any.sa_family);
    int error = fd < 0 ? fd : 0;

    *ret_step = "open a socket";
    if (error == 0 && freebind) {
        *ret_step = "set IP_FREEBIND";
        error = socket_set_freebind(fd, address->any.sa_family);
    }
    if (error == 0) {
        *ret_step = "bind";
        error = socket_bind(fd, address);
    }
    if (fd >= 0)
        close(fd);
    return error;
}

static int open_listener(const struct io_plan *plan, struct listener *listener,
                         const char **ret_step)
{
    const union rd_address *address = &listener->address;
    int family = address->any.sa_family;
    int error;

    *ret_step = "open a socket";
    listener->fd = udp_socket(family);
    if (listener->fd < 0)
        return listener->fd;
    *ret_step = "set SO_REUSEPORT";
    error = socket_set(listener->fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (error == 0 && plan->freebind) {
        *ret_step = "set IP_FREEBIND";
        error = socket_set_freebind(listener->fd, family);
    }
    if (error == 0 && listener->wildcard) {
        *ret_step = "set IP_PKTINFO";
        error = set_pktinfo(listener->fd, family);
    }
    if (error < 0)
        return error;
    set_buffer(listener->fd, SO_RCVBUFFORCE, SO_RCVBUF, (int)plan->receive_buffer_bytes);
    set_buffer(listener->fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER_BYTES);
    *ret_step = "bind";
    return socket_bind(listener->fd, address);
}

/* The number that a listener has got is the one that its TCP part wants, too. */
static int open_both(const struct io_plan *plan, int tcp_flags, struct listener *listener,
                     const char **ret_step)
{
    socklen_t len = sizeof(listener->address);
    int error = open_listener(plan, listener, ret_step);

    if (error < 0 || plan->max_streams == 0)
        return error;
    if (rd_address_port(&listener->address) == 0 &&
        getsockname(listener->fd, &listener->address.any, &len) < 0)
        return -errno;
    listener->tcp = tcp_listen(&listener->address, plan->freebind, tcp_flags, ret_step);
    return listener->tcp < 0 ? listener->tcp : 0;
}

static int probe_both(const struct io_plan *plan, const union rd_address *address,
                      const char **ret_step)
{
    int error = probe_listener(address, plan->freebind, ret_step);

    if (error < 0 || plan->max_streams == 0)
        return error;
    return tcp_probe(address, plan->freebind, ret_step);
}

int listeners_open(const struct io_plan *plan, int tcp_flags, struct listener *ret_listeners,
                   struct rd_failure *ret_failure)
{
    const char *step;
    uint32_t i;
    int error;

    for (i = 0; plan->worker == 0 && i < plan->n_listeners; i++) {
        error = probe_both(plan, &plan->listeners[i], &step);
        if (error < 0) {
            *ret_failure = (struct rd_failure){step, (int)i};
            return error;
        }
    }
    for (i = 0; i < plan->n_listeners; i++) {
        ret_listeners[i].address = plan->listeners[i];
        ret_listeners[i].tcp = -1;
        ret_listeners[i].wildcard = socket_is_wildcard(&plan->listeners[i]);
        atomic_init(&ret_listeners[i].dropped, 0);
        error = open_both(plan, tcp_flags, &ret_listeners[i], &step);
        if (error < 0) {
            listeners_close(ret_listeners, i + 1);
            *ret_failure = (struct rd_failure){step, (int)i};
            return error;
        }
    }
    return 0;
}

void listeners_close(struct listener *listeners, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (listeners[i].fd >= 0)
            close(listeners[i].fd);
        if (listeners[i].tcp >= 0)
            close(listeners[i].tcp);
        listeners[i].fd = listeners[i].tcp = -1;
    }
}

uint32_t socket_drops(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof(memory);

    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len) < 0)
        return 0;
    return memory[SK_MEMINFO_DROPS];
}

/* The kernel counts in 32 bits. Two threads may ask at once, so a count that is a little behind is
 * old news, not a full circle. */
uint64_t listeners_dropped(struct listener *listeners, uint32_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t known = atomic_load_explicit(&listeners[i].dropped, memory_order_relaxed);
        uint32_t count = socket_drops(listeners[i].fd);
        int32_t more;

        do {
            more = (int32_t)(count - (uint32_t)known);
        } while (more > 0 && !atomic_compare_exchange_weak_explicit(
                                 &listeners[i].dropped, &known, known + (uint32_t)more,
                                 memory_order_relaxed, memory_order_relaxed));
        sum += more > 0 ? known + (uint32_t)more : known;
    }
    return sum;
}

/* Between bind and connect the port took datagrams from anybody. */
static int expel_strangers(int fd)
{
    for (int i = 0; i < STRANGERS_MAX; i++)
        if (recv(fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) < 0 && errno == EAGAIN)
            return 0;
    return -EADDRINUSE;
}

int port_socket(const union rd_address *to, const union rd_address *from)
{
    int fd = udp_socket(to->any.sa_family);
    int error;

    if (fd < 0)
        return fd;
    error = socket_bind(fd, from);
    if (error == 0 && connect(fd, &to->any, rd_address_len(to)) < 0)
        error = -errno;
    if (error == 0)
        error = expel_strangers(fd);
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

size_t pktinfo_write(const union rd_address *local, uint8_t control[PKTINFO_BYTES])
{
    struct cmsghdr header = {.cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
    struct in_pktinfo v4;
    struct in6_pktinfo v6;

    if (local->any.sa_family == AF_INET6) {
        v6 = (struct in6_pktinfo){local->v6.sin6_addr, local->v6.sin6_scope_id};
        header.cmsg_level = IPPROTO_IPV6;
        header.cmsg_type = IPV6_PKTINFO;
        header.cmsg_len = CMSG_LEN(sizeof(v6));
        memcpy(control, &header, sizeof(header));
        memcpy(control + CMSG_LEN(0), &v6, sizeof(v6));
        return CMSG_SPACE(sizeof(v6));
    }
    v4 = (struct in_pktinfo){.ipi_spec_dst = local->v4.sin_addr};
    header.cmsg_len = CMSG_LEN(sizeof(v4));
    memcpy(control, &header, sizeof(header));
    memcpy(control + CMSG_LEN(0), &v4, sizeof(v4));
    return CMSG_SPACE(sizeof(v4));
}

static void local_v6(const struct cmsghdr *header, union rd_address *ret_local)
{
    struct in6_pktinfo info;

    memcpy(&info, CMSG_DATA(header), sizeof(info));
    ret_local->v6.sin6_family = AF_INET6;
    ret_local->v6.sin6_addr = info.ipi6_addr;
    /* Only a link-local address means something else on another interface. */
    if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
        ret_local->v6.sin6_scope_id = (uint32_t)info.ipi6_ifindex;
}

static void local_v4(const struct cmsghdr *header, union rd_address *ret_local)
{
    struct in_pktinfo info;

    memcpy(&info, CMSG_DATA(header), sizeof(info));
    ret_local->v4.sin_family = AF_INET;
    ret_local->v4.sin_addr = info.ipi_addr;
}

void pktinfo_read(const struct listener *listener, void *control, size_t len,
                  union rd_address *ret_local)
{
    struct msghdr msg = {.msg_control = control, .msg_controllen = len};
    struct cmsghdr *header;

    memset(ret_local, 0, sizeof(*ret_local));
    for (header = CMSG_FIRSTHDR(&msg); header != NULL; header = CMSG_NXTHDR(&msg, header)) {
        if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
            local_v6(header, ret_local);
        else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO)
            local_v4(header, ret_local);
        else
            continue;
        ret_local->v4.sin_port = listener->address.v4.sin_port;
    }
}
