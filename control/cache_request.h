/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_request.h - which names a command about the cache is about.
 */
#ifndef RINGDNS_CONTROL_CACHE_REQUEST_H
#define RINGDNS_CONTROL_CACHE_REQUEST_H

#include <stdbool.h>

#include "control_socket.h"
#include "ringdns/dns.h"

struct cache_request {
    struct rd_name name; /* lower case */
    bool suffix;         /* and all names below it */
};

/* Reads a NAME and, in any order, --suffix where SUFFIX_ALLOWED. NULL: done. Otherwise a document
 * that says what is wrong, the caller's; *RET_REQUEST is of no use. */
json_t *cache_request_read(const struct control_arguments *arguments, bool suffix_allowed,
                           struct cache_request *ret_request);

#endif
