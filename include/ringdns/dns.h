/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns.h - the numbers of the protocol that both planes speak of (RFC 1035, 6891, 8914).
 */
#ifndef RINGDNS_DNS_H
#define RINGDNS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RD_DNS_PORT         53
#define RD_DNS_HEADER_BYTES 12
#define RD_DNS_NAME_BYTES   255 /* a whole name in wire form, the root's zero included */
#define RD_DNS_LABEL_BYTES  63
#define RD_DNS_UDP_BYTES    512 /* without EDNS */
#define RD_DNS_TCP_BYTES    65535

/* The flags word, header bytes 2 and 3 in host order. */
#define RD_DNS_QR           0x8000u
#define RD_DNS_OPCODE       0x7800u
#define RD_DNS_OPCODE_SHIFT 11
#define RD_DNS_AA           0x0400u
#define RD_DNS_TC           0x0200u
#define RD_DNS_RD           0x0100u
#define RD_DNS_RA           0x0080u
#define RD_DNS_Z            0x0040u
#define RD_DNS_AD           0x0020u
#define RD_DNS_CD           0x0010u
#define RD_DNS_RCODE        0x000fu

enum rd_dns_rcode {
    RD_NOERROR = 0,
    RD_FORMERR = 1,
    RD_SERVFAIL = 2,
    RD_NXDOMAIN = 3,
    RD_NOTIMP = 4,
    RD_REFUSED = 5,
    RD_BADVERS = 16, /* RFC 6891: its upper bits travel in the OPT record */
    RD_BADCOOKIE = 23,
};

enum rd_dns_class { RD_CLASS_IN = 1, RD_CLASS_CH = 3 };

enum rd_dns_type {
    RD_TYPE_A = 1,
    RD_TYPE_NS = 2,
    RD_TYPE_CNAME = 5,
    RD_TYPE_SOA = 6,
    RD_TYPE_PTR = 12,
    RD_TYPE_MX = 15,
    RD_TYPE_TXT = 16,
    RD_TYPE_AAAA = 28,
    RD_TYPE_SRV = 33,
    RD_TYPE_DNAME = 39,
    RD_TYPE_OPT = 41,
    RD_TYPE_DS = 43,
    RD_TYPE_SVCB = 64,
    RD_TYPE_TKEY = 249,
    RD_TYPE_TSIG = 250,
    RD_TYPE_IXFR = 251,
    RD_TYPE_AXFR = 252,
    RD_TYPE_MAILB = 253,
    RD_TYPE_MAILA = 254,
    RD_TYPE_ANY = 255,
};

/* EDNS options (RFC 6891) and the OPT record's own flag (RFC 3225). */
#define RD_EDNS_DO 0x8000u
enum rd_edns_option {
    RD_OPTION_NSID = 3,
    RD_OPTION_COOKIE = 10,
    RD_OPTION_KEEPALIVE = 11,
    RD_OPTION_EDE = 15,
};

/* Extended DNS errors that we give ourselves (RFC 8914 section 4). */
enum rd_dns_ede {
    RD_EDE_NONE = -1,
    RD_EDE_OTHER = 0,
    RD_EDE_STALE_ANSWER = 3,
    RD_EDE_DNSSEC_FIRST = 5, /* from "Indeterminate" */
    RD_EDE_DNSSEC_LAST = 12, /* to "NSEC Missing": validation failed */
    RD_EDE_CACHED_ERROR = 13,
    RD_EDE_NOT_READY = 14,
    RD_EDE_PROHIBITED = 18,
    RD_EDE_STALE_NXDOMAIN = 19,
    RD_EDE_NOT_SUPPORTED = 21,
    RD_EDE_NO_REACHABLE_AUTHORITY = 22,
    RD_EDE_NETWORK_ERROR = 23,
};

/* An uncompressed name in wire form. LEN counts the root's zero, so 1 is the root itself; bytes
 * behind LEN mean nothing. */
struct rd_name {
    uint8_t len;
    uint8_t bytes[RD_DNS_NAME_BYTES];
};

/* Room for any name in presentation form: 4 characters for each byte, dots, NUL. */
#define RD_NAME_TEXT_BYTES 1024

/* Presentation form (RFC 1035 section 5.1): dots behind labels, "." for the root, \. and \\,
 * \DDD for what is not printable ASCII, and for ( ) ; @ $ " as in a master file. NUL-terminated;
 * the length without it. TEXT has RD_NAME_TEXT_BYTES. Any thread. */
size_t rd_name_to_text(const struct rd_name *name, char *text);

/* From presentation form, with or without the closing dot; an empty text is an error, "." the root.
 * The spelling is kept. False: an empty label, a label over 63, a name over 255, \DDD over 255, or
 * a lone backslash. Any thread. */
bool rd_name_from_text(const char *text, struct rd_name *ret_name);

/* ASCII letters to lower case, in place. Any thread. */
void rd_name_lower(struct rd_name *name);

#endif
