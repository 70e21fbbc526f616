/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_kind.c - one row per KIND of config.def.
 *
 * Everything that is particular to a kind of value is here and nowhere else: a new kind is a C
 * type in ringdns/config.h, a name in config_kind.h and a row at the end of this file.
 * Thread: main.
 * Not here: positions, lists as YAML writes them, the number of entries (config_value.c).
 */
#include "config_kind.h"

#include <inttypes.h>
#include <string.h>

#include "address.h"
#include "config_schema.h"
#include "ringdns/config.h"

static const char *bool_parse(const struct config_option *option, const char *text, void *value,
                              char reason[CONFIG_REASON_BYTES])
{
    bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;

    (void)option, (void)reason;
    if (!yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
        return "";
    *(rd_kind_BOOL *)value = yes;
    return NULL;
}

static void bool_print(const void *value, uint32_t i, FILE *out)
{
    (void)i;
    fputs(*(const rd_kind_BOOL *)value ? "yes" : "no", out);
}

static void bool_allow(const struct config_option *option, FILE *out)
{
    (void)option;
    fputs("yes, no, true or false", out);
}

/* Digits at the start of TEXT; false: none, or more than 64 bits hold. */
static bool read_digits(const char *text, uint64_t *ret_number, const char **ret_rest)
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

    if (!read_digits(text, &number, &rest) || *rest != '\0')
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

static void count_print(const void *value, uint32_t i, FILE *out)
{
    (void)i;
    fprintf(out, "%" PRIu32, *(const rd_kind_COUNT *)value);
}

static void count_allow(const struct config_option *option, FILE *out)
{
    fprintf(out, "%" PRIu64 " to %" PRIu64 " %s", option->min, option->max, option->unit);
}

static const char *count_auto_parse(const struct config_option *option, const char *text,
                                    void *value, char reason[CONFIG_REASON_BYTES])
{
    if (strcmp(text, "auto") != 0)
        return count_parse(option, text, value, reason);
    *(rd_kind_COUNT_AUTO *)value = 0;
    return NULL;
}

static void count_auto_print(const void *value, uint32_t i, FILE *out)
{
    if (*(const rd_kind_COUNT_AUTO *)value == 0)
        fputs("auto", out);
    else
        count_print(value, i, out);
}

static void count_auto_allow(const struct config_option *option, FILE *out)
{
    fputs("auto, or ", out);
    count_allow(option, out);
}

/* Largest first: the printer takes the first that divides. KB, MB, GB are powers of ten. */
static const struct unit {
    const char *name;
    uint64_t bytes;
} units[] = {{"GiB", 1u << 30},
             {"GB", 1000000000},
             {"MiB", 1u << 20},
             {"MB", 1000000},
             {"KiB", 1u << 10},
             {"KB", 1000},
             {"", 1}};

static const char *bytes_parse(const struct config_option *option, const char *text, void *value,
                               char reason[CONFIG_REASON_BYTES])
{
    const struct unit *unit = units;
    const char *rest;
    uint64_t number;

    (void)reason;
    if (!read_digits(text, &number, &rest))
        return "";
    while (strcmp(rest, unit->name) != 0)
        if (*unit++->name == '\0')
            return "no unit of this name";
    if (__builtin_mul_overflow(number, unit->bytes, &number) || number > option->max)
        return "too large";
    if (number < option->min)
        return "too small";
    *(rd_kind_BYTES *)value = number;
    return NULL;
}

static void bytes_number(uint64_t number, FILE *out)
{
    const struct unit *unit = units;

    while (unit->bytes > 1 && (number == 0 || number % unit->bytes != 0))
        unit++;
    fprintf(out, "%" PRIu64 "%s", number / unit->bytes, unit->name);
}

static void bytes_print(const void *value, uint32_t i, FILE *out)
{
    (void)i;
    bytes_number(*(const rd_kind_BYTES *)value, out);
}

static void bytes_allow(const struct config_option *option, FILE *out)
{
    bytes_number(option->min, out);
    fputs(" to ", out);
    bytes_number(option->max, out);
    fputs(", a number of bytes or with KiB, MiB, GiB, KB, MB, GB", out);
}

static const char *const io_names[] = {
    [RD_IO_AUTO] = "auto", [RD_IO_URING] = "uring", [RD_IO_SYSCALL] = "syscall"};

static const char *io_parse(const struct config_option *option, const char *text, void *value,
                            char reason[CONFIG_REASON_BYTES])
{
    (void)option, (void)reason;
    for (unsigned i = 0; i < sizeof(io_names) / sizeof(io_names[0]); i++) {
        if (strcmp(text, io_names[i]) != 0)
            continue;
        *(rd_kind_IO *)value = (rd_kind_IO)i;
        return NULL;
    }
    return strcmp(text, "xdp") == 0 ? "this version has no AF_XDP" : "";
}

static void io_print(const void *value, uint32_t i, FILE *out)
{
    (void)i;
    fputs(io_names[*(const rd_kind_IO *)value], out);
}

static void io_allow(const struct config_option *option, FILE *out)
{
    (void)option;
    fputs("auto, uring or syscall", out);
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

static void text_print(const void *value, uint32_t i, FILE *out)
{
    (void)i;
    fputs(value, out);
}

static void text_allow(const struct config_option *option, FILE *out)
{
    fprintf(out, "%" PRIu64 " to %" PRIu64 " characters of printable ASCII", option->min,
            option->max);
}

static const char *addresses_parse(const struct config_option *option, const char *text,
                                   void *value, char reason[CONFIG_REASON_BYTES])
{
    rd_kind_ADDRESSES *list = value;
    union rd_address address;
    const char *wrong = address_parse(text, option->port, &address);

    (void)reason;
    if (wrong)
        return wrong;
    /* What is below a pool is sent to. */
    if (!address_is_host(&address) && (option->pool || !address_is_any(&address)))
        return "not the address of one host";
    for (uint32_t i = 0; i < list->n; i++)
        if (rd_address_equal(&address, &list->at[i]))
            return "a second time";
    list->at[list->n++] = address;
    return NULL;
}

static void addresses_print(const void *value, uint32_t i, FILE *out)
{
    char text[ADDRESS_TEXT_BYTES];

    fputs(address_format(&((const rd_kind_ADDRESSES *)value)->at[i], text), out);
}

static void addresses_allow(const struct config_option *option, FILE *out)
{
    fprintf(out,
            "an IP address, with or without a port, such as 192.0.2.1, 192.0.2.1:5353, %s"
            "2001:db8::1 or [2001:db8::1]:53",
            option->pool ? "" : "*, ");
}

static const char *prefixes_parse(const struct config_option *option, const char *text, void *value,
                                  char reason[CONFIG_REASON_BYTES])
{
    rd_kind_PREFIXES *list = value;
    char right[PREFIX_TEXT_BYTES];
    struct rd_prefix prefix;
    const char *wrong = prefix_parse(text, &prefix);

    (void)option;
    if (wrong && prefix.bits != PREFIX_NONE) {
        snprintf(reason, CONFIG_REASON_BYTES, "%s: the prefix is %s", wrong,
                 prefix_format(&prefix, right));
        return reason;
    }
    if (!wrong)
        list->at[list->n++] = prefix;
    return wrong;
}

static void prefixes_print(const void *value, uint32_t i, FILE *out)
{
    char text[PREFIX_TEXT_BYTES];

    fputs(prefix_format(&((const rd_kind_PREFIXES *)value)->at[i], text), out);
}

static void prefixes_allow(const struct config_option *option, FILE *out)
{
    (void)option;
    fputs("a prefix or an address, such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1", out);
}

static const char *ports_parse(const struct config_option *option, const char *text, void *value,
                               char reason[CONFIG_REASON_BYTES])
{
    rd_kind_PORTS *list = value;
    uint64_t first, last;
    const char *rest;

    (void)option, (void)reason;
    if (!read_digits(text, &first, &rest))
        return "";
    last = first;
    if (*rest == '-' && !read_digits(rest + 1, &last, &rest))
        return "";
    if (*rest != '\0')
        return "";
    if (first < 1 || last > 65535 || first > last)
        return "ports are 1 to 65535, the lower one first";
    list->at[list->n++] = (struct rd_port_range){(uint16_t)first, (uint16_t)last};
    return NULL;
}

static void ports_print(const void *value, uint32_t i, FILE *out)
{
    const struct rd_port_range *range = &((const rd_kind_PORTS *)value)->at[i];

    if (range->first == range->last)
        fprintf(out, "%u", range->first);
    else
        fprintf(out, "%u-%u", range->first, range->last);
}

static void ports_allow(const struct config_option *option, FILE *out)
{
    (void)option;
    fputs("a port or a range of ports, such as 1900 or 5000-5100", out);
}

/* clang-format off */
const struct config_kind config_kinds[CONFIG_KINDS] = {
    [CONFIG_KIND_BOOL]       = {bool_parse,       bool_print,       bool_allow,       false, false},
    [CONFIG_KIND_COUNT]      = {count_parse,      count_print,      count_allow,      false, false},
    [CONFIG_KIND_COUNT_AUTO] = {count_auto_parse, count_auto_print, count_auto_allow, false, false},
    [CONFIG_KIND_BYTES]      = {bytes_parse,      bytes_print,      bytes_allow,      false, false},
    [CONFIG_KIND_IO]         = {io_parse,         io_print,         io_allow,         false, false},
    [CONFIG_KIND_TEXT]       = {text_parse,       text_print,       text_allow,       false, true},
    [CONFIG_KIND_PATH]       = {text_parse,       text_print,       text_allow,       false, true},
    [CONFIG_KIND_ADDRESSES]  = {addresses_parse,  addresses_print,  addresses_allow,  true,  true},
    [CONFIG_KIND_PREFIXES]   = {prefixes_parse,   prefixes_print,   prefixes_allow,   true,  true},
    [CONFIG_KIND_PORTS]      = {ports_parse,      ports_print,      ports_allow,      true,  true},
};
/* clang-format on */
