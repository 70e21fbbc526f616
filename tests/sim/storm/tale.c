/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tale.c - tale.h. Reads messages leniently and for itself: what is broken is told as far as it
 * goes.
 */
#include "sim/storm/tale.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>

#include "ringdns/dns.h"

#define ADDRESS_BYTES (INET6_ADDRSTRLEN + 10)

static void tell_time(const struct storm *storm)
{
    uint64_t s = storm->sim->now_ns / RD_NS_PER_S, ns = storm->sim->now_ns % RD_NS_PER_S;

    fprintf(storm->tale, "%" PRIu64 ".%09" PRIu64 " ", s, ns);
}

void tale_tell(const struct storm *storm, const char *format, ...)
{
    va_list args;

    if (!storm->tale)
        return;
    tell_time(storm);
    va_start(args, format);
    vfprintf(storm->tale, format, args);
    va_end(args);
    fputc('\n', storm->tale);
}

void tale_plan(const struct storm *storm)
{
    const struct storm_plan *plan = &storm->plan;

    if (!storm->tale)
        return;
    fprintf(storm->tale,
            "seed %" PRIu64 ": %u queries, %u workers, %u+%u upstreams, %u names, %u clients, "
            "cache of %" PRIu64 " bytes%s\n",
            storm->seed, plan->queries, plan->workers, plan->servers[0], plan->servers[1],
            plan->names, plan->clients, plan->cache_bytes, plan->calm ? ", calm" : "");
    for (unsigned i = 0; i < STORM_FAULTS; i++)
        if (plan->fault_ppm[i])
            fprintf(storm->tale, "%s %u ppm: %s\n", storm_fault_names[i], plan->fault_ppm[i],
                    storm_fault_helps[i]);
}

void tale_fault(const struct storm *storm, enum storm_fault fault)
{
    if (storm->tale)
        tale_tell(storm, "fault %s", storm_fault_names[fault]);
}

static const char *address_text(const union rd_address *address, char text[ADDRESS_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "nowhere";

    if (address->any.sa_family == AF_INET)
        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
    else if (address->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
    snprintf(text, ADDRESS_BYTES, "%s:%u", host, ntohs(address->v4.sin_port));
    return text;
}

static unsigned u16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* The name at AT, as far as it is there; where it ends. */
static size_t tell_name(FILE *tale, const uint8_t *bytes, size_t len, size_t at)
{
    while (at < len && bytes[at] != 0 && bytes[at] < 64) {
        size_t end = at + 1 + bytes[at];

        for (at++; at < end && at < len; at++)
            fputc(bytes[at] > 32 && bytes[at] < 127 ? bytes[at] : '?', tale);
        fputc('.', tale);
    }
    return at + 1;
}

static void tell_flags(FILE *tale, unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *name;
    } all[] = {{RD_DNS_AA, " aa"}, {RD_DNS_TC, " tc"}, {RD_DNS_RD, " rd"},
               {RD_DNS_RA, " ra"}, {RD_DNS_AD, " ad"}, {RD_DNS_CD, " cd"}};

    if (flags & RD_DNS_OPCODE)
        fprintf(tale, " opcode %u", (flags & RD_DNS_OPCODE) >> 11);
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (flags & all[i].flag)
            fputs(all[i].name, tale);
}

static void tell_message(FILE *tale, const uint8_t *bytes, size_t len)
{
    unsigned flags;
    size_t at;

    if (len < RD_DNS_HEADER_BYTES) {
        fprintf(tale, " %zu bytes\n", len);
        return;
    }
    flags = u16(bytes + 2);
    fprintf(tale, " id %u %s ", u16(bytes), flags & RD_DNS_QR ? "reply" : "query");
    at = tell_name(tale, bytes, len, RD_DNS_HEADER_BYTES);
    if (at + 4 <= len)
        fprintf(tale, " type %u", u16(bytes + at));
    if (flags & RD_DNS_QR)
        fprintf(tale, " rcode %u", flags & RD_DNS_RCODE);
    tell_flags(tale, flags);
    fprintf(tale, " %u/%u/%u/%u %zu bytes\n", u16(bytes + 4), u16(bytes + 6), u16(bytes + 8),
            u16(bytes + 10), len);
}

static void tell_moved(const struct storm *storm, unsigned worker, char way,
                       const struct io_message *msg, const union rd_address *peer)
{
    char text[ADDRESS_BYTES];
    bool tcp = msg->origin == IO_STREAM || (msg->origin == IO_CLIENT && msg->path.via == IO_TCP);

    tell_time(storm);
    fprintf(storm->tale, "w%u %c %s %s", worker, way, address_text(peer, text),
            tcp ? "tcp" : "udp");
    tell_message(storm->tale, msg->data, msg->len);
}

void tale_taken(const struct storm *storm, unsigned worker, const struct io_message *msg,
                const union rd_address *from, uint32_t tag)
{
    if (!storm->tale)
        return;
    if (tag != STORM_GENUINE)
        tale_tell(storm, tag == STORM_LUCKY ? "forged, with the right ID:" : "forged:");
    tell_moved(storm, worker, '<', msg, from);
}

void tale_sent(const struct storm *storm, unsigned worker, const struct io_message *msg,
               const union rd_address *to)
{
    if (storm->tale)
        tell_moved(storm, worker, '>', msg, to);
}

void tale_arrive(void *context, const struct sim_datagram *datagram)
{
    const struct storm *storm = context;
    char from[ADDRESS_BYTES], to[ADDRESS_BYTES];
    static const char *const segments[] = {"syn", "syn-ack", "data", "fin", "rst", "window"};

    tale_tell(storm, "net %s > %s %s %u bytes%s", address_text(&datagram->from, from),
              address_text(&datagram->to, to), datagram->conn ? segments[datagram->segment] : "udp",
              datagram->len, datagram->error ? ", an ICMP error" : "");
}
