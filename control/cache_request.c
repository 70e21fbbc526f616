/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_request.c - reads the arguments of the commands about the cache.
 *
 * Thread: main.
 * Not here: what is a word (control_socket.c).
 */
#include "cache_request.h"

#include <stdio.h>
#include <string.h>

#include "escape.h"

static json_t *wrong_name(const char *text)
{
    char shown[96], error[320];

    escape_text(text, strlen(text), shown, sizeof(shown));
    if (strncmp(text, "--", 2) == 0)
        snprintf(error, sizeof(error),
                 "unknown option %s; there is --suffix, for cache flush alone (a name that begins "
                 "with - is written \\045...)",
                 shown);
    else
        snprintf(error, sizeof(error),
                 "%s is no name; allowed: labels of 1 to 63 bytes with dots between, 255 bytes in "
                 "all, \\DDD (decimal) for a byte that cannot be typed, . for the root",
                 shown);
    return json_pack("{s:s}", "error", error);
}

json_t *cache_request_read(const struct control_arguments *arguments, bool suffix_allowed,
                           struct cache_request *ret_request)
{
    const char *name = NULL;

    ret_request->suffix = false;
    for (unsigned i = 0; i < arguments->n; i++) {
        const char *word = arguments->at[i];

        if (suffix_allowed && strcmp(word, "--suffix") == 0)
            ret_request->suffix = true;
        else if (name)
            return json_pack("{s:s}", "error", "more than one name; allowed: one at a time");
        else
            name = word;
    }
    if (!name)
        return json_pack("{s:s}", "error", "no name; allowed: NAME, and . for the root");
    if (strncmp(name, "--", 2) == 0 || !rd_name_from_text(name, &ret_request->name))
        return wrong_name(name);
    rd_name_lower(&ret_request->name);
    return NULL;
}
