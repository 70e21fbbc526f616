/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - what an answer needs to know of the one who asked, kept while the answer is awaited.
 */
#ifndef RINGDNS_CLIENT_H
#define RINGDNS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/io.h"
#include "wire/name.h"

struct client {
    struct io_path path;
    uint16_t id;
    uint16_t flags;         /* of the query's header, host order */
    uint16_t payload_bytes; /* its EDNS size; means nothing without edns */
    bool edns, dnssec_ok, nsid;
    bool keepalive; /* over TCP: asks how long its connection may be idle */
    struct rd_name_case spelling;
};

#endif
