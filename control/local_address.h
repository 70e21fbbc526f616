/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * local_address.h - which addresses lead back to this machine, and to our own listeners.
 */
#ifndef RINGDNS_CONTROL_LOCAL_ADDRESS_H
#define RINGDNS_CONTROL_LOCAL_ADDRESS_H

#include "ringdns/config.h"

/* Ports are 0. */
struct local_addresses {
    unsigned n;
    union rd_address *at;
};

/* The addresses of all interfaces. 0 or negative errno; 0: to be freed. */
int local_addresses_read(struct local_addresses *ret_local);
void local_addresses_free(struct local_addresses *local);

/* The index of the listener that a packet to SERVER would reach, -1: none of ours. */
int own_listener(const struct rd_address_list *listen, const struct local_addresses *local,
                 const union rd_address *server);

#endif
