/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap.c - just enough of the little-endian capture format, of four link layers and of IP to come
 * to what a DNS server would have read. Fragments and segments are taken as they are: for a
 * fuzz target any bytes will do.
 */
#include "pcap.h"

#include <endian.h>
#include <string.h>

static uint32_t le32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

/* The length of a link layer's header, by its number in the file; -1: unknown. */
static int link_bytes(uint32_t link, const uint8_t *frame, size_t len)
{
    switch (link) {
    case 0: /* loopback: an address family */
        return 4;
    case 1: /* Ethernet, with a VLAN tag perhaps */
        return len > 13 && frame[12] == 0x81 && frame[13] == 0 ? 18 : 14;
    case 10: /* FDDI, LLC, SNAP */
        return 13 + 8;
    case 101: /* raw IP */
    case 228:
        return 0;
    default:
        return -1;
    }
}

/* The length of the IP header and its protocol; 0: not IP. */
static size_t ip_bytes(const uint8_t *packet, size_t len, uint8_t *ret_protocol)
{
    size_t at = 40;

    if (len >= 20 && packet[0] >> 4 == 4) {
        *ret_protocol = packet[9];
        return (packet[0] & 0x0fu) * 4u;
    }
    if (len < at || packet[0] >> 4 != 6)
        return 0;
    *ret_protocol = packet[6];
    if (*ret_protocol == 44 && len >= at + 8) { /* a fragment's header */
        *ret_protocol = packet[at];
        at += 8;
    }
    return at;
}

/* The length of a UDP or TCP header, with a TCP message's length behind it; 0: neither. */
static size_t transport_bytes(uint8_t protocol, const uint8_t *segment, size_t len)
{
    if (protocol == 17)
        return 8;
    if (protocol == 6 && len > 12)
        return (size_t)(segment[12] >> 4) * 4 + 2;
    return 0;
}

static int give_payload(uint32_t link, const uint8_t *frame, size_t len,
                        void (*give)(const uint8_t *payload, size_t len))
{
    int skip = link_bytes(link, frame, len);
    uint8_t protocol = 0;
    size_t header;

    if (skip < 0 || len < (size_t)skip)
        return 0;
    frame += skip;
    len -= (size_t)skip;
    header = ip_bytes(frame, len, &protocol);
    if (header == 0 || header >= len)
        return 0;
    frame += header;
    len -= header;
    header = transport_bytes(protocol, frame, len);
    if (header == 0 || header >= len)
        return 0;
    give(frame + header, len - header);
    return 1;
}

int pcap_each(const uint8_t *file, size_t len, void (*give)(const uint8_t *payload, size_t len))
{
    int payloads = 0;
    size_t at = 24;

    if (len < at || le32(file) != 0xa1b2c3d4u)
        return -1;
    while (len - at >= 16) {
        size_t captured = le32(file + at + 8);

        at += 16;
        if (len - at < captured)
            break;
        payloads += give_payload(le32(file + 20), file + at, captured, give);
        at += captured;
    }
    return payloads;
}
