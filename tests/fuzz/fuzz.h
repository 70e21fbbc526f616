/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.h - what libFuzzer calls and replay.c calls in its stead, and the slow second opinion that
 * the targets compare with.
 */
#ifndef RINGDNS_TESTS_FUZZ_H
#define RINGDNS_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program with a message when a property does not hold, in every kind of build. */
#define property(holds)                                                                            \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #holds);                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* slow.c: written from the RFCs alone and without a thought of speed; shares no code and no table
 * with fastpath/wire. */

/* The name at OFFSET, its labels copied to NAME (at least 255 bytes). The bytes it takes there
 * and its own length, or 0: malformed. Bytes at LIMIT and behind are not the name's. */
size_t slow_name(const uint8_t *data, size_t limit, size_t offset, uint8_t *name,
                 size_t *ret_name_len);

/* Bytes of the labels and pointers that make up the name at AT, which is sound. */
size_t slow_effort(const uint8_t *data, size_t at);

struct slow_message {
    size_t end[3];
    size_t opt, opt_end;
    bool signature;
    bool soa, ns; /* in authority */
};

/* Whether DATA is a message in which every byte is accounted for. */
bool slow_walk(const uint8_t *data, size_t len, struct slow_message *ret_message);

/* The RDATA from AT to END of a record of class IN and TYPE, sound by slow_walk, with its names
 * written whole; EXPANDED has room for them. The bytes. */
size_t slow_expand(unsigned type, const uint8_t *data, size_t at, size_t end, uint8_t *expanded);

/* How many options the LEN bytes at OPTIONS hold, exactly filled; -1: they overrun. */
int slow_options(const uint8_t *options, size_t len);

/* Where the content of the first option CODE of at least LEAST bytes stands in the LEN bytes at
 * OPTIONS, which are sound; its length, or -1: there is none. */
int slow_option(const uint8_t *options, size_t len, unsigned code, unsigned least,
                size_t *ret_offset);

#endif
