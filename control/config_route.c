/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_route.c - the kind ROUTES, and from the names of pools to their numbers.
 *
 * Thread: main.
 * Not here: suffixes from text (config_name.c), walking the map (config_entries.c), which route
 * wins (fastpath).
 */
#include "config_route.h"

#include <inttypes.h>
#include <string.h>

#include "config_kind.h"
#include "config_pool.h"
#include "config_schema.h"
#include "escape.h"

void config_routes_resolve(struct rd_config *config, const struct config_route_text *texts,
                           struct config_errors *errors)
{
    char pools[POOL_NAMES_BYTES], allowed[POOL_NAMES_BYTES + 32], key[RD_NAME_TEXT_BYTES + 8];
    char near[RD_TEXT_BYTES + 1], hint[RD_TEXT_BYTES + 16];

    snprintf(allowed, sizeof(allowed), "one of the pools %s",
             config_pool_names(config, pools, sizeof(pools)));
    for (uint32_t i = 0; i < config->routes.n; i++) {
        struct rd_route_config *route = &config->routes.at[i];
        int pool = config_pool_find(config, texts[i].pool);

        if (pool >= 0) {
            route->pool = (uint8_t)pool;
            continue;
        }
        hint[0] = '\0';
        if (config_pool_nearest(config, texts[i].pool, near))
            snprintf(hint, sizeof(hint), " (is %s meant?)", near);
        memcpy(key, "routes.", sizeof("routes."));
        rd_name_to_text(&route->suffix, key + strlen(key));
        config_errors_add(errors, &texts[i].pool_at, key, allowed, "\"%s\"%s, which is no pool",
                          texts[i].pool, hint);
    }
}

unsigned config_routes_to(const struct rd_config *config, unsigned pool)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < config->routes.n; i++)
        n += config->routes.at[i].pool == pool;
    return n;
}

void config_route_dump(const struct rd_config *config, uint32_t i, FILE *out)
{
    const struct rd_route_config *route = &config->routes.at[i];
    char text[RD_NAME_TEXT_BYTES];

    rd_name_to_text(&route->suffix, text);
    escape_yaml(text, out);
    fputs(": ", out);
    escape_yaml(config->pools[route->pool].name, out);
}

/* A text alone does not say where to: routes are a map. */
static const char *routes_parse(const struct config_option *option, const char *text, void *value,
                                char reason[CONFIG_REASON_BYTES])
{
    (void)option, (void)text, (void)value, (void)reason;
    return "no map";
}

/* For comparing; the dump writes the pool's name, which this value alone does not have. */
static void routes_print(const struct config_option *option, const void *value, uint32_t i,
                         FILE *out)
{
    const struct rd_route_config *route = &((const rd_kind_ROUTES *)value)->at[i];
    char text[RD_NAME_TEXT_BYTES];

    (void)option;
    rd_name_to_text(&route->suffix, text);
    fprintf(out, "%s %u", text, route->pool);
}

static void routes_allow(const struct config_option *option, FILE *out)
{
    (void)option;
    fputs("a map of suffixes to pools, such as { corp.example: corp, 10.0.0.0/8: corp }; a prefix "
          "stands for its reverse zone, \".\" for all names",
          out);
}

const struct config_kind config_kind_ROUTES = {routes_parse, routes_print, routes_allow,
                                               .list = true, .form = CONFIG_ROUTES};
