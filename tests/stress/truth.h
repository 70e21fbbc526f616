/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * truth.h - numbered names. What there is to say of one follows from its number, so an answer that
 * belongs to another question is found wherever it turns up.
 *
 * Shape: pure functions; servers tell, clients and whoever looks into the cache compare.
 */
#ifndef RINGDNS_TESTS_STRESS_TRUTH_H
#define RINGDNS_TESTS_STRESS_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringdns/dns.h"
#include "wire/cursor.h"

/* No two names have an address in common. */
#define TRUTH_ADDRESSES 512
#define TRUTH_NUMBERS   (1u << 23)

struct truth {
    enum rd_dns_rcode rcode;
    unsigned n_addresses; /* 0 with NOERROR: there are records of other types */
    uint32_t ttl_s;
};

/* Of NUMBER, below TRUTH_NUMBERS. In 32 that follow each other all cases occur. */
struct truth truth_of(uint32_t number);
void truth_name(uint32_t number, struct rd_name *ret_name);
/* The number of the name that begins at WIRE, in any spelling; false: it has none. */
bool truth_number(const uint8_t *wire, size_t len, uint32_t *ret_number);
/* Appends what NUMBER's name has for type A to ANSWER, whose header and question stand already. */
void truth_tell(uint32_t number, uint8_t *answer, struct rd_writer *writer);
/* What is wrong with an answer about NUMBER; NULL: nothing. SERVFAIL may always be, and TC=1 where
 * CUT says so. */
const char *truth_wrong(uint32_t number, const uint8_t *answer, size_t len, bool cut);

#endif
