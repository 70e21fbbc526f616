/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_pool.c - finding, making and checking pools.
 *
 * Pool 0 is always there and named default; the others stand in the file's order.
 * Thread: main.
 * Not here: a pool's options (config.def), routes (config_route.c).
 */
#include "config_pool.h"

#include <string.h>

#include "address.h"
#include "config_value.h"

static_assert(RD_MAX_POOLS <= UINT8_MAX, "a route holds a pool's number in a byte");

int config_pool_find(const struct rd_config *config, const char *name)
{
    for (uint32_t i = 0; i < config->n_pools; i++)
        if (strcmp(config->pools[i].name, name) == 0)
            return (int)i;
    return -1;
}

int config_pool_add(struct rd_config *config, const char *name)
{
    int pool = config_pool_find(config, name);

    if (pool >= 0 || config->n_pools == RD_MAX_POOLS)
        return pool;
    config_pool_defaults(&config->pools[config->n_pools], name);
    return (int)config->n_pools++;
}

bool config_pool_name_good(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";
    size_t len = strlen(name);

    return len > 0 && len <= RD_TEXT_BYTES && strspn(name, letters) == len;
}

const char *config_pool_names(const struct rd_config *config, char *buffer, size_t size)
{
    size_t used = 0;

    buffer[0] = '\0';
    for (uint32_t i = 0; i < config->n_pools && used < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 config->pools[i].name);
    return buffer;
}

const char *config_pool_nearest(const struct rd_config *config, const char *name,
                                char buffer[RD_TEXT_BYTES + 1])
{
    unsigned best = config_reach(name);
    const char *found = NULL;

    for (uint32_t i = 0; i < config->n_pools; i++)
        if (config_nearer(name, config->pools[i].name, &best))
            found = config->pools[i].name;
    if (found)
        snprintf(buffer, RD_TEXT_BYTES + 1, "%s", found);
    return found ? buffer : NULL;
}

static const char *pool_key(const struct rd_pool_config *pool, const char *option,
                            char key[CONFIG_POOL_KEY_BYTES])
{
    snprintf(key, CONFIG_POOL_KEY_BYTES, "upstreams.%s%s%s", pool->name, option ? "." : "",
             option ? option : "");
    return key;
}

void config_pools_reached(const struct rd_config *config, const struct config_given *given,
                          struct config_errors *errors)
{
    bool reached[RD_MAX_POOLS] = {true};
    char key[CONFIG_POOL_KEY_BYTES];

    for (uint32_t i = 0; i < config->routes.n; i++)
        reached[config->routes.at[i].pool] = true;
    for (uint32_t i = 0; i < config->n_pools; i++)
        if (!reached[i])
            config_errors_add(errors, &given->pools[i].at, pool_key(&config->pools[i], NULL, key),
                              "pools that routes name, and the pool default",
                              "a pool that would never be asked: no route leads to it");
}

union rd_address config_server_source(const struct rd_pool_config *pool,
                                      const union rd_address *server)
{
    for (uint32_t i = 0; i < pool->source.n; i++)
        if (pool->source.at[i].any.sa_family == server->any.sa_family)
            return pool->source.at[i];
    return (union rd_address){0};
}

static void check_sources(const struct rd_pool_config *pool, const struct config_place *place,
                          struct config_errors *errors)
{
    char key[CONFIG_POOL_KEY_BYTES], text[ADDRESS_TEXT_BYTES];

    for (uint32_t i = 0; i < pool->source.n; i++) {
        bool used = false;

        for (uint32_t k = 0; k < pool->servers.n; k++)
            used |= pool->servers.at[k].address.any.sa_family == pool->source.at[i].any.sa_family;
        if (!used)
            config_errors_add(errors, place, pool_key(pool, "source", key),
                              "addresses of a family that the pool's servers have",
                              "\"%s\", but none of its servers has an %s address",
                              address_format_host(&pool->source.at[i], text),
                              pool->source.at[i].any.sa_family == AF_INET6 ? "IPv6" : "IPv4");
    }
}

/* A server of one pool, with where its queries come from. */
struct asked {
    union rd_address server, source;
};

unsigned config_servers_count(const struct rd_config *config)
{
    static struct asked asked[RD_MAX_POOLS * RD_MAX_SERVERS];
    unsigned n = 0;

    for (uint32_t i = 0; i < config->n_pools; i++) {
        const struct rd_pool_config *pool = &config->pools[i];

        for (uint32_t k = 0; k < pool->servers.n; k++) {
            union rd_address server = pool->servers.at[k].address;
            union rd_address source = config_server_source(pool, &server);
            unsigned at = 0;

            while (at < n && (!rd_address_equal(&asked[at].server, &server) ||
                              !rd_address_equal(&asked[at].source, &source)))
                at++;
            asked[at] = (struct asked){server, source};
            n += at == n;
        }
    }
    return n;
}

void config_pools_check(const struct rd_config *config, const struct config_given *given,
                        struct config_errors *errors)
{
    const struct config_option *servers = &config_options[CONFIG_POOL_servers];
    unsigned before = errors->n, n = config_servers_count(config);
    struct config_place place = {0};
    char key[CONFIG_POOL_KEY_BYTES], allowed[64];

    for (uint32_t i = 0; i < config->n_pools; i++) {
        const struct rd_pool_config *pool = &config->pools[i];

        /* A pool that is written down says whom to ask: the system's servers are not its. */
        if (given->pools[i].at.line != 0 && pool->servers.n == 0 && !given->pools[i].servers)
            config_value_check(servers, &pool->servers, pool_key(pool, servers->key, key),
                               &given->pools[i].at, errors);
        else if (pool->servers.n > 0)
            check_sources(pool, &given->pools[i].source_at, errors);
        if (given->pools[i].at.file)
            place.file = given->pools[i].at.file;
    }
    if (errors->n > before || n <= RD_MAX_UPSTREAMS)
        return;
    snprintf(allowed, sizeof(allowed), "at most %d", RD_MAX_UPSTREAMS);
    config_errors_add(errors, &place, "upstreams", allowed,
                      "%u different servers in all pools together", n);
}
