/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_scalar.c - kinds of single values: numbers, sizes, times, texts, names.
 *
 * Thread: main.
 * Not here: positions and errors (config_value.c), words (config_words.c), lists (config_lists.c).
 */
#include <inttypes.h>
#include <string.h>

#include "config_kind.h"
#include "config_name.h"
#include "config_schema.h"
#include "ringdns/config.h"

bool config_digits(const char *text, uint64_t *ret_number, const char **ret_rest)
{
    uint64_t number = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
            return false;
    *ret_number = number;
    *ret_rest = at;
    return at != text;
}

static const char *read_number(const struct config_option *option, const char *text,
                               uint64_t *ret_number)
{
    const char *rest;
    uint64_t number;

    if (!config_digits(text, &number, &rest) || *rest != '\0')
        return "";
    if (number < option->min)
        return "too small";
    if (number > option->max)
        return "too large";
    *ret_number = number;
    return NULL;
}

static const char *count_parse(const struct config_option *option, const char *text, void *value,
                               char reason[CONFIG_REASON_BYTES])
{
    uint64_t number;
    const char *wrong = read_number(option, text, &number);

    (void)reason;
    if (!wrong)
        *(rd_kind_COUNT *)value = (rd_kind_COUNT)number;
    return wrong;
}

static void count_print(const struct config_option *option, const void *value, uint32_t i,
                        FILE *out)
{
    (void)option, (void)i;
    fprintf(out, "%" PRIu32, *(const rd_kind_COUNT *)value);
}

static void count_allow(const struct config_option *option, FILE *out)
{
    fprintf(out, "%" PRIu64 " to %" PRIu64 "%s%s", option->min, option->max,
            option->unit[0] ? " " : "", option->unit);
}

static const char *count_auto_parse(const struct config_option *option, const char *text,
                                    void *value, char reason[CONFIG_REASON_BYTES])
{
    if (strcmp(text, "auto") != 0)
        return count_parse(option, text, value, reason);
    *(rd_kind_COUNT_AUTO *)value = 0;
    return NULL;
}

static void count_auto_print(const struct config_option *option, const void *value, uint32_t i,
                             FILE *out)
{
    if (*(const rd_kind_COUNT_AUTO *)value == 0)
        fputs("auto", out);
    else
        count_print(option, value, i, out);
}

static void count_auto_allow(const struct config_option *option, FILE *out)
{
    fputs("auto, or ", out);
    count_allow(option, out);
}

/* Largest first, a factor of 1 last: the printer takes the first that divides. */
struct unit {
    const char *name;
    uint64_t factor;
};

/* KB, MB, GB are powers of ten. */
static const struct unit byte_units[] = {{"GiB", 1u << 30},
                                         {"GB", 1000000000},
                                         {"MiB", 1u << 20},
                                         {"MB", 1000000},
                                         {"KiB", 1u << 10},
                                         {"KB", 1000},
                                         {"", 1}};
static const struct unit time_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

/* A number with a unit's name behind it. */
static const char *read_units(const struct config_option *option, const struct unit *unit,
                              const char *text, uint64_t *ret_number)
{
    const char *rest;
    uint64_t number;

    if (!config_digits(text, &number, &rest))
        return "";
    while (strcmp(rest, unit->name) != 0)
        if (unit++->factor == 1)
            return rest[0] != '\0' ? "no unit of this name" : "a unit is missing";
    if (__builtin_mul_overflow(number, unit->factor, &number) || number > option->max)
        return "too large";
    if (number < option->min)
        return "too small";
    *ret_number = number;
    return NULL;
}

static void write_units(const struct unit *unit, uint64_t number, FILE *out)
{
    while (unit->factor > 1 && (number == 0 || number % unit->factor != 0))
        unit++;
    fprintf(out, "%" PRIu64 "%s", number / unit->factor, unit->name);
}

static const char *bytes_parse(const struct config_option *option, const char *text, void *value,
                               char reason[CONFIG_REASON_BYTES])
{
    (void)reason;
    return read_units(option, byte_units, text, value);
}

static void bytes_print(const struct config_option *option, const void *value, uint32_t i,
                        FILE *out)
{
    (void)option, (void)i;
    write_units(byte_units, *(const rd_kind_BYTES *)value, out);
}

static void bytes_allow(const struct config_option *option, FILE *out)
{
    write_units(byte_units, option->min, out);
    fputs(" to ", out);
    write_units(byte_units, option->max, out);
    fputs(", a number of bytes or with KiB, MiB, GiB, KB, MB, GB", out);
}

static const char *duration_parse(const struct config_option *option, const char *text, void *value,
                                  char reason[CONFIG_REASON_BYTES])
{
    (void)reason;
    return read_units(option, time_units, text, value);
}

static void duration_print(const struct config_option *option, const void *value, uint32_t i,
                           FILE *out)
{
    (void)option, (void)i;
    write_units(time_units, *(const rd_kind_DURATION *)value, out);
}

static void duration_allow(const struct config_option *option, FILE *out)
{
    write_units(time_units, option->min, out);
    fputs(" to ", out);
    write_units(time_units, option->max, out);
    fputs(", with ms, s, m, h or d", out);
}

/* Printable ASCII: it is shown in answers, logs and file names as it is. */
static const char *text_parse(const struct config_option *option, const char *text, void *value,
                              char reason[CONFIG_REASON_BYTES])
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return "not printable ASCII";
    if (len < option->min || len > option->max) {
        snprintf(reason, CONFIG_REASON_BYTES, "%zu characters", len);
        return reason;
    }
    memcpy(value, text, len + 1);
    return NULL;
}

static void text_print(const struct config_option *option, const void *value, uint32_t i, FILE *out)
{
    (void)option, (void)i;
    fputs(value, out);
}

static void text_allow(const struct config_option *option, FILE *out)
{
    fprintf(out, "%" PRIu64 " to %" PRIu64 " characters of printable ASCII", option->min,
            option->max);
}

static const char *name_parse(const struct config_option *option, const char *text, void *value,
                              char reason[CONFIG_REASON_BYTES])
{
    (void)option;
    return config_name_parse(text, value, reason);
}

static void name_print(const struct config_option *option, const void *value, uint32_t i, FILE *out)
{
    char text[RD_NAME_TEXT_BYTES];

    (void)option, (void)i;
    rd_name_to_text(value, text);
    fputs(text, out);
}

static void name_allow(const struct config_option *option, FILE *out)
{
    (void)option;
    fputs("a domain name, such as probe.example, or \".\" for the root", out);
}

const struct config_kind config_kind_COUNT = {count_parse, count_print, count_allow};
const struct config_kind config_kind_COUNT_AUTO = {count_auto_parse, count_auto_print,
                                                   count_auto_allow};
const struct config_kind config_kind_BYTES = {bytes_parse, bytes_print, bytes_allow};
const struct config_kind config_kind_DURATION = {duration_parse, duration_print, duration_allow};
const struct config_kind config_kind_TEXT = {text_parse, text_print, text_allow, .quoted = true};
const struct config_kind config_kind_PATH = {text_parse, text_print, text_allow, .quoted = true};
const struct config_kind config_kind_NAME = {name_parse, name_print, name_allow, .quoted = true};
