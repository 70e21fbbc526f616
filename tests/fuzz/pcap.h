/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap.h - the payloads of UDP datagrams and TCP segments in a capture file.
 */
#ifndef RINGDNS_TESTS_FUZZ_PCAP_H
#define RINGDNS_TESTS_FUZZ_PCAP_H

#include <stddef.h>
#include <stdint.h>

/* Calls GIVE for each payload in the LEN bytes of a capture at FILE, a TCP segment's without the
 * two bytes of a message's length. How many there were, or -1: not a capture that is understood. */
int pcap_each(const uint8_t *file, size_t len, void (*give)(const uint8_t *payload, size_t len));

#endif
