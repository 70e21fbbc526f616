/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tale.h - what happens in a storm, a line each, for a reader: time in seconds, who, what.
 *
 *   3600.004217330 w0 < 10.1.0.5:1059 udp id 4711 query n17.first.example A rd edns 1/0/0/1 46
 * bytes 3600.004217330 w0 > 198.51.100.1:53 udp id 60113 query n17.first.example A rd ...
 *   3600.004217330 fault LOSS
 *
 * Of one seed the tale is always the same, byte for byte. Without a reader nothing is done.
 */
#ifndef RINGDNS_TESTS_STORM_TALE_H
#define RINGDNS_TESTS_STORM_TALE_H

#include "sim/storm/storm.h"

void tale_plan(const struct storm *storm);
void tale_fault(const struct storm *storm, enum storm_fault fault);
/* WORKER received or sends MSG. */
void tale_taken(const struct storm *storm, unsigned worker, const struct io_message *msg,
                const union rd_address *from, uint32_t tag);
void tale_sent(const struct storm *storm, unsigned worker, const struct io_message *msg,
               const union rd_address *to);
/* struct sim_watch's arrive; CONTEXT is the struct storm. */
void tale_arrive(void *context, const struct sim_datagram *datagram);
/* Something else; printf-like. */
void tale_tell(const struct storm *storm, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
