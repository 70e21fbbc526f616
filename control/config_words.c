/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_words.c - values that are one of a few words, and what is done about misspelt ones.
 *
 * All of these kinds share their functions; what tells them apart is a list of words.
 * Thread: main.
 * Not here: the names of options (config_schema.c), which use the same measure of nearness.
 */
#include <string.h>

#include "config_kind.h"
#include "config_schema.h"
#include "ringdns/config.h"

/* Edit distance (insert, delete, replace), at most 64 characters of each. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[65];
    size_t a_len = strnlen(a, 64), b_len = strnlen(b, 64);

    for (unsigned j = 0; j <= b_len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];

        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            best = best < row[j] + 1 ? best : row[j] + 1;
            row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
        }
    }
    return row[b_len];
}

unsigned config_reach(const char *text)
{
    return (unsigned)(strnlen(text, 64) + 2) / 3 + 1;
}

bool config_nearer(const char *text, const char *name, unsigned *best)
{
    size_t len = strlen(text);
    /* A word that was broken off is as near as one with a wrong letter. */
    unsigned d =
        len > 1 && strncmp(text, name, len) == 0 && name[len] != '\0' ? 1 : distance(text, name);

    if (d >= *best)
        return false;
    *best = d;
    return true;
}

/* A bool is smaller than an enum. */
static void store(const struct config_option *option, void *value, unsigned number)
{
    if (option->size == sizeof(bool))
        *(bool *)value = number != 0;
    else
        *(unsigned *)value = number;
}

static unsigned stored(const struct config_option *option, const void *value)
{
    return option->size == sizeof(bool) ? *(const bool *)value : *(const unsigned *)value;
}

static const char *words_parse(const struct config_option *option, const char *text, void *value,
                               char reason[CONFIG_REASON_BYTES])
{
    unsigned best = config_reach(text);
    const char *wrong = "";

    for (const struct config_word *word = option->kind->words; word->text; word++) {
        if (strcmp(text, word->text) == 0) {
            if (!word->hint)
                store(option, value, word->value);
            return word->hint;
        }
        if (!word->hint && config_nearer(text, word->text, &best)) {
            snprintf(reason, CONFIG_REASON_BYTES, "is %s meant?", word->text);
            wrong = reason;
        }
    }
    return wrong;
}

static void words_print(const struct config_option *option, const void *value, uint32_t i,
                        FILE *out)
{
    const struct config_word *word = option->kind->words;

    (void)i;
    while (word->value != stored(option, value))
        word++;
    fputs(word->text, out);
}

static void words_allow(const struct config_option *option, FILE *out)
{
    const struct config_word *word = option->kind->words;

    for (; word->text && !word->hint; word++) {
        bool last = !word[1].text || word[1].hint;

        fprintf(out, "%s%s", word == option->kind->words ? "" : last ? " or " : ", ", word->text);
    }
}

#define IS_MEANT(word) "is " word " meant?"

/* In each list, what is a word of ours comes first. */
static const struct config_word bool_words[] = {
    {"yes", true, NULL},       {"no", false, NULL},        {"true", true, NULL},
    {"false", false, NULL},    {"on", 0, IS_MEANT("yes")}, {"off", 0, IS_MEANT("no")},
    {"1", 0, IS_MEANT("yes")}, {"0", 0, IS_MEANT("no")},   {NULL, 0, NULL},
};

static const struct config_word switch_words[] = {
    {"auto", RD_SWITCH_AUTO, NULL}, {"yes", RD_SWITCH_YES, NULL},
    {"no", RD_SWITCH_NO, NULL},     {"true", RD_SWITCH_YES, NULL},
    {"false", RD_SWITCH_NO, NULL},  {"on", 0, IS_MEANT("yes")},
    {"off", 0, IS_MEANT("no")},     {"1", 0, IS_MEANT("yes")},
    {"0", 0, IS_MEANT("no")},       {NULL, 0, NULL},
};

static const struct config_word io_words[] = {
    {"auto", RD_IO_AUTO, NULL},         {"uring", RD_IO_URING, NULL},
    {"syscall", RD_IO_SYSCALL, NULL},   {"xdp", 0, "this version has no AF_XDP"},
    {"io_uring", 0, IS_MEANT("uring")}, {NULL, 0, NULL},
};

static const struct config_word policy_words[] = {
    {"fastest", RD_POLICY_FASTEST, NULL},
    {"ordered", RD_POLICY_ORDERED, NULL},
    {"spread", RD_POLICY_SPREAD, NULL},
    {"hash", RD_POLICY_HASH, NULL},
    {"first", 0, IS_MEANT("ordered")},
    {"failover", 0, IS_MEANT("ordered")},
    {"sequential", 0, IS_MEANT("ordered")},
    {"random", 0, IS_MEANT("spread")},
    {"round-robin", 0, IS_MEANT("spread")},
    {"weighted", 0, IS_MEANT("spread")},
    {NULL, 0, NULL},
};

static const struct config_word transport_words[] = {
    {"auto", RD_TRANSPORT_AUTO, NULL},
    {"tcp", RD_TRANSPORT_TCP, NULL},
    {"udp", 0, "auto asks by UDP first; there is no UDP alone, as some answers need TCP"},
    {"tls", 0, "this version has no TLS"},
    {"https", 0, "this version has no HTTPS"},
    {NULL, 0, NULL},
};

static const struct config_word stale_words[] = {
    {"on-failure", RD_STALE_ON_FAILURE, NULL},
    {"immediate", RD_STALE_IMMEDIATE, NULL},
    {"failure", 0, IS_MEANT("on-failure")},
    {"at-once", 0, IS_MEANT("immediate")},
    {NULL, 0, NULL},
};

#define WORDS(words_)                                                                              \
    {                                                                                              \
        words_parse, words_print, words_allow, .words = words_                                     \
    }

const struct config_kind config_kind_BOOL = WORDS(bool_words);
const struct config_kind config_kind_BOOL_AUTO = WORDS(switch_words);
const struct config_kind config_kind_IO = WORDS(io_words);
const struct config_kind config_kind_POLICY = WORDS(policy_words);
const struct config_kind config_kind_STALE_MODE = WORDS(stale_words);
const struct config_kind config_kind_TRANSPORT = WORDS(transport_words);
