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
#include "ringdns/dns.h"
#include "ringdns/limits.h"

enum rd_io_kind { RD_IO_AUTO, RD_IO_URING, RD_IO_SYSCALL };

struct rd_address_list {
    uint32_t n;
    union rd_address at[RD_MAX_LISTENERS];
};

struct rd_server_config {
    union rd_address address;
    uint8_t weight; /* 1 to RD_MAX_WEIGHT; 1 where none is given */
    uint8_t tier;   /* 0 to RD_MAX_TIER; 0 where none is given */
};

struct rd_server_list {
    uint32_t n;
    struct rd_server_config at[RD_MAX_SERVERS];
};

/* Own addresses, port 0, at most one per family. */
struct rd_host_list {
    uint32_t n;
    union rd_address at[2];
};

struct rd_route_config {
    struct rd_name suffix; /* lower case */
    uint8_t pool;          /* index into rd_config.pools */
};

struct rd_route_list {
    uint32_t n;
    struct rd_route_config at[RD_MAX_ROUTES];
};

enum rd_policy { RD_POLICY_FASTEST, RD_POLICY_ORDERED, RD_POLICY_SPREAD, RD_POLICY_HASH };
enum rd_transport { RD_TRANSPORT_AUTO, RD_TRANSPORT_TCP };
enum rd_switch { RD_SWITCH_NO, RD_SWITCH_YES, RD_SWITCH_AUTO };

enum rd_stale_mode { RD_STALE_ON_FAILURE, RD_STALE_IMMEDIATE };

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
typedef bool rd_kind_BOOL;                        /* yes | no | true | false */
typedef uint32_t rd_kind_COUNT;                   /* 1234 */
typedef uint32_t rd_kind_COUNT_AUTO;              /* a count, or auto, which is 0 */
typedef uint64_t rd_kind_BYTES;                   /* 1232, 64KiB, 4MiB, 1GiB, 64KB, 4MB, 1GB */
typedef enum rd_io_kind rd_kind_IO;               /* auto | uring | syscall */
typedef char rd_kind_TEXT[RD_TEXT_BYTES + 1];     /* printable ASCII */
typedef char rd_kind_PATH[RD_PATH_BYTES];         /* an absolute or relative path */
typedef uint64_t rd_kind_DURATION;                /* 500ms, 10s, 5m, 1h, 1d: in milliseconds */
typedef enum rd_switch rd_kind_BOOL_AUTO;         /* yes | no | auto */
typedef enum rd_policy rd_kind_POLICY;            /* fastest | ordered | spread | hash */
typedef enum rd_transport rd_kind_TRANSPORT;      /* auto | tcp */
typedef enum rd_stale_mode rd_kind_STALE_MODE;    /* on-failure | immediate */
typedef struct rd_name rd_kind_NAME;              /* probe.example. ; lower case */
typedef struct rd_server_list rd_kind_SERVERS;    /* addresses, or maps of address, weight, tier */
typedef struct rd_host_list rd_kind_HOSTS;        /* 192.0.2.1, 2001:db8::1 */
typedef struct rd_route_list rd_kind_ROUTES;      /* a map: corp.example: corp */
typedef struct rd_address_list rd_kind_ADDRESSES; /* 192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53 */
typedef struct rd_prefix_list rd_kind_PREFIXES;   /* 10.0.0.0/8, ::1 */
typedef struct rd_port_list rd_kind_PORTS;        /* 1900, 5000-5100 */

struct rd_pool_config {
    char name[RD_TEXT_BYTES + 1];
    bool from_system; /* its servers are those of /etc/resolv.conf */
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
