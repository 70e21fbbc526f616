/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h - the configuration as both planes hold it, generated from config.def.
 *
 * Plain memory without pointers: it is copied, compared and thrown away as a whole. The control
 * plane fills it (control/config_*.c); the data plane only reads, through a snapshot (worker.h).
 */
#ifndef RINGDNS_CONFIG_H
#define RINGDNS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "ringdns/address.h"
#include "ringdns/limits.h"

enum rd_io_kind { RD_IO_AUTO, RD_IO_URING, RD_IO_SYSCALL };

struct rd_address_list {
    uint32_t n;
    union rd_address at[RD_MAX_LISTENERS];
};
static_assert(RD_MAX_LISTENERS >= RD_MAX_SERVERS, "one list type serves both");

struct rd_prefix_list {
    uint32_t n;
    struct rd_prefix at[RD_MAX_PREFIXES];
};

/* Inclusive, host order. */
struct rd_port_range {
    uint16_t first, last;
};

struct rd_port_list {
    uint32_t n;
    struct rd_port_range at[RD_MAX_PORTRANGES];
};

/* The C type of each KIND of config.def. */
typedef bool rd_kind_BOOL;                      /* yes | no | true | false */
typedef uint32_t rd_kind_COUNT;                 /* 1234 */
typedef uint32_t rd_kind_COUNT_AUTO;            /* a count, or auto, which is 0 */
typedef uint64_t rd_kind_BYTES;                 /* 1232, 64KiB, 4MiB, 1GiB, 64KB, 4MB, 1GB */
typedef enum rd_io_kind rd_kind_IO;             /* auto | uring | syscall */
typedef char rd_kind_TEXT[RD_TEXT_BYTES + 1];   /* printable ASCII */
typedef char rd_kind_PATH[RD_PATH_BYTES];       /* an absolute or relative path */
typedef struct rd_address_list rd_kind_ADDRESSES; /* 192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53 */
typedef struct rd_prefix_list rd_kind_PREFIXES; /* 10.0.0.0/8, ::1 */
typedef struct rd_port_list rd_kind_PORTS;      /* 1900, 5000-5100 */

struct rd_pool_config {
    char name[RD_TEXT_BYTES + 1];
#define OPTION(...)
#define POOL_OPTION(key, field, kind, ...) rd_kind_##kind field;
#include "ringdns/config.def"
};

struct rd_config {
#define OPTION(key, field, kind, ...) rd_kind_##kind field;
#define POOL_OPTION(...)
#include "ringdns/config.def"
    uint32_t n_pools; /* pool 0 is "default" */
    struct rd_pool_config pools[RD_MAX_POOLS];
};

#endif
