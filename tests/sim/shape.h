/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shape.h - an upstream whose replies a test shapes: how many records, of what size, which OPT.
 */
#ifndef RINGDNS_TESTS_SIM_SHAPE_H
#define RINGDNS_TESTS_SIM_SHAPE_H

#include "sim/scene.h"

#define SHAPE_NAME "www.example.com"

/* What the reply holds; each test sets what it needs. */
struct shape {
    uint16_t flags;
    unsigned answers;    /* TXT records of record_bytes each */
    unsigned additional; /* records of the same size, of private types */
    unsigned per_set;    /* so many of them are one RRset; 0: one each */
    size_t record_bytes;
    bool opt;
    uint8_t extended_rcode;
    uint16_t option_code;
    const void *option;
    size_t option_len;
    unsigned options; /* how often */
    bool opt_first;   /* before the other additional records */
};

extern struct shape shape;

/* scene_setup with that upstream: one answer record of 20 bytes, no OPT. */
int shape_setup(void **state);

#define SHAPE_TEST(name) cmocka_unit_test_setup_teardown(name, shape_setup, scene_teardown)

#endif
