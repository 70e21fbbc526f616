/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_kind.h - the kinds of values in config.def: how each is read, written and explained.
 *
 * A new kind is a C type in ringdns/config.h, a name in CONFIG_KINDS and a row in one of the files
 * config_scalar.c, config_words.c, config_lists.c, config_server.c, config_route.c.
 */
#ifndef RINGDNS_CONTROL_CONFIG_KIND_H
#define RINGDNS_CONTROL_CONFIG_KIND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_REASON_BYTES 160

struct config_option;

/* One text of a kind that knows some words; the first one of a value is how it is written. */
struct config_word {
    const char *text; /* NULL: the end of the list */
    unsigned value;
    const char *hint; /* not a word of ours: what to say to those who write it */
};

struct config_kind {
    /* Reads TEXT into VALUE; of a list: one entry, appended (there is room).
     * NULL: done. Otherwise VALUE is as before, and the result says why in half a sentence; it may
     * be "" where the text is simply none of what is allowed, and may lie in REASON. */
    const char *(*parse)(const struct config_option *option, const char *text, void *value,
                         char reason[CONFIG_REASON_BYTES]);
    /* Writes the value as one would write it in the file; of a list: entry I. */
    void (*print)(const struct config_option *option, const void *value, uint32_t i, FILE *out);
    /* Writes what is allowed; of a list: in one entry. */
    void (*allow)(const struct config_option *option, FILE *out);
    const struct config_word *words; /* where the functions are those of config_words.c */
    bool list;                       /* the value starts with uint32_t n */
    bool quoted;                     /* in YAML, its text needs quotes */
    enum { CONFIG_PLAIN, CONFIG_SERVERS, CONFIG_ROUTES } form; /* what else YAML may give */
};

#define CONFIG_KINDS(KIND)                                                                         \
    KIND(BOOL)                                                                                     \
    KIND(BOOL_AUTO)                                                                                \
    KIND(IO)                                                                                       \
    KIND(POLICY)                                                                                   \
    KIND(TRANSPORT)                                                                                \
    KIND(STALE_MODE)                                                                               \
    KIND(COUNT)                                                                                    \
    KIND(COUNT_AUTO)                                                                               \
    KIND(BYTES)                                                                                    \
    KIND(DURATION)                                                                                 \
    KIND(TEXT)                                                                                     \
    KIND(PATH)                                                                                     \
    KIND(NAME)                                                                                     \
    KIND(ADDRESSES)                                                                                \
    KIND(HOSTS)                                                                                    \
    KIND(PREFIXES)                                                                                 \
    KIND(PORTS)                                                                                    \
    KIND(SERVERS)                                                                                  \
    KIND(ROUTES)

#define CONFIG_KIND_DECLARE(name) extern const struct config_kind config_kind_##name;
CONFIG_KINDS(CONFIG_KIND_DECLARE)
#undef CONFIG_KIND_DECLARE

/* Digits at the start of TEXT; false: none, or more than 64 bits hold. */
bool config_digits(const char *text, uint64_t *ret_number, const char **ret_rest);

/* What TEXT is a misspelling of: up to a third of its letters may differ, more is another word.
 * Each candidate is offered in turn, *BEST starts as config_reach(TEXT). True: NAME is nearer than
 * all before it. */
unsigned config_reach(const char *text);
bool config_nearer(const char *text, const char *name, unsigned *best);

#endif
