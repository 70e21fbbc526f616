/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weather.h - the network of a storm: what becomes of each datagram on its way.
 */
#ifndef RINGDNS_TESTS_STORM_WEATHER_H
#define RINGDNS_TESTS_STORM_WEATHER_H

#include "sim/storm/storm.h"

/* struct sim_watch's carry; CONTEXT is the struct storm. A datagram that it changes so that its
 * question may not be answered is told to the oracle (oracle_trouble). */
void weather_carry(void *context, struct sim_datagram *datagram, uint64_t delay_ns);

#endif
