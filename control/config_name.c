/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_name.c - names and reverse zones from text, with advice about the usual slips.
 *
 * Stricter than the protocol: what is valid but hardly meant (blanks, bytes above ASCII, a
 * wildcard as a suffix) is refused with the way to write it.
 * Thread: main.
 * Not here: the presentation form itself (fastpath/wire).
 */
#include "config_name.h"

#include <string.h>

#include "address.h"

const char *config_name_parse(const char *text, struct rd_name *ret_name,
                              char reason[CONFIG_REASON_BYTES])
{
    struct rd_name name = {0}; /* whole configurations are compared */

    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at > 0x7e)
            return "names are written in ASCII, others as xn--...";
        if ((unsigned char)*at <= ' ')
            return "a blank or control character inside; \\032 where a blank is meant";
    }
    if (text[0] == '.' && text[1] != '\0') {
        snprintf(reason, CONFIG_REASON_BYTES, "is %.120s meant?", text + 1);
        return reason;
    }
    if (!rd_name_from_text(text, &name))
        return "not a name: labels have 1 to 63 bytes, all together at most 255";
    rd_name_lower(&name);
    *ret_name = name;
    return NULL;
}

static void add_label(struct rd_name *name, const char *label)
{
    size_t len = strlen(label);

    name->bytes[name->len++] = (uint8_t)len;
    memcpy(name->bytes + name->len, label, len);
    name->len = (uint8_t)(name->len + len);
}

/* The name of the zone that holds a prefix's addresses; its length is a whole number of labels. */
static void reverse_name(const struct rd_prefix *prefix, bool v4, struct rd_name *ret_name)
{
    char label[4];

    memset(ret_name, 0, sizeof(*ret_name));
    if (v4) {
        for (unsigned i = prefix->bits / 8u; i > 12; i--) {
            snprintf(label, sizeof(label), "%u", prefix->bytes[i - 1]);
            add_label(ret_name, label);
        }
        add_label(ret_name, "in-addr");
    } else {
        for (unsigned i = prefix->bits / 4u; i > 0; i--) {
            uint8_t byte = prefix->bytes[(i - 1) / 2];

            snprintf(label, sizeof(label), "%x", i % 2 ? byte >> 4 : byte & 15);
            add_label(ret_name, label);
        }
        add_label(ret_name, "ip6");
    }
    add_label(ret_name, "arpa");
    ret_name->bytes[ret_name->len++] = 0;
}

static const char *prefix_suffix(const char *text, struct rd_name *ret_name,
                                 char reason[CONFIG_REASON_BYTES])
{
    char right[PREFIX_TEXT_BYTES];
    bool v4 = !strchr(text, ':');
    struct rd_prefix prefix;
    const char *wrong = prefix_parse(text, &prefix);

    if (wrong && prefix.bits != PREFIX_NONE) {
        snprintf(reason, CONFIG_REASON_BYTES, "%s: the prefix is %s", wrong,
                 prefix_format(&prefix, right));
        return reason;
    }
    if (wrong)
        return wrong;
    if (prefix.bits % (v4 ? 8 : 4) != 0)
        return v4 ? "reverse zones lie on octet boundaries: /0, /8, /16, /24 or /32"
                  : "reverse zones lie on nibble boundaries: a length that 4 divides";
    reverse_name(&prefix, v4, ret_name);
    return NULL;
}

/* Addresses alone too: no name that exists ends in digits. A name with a dot at its end is never
 * taken for a prefix, so that every name can be written. */
static bool looks_like_prefix(const char *text)
{
    const char *slash = strrchr(text, '/');
    size_t len = strlen(text);

    if (len == 0 || text[len - 1] == '.')
        return false;
    return strchr(text, ':') || strspn(text, "0123456789./") == len ||
           (slash && strspn(slash + 1, "0123456789") == strlen(slash + 1));
}

const char *config_suffix_parse(const char *text, struct rd_name *ret_name,
                                char reason[CONFIG_REASON_BYTES])
{
    struct rd_name name = {0}; /* whole configurations are compared */
    const char *wrong;

    if (looks_like_prefix(text))
        return prefix_suffix(text, ret_name, reason);
    wrong = config_name_parse(text, &name, reason);
    if (wrong)
        return wrong;
    if (name.bytes[0] == 1 && name.bytes[1] == '*') {
        snprintf(reason, CONFIG_REASON_BYTES,
                 "a suffix takes in all names below it, so no * is needed%s%.100s%s",
                 text[1] == '.' ? ": is " : "", text[1] == '.' ? text + 2 : "",
                 text[1] == '.' ? " meant?" : "");
        return reason;
    }
    *ret_name = name;
    return NULL;
}
