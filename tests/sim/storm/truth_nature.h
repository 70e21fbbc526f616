/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * truth_nature.h - what is true of a name for as long as a storm lasts, for truth_reply.c: what it
 * has, how much of it and how long it lives. A function of the seed, nothing is kept.
 */
#ifndef RINGDNS_TESTS_STORM_TRUTH_NATURE_H
#define RINGDNS_TESTS_STORM_TRUTH_NATURE_H

#include "sim/storm/storm.h"

#define TRUTH_LINKS 3 /* CNAMEs in a row, at most */

/* What is said at the end of the chain. */
enum truth_end {
    TRUTH_RECORDS,
    TRUTH_NO_DATA,
    TRUTH_NO_NAME,
    TRUTH_ALIAS,  /* the CNAME itself was asked for, nothing follows */
    TRUTH_FAILS,  /* nobody can find out */
    TRUTH_BOGUS,  /* whoever validates does not believe it */
    TRUTH_FOREIGN /* of another class: nothing is known */
};

struct truth_nature {
    enum truth_end end;
    unsigned zone;   /* offset in the name of what its SOA is at: one of the zones, or the root */
    unsigned links;  /* CNAMEs before the end */
    int target;      /* the last of them leads to this name of the plan; -1: to one of its own */
    unsigned n;      /* records */
    uint32_t bytes;  /* of all their text, for TXT; of each, for types that nobody knows */
    uint32_t ttl_s;  /* of all records but the last */
    uint32_t last_s; /* of that */
    uint32_t soa_s, minimum_s;
    bool signs;     /* there are RRSIGs for those who want them */
    bool validated; /* AD */
};

/* NAME is in lower case. */
void truth_nature(const struct storm *storm, const struct rd_name *name, uint16_t type,
                  struct truth_nature *ret_nature);
/* A number that BITS and SALT decide, as if it were drawn. */
uint64_t truth_mixed(uint64_t bits, uint64_t salt);

#endif
